/* SPDX-License-Identifier: MIT */
/*
 * The DMA API: what a driver calls to let its device reach memory.
 *
 *   streaming   xen_dma_map_page(), xen_dma_map_sg(): lend existing pages to the device for one
 *               transfer. Direct when the device can reach the pages as they lie in the machine,
 *               else bounced.
 *   coherent    xen_dma_alloc_coherent(): memory that CPU and device both see at all times, for
 *               rings and descriptors. Machine-contiguous and naturally aligned.
 *
 * A device is a struct xen_dma_dev that the embedder keeps in its own device structure. Its
 * limits are set once; its backend (a table of functions) may be interposed, as dma-debug does.
 *
 * Ownership: from map to unmap the buffer is the device's. The CPU may look between
 * sync_for_cpu and sync_for_device.
 *
 * Context: everything may be called from any context, interrupts included; nothing sleeps.
 * Different mappings may be handled on different CPUs at once.
 */
#ifndef XENDMA_XEN_DMA_H
#define XENDMA_XEN_DMA_H

#include <xen/swiotlb.h>
#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Returned instead of an address. No machine has memory or MMIO there. */
#define XEN_DMA_ERROR (~(dma_addr_t)0)

enum xen_dma_attr {
	/* No copy back at this unmap; at map, the driver syncs before the device reads. (A bounce
	 * buffer is initialised all the same: it must not show what was in it before.) */
	XEN_DMA_ATTR_SKIP_SYNC = 1u << 0,
	/* The address is MMIO (a peer's BAR), not RAM: must be identity; never bounced or synced.
	 */
	XEN_DMA_ATTR_MMIO = 1u << 1,
};

/* One piece of a scatterlist. The driver fills the first three fields, map_sg the other two. */
struct xen_dma_sg {
	pfn_t pfn;
	uint32_t offset;     /* bytes into @pfn; may exceed a page */
	uint32_t length;     /* bytes, > 0; may cover several consecutive PFNs */
	uint32_t dma_length; /* bytes at dma_addr; 0 behind the last mapped piece */
	dma_addr_t dma_addr;
};

struct xen_dma_dev;

/* A backend. Arguments were checked by dma.c; errors are negative errno. */
struct xen_dma_ops {
	int (*map)(struct xen_dma_dev *dev, paddr_t paddr, size_t size, enum xen_dma_dir dir,
		   unsigned int attrs, dma_addr_t *dma);
	void (*unmap)(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
		      unsigned int attrs);
	void (*sync)(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
		     bool for_cpu);
	int (*map_sg)(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
		      enum xen_dma_dir dir, unsigned int attrs);
	void (*unmap_sg)(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
			 enum xen_dma_dir dir, unsigned int attrs);
	void *(*alloc)(struct xen_dma_dev *dev, size_t size, dma_addr_t *dma);
	void (*free)(struct xen_dma_dev *dev, void *va, size_t size, dma_addr_t dma);
	size_t (*max_mapping)(const struct xen_dma_dev *dev);
	/* Can memory that ends at @mask be had, coherent or for streaming? Tries it out. */
	int (*probe)(struct xen_dma_dev *dev, uint64_t mask, bool coherent);
};

/* For PV guests: P2M translation, swiotlb bounce, coherent memory by exchange. */
extern const struct xen_dma_ops xen_swiotlb_dma_ops;

struct xen_dma_dev {
	const char *name; /* for messages; outlives the device */
	struct xen_dma_limits limits;
	const struct xen_dma_ops *ops;
	struct xen_swiotlb_pool *pool; /* backend: NULL until something must be bounced */
	int last_error;		       /* why the last map failed; 0: none has */
	void *debug;		       /* dma-debug's record */
	uint64_t breaches;	       /* that dma-debug saw; stays after fini */
};

/*
 * Prepare a device. @limits is copied; NULL means a 32-bit device without other limits.
 * -XEN_EINVAL: no ops, a mask below 13 bits or not of the form 2^n - 1, boundary malformed or under
 * a page, min_align mask malformed.
 */
int xen_dma_dev_init(struct xen_dma_dev *dev, const char *name, const struct xen_dma_ops *ops,
		     const struct xen_dma_limits *limits);

