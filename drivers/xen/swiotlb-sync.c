/* SPDX-License-Identifier: MIT */
/*
 * Bounce buffers between map and unmap: copying parts of them, telling what is one, and saying that
 * a driver uses one wrongly. No locks: the fields of a live mapping do not change, and it is its
 * owner who asks.
 */
#include "swiotlb-find.h"

void xen_swiotlb_misuse(const char *what, const char *owner, dma_addr_t dma, size_t size)
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
	struct xen_swiotlb_segment *seg;
	struct xen_swiotlb_slot *head;
	size_t inside = size;
	uint64_t offset;
	int64_t from;
	char *bounce;

	seg = swiotlb_find(dma, &offset);
	if (!seg)
		return false;
	head = swiotlb_find_head(seg, offset);
	if (unlikely(!head)) {
		xen_swiotlb_misuse("sync of an address that is not mapped", "?", dma, size);
		return false;
	}
	from = (int64_t)(offset - swiotlb_offset_of(head));
	if (unlikely(!cut(head, &from, &inside)))
		xen_swiotlb_misuse("sync beyond its mapping", head->owner, dma, size);
	else if (unlikely(head->dir != dir && head->dir != XEN_DMA_BIDIRECTIONAL))
		xen_swiotlb_misuse("sync with another direction than map", head->owner, dma, size);

	bounce = (char *)seg->va + swiotlb_offset_of(head) + from;
	if (for_cpu && head->dir != XEN_DMA_TO_DEVICE)
		__builtin_memcpy((char *)head->orig + from, bounce, inside);
	else if (!for_cpu && head->dir != XEN_DMA_FROM_DEVICE)
		__builtin_memcpy(bounce, (char *)head->orig + from, inside);
	return true;
}

bool xen_swiotlb_is_bounce(dma_addr_t dma)
{
	struct xen_swiotlb_segment *seg;
	struct xen_swiotlb_slot *head;
	uint64_t offset, start;

	seg = swiotlb_find(dma, &offset);
	head = seg ? swiotlb_find_head(seg, offset) : NULL;
	if (!head)
		return false;
	start = swiotlb_offset_of(head);
	return offset >= start && offset - start < xen_load(&head->size);
}
