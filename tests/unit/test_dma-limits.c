/* SPDX-License-Identifier: MIT */
/* What a device can do: limits, masks that are tried out, MMIO, and what is refused. */
#include "dma_test.h"

static void limits_are_checked(void)
{
	static const struct xen_dma_limits bad[] = {
		{.mask = 0},
		{.mask = MASK(12)},
		{.mask = 0xfffffff0},
		{.mask = MASK(32), .coherent_mask = 0xff},
		{.mask = MASK(32), .boundary_mask = 0x7ff},
		{.mask = MASK(32), .boundary_mask = 0x1000},
		{.mask = MASK(32), .min_align_mask = 0x1ffff},
		{.mask = MASK(32), .min_align_mask = 0x100},
	};
	struct xen_dma_dev dev;

	dma_start(NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &bad[i]),
				 -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", NULL, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, NULL), 0);
	ck_assert_uint_eq(dev.limits.mask, MASK(32));
	ck_assert_uint_eq(dev.limits.coherent_mask, MASK(32));
	dma_stop();
}

static void bad_arguments(void)
{
	struct xen_dma_dev dev = device(64);
	pfn_t pfn = mk_pfn(5);

	dma_start(NULL);
	refused(&dev, pfn, 0, 0, 0, -XEN_EINVAL);
	refused(&dev, pfn, ~0UL, 2, 0, -XEN_EINVAL);
	refused(&dev, pfn, 0, ~0UL, 0, -XEN_EINVAL);
	refused(&dev, mk_pfn(1ULL << 52), 0, 10, 0, -XEN_EINVAL);
	refused(&dev, mk_pfn(~0ULL), 0, 10, 0, -XEN_EINVAL);
	ck_assert(xen_dma_mapping_error(xen_dma_map_page(&dev, pfn, 0, 10, 3, 0)));
	/* Not populated: beyond the table, and over its end. */
	refused(&dev, mk_pfn(1ULL << 30), 0, 10, 0, -XEN_EFAULT);
	refused(&dev, mk_pfn(model_nr_pages() - 1), 0, 4097, 0, -XEN_EFAULT);
	refused(&dev, mk_pfn(model_nr_pages() - 1), 4096, 10, 0, -XEN_EFAULT);
	ck_assert_ptr_null(xen_dma_alloc_coherent(&dev, 0, &(dma_addr_t){0}));
	ck_assert_int_eq(dev.last_error, -XEN_EINVAL);
	ck_assert_ptr_null(xen_dma_alloc_coherent(&dev, 2 * MIB + 1, &(dma_addr_t){0}));
	ck_assert_int_eq(dev.last_error, -XEN_E2BIG);
	xen_dma_free_coherent(&dev, NULL, 10, 0);
	dma_stop();
}

static void mmio_is_itself_or_nothing(void)
{
	const pfn_t bar = mk_pfn(0xf0000), high = mk_pfn(1ULL << 28);
	struct xen_dma_dev dev = device(32);
	dma_addr_t dma;

	dma_start(NULL);
	ck_assert_int_eq(xen_p2m_identity_add(bar, 16, NULL), 0);
	ck_assert_int_eq(xen_p2m_identity_add(high, 16, NULL), 0);
	dma = xen_dma_map_page(&dev, bar, 100, 15 * 4096, XEN_DMA_FROM_DEVICE, XEN_DMA_ATTR_MMIO);
	ck_assert_uint_eq(dma, pfn_to_paddr(bar) + 100);
	xen_dma_sync_for_cpu(&dev, dma, 4096, XEN_DMA_FROM_DEVICE);
	xen_dma_unmap(&dev, dma, 15 * 4096, XEN_DMA_FROM_DEVICE, XEN_DMA_ATTR_MMIO);
	refused(&dev, bar, 100, 16 * 4096, XEN_DMA_ATTR_MMIO, -XEN_EFAULT);    /* its end */
	refused(&dev, mk_pfn(5), 0, 10, XEN_DMA_ATTR_MMIO, -XEN_EFAULT);       /* RAM */
	refused(&dev, mk_pfn(0xe0000), 0, 10, XEN_DMA_ATTR_MMIO, -XEN_EFAULT); /* nothing */
	refused(&dev, high, 0, 10, XEN_DMA_ATTR_MMIO, -XEN_ERANGE);
	refused(&dev, bar, 0, 10, 0, -XEN_EFAULT); /* not said to be MMIO */
	ck_assert_int_eq(xen_p2m_identity_remove(bar, 16), 0);
	ck_assert_int_eq(xen_p2m_identity_remove(high, 16), 0);
	ck_assert_uint_eq(bounces(&dev), 0);
	/* The set keeps its nodes; they are not the DMA layer's. */
	allocs_at_start = model_allocs();
	dma_stop();
}

