/* SPDX-License-Identifier: MIT */
/*
 * Bounce buffers: placing a request, copying, syncing, ending. Slots come from swiotlb-slots.c,
 * segments from swiotlb-grow.c.
 *
 * Stale data. A mapping's slots are initialised before their address is known to anybody: the
 * buffer with the original, the rest of its first and last slot with zeroes. Zeroing is left out
 * where the bytes are known to be zero: each slot remembers up to where its last mapping wrote,
 * and whose that was. A slot that changes hands is zeroed whole, since a device may have written
 * beside its buffer.
 *
 * Copying happens outside the lock: the slots belong to the mapping by then.
 */
#include <xen/p2m.h>
#include <xen/ranges.h>

#include "swiotlb-internal.h"

/* Bits of the original address that the bounce buffer must keep, as an offset into its block. */
static inline uint64_t kept_bits(const struct xen_dma_limits *limits, paddr_t orig)
{
	return orig & limits->min_align_mask;
}

/* The kernel address of [orig, orig + size), all of it populated RAM; else NULL. */
static void *original(paddr_t orig, size_t size)
{
	uint64_t pfn = orig >> XEN_PAGE_SHIFT, last = (orig + size - 1) >> XEN_PAGE_SHIFT;
	char *va;

	if (orig + size - 1 < orig)
		return NULL;
	for (uint64_t p = pfn; p <= last; p++)
		if (xen_p2m_entry(mk_pfn(p)) == XEN_INVALID_FRAME)
			return NULL;
	va = xen_port_pfn_to_virt(mk_pfn(pfn)); /* linear over RAM: port.h */
	return va ? va + xen_page_offset(orig) : NULL;
}

static unsigned int max_slot_order(void)
{
	return xen_swiotlb_settings.max_segment_order + PAGE_SLOT_ORDER;
}

/* Where in an aligned block of which order the buffer must lie. 0 or why there is no such place. */
static int place(struct xen_swiotlb_pool *pool, const struct xen_dma_limits *limits, paddr_t orig,
		 size_t size, struct swiotlb_request *req)
{
	uint64_t at = kept_bits(limits, orig), align = (limits->min_align_mask >> SLOT_SHIFT) + 1;
	uint64_t boundary = limits->boundary_mask, slots;
	unsigned int order;

	if (size > XEN_SWIOTLB_SLOT_SIZE << max_slot_order())
		return -XEN_E2BIG;
	if (boundary && size - 1 > boundary - (at & boundary))
		return -XEN_EINVAL;
	req->offset = (uint16_t)(at & (SLOT_SIZE - 1));
	req->lead = (uint16_t)(at >> SLOT_SHIFT);
	req->count = (uint16_t)((req->offset + size + SLOT_SIZE - 1) >> SLOT_SHIFT);
	slots = (uint64_t)req->lead + req->count;
	order = swiotlb_order_of(slots > align ? slots : align);
	if (order > max_slot_order() || pool->mask > limits->mask)
		return -XEN_EINVAL;
	req->order = (uint8_t)order;
	req->size = (uint32_t)size;
	return 0;
}

/* Take slots and make them the mapping's; the area is locked. */
static struct xen_swiotlb_slot *claim(struct xen_swiotlb_area *area, struct swiotlb_request *req)
{
	struct xen_swiotlb_slot *head, *last;
	uint32_t end;

	head = xen_swiotlb_slots_take(area, req->order, req->lead, req->count);
	if (unlikely(!head))
		return NULL;
	last = head + req->count - 1;
	end = req->offset + req->size - ((uint32_t)(req->count - 1) << SLOT_SHIFT);

	req->zero_before = req->offset;
	if (head->owner == req->owner && head->dirty < req->offset)
		req->zero_before = head->dirty;
	req->zero_behind = SLOT_SIZE - end;
	if (last->owner == req->owner)
		req->zero_behind = last->dirty > end ? last->dirty - end : 0;

	for (struct xen_swiotlb_slot *slot = head; slot < last; slot++) {
		slot->owner = req->owner;
		slot->dirty = SLOT_SIZE;
		xen_store(&slot->head, head->index);
	}
	last->owner = req->owner;
	last->dirty = (uint16_t)end;
	xen_store(&last->head, head->index);

	head->orig = req->orig;
	xen_store(&head->size, req->size);
	xen_store(&head->offset, req->offset);
	head->count = req->count;
	head->dir = req->dir;
	area->maps++;
	area->bytes_mapped += req->size;
	return head;
}

static struct xen_swiotlb_slot *claim_in(struct xen_swiotlb_area *area, struct swiotlb_request *req)
{
	unsigned long flags = xen_port_lock(&area->lock);
	struct xen_swiotlb_slot *head = claim(area, req);

