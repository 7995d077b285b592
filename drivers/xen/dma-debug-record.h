/* SPDX-License-Identifier: MIT */
/* dma-debug, private: the record of a device's live mappings. */
#ifndef XENDMA_DMA_DEBUG_RECORD_H
#define XENDMA_DMA_DEBUG_RECORD_H

#include <xen/port.h>

#include "dma-internal.h"

#define NR_BUCKETS 256

enum record_kind { SINGLE, SG, COHERENT };

/* The two ways in which a record is filed. */
enum record_side { DEVICE, CPU, NR_SIDES };

struct dma_record {
	struct dma_record *next[NR_SIDES];
	uint64_t start[NR_SIDES];
	uint64_t size[NR_SIDES]; /* bytes; 0: not filed on this side */
	enum record_kind kind;
	enum xen_dma_dir dir;
	struct dma_record *more; /* further pieces of one scatterlist */
	const void *sg;		 /* first piece: the list, ... */
	unsigned int nents;	 /* ... and its length */
};

struct dma_debug {
	const struct xen_dma_ops *ops; /* the backend's */
	struct xen_lock lock;
	bool blind; /* a record is missing */
	uint64_t longest[NR_SIDES];
	struct dma_record *bucket[NR_SIDES][NR_BUCKETS];
};

static inline struct dma_debug *debug_of(const struct xen_dma_dev *dev)
{
	return dev->debug;
}

/* How a call agrees with the record: NULL if it does, else what is wrong. */

/* File a chain of records (linked by more). */
const char *xen_dma_record_enter(struct dma_debug *debug, struct dma_record *first);

/*
 * Take out the chain that @like names, or the nearest to it, into *@found; NULL there: none is
 * near.
 */
const char *xen_dma_record_leave(struct dma_debug *debug, const struct dma_record *like,
				 struct dma_record **found);

/* Does [start, start + size) of @like's device side lie in one mapping, with its direction? */
const char *xen_dma_record_inside(struct dma_debug *debug, const struct dma_record *like);

/* Take out any chain; NULL when there is none left. */
struct dma_record *xen_dma_record_any(struct dma_debug *debug);

void xen_dma_record_free(struct dma_record *first);

#endif
