/* SPDX-License-Identifier: MIT */
/* Bounce pools: why a request failed, and who holds the slots. */
#include "dma_test.h"

static void last_log_says(const char *text)
{
	ck_assert_msg(strstr(model_last_log(), text), "'%s' does not say '%s'", model_last_log(),
		      text);
}

static void too_big_and_no_place(void)
{
	struct xen_dma_limits l = {.mask = MASK(32), .boundary_mask = 4095};
	struct xen_swiotlb_pool *pool;
	char *buf;

	dma_start(NULL);
	pool = pool_of(32);
	buf = buffer(4 * MIB);
	ck_assert_uint_eq(xen_swiotlb_max_mapping(&bits32), 2 * MIB);
	ck_assert_int_eq(pool_try_map(pool, &bits32, buf, 2 * MIB), 0);
	ck_assert_int_eq(pool_try_map(pool, &bits32, buf, 2 * MIB + 1), -XEN_E2BIG);
	last_log_says("larger than a segment");

	ck_assert_uint_eq(xen_swiotlb_max_mapping(&l), 4096);
	ck_assert_int_eq(pool_try_map(pool, &l, buf + 100, 4096), 0);
	ck_assert_int_eq(pool_try_map(pool, &l, buf, 4097), -XEN_EINVAL);
	last_log_says("boundary and alignment");
	l.min_align_mask = 511;
	ck_assert_uint_eq(xen_swiotlb_max_mapping(&l), 4096 - 511);
	ck_assert_int_eq(pool_try_map(pool, &l, buf + 511, 4096 - 511), 0);
	ck_assert_int_eq(pool_try_map(pool, &l, buf + 511, 4096 - 510), -XEN_EINVAL);

	/* The alignment alone may push it out of the largest segment. */
	l = (struct xen_dma_limits){.mask = MASK(32), .min_align_mask = 0xffff};
	ck_assert_int_eq(pool_try_map(pool, &l, buf + 1, 2 * MIB), -XEN_EINVAL);
	ck_assert_int_eq(pool_try_map(pool, &l, buf + 0xffff, xen_swiotlb_max_mapping(&l)), 0);
	/* A pool that reaches beyond the device's addresses is the caller's mistake. */
	ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 100), -XEN_EINVAL);
	ck_assert_uint_eq(pool_stats(0).fail_too_big, 1);
	ck_assert_uint_eq(pool_stats(0).fail_no_placement, 4);
	buffer_free(buf, 4 * MIB);
	dma_stop();
}

/* Segments are aligned to their size, so there may be none that keeps all the bits. */
static void more_alignment_than_segments_have(void)
{
	static const struct xen_swiotlb_config small = {.max_segment_order = 3};
	static const struct xen_swiotlb_config few = {.max_bytes = 40 * KIB};
	struct xen_dma_limits l = {.mask = MASK(32), .min_align_mask = 0xffff};
	char *buf;

	dma_start(NULL);
	buf = buffer(64 * KIB);
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_int_eq(xen_swiotlb_configure(i ? &few : &small), 0);
		l.min_align_mask = 0xffff;
		ck_assert_uint_eq(xen_swiotlb_max_mapping(&l), 0);
		ck_assert_int_ne(pool_try_map(pool_of(32), &l, buf, 1), 0);
		l.boundary_mask = 0xfff;
		ck_assert_uint_eq(xen_swiotlb_max_mapping(&l), 0);
		l.boundary_mask = 0;
		l.min_align_mask = 0x7fff;
		ck_assert_uint_eq(xen_swiotlb_max_mapping(&l), 1);
		ck_assert_int_eq(pool_try_map(pool_of(32), &l, buf + 0x7fff, 1), 0);
		ck_assert_int_ne(pool_try_map(pool_of(32), &l, buf + 0x7fff, 2), 0);
		ck_assert_int_eq(xen_swiotlb_fini(), 0);
	}
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

