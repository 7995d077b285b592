/* SPDX-License-Identifier: MIT */
/*
 * Set-up of RAM that is refused: by us, with nothing changed, or by Xen in mid-way, with the tables
 * consistent.
 */
#include "setup_test.h"

/* Nothing at all may have changed. */
static void refused(struct xen_setup_params *params, int err, uint64_t calls)
{
	struct xen_setup_result result;
	uint64_t pfn;

	ck_assert_int_eq(xen_setup_memory(params, &result), err);
	ck_assert_uint_eq(model_calls(MODEL_MMU_UPDATE), calls);
	ck_assert_uint_eq(moved_pages, 0);
	ck_assert(!xen_ranges_first(&xen_p2m.ram, 0, UINT64_MAX, NULL));
	ck_assert(!xen_ranges_first(&xen_p2m.identity, 0, UINT64_MAX, NULL));
	for (pfn = 0; pfn < params->nr_pages; pfn++)
		unit_expect(xen_p2m_entry(mk_pfn(pfn)) == model_mfn_list()[pfn]);
}

static void pinned(void)
{
	static const struct {
		uint64_t start, nr;
		int err;
	} table[] = {
		{0x100, 0x1000, 0},    {0x9f, 1, -XEN_EBUSY},
		{0xff, 2, -XEN_EBUSY}, {0x80, 0x20, -XEN_EBUSY},
		{0x80, 0x1f, 0},       {0x10, 0x2000, -XEN_EBUSY},
		{0xa0, 0, 0},	       {~0ULL, 2, -XEN_EINVAL},
	};
	struct xen_setup_pinned pins[2] = {{{0x100}, 0x40, "kernel"}, {{0}, 0, "initrd"}};
	struct xen_setup_params params = start(&shapes[0]);
	unsigned int i;
	uint64_t nr;

	ck_assert_int_eq(xen_p2m_extend(storage, shapes[0].max_pfn), 0);
	params.pinned = pins;
	params.nr_pinned = 2;
	for (i = 0; i < NR_OF(table); i++) {
		pins[1].start = mk_pfn(table[i].start);
		pins[1].nr = table[i].nr;
		ck_assert_int_eq(xen_setup_plan(&params, &nr), table[i].err);
		if (table[i].err)
			refused(&params, table[i].err, 0);
		if (table[i].err != -XEN_EBUSY)
			continue;
		/* The message names both. */
		ck_assert_ptr_nonnull(strstr(model_last_log(), "initrd"));
		ck_assert_ptr_nonnull(strstr(model_last_log(), "9f-ff"));
	}
	stop(true);
}

static void bad_params(void)
{
	struct xen_setup_params params = start(&shapes[0]);
	struct xen_setup_params good = params;
	struct xen_e820_entry saved;

	/* The P2M is too small as the builder left it. */
	refused(&params, -XEN_ERANGE, 0);
	ck_assert_int_eq(xen_p2m_extend(storage, shapes[0].max_pfn), 0);
	params.max_pages = params.nr_pages - 1;
	refused(&params, -XEN_EINVAL, 0);
	params = good;
	params.nr_map = 2; /* RAM below 640 KiB only */
	refused(&params, -XEN_ENOSPC, 0);
	params.nr_map = 0;
	refused(&params, -XEN_ENOSPC, 0);
	params = good;
	saved = clean[1];
	clean[1].addr += 8;
	refused(&params, -XEN_EINVAL, 0);
	clean[1] = clean[2];
	clean[2] = saved;
	refused(&params, -XEN_EINVAL, 0);
	clean[2] = clean[1];
	clean[1] = saved;
	/* A page to move has no frame. */
	xen_p2m_set(mk_pfn(0xa1), mk_mfn(XEN_INVALID_FRAME), false);
	ck_assert_int_eq(xen_setup_memory(&params, &(struct xen_setup_result){0}), -XEN_EINVAL);
	xen_p2m_set(mk_pfn(0xa1), mk_mfn(model_mfn_list()[0xa1]), false);
	refused(&(struct xen_setup_params){.map = clean}, -XEN_EINVAL, 0);
	stop(true);
}