/* Releases what the library holds for it. Live bounce buffers are a bug of the driver: logged. */
void xen_dma_dev_fini(struct xen_dma_dev *dev);

/*
 * Narrow or widen the masks before the first mapping. -XEN_EINVAL: malformed; -XEN_EBUSY: bounce
 * buffers are live (streaming mask only); -XEN_EIO: the machine cannot provide memory below such a
 * mask (tried out, not guessed).
 */
int xen_dma_set_mask(struct xen_dma_dev *dev, uint64_t mask);
int xen_dma_set_coherent_mask(struct xen_dma_dev *dev, uint64_t mask);

/*
 * Map @size bytes from @offset (any) into @pfn. XEN_DMA_ERROR on failure with dev->last_error:
 * -XEN_EINVAL (size 0, wraps, no direction, MMIO across the boundary), -XEN_EFAULT (a page is not
 * populated, or MMIO asked for and not identity), -XEN_ERANGE (MMIO above the mask), or an error of
 * xen_swiotlb_map_single().
 */
dma_addr_t xen_dma_map_page(struct xen_dma_dev *dev, pfn_t pfn, size_t offset, size_t size,
			    enum xen_dma_dir dir, unsigned int attrs);
/* The same for a kernel address of RAM. */
dma_addr_t xen_dma_map_single(struct xen_dma_dev *dev, void *va, size_t size, enum xen_dma_dir dir,
			      unsigned int attrs);
void xen_dma_unmap(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
		   unsigned int attrs);

static inline bool xen_dma_mapping_error(dma_addr_t dma)
{
	return dma == XEN_DMA_ERROR;
}

/* @dma may point into a mapping, @size may be a part of it. */
void xen_dma_sync_for_cpu(struct xen_dma_dev *dev, dma_addr_t dma, size_t size,
			  enum xen_dma_dir dir);
void xen_dma_sync_for_device(struct xen_dma_dev *dev, dma_addr_t dma, size_t size,
			     enum xen_dma_dir dir);

/*
 * Map @nents pieces. Machine-contiguous neighbours that need no bounce are merged up to
 * max_segment and the boundary; pieces longer than max_segment, or crossing the boundary, are
 * bounced or refused. Returns the number of mapped pieces, in sg[0 .. n-1].dma_addr/dma_length;
 * negative errno with nothing mapped otherwise (errors of xen_dma_map_page()).
 */
int xen_dma_map_sg(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
		   enum xen_dma_dir dir, unsigned int attrs);
/* @nents as given to map_sg. */
void xen_dma_unmap_sg(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
		      enum xen_dma_dir dir, unsigned int attrs);
void xen_dma_sync_sg_for_cpu(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
			     enum xen_dma_dir dir);
void xen_dma_sync_sg_for_device(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
				enum xen_dma_dir dir);

/*
 * @size bytes (rounded up to 2^n pages) of zeroed memory below coherent_mask, machine-contiguous
 * and naturally aligned. NULL with dev->last_error: -XEN_EINVAL (size 0), -XEN_E2BIG (above 2 MiB),
 * or an error of xen_coherent_alloc(). Comes from a cache in steady state: no hypercall.
 */
void *xen_dma_alloc_coherent(struct xen_dma_dev *dev, size_t size, dma_addr_t *dma);
/* Goes into the cache. @va may be NULL. */
void xen_dma_free_coherent(struct xen_dma_dev *dev, void *va, size_t size, dma_addr_t dma);

/* The largest single mapping that cannot fail for its size, bytes. */
size_t xen_dma_max_mapping_size(const struct xen_dma_dev *dev);

/*
 * dma-debug: from now on check every call on @dev against the record of its live mappings: unmap
 * of what is not mapped, wrong size or direction, sync outside a mapping, access by two mappings
 * for writing, leaks at fini. Each breach is logged and counted, and an unmap or free of what was
 * not mapped is not done: enable it before the device's first mapping and allocation. -XEN_ENOMEM;
 * -XEN_EBUSY: on, or bounce buffers are live.
 */
int xen_dma_debug_enable(struct xen_dma_dev *dev);
/* Breaches seen on @dev so far, fini included; 0 when debugging was never on. */
uint64_t xen_dma_debug_breaches(const struct xen_dma_dev *dev);

#ifdef __cplusplus
}
#endif

#endif
