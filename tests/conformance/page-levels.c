/* SPDX-License-Identifier: MIT */
/*
 * Page tables of the second level, as a kernel makes them for new addresses: two pages, one a table
 * of the first level that the other points at. No CPU uses them.
 */
#include "conf.h"

#define LINK (XEN_PTE_PRESENT | XEN_PTE_RW | XEN_PTE_USER | XEN_PTE_ACCESSED)
#define PTE_PSE XEN_PTE_PAT /* the same bit, above the first level */

static char *upper, *lower, *page;

static int op(unsigned int cmd, const char *va)
{
	struct mmuext_op op = {.cmd = cmd, .arg1.mfn = conf_mfn(va)};

	return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/* Entry @index of the table at @table. */
static int update(const char *table, unsigned int index, uint64_t entry)
{
	struct mmu_update req = {
		.ptr = (conf_mfn(table) << XEN_PAGE_SHIFT) + index * 8UL,
		.val = entry,
	};

	return hypercall_mmu_update(&req, 1, NULL, DOMID_SELF);
}

static uint64_t word(const char *table, unsigned int index)
{
	return ((const volatile uint64_t *)(const void *)table)[index];
}

static int read_only(const char *va)
{
	return conf_set_pte(va, conf_make_pte(conf_mfn(va), XEN_PTE_PRESENT | XEN_PTE_NX));
}

/* A table that is pointed at is a table without being pinned, and stays one. */
static void link_tables(void)
{
	uint64_t link = conf_make_pte(conf_mfn(lower), LINK);

	conf("level-2-link-writable", "%s", conf_err(update(upper, 3, link)));
	read_only(lower);
	conf("level-2-link", "%s", conf_err(update(upper, 3, link)));
	conf("level-2-link-again", "%s", conf_err(update(upper, 3, link)));
	conf("level-2-link-twice", "%s", conf_err(update(upper, 4, link)));
	conf("level-2-then-map-writable", "%s", conf_err(conf_map(lower, conf_mfn(lower))));
	conf("level-2-then-pin", "%s", conf_err(op(MMUEXT_PIN_L1_TABLE, lower)));
	conf("level-2-then-unpin", "%s", conf_err(op(MMUEXT_UNPIN_TABLE, lower)));
	conf("level-2-then-pin-as-level-2", "%s", conf_err(op(MMUEXT_PIN_L2_TABLE, lower)));
	conf("level-1-entry", "%s",
	     conf_err(update(lower, 9, conf_make_pte(conf_mfn(page), XEN_PTE_KERNEL))));
	conf("level-2-unlink-first", "%s", conf_err(update(upper, 3, 0)));
	conf("level-2-still-table", "%s", conf_err(conf_map(lower, conf_mfn(lower))));
	conf("level-2-unlink-second", "%s", conf_err(update(upper, 4, 0)));
	conf("level-2-free-to-write", "%s", conf_err(conf_map(lower, conf_mfn(lower))));
	((volatile uint64_t *)(void *)lower)[9] = 0;
}

static void refusals(void)
{
	static const struct {
		const char *name;
		uint64_t frame; /* 0: of the lower table */
		uint64_t flags;
	} entries[] = {
		{"level-2-large-page", 0, LINK | PTE_PSE},
		{"level-2-uncached", 0, LINK | XEN_PTE_PCD},
		{"level-2-global", 0, LINK | 1ULL << 8},
		{"level-2-available-bit", 0, LINK | 1ULL << 9},
		{"level-2-bit-52", 0, LINK | 1ULL << 52},
		{"level-2-mmio", CONF_MMIO_MFN, LINK},
		{"level-2-invalid-frame", CONF_INVALID_MFN & (XEN_PTE_FRAME_MASK >> 12), LINK},
		{"level-2-not-present", CONF_MMIO_MFN, 0},
	};
	size_t i;

	read_only(lower);
	for (i = 0; i < LEN(entries); i++) {
		uint64_t frame = entries[i].frame ? entries[i].frame : conf_mfn(lower);
		int rc = update(upper, 5, conf_make_pte(frame, entries[i].flags));

		conf(entries[i].name, "%s %s", conf_err(rc),
		     conf_is(word(upper, 5) & XEN_PTE_PRESENT, "present", "none"));
		update(upper, 5, 0);
	}
	conf("level-2-xen-frame", "%s",
	     conf_err(update(upper, 5, conf_make_pte(conf_xen_frame(), LINK))));
	conf_map(lower, conf_mfn(lower));
	conf("level-2-plain-page", "%s",
	     conf_err(update(upper, 5, conf_make_pte(conf_mfn(page), LINK))));
}

/* Pinning validates downwards: a bad entry below undoes it all. */
static void pin_whole(void)
{
	volatile uint64_t *high = (volatile uint64_t *)(void *)upper;
	volatile uint64_t *low = (volatile uint64_t *)(void *)lower;

	__builtin_memset(upper, 0, XEN_PAGE_SIZE);
	__builtin_memset(lower, 0, XEN_PAGE_SIZE);
	high[1] = conf_make_pte(conf_mfn(lower), LINK);
	low[1] = conf_make_pte(conf_xen_frame(), XEN_PTE_KERNEL);
	read_only(upper);
	read_only(lower);
	conf("level-2-pin-bad-below", "%s", conf_err(op(MMUEXT_PIN_L2_TABLE, upper)));
	conf("level-2-then-write-lower", "%s", conf_err(conf_map(lower, conf_mfn(lower))));
	low[1] = conf_make_pte(conf_mfn(page), XEN_PTE_KERNEL);
	conf("level-2-pin-writable-below", "%s", conf_err(op(MMUEXT_PIN_L2_TABLE, upper)));
	read_only(lower);
	conf("level-2-pin-whole", "%s", conf_err(op(MMUEXT_PIN_L2_TABLE, upper)));
	conf("level-2-pin-as-level-1", "%s", conf_err(op(MMUEXT_PIN_L1_TABLE, upper)));
	conf("level-2-lower-is-table", "%s", conf_err(conf_map(lower, conf_mfn(lower))));
	conf("level-2-unpin-whole", "%s", conf_err(op(MMUEXT_UNPIN_TABLE, upper)));
	conf("level-2-lower-is-free", "%s", conf_err(conf_map(lower, conf_mfn(lower))));
	conf("level-2-upper-is-free", "%s", conf_err(conf_map(upper, conf_mfn(upper))));
	conf("level-3-pin-empty-writable", "%s", conf_err(op(MMUEXT_PIN_L3_TABLE, page)));
}

void conf_page_levels(void)
{
	upper = xen_port_alloc_pages(0);
	lower = xen_port_alloc_pages(0);
	page = xen_port_alloc_pages(0);
	if (!upper || !lower || !page)
		return;
	__builtin_memset(upper, 0, XEN_PAGE_SIZE);
	__builtin_memset(lower, 0, XEN_PAGE_SIZE);
	read_only(upper);
	conf("level-2-pin", "%s", conf_err(op(MMUEXT_PIN_L2_TABLE, upper)));
	link_tables();
	refusals();
	conf("level-2-unpin", "%s", conf_err(op(MMUEXT_UNPIN_TABLE, upper)));
	conf_map(upper, conf_mfn(upper));
	pin_whole();
	xen_port_free_pages(upper, 0);
	xen_port_free_pages(lower, 0);
	xen_port_free_pages(page, 0);
}