/* Where the P2M's array reaches: identity is looked up page by page there, as RAM may be in it. */
static void mmio_inside_the_array(void)
{
	struct xen_dma_dev dev = device(64);
	const pfn_t bar = mk_pfn(4096 + 10);
	uint64_t *entries;

	model_start(NULL);
	ck_assert(!posix_memalign((void **)&entries, 4096, 8192 * sizeof(*entries)));
	ck_assert_int_eq(xen_p2m_extend(entries, 8192), 0);
	/* Directly in front of populated RAM, as far as the array says. */
	ck_assert_int_eq(xen_p2m_identity_add(bar, 6, NULL), 0);
	ck_assert_int_eq(xen_p2m_set(pfn_add(bar, 3), mk_mfn(5), false), 0);
	for (unsigned int nr = 1; nr <= 4; nr++)
		if (nr < 4)
			ck_assert_uint_eq(xen_dma_map_page(&dev, bar, 0, nr * 4096,
							   XEN_DMA_TO_DEVICE, XEN_DMA_ATTR_MMIO),
					  pfn_to_paddr(bar));
		else
			refused(&dev, bar, 0, nr * 4096, XEN_DMA_ATTR_MMIO, -XEN_EFAULT);
	ck_assert_int_eq(xen_p2m_set(pfn_add(bar, 3), mk_mfn(XEN_INVALID_FRAME), false), 0);
	ck_assert_int_eq(xen_p2m_identity_remove(bar, 6), 0);
	ck_assert(model_stop());
	xen_p2m_fini();
	free(entries);
}

static void masks_are_tried_out(void)
{
	struct xen_dma_dev dev = device(64);
	uint64_t calls;
	uint8_t *buf;
	dma_addr_t dma;

	dma_start(NULL);
	buf = buffer(4096);
	/* All 64 bits need no trial. */
	calls = model_hypercalls();
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(64)), 0);
	ck_assert_int_eq(xen_dma_set_coherent_mask(&dev, MASK(64)), 0);
	ck_assert(!xen_swiotlb_stats(0, &(struct xen_swiotlb_stats){0}));
	ck_assert_uint_eq(model_hypercalls(), calls);
	ck_assert_int_eq(xen_dma_set_mask(&dev, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(12)), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_set_mask(&dev, 0xfffff000), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_set_coherent_mask(&dev, 0xfffff000), -XEN_EINVAL);
	ck_assert_uint_eq(dev.limits.mask, MASK(64));

	model_reserve_below(24);
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(24)), -XEN_EIO);
	ck_assert_int_eq(xen_dma_set_coherent_mask(&dev, MASK(24)), -XEN_EIO);
	ck_assert_uint_eq(dev.limits.mask, MASK(64));
	ck_assert_uint_eq(dev.limits.coherent_mask, MASK(64));
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(28)), 0);

	model_reserve_below(0);
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(24)), 0);
	ck_assert_int_eq(xen_dma_set_coherent_mask(&dev, MASK(24)), 0);
	/* What was promised is kept when all the rest is gone. */
	model_reserve_below(32);
	dma = map(&dev, buf, 4096, XEN_DMA_TO_DEVICE);
	ck_assert_uint_le(dma + 4095, MASK(24));
	xen_dma_unmap(&dev, dma, 4096, XEN_DMA_TO_DEVICE, 0);
	model_reserve_below(0);
	/* Wider again, and another pool. */
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(64)), 0);
	ck_assert_uint_eq(map(&dev, buf, 4096, XEN_DMA_TO_DEVICE), mfn_to_dma(mfn_of(buf)));
	buffer_free(buf, 4096);
	dma_stop();
}

/* What max_mapping_size says can be mapped, wherever it lies and whatever has to be bounced. */
static void max_mapping_is_true(void)
{
	static const struct xen_dma_limits limits[] = {
		{.mask = MASK(64)},
		{.mask = MASK(28), .min_align_mask = 4095},
		{.mask = MASK(32), .boundary_mask = 0xffff},
		{.mask = MASK(32), .boundary_mask = 0xfff, .min_align_mask = 511},
		{.mask = MASK(24), .min_align_mask = 0xffff},
	};
	struct xen_dma_dev dev;
	uint8_t *buf;

	dma_start(NULL);
	buf = buffer(4 * MIB);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		size_t most, step = 64 * KIB + 511;

		ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits[i]),
				 0);
		most = xen_dma_max_mapping_size(&dev);
		ck_assert_uint_ge(most, 3585);
		for (size_t offset = 0; offset + most <= 4 * MIB && offset < 20 * step;
		     offset += step)
			xen_dma_unmap(&dev, map(&dev, buf + offset, most, XEN_DMA_TO_DEVICE), most,
				      XEN_DMA_TO_DEVICE, 0);
		ck_assert_uint_eq(bounces(&dev), 0);
		xen_swiotlb_trim(0);
	}
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	buffer_free(buf, 4 * MIB);
	dma_stop();
}

