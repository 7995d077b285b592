/* SPDX-License-Identifier: MIT */
/*
 * Contiguous regions where something is in the way: pages in use, full zones, calls that fail.
 */
#include <stdio.h>

#include "contiguous_test.h"

/* A page of the region at each place is in use: @mark and @unmark make it so and end it. */
static void refused_at_each_place(void (*mark)(pfn_t pfn, mfn_t mfn),
				  void (*unmark)(pfn_t pfn, mfn_t mfn))
{
	unsigned int i, done;

	for (i = 0; i < 24; i++) {
		pfn_t pfn;
		mfn_t mfn;

		get_regions(3, 3);
		pfn = pfn_add(region[i / 8], i % 8);
		mfn = xen_pfn_to_mfn(pfn);
		mark(pfn, mfn);
		ck_assert_int_eq(xen_contiguous_create(region, 3, 3, 30, &done), -XEN_EINVAL);
		ck_assert_uint_eq(done, i / 8);
		unit_expect(mfn_x(xen_pfn_to_mfn(pfn)) == mfn_x(mfn));
		for (; done < 3; done++)
			unit_expect(signed_still(region[done], 8));
		ck_assert_int_eq(xen_destroy_contiguous_region(region[i / 8], 3), -XEN_EINVAL);
		unit_expect(mfn_x(xen_pfn_to_mfn(pfn)) == mfn_x(mfn));
		unmark(pfn, mfn);
		unit_expect(model_check());
		put_regions(3, 3);
	}
}

static void take_ref(pfn_t pfn, mfn_t mfn)
{
	model_page_ref(mfn, 1);
}

static void drop_ref(pfn_t pfn, mfn_t mfn)
{
	model_page_ref(mfn, -1);
}

static void set_pte(pfn_t pfn, mfn_t mfn, uint64_t flags)
{
	ck_assert_int_eq(hypercall_update_va_mapping((unsigned long)page(pfn),
						     mfn_to_dma(mfn) | flags,
						     UVMF_TLB_FLUSH | UVMF_ALL),
			 0);
}

static void make_table(pfn_t pfn, mfn_t mfn)
{
	set_pte(pfn, mfn, XEN_PTE_KERNEL & ~XEN_PTE_RW);
	model_page_table(mfn, true);
}

/* The page must still be mapped, and read-only. */
static void end_table(pfn_t pfn, mfn_t mfn)
{
	ck_assert_uint_eq(model_pte(page(pfn)) & (XEN_PTE_PRESENT | XEN_PTE_RW), XEN_PTE_PRESENT);
	model_page_table(mfn, false);
	set_pte(pfn, mfn, XEN_PTE_KERNEL);
}

/* The port's author has to find the page: the second of three regions has it. */
static void refusal_named(void)
{
	char pages[40];
	unsigned int lines;

	model_start(NULL);
	get_regions(3, 3);
	model_page_ref(xen_pfn_to_mfn(pfn_add(region[1], 5)), 1);
	lines = model_log_lines(XEN_LOG_ERROR);
	model_clock_advance(2000000000);
	ck_assert_int_eq(xen_contiguous_create(region, 3, 3, 30, NULL), -XEN_EINVAL);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), lines + 1);
	snprintf(pages, sizeof(pages), "pfn %llx-%llx: error 22;",
		 (unsigned long long)pfn_x(region[1]), (unsigned long long)pfn_x(region[1]) + 7);
	ck_assert_msg(strstr(model_last_log(), pages), "%s", model_last_log());
	model_page_ref(xen_pfn_to_mfn(pfn_add(region[1], 5)), -1);
	put_regions(3, 3);
	stop();
}

static void used_pages(void)
{
	model_start(NULL);
	refused_at_each_place(take_ref, drop_ref);
	refused_at_each_place(make_table, end_table);
	stop();
}

static void p2m_pages(void)
{
	static struct arch_shared_info arch;
	uint64_t *storage;
	unsigned int i;

	model_start(NULL);
	storage = xen_port_alloc_pages(3); /* 8 pages: 4096 entries */
	ck_assert_int_eq(xen_p2m_extend(storage, 4096), 0);
	ck_assert_int_eq(xen_p2m_publish(&arch, mk_mfn(1)), 0);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(xen_create_contiguous_region(
					 pfn_add(xen_port_virt_to_pfn(storage), i), 0, 30, NULL),
				 -XEN_EINVAL);
	ck_assert_int_eq(xen_create_contiguous_region(xen_port_virt_to_pfn(xen_p2m.frame_list_list),
						      0, 30, NULL),
			 -XEN_EINVAL);
	ck_assert(model_check());
	xen_p2m_fini();
	xen_port_free_pages(storage, 3);
	ck_assert(model_stop());
}

static void full_zone(void)
{
	model_start(NULL);
	get_regions(1, 4);
	model_reserve_below(28);
	ck_assert_uint_eq(model_free_frames(28), 0);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 4, 28, NULL), -XEN_ENOMEM);
	ck_assert(signed_still(region[0], 16));
	ck_assert(model_check());
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 4, 30, NULL), 0);
	model_reserve_below(0);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 4), 0);
	put_regions(1, 4);
	stop();
}