static void full_and_fragmented(void)
{
	static const struct xen_swiotlb_config config = {.max_bytes = 256 * KIB};
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma[128];
	char *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	pool = pool_of(32);
	buf = buffer(256 * KIB);
	for (unsigned int i = 0; i < 128; i++)
		dma[i] = pool_map(pool, &bits32, i % 4 ? "hog" : "other", buf, SLOT,
				  XEN_DMA_TO_DEVICE);
	ck_assert_int_eq(pool_try_map(pool, &bits32, buf, 1), -XEN_ENOSPC);
	last_log_says("pool full");
	last_log_says("262144 of 262144");
	last_log_says("hog: 196608");

	/* Every second one free: half the pool, and no two slots in a row. */
	for (unsigned int i = 0; i < 128; i++)
		if ((dma[i] / SLOT) % 2)
			ck_assert(xen_swiotlb_unmap_single(dma[i], SLOT, XEN_DMA_TO_DEVICE, false));
	ck_assert_uint_eq(pool_stats(0).largest_free, SLOT);
	model_clock_advance(2000000000);
	ck_assert_int_eq(pool_try_map(pool, &bits32, buf, SLOT), 0);
	ck_assert_int_eq(pool_try_map(pool, &bits32, buf, SLOT + 1), -XEN_ENOSPC);
	last_log_says("fragmented at its limit");
	/* As much as is free, and one byte more. */
	for (unsigned int more = 0; more < 2; more++) {
		model_clock_advance(2000000000);
		ck_assert_int_eq(pool_try_map(pool, &bits32, buf, 128 * KIB + more), -XEN_ENOSPC);
		last_log_says(more ? "pool full" : "fragmented at its limit");
	}
	ck_assert_uint_eq(pool_stats(0).fail_full, 4);
	for (unsigned int i = 0; i < 128; i++)
		if (!((dma[i] / SLOT) % 2))
			ck_assert(xen_swiotlb_unmap_single(dma[i], SLOT, XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, 256 * KIB);
	dma_stop();
}

static void no_machine_memory(void)
{
	struct xen_swiotlb_pool *pool;
	char *buf;

	dma_start(NULL);
	pool = pool_of(24);
	buf = buffer(4096);
	model_reserve_below(24);
	ck_assert_int_eq(pool_try_map(pool, &(struct xen_dma_limits){.mask = MASK(24)}, buf, 100),
			 -XEN_ENOMEM);
	last_log_says("no machine memory");
	ck_assert_uint_eq(pool_stats(0).fail_no_memory, 1);
	ck_assert_uint_eq(pool_stats(0).bytes, 0);
	ck_assert(model_check());
	model_reserve_below(0);
	ck_assert_int_eq(pool_try_map(pool, &(struct xen_dma_limits){.mask = MASK(24)}, buf, 100),
			 0);
	buffer_free(buf, 4096);
	dma_stop();
}

/* There is memory, but Xen does not let this domain have it in pieces: no want of memory. */
static void refused_by_xen(void)
{
	static const struct xen_swiotlb_config config = {
		.max_segment_order = XEN_SWIOTLB_MIN_SEGMENT_ORDER,
	};
	struct xen_swiotlb_pool *pool;
	char *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	pool = pool_of(28);
	buf = buffer(4096);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_EPERM);
	ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 100), -XEN_ENOMEM);
	last_log_says("Xen lets this domain exchange no pieces so large");
	model_clock_advance(2000000000);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_EFAULT);
	ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 100), -XEN_ENOMEM);
	last_log_says("Xen refuses the exchange");
	model_clock_advance(2000000000);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_ENOMEM);
	ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 100), -XEN_ENOMEM);
	last_log_says("no machine memory");
	ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 100), 0);
	buffer_free(buf, 4096);
	dma_stop();
}

static void no_guest_memory(void)
{
	struct xen_swiotlb_pool *pool;
	unsigned int nr;
	void **pages;
	char *buf;

	dma_start(NULL);
	pool = pool_of(28);
	buf = buffer(4096);
	pages = take_pages(&nr, 0);
	ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 100), -XEN_ENOMEM);
	last_log_says("guest out of memory");
	while (nr)
		xen_port_free_pages(pages[--nr], 0);

	pages = take_pages(&nr, 2);
	model_clock_advance(2000000000);
	ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 100), -XEN_ENOMEM);
	last_log_says("guest memory fragmented");
	while (nr)
		xen_port_free_pages(pages[--nr], 0);
	buffer_free(buf, 4096);
	dma_stop();
}