/* The last byte that a device reaches, and none behind it. */
static void mmio_up_to_the_mask(void)
{
	const pfn_t bar = mk_pfn(0xfffff);
	struct xen_dma_dev dev = device(32);

	dma_start(NULL);
	ck_assert_int_eq(xen_p2m_identity_add(bar, 2, NULL), 0);
	ck_assert_uint_eq(xen_dma_map_page(&dev, bar, 0, 4096, XEN_DMA_TO_DEVICE,
					   XEN_DMA_ATTR_MMIO),
			  0xfffff000);
	ck_assert_uint_eq(xen_dma_map_page(&dev, bar, 4095, 1, XEN_DMA_TO_DEVICE,
					   XEN_DMA_ATTR_MMIO),
			  0xffffffff);
	refused(&dev, bar, 0, 4097, XEN_DMA_ATTR_MMIO, -XEN_ERANGE);
	refused(&dev, bar, 0, 0, XEN_DMA_ATTR_MMIO, -XEN_EINVAL);
	refused(&dev, bar, 4096, 1, XEN_DMA_ATTR_MMIO, -XEN_ERANGE);
	ck_assert_int_eq(xen_p2m_identity_remove(bar, 2), 0);
	allocs_at_start = model_allocs();
	dma_stop();
}

/* What crosses the device's boundary cannot be bounced to where it would not. */
static void mmio_within_the_boundary(void)
{
	const struct xen_dma_limits l = {.mask = ~0ULL, .boundary_mask = 0xffff};
	const pfn_t bar = mk_pfn(0x100000);
	struct xen_dma_sg sg = {.pfn = bar, .offset = 0x8000, .length = 0x8001};
	struct xen_dma_dev dev;

	dma_start(NULL);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "peer", &xen_swiotlb_dma_ops, &l), 0);
	ck_assert_int_eq(xen_p2m_identity_add(bar, 64, NULL), 0);
	ck_assert_uint_eq(xen_dma_map_page(&dev, bar, 0x8000, 0x8000, XEN_DMA_TO_DEVICE,
					   XEN_DMA_ATTR_MMIO),
			  0x100008000);
	refused(&dev, bar, 0x8000, 0x8001, XEN_DMA_ATTR_MMIO, -XEN_EINVAL);
	refused(&dev, bar, 0xffff, 2, XEN_DMA_ATTR_MMIO, -XEN_EINVAL);
	refused(&dev, bar, 0, 0x20000, XEN_DMA_ATTR_MMIO, -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_map_sg(&dev, &sg, 1, XEN_DMA_TO_DEVICE, XEN_DMA_ATTR_MMIO),
			 -XEN_EINVAL);
	sg.length--;
	ck_assert_int_eq(xen_dma_map_sg(&dev, &sg, 1, XEN_DMA_TO_DEVICE, XEN_DMA_ATTR_MMIO), 1);
	ck_assert_int_eq(xen_p2m_identity_remove(bar, 64), 0);
	allocs_at_start = model_allocs();
	dma_stop();
}

/* Identity that ends within the array, in front of nothing. */
static void mmio_ends_in_the_array(void)
{
	struct xen_dma_dev dev = device(64);
	const pfn_t bar = mk_pfn(4096 + 10);
	uint64_t *entries;

	model_start(NULL);
	ck_assert(!posix_memalign((void **)&entries, 4096, 8192 * sizeof(*entries)));
	ck_assert_int_eq(xen_p2m_extend(entries, 8192), 0);
	ck_assert_int_eq(xen_p2m_identity_add(bar, 1, NULL), 0);
	refused(&dev, bar, 0, 2 * 4096, XEN_DMA_ATTR_MMIO, -XEN_EFAULT);
	ck_assert_int_eq(xen_p2m_identity_remove(bar, 1), 0);
	ck_assert(model_stop());
	xen_p2m_fini();
	free(entries);
}

static const struct unit_case cases[] = {
	{"a device's limits are checked", limits_are_checked},
	{"bad arguments are refused", bad_arguments},
	{"MMIO is mapped at itself or not at all", mmio_is_itself_or_nothing},
	{"MMIO within the P2M's array is mapped unless RAM is in it", mmio_inside_the_array},
	{"masks are tried out", masks_are_tried_out},
	{"the largest mapping is true", max_mapping_is_true},
	{"MMIO is mapped up to the mask", mmio_up_to_the_mask},
	{"MMIO crosses no boundary of the device", mmio_within_the_boundary},
	{"MMIO ends with its range", mmio_ends_in_the_array},
};

UNIT_MAIN("dma-limits", cases)
