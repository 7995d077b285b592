/* SPDX-License-Identifier: MIT */
/*
 * A PV guest's P2M as the guest publishes it in its shared info page: the linear list, found by
 * walking the guest's page tables from p2m_cr3, or the older tree of frame lists. 64-bit guests.
 *
 * The guest may have written anything there, and may write more while we read. Every page is copied
 * before it is looked at, every frame number checked before it is used, and Xen refuses to map what
 * is not the guest's; work is bounded by P2M_MAX_ENTRIES. What cannot be followed counts as absent
 * and is remembered as a fault.
 */
#ifndef XENPCI_P2M_VIEW_H
#define XENPCI_P2M_VIEW_H

#include "base/finding.h"
#include "seam/guest.h"

#define P2M_MAX_ENTRIES (1ULL << 28) /* 1 TiB */
#define P2M_INVALID (~0ULL)
#define P2M_FOREIGN (1ULL << 63)
#define P2M_IDENTITY (1ULL << 62)

struct p2m_level {
	uint64_t mfn; /* of the page that entry[] is a copy of; 0: none yet */
	uint64_t entry[GUEST_ENTRIES];
};

struct p2m_view {
	struct guest *guest;
	struct guest_info info;
	bool linear;	      /* the linear list; else the tree */
	uint64_t entries;     /* of the P2M, for PFNs from 0 on */
	uint64_t address;     /* linear: of the list, in the guest's address space */
	uint64_t root;	      /* frame of the top-level page table, or of the list of lists */
	uint64_t generation;  /* linear: as it was when opened */
	uint64_t faults;      /* pages of the list that could not be followed */
	char first_fault[96]; /* the first of them */
	int error;	      /* negative errno: Xen did not say whose a page of the list is */
	struct p2m_level level[4];
	struct p2m_level leaf;
};

/*
 * Find the P2M. EXIT_UNKNOWN: no such domain; EXIT_REFUSED: not PV, or a 32-bit guest; EXIT_HOST:
 * Xen does not let us look; EXIT_UNDONE: the guest has not published a P2M that makes sense, or is
 * changing it. The view borrows the guest.
 */
enum exit_status p2m_open(struct p2m_view *view, struct guest *guest, uint32_t domain,
			  struct report *report);

/*
 * The entries of PFNs [512 * leaf, 512 * leaf + 512), P2M_INVALID where there are none; they stay
 * until the next call. view->error is to be looked at after it. again: read the page anew even if
 * it is the one of the last call.
 */
const uint64_t *p2m_leaf(struct p2m_view *view, uint64_t leaf, bool again);

/* Is the list where it was when opened? (The tree cannot tell and is taken to be.) */
bool p2m_unmoved(struct p2m_view *view);

#endif