static void destroy_in_need(void)
{
	model_start(NULL);
	get_regions(1, 4);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 4, 30, NULL), 0);
	sign(region[0], 4);
	model_reserve_below(52);
	ck_assert_uint_eq(model_free_frames(52), 0);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 4), -XEN_ENOMEM);
	ck_assert(is_contiguous(region[0], 4, 30) && signed_still(region[0], 16));
	/* With one frame that Xen has free it goes page by page. */
	ck_assert_int_eq(xen_balloon_inflate(1, NULL), 0);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 4), 0);
	ck_assert(!is_contiguous(region[0], 4, 30));
	ck_assert(model_check());
	model_reserve_below(0);
	ck_assert_int_eq(xen_balloon_deflate(1, NULL), 0);
	put_regions(1, 4);
	stop();
}

static void destroy_partly(void)
{
	unsigned int most;

	model_start(NULL);
	for (most = 0; most <= 16; most++) {
		get_regions(1, 4); /* scattered: goes page by page */
		if (xen_pfn_range_contiguous(region[0], 2))
			ck_abort_msg("the model gave contiguous pages");
		model_exchange_stops_after(most);
		ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 4),
				 most < 16 ? -XEN_ENOMEM : 0);
		model_exchange_stops_after(~0ULL);
		ck_assert(signed_still(pfn_add(region[0], most), 16 - most));
		ck_assert(model_check());
		put_regions(1, 4);
	}
	stop();
}

static void failing_calls(void)
{
	/* PFNs and MFNs are the same numbers, so that taking one for the other is no error of
	 * Xen's. */
	static const struct xen_e820_entry small[] = {{0, 0x1800000, XEN_E820_RAM}};
	unsigned int done;
	void *low[256];
	unsigned int nr_low = 0;
	int nth;

	model_start(&(struct model_params){.e820 = small, .nr_e820 = 1});
	do {
		low[nr_low] = xen_port_alloc_pages(4);
		ck_assert_ptr_nonnull(low[nr_low]);
	} while (pfn_x(xen_port_virt_to_pfn(low[nr_low++])) < 0x880);
	for (nth = 1; nth <= 97; nth++) {
		get_regions(3, 4);
		model_fail(MODEL_UPDATE_VA_MAPPING, (uint64_t)nth, -XEN_EBUSY);
		/* 48 to zap; then a page that is not mapped back is tried once more. */
		ck_assert_int_eq(xen_contiguous_create(region, 3, 4, 30, &done),
				 nth <= 48 ? -XEN_EBUSY : 0);
		model_fail(MODEL_UPDATE_VA_MAPPING, 0, 0);
		ck_assert_uint_eq(done, nth <= 48 ? 0 : 3);
		unit_expect(model_check());
		if (nth <= 48)
			unit_expect(signed_still(region[0], 16) && signed_still(region[2], 16));
		put_regions(3, 4);
	}
	/* In one multicall each, or two where there is no memory for larger ones. */
	for (nth = 1; nth <= 8; nth++) {
		get_regions(3, 4);
		if (nth > 4)
			model_fail(MODEL_ALLOC, 2, 0);
		model_fail(MODEL_MULTICALL, (uint64_t)(nth > 4 ? nth - 4 : nth), -XEN_EPERM);
		ck_assert_int_eq(xen_contiguous_create(region, 3, 4, 30, &done),
				 nth == 1 || nth == 5 || nth == 6 ? -XEN_EPERM : 0);
		unit_expect(model_check());
		model_fail(MODEL_MULTICALL, 0, 0);
		put_regions(3, 4);
	}
	get_regions(1, 0);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_ESRCH);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 0, 30, NULL), -XEN_ESRCH);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_ESRCH);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 0), -XEN_ESRCH);
	ck_assert(signed_still(region[0], 1));
	put_regions(1, 0);
	while (nr_low)
		xen_port_free_pages(low[--nr_low], 4);
	stop();
}

static void create_one(void *arg)
{
	xen_create_contiguous_region(region[0], 4, 30, NULL);
}

static void unmappable(void)
{
	model_start(NULL);
	get_regions(1, 4);
	/* Zapping is one multicall of 16; mapping back fails, and so does the second try. */
	model_fail(MODEL_MULTICALL, 2, -XEN_EINVAL);
	model_fail(MODEL_UPDATE_VA_MAPPING, 17, -XEN_EINVAL);
	ck_assert(model_expect_panic(create_one, NULL));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "map"));
}

static const struct unit_case cases[] = {
	{"a refusal names its pages", refusal_named},
	{"XSA-222 247 252: a page in use is never exchanged", used_pages},
	{"pages of the P2M and its lists are refused", p2m_pages},
	{"a full zone leaves the region as it was", full_zone},
	{"undoing copes with one free frame", destroy_in_need},
	{"undoing stops after any page", destroy_partly},
	{"every failing call leaves a documented state", failing_calls},
	{"a mapping that cannot be restored ends in a panic", unmappable},
};

UNIT_MAIN("contiguous-refused", cases)
