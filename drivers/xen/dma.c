/* SPDX-License-Identifier: MIT */
/*
 * The DMA API: checks what the driver says, keeps the reason of a failure in the device, and hands
 * the work to the device's backend. The commonest calls on the PV backend, a page that the device
 * can reach and a device without bounce buffers, are decided here without the indirect call.
 *
 * No locks: the backend locks what it shares.
 */
#include <xen/port.h>

#include "dma-internal.h"

static bool limits_valid(const struct xen_dma_limits *l)
{
	if (!dma_mask_bits(l->mask) || !dma_mask_bits(l->coherent_mask))
		return false;
	if (l->boundary_mask & (l->boundary_mask + 1) ||
	    (l->boundary_mask && l->boundary_mask < XEN_PAGE_SIZE - 1))
		return false;
	return !(l->min_align_mask & (l->min_align_mask + 1)) && l->min_align_mask <= 0xffff;
}

int xen_dma_dev_init(struct xen_dma_dev *dev, const char *name, const struct xen_dma_ops *ops,
		     const struct xen_dma_limits *limits)
{
	static uint64_t users;
	struct xen_dma_limits l = {.mask = 0xffffffff};

	if (limits)
		l = *limits;
	if (!l.coherent_mask)
		l.coherent_mask = l.mask;
	if (!ops || !limits_valid(&l))
		return -XEN_EINVAL;
	l.user = xen_fetch_add(&users, 1) + 1;
	*dev = (struct xen_dma_dev){.name = name ? name : "?", .limits = l, .ops = ops};
	return 0;
}

static uint64_t live_bounces(const struct xen_dma_dev *dev)
{
	return xen_load(&dev->pool) ? xen_swiotlb_mappings_of(dev->limits.user) : 0;
}

void xen_dma_dev_fini(struct xen_dma_dev *dev)
{
	uint64_t bounces;

	if (dev->debug)
		xen_dma_debug_fini(dev);
	bounces = live_bounces(dev);
	if (bounces)
		xen_port_log(XEN_LOG_ERROR, "dma: %s: gone with %llu bounce buffers still mapped",
			     dev->name, (unsigned long long)bounces);
	else
		dev->pool = NULL; /* what is live can still be unmapped */
}

int xen_dma_set_mask(struct xen_dma_dev *dev, uint64_t mask)
{
	if (!dma_mask_bits(mask))
		return -XEN_EINVAL;
	if (live_bounces(dev))
		return -XEN_EBUSY;
	if (dev->ops->probe(dev, mask, false))
		return -XEN_EIO;
	dev->limits.mask = mask;
	xen_store(&dev->pool, NULL); /* another width, another pool */
	return 0;
}

int xen_dma_set_coherent_mask(struct xen_dma_dev *dev, uint64_t mask)
{
	if (!dma_mask_bits(mask))
		return -XEN_EINVAL;
	if (dev->ops->probe(dev, mask, true))
		return -XEN_EIO;
	dev->limits.coherent_mask = mask;
	return 0;
}

static __attribute__((noinline)) dma_addr_t failed(struct xen_dma_dev *dev, int err)
{
	xen_store(&dev->last_error, err);
	return XEN_DMA_ERROR;
}

/* Nothing of it may wrap: page + offset + size stays below 2^64. @size 0 is refused too. */
static inline bool range_valid(pfn_t pfn, size_t offset, size_t size)
{
	return !(pfn_x(pfn) >> 50 | offset >> 62 | (size - 1) >> 62);
}

static inline bool dir_valid(enum xen_dma_dir dir)
{
	return (unsigned int)dir <= XEN_DMA_FROM_DEVICE;
}

static __attribute__((noinline)) dma_addr_t map_checked(struct xen_dma_dev *dev, pfn_t pfn,
							size_t offset, size_t size,
							enum xen_dma_dir dir, unsigned int attrs)
{
	dma_addr_t dma;
	int err;

	if (unlikely(!range_valid(pfn, offset, size) || !dir_valid(dir)))
		return failed(dev, -XEN_EINVAL);
	err = dev->ops->map(dev, pfn_to_paddr(pfn) + offset, size, dir, attrs, &dma);
	return likely(!err) ? dma : failed(dev, err);
}

dma_addr_t xen_dma_map_page(struct xen_dma_dev *dev, pfn_t pfn, size_t offset, size_t size,
			    enum xen_dma_dir dir, unsigned int attrs)
{
	uint64_t entry;
	dma_addr_t dma;

