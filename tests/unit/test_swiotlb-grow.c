/* SPDX-License-Identifier: MIT */
/* Bounce pools: growing, failing to, shrinking, areas, and two CPUs at once. */
#include "dma_test.h"

/* Every call that growth makes fails once, in turn: nothing is left behind, and the next works. */
static void growth_fails_cleanly(void)
{
	static const enum model_call kinds[] = {MODEL_MEMORY_OP, MODEL_ALLOC, MODEL_ALLOC_PAGES};
	static const struct xen_swiotlb_config config = {.max_segment_order = 3};
	struct xen_swiotlb_pool *pool;
	char *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	pool = pool_of(28);
	buf = buffer(4096);
	for (unsigned int k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		int failures = 0;

		for (uint64_t nth = 1; nth < 8; nth++) {
			struct model_allocs before = model_allocs(), after;
			int err;

			model_fail(kinds[k], nth, -XEN_ENOMEM);
			err = pool_try_map(pool, &bits28, buf, 100);
			model_fail(kinds[k], 0, 0);
			ck_assert(err == 0 || err == -XEN_ENOMEM);
			failures += err != 0;
			xen_swiotlb_trim(0);
			ck_assert_uint_eq(pool_stats(0).bytes, 0);
			after = model_allocs();
			ck_assert_uint_eq(after.pages, before.pages);
			ck_assert(model_check());
			ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 100), 0);
			xen_swiotlb_trim(0);
		}
		ck_assert_int_gt(failures, 0);
	}
	buffer_free(buf, 4096);
	dma_stop();
}

static void half_an_exchange(void)
{
	struct xen_swiotlb_pool *pool;
	unsigned int nr;
	uint64_t calls;
	void **pages;
	char *buf;

	dma_start(NULL);
	pool = pool_of(28);
	buf = buffer(4096);
	/* In the guest's memory there is nothing above 32 KiB in one piece. */
	pages = take_pages(&nr, 0);
	for (unsigned int i = 0; i < nr; i++)
		if (pages[i] && pfn_x(xen_port_virt_to_pfn(pages[i])) % 16 < 8) {
			xen_port_free_pages(pages[i], 0);
			pages[i] = NULL;
		}
	for (unsigned int stop = 0; stop <= 8; stop++) {
		model_exchange_stops_after(stop);
		calls = model_calls(MODEL_MEMORY_OP);
		ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 100), stop ? 0 : -XEN_ENOMEM);
		calls = model_calls(MODEL_MEMORY_OP) - calls;
		ck_assert_uint_eq(pool_stats(0).bytes, stop * 32 * KIB);
		if (stop == 8)
			ck_assert_uint_eq(calls, 1); /* eight segments, one exchange */
		ck_assert(model_check());
		model_exchange_stops_after(~0ULL);
		ck_assert_uint_eq(xen_swiotlb_trim(0), stop * 32 * KIB);
	}
	while (nr)
		if (pages[--nr])
			xen_port_free_pages(pages[nr], 0);
	buffer_free(buf, 4096);
	dma_stop();
}

static void lucky_pages_need_no_exchange(void)
{
	static const struct model_params params = {.contiguous = true};
	char *buf;

	dma_start(&params);
	buf = buffer(4096);
	ck_assert_int_eq(
		pool_try_map(pool_of(64), &(struct xen_dma_limits){.mask = MASK(64)}, buf, 100), 0);
	ck_assert_uint_eq(model_hypercalls(), 0);
	buffer_free(buf, 4096);
	dma_stop();
}

/* Luck is not enough without alignment: slots would cross boundaries. */
static void unaligned_luck_is_none(void)
{
	static const struct model_params params = {.contiguous = true, .nr_pages = 4096 + 5};
	struct xen_dma_limits l = {.mask = MASK(64), .boundary_mask = 0xffff};
	dma_addr_t dma[4];
	char *buf;

	dma_start(&params);
	buf = buffer(64 * KIB);
	for (unsigned int i = 0; i < 4; i++) {
		dma[i] = pool_map(pool_of(64), &l, "dev", buf, 64 * KIB, XEN_DMA_TO_DEVICE);
		ck_assert_uint_eq(dma[i] & 0xffff, 0);
	}
	ck_assert_uint_gt(model_hypercalls(), 0);
	for (unsigned int i = 0; i < 4; i++)
		ck_assert(xen_swiotlb_unmap_single(dma[i], 64 * KIB, XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

static void steady_state_makes_no_hypercall(void)
{
	struct xen_swiotlb_pool *pool;
	uint64_t calls;
	char *buf;

	dma_start(NULL);
	pool = pool_of(28);
	buf = buffer(64 * KIB);
	ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 64 * KIB), 0);
	calls = model_hypercalls();
	for (unsigned int i = 0; i < 1000; i++)
		ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 1 + i * 60), 0);
	ck_assert_uint_eq(model_hypercalls(), calls);
	ck_assert_uint_eq(pool_stats(0).maps, 1001);
	ck_assert_uint_eq(pool_stats(0).bytes_mapped, 64 * KIB + 1000 + 60 * (1000 * 999 / 2));
	ck_assert_uint_eq(pool_stats(0).grown, 1);
	ck_assert_uint_eq(pool_stats(0).bytes_high, 64 * KIB);
	ck_assert_uint_eq(pool_stats(0).bytes_held_high, pool_stats(0).bytes);
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

