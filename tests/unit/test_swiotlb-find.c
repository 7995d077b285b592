/* SPDX-License-Identifier: MIT */
/* Which segment holds an address: tables that are full, shared, or could not be had. */
#include "dma_test.h"

#define NR_MAPS 96
#define SIZE (32 * KIB)
#define GIB4 (1ULL << 32)

static const struct xen_dma_limits bits64 = {.mask = MASK(64)};
static dma_addr_t dma[NR_MAPS];
static char *buf;

/* Each is found at its first and its last byte, and is the right one. */
static void all_are_found(unsigned int nr)
{
	char seen;

	for (unsigned int i = 0; i < nr; i++) {
		buf[SIZE - 1] = (char)i;
		ck_assert(xen_swiotlb_is_bounce(dma[i]));
		ck_assert(xen_swiotlb_sync_single(dma[i] + SIZE - 1, 1, XEN_DMA_BIDIRECTIONAL,
						  false));
	}
	for (unsigned int i = 0; i < nr; i++) {
		device_read(dma[i] + SIZE - 1, &seen, 1);
		ck_assert_int_eq(seen, (char)i);
	}
}

static void all_are_gone(unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		ck_assert(xen_swiotlb_unmap_single(dma[i], SIZE, XEN_DMA_BIDIRECTIONAL, true));
	for (unsigned int i = 0; i < nr; i++)
		ck_assert(!xen_swiotlb_is_bounce(dma[i]));
	xen_swiotlb_trim(0);
	for (unsigned int i = 0; i < nr; i++)
		ck_assert(!xen_swiotlb_unmap_single(dma[i], SIZE, XEN_DMA_BIDIRECTIONAL, true));
}

/* The smallest segments, so that many share a region, and come and go. */
static void small_segments(void)
{
	static const struct xen_swiotlb_config config = {.max_segment_order = 3};

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	buf = buffer(SIZE);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < NR_MAPS; i++)
			dma[i] = pool_map(pool_of(28), &bits28, "dev", buf, SIZE,
					  XEN_DMA_BIDIRECTIONAL);
		ck_assert_uint_eq(pool_stats(0).segments, NR_MAPS);
		all_are_found(NR_MAPS);
		/* What is 4 GiB from it is none. */
		for (unsigned int i = 0; i < NR_MAPS; i++)
			ck_assert(!xen_swiotlb_is_bounce(dma[i] + GIB4));
		all_are_gone(NR_MAPS);
	}
	buffer_free(buf, SIZE);
	dma_stop();
}

/* Without memory for the table segments are found all the same. */
static void no_table(void)
{
	static const struct xen_swiotlb_config config = {.max_segment_order = 3};
	unsigned int worked = 0;
	uint64_t calls;

	for (unsigned int nth = 1;; nth++) {
		dma_start(NULL);
		ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
		buf = buffer(SIZE);
		pool_of(28);
		calls = model_calls(MODEL_ALLOC);
		model_fail(MODEL_ALLOC, nth, 0);
		worked += !pool_try_map(pool_of(28), &bits28, buf, SIZE);
		calls = model_calls(MODEL_ALLOC) - calls;
		model_fail(MODEL_ALLOC, 0, 0);
		for (unsigned int i = 0; i < 8; i++)
			dma[i] = pool_map(pool_of(28), &bits28, "dev", buf, SIZE,
					  XEN_DMA_BIDIRECTIONAL);
		all_are_found(8);
		for (unsigned int i = 0; i < 8; i++)
			ck_assert(!xen_swiotlb_is_bounce(dma[i] + GIB4));
		all_are_gone(8);
		buffer_free(buf, SIZE);
		dma_stop();
		if (calls < nth)
			break;
	}
	ck_assert_uint_gt(worked, 1); /* beside the last time, when nothing failed */
}

/* Segments 4 GiB apart have the same place in the table: the second is found too. */
static void shared_places(void)
{
	static const struct xen_e820_entry ram[] = {
		{.addr = 0, .size = 16 * MIB, .type = XEN_E820_RAM},
		{.addr = GIB4, .size = 37 * MIB, .type = XEN_E820_RAM},
	};
	static const struct model_params params = {.e820 = ram, .nr_e820 = 2, .nr_pages = 4096};
	unsigned int shared = 0;

	for (unsigned int first = 0; first < 2; first++) {
		dma_start(&params);
		buf = buffer(SIZE);
		for (unsigned int i = 0; i < NR_MAPS; i++)
			dma[i] = i % 2 == first ? pool_map(pool_of(28), &bits28, "low", buf, SIZE,
							   XEN_DMA_BIDIRECTIONAL)
						: pool_map(pool_of(64), &bits64, "high", buf, SIZE,
							   XEN_DMA_BIDIRECTIONAL);
		for (unsigned int i = 0; i < NR_MAPS; i++)
			for (unsigned int k = 0; k < i; k++)
				shared += (dma[i] ^ dma[k]) >> 15 == GIB4 >> 15;
		all_are_found(NR_MAPS);
		all_are_gone(NR_MAPS);
		buffer_free(buf, SIZE);
		dma_stop();
	}
	ck_assert_uint_gt(shared, 0);
}

static const struct unit_case cases[] = {
	{"many segments in a region are told apart", small_segments},
	{"segments without a place in the table are found", no_table},
	{"segments with the same place in the table are told apart", shared_places},
};

UNIT_MAIN("swiotlb-find", cases)
