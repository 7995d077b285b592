/* SPDX-License-Identifier: MIT */
/* Whole page tables around an exchange: when they are used, and what they say afterwards. */
#include "ptable_test.h"

/* @nr regions of which Xen does @most. */
static void create_partly(unsigned int nr, unsigned int most)
{
	unsigned int done;
	int err;

	get_regions(nr, ORDER);
	ptes_changed();
	model_exchange_stops_after(most);
	err = xen_contiguous_create(region, nr, ORDER, 30, &done);
	model_exchange_stops_after(~0ULL);
	unit_expect(done == most && err == (most < nr ? -XEN_ENOMEM : 0));
	unit_expect(went_by_table(nr));
	for (unsigned int i = 0; i < nr; i++) {
		unit_expect(i < done ? is_contiguous(region[i], ORDER, 30)
				     : signed_still(region[i], PAGES));
		unit_expect(table_is_in(i));
	}
	unit_expect(model_check() && !model_stale_ptes());
	for (unsigned int i = 0; i < done; i++) {
		sign(region[i], ORDER); /* writable again */
		unit_expect(xen_destroy_contiguous_region(region[i], ORDER) == 0);
		unit_expect(went_by_table(1));
		sign(region[i], ORDER);
	}
	unit_expect(model_check());
	put_regions(nr, ORDER);
}

static void out_and_in(void)
{
	start_tables(4096);
	for (unsigned int nr = 1; nr <= 4; nr++)
		for (unsigned int most = 0; most <= nr; most++)
			create_partly(nr, most);
	stop();
}

/* Not more than four at once, and never a part of one. */
static void other_sizes(void)
{
	static const unsigned int orders[] = {ORDER - 1, 10, 11, 12};

	start_tables(16384);
	for (unsigned int i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		unsigned int order = orders[i], tables = 1U << order >> ORDER;

		get_regions(1, order);
		ptes_changed();
		ck_assert_int_eq(xen_contiguous_create(region, 1, order, 0, NULL), 0);
		ck_assert(is_contiguous(region[0], order, 0));
		if (tables >= 1 && tables <= 4)
			ck_assert(went_by_table(tables));
		else
			ck_assert_uint_eq(ptes_changed().by_va, 2ULL << order);
		ck_assert(model_check());
		ck_assert_int_eq(xen_destroy_contiguous_region(region[0], order), 0);
		put_regions(1, order);
	}
	get_regions(5, ORDER);
	ptes_changed();
	ck_assert_int_eq(xen_contiguous_create(region, 5, ORDER, 0, NULL), 0);
	ck_assert(went_by_table(5));
	put_regions(5, ORDER);
	stop();
}

/* A region that begins within a table shares two with other pages. */
static void unaligned(void)
{
	pfn_t first;

	start_tables(4096);
	get_regions(1, ORDER + 1);
	first = region[0];
	region[0] = pfn_add(first, 7);
	ptes_changed();
	ck_assert_int_eq(xen_contiguous_create(region, 1, ORDER, 30, NULL), 0);
	ck_assert(went_by_page(1));
	ck_assert(is_contiguous(region[0], ORDER, 30));
	ck_assert(signed_still(first, 7) && signed_still(pfn_add(first, 7 + PAGES), PAGES - 7));
	region[0] = first;
	put_regions(1, ORDER + 1);
	stop();
}

/* The last table that there is, and the page behind it is no table. */
static void last_one(void)
{
	uint64_t *behind;

	start_tables(4096);
	get_regions(7, ORDER);
	behind = xen_port_alloc_pages(0);
	ck_assert_ptr_eq(behind, page(pfn_add(table_of(6), 1)));
	*behind = 42;
	ck_assert_uint_eq(pfn_x(region[6]), 4096 - PAGES);
	ptes_changed();
	ck_assert_int_eq(xen_contiguous_create(region + 6, 1, ORDER, 30, NULL), 0);
	ck_assert(went_by_table(1));
	ck_assert(is_contiguous(region[6], ORDER, 30) && table_is_in(6));
	ck_assert_uint_eq(*behind, 42);
	xen_port_free_pages(behind, 0);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[6], ORDER), 0);
	put_regions(7, ORDER);
	stop();
}

/* A kernel that shows none of its tables. */
static void no_tables(void)
{
	model_start(NULL);
	get_regions(2, ORDER);
	ck_assert_ptr_null(xen_port_l2_entry(page(region[0])));
	before = (struct ptes){0};
	ck_assert_int_eq(xen_contiguous_create(region, 2, ORDER, 30, NULL), 0);
	ck_assert(went_by_page(2));
	ck_assert(is_contiguous(region[0], ORDER, 30) && is_contiguous(region[1], ORDER, 30));
	put_regions(2, ORDER);
	stop();
}

