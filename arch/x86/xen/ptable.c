/* SPDX-License-Identifier: MIT */
/*
 * Whole last-level tables (ptable.h). Invariants: a table is written to only while no level-2 entry
 * names it, and Xen holds us to that, for it gives a table's page no writable mapping; what the
 * entries say when it goes back is what the P2M says. Hooking what is hooked and taking out what is
 * out change nothing, so that going back needs no record of how far a step came. No locking: the
 * caller owns the pages, and nobody changes the level-2 entries above them.
 */
#include "ptable.h"

#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "mmu-internal.h"

#define TABLE_FLAGS (XEN_PTE_KERNEL & ~XEN_PTE_RW)
#define PTE_LARGE (1ULL << 7) /* in a level-2 entry: it maps 2 MiB itself */

static bool is_present(uint64_t entry)
{
	return (entry & (XEN_PTE_PRESENT | PTE_LARGE)) == XEN_PTE_PRESENT;
}

static dma_addr_t address_of(pfn_t pfn)
{
	return mfn_to_dma(xen_pfn_to_mfn(pfn));
}

static bool maps(const uint64_t *pte, pfn_t first)
{
	for (unsigned int i = 0; i < XEN_PTABLE_ENTRIES; i++)
		if ((pte[i] & (XEN_PTE_FRAME_MASK | XEN_PTE_PRESENT)) !=
		    (address_of(pfn_add(first, i)) | XEN_PTE_PRESENT))
			return false;
	return true;
}

bool xen_ptables_add(struct xen_ptables *tables, pfn_t first)
{
	const uint64_t *slot;
	unsigned int i = tables->nr;
	uint64_t entry;
	uint64_t *pte;
	pfn_t page;

	if (i == XEN_PTABLES_MAX || pfn_x(first) % XEN_PTABLE_ENTRIES)
		return false;
	slot = xen_port_l2_entry(xen_port_pfn_to_virt(first));
	if (!slot)
		return false;
	entry = xen_load(slot);
	if (!is_present(entry))
		return false;
	page = xen_mfn_to_pfn(dma_to_mfn(entry & XEN_PTE_FRAME_MASK));
	pte = xen_port_pfn_to_virt(page);
	if (!pte || !maps(pte, first))
		return false;

	tables->pfn[i] = page;
	tables->mfn[i] = dma_to_mfn(entry & XEN_PTE_FRAME_MASK);
	tables->table[i].first = first;
	tables->table[i].pte = pte;
	tables->table[i].slot =
		address_of(xen_port_virt_to_pfn(slot)) + xen_page_offset((uintptr_t)slot);
	tables->table[i].entry = entry;
	tables->nr++;
	return true;
}

/* Hook the @nr tables from @at on, or take them out. */
static int hook(const struct xen_ptables *tables, unsigned int at, unsigned int nr, bool in)
{
	struct mmu_update req[XEN_PTABLES_MAX];

	for (unsigned int i = 0; i < nr; i++) {
		req[i].ptr = tables->table[at + i].slot | MMU_NORMAL_PT_UPDATE;
		req[i].val = in ? tables->table[at + i].entry : 0;
	}
	return hypercall_mmu_update(req, nr, NULL, DOMID_SELF);
}

/* The kernel's mapping of the tables themselves. */
static int map(const struct xen_ptables *tables, unsigned int at, unsigned int nr, uint64_t flags)
{
	struct multicall_entry call[XEN_PTABLES_MAX];

	return xen_mmu_remap_in(call, XEN_PTABLES_MAX, tables->pfn + at, tables->mfn + at, nr,
				flags, NULL);
}

/* Hook them, whatever the state of each is. One that stayed writable Xen refuses, and then each is
 * tried again by itself. */
static void hook_all(const struct xen_ptables *tables)
{
	map(tables, 0, tables->nr, TABLE_FLAGS);
	if (!hook(tables, 0, tables->nr, true))
		return;
	for (unsigned int i = 0; i < tables->nr; i++) {
		int err;

		map(tables, i, 1, TABLE_FLAGS);
		err = hook(tables, i, 1, true);
		if (err)
			xen_port_panic("contiguous: Xen does not take the page table of pfn %llx "
				       "back: error %d",
				       (unsigned long long)pfn_x(tables->table[i].first), -err);
	}
}

int xen_ptables_take(const struct xen_ptables *tables)
{
	int err = hook(tables, 0, tables->nr, false);

	if (!err)
		err = map(tables, 0, tables->nr, XEN_PTE_KERNEL);
	if (err)
		hook_all(tables);
	return err;
}

void xen_ptables_put(const struct xen_ptables *tables)
{
	for (unsigned int i = 0; i < tables->nr; i++) {
		uint64_t *pte = tables->table[i].pte;

		for (unsigned int k = 0; k < XEN_PTABLE_ENTRIES; k++) {
			dma_addr_t page = address_of(pfn_add(tables->table[i].first, k));

			/* What has its frame still also keeps its flags. */
			if ((pte[k] & XEN_PTE_FRAME_MASK) != page)
				pte[k] = page | XEN_PTE_KERNEL;
		}
	}
	hook_all(tables);
}
