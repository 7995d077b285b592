/* SPDX-License-Identifier: MIT */
/*
 * Bounce buffers: placing a request, copying, ending. Slots come from swiotlb-slots.c, segments
 * from swiotlb-grow.c.
 *
 * Stale data. A mapping's slots are initialised before their address is known to anybody: the
 * buffer with the original, the rest of its first and last slot with zeroes. Zeroing is left out
 * where the bytes are known to be zero: each slot remembers up to where its last mapping wrote,
 * and which device that was for. A slot that changes hands is zeroed whole, since a device may have
 * written beside its buffer.
 *
 * Copying happens outside the lock: the slots belong to the mapping by then.
 */
#include <xen/p2m.h>

#include "swiotlb-find.h"

/* Where a buffer goes in an aligned block of 2^order slots: in a register, all of it. */
struct place {
	uint16_t count;	 /* slots */
	uint16_t lead;	 /* slots of the block before them */
	uint16_t offset; /* bytes, in the first slot */
	uint8_t order;
	uint8_t ok;
};

/* Slots that are the mapping's now, and the bytes to zero in them before and behind the buffer. */
struct claim {
	struct xen_swiotlb_slot *head;
	uint16_t before, behind;
};

/* The kernel address of [orig, orig + size), all of it populated RAM; else NULL. */
static inline void *original(paddr_t orig, size_t size)
{
	uint64_t first = orig >> XEN_PAGE_SHIFT, last = (orig + size - 1) >> XEN_PAGE_SHIFT;
	pfn_t pfn = mk_pfn(first);
	char *va;

	if (orig + size - 1 < orig)
		return NULL;
	if (unlikely(!xen_p2m_populated(pfn, last - first + 1)))
		return NULL;
	va = xen_port_pfn_to_virt(pfn); /* linear over RAM: port.h */
	return va ? va + xen_page_offset(orig) : NULL;
}

/* Under limits that say where: the block is aligned to what the address must keep, at least. */
static __attribute__((noinline)) struct place place_limited(const struct xen_swiotlb_pool *pool,
							    const struct xen_dma_limits *limits,
							    paddr_t orig, size_t size)
{
	uint64_t at = orig & limits->min_align_mask, boundary = limits->boundary_mask;
	uint64_t align = (limits->min_align_mask >> SLOT_SHIFT) + 1, slots;
	struct place place = {0};

	if (boundary && size - 1 > boundary - (at & boundary))
		return place;
	place.offset = (uint16_t)(at & (SLOT_SIZE - 1));
	place.lead = (uint16_t)(at >> SLOT_SHIFT);
	place.count = (uint16_t)((place.offset + size + SLOT_SIZE - 1) >> SLOT_SHIFT);
	slots = (uint64_t)place.lead + place.count;
	place.order = (uint8_t)swiotlb_order_of(slots > align ? slots : align);
	place.ok = (SLOT_SIZE << place.order) <= pool->max_size;
	return place;
}

/* @size is no more than a segment's. */
static inline struct place place_buffer(const struct xen_swiotlb_pool *pool,
					const struct xen_dma_limits *limits, paddr_t orig,
					size_t size)
{
	uint16_t count = (uint16_t)((size + SLOT_SIZE - 1) >> SLOT_SHIFT);

	if (unlikely(limits->boundary_mask | limits->min_align_mask))
		return place_limited(pool, limits, orig, size);
	return (struct place){.count = count, .order = (uint8_t)swiotlb_order_of(count), .ok = 1};
}

