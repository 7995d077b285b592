/* SPDX-License-Identifier: MIT */
/*
 * Grants on the model: references, the table and its growth, what outlives it.
 */
#include <pthread.h>

#include "grant_test.h"

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

/* Answers of Xen's about the table that cannot be. */
static struct {
	unsigned int cmd, max, frames, version, status;
	long rc;
} lie;

static void lie_table(struct model_lie_call *call)
{
	struct gnttab_query_size *size = call->arg;

	if (call->kind != MODEL_GRANT_TABLE_OP || !call->done || call->cmd != lie.cmd)
		return;
	call->rc = lie.rc;
	if (call->cmd == GNTTABOP_set_version) {
		((struct gnttab_set_version *)call->arg)->version = lie.version;
	} else if (call->cmd == GNTTABOP_query_size) {
		size->nr_frames = lie.frames;
		size->max_nr_frames = lie.max;
		size->status = (int16_t)lie.status;
	} else {
		((struct gnttab_setup_table *)call->arg)->status = (int16_t)lie.status;
	}
}

static void table_that_cannot_be(void)
{
	static const struct {
		typeof(lie) lie;
		int rc;
	} table[] = {
		{{GNTTABOP_query_size, 64, 1, 0, 0, 0}, 0},
		{{GNTTABOP_query_size, 0, 1, 0, 0, 0}, -XEN_EIO},
		{{GNTTABOP_query_size, 64, 1, 0, (unsigned int)GNTST_permission_denied, 0},
		 -XEN_EPERM},
		{{GNTTABOP_query_size, 64, 1, 0, 0, 1}, -XEN_EIO},
		{{GNTTABOP_set_version, 0, 0, 1, 0, 0}, 0},
		{{GNTTABOP_set_version, 0, 0, 2, 0, 0}, -XEN_EIO},
		{{GNTTABOP_set_version, 0, 0, 1, 0, 1}, -XEN_EIO},
		{{GNTTABOP_setup_table, 0, 0, 0, (unsigned int)GNTST_general_error, 0}, -XEN_EIO},
		{{GNTTABOP_setup_table, 0, 0, 0, 0, 1}, -XEN_EIO},
		{{GNTTABOP_setup_table, 0, 0, 0, 0, -XEN_EPERM}, -XEN_EPERM},
	};

	start(1);
	xen_grant_fini();
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		lie = table[i].lie;
		model_lie(lie_table);
		ck_assert_msg(xen_grant_init(1) == table[i].rc, "row %u", i);
		model_lie(NULL);
		if (!table[i].rc)
			xen_grant_fini();
		ck_assert_uint_eq(model_allocs().vm_pages, 0);
		ck_assert_uint_eq(model_allocs().objects, before.objects);
	}
	ck_assert_int_eq(xen_grant_init(1), 0);
	finish();
}

/* How many frames the table begins with: what is asked for, what it has, what there may be. */
static void frames_to_begin_with(void)
{
	static const unsigned int asked[] = {0, 1, 3, 64};
	uint64_t calls;
	grant_ref_t ref;

	start(3);
	xen_grant_fini();
	for (unsigned int i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		unsigned int nr = 0, frames = asked[i] < 3 ? 3 : asked[i];

		ck_assert_int_eq(xen_grant_init(asked[i]), 0);
		calls = model_calls(MODEL_GRANT_TABLE_OP);
		while (model_calls(MODEL_GRANT_TABLE_OP) == calls &&
		       nr < frames * A_FRAME - GNTTAB_NR_RESERVED_ENTRIES) {
			unit_expect(!xen_grant_access(PEER, mk_pfn(20), true, &ref));
			nr++;
		}
		/* All of them without a call to Xen. */
		ck_assert_uint_eq(nr, frames * A_FRAME - GNTTAB_NR_RESERVED_ENTRIES);
		ck_assert_uint_eq(model_calls(MODEL_GRANT_TABLE_OP), calls);
		for (ref = GNTTAB_NR_RESERVED_ENTRIES; ref < frames * A_FRAME; ref++)
			unit_expect(!xen_grant_end(ref));
		xen_grant_fini();
	}
	ck_assert_int_eq(xen_grant_init(1000), 0);
	finish();
}

static const struct unit_case cases[] = {
	{"a page is granted and ended", grants_and_ends},
	{"what is no grant is refused", refuses},
	{"the table grows up to Xen's maximum", grows},
	{"set-up and growth that fail leave nothing", init_fails},
	{"grants outlive the table", another_life},
	{"two CPUs grant at once", threads},
	{"tables that cannot be are refused", table_that_cannot_be},
	{"a table begins with the frames that it has", frames_to_begin_with},
};

UNIT_MAIN("grant", cases)
