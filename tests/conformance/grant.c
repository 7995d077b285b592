/* SPDX-License-Identifier: MIT */
/*
 * grant_table_op, version 1: the table itself, its size, and copies by reference. The domain grants
 * to itself, so both sides are here. A status is a GNTST_* number.
 */
#include "grant.h"

volatile struct grant_entry_v1 *grant_table;

static int setup(domid_t domid, unsigned int nr, xen_pfn_t *frames, int16_t *status)
{
	struct gnttab_setup_table s = {.dom = domid, .nr_frames = nr, .status = 99};
	int rc;

	set_xen_guest_handle(s.frame_list, frames);
	rc = grant_op(GNTTABOP_setup_table, &s);
	*status = s.status;
	return rc;
}

bool grant_open(void)
{
	xen_pfn_t frame = 0;
	int16_t status;
	void *va;

	if (setup(DOMID_SELF, 1, &frame, &status) || status)
		return false;
	va = xen_port_vm_alloc(1);
	if (!va)
		return false;
	if (conf_map(va, frame)) {
		xen_port_vm_free(va, 1);
		return false;
	}
	grant_table = va;
	return true;
}

void grant_close(void)
{
	void *va = (void *)(uintptr_t)grant_table;

	conf_unmap(va);
	xen_port_vm_free(va, 1);
	grant_table = NULL;
}

/* The flags make the entry valid, so they come last and go first. */
void grant_set(unsigned int ref, uint16_t flags, domid_t domid, uint64_t mfn)
{
	volatile struct grant_entry_v1 *entry = &grant_table[ref];

	entry->flags = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	entry->domid = domid;
	entry->frame = (uint32_t)mfn;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	entry->flags = flags;
}

static void tables(void)
{
	static const struct {
		const char *name;
		domid_t domid;
		unsigned int nr;
	} cases[] = {
		{"grant-setup-1", DOMID_SELF, 1},
		{"grant-setup-2", DOMID_SELF, 2},
		{"grant-setup-0", DOMID_SELF, 0},
		{"grant-setup-1000000", DOMID_SELF, 1000000},
		{"grant-setup-no-such-domain", CONF_NO_DOMAIN, 1},
		{"grant-setup-domid-invalid", DOMID_INVALID, 1},
	};
	static xen_pfn_t frames[4];
	int16_t status;
	size_t i;
	int rc;

	for (i = 0; i < LEN(cases); i++) {
		frames[0] = frames[1] = 0;
		rc = setup(cases[i].domid, cases[i].nr, frames, &status);
		conf(cases[i].name, "%s status=%d frames=%u", conf_err(rc), status,
		     !!frames[0] + !!frames[1]);
	}
	rc = setup(conf_domid(), 1, frames, &status);
	conf("grant-setup-own-number", "%s status=%d", conf_err(rc), status);
}

static void sizes(void)
{
	static const struct {
		const char *name;
		domid_t domid;
	} cases[] = {
		{"grant-size", DOMID_SELF},
		{"grant-size-no-such-domain", CONF_NO_DOMAIN},
		{"grant-size-domid-invalid", DOMID_INVALID},
	};
	size_t i;

	for (i = 0; i < LEN(cases); i++) {
		struct gnttab_query_size q = {.dom = cases[i].domid, .status = 99};
		int rc = grant_op(GNTTABOP_query_size, &q);

		conf(cases[i].name, "%s status=%d nr=%s max=%s", conf_err(rc), q.status,
		     conf_is(q.nr_frames >= 2, "set-up", "less"),
		     conf_is(q.max_nr_frames >= q.nr_frames && q.max_nr_frames, "more", "less"));
	}
	conf("grant-unknown", "%s", conf_err(grant_op(99, (void *)(uintptr_t)cases)));
	conf("grant-size-no-argument", "%s", conf_err(grant_op(GNTTABOP_query_size, NULL)));
	conf("grant-size-count-0", "%s",
	     conf_err(hypercall_grant_table_op(GNTTABOP_query_size, NULL, 0)));
}

struct copy_case {
	const char *name;
	uint16_t granted; /* flags of the entry */
	bool to_ref;	  /* into the granted page, else out of it */
	unsigned int ref;
	unsigned int ref_offset, frame_offset, len;
	domid_t ref_domid, grantee; /* 0: this domain */
};

