/* SPDX-License-Identifier: MIT */
/* What the tests of grants share: a peer that maps what it is granted, and books that must balance.
 */
#ifndef XENDMA_TESTS_UNIT_GRANT_TEST_H
#define XENDMA_TESTS_UNIT_GRANT_TEST_H

#include <string.h>

#include <model/domain.h>
#include <xen/grant.h>
#include <xen/p2m.h>

#include "guest.h"

#define PEER 7
#define PAGES 64
#define A_FRAME (XEN_PAGE_SIZE / sizeof(grant_entry_v1_t))

static struct model_allocs before;

static inline void start(unsigned int frames)
{
	model_start(NULL);
	before = model_allocs();
	model_domain_create(PEER, false, PAGES);
	ck_assert_int_eq(xen_grant_init(frames), 0);
	ck_assert_uint_eq(xen_grant_used(), 0);
}

static inline void finish(void)
{
	ck_assert_uint_eq(xen_grant_used(), 0);
	xen_grant_fini();
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	ck_assert_uint_eq(model_allocs().pages, before.pages);
	ck_assert_uint_eq(model_allocs().objects, before.objects);
	ck_assert(model_stop());
}

/* The peer maps one of our grants: its handle. */
static inline grant_handle_t peer_maps(grant_ref_t ref, bool readonly, int16_t status)
{
	struct gnttab_map_grant_ref op = {
		.ref = ref, .flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0)};

	model_act_as(PEER);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
	model_act_as(DOMID_SELF);
	ck_assert_int_eq(op.status, status);
	return op.handle;
}

static inline void peer_unmaps(grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref op = {.handle = handle, .host_addr = XEN_PAGE_SIZE};

	model_act_as(PEER);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
	model_act_as(DOMID_SELF);
	ck_assert_int_eq(op.status, GNTST_okay);
}

#endif
