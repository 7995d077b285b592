/* SPDX-License-Identifier: MIT */
/* Bounce pools of several CPUs: whose segments serve whom, and when one gets its own. */
#include <xen/hypercall.h>

#include "dma_test.h"

static const struct model_params four = {.nr_cpus = 4};

static char *buf;

static void start(uint64_t max_bytes)
{
	const struct xen_swiotlb_config config = {.max_bytes = max_bytes};

	dma_start(&four);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	buf = buffer(MIB);
}

static void stop(void)
{
	buffer_free(buf, MIB);
	dma_stop();
}

static dma_addr_t map_on(unsigned int cpu, size_t size)
{
	model_set_cpu(cpu);
	return pool_map(pool_of(28), &bits28, "dev", buf, size, XEN_DMA_TO_DEVICE);
}

static void unmap(dma_addr_t dma, size_t size)
{
	ck_assert(xen_swiotlb_unmap_single(dma, size, XEN_DMA_TO_DEVICE, false));
}

/* CPU @cpu maps and unmaps @times; the segments that there are then. */
static uint64_t segments_after(unsigned int cpu, unsigned int times)
{
	for (unsigned int i = 0; i < times; i++)
		unmap(map_on(cpu, 4096), 4096);
	return pool_stats(0).segments;
}

/* Whoever holds a slot of it keeps it; when it is all free it goes where it is needed. */
static void a_free_segment_moves(void)
{
	dma_addr_t held;

	start(64 * MIB);
	unmap(map_on(0, 4096), 4096);
	ck_assert_uint_eq(pool_stats(0).largest_free, 256 * KIB);
	/* It is CPU 2's now: if it were borrowed, so many would ask for another one. */
	for (unsigned int i = 0; i < 4; i++)
		ck_assert_uint_eq(segments_after(2, 60), 1);
	held = map_on(2, 64 * KIB);
	/* Not wholly free, and too little for this: the pool grows, for CPU 1. */
	unmap(map_on(1, 256 * KIB), 256 * KIB);
	ck_assert_uint_eq(pool_stats(0).segments, 2);
	unmap(held, 64 * KIB);
	/* The largest mapping finds it again, whoever asks. */
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		unmap(map_on(cpu, 256 * KIB), 256 * KIB);
	ck_assert_uint_eq(pool_stats(0).segments, 2);
	stop();
}

/* Sharing is for those that come now and then. */
static void who_stays_gets_its_own(void)
{
	dma_addr_t held;

	start(64 * MIB);
	held = map_on(0, 4096);
	ck_assert_uint_eq(segments_after(1, 64), 1);
	ck_assert_uint_eq(segments_after(1, 1), 2);
	ck_assert_uint_eq(pool_stats(0).bytes, 512 * KIB); /* no more than it needs */
	ck_assert_uint_eq(segments_after(1, 200), 2);
	ck_assert_uint_eq(segments_after(3, 10), 2);
	ck_assert_uint_eq(segments_after(1, 200), 2);
	unmap(held, 4096);
	stop();
}

/* A free segment that is too small stays where it is; what serves is found beside it. */
static void too_small_to_move(void)
{
	start(64 * MIB);
	unmap(map_on(0, 4096), 4096);
	ck_assert_uint_eq(pool_stats(0).largest_free, 256 * KIB);
	unmap(map_on(0, 512 * KIB), 512 * KIB);
	unmap(map_on(1, 512 * KIB), 512 * KIB);
	ck_assert_uint_eq(pool_stats(0).segments, 2);
	stop();
}

/* Who got a segment has borrowed nothing since: it begins to count anew. */
static void a_segment_settles_it(void)
{
	dma_addr_t held;

	start(64 * MIB);
	held = map_on(0, 4096);
	for (unsigned int i = 0; i < 4; i++) {
		ck_assert_uint_eq(segments_after(1, 60), 1);
		unmap(held, 4096);
		/* It goes to CPU 1, and back to CPU 0; the figures merge what waits. */
		ck_assert_uint_eq(pool_stats(0).largest_free, 256 * KIB);
		unmap(map_on(1, 256 * KIB), 256 * KIB);
		ck_assert_uint_eq(pool_stats(0).largest_free, 256 * KIB);
		held = map_on(0, 4096);
	}
	unmap(held, 4096);
	stop();
}

/* Freed by an interrupt while Xen is asked, in vain, for more. */
static struct {
	dma_addr_t dma;
	unsigned int freed;
} meanwhile;

static void free_meanwhile(struct model_lie_call *call)
{
	if (call->kind != MODEL_MEMORY_OP || call->cmd != XENMEM_exchange || meanwhile.freed)
		return;
	meanwhile.freed++;
	unmap(meanwhile.dma, 128 * KIB);
}

/* What was freed while the pool tried to grow is found, in the CPU's own area as in others'. */
static void freed_while_it_grows(void)
{
	dma_addr_t dma[2], got;

	for (unsigned int cpu = 0; cpu < 2; cpu++) {
		start(64 * MIB);
		for (unsigned int i = 0; i < 2; i++)
			dma[i] = map_on(0, 128 * KIB);
		model_reserve_below(28);
		meanwhile.dma = dma[0];
		meanwhile.freed = 0;
		model_lie(free_meanwhile);
		got = map_on(cpu, 128 * KIB);
		model_lie(NULL);
		ck_assert_uint_eq(meanwhile.freed, 1);
		ck_assert_uint_eq(got, dma[0]);
		ck_assert_uint_eq(pool_stats(0).segments, 1);
		ck_assert_uint_eq(pool_stats(0).fail_no_memory, 0);
		model_reserve_below(0);
		unmap(got, 128 * KIB);
		unmap(dma[1], 128 * KIB);
		stop();
	}
}

