/* SPDX-License-Identifier: MIT */
/*
 * Machine-contiguous regions: the domain gives frames back to Xen and gets contiguous ones, below
 * an address width, under the same PFNs (XENMEM_exchange).
 *
 * A region is 2^order pages with consecutive PFNs, kernel-mapped RAM as port.h describes. Its
 * content is lost by a successful exchange in either direction, and only then. What comes back is
 * naturally aligned in machine space.
 *
 * Around the exchange the kernel mapping of every page is zapped, in one batch with one TLB flush,
 * and restored afterwards; the P2M follows. Regions of order 9 to 11 at PFNs that are multiples of
 * 512 are zapped and restored by whole page tables where the port shows them (xen_port_l2_entry()).
 * The caller owns the pages and nobody else touches them meanwhile. No page may be a page table,
 * pinned, granted or mapped elsewhere: Xen refuses those (-XEN_EINVAL or -XEN_EBUSY), which is
 * logged, and nothing changes.
 *
 * Whatever happens no frame is lost and P2M and M2P stay bijective over the region. The one state
 * that cannot be hidden is a region whose kernel mapping Xen refuses to restore; the library
 * panics then, for the kernel would fault on the page in any case.
 *
 * Orders: the library takes 0 to 18, the most that any domain may have, and Xen decides
 * (common/memory.c max_order(), option memop-max-order): by default up to 9 in a domU, 12 with
 * devices, 18 in the control domain. Above either limit -XEN_EPERM. XEN_CONTIGUOUS_MAX_ORDER is
 * what every domain may have by default, and the most that the library itself asks for.
 *
 * Context: any; a region of order 9 keeps Xen busy with thousands of updates of entries and frames,
 * so think twice in an interrupt.
 * Scratch memory of 24 to 32 bytes a page comes from the port for the length of the call: up to
 * 64 KiB, more only for a region above order 11.
 */
#ifndef XENDMA_XEN_CONTIGUOUS_H
#define XENDMA_XEN_CONTIGUOUS_H

#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XEN_CONTIGUOUS_MAX_ORDER 9

/* "Any address": no limit to the width. */
#define XEN_ANY_ADDRESS_BITS 0

/*
 * Make @nr regions of 2^@order pages, region i starting at pfn[i], each machine-contiguous below
 * 2^@address_bits (XEN_ANY_ADDRESS_BITS, or 13 to 63), in one XENMEM_exchange for each 8 MiB (or
 * less, when scratch memory is short; one larger region is one exchange).
 *
 * *@done (may be NULL) is how many regions, from the first on, are contiguous now; the rest are as
 * they were, content included. 0 when *done == nr, else why it stopped:
 * -XEN_ENOMEM   Xen has no such memory, or no scratch memory
 * -XEN_EPERM    order too high for this domain
 * -XEN_EINVAL   bad arguments, or a page that may not be exchanged: not own RAM, without a kernel
 *               address, part of the P2M and its published lists, or refused by Xen
 * -XEN_EFAULT   Xen gave other memory than asked for; it is kept, but does not count as done
 * or another refusal of Xen's.
 */
int xen_contiguous_create(const pfn_t *pfn, unsigned int nr, unsigned int order,
			  unsigned int address_bits, unsigned int *done);

/* The same for one region; *@dma (may be NULL) is its machine address. */
int xen_create_contiguous_region(pfn_t pfn, unsigned int order, unsigned int address_bits,
				 dma_addr_t *dma);

/*
 * Give a region's frames back and get any 2^@order single frames instead: all at once or, when Xen
 * is too short of memory for that, page by page. Errors of xen_contiguous_create(); then the
 * region is still contiguous or, after a partial success, its first pages are not any more; it
 * stays ordinary RAM of the domain either way.
 */
int xen_destroy_contiguous_region(pfn_t pfn, unsigned int order);

/* Are the @nr pages from @pfn on machine-contiguous, all populated with own RAM? O(nr). */
bool xen_pfn_range_contiguous(pfn_t pfn, uint64_t nr);

#ifdef __cplusplus
}
#endif

#endif
