/* SPDX-License-Identifier: MIT */
/*
 * The DMA backend of PV guests: a page's machine address where the device can reach it, a bounce
 * buffer where it cannot, coherent memory from the cache of contiguous regions.
 *
 * A device has a pool from its first bounce on: until then unmapping and syncing are nothing to do,
 * without a look at any table. The pool is set before the address is handed out, and nothing of
 * the device is written by a mapping after that. No locks here.
 */
#include <xen/coherent.h>

#include "dma-internal.h"
#include "swiotlb-page.h"

bool xen_dma_contiguous(paddr_t paddr, size_t size)
{
	uint64_t pfn = paddr >> XEN_PAGE_SHIFT, last = (paddr + size - 1) >> XEN_PAGE_SHIFT;
	const uint64_t *entry = xen_p2m.entry;
	uint64_t first;

	if (last >= xen_p2m.nr)
		return false;
	first = xen_load(&entry[pfn]);
	for (uint64_t i = 1; i <= last - pfn; i++)
		if (xen_load(&entry[pfn + i]) != first + i)
			return false;
	return true;
}

/* A peer's BAR: its address is the bus address, or nothing is. */
static int map_mmio(const struct xen_dma_dev *dev, paddr_t paddr, size_t size, dma_addr_t *dma)
{
	uint64_t end = ((paddr + size - 1) >> XEN_PAGE_SHIFT) + 1, pfn = paddr >> XEN_PAGE_SHIFT;
	uint64_t boundary = dev->limits.boundary_mask;
	struct xen_range range;

	while (pfn < end) {
		if (!xen_ranges_find(&xen_p2m.identity, pfn, &range))
			return -XEN_EFAULT;
		/* RAM wins over identity, page by page. */
		for (; pfn < end && pfn < range.end; pfn++) {
			if (pfn >= xen_p2m.nr) {
				pfn = range.end;
				break;
			}
			if (xen_p2m_entry(mk_pfn(pfn)) != XEN_INVALID_FRAME)
				return -XEN_EFAULT;
		}
	}
	if (paddr > dev->limits.mask || size - 1 > dev->limits.mask - paddr)
		return -XEN_ERANGE;
	/* It cannot be bounced to where none would be crossed. */
	if (boundary && size - 1 > boundary - (paddr & boundary))
		return -XEN_EINVAL;
	*dma = paddr;
	return 0;
}

/* The pool of the device's width, made now if need be. */
static __attribute__((noinline)) struct xen_swiotlb_pool *find_pool(struct xen_dma_dev *dev,
								    paddr_t paddr, size_t size,
								    int *err)
{
	uint64_t pfn = paddr >> XEN_PAGE_SHIFT, last = (paddr + size - 1) >> XEN_PAGE_SHIFT;
	struct xen_swiotlb_pool *pool;

	*err = -XEN_EFAULT;
	if (!xen_p2m_populated(mk_pfn(pfn), last - pfn + 1))
		return NULL;
	pool = xen_swiotlb_pool_get(dev->limits.mask, err);
	if (pool)
		xen_store_release(&dev->pool, pool);
	return pool;
}

static inline int bounce(struct xen_dma_dev *dev, paddr_t paddr, size_t size, enum xen_dma_dir dir,
			 dma_addr_t *dma)
{
	struct xen_swiotlb_pool *pool = xen_load_acquire(&dev->pool);
	int err;

	if (unlikely(!pool)) {
		pool = find_pool(dev, paddr, size, &err);
		if (!pool)
			return err;
	}
	return xen_swiotlb_map_single(pool, &dev->limits, dev->name, paddr, size, dir, dma);
}

static int map(struct xen_dma_dev *dev, paddr_t paddr, size_t size, enum xen_dma_dir dir,
	       unsigned int attrs, dma_addr_t *dma)
{
	if (unlikely(attrs & XEN_DMA_ATTR_MMIO))
		return map_mmio(dev, paddr, size, dma);
	if (dma_direct(dev, paddr, size, dma))
		return 0;
	/* With SKIP_SYNC too: the slots must not show what was in them before. */
	return bounce(dev, paddr, size, dir, dma);
}

