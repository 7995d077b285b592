/* SPDX-License-Identifier: MIT */
/*
 * The record that dma-debug keeps of a device's live mappings.
 *
 * A mapping is filed twice, by its first page in device addresses and in CPU addresses, since a
 * sync may name any byte of a mapping and two mappings may share bytes. A search looks back as many
 * pages as the longest mapping ever filed has. The pieces of a scatterlist are a chain, filed and
 * taken out together; its first piece always has a device side.
 *
 * The functions named xen_* lock the record; nothing else is called under the lock.
 */
#include "dma-debug-record.h"

/* Consecutive pages, consecutive buckets: search() counts on it. */
static unsigned int bucket_of(uint64_t addr)
{
	return (addr >> XEN_PAGE_SHIFT) % NR_BUCKETS;
}

static void file(struct dma_debug *debug, struct dma_record *r)
{
	for (unsigned int side = 0; side < NR_SIDES; side++) {
		struct dma_record **head;

		if (!r->size[side])
			continue;
		head = &debug->bucket[side][bucket_of(r->start[side])];
		r->next[side] = *head;
		*head = r;
		if (r->size[side] > debug->longest[side])
			debug->longest[side] = r->size[side];
	}
}

static void unfile(struct dma_debug *debug, struct dma_record *r)
{
	for (unsigned int side = 0; side < NR_SIDES; side++) {
		struct dma_record **link;

		if (!r->size[side])
			continue;
		link = &debug->bucket[side][bucket_of(r->start[side])];
		while (*link != r)
			link = &(*link)->next[side];
		*link = r->next[side];
	}
}

static bool overlaps(const struct dma_record *r, enum record_side side,
		     const struct dma_record *like)
{
	return like->start[side] < r->start[side] + r->size[side] &&
	       r->start[side] < like->start[side] + like->size[side];
}

/* A record that shares a byte with @like on @side and that @match accepts. */
static struct dma_record *search(struct dma_debug *debug, enum record_side side,
				 const struct dma_record *like,
				 bool (*match)(const struct dma_record *r,
					       const struct dma_record *like))
{
	uint64_t back = (debug->longest[side] >> XEN_PAGE_SHIFT) + 1;
	uint64_t page = like->start[side] >> XEN_PAGE_SHIFT;
	uint64_t last = (like->start[side] + like->size[side] - 1) >> XEN_PAGE_SHIFT;

	page = page > back ? page - back : 0;
	if (last - page >= NR_BUCKETS)
		last = page + NR_BUCKETS - 1; /* every bucket once is enough */
	for (; page <= last; page++) {
		struct dma_record *r = debug->bucket[side][page % NR_BUCKETS];

		for (; r; r = r->next[side])
			if (overlaps(r, side, like) && match(r, like))
				return r;
	}
	return NULL;
}

static bool any(const struct dma_record *r, const struct dma_record *like)
{
	return r->kind != COHERENT;
}

static bool same_start(const struct dma_record *r, const struct dma_record *like)
{
	return r->kind == like->kind && r->start[DEVICE] == like->start[DEVICE];
}

static bool same(const struct dma_record *r, const struct dma_record *like)
{
	return same_start(r, like) && r->size[DEVICE] == like->size[DEVICE] &&
	       r->dir == like->dir && r->sg == like->sg && r->nents == like->nents;
}

static bool contains(const struct dma_record *r, const struct dma_record *like)
{
	return any(r, like) && like->start[DEVICE] >= r->start[DEVICE] &&
	       like->start[DEVICE] + like->size[DEVICE] <= r->start[DEVICE] + r->size[DEVICE];
}

static bool contains_for_dir(const struct dma_record *r, const struct dma_record *like)
{
	return contains(r, like) && (r->dir == like->dir || r->dir == XEN_DMA_BIDIRECTIONAL);
}

/* May a device write what another mapping has too? */
static bool clashes(const struct dma_record *r, const struct dma_record *like)
{
	return r->dir != XEN_DMA_TO_DEVICE || like->dir != XEN_DMA_TO_DEVICE;
}

void xen_dma_record_free(struct dma_record *r)
{
	while (r) {
		struct dma_record *more = r->more;

		xen_port_free(r, sizeof(*r));
		r = more;
	}
}

const char *xen_dma_record_enter(struct dma_debug *debug, struct dma_record *first)
{
	unsigned long flags = xen_port_lock(&debug->lock);
	bool clash = false;

	/* Against the others only: a list may name a page twice, say a padding page to read. */
	for (struct dma_record *r = first; r; r = r->more)
		clash |= r->size[CPU] && search(debug, CPU, r, clashes);
	for (struct dma_record *r = first; r; r = r->more)
		file(debug, r);
	xen_port_unlock(&debug->lock, flags);
	return clash ? "written by the device through two mappings at once" : NULL;
}

static const char *difference(const struct dma_record *r, const struct dma_record *like)
{
	if (r->sg != like->sg || r->nents != like->nents)
		return "unmapped with another list than mapped";
	if (r->dir != like->dir)
		return "unmapped with another direction than mapped";
	return "unmapped with another size than mapped";
}

const char *xen_dma_record_leave(struct dma_debug *debug, const struct dma_record *like,
				 struct dma_record **found)
{
	unsigned long flags = xen_port_lock(&debug->lock);
	struct dma_record *r = search(debug, DEVICE, like, same);
	const char *what = NULL;

	if (!r) {
		r = search(debug, DEVICE, like, same_start);
		what = r ? difference(r, like) : "unmapped but not mapped";
	}
	for (struct dma_record *each = r; each; each = each->more)
		unfile(debug, each);
	xen_port_unlock(&debug->lock, flags);
	*found = r;
	return what;
}

const char *xen_dma_record_inside(struct dma_debug *debug, const struct dma_record *like)
{
	unsigned long flags = xen_port_lock(&debug->lock);
	const char *what = NULL;

	if (!search(debug, DEVICE, like, contains_for_dir)) {
		if (search(debug, DEVICE, like, contains))
			what = "synced with another direction than mapped";
		else if (search(debug, DEVICE, like, any))
			what = "synced beyond its mapping";
		else
			what = "synced but not mapped";
	}
	xen_port_unlock(&debug->lock, flags);
	return what;
}

struct dma_record *xen_dma_record_any(struct dma_debug *debug)
{
	unsigned long flags = xen_port_lock(&debug->lock);
	struct dma_record *first = NULL;

	for (unsigned int i = 0; i < NR_BUCKETS && !first; i++) {
		first = debug->bucket[DEVICE][i];
		while (first && first->kind == SG && !first->sg)
			first = first->next[DEVICE];
	}
	for (struct dma_record *each = first; each; each = each->more)
		unfile(debug, each);
	xen_port_unlock(&debug->lock, flags);
	return first;
}
