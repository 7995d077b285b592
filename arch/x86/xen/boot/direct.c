/* SPDX-License-Identifier: MIT */
/*
 * Page tables (direct.h). Tables come from the page allocator, that is from memory already in the
 * direct map, and are never freed. One lock lets one CPU at a time add tables; walks need none,
 * because entries of upper levels go from absent to present once and stay; only those of pages that
 * the library exchanges are gone for a moment, in which nobody looks for these.
 */
#include <xen/hypercall.h>
#include <xen/mmu.h>

#include "direct.h"

#define ENTRIES 512
#define BATCH 64
#define TABLE_FLAGS (XEN_PTE_PRESENT | XEN_PTE_RW | XEN_PTE_USER | XEN_PTE_ACCESSED | XEN_PTE_DIRTY)
#define FLUSH_PAGE (UVMF_INVLPG | UVMF_ALL)

static struct xen_lock table_lock;

/* Changes to present tables, sent in batches. Start of day only. */
static struct {
	struct mmu_update req[BATCH];
	unsigned int nr;
} batch;

static unsigned int index_of(uintptr_t va, unsigned int level)
{
	return (va >> (XEN_PAGE_SHIFT + 9 * (level - 1))) % ENTRIES;
}

/* The table that @entry points to. Its frame is ours, so the M2P entry is there and true. */
static const uint64_t *table_at(uint64_t entry)
{
	uint64_t mfn = (entry & XEN_PTE_FRAME_MASK) >> XEN_PAGE_SHIFT;

	return boot_direct(machine_to_phys_mapping[mfn]);
}

static const uint64_t *find(uintptr_t va, unsigned int level, unsigned int *missing)
{
	const uint64_t *table = (const uint64_t *)boot_start_info->pt_base;
	unsigned int at;

	for (at = 4; at > level; at--) {
		const uint64_t *entry = &table[index_of(va, at)];

		*missing = at;
		if (!(xen_load(entry) & XEN_PTE_PRESENT))
			return NULL;
		table = table_at(*entry);
	}
	return &table[index_of(va, level)];
}

const uint64_t *xen_port_l2_entry(const void *va)
{
	unsigned int missing;

	return find((uintptr_t)va, 2, &missing);
}

uint64_t boot_pte(uintptr_t va)
{
	unsigned int missing;
	const uint64_t *pte = find(va, 1, &missing);

	return pte ? xen_load(pte) : 0;
}

/* The machine address of a word in the direct map. */
static uint64_t machine_of(const void *va)
{
	return (boot_pte((uintptr_t)va) & XEN_PTE_FRAME_MASK) | xen_page_offset((uintptr_t)va);
}

int boot_set_pte(uintptr_t va, uint64_t pte)
{
	return hypercall_update_va_mapping(va, pte, FLUSH_PAGE);
}

/* Hook the filled page @table under @entry. The page is the page tables' afterwards. */
static int hook(const uint64_t *entry, uint64_t *table)
{
	uint64_t pte = boot_pte((uintptr_t)table);
	struct mmu_update req;
	int err;

	err = boot_set_pte((uintptr_t)table, pte & ~XEN_PTE_RW);
	if (err)
		return err;
	req.ptr = machine_of(entry) | MMU_NORMAL_PT_UPDATE;
	req.val = (pte & XEN_PTE_FRAME_MASK) | TABLE_FLAGS;
	err = hypercall_mmu_update(&req, 1, NULL, DOMID_SELF);
	if (err)
		boot_set_pte((uintptr_t)table, pte);
	return err;
}

static uint64_t *new_table(void)
{
	uint64_t *table = xen_port_alloc_pages(0);

	if (table)
		memset(table, 0, XEN_PAGE_SIZE);
	return table;
}

/* Add the missing table below @level's entry for @va. */
static int add_table(uintptr_t va, unsigned int level)
{
	unsigned int missing;
	const uint64_t *entry;
	uint64_t *table;
	unsigned long flags;
	int err = 0;

	table = new_table();
	if (!table)
		return -XEN_ENOMEM;
	flags = xen_port_lock(&table_lock);
	entry = find(va, level, &missing);
	if (!(xen_load(entry) & XEN_PTE_PRESENT)) {
		err = hook(entry, table);
		if (!err)
			table = NULL;
	}
	xen_port_unlock(&table_lock, flags);
	if (table)
		xen_port_free_pages(table, 0);
	return err;
}