/* Make @place's slots from @head on the mapping's; the area is locked. */
static inline __attribute__((always_inline)) struct claim assign(
	struct xen_swiotlb_area *area, struct xen_swiotlb_slot *head, struct place place, bool hot,
	void *orig, uint32_t size, const char *owner, uint64_t user, enum xen_dma_dir dir)
{
	struct xen_swiotlb_slot *last = head + (place.count - 1);
	uint32_t end = place.offset + size - ((uint32_t)(place.count - 1) << SLOT_SHIFT);
	struct claim c = {.head = head, .before = place.offset};

	if (user && head->user == user && head->dirty < place.offset)
		c.before = head->dirty;
	c.behind = (uint16_t)(SLOT_SIZE - end);
	if (user && last->user == user)
		c.behind = last->dirty > end ? (uint16_t)(last->dirty - end) : 0;

	if (unlikely(!hot || head->user != user)) {
		for (struct xen_swiotlb_slot *slot = head; slot != last; slot++) {
			slot->user = user;
			slot->dirty = SLOT_SIZE;
			xen_store(&slot->head, head->index);
		}
	}
	last->user = user;
	last->dirty = (uint16_t)end;
	xen_store(&last->head, head->index);

	head->orig = orig;
	head->owner = owner;
	xen_store(&head->size, size);
	xen_store(&head->offset, place.offset);
	head->count = place.count;
	head->dir = (uint8_t)dir;
	swiotlb_count_use(area, (uint64_t)place.count << SLOT_SHIFT);
	area->maps++;
	area->bytes_mapped += size;
	return c;
}

/* Take slots and make them the mapping's; the area is locked. */
static inline __attribute__((always_inline)) struct claim claim(struct xen_swiotlb_area *area,
								struct place place, void *orig,
								uint32_t size, const char *owner,
								uint64_t user, enum xen_dma_dir dir)
{
	struct xen_swiotlb_slot *head = NULL;
	bool hot;

	if (place.count == 1u << place.order)
		head = swiotlb_take_hot(area, place.order);
	hot = head;
	if (!hot)
		head = xen_swiotlb_slots_take(area, place.order, place.lead, place.count);
	if (unlikely(!head))
		return (struct claim){NULL, 0, 0};
	return assign(area, head, place, hot, orig, size, owner, user, dir);
}

/* The same, for where it is rare. */
static __attribute__((noinline)) struct claim claim_again(struct xen_swiotlb_area *area,
							  struct place place, void *orig,
							  uint32_t size, const char *owner,
							  uint64_t user, enum xen_dma_dir dir)
{
	return claim(area, place, orig, size, owner, user, dir);
}

/* For @own from @other: a segment if a whole one is free there, else no more than the slots. */
static struct claim borrow(struct xen_swiotlb_area *own, struct xen_swiotlb_area *other,
			   struct place place, void *orig, uint32_t size, const char *owner,
			   uint64_t user, enum xen_dma_dir dir)
{
	struct xen_swiotlb_area *first = own < other ? own : other;
	struct xen_swiotlb_area *second = own < other ? other : own;
	unsigned long outer = xen_port_lock(&first->lock);
	unsigned long inner = xen_port_lock(&second->lock);
	bool moved = xen_swiotlb_slots_move(other, own, place.order);
	struct claim c = claim_again(moved ? own : other, place, orig, size, owner, user, dir);

	if (moved)
		xen_store(&own->borrowed, 0);
	else if (c.head)
		xen_store(&own->borrowed, own->borrowed + 1);
	xen_port_unlock(&second->lock, inner);
	xen_port_unlock(&first->lock, outer);
	return c;
}

/* From a larger pool: by about @bytes, 0: by as much as it holds. */
static struct claim claim_new(struct xen_swiotlb_pool *pool, struct xen_swiotlb_area *own,
			      uint64_t bytes, struct place place, void *orig, uint32_t size,
			      const char *owner, uint64_t user, enum xen_dma_dir dir, int *err)
{
	unsigned int order = place.order > PAGE_SLOT_ORDER ? place.order - PAGE_SLOT_ORDER : 0;
	struct xen_swiotlb_segment *list = NULL;
	struct claim c = {NULL, 0, 0};
	unsigned long flags;

	/* Whether it succeeds or not: where memory is short it is not asked for at each request. */
	xen_store(&own->borrowed, 0);
	*err = xen_swiotlb_grow(pool, order, bytes, &list);
	if (*err)
		return c;
	/* Attach and claim in one go, or others may use it all up. */
	flags = xen_port_lock(&own->lock);
	xen_swiotlb_attach(own, list);
	c = claim_again(own, place, orig, size, owner, user, dir);
	xen_port_unlock(&own->lock, flags);
	XEN_ASSERT(c.head);
	return c;
}

