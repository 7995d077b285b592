/* SPDX-License-Identifier: MIT */
/* The domain's own grant table, version 1, for the cases of grant.c and grant-map.c. */
#ifndef XENDMA_TESTS_CONFORMANCE_GRANT_H
#define XENDMA_TESTS_CONFORMANCE_GRANT_H

#include "conf.h"

/* A reference that nobody else uses. */
#define GRANT_REF 20

extern volatile struct grant_entry_v1 *grant_table;

/* Set the table up and map its first frame: false when Xen does not do that. */
bool grant_open(void);
void grant_close(void);

/* Entry @ref lets domain @domid use frame @mfn, or (flags 0) nobody nothing. */
void grant_set(unsigned int ref, uint16_t flags, domid_t domid, uint64_t mfn);

static inline int grant_op(unsigned int cmd, void *arg)
{
	return hypercall_grant_table_op(cmd, arg, 1);
}

#endif
