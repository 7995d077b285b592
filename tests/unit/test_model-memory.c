/* SPDX-License-Identifier: MIT */
/*
 * The model's reservation: pages given back to Xen and taken again.
 */
#include "guest.h"

static uint64_t *mfns;

static void start(const struct model_params *params)
{
	mfns = guest_start(params);
}

static long reserve(unsigned int cmd, xen_pfn_t *list, uint64_t nr, unsigned int order,
		    unsigned int bits)
{
	struct xen_memory_reservation r = {.nr_extents = nr,
					   .extent_order = order,
					   .mem_flags = XENMEMF_address_bits(bits),
					   .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, list);
	return hypercall_memory_op(cmd, &r);
}

static long pages(unsigned int cmd)
{
	struct xen_memory_domain self = {.domid = DOMID_SELF};

	return hypercall_memory_op(cmd, &self);
}

static void balloon_and_back(void)
{
	xen_pfn_t list[4];
	uint64_t free_frames;

	start(NULL);
	free_frames = model_free_frames(64);
	for (unsigned int i = 0; i < 4; i++) {
		list[i] = mfns[900 + i];
		ck_assert_int_eq(guest_unmap(guest_va(900 + i)), 0);
	}
	ck_assert_int_eq(reserve(XENMEM_decrease_reservation, list, 4, 0, 0), 4);
	ck_assert_int_eq(reserve(XENMEM_decrease_reservation, list, 4, 0, 0), 0); /* gone */
	ck_assert_uint_eq(model_free_frames(64), free_frames + 4);
	ck_assert_int_eq(pages(XENMEM_current_reservation), 4092);
	ck_assert_int_eq(pages(XENMEM_maximum_reservation), 4096);
	for (unsigned int i = 0; i < 4; i++)
		list[i] = 900 + i;
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, list, 4, 0, 28), 4);
	for (unsigned int i = 0; i < 4; i++) {
		ck_assert_uint_lt(list[i], 1 << 16);
		mfns[900 + i] = list[i];
		ck_assert_int_eq(guest_map(guest_va(900 + i), list[i]), 0);
	}
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, list, 1, 0, 0), 0); /* at the limit */
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, list, 1, 0, 12), 0);
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, list, 1, 19, 0), 0);
	ck_assert(model_stop());
}

static void increase(void)
{
	static const struct model_params params = {.max_pages = 4100};
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = 7};
	xen_pfn_t list[8];

	start(&params);
	ck_assert_int_eq(hypercall_memory_op(XENMEM_increase_reservation, &r), 0);
	ck_assert_int_eq(reserve(XENMEM_increase_reservation, list, 8, 0, 0), 4);
	ck_assert(!model_check()); /* four frames that no PFN has */
	ck_assert_int_eq(reserve(XENMEM_decrease_reservation, list, 4, 0, 0), 4);
	ck_assert(model_stop());
}

static void release_mapped(void)
{
	xen_pfn_t list = mfns[900];

	reserve(XENMEM_decrease_reservation, &list, 1, 0, 0);
}

static void release_of_mapped_page(void)
{
	start(NULL);
	ck_assert(guest_dies(release_mapped));
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"pages go back to Xen and come again", balloon_and_back},
	{"the reservation grows up to its limit", increase},
	{"releasing a mapped page is a breach", release_of_mapped_page},
};

UNIT_MAIN("model-memory", cases)
