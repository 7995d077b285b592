/* SPDX-License-Identifier: MIT */
/*
 * Balloon: pages of RAM that the domain has given back to Xen, and their PFNs.
 *
 * Inflating takes pages from the port, zeroes and unmaps them and returns their frames; their P2M
 * entries are INVALID, their PFNs remain RAM ranges (identity is refused over them). Deflating asks
 * Xen for frames, maps them where they were and gives the pages back to the port. Spare PFNs from
 * set-up that were never populated can be handed to the balloon with xen_balloon_add_spare().
 *
 * What is done by halves is undone; if Xen refuses that too, the kernel would be left with pages
 * that it cannot reach or frames that it does not know, and the library panics.
 *
 * Context: may be called from any context the port's page allocator allows; the balloon locks
 * itself; inflating and deflating exclude one another.
 */
#ifndef XENDMA_XEN_BALLOON_H
#define XENDMA_XEN_BALLOON_H

#include <xen/ranges.h>
#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Give @nr pages back. *@done (may be NULL) is how many went. 0 when all did; -XEN_ENOMEM: the
 * port had no more pages, or no node; -XEN_EINVAL: Xen did not take a page; else what it refused. A
 * page that Xen did not take is returned to the port, mapped.
 */
int xen_balloon_inflate(uint64_t nr, uint64_t *done);

/*
 * Get up to @nr pages back, lowest PFNs first. *@done as above. -XEN_ENOENT: the balloon holds no
 * more; -XEN_ENOMEM: Xen has no memory for us; -XEN_EINVAL: the port has no address for the next
 * page; else Xen's refusal. A page that cannot be mapped stays in the balloon.
 */
int xen_balloon_deflate(uint64_t nr, uint64_t *done);

/*
 * Spare RAM PFNs (INVALID in the P2M, inside a RAM range) become the balloon's. The port must map
 * them when deflated: xen_port_pfn_to_virt() gives their address, page tables exist.
 * -XEN_EINVAL: not RAM, beyond the P2M array, or populated at an end; -XEN_EEXIST: the balloon has
 * part of it already; -XEN_ENOMEM.
 */
int xen_balloon_add_spare(pfn_t pfn, uint64_t nr);

/* Does any PFN in [pfn, pfn + nr) belong to the balloon? The first such piece in *@out (may be
 * NULL). O(log pieces), lock-free. */
bool xen_balloon_query(pfn_t pfn, uint64_t nr, struct xen_range *out);

/* Pages that the balloon holds. */
uint64_t xen_balloon_pages(void);

/* Forget all pages and return the balloon's memory to the port: when the P2M goes too. Nobody may
 * use the balloon any more; it is then empty and usable. */
void xen_balloon_fini(void);

#ifdef __cplusplus
}
#endif

#endif
