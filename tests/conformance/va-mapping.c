/* SPDX-License-Identifier: MIT */
/*
 * update_va_mapping: which PTEs Xen sets for which frames, and what it makes of the cache bits. A
 * page of RAM and an address of the MMIO area stand ready; the PTE is looked at in the page table.
 */
#include "conf.h"

#define PRESENT_NX (XEN_PTE_PRESENT | XEN_PTE_NX)

enum frame { OWN, TABLE, OF_XEN, MMIO, MMIO_END, INVALID, HIGHEST };

static char *page, *table, *area;
static unsigned long updated;

static uint64_t frame_number(enum frame frame)
{
	switch (frame) {
	case OWN:
		return conf_mfn(page);
	case TABLE:
		return conf_mfn(table);
	case OF_XEN:
		return conf_xen_frame();
	case MMIO:
		return CONF_MMIO_MFN;
	case MMIO_END:
		return 0x3ffffffff; /* beyond the machine's 40 bits of address */
	case INVALID:
		return CONF_INVALID_MFN & (XEN_PTE_FRAME_MASK >> XEN_PAGE_SHIFT);
	default:
		return XEN_PTE_FRAME_MASK >> XEN_PAGE_SHIFT;
	}
}

/* "rw cache=0", "none" */
static void show(const char *name, int rc, uint64_t want)
{
	uint64_t pte = conf_pte(area);
	unsigned int cache =
		!!(pte & XEN_PTE_PAT) << 2 | !!(pte & XEN_PTE_PCD) << 1 | !!(pte & XEN_PTE_PWT);

	if (!(pte & XEN_PTE_PRESENT)) {
		conf(name, "%s none", conf_err(rc));
		return;
	}
	conf(name, "%s %s %s cache=%u %s", conf_err(rc),
	     conf_is(!((pte ^ want) & XEN_PTE_FRAME_MASK), "frame", "other-frame"),
	     conf_is(pte & XEN_PTE_RW, "rw", "ro"), cache, conf_is(pte & XEN_PTE_NX, "nx", "x"));
}

static const struct {
	const char *name;
	enum frame frame;
	uint64_t flags;
} ptes[] = {
	{"va-own-rw", OWN, XEN_PTE_KERNEL},
	{"va-own-ro", OWN, PRESENT_NX},
	{"va-own-executable", OWN, XEN_PTE_PRESENT},
	{"va-own-not-present", OWN, XEN_PTE_RW | XEN_PTE_NX},
	{"va-own-uncached", OWN, XEN_PTE_KERNEL | XEN_PTE_PCD | XEN_PTE_PWT},
	{"va-own-write-combining", OWN, XEN_PTE_KERNEL | XEN_PTE_PAT},
	{"va-own-write-through", OWN, XEN_PTE_KERNEL | XEN_PTE_PWT},
	{"va-own-user", OWN, XEN_PTE_KERNEL | XEN_PTE_USER},
	{"va-own-global", OWN, XEN_PTE_KERNEL | 1ULL << 8},
	{"va-own-available-bit-9", OWN, XEN_PTE_KERNEL | 1ULL << 9},
	{"va-own-available-bit-11", OWN, XEN_PTE_KERNEL | 1ULL << 11},
	{"va-own-bit-52", OWN, XEN_PTE_KERNEL | 1ULL << 52},
	{"va-own-bit-58", OWN, XEN_PTE_KERNEL | 1ULL << 58},
	{"va-own-bit-62", OWN, XEN_PTE_KERNEL | 1ULL << 62},
	{"va-page-table-rw", TABLE, XEN_PTE_KERNEL},
	{"va-page-table-ro", TABLE, PRESENT_NX},
	{"va-xen-frame-rw", OF_XEN, XEN_PTE_KERNEL},
	{"va-xen-frame-ro", OF_XEN, PRESENT_NX},
	{"va-xen-frame-not-present", OF_XEN, 0},
	{"va-mmio-write-back", MMIO, XEN_PTE_KERNEL},
	{"va-mmio-uncached", MMIO, XEN_PTE_KERNEL | XEN_PTE_PCD | XEN_PTE_PWT},
	{"va-mmio-uncached-minus", MMIO, XEN_PTE_KERNEL | XEN_PTE_PCD},
	{"va-mmio-write-combining", MMIO, XEN_PTE_KERNEL | XEN_PTE_PAT},
	{"va-mmio-write-through", MMIO, XEN_PTE_KERNEL | XEN_PTE_PWT},
	{"va-mmio-write-protect", MMIO, XEN_PTE_KERNEL | XEN_PTE_PAT | XEN_PTE_PWT},
	{"va-mmio-pat-6", MMIO, XEN_PTE_KERNEL | XEN_PTE_PAT | XEN_PTE_PCD},
	{"va-mmio-pat-7", MMIO, XEN_PTE_KERNEL | XEN_PTE_PAT | XEN_PTE_PCD | XEN_PTE_PWT},
	{"va-mmio-ro", MMIO, PRESENT_NX},
	{"va-mmio-bit-58", MMIO, XEN_PTE_KERNEL | 1ULL << 58},
	{"va-mmio-far", MMIO_END, XEN_PTE_KERNEL},
	{"va-invalid-frame", INVALID, XEN_PTE_KERNEL},
	{"va-highest-frame", HIGHEST, XEN_PTE_KERNEL},
	{"va-highest-frame-not-present", HIGHEST, 0},
};

