/* SPDX-License-Identifier: MIT */
/*
 * Grants on the model, with a peer that maps, holds and lets go as it likes, and the mapping of its
 * grants in batches that fail in part.
 */
#include <pthread.h>
#include <string.h>

#include <model/domain.h>
#include <xen/grant.h>
#include <xen/p2m.h>

#include "guest.h"

#define PEER 7
#define PAGES 64
#define A_FRAME (XEN_PAGE_SIZE / sizeof(grant_entry_v1_t))

static struct model_allocs before;

static void start(unsigned int frames)
{
	model_start(NULL);
	before = model_allocs();
	model_domain_create(PEER, false, PAGES);
	ck_assert_int_eq(xen_grant_init(frames), 0);
	ck_assert_uint_eq(xen_grant_used(), 0);
}

static void finish(void)
{
	ck_assert_uint_eq(xen_grant_used(), 0);
	xen_grant_fini();
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	ck_assert_uint_eq(model_allocs().pages, before.pages);
	ck_assert_uint_eq(model_allocs().objects, before.objects);
	ck_assert(model_stop());
}

/* The peer maps one of our grants: its handle. */
static grant_handle_t peer_maps(grant_ref_t ref, bool readonly, int16_t status)
{
	struct gnttab_map_grant_ref op = {
		.ref = ref, .flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0)};

	model_act_as(PEER);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
	model_act_as(DOMID_SELF);
	ck_assert_int_eq(op.status, status);
	return op.handle;
}

static void peer_unmaps(grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref op = {.handle = handle, .host_addr = XEN_PAGE_SIZE};

	model_act_as(PEER);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
	model_act_as(DOMID_SELF);
	ck_assert_int_eq(op.status, GNTST_okay);
}

static uint8_t *frame_of(void *page)
{
	return model_frame(xen_pfn_to_mfn(xen_port_virt_to_pfn(page)));
}

static void grants_and_ends(void)
{
	void *page;
	pfn_t pfn;
	grant_ref_t ref, other;
	grant_handle_t handle;
	const grant_entry_v1_t *entry;

	start(1);
	page = xen_port_alloc_pages(0);
	pfn = xen_port_virt_to_pfn(page);
	ck_assert_int_eq(xen_grant_access(PEER, pfn, true, &ref), 0);
	ck_assert_uint_ge(ref, GNTTAB_NR_RESERVED_ENTRIES);
	entry = model_grant_entry(DOMID_SELF, ref);
	ck_assert_uint_eq(entry->flags, GTF_permit_access | GTF_readonly);
	ck_assert_uint_eq(entry->domid, PEER);
	ck_assert_uint_eq(entry->frame, mfn_x(xen_pfn_to_mfn(pfn)));
	ck_assert_int_eq(xen_grant_access(PEER, pfn, false, &other), 0);
	ck_assert_uint_ne(ref, other);
	ck_assert_uint_eq(xen_grant_used(), 2);
	peer_maps(ref, false, GNTST_general_error); /* for reading only */
	handle = peer_maps(other, false, GNTST_okay);
	ck_assert_int_eq(xen_grant_end(other), -XEN_EBUSY);
	ck_assert_int_eq(xen_grant_end(other), -XEN_EBUSY);
	peer_unmaps(handle);
	ck_assert_int_eq(xen_grant_end(other), 0);
	ck_assert_int_eq(xen_grant_end(other), -XEN_EINVAL);
	peer_maps(other, false, GNTST_general_error);
	ck_assert_int_eq(xen_grant_end(ref), 0);
	xen_port_free_pages(page, 0);
	finish();
}

static void refuses(void)
{
	static const grant_ref_t wrong[] = {0,	     1,	       GNTTAB_NR_RESERVED_ENTRIES - 1,
					    A_FRAME, 1u << 20, ~0u};
	grant_ref_t ref = 99;
	int err;

	start(1);
	ck_assert_int_eq(xen_grant_init(1), -XEN_EBUSY);
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_int_eq(xen_grant_end(wrong[i]), -XEN_EINVAL);
	ck_assert_int_eq(xen_grant_end(GNTTAB_NR_RESERVED_ENTRIES), -XEN_EINVAL);
	ck_assert_int_eq(xen_grant_access(PEER, mk_pfn(1 << 30), false, &ref), -XEN_EINVAL);
	ck_assert_int_eq(xen_grant_access(PEER, mk_pfn(XEN_INVALID_FRAME), false, &ref),
			 -XEN_EINVAL);
	ck_assert_uint_eq(xen_grant_used(), 0);
	model_fail(MODEL_ALLOC_PAGES, 1, 0);
	ck_assert_ptr_null(xen_grant_page(PEER, &ref, &err));
	ck_assert_int_eq(err, -XEN_ENOMEM);
	model_fail(MODEL_ALLOC_PAGES, 1, 0);
	ck_assert_ptr_null(xen_grant_page(PEER, &ref, NULL));
	finish();
	/* Without a table there is none. */
	ck_assert_uint_eq(xen_grant_used(), 0);
	ck_assert_int_eq(xen_grant_end(8), -XEN_EINVAL);
}

