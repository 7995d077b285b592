/* SPDX-License-Identifier: MIT */
/*
 * What bounce pools say about themselves: figures, who holds the slots, and why a request failed.
 *
 * Figures are gathered area by area, so those of a busy pool may be some mappings apart. Holders
 * are told apart by their name's address; they are visited in the order of it, a handful a pass,
 * so that no memory is needed and the visitor is called without a lock. A name may go with the last
 * mapping that bears it, which cannot end under the area's lock: it is copied there.
 */
#include "swiotlb-internal.h"

#define HOLDER_BATCH 8
#define LOG_INTERVAL_NS 1000000000ULL

struct holder {
	uintptr_t owner; /* where the name was: it may be gone */
	uint64_t bytes;
	char name[XEN_SWIOTLB_OWNER_MAX];
};

static uint64_t largest_free(struct xen_swiotlb_area *area)
{
	xen_swiotlb_slots_flush(area);
	if (!area->avail)
		return 0;
	return XEN_SWIOTLB_SLOT_SIZE << (31 - __builtin_clz(area->avail));
}

bool xen_swiotlb_stats(unsigned int index, struct xen_swiotlb_stats *stats)
{
	struct xen_swiotlb_pool *pool = xen_swiotlb_pool_nr(index);
	struct xen_swiotlb_stats s = {0};
	unsigned long flags;

	if (!pool)
		return false;
	for (unsigned int a = 0; a <= pool->area_mask; a++) {
		struct xen_swiotlb_area *area = &pool->area[a];
		uint64_t largest;

		flags = xen_port_lock(&area->lock);
		largest = largest_free(area);
		s.bytes_used += area->used;
		s.bytes_high += area->used_high;
		s.maps += area->maps;
		s.bytes_mapped += area->bytes_mapped;
		xen_port_unlock(&area->lock, flags);
		if (largest > s.largest_free)
			s.largest_free = largest;
	}

	flags = xen_port_lock(&pool->lock);
	s.address_bits = pool->bits;
	s.bytes = pool->held;
	s.bytes_held_high = pool->held_high;
	s.segments = pool->segments;
	s.grown = pool->grown;
	s.shrunk = pool->shrunk;
	s.fail_too_big = pool->failed[FAIL_TOO_BIG];
	s.fail_no_placement = pool->failed[FAIL_NO_PLACEMENT];
	s.fail_full = pool->failed[FAIL_FULL];
	s.fail_no_memory = pool->failed[FAIL_NO_MEMORY];
	xen_port_unlock(&pool->lock, flags);
	*stats = s;
	return true;
}

static void copy_name(char *to, const char *name)
{
	for (unsigned int i = 0; *name && i < XEN_SWIOTLB_OWNER_MAX - 1; i++)
		*to++ = *name++;
	*to = '\0';
}

/* Note @bytes of the owner named @name in a table that keeps the lowest owners above @after;
 * *@more: not all. The area of one of its mappings is locked. */
static unsigned int note(struct holder *table, unsigned int nr, const char *name, uint64_t bytes,
			 uintptr_t after, bool *more)
{
	uintptr_t owner = (uintptr_t)name;
	unsigned int at = 0;

	if (owner <= after)
		return nr;
	while (at < nr && table[at].owner < owner)
		at++;
	if (at < nr && table[at].owner == owner) {
		table[at].bytes += bytes;
		return nr;
	}
	if (nr == HOLDER_BATCH) {
		*more = true;
		nr--;
	}
	if (at > nr)
		return HOLDER_BATCH;
	for (unsigned int i = nr; i > at; i--)
		table[i] = table[i - 1];
	table[at].owner = owner;
	table[at].bytes = bytes;
	copy_name(table[at].name, name);
	return nr + 1;
}

/* The first slot of the first live mapping that begins at slot @at or behind; NULL: none does. */
static struct xen_swiotlb_slot *next_mapping(struct xen_swiotlb_segment *seg, unsigned int at)
{
	if (!seg->used)
		return NULL;
	for (; at < swiotlb_slots_of(seg); at++)
		if (seg->slot[at].head == at && seg->slot[at].size)
			return &seg->slot[at];
	return NULL;
}

/* The next few holders behind @after, lowest first; how many. */
static unsigned int gather(struct xen_swiotlb_pool *pool, uintptr_t after, struct holder *table,
			   bool *more)
{
	unsigned int nr = 0;

	*more = false;
	for (unsigned int a = 0; a <= pool->area_mask; a++) {
		struct xen_swiotlb_area *area = &pool->area[a];
		unsigned long flags = xen_port_lock(&area->lock);
		struct xen_swiotlb_segment *seg;

		for (seg = area->segments; seg; seg = seg->next) {
			struct xen_swiotlb_slot *head = next_mapping(seg, 0);

			for (; head; head = next_mapping(seg, head->index + head->count))
				nr = note(table, nr, head->owner,
					  (uint64_t)head->count << SLOT_SHIFT, after, more);
		}
		xen_port_unlock(&area->lock, flags);
	}
	return nr;
}

