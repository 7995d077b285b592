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

/* What is left of @size bytes at @from, relative to the buffer, that leave the mapping on either
 * side;
 * *@from is where it begins then. */
static size_t cut(const struct xen_swiotlb_slot *head, uint64_t *from, size_t size)
{
	if ((int64_t)*from < 0) {
		uint64_t missing = -*from;

		size = size > missing ? size - missing : 0;
		*from = 0;
	}
	if (*from >= head->size)
		return 0;
	return size < head->size - *from ? size : head->size - *from;
}

bool xen_swiotlb_sync_single(dma_addr_t dma, size_t size, enum xen_dma_dir dir, bool for_cpu)
{
	struct xen_swiotlb_segment *seg;
	struct xen_swiotlb_slot *head;
	uint64_t offset, start, from;
	char *bounce, *orig;

	seg = swiotlb_find(dma, &offset);
	if (!seg)
		return false;
	head = swiotlb_find_head(seg, offset);
	if (unlikely(!head)) {
		xen_swiotlb_misuse("sync of an address that is not mapped", "?", dma, size);
		return false;
	}
	start = swiotlb_offset_of(head);
	from = offset - start; /* wraps before the buffer */
	if (unlikely(from >= head->size || size > head->size - from)) {
		xen_swiotlb_misuse("sync beyond its mapping", head->owner, dma, size);
		size = cut(head, &from, size);
	} else if (unlikely(head->dir != dir && head->dir != XEN_DMA_BIDIRECTIONAL)) {
		xen_swiotlb_misuse("sync with another direction than map", head->owner, dma, size);
	}

	bounce = (char *)seg->va + start + from;
	orig = (char *)head->orig + from;
	if (for_cpu && head->dir != XEN_DMA_TO_DEVICE)
		__builtin_memcpy(orig, bounce, size);
	else if (!for_cpu && head->dir != XEN_DMA_FROM_DEVICE)
		__builtin_memcpy(bounce, orig, size);
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