/* What one entry says is not what the P2M says: nothing is assumed then. */
static void odd_entries(void)
{
	static const uint64_t places[] = {0, 1, 300, 511};

	start_tables(4096);
	get_regions(1, ORDER);
	for (unsigned int i = 0; i < 4; i++) {
		void *va = page(pfn_add(region[0], places[i]));

		ck_assert_int_eq(hypercall_update_va_mapping((unsigned long)va, 0,
							     UVMF_TLB_FLUSH | UVMF_ALL),
				 0);
		ptes_changed();
		ck_assert_int_eq(xen_contiguous_create(region, 1, ORDER, 30, NULL), 0);
		ck_assert(went_by_page(1));
		ck_assert(is_contiguous(region[0], ORDER, 30) && model_check());
	}
	put_regions(1, ORDER);
	stop();
}

static int pin(unsigned int cmd, mfn_t mfn)
{
	struct mmuext_op op = {.cmd = cmd, .arg1.mfn = mfn_x(mfn)};

	return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/* A table that is in use elsewhere, or pinned, stays a table: Xen lets nobody write to it. */
static void pinned_table(void)
{
	mfn_t mfn;

	start_tables(4096);
	get_regions(2, ORDER);
	mfn = xen_pfn_to_mfn(table_of(1));
	ck_assert_int_eq(pin(MMUEXT_PIN_L1_TABLE, mfn), 0);
	ptes_changed();
	ck_assert_int_eq(xen_contiguous_create(region, 2, ORDER, 30, NULL), 0);
	ck_assert(went_by_page(2));
	ck_assert(is_contiguous(region[0], ORDER, 30) && is_contiguous(region[1], ORDER, 30));
	ck_assert(table_is_in(0) && table_is_in(1) && model_check());
	ck_assert_int_eq(pin(MMUEXT_UNPIN_TABLE, mfn), 0);
	ptes_changed();
	ck_assert_int_eq(xen_contiguous_create(region, 2, ORDER, 30, NULL), 0);
	ck_assert(went_by_table(2));
	put_regions(2, ORDER);
	stop();
}

/* Pages that Xen does not exchange keep frame, content and the mapping that they had. */
static void used_pages(void)
{
	static const uint64_t places[] = {0, 255, 511, 512, 1023};
	unsigned int done;

	start_tables(4096);
	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		pfn_t pfn;
		mfn_t mfn;
		uint64_t pte;

		get_regions(2, ORDER);
		pfn = pfn_add(region[places[i] / PAGES], places[i] % PAGES);
		mfn = xen_pfn_to_mfn(pfn);
		pte = mfn_to_dma(mfn) | (XEN_PTE_KERNEL & ~XEN_PTE_RW);
		ck_assert_int_eq(hypercall_update_va_mapping((unsigned long)page(pfn), pte,
							     UVMF_TLB_FLUSH | UVMF_ALL),
				 0);
		model_page_table(mfn, true);
		ptes_changed();
		ck_assert_int_eq(xen_contiguous_create(region, 2, ORDER, 30, &done), -XEN_EINVAL);
		ck_assert_uint_eq(done, places[i] / PAGES);
		ck_assert(went_by_table(2));
		ck_assert_uint_eq(model_pte(page(pfn)), pte);
		ck_assert(signed_still(region[1], PAGES));
		model_page_table(mfn, false);
		ck_assert_int_eq(hypercall_update_va_mapping((unsigned long)page(pfn),
							     mfn_to_dma(mfn) | XEN_PTE_KERNEL,
							     UVMF_TLB_FLUSH | UVMF_ALL),
				 0);
		ck_assert(model_check());
		put_regions(2, ORDER);
	}
	stop();
}

static void same_twice(void)
{
	unsigned int done;

	start_tables(4096);
	get_regions(1, ORDER);
	region[1] = region[0];
	ck_assert_int_eq(xen_contiguous_create(region, 2, ORDER, 30, &done), -XEN_EINVAL);
	ck_assert_uint_eq(done, 1);
	ck_assert(is_contiguous(region[0], ORDER, 30) && table_is_in(0) && model_check());
	put_regions(1, ORDER);
	stop();
}

static const struct unit_case cases[] = {
	{"tables go out and come back, whatever part of an exchange is done", out_and_in},
	{"up to four whole tables at once, other sizes page by page", other_sizes},
	{"a region that does not begin with a table goes page by page", unaligned},
	{"the last table of all goes alone", last_one},
	{"a kernel that shows no tables has its pages go one by one", no_tables},
	{"a table with an entry that is not the P2M's stays", odd_entries},
	{"a table that Xen does not let go goes page by page", pinned_table},
	{"a page that Xen does not exchange keeps its mapping", used_pages},
	{"the same table twice in a batch comes back", same_twice},
};

UNIT_MAIN("ptable", cases)