static void one_line_a_second(void)
{
	struct xen_swiotlb_pool *pool;
	unsigned int lines;
	char *buf;

	dma_start(NULL);
	pool = pool_of(32);
	buf = buffer(4096);
	model_clock_advance(5000000000);
	for (unsigned int i = 0; i < 100000; i++)
		ck_assert_int_eq(pool_try_map(pool, &bits32, buf, 3 * MIB), -XEN_E2BIG);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	for (unsigned int i = 0; i < 10; i++) {
		model_clock_advance(500000000);
		pool_try_map(pool, &bits32, buf, 3 * MIB);
	}
	lines = model_log_lines(XEN_LOG_ERROR);
	ck_assert_uint_ge(lines, 5);
	ck_assert_uint_le(lines, 6);
	ck_assert_uint_eq(pool_stats(0).fail_too_big, 100010);
	buffer_free(buf, 4096);
	dma_stop();
}

struct sum {
	uint64_t bytes[20];
	unsigned int visits;
};

static void add_holder(const char *owner, uint64_t bytes, void *arg)
{
	struct sum *sum = arg;

	sum->bytes[owner[0] - 'a'] += bytes;
	sum->visits++;
}

static void holders_are_named_once(void)
{
	static const char owners[20][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
					   "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma[20][2];
	struct sum sum = {0};
	char *buf;

	dma_start(NULL);
	pool = pool_of(32);
	buf = buffer(64 * KIB);
	for (unsigned int i = 0; i < 20; i++)
		for (unsigned int j = 0; j < 2; j++)
			dma[i][j] = pool_map(pool, &bits32, owners[(i * 7) % 20], buf,
					     ((i * 7) % 20 + 1) * SLOT, XEN_DMA_TO_DEVICE);
	xen_swiotlb_holders(0, add_holder, &sum);
	ck_assert_uint_eq(sum.visits, 20);
	for (unsigned int i = 0; i < 20; i++)
		ck_assert_uint_eq(sum.bytes[i], 2 * (i + 1) * SLOT);
	for (unsigned int i = 0; i < 20; i++)
		for (unsigned int j = 0; j < 2; j++)
			ck_assert(xen_swiotlb_unmap_single(dma[i][j], ((i * 7) % 20 + 1) * SLOT,
							   XEN_DMA_TO_DEVICE, false));
	sum = (struct sum){0};
	xen_swiotlb_holders(0, add_holder, &sum);
	xen_swiotlb_holders(1, add_holder, &sum); /* there is no such pool */
	ck_assert_uint_eq(sum.visits, 0);
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

/* Owners of which each has a mapping, and a name that goes with it. */
struct leaving {
	char *name[3];
	dma_addr_t dma[3];
	unsigned int visits;
};

static void all_leave(const char *owner, uint64_t bytes, void *arg)
{
	static const char cut[] = "the name of a device that is as ";
	struct leaving *leaving = arg;

	ck_assert_uint_eq(strlen(owner), XEN_SWIOTLB_OWNER_MAX - 1);
	ck_assert_mem_eq(owner, cut, XEN_SWIOTLB_OWNER_MAX - 1);
	ck_assert_uint_eq(bytes, SLOT);
	if (leaving->visits++)
		return;
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert(xen_swiotlb_unmap_single(leaving->dma[i], 1, XEN_DMA_TO_DEVICE, false));
		memset(leaving->name[i], '#', strlen(leaving->name[i]));
		free(leaving->name[i]);
	}
}

static void holders_that_leave(void)
{
	struct leaving leaving = {0};
	char *buf;

	dma_start(NULL);
	buf = buffer(4096);
	for (unsigned int i = 0; i < 3; i++) {
		leaving.name[i] = strdup("the name of a device that is as long as this");
		leaving.dma[i] =
			pool_map(pool_of(32), &bits32, leaving.name[i], buf, 1, XEN_DMA_TO_DEVICE);
	}
	xen_swiotlb_holders(0, all_leave, &leaving);
	ck_assert_uint_eq(leaving.visits, 3);
	buffer_free(buf, 4096);
	dma_stop();
}

/* One segment, full: what was freed is found again, whatever state its slots are in. */
static void freed_in_a_full_pool(void)
{
	static const struct xen_swiotlb_config config = {.max_bytes = 256 * KIB};
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma[128];
	char *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	pool = pool_of(32);
	buf = buffer(16 * KIB);
	/* Two blocks of one size that are no buddies. */
	for (unsigned int i = 0; i < 16; i++)
		dma[i] = pool_map(pool, &bits32, "dev", buf, 16 * KIB, XEN_DMA_TO_DEVICE);
	ck_assert_int_eq(pool_try_map(pool, &bits32, buf, 1), -XEN_ENOSPC);
	for (unsigned int i = 0; i < 4; i += 2)
		ck_assert(xen_swiotlb_unmap_single(dma[i], 16 * KIB, XEN_DMA_TO_DEVICE, false));
	for (unsigned int i = 0; i < 4; i += 2)
		dma[i] = pool_map(pool, &bits32, "dev", buf, 16 * KIB, XEN_DMA_TO_DEVICE);
	for (unsigned int i = 0; i < 16; i++)
		ck_assert(xen_swiotlb_unmap_single(dma[i], 16 * KIB, XEN_DMA_TO_DEVICE, false));
	/* Small blocks that were kept as such become a larger one. */
	for (unsigned int i = 0; i < 128; i++)
		dma[i] = pool_map(pool, &bits32, "dev", buf, SLOT, XEN_DMA_TO_DEVICE);
	for (unsigned int i = 0; i < 128; i++)
		if ((dma[i] / SLOT) % 128 / 8 == 5)
			ck_assert(xen_swiotlb_unmap_single(dma[i], SLOT, XEN_DMA_TO_DEVICE, false));
	ck_assert_int_eq(pool_try_map(pool, &bits32, buf, 16 * KIB), 0);
	for (unsigned int i = 0; i < 128; i++)
		if ((dma[i] / SLOT) % 128 / 8 != 5)
			ck_assert(xen_swiotlb_unmap_single(dma[i], SLOT, XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, 16 * KIB);
	dma_stop();
}

static void settings_at_their_limits(void)
{
	static const struct xen_swiotlb_config good[] = {
		{.max_bytes = 32 * KIB},
		{.max_bytes = MIB, .initial_bytes = MIB},
	};
	static const struct xen_swiotlb_config bad[] = {
		{.max_bytes = 32 * KIB - 1},
		{.max_bytes = MIB, .initial_bytes = MIB + 1},
		{.max_segment_order = XEN_SWIOTLB_MIN_SEGMENT_ORDER - 1},
		{.max_segment_order = XEN_SWIOTLB_MAX_SEGMENT_ORDER + 1},
	};
	struct xen_swiotlb_stats stats;

	dma_start(NULL);
	for (unsigned int i = 0; i < sizeof(good) / sizeof(*good); i++)
		ck_assert_int_eq(xen_swiotlb_configure(&good[i]), 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_int_eq(xen_swiotlb_configure(&bad[i]), -XEN_EINVAL);
	for (unsigned int bits = 13; bits <= 64; bits++)
		pool_of(bits);
	ck_assert(xen_swiotlb_stats(20, &stats)); /* 13 to 32, and 64 */
	for (unsigned int i = 21; i < 26; i++)
		ck_assert(!xen_swiotlb_stats(i, &stats));
	dma_stop();
}

static const struct unit_case cases[] = {
	{"what cannot be placed is refused", too_big_and_no_place},
	{"more alignment than segments have is refused", more_alignment_than_segments_have},
	{"a full and a fragmented pool say so", full_and_fragmented},
	{"a machine without memory says so", no_machine_memory},
	{"a refusal of Xen's is not taken for want of memory", refused_by_xen},
	{"a guest without memory says so", no_guest_memory},
	{"one line a second for each cause", one_line_a_second},
	{"each holder is named once", holders_are_named_once},
	{"holders are named that leave meanwhile", holders_that_leave},
	{"a full pool uses what is freed", freed_in_a_full_pool},
	{"settings at their limits", settings_at_their_limits},
};

UNIT_MAIN("swiotlb-full", cases)