	xen_port_unlock(&area->lock, flags);
	return head;
}

/* The other areas, then a larger pool. */
static __attribute__((noinline)) struct xen_swiotlb_slot *claim_elsewhere(
	struct xen_swiotlb_pool *pool, struct swiotlb_request *req, int *err)
{
	struct xen_swiotlb_area *own = swiotlb_own_area(pool);
	struct xen_swiotlb_segment *list = NULL;
	struct xen_swiotlb_slot *head;
	unsigned long flags;

	/* A second look if the pool could not grow: somebody else may have made it grow. */
	for (unsigned int look = 0; look < 2; look++) {
		for (unsigned int a = 0; a <= pool->area_mask; a++) {
			head = claim_in(&pool->area[a], req);
			if (head)
				return head;
		}
		if (look)
			break;
		*err = xen_swiotlb_grow(
			pool, req->order > PAGE_SLOT_ORDER ? req->order - PAGE_SLOT_ORDER : 0,
			&list);
		if (*err)
			continue;
		/* Attach and claim in one go, or others may use it all up. */
		flags = xen_port_lock(&own->lock);
		xen_swiotlb_attach(own, list);
		head = claim(own, req);
		xen_port_unlock(&own->lock, flags);
		XEN_ASSERT(head);
		return head;
	}
	return NULL;
}

static inline char *bounce_of(struct xen_swiotlb_segment *seg, const struct xen_swiotlb_slot *head)
{
	return (char *)seg->va + ((size_t)head->index << SLOT_SHIFT) + head->offset;
}

static inline dma_addr_t dma_of(const struct xen_swiotlb_segment *seg,
				const struct xen_swiotlb_slot *head)
{
	return seg->dma + ((dma_addr_t)head->index << SLOT_SHIFT) + head->offset;
}

