/* SPDX-License-Identifier: MIT */
/*
 * The table of segments by machine address, and the set behind it, which has all of them: two at
 * one place are a lie of the hypervisor, and are refused.
 *
 * The table is written under its lock. A look-up that takes a guess may find a segment that is out
 * already: it has no address then, or another one, and descriptors are not returned to the port
 * before the end.
 */
#include <xen/ranges.h>

#include "swiotlb-find.h"

struct swiotlb_region *xen_swiotlb_regions[NR_REGIONS];

static struct xen_ranges segments; /* by machine frame; tag: the segment */
static uint32_t nr_unlisted;	   /* that only the set has */
static struct xen_lock table_lock;

struct xen_swiotlb_segment *xen_swiotlb_find_unlisted(dma_addr_t dma, uint64_t *offset)
{
	struct xen_swiotlb_segment *seg;
	struct xen_range range;

	if (!xen_load(&nr_unlisted) || !xen_ranges_find(&segments, dma >> XEN_PAGE_SHIFT, &range))
		return NULL;
	seg = (struct xen_swiotlb_segment *)range.tag;
	*offset = dma - xen_load(&seg->dma);
	return *offset < seg->bytes ? seg : NULL; /* it is being released */
}

/* The first of the segment's places, made if need be; NULL: there is no memory for them. The table
 * is locked. */
static struct xen_swiotlb_segment **places_of(dma_addr_t dma)
{
	struct swiotlb_region **region = &xen_swiotlb_regions[(dma >> REGION_SHIFT) % NR_REGIONS];

	if (!*region) {
		struct swiotlb_region *made = xen_port_alloc(sizeof(*made));

		if (!made)
			return NULL;
		xen_store_release(region, made);
	}
	return &(*region)->piece[(dma >> PIECE_SHIFT) % NR_PIECES];
}

static void set_places(struct xen_swiotlb_segment **place, const struct xen_swiotlb_segment *seg,
		       struct xen_swiotlb_segment *to)
{
	for (uint32_t i = 0; i < seg->bytes >> PIECE_SHIFT; i++)
		xen_store_release(&place[i], to);
}

/* Take all of the segment's places, or none. */
static bool list(struct xen_swiotlb_segment *seg)
{
	unsigned long flags = xen_port_lock(&table_lock);
	struct xen_swiotlb_segment **place = places_of(seg->dma);
	bool vacant = place;

	for (uint32_t i = 0; vacant && i < seg->bytes >> PIECE_SHIFT; i++)
		vacant = !xen_load(&place[i]);
	if (vacant)
		set_places(place, seg, seg);
	xen_port_unlock(&table_lock, flags);
	return vacant;
}

static void unlist(struct xen_swiotlb_segment *seg)
{
	unsigned long flags = xen_port_lock(&table_lock);

	set_places(places_of(seg->dma), seg, NULL);
	xen_port_unlock(&table_lock, flags);
}

int xen_swiotlb_enter(struct xen_swiotlb_segment *seg, dma_addr_t dma)
{
	uint64_t mfn = mfn_x(dma_to_mfn(dma));
	int err = xen_ranges_insert(&segments, mfn, mfn + (1ULL << seg->order), seg, NULL);

	if (err)
		return err;
	xen_store(&seg->dma, dma);
	seg->listed = list(seg);
	if (!seg->listed)
		xen_fetch_add(&nr_unlisted, 1);
	return 0;
}

bool xen_swiotlb_leave(struct xen_swiotlb_segment *seg)
{
	uint64_t mfn = mfn_x(dma_to_mfn(seg->dma));

	if (xen_ranges_erase(&segments, mfn, mfn + (1ULL << seg->order)))
		return false;
	if (seg->listed)
		unlist(seg);
	else
		xen_fetch_sub(&nr_unlisted, 1);
	/* Before its frames can be another's: a look-up may have found it still. */
	xen_store(&seg->dma, NO_SEGMENT);
	return true;
}

void xen_swiotlb_find_fini(void)
{
	for (unsigned int i = 0; i < NR_REGIONS; i++) {
		xen_port_free(xen_swiotlb_regions[i], sizeof(*xen_swiotlb_regions[i]));
		xen_swiotlb_regions[i] = NULL;
	}
	xen_ranges_fini(&segments);
}