const uint64_t *boot_walk(uintptr_t va, unsigned int level, bool create, int *err)
{
	unsigned int missing;
	const uint64_t *entry;

	*err = 0;
	while (!(entry = find(va, level, &missing)) && create) {
		*err = add_table(va, missing);
		if (*err)
			return NULL;
	}
	return entry;
}

static int flush_batch(void)
{
	int err = batch.nr ? hypercall_mmu_update(batch.req, batch.nr, NULL, DOMID_SELF) : 0;

	batch.nr = 0;
	return err;
}

static int queue(const uint64_t *pte, uint64_t val)
{
	batch.req[batch.nr].ptr = machine_of(pte) | MMU_NORMAL_PT_UPDATE;
	batch.req[batch.nr].val = val;
	return ++batch.nr == BATCH ? flush_batch() : 0;
}

static uint64_t wanted_pte(uint64_t pfn)
{
	uint64_t entry = xen_p2m_entry(mk_pfn(pfn));

	return entry & XEN_P2M_FOREIGN ? 0 : entry << XEN_PAGE_SHIFT | XEN_PTE_KERNEL;
}

/* A run within 2 MiB that has no table yet: fill one, hook it. */
static int map_fresh(const uint64_t *l2, uint64_t pfn, uint64_t nr)
{
	uint64_t *table = new_table();
	uint64_t i;
	int err;

	if (!table)
		return -XEN_ENOMEM;
	for (i = 0; i < nr; i++)
		table[(pfn + i) % ENTRIES] = wanted_pte(pfn + i);
	err = hook(l2, table);
	if (err)
		xen_port_free_pages(table, 0);
	return err;
}

/* A run within 2 MiB whose table is there: map what is not mapped. */
static int map_rest(const uint64_t *l2, uint64_t pfn, uint64_t nr)
{
	const uint64_t *table = table_at(*l2);
	uint64_t i;
	int err;

	for (i = 0; i < nr; i++) {
		uint64_t pte = wanted_pte(pfn + i);

		if ((table[(pfn + i) % ENTRIES] & XEN_PTE_PRESENT) || !pte)
			continue;
		err = queue(&table[(pfn + i) % ENTRIES], pte);
		if (err)
			return err;
	}
	return flush_batch();
}

int boot_direct_map(uint64_t pfn, uint64_t nr)
{
	while (nr) {
		uint64_t run = ENTRIES - pfn % ENTRIES;
		const uint64_t *l2;
		int err;

		if (run > nr)
			run = nr;
		l2 = boot_walk((uintptr_t)boot_direct(pfn), 2, true, &err);
		if (!l2)
			return err;
		err = *l2 & XEN_PTE_PRESENT ? map_rest(l2, pfn, run) : map_fresh(l2, pfn, run);
		if (err)
			return err;
		pfn += run;
		nr -= run;
	}
	return 0;
}

int boot_make_tables(uintptr_t va, uint64_t nr)
{
	uintptr_t end = va + (nr << XEN_PAGE_SHIFT);
	int err = 0;

	for (va &= ~(ENTRIES * XEN_PAGE_SIZE - 1); va < end; va += ENTRIES * XEN_PAGE_SIZE)
		if (!boot_walk(va, 1, true, &err))
			break;
	return err;
}

int boot_protect(uintptr_t start, uintptr_t end, uint64_t set, uint64_t clear)
{
	unsigned int missing;
	uintptr_t va;
	int err;

	for (va = start; va < end; va += XEN_PAGE_SIZE) {
		const uint64_t *pte = find(va, 1, &missing);
		uint64_t val = pte ? *pte : 0;

		if (!(val & XEN_PTE_PRESENT) || ((val | set) & ~clear) == val)
			continue;
		err = queue(pte, (val | set) & ~clear);
		if (err)
			return err;
	}
	err = flush_batch();
	if (!err) {
		struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

		err = hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF);
	}
	return err;
}
