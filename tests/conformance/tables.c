/* SPDX-License-Identifier: MIT */
/*
 * The direct map's own page tables: one is taken out of its level-2 entry, written to and put back,
 * and what Xen allows of it meanwhile. The 2 MiB beneath are a block of the port's.
 */
#include "conf.h"

#define ORDER 9
#define PAGES 512
#define READ_ONLY (XEN_PTE_KERNEL & ~XEN_PTE_RW)

static char *block;	/* the 2 MiB, */
static uint64_t *table; /* the table that maps them, */
static uint64_t slot;	/* where the level-2 entry is in the machine, */
static uint64_t entry;	/* and what it says at first */

static char *page(unsigned int i)
{
	return block + i * XEN_PAGE_SIZE;
}

static int set_entry(uint64_t val)
{
	struct mmu_update req = {.ptr = slot | MMU_NORMAL_PT_UPDATE, .val = val};

	return hypercall_mmu_update(&req, 1, NULL, DOMID_SELF);
}

/* A word of the table, by Xen, whatever the table is just now. */
static int set_word(unsigned int i, uint64_t val)
{
	struct mmu_update req = {.ptr = (conf_mfn(table) << XEN_PAGE_SHIFT) + i * sizeof(val),
				 .val = val};

	req.ptr |= MMU_NORMAL_PT_UPDATE;
	return hypercall_mmu_update(&req, 1, NULL, DOMID_SELF);
}

/* The kernel's mapping of the table itself. */
static int map_table(uint64_t flags)
{
	return conf_set_pte(table, conf_make_pte(conf_mfn(table), flags));
}

static bool find_table(void)
{
	const uint64_t *at = xen_port_l2_entry(block);

	if (!at)
		return false;
	entry = *at;
	slot = (conf_mfn(at) << XEN_PAGE_SHIFT) + xen_page_offset((uintptr_t)at);
	table = xen_port_pfn_to_virt(xen_mfn_to_pfn(dma_to_mfn(entry & XEN_PTE_FRAME_MASK)));
	return table;
}

static bool is_in(void)
{
	return (*xen_port_l2_entry(block) & (XEN_PTE_FRAME_MASK | XEN_PTE_PRESENT)) ==
	       (entry & (XEN_PTE_FRAME_MASK | XEN_PTE_PRESENT));
}

static void as_it_is(void)
{
	uint64_t word = table[4];
	int rc = set_word(4, 0);

	conf("table-word-cleared", "%s %s", conf_err(rc),
	     conf_is(conf_pte(page(4)) == 0, "unmapped", "mapped"));
	rc = set_word(4, word);
	conf("table-word-set", "%s %s %s", conf_err(rc),
	     conf_is(conf_pte(page(4)) == word, "mapped", "unmapped"),
	     conf_is(*page(4) == 4, "kept", "changed"));
	conf("table-writable-while-in", "%s", conf_err(map_table(XEN_PTE_KERNEL)));
	conf("table-in-again", "%s", conf_err(set_entry(entry)));
	conf("table-entry-of-data", "%s %s",
	     conf_err(set_entry(conf_make_pte(conf_mfn(block), entry & ~XEN_PTE_FRAME_MASK))),
	     conf_is(is_in(), "as-before", "changed"));
	conf("table-entry-of-xen", "%s %s",
	     conf_err(set_entry(conf_make_pte(conf_xen_frame(), entry & ~XEN_PTE_FRAME_MASK))),
	     conf_is(is_in(), "as-before", "changed"));
}

static long exchange(uint64_t mfn, xen_pfn_t *out)
{
	xen_pfn_t in = mfn;
	struct xen_memory_exchange arg = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
					  .out = {.nr_extents = 1, .domid = DOMID_SELF}};

	set_xen_guest_handle(arg.in.extent_start, &in);
	set_xen_guest_handle(arg.out.extent_start, out);
	return hypercall_memory_op(XENMEM_exchange, &arg);
}

