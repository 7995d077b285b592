/* SPDX-License-Identifier: MIT */
/*
 * The page tables of the kernel's direct map as frames (params.tables): a last-level table for each
 * whole 2 MiB of the domain's pages, level-2 tables above, which are pinned as if the higher levels
 * hung from them. They are pages that the kernel keeps for itself, mapped read-only.
 *
 * While a table is hooked its words and the model's array of PTEs say the same and hold one
 * reference together, so that either may be changed; when it is not, nothing is mapped there. Model
 * lock held, but for xen_port_l2_entry().
 */
#include <model/internal.h>

#include <xen/mmu.h>

#define ENTRIES 512
#define RO (XEN_PTE_KERNEL & ~XEN_PTE_RW)

static uint64_t *words(uint64_t mfn)
{
	return (uint64_t *)(void *)(model.ram + (mfn << XEN_PAGE_SHIFT));
}

static uint64_t mfn_of(uint64_t pte)
{
	return (pte & XEN_PTE_FRAME_MASK) >> XEN_PAGE_SHIFT;
}

/* The level-2 entry for @table. The kernel never moves its tables. */
static uint64_t *l2_entry(uint64_t table)
{
	return words(mfn_of(model.pte[model.l2_pfn[table / ENTRIES]])) + table % ENTRIES;
}

bool tables_cover(uint64_t page)
{
	return page / ENTRIES < model.nr_tables;
}

uint64_t *tables_word(uint64_t page)
{
	uint64_t entry = *l2_entry(page / ENTRIES);

	return entry & XEN_PTE_PRESENT ? words(mfn_of(entry)) + page % ENTRIES : NULL;
}

static void show(uint64_t table)
{
	for (uint64_t page = table * ENTRIES; page < (table + 1) * ENTRIES; page++) {
		const uint64_t *word = tables_word(page);

		mmu_show(page, word ? *word : 0);
	}
}

void tables_changed(uint64_t mfn)
{
	for (uint64_t table = 0; table < model.nr_tables; table++)
		if (mfn_of(model.pte[model.l2_pfn[table / ENTRIES]]) == mfn ||
		    mfn_of(*l2_entry(table)) == mfn)
			show(table);
}

/* A page of the kernel's as an empty table. */
static uint64_t new_table(enum frame_type type)
{
	uint64_t pfn = port_keep_page(), mfn = mfn_of(model.pte[pfn]);
	struct frame *frame = &model.frames[mfn];

	for (unsigned int i = 0; i < ENTRIES; i++)
		words(mfn)[i] = 0;
	if (mmu_set_pte(pfn, mfn << XEN_PAGE_SHIFT | RO))
		model_breach("model: no page table can be made");
	mmu_flush_page(pfn);
	frame->type = (uint8_t)type;
	frame->types = 1;
	frame->refs++;
	frame->pinned = type == TYPE_L2;
	frame->tables = type == TYPE_L1;
	return pfn;
}

/* The references of the entries are those of the mappings that are there. */
void tables_start(void)
{
	uint64_t nr = model.params.tables ? model.params.nr_pages / ENTRIES : 0;
	uint64_t *l1_pfn = model_reserve(nr * sizeof(*l1_pfn));

	model.l2_pfn = model_reserve((nr / ENTRIES + 1) * sizeof(*model.l2_pfn));
	/* All are read-only before the first one's entries are copied. */
	for (uint64_t i = 0; i < nr; i++) {
		if (i % ENTRIES == 0)
			model.l2_pfn[i / ENTRIES] = new_table(TYPE_L2);
		l1_pfn[i] = new_table(TYPE_L1);
	}
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t mfn = mfn_of(model.pte[l1_pfn[i]]);

		for (uint64_t k = 0; k < ENTRIES; k++)
			words(mfn)[k] = model.pte[i * ENTRIES + k];
		*l2_entry(i) = mfn << XEN_PAGE_SHIFT | XEN_PTE_PRESENT | XEN_PTE_RW | XEN_PTE_USER |
			       XEN_PTE_ACCESSED;
	}
	model.nr_tables = nr;
	model_release(l1_pfn);
}

const uint64_t *xen_port_l2_entry(const void *va)
{
	uint64_t page = mmu_page_of(va), table = page / ENTRIES;

	if (page == XEN_INVALID_FRAME || !tables_cover(page))
		return NULL;
	return (const uint64_t *)(const void *)(model.space +
						(model.l2_pfn[table / ENTRIES] << XEN_PAGE_SHIFT)) +
	       table % ENTRIES;
}
