/* SPDX-License-Identifier: MIT */
/*
 * The commonest bounce by itself: what lies in one page, for a device without limits to where, from
 * slots that lie ready. Inline, because half of its cost would be to hand over the arguments.
 */
#ifndef XENDMA_SWIOTLB_PAGE_H
#define XENDMA_SWIOTLB_PAGE_H

#include <xen/dma.h>

#include "swiotlb-internal.h"

/*
 * As xen_swiotlb_map_single() for @size bytes, 1 to a page's, at @va in one page of RAM, with valid
 * arguments, for a device that reaches the pool. False: no slots lie ready, nothing was done.
 */
static inline bool swiotlb_map_page(struct xen_swiotlb_pool *pool, const struct xen_dma_dev *dev,
				    void *va, size_t size, enum xen_dma_dir dir, dma_addr_t *dma)
{
	struct xen_swiotlb_area *area = swiotlb_own_area(pool);
	unsigned long flags = xen_port_lock(&area->lock);
	unsigned int order = size > SLOT_SIZE; /* one slot or two */
	uint32_t end = (uint32_t)size - (order << SLOT_SHIFT), behind;
	struct xen_swiotlb_slot *head = area->cache[order].top, *last;
	uint64_t user = dev->limits.user, offset;
	struct xen_swiotlb_segment *seg;
	char *bounce;

	if (unlikely(!head)) {
		xen_port_unlock(&area->lock, flags);
		return false;
	}
	area->cache[order].top = head->next;
	area->cache[order].room++;
	last = head + order;
	if (likely(head->user == user && user)) {
		behind = last->dirty > end ? last->dirty - end : 0;
	} else {
		behind = SLOT_SIZE - end;
		head->dirty = SLOT_SIZE;
		head->user = last->user = user;
	}
	last->dirty = (uint16_t)end;
	head->orig = va;
	head->owner = dev->name;
	xen_store(&head->size, (uint32_t)size);
	xen_store(&head->offset, 0);
	head->dir = (uint8_t)dir;
	swiotlb_count_use(area, SLOT_SIZE << order);
	area->maps++;
	area->bytes_mapped += size;
	xen_port_unlock(&area->lock, flags);

	seg = swiotlb_segment_of(head);
	offset = (uint64_t)head->index << SLOT_SHIFT;
	*dma = seg->dma + offset;
	bounce = (char *)seg->va + offset;
	__builtin_memcpy(bounce, va, size);
	if (unlikely(behind))
		__builtin_memset(bounce + size, 0, behind);
	return true;
}

#endif