/*
 * Any area, then a larger pool. A CPU that goes on living on others' slots gets a segment of its
 * own while the pool holds no more than half of what it may: sharing saves memory, and costs both
 * CPUs a lock that goes to and fro.
 */
static __attribute__((noinline)) struct claim claim_elsewhere(struct xen_swiotlb_pool *pool,
							      struct place place, void *orig,
							      uint32_t size, const char *owner,
							      uint64_t user, enum xen_dma_dir dir,
							      int *err)
{
	struct xen_swiotlb_area *own = swiotlb_own_area(pool);
	struct claim c = {NULL, 0, 0};
	unsigned long flags;

	if (xen_load(&own->borrowed) >= MANY_BORROWED &&
	    xen_swiotlb_held(pool) <= xen_swiotlb_settings.max_bytes / 2)
		c = claim_new(pool, own, 1, place, orig, size, owner, user, dir, err);
	/* A second look if the pool could not grow: somebody else may have made it grow. */
	for (unsigned int look = 0; look < 2 && !c.head; look++) {
		if (look) {
			flags = xen_port_lock(&own->lock);
			c = claim_again(own, place, orig, size, owner, user, dir);
			xen_port_unlock(&own->lock, flags);
		}
		for (unsigned int n = 1; n <= pool->area_mask && !c.head; n++)
			c = borrow(own, &pool->area[(own - pool->area + n) & pool->area_mask],
				   place, orig, size, owner, user, dir);
		if (!look && !c.head)
			c = claim_new(pool, own, 0, place, orig, size, owner, user, dir, err);
	}
	return c;
}

static __attribute__((noinline)) int failed(struct xen_swiotlb_pool *pool, const char *owner,
					    size_t size, int err)
{
	xen_swiotlb_failed(pool,
			   err == -XEN_E2BIG	? FAIL_TOO_BIG
			   : err == -XEN_EINVAL ? FAIL_NO_PLACEMENT
			   : err == -XEN_ENOSPC ? FAIL_FULL
						: FAIL_NO_MEMORY,
			   owner, size);
	return err;
}

/* Let the device have what was claimed, once there is nothing stale in it. */
static inline dma_addr_t fill(struct claim c, const void *va, size_t size)
{
	struct xen_swiotlb_segment *seg = swiotlb_segment_of(c.head);
	uint64_t offset = swiotlb_offset_of(c.head);
	char *bounce = (char *)seg->va + offset;

	if (unlikely(c.before))
		__builtin_memset(bounce - c.head->offset, 0, c.before);
	if (unlikely(c.behind))
		__builtin_memset(bounce + size, 0, c.behind);
	__builtin_memcpy(bounce, va, size);
	return seg->dma + offset;
}

int xen_swiotlb_map_single(struct xen_swiotlb_pool *pool, const struct xen_dma_limits *limits,
			   const char *owner, paddr_t orig, size_t size, enum xen_dma_dir dir,
			   dma_addr_t *dma)
{
	struct xen_swiotlb_area *area;
	struct place place;
	unsigned long flags;
	struct claim c;
	void *va;
	int err;

	owner = owner ? owner : "?";
	if (unlikely(!size || (unsigned int)dir > XEN_DMA_FROM_DEVICE))
		return -XEN_EINVAL;
	if (unlikely(size > pool->max_size))
		return failed(pool, owner, size, -XEN_E2BIG);
	place = place_buffer(pool, limits, orig, size);
	if (unlikely(!place.ok || pool->mask > limits->mask))
		return failed(pool, owner, size, -XEN_EINVAL);
	va = original(orig, size);
	if (unlikely(!va))
		return -XEN_EFAULT;

	area = swiotlb_own_area(pool);
	flags = xen_port_lock(&area->lock);
	c = claim(area, place, va, (uint32_t)size, owner, limits->user, dir);
	xen_port_unlock(&area->lock, flags);
	if (unlikely(!c.head)) {
		c = claim_elsewhere(pool, place, va, (uint32_t)size, owner, limits->user, dir,
				    &err);
		if (!c.head)
			return failed(pool, owner, size, err);
	}
	*dma = fill(c, va, size);
	return 0;
}