/* The table grows to Xen's maximum, and no further. */
static void grows(void)
{
	static grant_ref_t ref[64 * A_FRAME];
	static bool seen[64 * A_FRAME];
	unsigned int nr = 0, most = 64 * A_FRAME - GNTTAB_NR_RESERVED_ENTRIES;
	uint64_t vm;
	grant_ref_t one;
	void *page;
	pfn_t pfn;

	start(0);
	vm = model_allocs().vm_pages;
	page = xen_port_alloc_pages(0);
	pfn = xen_port_virt_to_pfn(page);
	for (unsigned int round = 0; round < 2; round++) {
		memset(seen, 0, sizeof(seen));
		for (nr = 0; nr < most; nr++) {
			unit_expect(!xen_grant_access(PEER, pfn, true, &ref[nr]));
			unit_expect(ref[nr] < 64 * A_FRAME && !seen[ref[nr]]);
			seen[ref[nr]] = true;
		}
		ck_assert_int_eq(xen_grant_access(PEER, pfn, true, &one), -XEN_ENOSPC);
		ck_assert_uint_eq(xen_grant_used(), most);
		while (nr)
			unit_expect(!xen_grant_end(ref[--nr]));
	}
	ck_assert_uint_eq(model_allocs().vm_pages, vm);
	xen_port_free_pages(page, 0);
	finish();
}