static void grows_to_the_limit_and_back(void)
{
	static const struct model_params params = {.nr_pages = 8192};
	static const struct xen_swiotlb_config config = {.max_bytes = 6 * MIB};
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma[3072];
	unsigned int n = 0;
	char *buf;

	dma_start(&params);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	pool = pool_of(32);
	buf = buffer(4096);
	for (; n < 3072; n++)
		dma[n] = pool_map(pool, &bits32, "dev", buf, SLOT, XEN_DMA_TO_DEVICE);
	ck_assert_int_eq(pool_try_map(pool, &bits32, buf, SLOT), -XEN_ENOSPC);
	ck_assert_uint_eq(pool_stats(0).bytes, 6 * MIB);
	ck_assert_uint_eq(pool_stats(0).bytes_used, 6 * MIB);
	ck_assert_uint_le(pool_stats(0).segments, 8); /* it doubled */
	ck_assert_uint_eq(xen_swiotlb_trim(0), 0);
	ck_assert_int_eq(xen_swiotlb_fini(), -XEN_EBUSY);
	while (n)
		ck_assert(xen_swiotlb_unmap_single(dma[--n], SLOT, XEN_DMA_TO_DEVICE, false));

	ck_assert_uint_eq(xen_swiotlb_trim(1000), 0); /* not idle for long */
	model_clock_advance(999);
	ck_assert_uint_eq(xen_swiotlb_trim(1000), 0);
	model_clock_advance(1);
	ck_assert_uint_eq(xen_swiotlb_trim(1000), 6 * MIB);
	ck_assert_uint_eq(pool_stats(0).bytes, 0);
	ck_assert_uint_eq(pool_stats(0).shrunk, pool_stats(0).grown);
	ck_assert(model_check());
	buffer_free(buf, 4096);
	dma_stop();
}

