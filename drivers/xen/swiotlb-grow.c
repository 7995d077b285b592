/* SPDX-License-Identifier: MIT */
/*
 * Segments of bounce pools: made and unmade, outside every area lock.
 *
 * A pool doubles what it holds, within a segment's limits, and goes down in order where the
 * guest's or the machine's memory is in pieces; several small segments are then made in one
 * exchange. Pages that happen to be contiguous and low enough are taken as they are.
 *
 * A look-up takes no lock and may still hold a segment that is being released, so the descriptors
 * are recycled by size and only returned to the port by xen_swiotlb_fini().
 */
#include <xen/contiguous.h>
#include <xen/p2m.h>

#include "swiotlb-find.h"

static struct xen_swiotlb_segment *recycled[XEN_SWIOTLB_MAX_SEGMENT_ORDER + 1];
static struct xen_lock recycle_lock;

static size_t descriptor_size(unsigned int order)
{
	return sizeof(struct xen_swiotlb_segment) +
	       ((size_t)1 << (order + PAGE_SLOT_ORDER)) * sizeof(struct xen_swiotlb_slot);
}

static void put_descriptor(struct xen_swiotlb_segment *seg)
{
	unsigned long flags = xen_port_lock(&recycle_lock);

	seg->next = recycled[seg->order];
	recycled[seg->order] = seg;
	xen_port_unlock(&recycle_lock, flags);
}

static struct xen_swiotlb_segment *get_descriptor(struct xen_swiotlb_pool *pool, unsigned int order)
{
	unsigned long flags = xen_port_lock(&recycle_lock);
	struct xen_swiotlb_segment *seg = recycled[order];

	if (seg)
		recycled[order] = seg->next;
	xen_port_unlock(&recycle_lock, flags);
	if (!seg) {
		seg = xen_port_alloc(descriptor_size(order));
		if (!seg)
			return NULL;
		seg->order = (uint8_t)order;
		seg->bytes = (uint32_t)XEN_PAGE_SIZE << order;
		seg->dma = NO_SEGMENT;
	}

	seg->pool = pool;
	seg->next = NULL;
	seg->used = 0;
	seg->exchanged = false;
	seg->idle_since = xen_port_clock_ns();
	for (unsigned int i = 0; i < swiotlb_slots_of(seg); i++) {
		struct xen_swiotlb_slot *slot = &seg->slot[i];

		slot->index = (uint16_t)i;
		slot->user = 0; /* nobody's: zeroed before its first use */
		slot->dirty = SLOT_SIZE;
		slot->free_order = NOT_IN_LIST;
		xen_store(&slot->head, NO_HEAD);
	}
	return seg;
}

void xen_swiotlb_grow_fini(void)
{
	for (unsigned int order = 0; order <= XEN_SWIOTLB_MAX_SEGMENT_ORDER; order++) {
		while (recycled[order]) {
			struct xen_swiotlb_segment *seg = recycled[order];

			recycled[order] = seg->next;
			xen_port_free(seg, descriptor_size(order));
		}
	}
}

/* Reserve room below the limit for up to @nr segments; how many were granted. */
static unsigned int reserve(struct xen_swiotlb_pool *pool, unsigned int order, unsigned int nr)
{
	uint64_t size = XEN_PAGE_SIZE << order;
	unsigned long flags = xen_port_lock(&pool->lock);

	while (nr && (pool->held > xen_swiotlb_settings.max_bytes ||
		      nr * size > xen_swiotlb_settings.max_bytes - pool->held))
		nr--;
	pool->held += nr * size;
	xen_port_unlock(&pool->lock, flags);
	return nr;
}

/* Of what was reserved @made segments exist now. */
static void settle(struct xen_swiotlb_pool *pool, unsigned int order, unsigned int reserved,
		   unsigned int made)
{
	unsigned long flags = xen_port_lock(&pool->lock);

	pool->held -= (uint64_t)(reserved - made) << (order + XEN_PAGE_SHIFT);
	pool->segments += made;
	pool->grown += made;
	pool->grow_order = order;
	if (made && pool->held > pool->held_high)
		pool->held_high = pool->held;
	xen_port_unlock(&pool->lock, flags);
}

static dma_addr_t machine_address(const struct xen_swiotlb_segment *seg)
{
	return mfn_to_dma(xen_pfn_to_mfn(xen_port_virt_to_pfn(seg->va)));
}

/* Does it lie as a segment must? Its frames are contiguous. */
static bool fits(const struct xen_swiotlb_segment *seg)
{
	uint64_t last = (XEN_PAGE_SIZE << seg->order) - 1;
	dma_addr_t dma = machine_address(seg);

	return !(dma & last) && dma + last <= seg->pool->mask;
}

static bool lucky(const struct xen_swiotlb_segment *seg)
{
	return xen_pfn_range_contiguous(xen_port_virt_to_pfn(seg->va), 1ULL << seg->order) &&
	       fits(seg);
}

/* Frames, pages and descriptor of a segment that no look-up finds (any more). */
static void unmake(struct xen_swiotlb_segment *seg)
{
	/* Refused: it stays what it is, ordinary RAM of ours that happens to be contiguous. */
	if (seg->exchanged)
		xen_destroy_contiguous_region(xen_port_virt_to_pfn(seg->va), seg->order);
	xen_port_free_pages(seg->va, seg->order);
	put_descriptor(seg);
}