	if (unlikely(dev->ops != &xen_swiotlb_dma_ops || attrs & XEN_DMA_ATTR_MMIO ||
		     !dir_valid(dir) || !dma_in_page(offset, size) || pfn_x(pfn) >= xen_p2m.nr))
		return map_checked(dev, pfn, offset, size, dir, attrs);

	entry = xen_load(&xen_p2m.entry[pfn_x(pfn)]);
	dma = (entry << XEN_PAGE_SHIFT) + offset;
	if (unlikely(entry == XEN_INVALID_FRAME))
		return map_checked(dev, pfn, offset, size, dir, attrs);
	return likely(dma <= dev->limits.mask) ? dma
					       : xen_dma_bounce_page(dev, pfn, offset, size, dir);
}

dma_addr_t xen_dma_map_single(struct xen_dma_dev *dev, void *va, size_t size, enum xen_dma_dir dir,
			      unsigned int attrs)
{
	return xen_dma_map_page(dev, xen_port_virt_to_pfn(va), xen_page_offset((uintptr_t)va), size,
				dir, attrs);
}

static __attribute__((noinline)) void unmap_by_ops(struct xen_dma_dev *dev, dma_addr_t dma,
						   size_t size, enum xen_dma_dir dir,
						   unsigned int attrs)
{
	dev->ops->unmap(dev, dma, size, dir, attrs);
}

void xen_dma_unmap(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
		   unsigned int attrs)
{
	if (unlikely(dev->ops != &xen_swiotlb_dma_ops || xen_load(&dev->pool)))
		unmap_by_ops(dev, dma, size, dir, attrs);
}

static inline void sync(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
			bool for_cpu)
{
	if (likely(dev->ops == &xen_swiotlb_dma_ops && !xen_load(&dev->pool)))
		return;
	dev->ops->sync(dev, dma, size, dir, for_cpu);
}

void xen_dma_sync_for_cpu(struct xen_dma_dev *dev, dma_addr_t dma, size_t size,
			  enum xen_dma_dir dir)
{
	sync(dev, dma, size, dir, true);
}

void xen_dma_sync_for_device(struct xen_dma_dev *dev, dma_addr_t dma, size_t size,
			     enum xen_dma_dir dir)
{
	sync(dev, dma, size, dir, false);
}

int xen_dma_map_sg(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
		   enum xen_dma_dir dir, unsigned int attrs)
{
	int ret = -XEN_EINVAL;

	if (unlikely(!nents || nents > INT32_MAX || !dir_valid(dir)))
		goto failed;
	/* The PV backend looks itself, at those entries that are not plainly right. */
	if (dev->ops != &xen_swiotlb_dma_ops)
		for (unsigned int i = 0; i < nents; i++)
			if (!sg[i].length || pfn_x(sg[i].pfn) >> 50)
				goto failed;
	ret = dev->ops->map_sg(dev, sg, nents, dir, attrs);
	if (likely(ret > 0))
		return ret;
failed:
	failed(dev, ret);
	return ret;
}

void xen_dma_unmap_sg(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
		      enum xen_dma_dir dir, unsigned int attrs)
{
	dev->ops->unmap_sg(dev, sg, nents, dir, attrs);
}

static void sync_sg(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
		    enum xen_dma_dir dir, bool for_cpu)
{
	if (likely(dev->ops == &xen_swiotlb_dma_ops && !xen_load(&dev->pool)))
		return;
	for (unsigned int i = 0; i < nents && sg[i].dma_length; i++)
		dev->ops->sync(dev, sg[i].dma_addr, sg[i].dma_length, dir, for_cpu);
}

void xen_dma_sync_sg_for_cpu(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
			     enum xen_dma_dir dir)
{
	sync_sg(dev, sg, nents, dir, true);
}

void xen_dma_sync_sg_for_device(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
				enum xen_dma_dir dir)
{
	sync_sg(dev, sg, nents, dir, false);
}

void *xen_dma_alloc_coherent(struct xen_dma_dev *dev, size_t size, dma_addr_t *dma)
{
	if (!size || size > XEN_PAGE_SIZE << XEN_SWIOTLB_MAX_SEGMENT_ORDER) {
		failed(dev, size ? -XEN_E2BIG : -XEN_EINVAL);
		return NULL;
	}
	return dev->ops->alloc(dev, size, dma);
}

void xen_dma_free_coherent(struct xen_dma_dev *dev, void *va, size_t size, dma_addr_t dma)
{
	if (va)
		dev->ops->free(dev, va, size, dma);
}

size_t xen_dma_max_mapping_size(const struct xen_dma_dev *dev)
{
	return dev->ops->max_mapping(dev);
}