/* Areas: what another CPU's area has is used before the pool grows. */
static void other_areas_first(void)
{
	static const struct model_params params = {.nr_cpus = 4};
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma[4];
	char *buf;

	dma_start(&params);
	pool = pool_of(32);
	buf = buffer(4096);
	for (unsigned int cpu = 0; cpu < 4; cpu++) {
		model_set_cpu(cpu);
		dma[cpu] = pool_map(pool, &bits32, "dev", buf, 4096, XEN_DMA_TO_DEVICE);
	}
	ck_assert_uint_eq(pool_stats(0).segments, 1);
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		ck_assert(xen_swiotlb_unmap_single(dma[cpu], 4096, XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, 4096);
	dma_stop();
}

/* To be run under SAN=tsan, too. */
struct worker {
	pthread_t thread;
	unsigned int cpu;
	uint64_t rng;
	uint8_t *buf;
	unsigned int errors, maps;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	const char *owner = w->cpu ? "one" : "zero";

	model_set_cpu(w->cpu);
	for (unsigned int i = 0; i < 3000; i++) {
		size_t size = 1 + unit_random(&w->rng) % (i % 8 ? 4096 : 60000);
		uint8_t tag = (uint8_t)unit_random(&w->rng), seen = 0;
		dma_addr_t dma;
		int err;

		memset(w->buf, tag, size);
		if (xen_swiotlb_map_single(xen_swiotlb_pool_get(MASK(28), &err), &bits28, owner,
					   paddr_of(w->buf), size, XEN_DMA_BIDIRECTIONAL, &dma))
			continue;
		w->maps++;
		w->errors += !model_dma_read(dma + size - 1, &seen, 1) || seen != tag;
		tag ^= 0xff;
		w->errors += !model_dma_write(dma + size - 1, &tag, 1);
		xen_swiotlb_sync_single(dma + size - 1, 1, XEN_DMA_BIDIRECTIONAL, true);
		w->errors += w->buf[size - 1] != tag;
		w->errors += !xen_swiotlb_is_bounce(dma);
		xen_swiotlb_is_bounce(dma ^ SLOT); /* the other's, perhaps */
		w->errors += !xen_swiotlb_unmap_single(dma, size, XEN_DMA_BIDIRECTIONAL, i % 2);
		if (i % 500 == 499)
			xen_swiotlb_trim(0);
		if (i % 100 == 99) {
			struct xen_swiotlb_stats stats;

			xen_swiotlb_stats(0, &stats);
		}
	}
	return NULL;
}

static void two_cpus(void)
{
	static const struct model_params params = {.nr_cpus = 2};
	static const struct xen_swiotlb_config config = {.max_bytes = MIB};
	struct worker w[2] = {0};

	dma_start(&params);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	for (unsigned int i = 0; i < 2; i++) {
		w[i].cpu = i;
		w[i].rng = unit_seed() + i;
		w[i].buf = buffer(64 * KIB);
	}
	for (unsigned int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_uint_eq(w[i].errors, 0);
		ck_assert_uint_eq(w[i].maps, 3000);
		buffer_free(w[i].buf, 64 * KIB);
	}
	ck_assert_uint_eq(pool_stats(0).bytes_used, 0);
	dma_stop();
}

/* Each allocation that a pool's first growth makes fails in turn: an error, and nothing left. */
static void no_memory_to_grow(void)
{
	unsigned int nth, failed = 0;

	for (nth = 1; nth < 50; nth++) {
		struct xen_swiotlb_pool *pool;
		uint64_t calls;
		char *buf;
		int err;

		dma_start(NULL);
		buf = buffer(4096);
		pool = pool_of(28);
		calls = model_calls(MODEL_ALLOC);
		model_fail(MODEL_ALLOC, nth, 0);
		err = pool_try_map(pool, &bits28, buf, 4096);
		model_fail(MODEL_ALLOC, 0, 0);
		ck_assert(err == 0 || err == -XEN_ENOMEM);
		calls = model_calls(MODEL_ALLOC) - calls;
		failed += err != 0 || calls >= nth;
		ck_assert_int_eq(pool_try_map(pool, &bits28, buf, 4096), 0);
		buffer_free(buf, 4096);
		dma_stop();
		if (calls < nth)
			break;
	}
	ck_assert_uint_gt(failed, 2);
	ck_assert_uint_lt(nth, 50);
}

/* A pool of its own, but look-ups meet the other's segments. */
static void *make_segments(void *arg)
{
	struct worker *w = arg;
	struct xen_dma_limits limits = {.mask = w->cpu ? MASK(30) : MASK(31)};
	dma_addr_t dma[40];
	int err;

	model_set_cpu(w->cpu);
	for (unsigned int i = 0; i < 40; i++) {
		w->errors += xen_swiotlb_map_single(xen_swiotlb_pool_get(limits.mask, &err),
						    &limits, "dev", paddr_of(w->buf), 32 * KIB,
						    XEN_DMA_BIDIRECTIONAL, &dma[i]) != 0;
		for (unsigned int k = 0; k <= i; k++)
			xen_swiotlb_sync_single(dma[k], 1, XEN_DMA_BIDIRECTIONAL, true);
	}
	for (unsigned int i = 0; i < 40; i++)
		w->errors += !xen_swiotlb_unmap_single(dma[i], 32 * KIB, XEN_DMA_BIDIRECTIONAL, 0);
	return NULL;
}

static void two_pools(void)
{
	static const struct model_params params = {.nr_cpus = 2};
	static const struct xen_swiotlb_config config = {.max_segment_order = 3};
	struct worker w[2] = {0};

	dma_start(&params);
	/* All memory is below 2^30: the segments of both lie among each other. */
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	for (unsigned int i = 0; i < 2; i++) {
		w[i].cpu = i;
		w[i].buf = buffer(32 * KIB);
	}
	for (unsigned int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, make_segments, &w[i]), 0);
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_uint_eq(w[i].errors, 0);
		buffer_free(w[i].buf, 32 * KIB);
	}
	dma_stop();
}

static const struct unit_case cases[] = {
	{"a pool that cannot grow for want of memory leaves nothing", no_memory_to_grow},
	{"growth that fails leaves nothing behind", growth_fails_cleanly},
	{"half an exchange makes half the segments", half_an_exchange},
	{"pages that are contiguous by luck need no exchange", lucky_pages_need_no_exchange},
	{"pages that are contiguous but not aligned are exchanged", unaligned_luck_is_none},
	{"the steady state makes no hypercall", steady_state_makes_no_hypercall},
	{"a pool grows to its limit and back", grows_to_the_limit_and_back},
	{"other areas are tried before the pool grows", other_areas_first},
	{"two CPUs at once", two_cpus},
	{"two CPUs make segments beside each other", two_pools},
};

UNIT_MAIN("swiotlb-grow", cases)
