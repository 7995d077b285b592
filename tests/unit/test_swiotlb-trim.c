/* SPDX-License-Identifier: MIT */
/* Bounce pools: what they begin with, what they keep, and from when on a segment counts as idle. */
#include "dma_test.h"

#define SECOND 1000000000ULL

/* Idle is a segment since its last mapping went, whether of few slots or of many. */
static void idle_since_the_last(void)
{
	static const size_t sizes[] = {SLOT, 4 * SLOT, 3 * SLOT, 16 * SLOT};
	char *buf;

	dma_start(NULL);
	buf = buffer(64 * KIB);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		dma_addr_t dma =
			pool_map(pool_of(28), &bits28, "dev", buf, sizes[i], XEN_DMA_TO_DEVICE);

		model_clock_advance(5 * SECOND);
		ck_assert(xen_swiotlb_unmap_single(dma, sizes[i], XEN_DMA_TO_DEVICE, false));
		ck_assert_uint_eq(xen_swiotlb_trim(SECOND), 0);
		model_clock_advance(SECOND - 1);
		ck_assert_uint_eq(xen_swiotlb_trim(SECOND), 0);
		model_clock_advance(1);
		ck_assert_uint_gt(xen_swiotlb_trim(SECOND), 0);
		ck_assert_uint_eq(pool_stats(0).bytes, 0);
		ck_assert_uint_eq(pool_stats(0).segments, 0);
	}
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

/* The same while time passes between any two looks at the clock: what waits unmerged is idle since
 * housekeeping merged it, which is not before the moment that it compares with. */
static void idle_by_a_running_clock(void)
{
	dma_addr_t dma;
	char *buf;

	dma_start(NULL);
	buf = buffer(4096);
	model_clock_run(1);
	for (unsigned int i = 0; i < 3; i++) {
		dma = pool_map(pool_of(28), &bits28, "dev", buf, 4096, XEN_DMA_TO_DEVICE);
		ck_assert(xen_swiotlb_unmap_single(dma, 4096, XEN_DMA_TO_DEVICE, false));
		model_clock_advance(5 * SECOND);
		ck_assert_uint_eq(xen_swiotlb_trim(SECOND), 0);
		ck_assert_uint_eq(pool_stats(0).shrunk, 0);
	}
	model_clock_advance(SECOND);
	ck_assert_uint_gt(xen_swiotlb_trim(SECOND), 0);
	buffer_free(buf, 4096);
	dma_stop();
}

/* A segment that was never used is idle since it was made; made again, since then. */
static void idle_since_it_was_made(void)
{
	dma_start(NULL);
	for (unsigned int i = 0; i < 2; i++) {
		model_clock_advance(5 * SECOND);
		ck_assert_int_eq(xen_swiotlb_pool_probe(pool_of(28)), 0);
		ck_assert_uint_eq(pool_stats(0).segments, 1);
		/* There is one: no other is made. */
		ck_assert_int_eq(xen_swiotlb_pool_probe(pool_of(28)), 0);
		ck_assert_uint_eq(pool_stats(0).segments, 1);
		ck_assert_uint_eq(xen_swiotlb_trim(SECOND), 0);
		model_clock_advance(SECOND);
		ck_assert_uint_gt(xen_swiotlb_trim(SECOND), 0);
	}
	dma_stop();
}

/* A segment stays that would leave less than the pool begins with. */
static void keeps_what_it_begins_with(void)
{
	static const struct xen_swiotlb_config config = {.initial_bytes = 64 * KIB};
	uint64_t held;
	char *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	buf = buffer(512 * KIB);
	pool_of(28);
	held = pool_stats(0).bytes;
	ck_assert_uint_gt(held, 64 * KIB);
	ck_assert_uint_eq(xen_swiotlb_trim(0), 0);
	ck_assert_int_eq(pool_try_map(pool_of(28), &bits28, buf, 512 * KIB), 0);
	ck_assert_uint_gt(pool_stats(0).bytes, held);
	ck_assert_uint_gt(xen_swiotlb_trim(0), 0);
	ck_assert_uint_ge(pool_stats(0).bytes, 64 * KIB);
	buffer_free(buf, 512 * KIB);
	dma_stop();
}

/* Asked of Xen in several goes, it is no more than it should be. */
static void begins_with_what_was_asked(void)
{
	static const struct xen_swiotlb_config config = {.initial_bytes = 768 * KIB,
							 .max_segment_order = 4};

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	pool_of(28);
	ck_assert_uint_eq(pool_stats(0).bytes, 768 * KIB);
	ck_assert_uint_eq(pool_stats(0).segments, 12);
	dma_stop();
}

/* With less than it should begin with a pool says so, works, and gives nothing up. */
static void begins_with_less(void)
{
	static const struct xen_swiotlb_config config = {.initial_bytes = 4 * MIB,
							 .max_segment_order = 3};
	unsigned int nr;
	void **pages;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	/* The guest has pieces of 32 KiB, but only a few. */
	pages = take_pages(&nr, 0);
	for (unsigned int i = 0; i < nr; i++)
		if (pfn_x(xen_port_virt_to_pfn(pages[i])) % 512 < 8) {
			xen_port_free_pages(pages[i], 0);
			pages[i] = NULL;
		}
	pool_of(28);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_WARN), 1);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "28-bit pool begins with"));
	ck_assert_uint_gt(pool_stats(0).bytes, 0);
	ck_assert_uint_lt(pool_stats(0).bytes, MIB);
	ck_assert_uint_eq(xen_swiotlb_trim(0), 0);
	while (nr)
		if (pages[--nr])
			xen_port_free_pages(pages[nr], 0);
	dma_stop();
}

/* The most that a pool held does not shrink with it. */
static void the_most_is_remembered(void)
{
	char *buf;
	uint64_t most;

	dma_start(NULL);
	buf = buffer(MIB);
	ck_assert_int_eq(pool_try_map(pool_of(28), &bits28, buf, MIB), 0);
	most = pool_stats(0).bytes_held_high;
	ck_assert_uint_ge(most, MIB);
	ck_assert_uint_eq(xen_swiotlb_trim(0), most);
	ck_assert_int_eq(pool_try_map(pool_of(28), &bits28, buf, 100), 0);
	ck_assert_uint_lt(pool_stats(0).bytes, most);
	ck_assert_uint_eq(pool_stats(0).bytes_held_high, most);
	buffer_free(buf, MIB);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"a segment is idle since its last mapping went", idle_since_the_last},
	{"a segment that was busy a moment ago stays while the clock runs",
	 idle_by_a_running_clock},
	{"a segment without mappings is idle since it was made", idle_since_it_was_made},
	{"what a pool begins with stays", keeps_what_it_begins_with},
	{"a pool begins with no more than was asked for", begins_with_what_was_asked},
	{"a pool that begins with less says so", begins_with_less},
	{"the most that was held is remembered", the_most_is_remembered},
};

UNIT_MAIN("swiotlb-trim", cases)