static __attribute__((noinline)) dma_addr_t bounce_slowly(struct xen_dma_dev *dev, paddr_t paddr,
							  size_t size, enum xen_dma_dir dir)
{
	dma_addr_t dma;
	int err = bounce(dev, paddr, size, dir, &dma);

	if (likely(!err))
		return dma;
	xen_store(&dev->last_error, err);
	return XEN_DMA_ERROR;
}

dma_addr_t xen_dma_bounce_page(struct xen_dma_dev *dev, pfn_t pfn, size_t offset, size_t size,
			       enum xen_dma_dir dir)
{
	struct xen_swiotlb_pool *pool = xen_load_acquire(&dev->pool);
	dma_addr_t dma;
	char *va;

	if (unlikely(!pool || dev->limits.boundary_mask | dev->limits.min_align_mask))
		goto slowly;
	va = xen_port_pfn_to_virt(pfn);
	if (unlikely(!va))
		goto slowly;
	if (unlikely(!swiotlb_map_page(pool, dev, va + offset, size, dir, &dma)))
		goto slowly;
	return dma;
slowly:
	return bounce_slowly(dev, pfn_to_paddr(pfn) + offset, size, dir);
}

static void unmap(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
		  unsigned int attrs)
{
	if (likely(!(attrs & XEN_DMA_ATTR_MMIO)))
		xen_swiotlb_unmap_single(dma, size, dir, attrs & XEN_DMA_ATTR_SKIP_SYNC);
}

static void sync(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
		 bool for_cpu)
{
	xen_swiotlb_sync_single(dma, size, dir, for_cpu);
}

static void unmap_sg(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
		     enum xen_dma_dir dir, unsigned int attrs)
{
	if (likely(!xen_load(&dev->pool)))
		return;
	for (unsigned int i = 0; i < nents && sg[i].dma_length; i++)
		unmap(dev, sg[i].dma_addr, sg[i].dma_length, dir, attrs);
}

/* The machine address of what lies in one page that the device reaches: the commonest entry of a
 * list. Any other, malformed ones included, gives XEN_DMA_ERROR. */
static inline dma_addr_t direct_in_page(const uint64_t *p2m, uint64_t nr, uint64_t mask,
					const struct xen_dma_sg *sg)
{
	uint64_t entry;
	dma_addr_t dma;

	if (unlikely(!dma_in_page(sg->offset, sg->length) || pfn_x(sg->pfn) >= nr))
		return XEN_DMA_ERROR;
	entry = xen_load(&p2m[pfn_x(sg->pfn)]);
	dma = (entry << XEN_PAGE_SHIFT) + sg->offset;
	return likely(entry != XEN_INVALID_FRAME && dma <= mask) ? dma : XEN_DMA_ERROR;
}

/* Any entry. *@direct: its neighbours in the machine may be merged with it. */
static __attribute__((noinline)) int map_entry(struct xen_dma_dev *dev, const struct xen_dma_sg *sg,
					       enum xen_dma_dir dir, unsigned int attrs,
					       dma_addr_t *dma, bool *direct)
{
	paddr_t paddr = pfn_to_paddr(sg->pfn) + sg->offset;

	if (!sg->length || pfn_x(sg->pfn) >> 50)
		return -XEN_EINVAL;
	*direct = !(attrs & XEN_DMA_ATTR_MMIO) && dma_direct(dev, paddr, sg->length, dma);
	return *direct ? 0 : map(dev, paddr, sg->length, dir, attrs, dma);
}

/* How many bytes a piece of @length at @start may still grow; it crosses no boundary itself. */
static inline uint64_t room_behind(uint64_t max, uint64_t boundary, dma_addr_t start,
				   uint32_t length)
{
	uint64_t room = max - length, cut;

	if (likely(!boundary))
		return room;
	cut = boundary - (start & boundary) - (length - 1);
	return cut < room ? cut : room;
}

