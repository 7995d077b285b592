/* SPDX-License-Identifier: MIT */
/*
 * Cache of machine-contiguous regions for coherent memory, by (order, address width).
 *
 * Making a region costs an exchange and the remapping of its pages; a region that is freed is kept
 * for the next request of its kind, so a steady state makes no hypercall. Pages that the port
 * hands out contiguous and low enough by luck are used as they are.
 *
 * Context: any. One lock a kind, held for a list operation only; never across a hypercall.
 */
#ifndef XENDMA_XEN_COHERENT_H
#define XENDMA_XEN_COHERENT_H

#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A zeroed region of 2^@order pages (at most XEN_CONTIGUOUS_MAX_ORDER), naturally aligned, all
 * below 2^@address_bits (13 to 64). NULL with *@err: -XEN_EINVAL, or an error of
 * xen_contiguous_create().
 */
void *xen_coherent_alloc(unsigned int order, unsigned int address_bits, dma_addr_t *dma, int *err);
/* Into the cache; the same order and width. */
void xen_coherent_free(void *va, unsigned int order, unsigned int address_bits);

/* Give cached regions back to the port (exchanged for ordinary frames where Xen agrees) until at
 * most @keep_bytes are cached. Returns the bytes released. */
uint64_t xen_coherent_trim(uint64_t keep_bytes);

struct xen_coherent_stats {
	uint64_t bytes_cached, bytes_live; /* bytes_live: handed out */
	uint64_t hits, misses;		   /* allocations from the cache / made */
};
void xen_coherent_stats(struct xen_coherent_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