/* Out: nothing is mapped there, nor can anything be; the frames have no references any more. */
static void out_of_tables(void)
{
	uint64_t mfn = conf_mfn(page(3)), other;
	xen_pfn_t out = pfn_x(xen_port_virt_to_pfn(page(3)));

	conf("table-out", "%s", conf_err(set_entry(0)));
	conf("table-out-again", "%s", conf_err(set_entry(0)));
	conf("table-out-map-page", "%s", conf_err(conf_map(page(3), mfn)));
	conf("table-out-unmap-page", "%s", conf_err(conf_unmap(page(3))));
	conf("table-out-writable", "%s", conf_err(map_table(XEN_PTE_KERNEL)));
	conf("table-in-while-writable", "%s", conf_err(set_entry(entry)));
	conf("table-out-word", "%s", conf_err(set_word(4, table[4])));
	conf("table-out-exchange", "%s", conf_err(exchange(mfn, &out)));
	/* The old frame is not ours now. */
	other = table[3];
	conf("table-read-only", "%s", conf_err(map_table(READ_ONLY)));
	conf("table-in-with-lost-frame", "%s", conf_err(set_entry(entry)));
	conf("table-writable-after-refusal", "%s", conf_err(map_table(XEN_PTE_KERNEL)));
	table[3] = (out << XEN_PAGE_SHIFT) | (other & ~XEN_PTE_FRAME_MASK);
	xen_p2m_set(xen_port_virt_to_pfn(page(3)), mk_mfn(out), false);
}

static void bad_words(void)
{
	static const struct {
		const char *name;
		uint64_t frame;
	} frames[] = {
		{"table-in-with-xen-frame", 0},
		{"table-in-with-mmio", CONF_MMIO_MFN},
		{"table-in-with-no-frame", XEN_PTE_FRAME_MASK >> XEN_PAGE_SHIFT},
	};
	uint64_t good = table[511];

	for (size_t i = 0; i < LEN(frames); i++) {
		uint64_t frame = frames[i].frame ? frames[i].frame : conf_xen_frame();
		int rc;

		table[511] = conf_make_pte(frame, XEN_PTE_KERNEL);
		map_table(READ_ONLY);
		rc = set_entry(entry);
		conf(frames[i].name, "%s", conf_err(rc));
		if (!rc)
			set_entry(0);
		map_table(XEN_PTE_KERNEL);
	}
	table[511] = good;
}

/* Two pages change places by two stores. */
static void in_again(void)
{
	uint64_t word = table[1];
	int rc;

	table[1] = table[2];
	table[2] = word;
	map_table(READ_ONLY);
	rc = set_entry(entry);
	conf("table-in", "%s %s", conf_err(rc), conf_is(is_in(), "in", "out"));
	conf("table-in-swapped", "%s %s", conf_is(*page(1) == 2, "second", "other"),
	     conf_is(*page(2) == 1, "first", "other"));
	conf("table-in-bits", "%s",
	     conf_is((conf_pte(page(1)) & (XEN_PTE_PRESENT | XEN_PTE_RW | XEN_PTE_NX)) ==
			     (XEN_PTE_PRESENT | XEN_PTE_RW | XEN_PTE_NX),
		     "kept", "changed"));
	conf_map(page(1), conf_mfn(page(1)));
	conf_map(page(2), conf_mfn(page(2)));
	conf("table-in-pages", "%s",
	     conf_is(*page(1) == 1 && *page(2) == 2 && page(511)[4095] == 77, "kept", "changed"));
}

/* A pinned table stays one without being hooked. */
static void pinned(void)
{
	struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = conf_mfn(table)};

	conf("table-pin", "%s", conf_err(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF)));
	conf("table-pinned-out", "%s", conf_err(set_entry(0)));
	conf("table-pinned-out-writable", "%s", conf_err(map_table(XEN_PTE_KERNEL)));
	conf("table-pinned-in", "%s", conf_err(set_entry(entry)));
	op.cmd = MMUEXT_UNPIN_TABLE;
	conf("table-unpin", "%s", conf_err(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF)));
}

void conf_tables(void)
{
	block = xen_port_alloc_pages(ORDER);
	if (!block)
		return;
	for (unsigned int i = 0; i < PAGES; i++)
		page(i)[0] = (char)i;
	page(511)[4095] = 77;
	if (find_table()) {
		as_it_is();
		out_of_tables();
		bad_words();
		in_again();
		pinned();
	}
	xen_port_free_pages(block, ORDER);
}