static int map_sg(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
		  enum xen_dma_dir dir, unsigned int attrs)
{
	const uint64_t *p2m = xen_p2m.entry, mask = dev->limits.mask;
	/* MMIO is mapped at itself: nothing is looked up, nothing direct. */
	uint64_t nr = attrs & XEN_DMA_ATTR_MMIO ? 0 : xen_p2m.nr, max = dev->limits.max_segment;
	const struct xen_dma_sg *in, *behind = sg + nents;
	struct xen_dma_sg *out = sg;	/* the next piece */
	dma_addr_t end = XEN_DMA_ERROR; /* where the last one ends ... */
	uint64_t room = 0;		/* ... and may grow by so much */
	int err;

	if (!max || max > UINT32_MAX)
		max = UINT32_MAX;
	for (in = sg; in < behind; in++) {
		uint32_t length = in->length;
		dma_addr_t dma = direct_in_page(p2m, nr, mask, in);
		bool direct = true;

		err = -XEN_EINVAL;
		if (unlikely(length > max))
			goto unmap;
		if (unlikely(dma == XEN_DMA_ERROR)) {
			err = map_entry(dev, in, dir, attrs, &dma, &direct);
			if (err)
				goto unmap;
		}
		if (dma == end && direct && length <= room) {
			out[-1].dma_length += length;
			end += length;
			room -= length;
			continue;
		}
		out->dma_addr = dma;
		out->dma_length = length;
		out++;
		end = likely(direct) ? dma + length : XEN_DMA_ERROR;
		room = room_behind(max, dev->limits.boundary_mask, dma, length);
	}
	if (out < behind)
		out->dma_length = 0;
	return (int)(out - sg);

unmap:
	/* The device has seen none of it. */
	out->dma_length = 0;
	unmap_sg(dev, sg, nents, dir, attrs | XEN_DMA_ATTR_SKIP_SYNC);
	sg->dma_length = 0;
	return err;
}

static unsigned int order_of(size_t size)
{
	if (likely(size <= XEN_PAGE_SIZE))
		return 0;
	return (63 ^ (unsigned int)__builtin_clzll((size - 1) >> XEN_PAGE_SHIFT)) + 1;
}

/* The width of a mask that is known to be well-formed. */
static inline unsigned int bits_of(uint64_t mask)
{
	return (63 ^ (unsigned int)__builtin_clzll(mask)) + 1;
}

static void *alloc_coherent(struct xen_dma_dev *dev, size_t size, dma_addr_t *dma)
{
	return xen_coherent_alloc(order_of(size), bits_of(dev->limits.coherent_mask), dma,
				  &dev->last_error);
}

static void free_coherent(struct xen_dma_dev *dev, void *va, size_t size, dma_addr_t dma)
{
	xen_coherent_free(va, order_of(size), bits_of(dev->limits.coherent_mask));
}

static size_t max_mapping(const struct xen_dma_dev *dev)
{
	return xen_swiotlb_max_mapping(&dev->limits);
}

static int probe(struct xen_dma_dev *dev, uint64_t mask, bool coherent)
{
	unsigned int bits = dma_mask_bits(mask);
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma;
	int err = 0;
	void *va;

	if (bits >= 64)
		return 0;
	if (coherent) {
		va = xen_coherent_alloc(0, bits, &dma, &err);
		if (va)
			xen_coherent_free(va, 0, bits);
		return err;
	}
	pool = xen_swiotlb_pool_get(mask, &err);
	return pool ? xen_swiotlb_pool_probe(pool) : err;
}

const struct xen_dma_ops xen_swiotlb_dma_ops = {
	.map = map,
	.unmap = unmap,
	.sync = sync,
	.map_sg = map_sg,
	.unmap_sg = unmap_sg,
	.alloc = alloc_coherent,
	.free = free_coherent,
	.max_mapping = max_mapping,
	.probe = probe,
};
