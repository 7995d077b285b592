/* SPDX-License-Identifier: MIT */
/*
 * Contiguous regions, made and unmade. Each page carries its own number, so that undo() sees which
 * pages kept their content: those that the library says were not exchanged.
 */
#include <xen/contiguous.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "faults.h"

#define MAX_REGIONS 64
#define BITS 30

/* The smaller a domain the sooner it starts. */
static const struct model_params small = {.nr_pages = 256}, medium = {.nr_pages = 1536};
static const struct model_params by_table = {.nr_pages = 2048, .tables = true};
static pfn_t region[MAX_REGIONS];
static unsigned int nr, order, done;
static bool destroyed[MAX_REGIONS];

static uint64_t *page(unsigned int i, uint64_t offset)
{
	return xen_port_pfn_to_virt(pfn_add(region[i], offset));
}

static void sign(void)
{
	for (unsigned int i = 0; i < nr; i++)
		for (uint64_t j = 0; j < 1ULL << order; j++)
			*page(i, j) = pfn_x(region[i]) + j;
}

static bool signed_still(unsigned int i)
{
	for (uint64_t j = 0; j < 1ULL << order; j++)
		if (*page(i, j) != pfn_x(region[i]) + j)
			return false;
	return true;
}

static void take(unsigned int regions, unsigned int of_order)
{
	nr = regions;
	order = of_order;
	for (unsigned int i = 0; i < nr; i++) {
		void *va = xen_port_alloc_pages(order);

		require(va);
		region[i] = xen_port_virt_to_pfn(va);
	}
	sign();
}

static void give(void)
{
	for (unsigned int i = 0; i < nr; i++)
		xen_port_free_pages(page(i, 0), order);
}

static void give_back(void)
{
	for (unsigned int i = 0; i < nr; i++)
		require(!xen_destroy_contiguous_region(region[i], order));
	give();
}

static void prepare_pages(void)
{
	take(64, 0);
}

static void prepare_small(void)
{
	take(6, 4);
}

static void prepare_large(void)
{
	take(1, 9);
}

static void prepare_tables(void)
{
	take(2, 9);
}

/* More than one exchange. */
static void prepare_groups(void)
{
	take(5, 9);
}

static void create(void)
{
	returned("xen_contiguous_create", xen_contiguous_create(region, nr, order, BITS, &done));
}

static bool is_region(unsigned int i)
{
	uint64_t mfn = mfn_x(xen_pfn_to_mfn(region[i])), size = 1ULL << order;

	return xen_pfn_range_contiguous(region[i], size) && !(mfn & (size - 1)) &&
	       (mfn + size) << XEN_PAGE_SHIFT <= 1ULL << BITS;
}

static void undo_create(void)
{
	require(done <= nr);
	for (unsigned int i = 0; i < nr; i++)
		require(i < done ? is_region(i) : signed_still(i));
	for (unsigned int i = 0; i < done; i++)
		require(!xen_destroy_contiguous_region(region[i], order));
	sign();
}

static void make_all(void)
{
	require(!xen_contiguous_create(region, nr, order, BITS, NULL));
	sign();
}

static void prepare_low(void)
{
	take(3, 4);
	make_all();
}

static void prepare_low_large(void)
{
	take(1, 9);
	make_all();
}

/* Not contiguous: goes page by page. */
static void prepare_scattered(void)
{
	take(3, 4);
}

static uint64_t old_mfn[MAX_REGIONS << 9];

static uint64_t *old_mfns(unsigned int i)
{
	return &old_mfn[(uint64_t)i << order];
}

static void destroy(void)
{
	for (unsigned int i = 0; i < nr; i++) {
		int err;

		for (uint64_t j = 0; j < 1ULL << order; j++)
			old_mfns(i)[j] = mfn_x(xen_pfn_to_mfn(pfn_add(region[i], j)));
		err = xen_destroy_contiguous_region(region[i], order);
		destroyed[i] = !returned("xen_destroy_contiguous_region", err);
	}
}

/* Pages with new frames are the first ones, up to which it came; the others have their content. */
static void check_destroyed(unsigned int i)
{
	bool kept = false;

	for (uint64_t j = 0; j < 1ULL << order; j++) {
		uint64_t mfn = mfn_x(xen_pfn_to_mfn(pfn_add(region[i], j)));

		/* A frame that was just given back may come for another page. */
		if (mfn != old_mfns(i)[j]) {
			require(!kept);
			continue;
		}
		kept = true;
		require(*page(i, j) == pfn_x(region[i]) + j);
	}
	require(kept == !destroyed[i]);
}

static void undo_destroy(void)
{
	for (unsigned int i = 0; i < nr; i++)
		check_destroyed(i);
	make_all();
}

static void undo_scattered(void)
{
	for (unsigned int i = 0; i < nr; i++)
		check_destroyed(i);
	sign();
}

#define PANICS .panics = {"contiguous: Xen does not map", "contiguous: Xen does not take the page"}
#define CREATE(title, machine, before)                                                             \
	SCENARIO(title, machine, before, create, undo_create, give), PANICS
#define DESTROY(title, machine, before, back, after)                                               \
	SCENARIO(title, machine, before, destroy, back, after), PANICS

const struct scenario exchange_scenarios[] = {
	{CREATE("create-pages", &small, prepare_pages)},
	{CREATE("create-64k", &small, prepare_small)},
	{CREATE("create-2m", &medium, prepare_large), .slow = true},
	{CREATE("create-10m", NULL, prepare_groups), .slow = true},
	{CREATE("create-tables", &by_table, prepare_tables), .slow = true},
	{DESTROY("destroy-64k", &small, prepare_low, undo_destroy, give_back)},
	{DESTROY("destroy-2m", &medium, prepare_low_large, undo_destroy, give_back), .slow = true},
	{DESTROY("destroy-table", &by_table, prepare_low_large, undo_destroy, give_back),
	 .slow = true},
	{DESTROY("destroy-pages", &small, prepare_scattered, undo_scattered, give)},
	{0},
};