static void count_use(struct xen_swiotlb_pool *pool, uint64_t bytes)
{
	uint64_t used = xen_fetch_add(&pool->used, bytes) + bytes;
	uint64_t high = xen_load(&pool->used_high);

	while (unlikely(used > high) &&
	       !__atomic_compare_exchange_n(&pool->used_high, &high, used, true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
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

int xen_swiotlb_map_single(struct xen_swiotlb_pool *pool, const struct xen_dma_limits *limits,
			   const char *owner, paddr_t orig, size_t size, enum xen_dma_dir dir,
			   dma_addr_t *dma)
{
	struct xen_swiotlb_segment *seg;
	struct xen_swiotlb_slot *head;
	struct swiotlb_request req;
	char *bounce;
	int err;

	if (unlikely(!size || (unsigned int)dir > XEN_DMA_FROM_DEVICE))
		return -XEN_EINVAL;
	err = place(pool, limits, orig, size, &req);
	if (unlikely(err))
		return failed(pool, owner, size, err);
	req.orig = original(orig, size);
	if (unlikely(!req.orig))
		return -XEN_EFAULT;
	req.owner = owner ? owner : "?";
	req.dir = (uint8_t)dir;

	head = claim_in(swiotlb_own_area(pool), &req);
	if (unlikely(!head)) {
		head = claim_elsewhere(pool, &req, &err);
		if (!head)
			return failed(pool, owner, size, err);
	}
	count_use(pool, (uint64_t)req.count << SLOT_SHIFT);

	seg = swiotlb_segment_of(head);
	bounce = bounce_of(seg, head);
	if (req.zero_before)
		__builtin_memset(bounce - req.offset, 0, req.zero_before);
	__builtin_memcpy(bounce, req.orig, size);
	if (req.zero_behind)
		__builtin_memset(bounce + size, 0, req.zero_behind);
	*dma = dma_of(seg, head);
	return 0;
}

static struct xen_swiotlb_segment *find_segment(dma_addr_t dma)
{
	struct xen_range range;

	if (!xen_ranges_find(&xen_swiotlb_segments, dma >> XEN_PAGE_SHIFT, &range))
		return NULL;
	return (struct xen_swiotlb_segment *)range.tag;
}

/* The first slot of the live mapping whose slots hold @dma; NULL if none. */
static struct xen_swiotlb_slot *find_head(struct xen_swiotlb_segment *seg, dma_addr_t dma)
{
	uint64_t index = (dma - seg->dma) >> SLOT_SHIFT;
	uint16_t head;

	if (index >= swiotlb_slots_of(seg))
		return NULL;
	head = xen_load(&seg->slot[index].head);
	return head == NO_HEAD ? NULL : &seg->slot[head];
}

static __attribute__((noinline)) void misuse(const char *what, const char *owner, dma_addr_t dma,
					     size_t size)
{
	static uint64_t last;
	static uint32_t seen;
	uint64_t now = xen_port_clock_ns();

	/* One line a second; the first one always. */
	if (xen_fetch_add(&seen, 1) && now - xen_load(&last) < 1000000000ULL)
		return;
	xen_store(&last, now);
	xen_port_log(XEN_LOG_ERROR, "swiotlb: %s: %s: %llx, %zu bytes", owner, what,
		     (unsigned long long)dma, size);
}

bool xen_swiotlb_unmap_single(dma_addr_t dma, size_t size, enum xen_dma_dir dir, bool skip_sync)
{
	struct xen_swiotlb_segment *seg = find_segment(dma);
	struct xen_swiotlb_slot *head;
	struct xen_swiotlb_area *area;
	struct xen_swiotlb_pool *pool;
	unsigned long flags;
	unsigned int count;

	if (!seg)
		return false;
	head = find_head(seg, dma);
	if (unlikely(!head || dma_of(seg, head) != dma)) {
		misuse("unmap of an address that is not mapped", "?", dma, size);
		return false;
	}
	if (unlikely(head->size != size || head->dir != dir))
		misuse("unmap with another size or direction than map", head->owner, dma, size);

	if (!skip_sync && head->dir != XEN_DMA_TO_DEVICE)
		__builtin_memcpy(head->orig, bounce_of(seg, head), head->size);

	area = seg->area;
	pool = seg->pool; /* once the slots are free the segment may go */
	flags = xen_port_lock(&area->lock);
	count = head->count;
	if (unlikely(head->head != head->index)) {
		xen_port_unlock(&area->lock, flags);
		misuse("unmapped twice at once", "?", dma, size);
		return false;
	}
	for (unsigned int i = 0; i < count; i++)
		xen_store(&head[i].head, NO_HEAD);
	xen_swiotlb_slots_give(head, count);
	xen_port_unlock(&area->lock, flags);
	xen_fetch_sub(&pool->used, (uint64_t)count << SLOT_SHIFT);
	return true;
}

/* Cut [*offset, *offset + *size), relative to the buffer, to the mapping. */
static bool cut(const struct xen_swiotlb_slot *head, int64_t *offset, size_t *size)
{
	bool inside = true;

	if (*offset < 0) {
		size_t missing = (size_t) - *offset;

		*size = *size > missing ? *size - missing : 0;
		*offset = 0;
		inside = false;
	}
	if ((uint64_t)*offset >= head->size) {
		*size = 0;
		inside = false;
	} else if (*size > head->size - (uint64_t)*offset) {
		*size = head->size - (uint64_t)*offset;
		inside = false;
	}
	return inside;
}

bool xen_swiotlb_sync_single(dma_addr_t dma, size_t size, enum xen_dma_dir dir, bool for_cpu)
{
	struct xen_swiotlb_segment *seg = find_segment(dma);
	struct xen_swiotlb_slot *head;
	int64_t offset;
	size_t inside = size;
	char *bounce;

	if (!seg)
		return false;
	head = find_head(seg, dma);
	if (unlikely(!head)) {
		misuse("sync of an address that is not mapped", "?", dma, size);
		return false;
	}
	offset = (int64_t)(dma - dma_of(seg, head));
	if (unlikely(!cut(head, &offset, &inside)))
		misuse("sync beyond its mapping", head->owner, dma, size);
	else if (unlikely(head->dir != dir && head->dir != XEN_DMA_BIDIRECTIONAL))
		misuse("sync with another direction than map", head->owner, dma, size);

	bounce = bounce_of(seg, head) + offset;
	if (for_cpu && head->dir != XEN_DMA_TO_DEVICE)
		__builtin_memcpy((char *)head->orig + offset, bounce, inside);
	else if (!for_cpu && head->dir != XEN_DMA_FROM_DEVICE)
		__builtin_memcpy(bounce, (char *)head->orig + offset, inside);
	return true;
}

bool xen_swiotlb_is_bounce(dma_addr_t dma)
{
	struct xen_swiotlb_segment *seg = find_segment(dma);
	struct xen_swiotlb_slot *head = seg ? find_head(seg, dma) : NULL;
	dma_addr_t start;

	if (!head)
		return false;
	start = seg->dma + ((dma_addr_t)head->index << SLOT_SHIFT) + xen_load(&head->offset);
	return dma >= start && dma - start < xen_load(&head->size);
}

size_t xen_swiotlb_max_mapping(const struct xen_dma_limits *limits)
{
	uint64_t most = XEN_SWIOTLB_SLOT_SIZE << max_slot_order();

	while (most > xen_swiotlb_settings.max_bytes)
		most >>= 1;
	if (limits->boundary_mask && limits->boundary_mask < most)
		most = limits->boundary_mask + 1;
	/* The buffer's address may have all the bits set that it must keep. */
	return (size_t)(most - (limits->min_align_mask & (most - 1)));
}
