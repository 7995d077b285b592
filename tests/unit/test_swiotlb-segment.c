/* SPDX-License-Identifier: MIT */
/* Bounce pools: what a segment's frames must be like, asked of Xen or found, and whose area has it.
 */
#include "dma_test.h"

/* Frames that lie all about: every segment is one piece for the device, wherever it begins. */
static void every_segment_is_one_piece(void)
{
	static const struct xen_swiotlb_config config = {.max_segment_order = 3};
	static const struct xen_dma_limits any = {.mask = MASK(64)};
	static uint8_t seen[32 * KIB];
	uint64_t rng = unit_seed();
	dma_addr_t dma[64];
	uint8_t *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	buf = buffer(sizeof(seen));
	for (unsigned int i = 0; i < 64; i++) {
		fill_random(buf, sizeof(seen), &rng);
		dma[i] = pool_map(pool_of(64), &any, "dev", buf, sizeof(seen), XEN_DMA_TO_DEVICE);
		device_read(dma[i], seen, sizeof(seen));
		ck_assert_mem_eq(seen, buf, sizeof(seen));
	}
	for (unsigned int i = 0; i < 64; i++)
		ck_assert(xen_swiotlb_unmap_single(dma[i], sizeof(seen), XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, sizeof(seen));
	dma_stop();
}

/* The port has one block, in one piece, right behind what the device reaches. */
static void luck_beyond_the_device(void)
{
	static const struct xen_e820_entry map[] = {{0, 0x10800000, XEN_E820_RAM}};
	static const struct model_params params = {.contiguous = true, .e820 = map, .nr_e820 = 1};
	static const struct xen_swiotlb_config config = {.max_segment_order = 3};
	static void *block[512];
	unsigned int nr = 0;
	dma_addr_t dma;
	char *buf;

	dma_start(&params);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	buf = buffer(4096);
	while ((block[nr] = xen_port_alloc_pages(3)))
		nr++;
	for (unsigned int i = 0; i < nr; i++)
		if (mfn_x(mfn_of(block[i])) == 0x10000) {
			xen_port_free_pages(block[i], 3);
			block[i] = NULL;
		}
	dma = pool_map(pool_of(28), &bits28, "dev", buf, 100, XEN_DMA_TO_DEVICE);
	ck_assert_uint_le(dma + 99, MASK(28));
	ck_assert_uint_eq(pool_stats(0).bytes, 32 * KIB); /* it was that block */
	ck_assert(xen_swiotlb_unmap_single(dma, 100, XEN_DMA_TO_DEVICE, false));
	ck_assert_uint_eq(xen_swiotlb_trim(0), 32 * KIB);
	while (nr)
		if (block[--nr])
			xen_port_free_pages(block[nr], 3);
	buffer_free(buf, 4096);
	dma_stop();
}

/* What was not asked of Xen is not given back to it. */
static void luck_is_not_given_back(void)
{
	static const struct model_params params = {.contiguous = true};
	static const struct xen_dma_limits any = {.mask = MASK(64)};
	char *buf;

	dma_start(&params);
	buf = buffer(4096);
	ck_assert_int_eq(pool_try_map(pool_of(64), &any, buf, 100), 0);
	ck_assert_uint_gt(xen_swiotlb_trim(0), 0);
	ck_assert_uint_eq(model_hypercalls(), 0);
	buffer_free(buf, 4096);
	dma_stop();
}

/* Xen stops half-way: what it did not do is no segment, however its frames lie. */
static void what_xen_did_not_do(void)
{
	static const struct xen_dma_limits any = {.mask = MASK(64)};
	static const struct xen_swiotlb_config config = {.max_segment_order = 3};
	static uint8_t seen[32 * KIB];
	uint64_t rng = unit_seed();
	dma_addr_t dma;
	uint8_t *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	buf = buffer(sizeof(seen));
	for (unsigned int most = 0; most < 60; most++) {
		model_exchange_stops_after(most % 2);
		fill_random(buf, sizeof(seen), &rng);
		if (!xen_swiotlb_map_single(pool_of(64), &any, "dev", paddr_of(buf), sizeof(seen),
					    XEN_DMA_TO_DEVICE, &dma)) {
			device_read(dma, seen, sizeof(seen));
			ck_assert_mem_eq(seen, buf, sizeof(seen));
			ck_assert(xen_swiotlb_unmap_single(dma, sizeof(seen), XEN_DMA_TO_DEVICE,
							   false));
		}
		ck_assert_ptr_null(strstr(model_last_log(), "Xen gave"));
		model_exchange_stops_after(~0ULL);
		xen_swiotlb_trim(0);
		ck_assert(model_check());
	}
	buffer_free(buf, sizeof(seen));
	dma_stop();
}

/* The last CPU's area has a segment: the first CPU uses it before the pool grows. */
static void the_last_area_too(void)
{
	static const struct model_params params = {.nr_cpus = 4};
	dma_addr_t dma[4];
	char *buf;

	dma_start(&params);
	buf = buffer(4096);
	for (unsigned int i = 0; i < 4; i++) {
		model_set_cpu(3 - i);
		dma[i] = pool_map(pool_of(32), &bits32, "dev", buf, 4096, XEN_DMA_TO_DEVICE);
	}
	ck_assert_uint_eq(pool_stats(0).segments, 1);
	for (unsigned int i = 0; i < 4; i++)
		ck_assert(xen_swiotlb_unmap_single(dma[i], 4096, XEN_DMA_TO_DEVICE, false));
	/* The largest free piece is that of all areas. */
	ck_assert_uint_eq(pool_stats(0).largest_free, pool_stats(0).bytes);
	model_set_cpu(0);
	dma[0] = pool_map(pool_of(32), &bits32, "dev", buf, 4096, XEN_DMA_TO_DEVICE);
	ck_assert_uint_ge(pool_stats(0).largest_free, pool_stats(0).bytes / 2);
	ck_assert(xen_swiotlb_unmap_single(dma[0], 4096, XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, 4096);
	dma_stop();
}

/* Pools come to an end and begin again, with segments at the same places. */
static void another_life(void)
{
	char *buf;

	dma_start(NULL);
	buf = buffer(4096);
	for (unsigned int i = 0; i < 3; i++) {
		dma_addr_t dma = pool_map(pool_of(28), &bits28, "dev", buf, 100, XEN_DMA_TO_DEVICE);

		ck_assert(xen_swiotlb_is_bounce(dma));
		ck_assert(xen_swiotlb_unmap_single(dma, 100, XEN_DMA_TO_DEVICE, false));
		ck_assert(!xen_swiotlb_is_bounce(dma));
		ck_assert_int_eq(xen_swiotlb_fini(), 0);
		ck_assert(!xen_swiotlb_is_bounce(dma));
	}
	buffer_free(buf, 4096);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"every segment is one piece", every_segment_is_one_piece},
	{"pages that are contiguous beyond the device's reach are exchanged",
	 luck_beyond_the_device},
	{"pages that needed no exchange are not exchanged back", luck_is_not_given_back},
	{"what Xen did not exchange is no segment", what_xen_did_not_do},
	{"the last area is tried before the pool grows", the_last_area_too},
	{"pools end and begin again", another_life},
};

UNIT_MAIN("swiotlb-segment", cases)