/* Have Xen make the segments that need it; those that it does not make are given up. */
static unsigned int exchange(struct xen_swiotlb_pool *pool, struct xen_swiotlb_segment **seg,
			     unsigned int nr, unsigned int order)
{
	unsigned int bits = pool->bits >= 64 ? XEN_ANY_ADDRESS_BITS : pool->bits;
	struct xen_swiotlb_segment *todo[GROW_BATCH];
	unsigned int nr_todo = 0, nr_good = 0, done = 0;
	pfn_t pfn[GROW_BATCH];

	for (unsigned int i = 0; i < nr; i++) {
		if (lucky(seg[i])) {
			seg[nr_good++] = seg[i];
		} else {
			pfn[nr_todo] = xen_port_virt_to_pfn(seg[i]->va);
			todo[nr_todo++] = seg[i];
		}
	}
	if (nr_todo) {
		int err = xen_contiguous_create(pfn, nr_todo, order, bits, &done);

		xen_store(&pool->refused, err == -XEN_ENOMEM ? 0 : err);
	}
	for (unsigned int i = 0; i < nr_todo; i++) {
		if (i < done) {
			todo[i]->exchanged = true;
			if (fits(todo[i])) {
				seg[nr_good++] = todo[i];
				continue;
			}
			xen_port_log(XEN_LOG_ERROR,
				     "swiotlb: Xen gave a region at %llx for %u bits",
				     (unsigned long long)machine_address(todo[i]), pool->bits);
		}
		unmake(todo[i]);
	}
	return nr_good;
}

/* Make up to @nr segments; how many there are, linked before *@list. */
static unsigned int make(struct xen_swiotlb_pool *pool, unsigned int order, unsigned int nr,
			 struct xen_swiotlb_segment **list)
{
	struct xen_swiotlb_segment *seg[GROW_BATCH];
	unsigned int n, made = 0;

	for (n = 0; n < nr; n++) {
		seg[n] = get_descriptor(pool, order);
		if (!seg[n])
			break;
		seg[n]->va = xen_port_alloc_pages(order);
		if (!seg[n]->va) {
			put_descriptor(seg[n]);
			break;
		}
	}
	n = exchange(pool, seg, n, order);

	for (unsigned int i = 0; i < n; i++) {
		if (xen_swiotlb_enter(seg[i], machine_address(seg[i]))) {
			unmake(seg[i]);
			continue;
		}
		seg[i]->next = *list;
		*list = seg[i];
		made++;
	}
	return made;
}

/* The largest order of which @bytes hold one, within a segment's limits. */
static unsigned int order_below(uint64_t bytes, unsigned int min_order)
{
	unsigned int order = 0;

	if (bytes >> XEN_PAGE_SHIFT)
		order = 63 - (unsigned int)__builtin_clzll(bytes >> XEN_PAGE_SHIFT);
	if (order > xen_swiotlb_settings.max_segment_order)
		order = xen_swiotlb_settings.max_segment_order;
	return order < min_order ? min_order : order;
}

/* The order to begin with where @want is what growth aims at: where memory is in pieces do not try
 * every order each time; but recover. */
static unsigned int first_order(struct xen_swiotlb_pool *pool, unsigned int want,
				unsigned int min_order)
{
	unsigned long flags = xen_port_lock(&pool->lock);
	unsigned int first = pool->grow_order + 1;

	xen_port_unlock(&pool->lock, flags);
	first = first < want ? first : want;
	return first < min_order ? min_order : first;
}

int xen_swiotlb_grow(struct xen_swiotlb_pool *pool, unsigned int min_order, uint64_t bytes,
		     struct xen_swiotlb_segment **list)
{
	uint64_t aim = bytes ? bytes : xen_swiotlb_held(pool);
	unsigned int want, order;
	int err = -XEN_ENOSPC;

	if (min_order < XEN_SWIOTLB_MIN_SEGMENT_ORDER)
		min_order = XEN_SWIOTLB_MIN_SEGMENT_ORDER;
	if (aim < XEN_PAGE_SIZE << FIRST_SEGMENT_ORDER)
		aim = XEN_PAGE_SIZE << FIRST_SEGMENT_ORDER;
	want = order_below(aim, min_order);
	if (!bytes) /* to double is to have one piece more */
		aim = XEN_PAGE_SIZE << want;
	for (order = first_order(pool, want, min_order) + 1; order-- > min_order;) {
		uint64_t nr = aim >> (order + XEN_PAGE_SHIFT);
		unsigned int reserved, made;

		nr = nr ? nr : 1;
		reserved = reserve(pool, order, nr < GROW_BATCH ? (unsigned int)nr : GROW_BATCH);
		if (!reserved)
			continue;
		made = make(pool, order, reserved, list);
		settle(pool, order, reserved, made);
		if (made)
			return 0;
		err = -XEN_ENOMEM;
	}
	/* The next one to ask shall not try them all again. */
	settle(pool, min_order, 0, 0);
	return err;
}

void xen_swiotlb_attach(struct xen_swiotlb_area *area, struct xen_swiotlb_segment *list)
{
	while (list) {
		struct xen_swiotlb_segment *next = list->next;

		xen_swiotlb_slots_attach(area, list);
		list = next;
	}
}

bool xen_swiotlb_release(struct xen_swiotlb_segment *seg)
{
	struct xen_swiotlb_pool *pool = seg->pool;
	unsigned int order = seg->order;
	unsigned long flags;

	if (!xen_swiotlb_leave(seg))
		return false;
	unmake(seg);

	flags = xen_port_lock(&pool->lock);
	pool->held -= XEN_PAGE_SIZE << order;
	pool->segments--;
	pool->shrunk++;
	xen_port_unlock(&pool->lock, flags);
	return true;
}
