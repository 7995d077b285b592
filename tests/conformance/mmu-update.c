/* SPDX-License-Identifier: MIT */
/*
 * mmu_update: entries of the M2P, and of a page table that the case makes itself: one page, pinned
 * as a table of the lowest level and used by no CPU.
 */
#include "conf.h"

static int update(uint64_t ptr, uint64_t val, domid_t domid)
{
	struct mmu_update req = {.ptr = ptr, .val = val};

	return hypercall_mmu_update(&req, 1, NULL, domid);
}

static void machphys(char *page)
{
	uint64_t mfn = conf_mfn(page), pfn = pfn_x(xen_port_virt_to_pfn(page));
	static const struct {
		const char *name;
		uint64_t frame;
	} frames[] = {
		{"m2p-xen-frame", 0},
		{"m2p-mmio-frame", CONF_MMIO_MFN},
		{"m2p-invalid-frame", CONF_INVALID_MFN},
		{"m2p-highest-frame", XEN_PTE_FRAME_MASK >> XEN_PAGE_SHIFT},
	};
	static const struct {
		const char *name;
		domid_t domid;
	} domains[] = {
		{"m2p-no-such-domain", CONF_NO_DOMAIN},
		{"m2p-domid-xen", DOMID_XEN},
		{"m2p-domid-io", DOMID_IO},
		{"m2p-domid-invalid", DOMID_INVALID},
	};
	size_t i;
	int rc;

	rc = conf_set_m2p(mfn, 0x987654321);
	conf("m2p-own", "%s %s", conf_err(rc),
	     conf_is(conf_m2p(mfn) == 0x987654321, "set", "not-set"));
	rc = conf_set_m2p(mfn, ~0ULL);
	conf("m2p-own-invalid", "%s %s", conf_err(rc),
	     conf_is(conf_m2p(mfn) == ~0ULL, "set", "not-set"));
	rc = update(mfn << XEN_PAGE_SHIFT | 0xff8 | MMU_MACHPHYS_UPDATE, pfn, DOMID_SELF);
	conf("m2p-own-with-offset", "%s %s", conf_err(rc),
	     conf_is(conf_m2p(mfn) == pfn, "set", "not-set"));
	rc = update(mfn << XEN_PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 3, conf_domid());
	conf("m2p-own-by-number", "%s %s", conf_err(rc),
	     conf_is(conf_m2p(mfn) == 3, "set", "not-set"));
	conf_set_m2p(mfn, pfn);
	for (i = 0; i < LEN(frames); i++) {
		uint64_t frame = frames[i].frame ? frames[i].frame : conf_xen_frame();

		conf(frames[i].name, "%s", conf_err(conf_set_m2p(frame, 1)));
	}
	for (i = 0; i < LEN(domains); i++)
		conf(domains[i].name, "%s",
		     conf_err(update(mfn << XEN_PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 1,
				     domains[i].domid)));
	conf_set_m2p(mfn, pfn);
}

/* Requests behind the first refused one are not looked at. */
static void several(char *page)
{
	uint64_t mfn = conf_mfn(page), pfn = pfn_x(xen_port_virt_to_pfn(page));
	struct mmu_update req[3] = {
		{mfn << XEN_PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 1},
		{CONF_INVALID_MFN << XEN_PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 2},
		{mfn << XEN_PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 3},
	};
	unsigned int done = 99;
	int rc = hypercall_mmu_update(req, 3, &done, DOMID_SELF);

	conf("m2p-second-of-three-bad", "%s done=%u third=%s", conf_err(rc), done,
	     conf_is(conf_m2p(mfn) == 3, "set", "not-set"));
	req[1] = req[2];
	rc = hypercall_mmu_update(req, 3, &done, DOMID_SELF);
	conf("m2p-three", "%s done=%u", conf_err(rc), done);
	done = 99;
	rc = hypercall_mmu_update(req, 0, &done, DOMID_SELF);
	conf("m2p-none", "%s done=%u", conf_err(rc), done);
	done = 99;
	rc = hypercall_mmu_update(req, 1, &done, CONF_NO_DOMAIN);
	conf("m2p-no-domain-done", "%s done=%s", conf_err(rc),
	     conf_is(done == 99, "untouched", conf_err((long)done)));
	conf("m2p-no-list", "%s", conf_err(hypercall_mmu_update(NULL, 1, NULL, DOMID_SELF)));
	conf("m2p-no-list-none", "%s", conf_err(hypercall_mmu_update(NULL, 0, NULL, DOMID_SELF)));
	conf_set_m2p(mfn, pfn);
}

