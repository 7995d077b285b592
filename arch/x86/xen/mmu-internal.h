/* SPDX-License-Identifier: MIT */
/* Page-table entries, private side: batches of any size. */
#ifndef XENDMA_MMU_INTERNAL_H
#define XENDMA_MMU_INTERNAL_H

#include <xen/types.h>

/* As xen_mmu_remap(), in multicalls of up to @room entries, which stand in @call, and with @flags
 * (XEN_PTE_KERNEL, less some). */
int xen_mmu_remap_in(struct multicall_entry *call, unsigned int room, const pfn_t *pfn,
		     const mfn_t *mfn, size_t nr, uint64_t flags, size_t *done);

#endif
