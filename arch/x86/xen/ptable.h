/* SPDX-License-Identifier: MIT */
/*
 * Last-level page tables taken out of the kernel's page tables and put back, whole.
 *
 * Xen works through all the entries of a table that comes or goes in one loop, and what is not
 * hooked is an ordinary page: its entries are changed by plain stores. So it costs a sixth of
 * changing each entry by a call.
 */
#ifndef XENDMA_PTABLE_H
#define XENDMA_PTABLE_H

#include <xen/types.h>

#define XEN_PTABLE_ORDER 9U
#define XEN_PTABLE_ENTRIES (1U << XEN_PTABLE_ORDER)
#define XEN_PTABLES_MAX 4U

struct xen_ptables {
	unsigned int nr;
	struct {
		pfn_t first;	 /* of the pages that the table maps */
		uint64_t *pte;	 /* the table, in the direct map */
		dma_addr_t slot; /* where the level-2 entry is that it hangs from, */
		uint64_t entry;	 /* and what that says */
	} table[XEN_PTABLES_MAX];
	/* The pages that the tables are. */
	pfn_t pfn[XEN_PTABLES_MAX];
	mfn_t mfn[XEN_PTABLES_MAX];
};

/*
 * Add the table that maps the XEN_PTABLE_ENTRIES pages from @first on. False: there is none that
 * maps just these, each to the frame that it has in the P2M; or no room.
 */
bool xen_ptables_add(struct xen_ptables *tables, pfn_t first);

/*
 * Take them out: their pages are mapped nowhere then, no TLB of the domain knows them, and the
 * tables may be written to. On an error of Xen's all is as before.
 */
int xen_ptables_take(const struct xen_ptables *tables);

/* Point the entries at the frames that the P2M has now and put the tables back. Xen has to take
 * them: without these mappings the kernel cannot go on. */
void xen_ptables_put(const struct xen_ptables *tables);

#endif