/* @word of the table at @table, which nobody has mapped writable. */
static void entry(const char *name, const char *table, unsigned int word, uint64_t pte,
		  unsigned int type)
{
	uint64_t at = (conf_mfn(table) << XEN_PAGE_SHIFT) + word * 8UL;
	int rc = update(at | type, pte, DOMID_SELF);
	uint64_t is = ((const volatile uint64_t *)table)[word];

	conf(name, "%s %s %s cache=%u", conf_err(rc),
	     conf_is(is & XEN_PTE_PRESENT, "present", "none"),
	     conf_is((is & XEN_PTE_FRAME_MASK) == (pte & XEN_PTE_FRAME_MASK), "frame",
		     "other-frame"),
	     !!(is & XEN_PTE_PAT) << 2 | !!(is & XEN_PTE_PCD) << 1 | !!(is & XEN_PTE_PWT));
}

static void page_table(char *page, char *table)
{
	uint64_t own = conf_make_pte(conf_mfn(page), XEN_PTE_KERNEL);
	struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = conf_mfn(table)};

	__builtin_memset(table, 0, XEN_PAGE_SIZE);
	conf_set_pte(table, conf_make_pte(conf_mfn(table), XEN_PTE_PRESENT | XEN_PTE_NX));
	conf("pt-pin", "%s", conf_err(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF)));
	entry("pt-own", table, 5, own, MMU_NORMAL_PT_UPDATE);
	entry("pt-own-keep-bits", table, 511, own, MMU_PT_UPDATE_PRESERVE_AD);
	entry("pt-own-type-3", table, 6, own, MMU_PT_UPDATE_NO_TRANSLATE);
	entry("pt-xen-frame", table, 7, conf_make_pte(conf_xen_frame(), XEN_PTE_KERNEL), 0);
	entry("pt-itself-rw", table, 7, conf_make_pte(conf_mfn(table), XEN_PTE_KERNEL), 0);
	entry("pt-itself-ro", table, 7, conf_make_pte(conf_mfn(table), XEN_PTE_PRESENT), 0);
	entry("pt-mmio", table, 8, conf_make_pte(CONF_MMIO_MFN, XEN_PTE_KERNEL), 0);
	entry("pt-bit-58", table, 9, own | 1ULL << 58, 0);
	entry("pt-clear", table, 5, 0, MMU_NORMAL_PT_UPDATE);
	conf("pt-map-writable", "%s",
	     conf_err(conf_set_pte(table, conf_make_pte(conf_mfn(table), XEN_PTE_KERNEL))));
	op.cmd = MMUEXT_UNPIN_TABLE;
	conf("pt-unpin", "%s", conf_err(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF)));
	conf("pt-map-again", "%s", conf_err(conf_map(table, conf_mfn(table))));
}

/* A page that is no table: a request for one writes it. */
static void plain_page(char *page)
{
	volatile uint64_t *words = (volatile uint64_t *)page;
	int rc;

	words[1] = 0;
	rc = update((conf_mfn(page) << XEN_PAGE_SHIFT) + 8, 0x1234567, DOMID_SELF);
	conf("pt-of-plain-page", "%s %s", conf_err(rc),
	     conf_is(words[1] == 0x1234567, "written", "not-written"));
	conf("pt-of-xen-frame", "%s",
	     conf_err(update(conf_xen_frame() << XEN_PAGE_SHIFT, 0, DOMID_SELF)));
	conf("pt-of-invalid-frame", "%s",
	     conf_err(update(CONF_INVALID_MFN << XEN_PAGE_SHIFT, 0, DOMID_SELF)));
	conf("pt-of-mmio", "%s", conf_err(update(CONF_MMIO_MFN << XEN_PAGE_SHIFT, 0, DOMID_SELF)));
}

void conf_mmu_update(void)
{
	char *page = xen_port_alloc_pages(0), *table = xen_port_alloc_pages(0);

	if (!page || !table)
		return;
	machphys(page);
	several(page);
	page_table(page, table);
	plain_page(page);
	xen_port_free_pages(page, 0);
	xen_port_free_pages(table, 0);
}