static void holders(struct xen_swiotlb_pool *pool,
		    void (*visit)(const char *owner, uint64_t bytes, void *arg), void *arg)
{
	struct holder table[HOLDER_BATCH];
	uintptr_t after = 0;
	bool more = true;

	while (more) {
		unsigned int nr = gather(pool, after, table, &more);

		for (unsigned int i = 0; i < nr; i++)
			visit(table[i].name, table[i].bytes, arg);
		if (nr)
			after = table[nr - 1].owner;
	}
}

void xen_swiotlb_holders(unsigned int index,
			 void (*visit)(const char *owner, uint64_t bytes, void *arg), void *arg)
{
	struct xen_swiotlb_pool *pool = xen_swiotlb_pool_nr(index);

	if (pool)
		holders(pool, visit, arg);
}

static uint64_t mappings_of(struct xen_swiotlb_area *area, uint64_t user)
{
	unsigned long flags = xen_port_lock(&area->lock);
	struct xen_swiotlb_segment *seg;
	uint64_t nr = 0;

	for (seg = area->segments; seg; seg = seg->next) {
		struct xen_swiotlb_slot *head = next_mapping(seg, 0);

		for (; head; head = next_mapping(seg, head->index + head->count))
			nr += head->user == user;
	}
	xen_port_unlock(&area->lock, flags);
	return nr;
}

uint64_t xen_swiotlb_mappings_of(uint64_t user)
{
	struct xen_swiotlb_pool *pool;
	uint64_t nr = 0;

	for (unsigned int i = 0; (pool = xen_swiotlb_pool_nr(i)); i++)
		for (unsigned int a = 0; a <= pool->area_mask; a++)
			nr += mappings_of(&pool->area[a], user);
	return nr;
}

static void visit_top(const char *owner, uint64_t bytes, void *arg)
{
	struct holder *top = arg;

	if (bytes > top->bytes) {
		copy_name(top->name, owner);
		top->bytes = bytes;
	}
}

/* Which of the two sides has no memory, ours to hand over or the machine's to give; or Xen has it
 * and does not let this domain have it. */
static const char *no_memory(const struct xen_swiotlb_pool *pool)
{
	void *page = xen_port_alloc_pages(XEN_SWIOTLB_MIN_SEGMENT_ORDER);
	int refused = xen_load(&pool->refused);

	if (page) {
		xen_port_free_pages(page, XEN_SWIOTLB_MIN_SEGMENT_ORDER);
		if (refused)
			return refused == -XEN_EPERM
				       ? "Xen lets this domain exchange no pieces so large"
				       : "Xen refuses the exchange";
		return "no machine memory in one piece below the pool's limit of address";
	}
	page = xen_port_alloc_pages(0);
	if (!page)
		return "guest out of memory";
	xen_port_free_pages(page, 0);
	return "guest memory fragmented";
}

static const char *cause(const struct xen_swiotlb_pool *pool, const struct xen_swiotlb_stats *stats,
			 enum swiotlb_failure why, size_t size)
{
	switch (why) {
	case FAIL_TOO_BIG:
		return "larger than a segment";
	case FAIL_NO_PLACEMENT:
		return "no address satisfies the device's boundary and alignment";
	case FAIL_NO_MEMORY:
		return no_memory(pool);
	default:
		return stats->bytes - stats->bytes_used >= size ? "pool fragmented at its limit"
								: "pool full at its limit";
	}
}

/* Count it; is it time for a line? */
static bool count(struct xen_swiotlb_pool *pool, enum swiotlb_failure why)
{
	uint64_t now = xen_port_clock_ns();
	unsigned long flags = xen_port_lock(&pool->lock);
	uint64_t last = pool->logged_at[why];
	bool due = !pool->failed[why]++ || (now > last && now - last >= LOG_INTERVAL_NS);

	if (due)
		pool->logged_at[why] = now;
	xen_port_unlock(&pool->lock, flags);
	return due;
}

static unsigned int pool_index(const struct xen_swiotlb_pool *pool)
{
	unsigned int i = 0;

	while (xen_swiotlb_pool_nr(i) != pool)
		i++;
	return i;
}

void xen_swiotlb_failed(struct xen_swiotlb_pool *pool, enum swiotlb_failure why, const char *owner,
			size_t size)
{
	struct holder top = {.name = "nobody"};
	struct xen_swiotlb_stats stats;

	if (!count(pool, why))
		return;
	xen_swiotlb_stats(pool_index(pool), &stats);
	holders(pool, visit_top, &top);
	xen_port_log(XEN_LOG_ERROR,
		     "swiotlb: %s: no bounce buffer of %zu bytes: %s (%u-bit pool: %llu of %llu "
		     "bytes used, most by %s: %llu)",
		     owner, size, cause(pool, &stats, why, size), pool->bits,
		     (unsigned long long)stats.bytes_used, (unsigned long long)stats.bytes,
		     top.name, (unsigned long long)top.bytes);
}
