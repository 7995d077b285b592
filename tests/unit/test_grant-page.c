/* SPDX-License-Identifier: MIT */
/*
 * Granted pages: a peer that maps, holds and lets go as it likes gets whole pages, which are kept
 * as long as it has them.
 */
#include "grant_test.h"

static uint8_t *frame_of(void *page)
{
	return model_frame(xen_pfn_to_mfn(xen_port_virt_to_pfn(page)));
}

/* The peer keeps the page: it is not freed until it lets go. */
static void quarantine(void)
{
	uint64_t pages = 0;
	grant_ref_t ref[3];
	grant_handle_t handle[3];
	uint8_t *page[3];

	start(1);
	for (unsigned int i = 0; i < 3; i++) {
		page[i] = xen_grant_page(PEER, &ref[i], NULL);
		ck_assert_ptr_nonnull(page[i]);
		handle[i] = peer_maps(ref[i], false, GNTST_okay);
	}
	pages = model_allocs().pages;
	for (unsigned int i = 0; i < 3; i++)
		xen_grant_page_free(page[i], ref[i]);
	ck_assert_uint_eq(model_allocs().pages, pages);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_WARN), 1); /* not one a page */
	ck_assert_uint_eq(xen_grant_used(), 3);
	ck_assert_uint_eq(xen_grant_reap(), 3);
	frame_of(page[1])[5] = 1; /* the peer writes */
	ck_assert_uint_eq(page[1][5], 1);
	peer_unmaps(handle[1]);
	ck_assert_uint_eq(xen_grant_reap(), 2);
	ck_assert_uint_eq(model_allocs().pages, pages - 1);
	peer_unmaps(handle[0]);
	handle[0] = peer_maps(ref[0], true, GNTST_okay); /* it still may */
	ck_assert_uint_eq(xen_grant_reap(), 2);
	peer_unmaps(handle[0]);
	/* The end of the peer is the end of what it has mapped. */
	model_domain_destroy(PEER);
	ck_assert_uint_eq(xen_grant_reap(), 0);
	ck_assert_uint_eq(model_allocs().pages, pages - 3);
	ck_assert_uint_eq(xen_grant_reap(), 0);
	(void)handle[2];
	finish();
}

/*
 * Every sequence of what the peer and we may do with a page: while the peer has it mapped it is
 * ours alone to keep; when it was freed and nobody maps it, it is back in the port.
 */
enum step { MAP, UNMAP, FREE, REAP, NR_STEPS };
#define DEPTH 7

static void run_steps(unsigned int steps)
{
	uint64_t pages = model_allocs().pages;
	grant_handle_t handle[DEPTH];
	unsigned int mapped = 0, nr_done = 0;
	bool freed = false, gone = false;
	grant_ref_t ref;
	void *page = xen_grant_page(PEER, &ref, NULL);

	unit_expect(page);
	for (unsigned int i = 0; i < DEPTH; i++, steps /= NR_STEPS) {
		switch (steps % NR_STEPS) {
		case MAP:
			if (gone)
				peer_maps(ref, false, GNTST_general_error);
			else
				handle[mapped] = peer_maps(ref, mapped & 1, GNTST_okay);
			mapped += !gone;
			break;
		case UNMAP:
			if (mapped)
				peer_unmaps(handle[--mapped]);
			break;
		case FREE:
			if (!freed)
				xen_grant_page_free(page, ref);
			gone |= !freed && !mapped;
			freed = true;
			break;
		case REAP:
			gone |= freed && !mapped;
			unit_expect(xen_grant_reap() == (freed && !gone));
			break;
		}
		nr_done++;
		unit_expect(model_allocs().pages == pages + !gone);
		unit_expect(xen_grant_used() == !gone);
	}
	while (mapped)
		peer_unmaps(handle[--mapped]);
	if (!freed)
		xen_grant_page_free(page, ref);
	unit_expect(!xen_grant_reap());
	unit_expect(model_allocs().pages == pages && nr_done == DEPTH);
}

static void any_sequence(void)
{
	unsigned int nr = 1;

	for (unsigned int i = 0; i < DEPTH; i++)
		nr *= NR_STEPS;
	start(1);
	for (unsigned int i = 0; i < nr; i++)
		run_steps(i);
	finish();
}

static void free_no_grant(void *arg)
{
	xen_grant_page_free(arg, 77);
}

static void free_of_no_grant(void)
{
	start(1);
	ck_assert(model_expect_panic(free_no_grant, xen_port_alloc_pages(0)));
}

/* Fresh pages of the port hold somebody's data; the peer sees none of it, nor a neighbour's. */
static void whole_pages(void)
{
	uint8_t *page, *neighbour, *seen;
	struct model_allocs now;
	grant_ref_t ref;

	start(1);
	neighbour = xen_port_alloc_pages(0);
	memset(neighbour, 0x77, XEN_PAGE_SIZE);
	xen_port_free_pages(neighbour, 0);
	now = model_allocs();
	for (unsigned int i = 0; i < 20; i++) {
		page = xen_grant_page(PEER, &ref, NULL);
		ck_assert_uint_eq(model_allocs().pages, now.pages + 1);
		ck_assert_uint_eq((uintptr_t)page % XEN_PAGE_SIZE, 0);
		seen = model_frame(mk_mfn(model_grant_entry(DOMID_SELF, ref)->frame));
		for (unsigned int k = 0; k < XEN_PAGE_SIZE; k++)
			unit_expect(!seen[k]);
		memset(page, 0x88, XEN_PAGE_SIZE);
		xen_grant_page_free(page, ref);
	}
	finish();
}

/* No reference is left for a page: it is the port's again, and the error is told to who asks. */
static void no_reference_for_a_page(void)
{
	static grant_ref_t ref[64 * A_FRAME];
	unsigned int nr = 0;
	grant_ref_t one;
	uint64_t pages;
	int err = 0;
	void *page;

	start(0);
	while (!xen_grant_access(PEER, mk_pfn(20), true, &ref[nr]))
		nr++;
	pages = model_allocs().pages;
	ck_assert_ptr_null(xen_grant_page(PEER, &one, &err));
	ck_assert_int_eq(err, -XEN_ENOSPC);
	ck_assert_ptr_null(xen_grant_page(PEER, &one, NULL));
	ck_assert_uint_eq(model_allocs().pages, pages);
	while (nr)
		unit_expect(!xen_grant_end(ref[--nr]));
	err = 77;
	page = xen_grant_page(PEER, &one, &err);
	ck_assert_ptr_nonnull(page);
	ck_assert_int_eq(err, 0);
	xen_grant_page_free(page, one);
	finish();
}

static const struct unit_case cases[] = {
	{"XSA-396: a page that the peer keeps is not freed", quarantine},
	{"XSA-396: mapped, unmapped and mapped again between any two steps", any_sequence},
	{"to free what is not granted is a bug", free_of_no_grant},
	{"XSA-403: whole pages are granted, all zeroes", whole_pages},
	{"a page that cannot be granted goes back", no_reference_for_a_page},
};

UNIT_MAIN("grant-page", cases)
