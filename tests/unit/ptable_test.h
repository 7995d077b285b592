/* SPDX-License-Identifier: MIT */
/* What the tests of whole page tables share: a domain whose direct map has tables, and what was
 * called. */
#ifndef XENDMA_TESTS_UNIT_PTABLE_TEST_H
#define XENDMA_TESTS_UNIT_PTABLE_TEST_H

#include "contiguous_test.h"

#define ORDER 9 /* what a table maps */
#define PAGES (1U << ORDER)

/* Calls since the last time. Whole tables need few, the pages one by one two each. */
struct ptes {
	uint64_t by_va, requests;
};

static struct ptes before;

static inline struct ptes ptes_changed(void)
{
	struct ptes now = {model_calls(MODEL_UPDATE_VA_MAPPING), model_calls(MODEL_MMU_REQUEST)};
	struct ptes changed = {now.by_va - before.by_va, now.requests - before.requests};

	before = now;
	return changed;
}

static inline void start_tables(uint64_t nr_pages)
{
	model_start(&(struct model_params){.nr_pages = nr_pages, .tables = true});
	before = (struct ptes){0};
}

/* Of @nr tables, each out and in once. */
static inline bool went_by_table(unsigned int nr)
{
	struct ptes changed = ptes_changed();

	return changed.by_va == 2 * nr && changed.requests == 2 * nr;
}

static inline bool went_by_page(unsigned int nr)
{
	return ptes_changed().by_va >= 2ULL * nr * PAGES;
}

/* The page that is the table of region @i. */
static inline pfn_t table_of(unsigned int i)
{
	uint64_t entry = *xen_port_l2_entry(page(region[i]));

	return xen_mfn_to_pfn(dma_to_mfn(entry & XEN_PTE_FRAME_MASK));
}

/* Hooked, and nobody can write to it but through Xen. */
static inline bool table_is_in(unsigned int i)
{
	const uint64_t *entry = xen_port_l2_entry(page(region[i]));

	return (*entry & XEN_PTE_PRESENT) && pfn_valid(table_of(i)) &&
	       !(model_pte(page(table_of(i))) & XEN_PTE_RW) &&
	       model_pte(page(region[i])) == page(table_of(i))[0];
}

#endif
