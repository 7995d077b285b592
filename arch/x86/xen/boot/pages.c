/* SPDX-License-Identifier: MIT */
/*
 * Page allocator: binary buddies over the PFN space.
 *
 * One byte a PFN says what the page is (enum below). A block of 2^order pages starts at a PFN that
 * is a multiple of 2^order, so natural alignment needs no care. Free blocks are linked through
 * their first bytes; the state bytes guard against freeing twice, freeing with another order and a
 * list trampled on by a stray write. One lock.
 */
#include "direct.h"
#include "pages.h"

#define MAX_ORDER 10

enum page_state {
	PAGE_UNKNOWN = 0,   /* no RAM, or not told of it yet */
	PAGE_RESERVED = 1,  /* RAM in use for ever */
	PAGE_INNER = 2,	    /* inside a block, free or not */
	PAGE_TAGGED = 0x20, /* | tag: allocated singly, and tagged; tag 0: early, use unknown */
	PAGE_USED = 0x40,   /* | order: first of an allocated block */
	PAGE_FREE = 0x80,   /* | order: first of a free block */
};

struct block {
	struct block *next;  /* first: a link to it is at the page's start */
	struct block **prev; /* *prev points here */
};

static struct {
	struct xen_lock lock;
	struct block *free[MAX_ORDER + 1];
	uint8_t *state;
	uint64_t limit;
	uint64_t nr_free;
} pages;

static struct {
	uint64_t next, end, start;
} early[2];
static unsigned int nr_early;

void boot_early_add(uint64_t pfn, uint64_t nr)
{
	XEN_ASSERT(nr_early < sizeof(early) / sizeof(early[0]));
	early[nr_early].start = early[nr_early].next = pfn;
	early[nr_early].end = pfn + nr;
	nr_early++;
}

void *boot_early_alloc(uint64_t nr)
{
	unsigned int i;

	for (i = 0; i < nr_early; i++) {
		if (early[i].end - early[i].next >= nr) {
			early[i].next += nr;
			return boot_direct(early[i].next - nr);
		}
	}
	return NULL;
}

static void set_inner(uint64_t pfn, unsigned int order)
{
	if (order)
		memset(&pages.state[pfn + 1], PAGE_INNER, (1UL << order) - 1);
}

static void link_block(uint64_t pfn, unsigned int order)
{
	struct block *block = boot_direct(pfn);

	block->next = pages.free[order];
	block->prev = &pages.free[order];
	if (block->next)
		block->next->prev = &block->next;
	pages.free[order] = block;
	pages.state[pfn] = (uint8_t)(PAGE_FREE | order);
}

/* Can @p be the address of a free block, or of the link in one? */
static bool in_ram(const void *p)
{
	return (uintptr_t)p >= BOOT_DIRECT_BASE && boot_direct_pfn(p) < pages.limit &&
	       !(xen_page_offset((uintptr_t)p));
}

/* Free pages may be written by mistake: believe nothing that stands in one. */
static bool is_linked(const struct block *block, unsigned int order)
{
	return in_ram(block) && pages.state[boot_direct_pfn(block)] == (PAGE_FREE | order) &&
	       (block->prev == &pages.free[order] || in_ram(block->prev)) &&
	       *block->prev == block && (!block->next || in_ram(block->next));
}

static void unlink_block(struct block *block, unsigned int order)
{
	if (!is_linked(block, order))
		xen_port_panic("free list of order %u is broken at %p: written after free?", order,
			       (void *)block);
	*block->prev = block->next;
	if (block->next)
		block->next->prev = block->prev;
}

/* Free a block, joining it with its buddies. */
static void insert(uint64_t pfn, unsigned int order)
{
	pages.nr_free += 1UL << order;
	set_inner(pfn, order);
	for (; order < MAX_ORDER; order++) {
		uint64_t buddy = pfn ^ (1UL << order);

		if (buddy + (1UL << order) > pages.limit ||
		    pages.state[buddy] != (PAGE_FREE | order))
			break;
		unlink_block(boot_direct(buddy), order);
		pages.state[pfn | buddy] = PAGE_INNER;
		pfn &= buddy;
	}
	link_block(pfn, order);
}