/* End the mapping, with a copy back if the device may have written. */
static __attribute__((noinline)) bool end_mapping(struct xen_swiotlb_segment *seg,
						  struct xen_swiotlb_slot *head, bool skip_sync)
{
	struct xen_swiotlb_area *area = seg->area; /* once the slots are free the segment may go */
	unsigned long flags;
	unsigned int count;

	if (!skip_sync && head->dir != XEN_DMA_TO_DEVICE)
		__builtin_memcpy(head->orig, (char *)seg->va + swiotlb_offset_of(head), head->size);

	flags = xen_port_lock(&area->lock);
	if (unlikely(!head->size)) {
		xen_port_unlock(&area->lock, flags);
		xen_swiotlb_misuse("unmapped twice at once", "?",
				   seg->dma + swiotlb_offset_of(head), 0);
		return false;
	}
	count = head->count;
	xen_store(&head->size, 0);
	area->used -= (uint64_t)count << SLOT_SHIFT;
	if (unlikely(!swiotlb_give_hot(area, head, count)))
		xen_swiotlb_slots_give(seg, head, count);
	xen_port_unlock(&area->lock, flags);
	return true;
}

/* An unmap that is not what the map was: nothing, or the end of what was mapped. */
static __attribute__((noinline)) bool unmap_oddly(struct xen_swiotlb_segment *seg,
						  struct xen_swiotlb_slot *head, dma_addr_t dma,
						  size_t size, bool skip_sync)
{
	uint64_t offset = dma - xen_load(&seg->dma);

	if (xen_load(&head->head) != xen_load(&head->index) || !xen_load(&head->size) ||
	    swiotlb_offset_of(head) != offset) {
		xen_swiotlb_misuse("unmap of an address that is not mapped", "?", dma, size);
		return false;
	}
	xen_swiotlb_misuse("unmap with another size or direction than map", head->owner, dma, size);
	return end_mapping(seg, head, skip_sync);
}

static inline bool unmap_in(struct xen_swiotlb_segment *seg, uint64_t offset, dma_addr_t dma,
			    size_t size, enum xen_dma_dir dir, bool skip_sync)
{
	uint64_t index = offset >> SLOT_SHIFT;
	struct xen_swiotlb_slot *head = &seg->slot[index];

	if (unlikely(xen_load(&head->head) != index || !size || xen_load(&head->size) != size ||
		     xen_load(&head->offset) != (offset & (SLOT_SIZE - 1)) || head->dir != dir))
		return unmap_oddly(seg, head, dma, size, skip_sync);
	return end_mapping(seg, head, skip_sync);
}

static __attribute__((noinline)) bool unmap_unlisted(dma_addr_t dma, size_t size,
						     enum xen_dma_dir dir, bool skip_sync)
{
	struct xen_swiotlb_segment *seg;
	uint64_t offset;

	seg = xen_swiotlb_find_unlisted(dma, &offset);
	return seg && unmap_in(seg, offset, dma, size, dir, skip_sync);
}

bool xen_swiotlb_unmap_single(dma_addr_t dma, size_t size, enum xen_dma_dir dir, bool skip_sync)
{
	struct xen_swiotlb_segment *seg;
	uint64_t offset;

	seg = swiotlb_find_listed(dma, &offset);
	if (unlikely(!seg))
		return unmap_unlisted(dma, size, dir, skip_sync);
	return unmap_in(seg, offset, dma, size, dir, skip_sync);
}

size_t xen_swiotlb_max_mapping(const struct xen_dma_limits *limits)
{
	uint64_t most = XEN_PAGE_SIZE << xen_swiotlb_settings.max_segment_order;

	while (most > xen_swiotlb_settings.max_bytes)
		most >>= 1;
	if (limits->min_align_mask >= most) /* no segment is aligned so far */
		return 0;
	if (limits->boundary_mask && limits->boundary_mask < most)
		most = limits->boundary_mask + 1;
	/* The buffer's address may have all the bits set that it must keep. */
	return (size_t)(most - (limits->min_align_mask & (most - 1)));
}