static const struct {
	const char *name;
	unsigned long flags;
} flushes[] = {
	{"va-flush-none", UVMF_NONE},
	{"va-flush-none-all", UVMF_NONE | UVMF_ALL},
	{"va-flush-local", UVMF_TLB_FLUSH | UVMF_LOCAL},
	{"va-flush-all", UVMF_TLB_FLUSH | UVMF_ALL},
	{"va-invlpg-local", UVMF_INVLPG | UVMF_LOCAL},
	{"va-invlpg-all", UVMF_INVLPG | UVMF_ALL},
	{"va-flush-type-3", 3},
	{"va-flush-type-3-all", 3 | UVMF_ALL},
};

static int set(uint64_t pte, unsigned long flags)
{
	return hypercall_update_va_mapping(conf_addr(area), pte, flags);
}

/* A mapping that replaces another; the one that was stays when the new one is refused. */
static void replace(void)
{
	uint64_t own = conf_make_pte(conf_mfn(page), XEN_PTE_KERNEL);

	set(own, UVMF_INVLPG | UVMF_ALL);
	show("va-refused-keeps-old",
	     set(conf_make_pte(conf_xen_frame(), XEN_PTE_KERNEL), UVMF_INVLPG | UVMF_ALL), own);
	show("va-same-again", set(own, UVMF_INVLPG | UVMF_ALL), own);
	show("va-less-rights", set(own & ~XEN_PTE_RW, UVMF_INVLPG | UVMF_ALL), own);
	show("va-more-rights", set(own, UVMF_INVLPG | UVMF_ALL), own);
	show("va-unmap", set(0, UVMF_INVLPG | UVMF_ALL), own);
	show("va-unmap-again", set(0, UVMF_INVLPG | UVMF_ALL), own);
}

static void bad_addresses(void)
{
	static const struct {
		const char *name;
		unsigned long va;
	} addresses[] = {
		{"va-null", 0},
		{"va-not-canonical", 1UL << 50},
		{"va-of-hypervisor", 0xffff820000000000},
	};
	uint64_t pte = conf_make_pte(conf_mfn(page), XEN_PTE_KERNEL);
	size_t i;

	for (i = 0; i < LEN(addresses); i++) {
		conf(addresses[i].name, "%s",
		     conf_err(hypercall_update_va_mapping(addresses[i].va, pte, UVMF_NONE)));
		conf_set_pte(area, 0);
	}
}

/* The processor sees what the page table says. */
static void contents(void)
{
	uint64_t own = conf_make_pte(conf_mfn(page), XEN_PTE_KERNEL);
	volatile uint64_t *there = (volatile uint64_t *)page, *here = (volatile uint64_t *)area;
	bool same;

	*there = 0x1122334455667788;
	if (set(own, UVMF_INVLPG | UVMF_ALL)) {
		conf("va-contents", "not mapped");
		return;
	}
	same = *here == *there;
	*here = ++updated;
	conf("va-contents", "%s %s", conf_is(same, "same", "other"),
	     conf_is(*there == updated, "written", "lost"));
	set(0, UVMF_INVLPG | UVMF_ALL);
}

static bool set_up(void)
{
	struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE};

	page = xen_port_alloc_pages(0);
	table = xen_port_alloc_pages(0);
	area = xen_port_vm_alloc(1);
	if (!page || !table || !area)
		return false;
	__builtin_memset(table, 0, XEN_PAGE_SIZE);
	conf_unmap(table);
	pin.arg1.mfn = conf_mfn(table);
	return !hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
}

static void take_down(void)
{
	struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = conf_mfn(table)};

	hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
	conf_map(table, conf_mfn(table));
	xen_port_free_pages(page, 0);
	xen_port_free_pages(table, 0);
	xen_port_vm_free(area, 1);
}

void conf_va_mapping(void)
{
	size_t i;

	conf("va-set-up", "%s", conf_is(set_up(), "done", "failed"));
	if (!page || !table || !area)
		return;
	for (i = 0; i < LEN(ptes); i++) {
		uint64_t pte = conf_make_pte(frame_number(ptes[i].frame), ptes[i].flags);

		show(ptes[i].name, set(pte, UVMF_INVLPG | UVMF_ALL), pte);
		set(0, UVMF_INVLPG | UVMF_ALL);
	}
	for (i = 0; i < LEN(flushes); i++) {
		uint64_t pte = conf_make_pte(conf_mfn(page), XEN_PTE_KERNEL);

		show(flushes[i].name, set(pte, flushes[i].flags), pte);
		set(0, UVMF_TLB_FLUSH | UVMF_ALL);
	}
	replace();
	bad_addresses();
	contents();
	take_down();
}
