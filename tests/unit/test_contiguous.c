/* SPDX-License-Identifier: MIT */
/*
 * Contiguous regions: every order, width, partial success, refusal and failing call. After each
 * step model_check() holds: no frame is lost or stands twice, P2M and M2P are bijective, and the
 * kernel maps every page where the P2M says.
 */
#include "contiguous_test.h"

/* @nr regions of which Xen does @most: exactly these are contiguous, the rest are as they were. */
static void create_partly(unsigned int nr, unsigned int order, unsigned int bits, unsigned int most)
{
	unsigned int done, i;
	int err;

	get_regions(nr, order);
	model_exchange_stops_after(most);
	err = xen_contiguous_create(region, nr, order, bits, &done);
	model_exchange_stops_after(~0ULL);
	unit_expect(done == (most < nr ? most : nr));
	unit_expect(err == (done < nr ? -XEN_ENOMEM : 0));
	for (i = 0; i < nr; i++)
		unit_expect(i < done ? is_contiguous(region[i], order, bits)
				     : signed_still(region[i], 1ULL << order));
	unit_expect(model_check());
	for (i = 0; i < done; i++)
		unit_expect(xen_destroy_contiguous_region(region[i], order) == 0);
	unit_expect(model_check());
	put_regions(nr, order);
}

static void every_order(void)
{
	static const unsigned int widths[] = {24, 28, 30, 32, 63, XEN_ANY_ADDRESS_BITS};
	unsigned int order, w, nr, most;

	model_start(NULL);
	for (order = 0; order <= XEN_CONTIGUOUS_MAX_ORDER; order++)
		for (w = 0; w < sizeof(widths) / sizeof(widths[0]); w++)
			for (nr = 1; nr <= 4; nr += order > 5 ? 2 : 1)
				for (most = 0; most <= nr; most++)
					create_partly(nr, order, widths[w], most);
	stop();
}

/* Regions of changing orders and widths, made and undone in random order. */
static void random_regions(void)
{
	static const unsigned int widths[] = {24, 27, 30, 32, XEN_ANY_ADDRESS_BITS};
	struct {
		pfn_t pfn;
		unsigned int order, bits;
		bool used, contiguous;
	} slot[16] = {0};
	uint64_t rnd = unit_seed();
	unsigned int i, n;

	model_start(&(struct model_params){.nr_pages = 8192});
	for (n = 0; n < 1000; n++) {
		i = unit_random(&rnd) % 16;
		if (!slot[i].used) {
			void *va;

			slot[i].order = unit_random(&rnd) % 10;
			slot[i].bits = widths[unit_random(&rnd) % 5];
			va = xen_port_alloc_pages(slot[i].order);
			if (!va)
				continue;
			slot[i].used = true;
			slot[i].pfn = xen_port_virt_to_pfn(va);
			slot[i].contiguous = !xen_create_contiguous_region(
				slot[i].pfn, slot[i].order, slot[i].bits, NULL);
		} else {
			if (slot[i].contiguous)
				unit_expect(
					is_contiguous(slot[i].pfn, slot[i].order, slot[i].bits));
			unit_expect(!xen_destroy_contiguous_region(slot[i].pfn, slot[i].order));
			xen_port_free_pages(page(slot[i].pfn), slot[i].order);
			slot[i].used = false;
		}
		unit_expect(model_check());
	}
	for (i = 0; i < 16; i++)
		if (slot[i].used)
			xen_port_free_pages(page(slot[i].pfn), slot[i].order);
	stop();
}

static void device_sees(void)
{
	char *va, back[3 * 4096];
	dma_addr_t dma;
	int i;

	model_start(NULL);
	get_regions(1, 2);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 2, 28, &dma), 0);
	ck_assert_uint_lt(dma, 1 << 28);
	va = (char *)page(region[0]);
	for (i = 0; i < 3 * 4096; i++)
		va[500 + i] = (char)(i * 7);
	ck_assert(model_dma_read(dma + 500, back, sizeof(back)));
	ck_assert_mem_eq(back, va + 500, sizeof(back));
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 2), 0);
	put_regions(1, 2);
	stop();
}

