/* SPDX-License-Identifier: MIT */
/* Whole page tables around an exchange where a call fails, or an entry is none of the usual ones.
 */
#include "ptable_test.h"

/* Two tables go: out, writable, exchange, read-only, in. Each is a call for both, and what fails on
 * the way back is done once more for each. */
static const struct {
	const char *what;
	enum model_call kind;
	uint64_t nth;
	bool by_table;
} failures[] = {
	{"out, both", MODEL_MMU_UPDATE, 1, false},
	{"out, the first", MODEL_MMU_REQUEST, 1, false},
	{"out, the second", MODEL_MMU_REQUEST, 2, false},
	{"writable, both", MODEL_MULTICALL, 1, false},
	{"writable, the first", MODEL_UPDATE_VA_MAPPING, 1, false},
	{"writable, the second", MODEL_UPDATE_VA_MAPPING, 2, false},
	{"read-only, both", MODEL_MULTICALL, 2, true},
	{"read-only, the first", MODEL_UPDATE_VA_MAPPING, 3, true},
	{"read-only, the second", MODEL_UPDATE_VA_MAPPING, 4, true},
	{"in, both", MODEL_MMU_UPDATE, 2, true},
	{"in, the first", MODEL_MMU_REQUEST, 3, true},
	{"in, the second", MODEL_MMU_REQUEST, 4, true},
};

static void failing_calls(void)
{
	start_tables(4096);
	for (unsigned int i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		unsigned int nr = model_failures().nr;

		get_regions(2, ORDER);
		ptes_changed();
		model_fail(failures[i].kind, failures[i].nth, -XEN_EINVAL);
		ck_assert_msg(!xen_contiguous_create(region, 2, ORDER, 30, NULL), "%s",
			      failures[i].what);
		ck_assert_msg(model_failures().nr == nr + 1, "%s", failures[i].what);
		ck_assert_msg(failures[i].by_table == (ptes_changed().by_va < PAGES), "%s",
			      failures[i].what);
		for (unsigned int k = 0; k < 2; k++)
			ck_assert_msg(is_contiguous(region[k], ORDER, 30) && table_is_in(k), "%s",
				      failures[i].what);
		ck_assert_msg(model_check() && !model_stale_ptes(), "%s", failures[i].what);
		for (unsigned int k = 0; k < 2; k++)
			ck_assert_int_eq(xen_destroy_contiguous_region(region[k], ORDER), 0);
		put_regions(2, ORDER);
	}
	stop();
}

/* Neither way out: the tables are back before the error is told, and so is the content. */
static void failing_both_ways(void)
{
	unsigned int done;

	start_tables(4096);
	get_regions(2, ORDER);
	model_fail(MODEL_MMU_UPDATE, 1, -XEN_EINVAL);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_ENOMEM);
	ck_assert_int_eq(xen_contiguous_create(region, 2, ORDER, 30, &done), -XEN_ENOMEM);
	ck_assert_uint_eq(done, 0);
	ck_assert(signed_still(region[0], PAGES) && signed_still(region[1], PAGES));
	ck_assert(table_is_in(0) && table_is_in(1) && model_check());
	put_regions(2, ORDER);
	stop();
}

static void create_two(void *arg)
{
	xen_contiguous_create(region, 2, ORDER, 30, NULL);
}

static void panics(enum model_call second, uint64_t nth, unsigned int table)
{
	char text[96];

	start_tables(4096);
	get_regions(2, ORDER);
	model_fail(MODEL_MMU_UPDATE, 2, -XEN_ENOMEM);
	model_fail_then(second, nth, -XEN_EBUSY);
	ck_assert(model_expect_panic(create_two, NULL));
	snprintf(text, sizeof(text), "does not take the page table of pfn %llx back: error %d",
		 (unsigned long long)pfn_x(region[table]), XEN_EBUSY);
	ck_assert_ptr_nonnull(strstr(model_last_log(), text));
}

static void first_does_not_come_back(void)
{
	panics(MODEL_MMU_UPDATE, 1, 0);
}

static void second_does_not_come_back(void)
{
	panics(MODEL_MMU_UPDATE, 2, 1);
}

/* The level-2 entry of region 0 says something else, without Xen's knowledge. */
static void change_entry(uint64_t val)
{
	const uint64_t *entry = xen_port_l2_entry(page(region[0]));
	dma_addr_t slot = mfn_to_dma(xen_pfn_to_mfn(xen_port_virt_to_pfn(entry))) +
			  xen_page_offset((uintptr_t)entry);

	ck_assert(model_dma_write(slot, &val, sizeof(val)));
}

static void odd_entry(uint64_t clear, uint64_t set)
{
	uint64_t was;

	start_tables(4096);
	get_regions(1, ORDER);
	was = *xen_port_l2_entry(page(region[0]));
	change_entry((was & ~clear) | set);
	ptes_changed();
	ck_assert_int_eq(xen_contiguous_create(region, 1, ORDER, 30, NULL), 0);
	ck_assert(went_by_page(1));
	change_entry(was);
	put_regions(1, ORDER);
	stop();
}

/* It would map 2 MiB itself, which Xen lets no guest have. */
static void large_page(void)
{
	odd_entry(0, 1 << 7);
}

static void frame_of_xen(void)
{
	odd_entry(XEN_PTE_FRAME_MASK, XEN_PAGE_SIZE);
}

static const struct unit_case cases[] = {
	{"any call for a table may fail once", failing_calls},
	{"what fails by table and by page leaves all as it was", failing_both_ways},
	{"the first table does not come back: a panic that names it", first_does_not_come_back},
	{"the second table does not come back: a panic that names it", second_does_not_come_back},
	{"a large page is no table", large_page},
	{"a frame that is not the domain's is no table", frame_of_xen},
};

UNIT_MAIN("ptable-refused", cases)