/* Setting up fails at each step: nothing stays behind. */
static void init_fails(void)
{
	static const enum model_call kinds[] = {MODEL_GRANT_TABLE_OP, MODEL_UPDATE_VA_MAPPING,
						MODEL_ALLOC, MODEL_VM_ALLOC};
	unsigned int failures = 0;

	start(0);
	xen_grant_fini();
	for (unsigned int k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (unsigned int n = 1;; n++) {
			int rc;

			model_fail(kinds[k], n, -XEN_EPERM);
			rc = xen_grant_init(3);
			model_fail(kinds[k], 0, 0);
			if (!rc) {
				xen_grant_fini();
				break;
			}
			failures++;
			ck_assert(rc == -XEN_EPERM || rc == -XEN_ENOMEM);
			ck_assert_uint_eq(model_allocs().objects, before.objects);
			ck_assert_uint_eq(model_allocs().vm_pages, 0);
		}
	ck_assert_uint_eq(failures, 3 + 3 + 2 + 1);
	/* Growing fails: no grant, and the next try succeeds. */
	{
		grant_ref_t ref[3 * A_FRAME], one;
		unsigned int nr = 0;
		pfn_t pfn = mk_pfn(20);

		ck_assert_int_eq(xen_grant_init(3), 0);
		while (xen_grant_used() < 3 * A_FRAME - GNTTAB_NR_RESERVED_ENTRIES)
			unit_expect(!xen_grant_access(PEER, pfn, true, &ref[nr++]));
		for (unsigned int k = 0; k < 3; k++) {
			model_fail(kinds[k], 1, -XEN_EPERM);
			ck_assert_int_eq(xen_grant_access(PEER, pfn, true, &one),
					 k == 2 ? -XEN_ENOMEM : -XEN_EPERM);
			ck_assert_uint_eq(xen_grant_used(), nr);
		}
		ck_assert_int_eq(xen_grant_access(PEER, pfn, true, &one), 0);
		ck_assert_int_eq(xen_grant_end(one), 0);
		while (nr)
			ck_assert_int_eq(xen_grant_end(ref[--nr]), 0);
	}
	finish();
}

/* What is granted when the table is given up stays so, and is not granted again. */
static void another_life(void)
{
	grant_ref_t kept, ref;
	grant_handle_t handle;
	void *page;

	start(1);
	page = xen_grant_page(PEER, &kept, NULL);
	ck_assert_ptr_nonnull(page);
	handle = peer_maps(kept, false, GNTST_okay);
	xen_grant_fini();
	ck_assert_uint_eq(model_log_lines(XEN_LOG_WARN), 1);
	ck_assert_int_eq(xen_grant_init(1), 0);
	ck_assert_uint_eq(xen_grant_used(), 1);
	for (unsigned int i = 0; i < A_FRAME - GNTTAB_NR_RESERVED_ENTRIES - 1; i++) {
		ck_assert_int_eq(xen_grant_access(PEER, mk_pfn(20), true, &ref), 0);
		ck_assert_uint_ne(ref, kept);
	}
	for (ref = GNTTAB_NR_RESERVED_ENTRIES; ref < A_FRAME; ref++)
		if (ref != kept)
			ck_assert_int_eq(xen_grant_end(ref), 0);
	peer_unmaps(handle);
	xen_grant_page_free(page, kept);
	finish();
}

/* --- quarantine ------------------------------------------------------------------------------ */

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

/* --- mapping --------------------------------------------------------------------------------- */

#define NR_MAP 40

static struct xen_grant_map map[NR_MAP];
static uint8_t *window;

static void prepare(void)
{
	memset(map, 0xee, sizeof(map));
	for (unsigned int i = 0; i < NR_MAP; i++) {
		map[i].ref = model_grant(PEER, 0, i, i % 5 == 0);
		map[i].va = window + i * XEN_PAGE_SIZE;
		map[i].readonly = i % 5 == 0;
		map[i].device = i % 3 == 0;
	}
}

static void unprepare(void)
{
	for (unsigned int i = 0; i < NR_MAP; i++)
		ck_assert(model_grant_end(PEER, map[i].ref));
}

static void start_maps(void)
{
	start(1);
	window = xen_port_vm_alloc(NR_MAP);
	for (unsigned int i = 0; i < NR_MAP; i++)
		memset(model_domain_page(PEER, i), (int)i + 1, XEN_PAGE_SIZE);
	prepare();
}

static void finish_maps(void)
{
	unprepare();
	xen_port_vm_free(window, NR_MAP);
	finish();
}

static void unmap_all(unsigned int nr)
{
	ck_assert_uint_eq(model_grant_maps(0), nr);
	ck_assert_int_eq(xen_grant_unmap(map, NR_MAP), 0);
	ck_assert_uint_eq(model_grant_maps(0), 0);
	for (unsigned int i = 0; i < NR_MAP; i++)
		ck_assert_int_ne(map[i].err, 0);
	ck_assert_int_eq(xen_grant_unmap(map, NR_MAP), 0); /* nothing is mapped */
}

static void maps(void)
{
	start_maps();
	ck_assert_int_eq(xen_grant_map(PEER, map, NR_MAP), 0);
	for (unsigned int i = 0; i < NR_MAP; i++) {
		ck_assert_int_eq(map[i].err, 0);
		ck_assert_uint_eq(*(uint8_t *)map[i].va, i + 1);
		ck_assert(!map[i].device == !map[i].dma);
		if (map[i].device)
			ck_assert_uint_eq(map[i].dma, mfn_to_dma(model_domain_mfn(PEER, i)));
		ck_assert(!model_grant_end(PEER, map[i].ref));
	}
	unmap_all(NR_MAP);
	ck_assert_int_eq(xen_grant_map(PEER, map, 0), 0);
	ck_assert_int_eq(xen_grant_map(66, map, NR_MAP), -XEN_ESRCH);
	unmap_all(0);
	finish_maps();
}

/* One of the batch is not to be had: the others are mapped, and each is unmapped once. */
static void fails_in_part(void)
{
	start_maps();
	for (unsigned int i = 0; i < NR_MAP; i++) {
		grant_ref_t ref = map[i].ref;

		map[i].ref = i % 2 ? 5000 : 8 + NR_MAP;
		ck_assert_int_eq(xen_grant_map(PEER, map, NR_MAP), i % 2 ? -XEN_EINVAL : -XEN_EIO);
		for (unsigned int k = 0; k < NR_MAP; k++)
			ck_assert(!map[k].err == (k != i));
		unmap_all(NR_MAP - 1);
		map[i].ref = ref;
	}
	finish_maps();
}

/* Xen ends the call itself, having done none of a part. */
static void call_fails(void)
{
	start_maps();
	for (unsigned int n = 1; n <= 3; n++) {
		unsigned int failed = 0;

		model_fail(MODEL_GRANT_TABLE_OP, n, -XEN_EFAULT);
		ck_assert_int_eq(xen_grant_map(PEER, map, NR_MAP), -XEN_EFAULT);
		for (unsigned int i = 0; i < NR_MAP; i++) {
			ck_assert(!map[i].err || map[i].err == -XEN_EFAULT);
			failed += map[i].err != 0;
		}
		ck_assert_uint_eq(failed, n == 3 ? 8 : 16);
		/* And so when unmapping: what is still mapped says so. */
		model_fail(MODEL_GRANT_TABLE_OP, 1, -XEN_EFAULT);
		ck_assert_int_eq(xen_grant_unmap(map, NR_MAP), -XEN_EFAULT);
		ck_assert_uint_eq(model_grant_maps(0), 16);
		unmap_all(16);
	}
	finish_maps();
}

static int16_t told;
static unsigned int told_at;

static void lie_status(struct model_lie_call *call)
{
	struct gnttab_map_grant_ref *op = call->arg;

	if (call->kind == MODEL_GRANT_TABLE_OP && call->cmd == GNTTABOP_map_grant_ref && call->done)
		op[told_at].status = told;
}

static void statuses(void)
{
	static const struct {
		int16_t status;
		int err;
	} all[] = {
		{GNTST_general_error, -XEN_EIO},
		{GNTST_bad_domain, -XEN_ESRCH},
		{GNTST_bad_gntref, -XEN_EINVAL},
		{GNTST_bad_handle, -XEN_EINVAL},
		{GNTST_bad_virt_addr, -XEN_EFAULT},
		{GNTST_bad_dev_addr, -XEN_EINVAL},
		{GNTST_no_device_space, -XEN_ENOSPC},
		{GNTST_permission_denied, -XEN_EPERM},
		{GNTST_bad_page, -XEN_EINVAL},
		{GNTST_bad_copy_arg, -XEN_EIO},
		{GNTST_address_too_big, -XEN_EIO},
		{GNTST_eagain, -XEN_EAGAIN},
		{GNTST_no_space, -XEN_ENOSPC},
		{-14, -XEN_EIO},
		{1, -XEN_EIO},
		{INT16_MIN, -XEN_EIO},
		{INT16_MAX, -XEN_EIO},
	};

	start_maps();
	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		told = all[i].status;
		told_at = i % 16;
		model_lie(lie_status);
		ck_assert_int_eq(xen_grant_map(PEER, map, 16), all[i].err);
		model_lie(NULL);
		ck_assert_int_eq(map[told_at].err, all[i].err);
		map[told_at].err = 0; /* in truth it is mapped */
		if (map[told_at].device)
			map[told_at].dma = mfn_to_dma(model_domain_mfn(PEER, told_at));
		for (unsigned int k = 16; k < NR_MAP; k++)
			map[k].err = -XEN_ENOENT;
		unmap_all(16);
	}
	finish_maps();
}

