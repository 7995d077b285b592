/* SPDX-License-Identifier: MIT */
/* DMA API, private side: what dma.c, the PV backend and dma-debug share. */
#ifndef XENDMA_DMA_INTERNAL_H
#define XENDMA_DMA_INTERNAL_H

#include <xen/atomic.h>
#include <xen/dma.h>
#include <xen/p2m.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* swiotlb-xen.c: are the frames of [paddr, paddr + size) consecutive in the machine? The first
 * page is populated. */
bool xen_dma_contiguous(paddr_t paddr, size_t size);

/* dma-debug.c: log leaks, take the record down. */
void xen_dma_debug_fini(struct xen_dma_dev *dev);

/*
 * Can the device reach [paddr, paddr + size) as it lies? @size > 0, no wrap. One page costs one
 * P2M load. A direct mapping needs machine contiguity, an end below the mask and no boundary
 * inside, and nothing else.
 */
static inline bool dma_direct(const struct xen_dma_dev *dev, paddr_t paddr, size_t size,
			      dma_addr_t *dma)
{
	uint64_t pfn = paddr >> XEN_PAGE_SHIFT, boundary = dev->limits.boundary_mask, entry;
	size_t offset = xen_page_offset(paddr);
	dma_addr_t addr;

	if (unlikely(pfn >= xen_p2m.nr))
		return false;
	entry = xen_load(&xen_p2m.entry[pfn]);
	if (unlikely(entry == XEN_INVALID_FRAME))
		return false;
	addr = (entry << XEN_PAGE_SHIFT) | offset; /* the FOREIGN bit drops out */
	if (addr > dev->limits.mask || size - 1 > dev->limits.mask - addr)
		return false;
	if (boundary && size - 1 > boundary - (addr & boundary))
		return false;
	if (size > XEN_PAGE_SIZE - offset && !xen_dma_contiguous(paddr, size))
		return false;
	*dma = addr;
	return true;
}

/* Are these @size bytes, more than none, in one page? No boundary and no mask cuts such a buffer:
 * the commonest case. */
static inline bool dma_in_page(size_t offset, size_t size)
{
	return !((offset | (size - 1) | (offset + size - 1)) >> XEN_PAGE_SHIFT);
}

/* swiotlb-xen.c: bounce slots for what lies in one populated page, by the short way; else by
 * dev->ops. XEN_DMA_ERROR with dev->last_error. The arguments are valid. */
dma_addr_t xen_dma_bounce_page(struct xen_dma_dev *dev, pfn_t pfn, size_t offset, size_t size,
			       enum xen_dma_dir dir);

/* The width of a mask: 13 to 64; 0 if it is malformed. */
static inline unsigned int dma_mask_bits(uint64_t mask)
{
	if (mask & (mask + 1) || mask < (1ULL << 13) - 1)
		return 0;
	return 64 - (unsigned int)__builtin_clzll(mask);
}

#endif
