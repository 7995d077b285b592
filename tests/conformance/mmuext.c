/* SPDX-License-Identifier: MIT */
/* mmuext_op: pinning and unpinning of page tables, TLB and cache flushes, and what is refused. */
#include "conf.h"

static int one(unsigned int cmd, uint64_t arg)
{
	struct mmuext_op op = {.cmd = cmd, .arg1.mfn = arg};

	return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void pinning(char *page)
{
	uint64_t mfn = conf_mfn(page);

	__builtin_memset(page, 0, XEN_PAGE_SIZE);
	conf("pin-mapped-writable", "%s", conf_err(one(MMUEXT_PIN_L1_TABLE, mfn)));
	conf("unpin-not-pinned", "%s", conf_err(one(MMUEXT_UNPIN_TABLE, mfn)));
	conf_set_pte(page, conf_make_pte(mfn, XEN_PTE_PRESENT | XEN_PTE_NX));
	conf("pin-mapped-read-only", "%s", conf_err(one(MMUEXT_PIN_L1_TABLE, mfn)));
	conf("pin-pinned", "%s", conf_err(one(MMUEXT_PIN_L1_TABLE, mfn)));
	conf("pin-pinned-as-other", "%s", conf_err(one(MMUEXT_PIN_L2_TABLE, mfn)));
	conf("pin-then-map-writable", "%s", conf_err(conf_map(page, mfn)));
	conf("pin-then-unmap", "%s", conf_err(conf_unmap(page)));
	conf("unpin", "%s", conf_err(one(MMUEXT_UNPIN_TABLE, mfn)));
	conf("unpin-again", "%s", conf_err(one(MMUEXT_UNPIN_TABLE, mfn)));
	conf("pin-unmapped", "%s", conf_err(one(MMUEXT_PIN_L1_TABLE, mfn)));
	conf("unpin-unmapped", "%s", conf_err(one(MMUEXT_UNPIN_TABLE, mfn)));
	conf("unpin-then-map-writable", "%s", conf_err(conf_map(page, mfn)));
}

/* A page full of ones is no table. */
static void pin_rubbish(char *page)
{
	uint64_t mfn = conf_mfn(page);

	__builtin_memset(page, 0xff, XEN_PAGE_SIZE);
	conf_unmap(page);
	conf("pin-rubbish", "%s", conf_err(one(MMUEXT_PIN_L1_TABLE, mfn)));
	conf("pin-rubbish-then-map-writable", "%s", conf_err(conf_map(page, mfn)));
}

/* One bad entry, and nothing of the table holds. */
static void pin_bad_entry(char *page)
{
	uint64_t mfn = conf_mfn(page);
	static const struct {
		const char *name;
		uint64_t pte; /* 0: of a frame of Xen's */
	} entries[] = {
		{"pin-entry-xen-frame", 0},
		{"pin-entry-invalid-frame", XEN_PTE_FRAME_MASK | XEN_PTE_KERNEL},
		{"pin-entry-mmio", CONF_MMIO_MFN << XEN_PAGE_SHIFT | XEN_PTE_KERNEL},
		{"pin-entry-not-present", XEN_PTE_FRAME_MASK},
	};
	size_t i;

	for (i = 0; i < LEN(entries); i++) {
		uint64_t pte = entries[i].pte;
		int rc;

		__builtin_memset(page, 0, XEN_PAGE_SIZE);
		((uint64_t *)(void *)page)[300] =
			pte ? pte : conf_make_pte(conf_xen_frame(), XEN_PTE_KERNEL);
		conf_unmap(page);
		rc = one(MMUEXT_PIN_L1_TABLE, mfn);
		conf(entries[i].name, "%s", conf_err(rc));
		if (!rc)
			one(MMUEXT_UNPIN_TABLE, mfn);
		conf_map(page, mfn);
	}
}

static void refusals(char *page)
{
	static const struct {
		const char *name;
		uint64_t frame;
	} frames[] = {
		{"xen-frame", 0},
		{"mmio-frame", CONF_MMIO_MFN},
		{"invalid-frame", CONF_INVALID_MFN},
		{"all-ones", ~0ULL},
	};
	static const struct {
		const char *name;
		domid_t domid;
	} domains[] = {
		{"mmuext-no-such-domain", CONF_NO_DOMAIN},
		{"mmuext-domid-xen", DOMID_XEN},
		{"mmuext-domid-io", DOMID_IO},
		{"mmuext-domid-invalid", DOMID_INVALID},
	};
	struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
	char name[64];
	size_t i;

	for (i = 0; i < LEN(frames); i++) {
		uint64_t frame = frames[i].frame ? frames[i].frame : conf_xen_frame();

		conf(conf_name(name, "pin", frames[i].name), "%s",
		     conf_err(one(MMUEXT_PIN_L1_TABLE, frame)));
		conf(conf_name(name, "unpin", frames[i].name), "%s",
		     conf_err(one(MMUEXT_UNPIN_TABLE, frame)));
	}
	for (i = 0; i < LEN(domains); i++)
		conf(domains[i].name, "%s",
		     conf_err(hypercall_mmuext_op(&flush, 1, NULL, domains[i].domid)));
	conf("mmuext-unknown", "%s", conf_err(one(99, 0)));
	conf("mmuext-mark-super", "%s", conf_err(one(MMUEXT_MARK_SUPER, conf_mfn(page))));
	conf("mmuext-no-list", "%s", conf_err(hypercall_mmuext_op(NULL, 1, NULL, DOMID_SELF)));
	conf("mmuext-no-list-none", "%s", conf_err(hypercall_mmuext_op(NULL, 0, NULL, DOMID_SELF)));
}

static void flushes(char *page)
{
	conf("tlb-flush-local", "%s", conf_err(one(MMUEXT_TLB_FLUSH_LOCAL, 0)));
	conf("tlb-flush-all", "%s", conf_err(one(MMUEXT_TLB_FLUSH_ALL, 0)));
	conf("invlpg-local", "%s", conf_err(one(MMUEXT_INVLPG_LOCAL, conf_addr(page))));
	conf("invlpg-all", "%s", conf_err(one(MMUEXT_INVLPG_ALL, conf_addr(page))));
	conf("invlpg-all-null", "%s", conf_err(one(MMUEXT_INVLPG_ALL, 0)));
	conf("invlpg-all-not-canonical", "%s", conf_err(one(MMUEXT_INVLPG_ALL, 1UL << 50)));
	conf("flush-cache", "%s", conf_err(one(MMUEXT_FLUSH_CACHE, 0)));
}

static void several(void)
{
	struct mmuext_op op[3] = {
		{.cmd = MMUEXT_TLB_FLUSH_LOCAL},
		{.cmd = 99},
		{.cmd = MMUEXT_TLB_FLUSH_ALL},
	};
	unsigned int done = 77;
	int rc = hypercall_mmuext_op(op, 3, &done, DOMID_SELF);

	conf("mmuext-second-of-three-unknown", "%s done=%u", conf_err(rc), done);
	op[1] = op[2];
	rc = hypercall_mmuext_op(op, 3, &done, DOMID_SELF);
	conf("mmuext-three", "%s done=%u", conf_err(rc), done);
	done = 77;
	rc = hypercall_mmuext_op(op, 0, &done, DOMID_SELF);
	conf("mmuext-none", "%s done=%u", conf_err(rc), done);
	done = 77;
	rc = hypercall_mmuext_op(op, 1, &done, CONF_NO_DOMAIN);
	conf("mmuext-no-domain-done", "%s done=%s", conf_err(rc),
	     conf_is(done == 77, "untouched", "written"));
}

void conf_mmuext(void)
{
	char *page = xen_port_alloc_pages(0);

	if (!page)
		return;
	pinning(page);
	pin_rubbish(page);
	pin_bad_entry(page);
	refusals(page);
	flushes(page);
	several();
	xen_port_free_pages(page, 0);
}
