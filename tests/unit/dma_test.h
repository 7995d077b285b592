/* SPDX-License-Identifier: MIT */
/* What the tests of the DMA layer share: a model whose books must balance, buffers, a device. */
#ifndef XENDMA_TESTS_DMA_TEST_H
#define XENDMA_TESTS_DMA_TEST_H

#include <pthread.h>
#include <string.h>

#include <model/model.h>
#include <xen/coherent.h>
#include <xen/dma.h>
#include <xen/p2m.h>
#include <xen/port.h>
#include <xen/swiotlb.h>

#include "unit.h"

#define MASK(bits) ((bits) < 64 ? (1ULL << (bits)) - 1 : ~0ULL)
#define SLOT XEN_SWIOTLB_SLOT_SIZE
#define KIB 1024UL
#define MIB (1024UL * KIB)

static struct model_allocs allocs_at_start;

static inline void dma_start(const struct model_params *params)
{
	model_start(params);
	allocs_at_start = model_allocs();
}

static inline void no_allocs_left(void)
{
	struct model_allocs now = model_allocs();

	ck_assert_uint_eq(now.pages, allocs_at_start.pages);
	ck_assert_uint_eq(now.objects, allocs_at_start.objects);
	ck_assert_uint_eq(now.bytes, allocs_at_start.bytes);
}

/* Everything given back, every frame where it belongs. */
static inline void dma_stop(void)
{
	ck_assert_int_eq(xen_swiotlb_fini(), 0);
	xen_coherent_trim(0);
	no_allocs_left();
	ck_assert(model_stop());
}

static inline paddr_t paddr_of(const void *va)
{
	return pfn_to_paddr(xen_port_virt_to_pfn(va)) + xen_page_offset((uintptr_t)va);
}

static inline mfn_t mfn_of(const void *va)
{
	return xen_pfn_to_mfn(xen_port_virt_to_pfn(va));
}

/* @bytes from the port; the order is that which holds them. */
static inline unsigned int order_of_bytes(size_t bytes)
{
	unsigned int order = 0;

	while (XEN_PAGE_SIZE << order < bytes)
		order++;
	return order;
}

static inline void *buffer(size_t bytes)
{
	void *va = xen_port_alloc_pages(order_of_bytes(bytes));

	ck_assert_ptr_nonnull(va);
	return va;
}

static inline void buffer_free(void *va, size_t bytes)
{
	xen_port_free_pages(va, order_of_bytes(bytes));
}

static inline void fill_random(void *buf, size_t size, uint64_t *rng)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)unit_random(rng);
}

/* The device's own accesses. */
static inline void device_read(dma_addr_t dma, void *buf, size_t size)
{
	ck_assert(model_dma_read(dma, buf, size));
}

static inline void device_write(dma_addr_t dma, const void *buf, size_t size)
{
	ck_assert(model_dma_write(dma, buf, size));
}

/* The device's live bounce buffers. */
static inline uint64_t bounces(const struct xen_dma_dev *dev)
{
	return xen_swiotlb_mappings_of(dev->limits.user);
}

static inline struct xen_swiotlb_pool *pool_of(unsigned int bits)
{
	int err = 0;
	struct xen_swiotlb_pool *pool = xen_swiotlb_pool_get(MASK(bits), &err);

	ck_assert_ptr_nonnull(pool);
	return pool;
}

static inline struct xen_swiotlb_stats pool_stats(unsigned int index)
{
	struct xen_swiotlb_stats stats;

	ck_assert(xen_swiotlb_stats(index, &stats));
	return stats;
}

/* Devices of these widths, without other limits. */
static const struct xen_dma_limits bits28 = {.mask = MASK(28)};
static const struct xen_dma_limits bits32 = {.mask = MASK(32)};

static inline dma_addr_t pool_map(struct xen_swiotlb_pool *pool,
				  const struct xen_dma_limits *limits, const char *owner,
				  const void *va, size_t size, enum xen_dma_dir dir)
{
	dma_addr_t dma = XEN_DMA_ERROR;

	ck_assert_int_eq(xen_swiotlb_map_single(pool, limits, owner, paddr_of(va), size, dir, &dma),
			 0);
	return dma;
}

static inline int pool_try_map(struct xen_swiotlb_pool *pool, const struct xen_dma_limits *limits,
			       const void *va, size_t size)
{
	dma_addr_t dma = XEN_DMA_ERROR;
	int err = xen_swiotlb_map_single(pool, limits, "dev", paddr_of(va), size, XEN_DMA_TO_DEVICE,
					 &dma);

	if (!err)
		ck_assert(xen_swiotlb_unmap_single(dma, size, XEN_DMA_TO_DEVICE, false));
	else
		ck_assert_uint_eq(dma, XEN_DMA_ERROR);
	return err;
}

/* Take all of the port's pages but each @keep-th (0: none), which stays free. */
static inline void **take_pages(unsigned int *nr, unsigned int keep)
{
	static void *pages[8192];
	unsigned int n = 0, kept = 0;

	while (n < 8192 && (pages[n] = xen_port_alloc_pages(0)))
		n++;
	for (unsigned int i = 0; keep && i < n; i++) {
		if (pfn_x(xen_port_virt_to_pfn(pages[i])) % keep == 0) {
			xen_port_free_pages(pages[i], 0);
			continue;
		}
		pages[kept++] = pages[i];
	}
	*nr = keep ? kept : n;
	return pages;
}

static inline struct xen_dma_dev device(unsigned int bits)
{
	struct xen_dma_limits limits = {.mask = MASK(bits)};
	struct xen_dma_dev dev;

	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits), 0);
	return dev;
}

static inline dma_addr_t map(struct xen_dma_dev *dev, void *va, size_t size, enum xen_dma_dir dir)
{
	dma_addr_t dma = xen_dma_map_single(dev, va, size, dir, 0);

	ck_assert_msg(!xen_dma_mapping_error(dma), "%zu bytes: error %d", size, dev->last_error);
	return dma;
}

static inline void refused(struct xen_dma_dev *dev, pfn_t pfn, size_t offset, size_t size,
			   unsigned int attrs, int err)
{
	dev->last_error = 0;
	ck_assert(xen_dma_mapping_error(
		xen_dma_map_page(dev, pfn, offset, size, XEN_DMA_TO_DEVICE, attrs)));
	ck_assert_int_eq(dev->last_error, err);
}

#endif
