/* SPDX-License-Identifier: MIT */
/*
 * Between the files of the grant table.
 */
#ifndef XENDMA_XEN_GRANT_INTERNAL_H
#define XENDMA_XEN_GRANT_INTERNAL_H

#include <xen/atomic.h>
#include <xen/grant.h>
#include <xen/hypercall.h>
#include <xen/p2m.h>
#include <xen/port.h>

struct xen_grants {
	struct xen_lock lock;
	grant_entry_v1_t *entry; /* NULL: not set up */
	unsigned int nr_frames, max_frames;
	/* References without a grant: a list by the frame field of their entries, 0 ends. */
	grant_ref_t free;
	unsigned int nr_free;
	/* Bit ref: its page is in quarantine. */
	uint64_t *quarantine;
	size_t quarantine_size;
	unsigned int nr_quarantined;
};
extern struct xen_grants xen_grants;

/* Has the table this reference, for others than the toolstack? */
bool xen_grant_is_ref(grant_ref_t ref);
/* Xen's status of a grant operation as an error. */
int xen_grant_error(int16_t status);

#endif
