/* SPDX-License-Identifier: MIT */
/*
 * Which segment holds a machine address? A table in two levels tells: of regions of 2 MiB, one for
 * each below 4 GiB, and in each of its pieces of 32 KiB. A segment, which lies in one region, is
 * entered at all of its pieces, so a look-up is two loads and a comparison, however many segments
 * there are, and writes nothing: CPUs that look up at once share the table's cache lines.
 *
 * Above 4 GiB regions share their places. Which comes second stands in a set only, as does what
 * found no memory for its part of the table; while there is such a segment, what the table does
 * not show is looked up in the set.
 */
#ifndef XENDMA_SWIOTLB_FIND_H
#define XENDMA_SWIOTLB_FIND_H

#include "swiotlb-internal.h"

#define REGION_SHIFT (XEN_SWIOTLB_MAX_SEGMENT_ORDER + XEN_PAGE_SHIFT)
#define PIECE_SHIFT (XEN_SWIOTLB_MIN_SEGMENT_ORDER + XEN_PAGE_SHIFT)
#define NR_REGIONS (1u << (32 - REGION_SHIFT))
#define NR_PIECES (1u << (REGION_SHIFT - PIECE_SHIFT))

struct swiotlb_region {
	struct xen_swiotlb_segment *piece[NR_PIECES];
};

/* NULL: there was never a segment in it. */
extern struct swiotlb_region *xen_swiotlb_regions[NR_REGIONS];
/* From now on @seg, which no mapping uses yet, is found at @dma. -XEN_ENOMEM; -XEN_EEXIST: there is
 * one already. */
int xen_swiotlb_enter(struct xen_swiotlb_segment *seg, dma_addr_t dma);
/* No more. False: not possible now. */
bool xen_swiotlb_leave(struct xen_swiotlb_segment *seg);
/* Give back what the table takes; no segment is entered. */
void xen_swiotlb_find_fini(void);

/* As swiotlb_find(), in the set. */
struct xen_swiotlb_segment *xen_swiotlb_find_unlisted(dma_addr_t dma, uint64_t *offset);

/*
 * The segment that holds @dma, and where in it, *@offset; or NULL. The caller has a mapping in it:
 * then it stays; or takes a guess: then it may be on its way out. First: in the table alone.
 */
static inline struct xen_swiotlb_segment *swiotlb_find_listed(dma_addr_t dma, uint64_t *offset)
{
	struct swiotlb_region *region =
		xen_load_acquire(&xen_swiotlb_regions[(dma >> REGION_SHIFT) % NR_REGIONS]);
	struct xen_swiotlb_segment *seg;

	if (unlikely(!region))
		return NULL;
	seg = xen_load_acquire(&region->piece[(dma >> PIECE_SHIFT) % NR_PIECES]);
	if (unlikely(!seg))
		return NULL;
	*offset = dma - xen_load(&seg->dma);
	return likely(*offset < seg->bytes) ? seg : NULL;
}

static inline struct xen_swiotlb_segment *swiotlb_find(dma_addr_t dma, uint64_t *offset)
{
	struct xen_swiotlb_segment *seg = swiotlb_find_listed(dma, offset);

	return likely(seg) ? seg : xen_swiotlb_find_unlisted(dma, offset);
}

#endif