/* No more than half of what the pool may hold goes to those who could do without. */
static void half_is_for_need(void)
{
	dma_addr_t held;

	start(512 * KIB - 1);
	held = map_on(0, 4096);
	ck_assert_uint_eq(segments_after(1, 300), 1);
	unmap(held, 4096);
	stop();

	start(512 * KIB);
	held = map_on(0, 4096);
	ck_assert_uint_eq(segments_after(1, 300), 2);
	ck_assert_uint_eq(segments_after(1, 1), 2);
	unmap(held, 4096);
	stop();
}

/* Where no segment is to be had the others' slots serve, and it is not asked for each time. */
static void short_memory_is_shared(void)
{
	uint64_t calls;
	dma_addr_t held;

	start(64 * MIB);
	held = map_on(0, 4096);
	model_reserve_below(28);
	calls = model_calls(MODEL_MEMORY_OP);
	ck_assert_uint_eq(segments_after(1, 640), 1);
	calls = model_calls(MODEL_MEMORY_OP) - calls;
	ck_assert_uint_gt(calls, 0);
	ck_assert_uint_le(calls, 9 * 16);
	model_reserve_below(0);
	unmap(held, 4096);
	stop();
}

/* A pool at its limit gives all that it has to whichever CPU asks. */
static void nothing_is_out_of_reach(void)
{
	dma_addr_t dma[32];

	start(MIB);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 32; i++)
			dma[i] = map_on(i % 4, 32 * KIB);
		ck_assert_uint_eq(pool_stats(0).bytes, MIB);
		ck_assert_int_eq(pool_try_map(pool_of(28), &bits28, buf, 1), -XEN_ENOSPC);
		for (unsigned int i = 0; i < 32; i++)
			unmap(dma[(i * 7 + round) % 32], 32 * KIB);
		for (unsigned int i = 0; i < 32; i++)
			dma[i] = map_on(round, 32 * KIB);
		for (unsigned int i = 0; i < 32; i++)
			unmap(dma[i], 32 * KIB);
		ck_assert_uint_eq(pool_stats(0).bytes_used, 0);
		ck_assert(model_check());
	}
	stop();
}

/* To be run under SAN=tsan, too: segments move while others of the pool are in use. */
struct worker {
	pthread_t thread;
	unsigned int cpu, maps, errors;
	uint64_t rng;
	uint8_t *buf;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	int err;

	model_set_cpu(w->cpu);
	for (unsigned int i = 0; i < 2000; i++) {
		size_t size = i % 4 ? 1 + unit_random(&w->rng) % 4096 : 256 * KIB;
		uint8_t tag = (uint8_t)unit_random(&w->rng), seen = 0;
		struct xen_swiotlb_stats stats;
		dma_addr_t dma;

		w->buf[size - 1] = tag;
		if (xen_swiotlb_map_single(xen_swiotlb_pool_get(MASK(28), &err), &bits28, "dev",
					   paddr_of(w->buf), size, XEN_DMA_TO_DEVICE, &dma))
			continue; /* what was free was never so at the moment that it looked */
		w->maps++;
		w->errors += !model_dma_read(dma + size - 1, &seen, 1) || seen != tag;
		w->errors += !xen_swiotlb_unmap_single(dma, size, XEN_DMA_TO_DEVICE, false);
		if (i % 3 == 0) /* it merges what waits: whole segments come about */
			xen_swiotlb_stats(0, &stats);
	}
	return NULL;
}

static void moved_in_use(void)
{
	static const struct xen_swiotlb_config config = {
		.max_bytes = MIB, .initial_bytes = MIB, .max_segment_order = 6};
	struct worker w[4] = {0};

	dma_start(&four);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	pool_of(28);
	for (unsigned int i = 0; i < 4; i++) {
		w[i].cpu = i;
		w[i].rng = unit_seed() + i;
		w[i].buf = buffer(256 * KIB);
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned int i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_uint_eq(w[i].errors, 0);
		ck_assert_uint_ge(w[i].maps, 1500);
		buffer_free(w[i].buf, 256 * KIB);
	}
	ck_assert_uint_eq(pool_stats(0).bytes_used, 0);
	ck_assert_uint_eq(pool_stats(0).segments, 4);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"a segment that is free goes to the CPU that needs one", a_free_segment_moves},
	{"a CPU that goes on borrowing gets a segment of its own", who_stays_gets_its_own},
	{"a free segment that is too small does not move", too_small_to_move},
	{"a CPU that got a segment begins to count anew", a_segment_settles_it},
	{"what is freed while the pool fails to grow is found", freed_while_it_grows},
	{"half of a pool is kept for those that find nothing", half_is_for_need},
	{"where memory is short the CPUs share", short_memory_is_shared},
	{"no CPU is refused what another's area has", nothing_is_out_of_reach},
	{"segments move while others are in use", moved_in_use},
};

UNIT_MAIN("swiotlb-areas", cases)
