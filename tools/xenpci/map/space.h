/* SPDX-License-Identifier: MIT */
/*
 * The pseudo-physical address space of a PV guest, from its P2M: what stands at which PFN, how RAM
 * lies in the machine, and what the P2M has where the BARs of its devices are.
 *
 * An entry is believed only as far as it can be checked. RAM is a frame that Xen says is the
 * domain's and whose machine-to-physical entry points back. What the guest calls foreign (mapped by
 * grant) or identity is its own word for it. The rest is wrong.
 *
 * Work and memory are bounded whatever the guest has written: lists hold at most SPACE_RANGES
 * ranges, and where there are more, neighbours that are close are taken together (their number of
 * pages stays exact).
 */
#ifndef XENPCI_SPACE_H
#define XENPCI_SPACE_H

#include "p2m-view.h"

enum space_kind {
	SPACE_NOTHING,
	SPACE_RAM,
	SPACE_FOREIGN,
	SPACE_IDENTITY,
	SPACE_WRONG,
	SPACE_KINDS
};

#define SPACE_RANGES 1024
#define SPACE_RUNS 16
#define SPACE_LARGE 512 /* pages: 2 MiB, the most that a guest gets by one exchange */
#define SPACE_ORDERS 29

struct space_range {
	uint64_t first, end; /* PFNs, end behind the last */
	uint64_t pages;	     /* of the kind in it; fewer than end - first if taken together */
};

struct space_list {
	struct space_range range[SPACE_RANGES];
	size_t count;
	uint64_t grain; /* gaps smaller than this are passed over; 1: none */
	uint64_t pages;
};

/* RAM that is contiguous in both address spaces. */
struct space_run {
	uint64_t pfn, mfn, pages;
};

/* A range of PFNs to account for: where a BAR is. */
struct space_watch {
	uint64_t first, last;
	uint64_t pages[SPACE_KINDS]; /* of each kind; beyond the P2M's end: nothing */
};

struct space {
	uint64_t entries;		     /* of the P2M */
	struct space_list list[SPACE_KINDS]; /* none for SPACE_NOTHING */
	struct space_run run[SPACE_RUNS];    /* the longest, by ascending PFN */
	size_t runs;
	uint64_t runs_of_order[SPACE_ORDERS]; /* how many of 2^n pages or more, less than 2^(n+1) */
	uint64_t runs_total;
	struct space_list large;       /* RAM that lies in runs of SPACE_LARGE pages or more */
	uint64_t beyond;	       /* wrong: no such frame in the machine */
	uint64_t others;	       /* wrong: not the domain's */
	uint64_t astray;	       /* wrong: the machine-to-physical table points elsewhere */
	uint64_t wrong_pfn, wrong_mfn; /* the first wrong entry */
};

/*
 * Read the whole P2M. watch[count] is in ascending order of first. 0, or what kept Xen from saying
 * whose a frame is (a negative errno), or -EINTR after a signal. Entries that look wrong are read
 * twice, since the guest may be moving pages.
 */
int space_read(struct space *space, struct p2m_view *view, struct space_watch *watch, size_t count);

#endif