static void no_memory(void)
{
	struct xen_setup_params params = start(&shapes[4]);
	struct xen_setup_result result;
	unsigned int nth;

	ck_assert_int_eq(xen_p2m_extend(storage, shapes[4].max_pfn), 0);
	for (nth = 1; nth < 100; nth++) {
		/* Without the nodes that earlier rounds left. */
		xen_ranges_fini(&xen_p2m.ram);
		xen_ranges_fini(&xen_p2m.identity);
		model_fail(MODEL_ALLOC, nth, 0);
		if (!xen_setup_memory(&params, &result))
			break;
		model_fail(MODEL_ALLOC, nth, 0);
		xen_ranges_fini(&xen_p2m.ram);
		xen_ranges_fini(&xen_p2m.identity);
		refused(&params, -XEN_ENOMEM, 0);
	}
	ck_assert_uint_gt(nth, 10);
	ck_assert_uint_lt(nth, 100);
	model_fail(MODEL_ALLOC, 0, 0);
	check_layout(&shapes[4], &result);
	stop(true);
}

static void refused_midway(void)
{
	unsigned int nth;

	/* 0x1e0 pages in runs and batches of 64. */
	for (nth = 1; nth < 100; nth++) {
		struct xen_setup_params params = start(&shapes[4]);
		struct xen_setup_result result;
		uint64_t populated;
		int err;

		ck_assert_int_eq(xen_p2m_extend(storage, shapes[4].max_pfn), 0);
		model_fail(MODEL_MMU_UPDATE, nth, -XEN_EPERM);
		err = xen_setup_memory(&params, &result);
		ck_assert(err == 0 || err == -XEN_EPERM);
		ck_assert_uint_eq(result.moved_pages, moved_pages);
		ck_assert(!err || result.moved_pages < shapes[4].moved);
		ck_assert_int_eq(xen_p2m_check(&populated, NULL), 0);
		ck_assert_uint_eq(populated, shapes[4].nr_pages);
		ck_assert(model_check());
		stop(true);
		if (!err)
			break;
	}
	ck_assert_uint_gt(nth, 9);
	ck_assert_uint_lt(nth, 100);
}

/* Xen says that it did more or less of a batch than it was asked to, and returns success. */
static unsigned int told;

static void lie_done(struct model_lie_call *call)
{
	if (call->kind == MODEL_MMU_UPDATE && call->done)
		*(unsigned int *)call->third = told;
}

static void wrong_count(void)
{
	static const struct {
		unsigned int told, moved;
	} table[] = {{65, 64}, {~0u, 64}, {63, 63}, {0, 0}};

	for (unsigned int i = 0; i < NR_OF(table); i++) {
		struct xen_setup_params params = start(&shapes[4]);
		struct xen_setup_result result;

		ck_assert_int_eq(xen_p2m_extend(storage, shapes[4].max_pfn), 0);
		told = table[i].told;
		model_lie(lie_done);
		ck_assert_int_eq(xen_setup_memory(&params, &result), -XEN_EINVAL);
		model_lie(NULL);
		ck_assert_uint_eq(result.moved_pages, table[i].moved);
		ck_assert_uint_eq(moved_pages, table[i].moved);
		/* What it did and does not own up to stands in the M2P alone. */
		stop(false);
	}
}

static const struct unit_case cases[] = {
	{"a pinned range under a hole is refused by name, nothing changed", pinned},
	{"bad parameters and too little RAM are refused, nothing changed", bad_params},
	{"without memory nothing is changed", no_memory},
	{"a refusal in mid-way leaves the tables consistent", refused_midway},
	{"a count of moves that cannot be is refused", wrong_count},
};

UNIT_MAIN("setup-refused", cases)
