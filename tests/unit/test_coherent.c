/* SPDX-License-Identifier: MIT */
/* Coherent memory: contiguous, aligned, low and zeroed; the cache, its end and its failures. */
#include "coherent_test.h"

static bool all_zero(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}

static void every_order_and_width(void)
{
	static const unsigned int widths[] = {24, 28, 30, 32, 36, 40, 63, 64};

	dma_start(NULL);
	for (unsigned int order = 0; order <= 9; order++) {
		for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
			size_t size = XEN_PAGE_SIZE << order;
			dma_addr_t dma;
			uint8_t *va = alloc(order, widths[i], &dma);

			ck_assert_uint_eq(dma & (size - 1), 0);
			ck_assert_uint_le(dma + size - 1, MASK(widths[i]));
			ck_assert(all_zero(va, size));
			memset(va, 0x77, size);
			/* The device sees the same bytes, to the last. */
			device_write(dma + size - 1, "x", 1);
			ck_assert_uint_eq(va[size - 1], 'x');
			ck_assert_uint_eq(mfn_to_dma(mfn_of(va)), dma);
			xen_coherent_free(va, order, widths[i]);
		}
	}
	dma_stop();
}

static void no_hypercall_in_steady_state(void)
{
	struct xen_coherent_stats stats;
	uint64_t calls;
	dma_addr_t dma;
	uint8_t *va;

	dma_start(NULL);
	for (unsigned int order = 0; order < 6; order++)
		xen_coherent_free(alloc(order, 28, &dma), order, 28);
	calls = model_hypercalls();
	for (unsigned int i = 0; i < 1000; i++) {
		va = alloc(i % 6, 28, &dma);
		ck_assert(all_zero(va, XEN_PAGE_SIZE << (i % 6)));
		memset(va, 0xcc,
		       XEN_PAGE_SIZE << (i % 6)); /* for the next one to see, if it could */
		xen_coherent_free(va, i % 6, 28);
	}
	ck_assert_uint_eq(model_hypercalls(), calls);
	xen_coherent_stats(&stats);
	ck_assert_uint_eq(stats.hits, 1000);
	ck_assert_uint_eq(stats.misses, 6);
	ck_assert_uint_eq(stats.bytes_live, 0);
	ck_assert_uint_eq(stats.bytes_cached, 63 * XEN_PAGE_SIZE);
	dma_stop();
}

/* No two kinds share a region, and none is handed out twice. */
static void handed_out_once(void)
{
	static struct {
		uint8_t *va;
		unsigned int order, bits, tag;
	} held[100];
	uint64_t rng = unit_seed();

	dma_start(NULL);
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int n = unit_random(&rng) % 100;
		size_t size = XEN_PAGE_SIZE << held[n].order;
		dma_addr_t dma;

		if (held[n].va) {
			ck_assert_uint_eq(held[n].va[0], held[n].tag);
			ck_assert_uint_eq(held[n].va[size - 1], held[n].tag);
			xen_coherent_free(held[n].va, held[n].order, held[n].bits);
			held[n].va = NULL;
			continue;
		}
		held[n].order = unit_random(&rng) % 4;
		held[n].bits = unit_random(&rng) % 2 ? 28 : 64;
		held[n].tag = 1 + unit_random(&rng) % 255;
		held[n].va = alloc(held[n].order, held[n].bits, &dma);
		ck_assert(all_zero(held[n].va, XEN_PAGE_SIZE << held[n].order));
		memset(held[n].va, (int)held[n].tag, XEN_PAGE_SIZE << held[n].order);
		if (i % 1000 == 0)
			xen_coherent_trim(64 * KIB);
	}
	for (unsigned int n = 0; n < 100; n++)
		if (held[n].va)
			xen_coherent_free(held[n].va, held[n].order, held[n].bits);
	dma_stop();
}

static void lucky_pages_need_no_exchange(void)
{
	static const struct model_params params = {.contiguous = true};
	dma_addr_t dma;

	dma_start(&params);
	xen_coherent_free(alloc(0, 64, &dma), 0, 64);
	ck_assert_uint_eq(model_hypercalls(), 0);
	dma_stop();
}

static void unaligned_luck_is_none(void)
{
	static const struct model_params params = {.contiguous = true, .nr_pages = 4096 + 5};
	dma_addr_t dma;
	void *va;

	dma_start(&params);
	for (unsigned int order = 1; order <= 9; order++) {
		va = alloc(order, 64, &dma);
		ck_assert_uint_eq(dma & ((XEN_PAGE_SIZE << order) - 1), 0);
		xen_coherent_free(va, order, 64);
	}
	dma_stop();
}

static void bad_arguments(void)
{
	static const unsigned int rows[][2] = {{10, 32}, {~0u, 32}, {0, 12}, {0, 65}, {0, 0}};
	dma_addr_t dma;
	void *va;
	int err;

	dma_start(NULL);
	for (unsigned int i = 0; i < 5; i++) {
		err = 0;
		ck_assert_ptr_null(xen_coherent_alloc(rows[i][0], rows[i][1], &dma, &err));
		ck_assert_int_eq(err, -XEN_EINVAL);
	}
	/* Given back as another kind: refused, and nobody else gets it. */
	va = alloc(2, 64, &dma);
	xen_coherent_free(va, 2, 13);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	xen_coherent_free(va, 3, 64);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 2);
	xen_coherent_free(va, 2, 64);
	dma_stop();
}

