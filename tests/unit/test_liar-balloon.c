/* SPDX-License-Identifier: MIT */
/* A hypervisor that answers the balloon what it must not. */
#include <string.h>

#include <xen/balloon.h>
#include <xen/hypercall.h>

#include "liar_test.h"

/* Do nothing, and say that more was done than was asked for. */
static void lie_count(struct model_lie_call *call)
{
	struct xen_memory_reservation *arg = call->arg;
	static xen_ulong_t asked;

	if (is_about(call, false)) {
		asked = arg->nr_extents;
		arg->nr_extents = 0;
	} else if (is_about(call, true)) {
		arg->nr_extents = asked;
		call->rc = (long)asked + about.how;
	}
}

static void balloon(void)
{
	uint64_t done = 7;

	model_start(NULL);
	lie_about(MODEL_MEMORY_OP, XENMEM_decrease_reservation, 1, lie_count);
	ck_assert_int_eq(xen_balloon_inflate(3, &done), -XEN_EINVAL);
	ck_assert_uint_eq(done, 0);
	truth();
	ck_assert_uint_eq(model_allocs().pages, 0);
	ck_assert_int_eq(xen_balloon_inflate(3, &done), 0);
	lie_about(MODEL_MEMORY_OP, XENMEM_populate_physmap, 1, lie_count);
	ck_assert_int_eq(xen_balloon_deflate(3, &done), -XEN_EINVAL);
	ck_assert_uint_eq(done, 0);
	truth();
	ck_assert_uint_eq(xen_balloon_pages(), 3);
	ck_assert(model_check());
	ck_assert_int_eq(xen_balloon_deflate(3, &done), 0);
	ck_assert(model_check());
	xen_balloon_fini();
	stop();
}

static void lie_frame(struct model_lie_call *call)
{
	struct xen_memory_reservation *arg = call->arg;

	if (is_about(call, true))
		arg->extent_start.p[0] = 1ULL << 52;
}

static void deflate_one(void *arg)
{
	xen_balloon_deflate(1, NULL);
}

static void frame_for_the_balloon(void)
{
	model_start(NULL);
	ck_assert_int_eq(xen_balloon_inflate(3, NULL), 0);
	lie_about(MODEL_MEMORY_OP, XENMEM_populate_physmap, 0, lie_frame);
	ck_assert(model_expect_panic(deflate_one, NULL));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "balloon: frame"));
}

static void deflate_three(void *arg)
{
	xen_balloon_deflate(3, NULL);
}

/* Populated and then not mapped: how many of these Xen took back is looked at, too. */
static void balloon_undone(void)
{
	model_start(NULL);
	ck_assert_int_eq(xen_balloon_inflate(3, NULL), 0);
	lie_about(MODEL_MEMORY_OP, XENMEM_decrease_reservation, 1, lie_count);
	model_fail(MODEL_UPDATE_VA_MAPPING, 2, -XEN_EPERM);
	ck_assert(model_expect_panic(deflate_three, NULL));
	truth();
	ck_assert_ptr_nonnull(strstr(model_last_log(), "does not take"));
}

static const struct unit_case cases[] = {
	{"the balloon believes no count that it did not ask for", balloon},
	{"a frame for the balloon that cannot be is the end", frame_for_the_balloon},
	{"the balloon believes no count when it undoes", balloon_undone},
};

UNIT_MAIN("liar-balloon", cases)