void boot_pages_add(uint64_t pfn, uint64_t nr)
{
	unsigned long flags = xen_port_lock(&pages.lock);

	XEN_ASSERT(nr <= pages.limit && pfn <= pages.limit - nr);
	while (nr) {
		unsigned int order = MAX_ORDER;

		while (pfn % (1UL << order) || 1UL << order > nr)
			order--;
		insert(pfn, order);
		pfn += 1UL << order;
		nr -= 1UL << order;
	}
	xen_port_unlock(&pages.lock, flags);
}

void boot_pages_reserve(uint64_t pfn, uint64_t nr)
{
	XEN_ASSERT(nr <= pages.limit && pfn <= pages.limit - nr);
	memset(&pages.state[pfn], PAGE_RESERVED, nr);
}

void boot_pages_lend(uint64_t pfn, uint64_t nr)
{
	XEN_ASSERT(nr <= pages.limit && pfn <= pages.limit - nr);
	memset(&pages.state[pfn], PAGE_USED, nr);
}

bool boot_page_known(uint64_t pfn)
{
	return pfn < pages.limit && pages.state[pfn] != PAGE_UNKNOWN;
}

void boot_pages_init(uint8_t *state, uint64_t limit)
{
	unsigned int i;

	pages.state = state;
	pages.limit = limit;
	for (i = 0; i < nr_early; i++) {
		memset(&state[early[i].start], PAGE_TAGGED, early[i].next - early[i].start);
		boot_pages_add(early[i].next, early[i].end - early[i].next);
	}
}

void *xen_port_alloc_pages(unsigned int order)
{
	unsigned int from = order;
	unsigned long flags;
	struct block *block = NULL;
	uint64_t pfn;

	if (order > MAX_ORDER)
		return NULL;
	if (!pages.state)
		return order ? NULL : boot_early_alloc(1);
	flags = xen_port_lock(&pages.lock);
	while (from <= MAX_ORDER && !pages.free[from])
		from++;
	if (from <= MAX_ORDER) {
		block = pages.free[from];
		unlink_block(block, from);
		pfn = boot_direct_pfn(block);
		while (from > order) {
			from--;
			link_block(pfn + (1UL << from), from);
		}
		pages.state[pfn] = (uint8_t)(PAGE_USED | order);
		pages.nr_free -= 1UL << order;
	}
	xen_port_unlock(&pages.lock, flags);
	return block;
}

void xen_port_free_pages(void *va, unsigned int order)
{
	uint64_t pfn = boot_direct_pfn(va);
	unsigned long flags;

	if (!pages.state)
		return;
	if (xen_page_offset((uintptr_t)va) || pfn >= pages.limit)
		xen_port_panic("free of %p, which is no page", va);
	flags = xen_port_lock(&pages.lock);
	if (pages.state[pfn] != (PAGE_USED | order))
		xen_port_panic("free of page %p, order %u, in state 0x%x", va, order,
			       pages.state[pfn]);
	insert(pfn, order);
	xen_port_unlock(&pages.lock, flags);
}

uint64_t boot_free_pages(void)
{
	return xen_load(&pages.nr_free);
}

void boot_page_set_tag(const void *va, unsigned int tag)
{
	uint64_t pfn = boot_direct_pfn(va);

	if (pages.state && pfn < pages.limit)
		pages.state[pfn] = (uint8_t)(PAGE_TAGGED | tag);
}

unsigned int boot_page_tag(const void *va)
{
	uint64_t pfn = boot_direct_pfn(va);
	uint8_t state;

	if (!pages.state)
		return 0;
	state = pfn < pages.limit ? pages.state[pfn] : 0;
	return (state & ~(BOOT_PAGE_TAGS - 1u)) == PAGE_TAGGED ? state % BOOT_PAGE_TAGS
							       : BOOT_PAGE_TAGS;
}

pfn_t xen_port_virt_to_pfn(const void *va)
{
	return mk_pfn(boot_direct_pfn(va));
}

void *xen_port_pfn_to_virt(pfn_t pfn)
{
	uint64_t limit = pages.state ? pages.limit : boot_start_info->nr_pages;

	if (pfn_x(pfn) >= limit || (pages.state && pages.state[pfn_x(pfn)] == PAGE_UNKNOWN))
		return NULL;
	return boot_direct(pfn_x(pfn));
}