static const struct copy_case copies[] = {
	{"grant-copy-out", GTF_permit_access, false, GRANT_REF, 16, 32, 100},
	{"grant-copy-in", GTF_permit_access, true, GRANT_REF, 16, 32, 100},
	{"grant-copy-whole-page", GTF_permit_access, false, GRANT_REF, 0, 0, 4096},
	{"grant-copy-nothing", GTF_permit_access, false, GRANT_REF, 0, 0, 0},
	{"grant-copy-beyond-page", GTF_permit_access, false, GRANT_REF, 4000, 0, 100},
	{"grant-copy-beyond-frame", GTF_permit_access, false, GRANT_REF, 0, 4000, 100},
	{"grant-copy-too-long", GTF_permit_access, false, GRANT_REF, 0, 0, 4097},
	{"grant-copy-out-read-only", GTF_permit_access | GTF_readonly, false, GRANT_REF, 0, 0, 8},
	{"grant-copy-in-read-only", GTF_permit_access | GTF_readonly, true, GRANT_REF, 0, 0, 8},
	{"grant-copy-not-granted", 0, false, GRANT_REF, 0, 0, 8},
	{"grant-copy-reserved-flags", GTF_type_mask, false, GRANT_REF, 0, 0, 8},
	{"grant-copy-ref-too-high", GTF_permit_access, false, 0x7fffffff, 0, 0, 8},
	{"grant-copy-no-such-domain", GTF_permit_access, false, GRANT_REF, 0, 0, 8,
	 .ref_domid = CONF_NO_DOMAIN},
	{"grant-copy-for-other", GTF_permit_access, false, GRANT_REF, 0, 0, 8,
	 .grantee = CONF_NO_DOMAIN},
};

static void copy(const struct copy_case *c, char *granted, char *own)
{
	struct gnttab_copy op = {.len = (uint16_t)c->len, .status = 99};
	struct gnttab_copy_ptr ref =
				       {
					       .u.ref = c->ref,
					       .domid = c->ref_domid ? c->ref_domid : DOMID_SELF,
					       .offset = (uint16_t)c->ref_offset,
				       },
			       frame = {
				       .u.gmfn = conf_mfn(own),
				       .domid = DOMID_SELF,
				       .offset = (uint16_t)c->frame_offset,
			       };
	char *from = c->to_ref ? own : granted, *to = c->to_ref ? granted : own;
	size_t from_offset = c->to_ref ? c->frame_offset : c->ref_offset;
	size_t to_offset = c->to_ref ? c->ref_offset : c->frame_offset, i;
	int rc;

	for (i = 0; i < XEN_PAGE_SIZE; i++) {
		from[i] = (char)(i * 7 + 1);
		to[i] = 0;
	}
	grant_set(GRANT_REF, c->granted, c->grantee ? c->grantee : conf_domid(), conf_mfn(granted));
	__builtin_memcpy(c->to_ref ? &op.source : (void *)&op.dest, &frame, sizeof(frame));
	__builtin_memcpy(c->to_ref ? (void *)&op.dest : &op.source, &ref, sizeof(ref));
	op.flags = c->to_ref ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
	rc = grant_op(GNTTABOP_copy, &op);
	for (i = 0; !op.status && i < c->len; i++)
		if (to[to_offset + i] != from[from_offset + i])
			break;
	conf(c->name, "%s status=%d %s entry=%x", conf_err(rc), op.status,
	     op.status ? "-" : conf_is(i == c->len, "copied", "wrong"),
	     (unsigned int)grant_table[GRANT_REF].flags);
	grant_set(GRANT_REF, 0, 0, 0);
}

void conf_grant(void)
{
	char *granted = xen_port_alloc_pages(0), *own = xen_port_alloc_pages(0);
	size_t i;

	tables();
	sizes();
	if (granted && own && grant_open()) {
		for (i = 0; i < LEN(copies); i++)
			copy(&copies[i], granted, own);
		grant_close();
	} else {
		conf("grant-copy", "no table");
	}
	if (granted)
		xen_port_free_pages(granted, 0);
	if (own)
		xen_port_free_pages(own, 0);
}