static void failures_leave_nothing(void)
{
	static const enum model_call kinds[] = {MODEL_MEMORY_OP, MODEL_ALLOC, MODEL_ALLOC_PAGES};

	dma_start(NULL);
	for (unsigned int k = 0; k < 3; k++) {
		unsigned int failures = 0;

		for (uint64_t nth = 1; nth < 6; nth++) {
			dma_addr_t dma;
			int err = 0;
			void *va;

			model_fail(kinds[k], nth, -XEN_ENOMEM);
			va = xen_coherent_alloc(3, 28, &dma, &err);
			model_fail(kinds[k], 0, 0);
			if (va) {
				xen_coherent_free(va, 3, 28);
				xen_coherent_trim(0);
			} else {
				ck_assert_int_eq(err, -XEN_ENOMEM);
				failures++;
			}
			no_allocs_left();
			ck_assert(model_check());
		}
		ck_assert_uint_gt(failures, 0);
	}
	dma_stop();
}

static void no_memory_in_the_zone(void)
{
	dma_addr_t dma;
	void *va;
	int err = 0;

	dma_start(NULL);
	model_reserve_below(24);
	ck_assert_ptr_null(xen_coherent_alloc(0, 24, &dma, &err));
	ck_assert_int_eq(err, -XEN_ENOMEM);
	va = alloc(0, 32, &dma); /* elsewhere there is */
	xen_coherent_free(va, 0, 32);
	model_reserve_below(0);
	dma_stop();
}

struct worker {
	pthread_t thread;
	uint64_t rng;
	unsigned int cpu, errors;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	model_set_cpu(w->cpu);
	for (unsigned int i = 0; i < 1000; i++) {
		unsigned int order = unit_random(&w->rng) % 3;
		dma_addr_t dma;
		int err = 0;
		uint8_t *va = xen_coherent_alloc(order, 28, &dma, &err);

		if (!va) {
			w->errors++;
			continue;
		}
		w->errors += !all_zero(va, XEN_PAGE_SIZE << order);
		memset(va, 0xff, XEN_PAGE_SIZE << order);
		xen_coherent_free(va, order, 28);
		if (i % 300 == 299)
			xen_coherent_trim(0);
	}
	return NULL;
}

static void two_cpus(void)
{
	static const struct model_params params = {.nr_cpus = 2};
	struct worker w[2] = {0};

	dma_start(&params);
	for (unsigned int i = 0; i < 2; i++) {
		w[i].cpu = i;
		w[i].rng = unit_seed() + i;
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_uint_eq(w[i].errors, 0);
	}
	dma_stop();
}

/* Given back in the order in which they were got, and got again. */
static void cached_addresses(void)
{
	dma_addr_t dma[3];
	void *va[3];
	int err;

	dma_start(NULL);
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < 3; i++) {
			va[i] = xen_coherent_alloc(1, 28, &dma[i], &err);
			ck_assert_ptr_nonnull(va[i]);
			ck_assert_uint_eq(dma[i], mfn_to_dma(mfn_of(va[i])));
		}
		for (unsigned int i = 0; i < 3; i++)
			xen_coherent_free(va[i], 1, 28);
	}
	dma_stop();
}

/* Pages whose first frame would do, but no exchange: no region. */
static void luck_in_the_first_frame(void)
{
	dma_addr_t dma;
	int err;

	dma_start(NULL);
	for (unsigned int i = 0; i < 40; i++) {
		void *other = buffer(8192);

		model_fail(MODEL_MEMORY_OP, 1, -XEN_ENOMEM);
		err = 0;
		ck_assert_ptr_null(xen_coherent_alloc(1, 64, &dma, &err));
		ck_assert_int_eq(err, -XEN_ENOMEM);
		model_fail(MODEL_MEMORY_OP, 0, 0);
		(void)other; /* the next has other frames */
	}
	xen_coherent_trim(0);
	ck_assert(model_check());
}

/* What was never allocated is not taken into the cache. */
static void freed_by_mistake(void)
{
	struct xen_coherent_stats stats;
	dma_addr_t dma;
	void *high, *low;
	int err;

	dma_start(NULL);
	high = buffer(4096);
	low = xen_coherent_alloc(0, 24, &dma, &err);
	ck_assert_ptr_nonnull(low);
	xen_coherent_free(low, 99, 24);
	xen_coherent_free(low, 0, 12);
	xen_coherent_free(high, 0, 24); /* its frame is not low enough */
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 3);
	xen_coherent_stats(&stats);
	ck_assert_uint_eq(stats.bytes_cached, 0);
	ck_assert_uint_eq(stats.bytes_live, 4096);
	xen_coherent_free(low, 0, 24);
	buffer_free(high, 4096);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"what comes from the cache has its own address", cached_addresses},
	{"every order and width is contiguous, aligned, low and zero", every_order_and_width},
	{"the steady state makes no hypercall", no_hypercall_in_steady_state},
	{"a region is handed out once", handed_out_once},
	{"pages that are low by luck need no exchange", lucky_pages_need_no_exchange},
	{"pages that are contiguous but not aligned are exchanged", unaligned_luck_is_none},
	{"bad arguments are refused", bad_arguments},
	{"failures leave nothing behind", failures_leave_nothing},
	{"an empty zone is an error", no_memory_in_the_zone},
	{"two CPUs at once", two_cpus},
	{"one frame that would do makes no region", luck_in_the_first_frame},
	{"what is freed by mistake is left alone", freed_by_mistake},
};

UNIT_MAIN("coherent", cases)