/* Two threads grant and end. */
static void *work(void *arg)
{
	uint64_t random = (uintptr_t)arg;
	grant_ref_t ref[32];
	void *page[32];

	for (unsigned int round = 0; round < 100; round++) {
		unsigned int nr = (unsigned int)unit_random(&random) % 32 + 1;

		for (unsigned int i = 0; i < nr; i++) {
			page[i] = xen_grant_page(PEER, &ref[i], NULL);
			unit_expect(page[i]);
			memset(page[i], (int)i + 1, 64);
		}
		for (unsigned int i = 0; i < nr; i++) {
			unit_expect(*(uint8_t *)page[i] == i + 1);
			xen_grant_page_free(page[i], ref[i]);
		}
	}
	return NULL;
}

static void threads(void)
{
	pthread_t thread[2];

	start(1);
	for (uintptr_t i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, work, (void *)(i + 1)), 0);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	finish();
}

static const struct unit_case cases[] = {
	{"a page is granted and ended", grants_and_ends},
	{"what is no grant is refused", refuses},
	{"the table grows up to Xen's maximum", grows},
	{"set-up and growth that fail leave nothing", init_fails},
	{"grants outlive the table", another_life},
	{"XSA-396: a page that the peer keeps is not freed", quarantine},
	{"XSA-396: mapped, unmapped and mapped again between any two steps", any_sequence},
	{"to free what is not granted is a bug", free_of_no_grant},
	{"XSA-403: whole pages are granted, all zeroes", whole_pages},
	{"grants of others are mapped and unmapped", maps},
	{"XSA-362 365 371: a batch that fails in part", fails_in_part},
	{"XSA-362 365 371: a batch that Xen breaks off", call_fails},
	{"each status of Xen's has its error", statuses},
	{"two CPUs grant at once", threads},
};

UNIT_MAIN("grant", cases)