static void bad_arguments(void)
{
	static const struct {
		unsigned int order, bits;
		int err;
	} table[] = {
		{2, 12, -XEN_EINVAL},  {2, 1, -XEN_EINVAL},
		{2, 64, -XEN_EINVAL},  {2, ~0U, -XEN_EINVAL},
		{18, 32, -XEN_EINVAL}, {19, 32, -XEN_EPERM},
		{~0U, 32, -XEN_EPERM}, {64, 32, -XEN_EPERM},
		{13, 32, -XEN_EINVAL}, /* more than there is */
	};
	uint64_t calls, foreign;
	unsigned int i, done;
	pfn_t none = mk_pfn(XEN_INVALID_FRAME), last = mk_pfn(4095);

	model_start(NULL);
	get_regions(2, 2);
	calls = model_hypercalls();
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		done = 77;
		ck_assert_int_eq(xen_contiguous_create(region, 2, table[i].order, table[i].bits,
						       &done),
				 table[i].err);
		ck_assert_uint_eq(done, 0);
	}
	ck_assert_int_eq(xen_create_contiguous_region(none, 0, 32, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_create_contiguous_region(last, 1, 32, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_destroy_contiguous_region(none, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_destroy_contiguous_region(last, 1), -XEN_EINVAL);
	ck_assert_int_eq(xen_destroy_contiguous_region(last, 19), -XEN_EPERM);
	/* The second region holds a foreign page: not even the first one is touched. */
	foreign = xen_p2m_entry(pfn_add(region[1], 3));
	xen_p2m_set(pfn_add(region[1], 3), mk_mfn(foreign), true);
	ck_assert_int_eq(xen_contiguous_create(region, 2, 2, 32, &done), -XEN_EINVAL);
	xen_p2m_set(pfn_add(region[1], 3), mk_mfn(foreign), false);
	ck_assert_int_eq(xen_contiguous_create(region, 0, 2, 32, &done), 0);
	ck_assert_uint_eq(model_hypercalls(), calls);
	ck_assert(signed_still(region[0], 4) && signed_still(region[1], 4));
	/* The narrowest width that there can be. */
	ck_assert_int_eq(xen_contiguous_create(region, 1, 0, 13, &done), -XEN_ENOMEM);
	/* The same region twice in a batch: Xen finds out. */
	region[2] = region[1];
	region[1] = region[0];
	ck_assert_int_eq(xen_contiguous_create(region, 2, 2, 32, &done), -XEN_EINVAL);
	ck_assert_uint_eq(done, 1);
	ck_assert(model_check());
	region[1] = region[2];
	put_regions(2, 2);
	stop();
}

static void order_limits(void)
{
	model_start(&(struct model_params){.domu = true});
	get_regions(1, 10);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 10, 0, NULL), -XEN_EPERM);
	ck_assert(signed_still(region[0], 1024));
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 9), 0);
	model_permit_iomem(mk_mfn(0xfe000), 1);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 10, 0, NULL), 0);
	ck_assert(is_contiguous(region[0], 10, 0));
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 10), 0);
	put_regions(1, 10);
	stop();
}

static void scratch_memory(void)
{
	unsigned int done;
	uint64_t ops;

	model_start(NULL);
	get_regions(6, 9);
	ops = model_calls(MODEL_MEMORY_OP);
	ck_assert_int_eq(xen_contiguous_create(region, 6, 9, 0, &done), 0);
	ck_assert_uint_eq(model_calls(MODEL_MEMORY_OP) - ops, 2); /* 8 MiB and 4 MiB */
	/* Less memory makes more calls; none is an error. */
	ops = model_calls(MODEL_MEMORY_OP);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_contiguous_create(region, 6, 9, 0, &done), 0);
	ck_assert_uint_eq(model_calls(MODEL_MEMORY_OP) - ops, 2); /* 2 regions, then 4 */
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_contiguous_create(region, 1, 9, 0, &done), -XEN_ENOMEM);
	ck_assert_uint_eq(done, 0);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 9), -XEN_ENOMEM);
	ck_assert(is_contiguous(region[0], 9, 0));
	put_regions(6, 9);
	stop();
}

static void ranges_judged(void)
{
	model_start(&(struct model_params){.contiguous = true});
	ck_assert(xen_pfn_range_contiguous(mk_pfn(0), 512));
	ck_assert(xen_pfn_range_contiguous(mk_pfn(4095), 1));
	ck_assert(!xen_pfn_range_contiguous(mk_pfn(4095), 2));
	ck_assert(!xen_pfn_range_contiguous(mk_pfn(4096), 1));
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(5000), 2, NULL), 0);
	ck_assert(!xen_pfn_range_contiguous(mk_pfn(5000), 2)); /* not RAM */
	stop();
}

/* What stands behind a region need not be ours. */
static void neighbours(void)
{
	pfn_t behind;
	mfn_t mfn;

	model_start(NULL);
	get_regions(2, 2);
	behind = pfn_add(region[0], 4);
	mfn = xen_pfn_to_mfn(behind);
	ck_assert_int_eq(xen_p2m_set(behind, mfn, true), 0);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 2, 24, NULL), 0);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 2), 0);
	ck_assert_int_eq(xen_p2m_set(behind, mfn, false), 0);
	put_regions(2, 2);
	stop();
}

static unsigned int exchanges;

static void watch_exchange(struct model_lie_call *call)
{
	const struct xen_memory_exchange *arg = call->arg;

	if (call->kind != MODEL_MEMORY_OP || call->cmd != XENMEM_exchange || call->done)
		return;
	exchanges++;
	ck_assert_uint_eq(arg->in.extent_order, 3);
	ck_assert_uint_eq(arg->in.nr_extents, 1);
}

/* A region goes back as the one extent that it is, in one call. */
static void goes_back_whole(void)
{
	model_start(NULL);
	get_regions(1, 3);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 3, 32, NULL), 0);
	model_lie(watch_exchange);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 3), 0);
	ck_assert_uint_eq(exchanges, 1);
	model_lie(NULL);
	/* The largest order that there is, of which this domain has not as much. */
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 18), -XEN_EINVAL);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 19), -XEN_EPERM);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 18, 32, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 19, 32, NULL), -XEN_EPERM);
	put_regions(1, 3);
	stop();
}

static const struct unit_case cases[] = {
	{"XSA-29 31 158 159 212: every order, width and partial count conserves frames",
	 every_order},
	{"regions made and undone in random order keep the tables bijective", random_regions},
	{"a device sees a region as one piece", device_sees},
	{"bad arguments change nothing", bad_arguments},
	{"an order beyond the domain's limit is refused", order_limits},
	{"scratch memory bounds the exchanges", scratch_memory},
	{"contiguity is of own RAM only", ranges_judged},
	{"what is behind a region need not be ours", neighbours},
	{"a region goes back as one extent", goes_back_whole},
};

UNIT_MAIN("contiguous", cases)
