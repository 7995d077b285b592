/* SPDX-License-Identifier: MIT */
/*
 * Set-up: the P2M found, extended and published, RAM and identity marked, the memory map read, the
 * domain laid out like it; and MMIO mappings.
 */
#include <stdio.h>

#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>
#include <xen/setup.h>

#include "faults.h"

#define NR 256

static const struct model_params raw = {.nr_pages = NR, .no_setup = true}, small = {.nr_pages = NR};
static bool done;

static void init(void)
{
	done = !returned("xen_p2m_init", xen_p2m_init(model_mfn_list(), NR));
}

static void undo_init(void)
{
	require(done ? xen_p2m.nr == NR : !xen_p2m.nr && !xen_p2m.m2p && !xen_p2m.m2p_present);
	if (done)
		xen_p2m_fini();
	require(!model_allocs().objects);
}

/* So large that the list of the published lists needs one more. */
#define NR_LARGE 600000
static uint64_t *table;
static unsigned int table_order;
static struct arch_shared_info arch;

static void prepare_publish(void)
{
	while (XEN_PAGE_SIZE << table_order < NR_LARGE * sizeof(*table))
		table_order++;
	table = xen_port_alloc_pages(table_order);
	require(table);
}

static void publish(void)
{
	uint64_t generation = arch.p2m_generation;

	if (returned("xen_p2m_publish", xen_p2m_publish(&arch, mk_mfn(1)))) {
		require(arch.p2m_generation == generation && !arch.max_pfn);
		return;
	}
	if (returned("xen_p2m_extend", xen_p2m_extend(table, NR_LARGE)))
		require(xen_p2m.nr == model_nr_pages() && xen_p2m.entry == model_mfn_list());
	require(arch.max_pfn == xen_p2m.nr);
	require(arch.p2m_vaddr == (uintptr_t)xen_p2m.entry);
	require(!(arch.p2m_generation & 1));
}

/* Back to the builder's list. */
static void undo_publish(void)
{
	xen_p2m_fini();
	require(!arch.max_pfn && !arch.pfn_to_mfn_frame_list_list);
	require(!xen_p2m_init(model_mfn_list(), model_nr_pages()));
	require(!xen_p2m_ram_add(mk_pfn(0), model_nr_pages(), "RAM", NULL));
}

static void finish_publish(void)
{
	xen_port_free_pages(table, table_order);
}

#define PLACE 0x10000 /* beyond all RAM */
#define NR_MARKS 12
static unsigned int covers[NR_MARKS + 4]; /* of each page at PLACE */

static void mark(unsigned int start, unsigned int nr, int change)
{
	for (unsigned int i = 0; i < nr; i++)
		covers[start + i] += (unsigned int)change;
}

/* Identity that overlaps and is taken out of the middle, and RAM between. */
static void marking(void)
{
	static const char name[] = "marked";
	pfn_t place = mk_pfn(PLACE), ram = mk_pfn(PLACE + 100);

	for (unsigned int i = 0; i < NR_MARKS; i++)
		if (!returned("xen_p2m_identity_add",
			      xen_p2m_identity_add(pfn_add(place, i), 4, NULL)))
			mark(i, 4, 1);
	for (unsigned int i = 1; i < NR_MARKS; i += 2) {
		if (!covers[i])
			continue;
		if (!returned("xen_p2m_identity_remove",
			      xen_p2m_identity_remove(pfn_add(place, i), 1)))
			mark(i, 1, -1);
	}
	for (unsigned int i = 0; i < NR_MARKS; i++)
		returned("xen_p2m_ram_add", xen_p2m_ram_add(pfn_add(ram, 2 * i), 1, name, NULL));
}

static void undo_marking(void)
{
	struct xen_range piece;

	for (unsigned int i = 0; i < NR_MARKS + 4; i++) {
		bool is = xen_ranges_find(&xen_p2m.identity, PLACE + i, &piece);

		require(is ? piece.count == covers[i] : !covers[i]);
		for (; covers[i]; covers[i]--)
			require(!xen_p2m_identity_remove(mk_pfn(PLACE + i), 1));
	}
	require(!xen_ranges_first(&xen_p2m.identity, 0, 1ULL << 52, NULL));
	while (xen_ranges_first(&xen_p2m.ram, PLACE, 1ULL << 52, &piece))
		require(!xen_p2m_ram_remove(mk_pfn(piece.start), piece.end - piece.start));
}

/* The sets keep their nodes: what start() made needs fewer. */
static void finish_marking(void)
{
	xen_ranges_fini(&xen_p2m.identity);
	xen_ranges_fini(&xen_p2m.ram);
	require(!xen_p2m_ram_add(mk_pfn(0), NR, "RAM", NULL));
}

static void read_map(void)
{
	struct xen_e820_entry map[XEN_E820_MAX];
	unsigned int nr = 0;

	if (!returned("xen_e820_read", xen_e820_read(true, map, &nr)))
		require(nr == 6);
}

/* A map with many holes over the domain's pages. */
static const struct xen_e820_entry holes[] = {
	{0, 0x9f000, XEN_E820_RAM},	    {0x100000, 0x300000, XEN_E820_RAM},
	{0x420000, 0x1000, XEN_E820_ACPI},  {0x480000, 0x80000, XEN_E820_RAM},
	{0x501000, 0x1000, XEN_E820_RAM},   {0x503000, 0x2000, XEN_E820_NVS},
	{0x600000, 0x400000, XEN_E820_RAM}, {0x40000000, 0x800000, XEN_E820_RAM},
};
#define NR_HOLES (sizeof(holes) / sizeof(holes[0]))
#define LAID_OUT 0x900
#define MAX_PFN 0x402e0

static const struct model_params with_holes = {
	.no_setup = true,
	.e820 = holes,
	.nr_e820 = NR_HOLES,
	.nr_pages = LAID_OUT,
};
static uint64_t entries[MAX_PFN] __attribute__((aligned(4096)));
static struct {
	pfn_t from, to;
	uint64_t nr;
} move[64];
static unsigned int nr_moves;
static uint64_t nr_moved;

static void remap(pfn_t pfn, mfn_t mfn)
{
	int err = xen_mmu_remap(&pfn, &mfn, 1, NULL);

	/* The kernel's own call, which may be the one that fails: once more. */
	for (unsigned int i = 0; err && i < 2; i++)
		err = xen_mmu_remap(&pfn, &mfn, 1, NULL);
	require(!err);
}

static void follow(pfn_t from, pfn_t to, uint64_t nr, void *arg)
{
	require(nr_moves < 64);
	move[nr_moves].from = from;
	move[nr_moves].to = to;
	move[nr_moves++].nr = nr;
	nr_moved += nr;
	for (uint64_t i = 0; i < nr; i++) {
		remap(pfn_add(from, i), mk_mfn(XEN_INVALID_FRAME));
		remap(pfn_add(to, i), xen_pfn_to_mfn(pfn_add(to, i)));
	}
}

static void prepare_layout(void)
{
	require(!xen_p2m_init(model_mfn_list(), LAID_OUT));
	require(!xen_p2m_extend(entries, MAX_PFN));
}

static void layout(void)
{
	struct xen_setup_params params = {
		.map = holes,
		.nr_map = NR_HOLES,
		.nr_pages = LAID_OUT,
		.max_pages = LAID_OUT + 0x100,
		.moved = follow,
	};
	struct xen_setup_result result = {0};
	int err = returned("xen_setup_memory", xen_setup_memory(&params, &result));

	require(result.moved_pages == nr_moved);
	/* Before pages move nothing is changed; then all is marked. */
	require(err ? nr_moved < 0x1e0 : nr_moved == 0x1e0);
	done = !xen_ranges_first(&xen_p2m.identity, 0, 1ULL << 52, NULL);
	require(done == !xen_ranges_first(&xen_p2m.ram, 0, 1ULL << 52, NULL));
	require(!done || (err && !nr_moved));
}

/* Each page back to where it came from. */
static void undo_layout(void)
{
	while (nr_moves) {
		nr_moves--;
		for (uint64_t i = 0; i < move[nr_moves].nr; i++) {
			pfn_t from = pfn_add(move[nr_moves].from, i);
			pfn_t to = pfn_add(move[nr_moves].to, i);
			mfn_t mfn = xen_pfn_to_mfn(to);
			struct mmu_update back = {
				.ptr = mfn_to_dma(mfn) | MMU_MACHPHYS_UPDATE,
				.val = pfn_x(from),
			};

			remap(to, mk_mfn(XEN_INVALID_FRAME));
			require(!hypercall_mmu_update(&back, 1, NULL, DOMID_SELF));
			require(!xen_p2m_set(to, mk_mfn(XEN_INVALID_FRAME), false));
			require(!xen_p2m_set(from, mfn, false));
			remap(from, mfn);
		}
	}
	nr_moved = 0;
	xen_ranges_fini(&xen_p2m.identity);
	xen_ranges_fini(&xen_p2m.ram);
}

/* The model's check compares with the builder's list again. */
static void finish_layout(void)
{
	xen_p2m_fini();
}

#define MMIO 0xf0000000
static const struct {
	uint64_t addr;
	size_t size;
	enum xen_cache_mode mode;
} windows[] = {
	{MMIO, 50 * XEN_PAGE_SIZE, XEN_CACHE_WC},
	{MMIO + 0x100ffe, 4, XEN_CACHE_UC},
};
#define NR_WINDOWS 2
static volatile void *window[NR_WINDOWS];

static uint64_t window_pages(unsigned int i)
{
	return xen_pages_of(xen_page_offset(windows[i].addr) + windows[i].size);
}

static void mmio(void)
{
	int err;

	for (unsigned int i = 0; i < NR_WINDOWS; i++) {
		window[i] = xen_mmio_map(windows[i].addr, windows[i].size, windows[i].mode, &err);
		if (!window[i])
			require(returned("xen_mmio_map", err));
	}
	/* One is given back while calls still fail. */
	if (window[0])
		xen_mmio_unmap(window[0], windows[0].size);
	window[0] = NULL;
}

/* Addresses that Xen did not unmap are not used again; the log has them. */
static void undo_mmio(void)
{
	uint64_t held;
	void *va;

	if (window[1]) {
		*(volatile uint32_t *)window[1] = 0x12345678;
		xen_mmio_unmap(window[1], windows[1].size);
		window[1] = NULL;
	}
	held = model_allocs().vm_pages;
	if (!held)
		return;
	lost();
	require(sscanf(model_last_log(), "mmu: MMIO at %p stays mapped", &va) == 1);
	require(held == window_pages(0) || held == window_pages(1));
	for (uint64_t i = 0; i < held; i++)
		require(!hypercall_update_va_mapping((uintptr_t)va + i * XEN_PAGE_SIZE, 0,
						     UVMF_TLB_FLUSH | UVMF_ALL));
	xen_port_vm_free(va, held);
}

static const struct model_params large = {.nr_pages = 8192};

const struct scenario memory_scenarios[] = {
	{SCENARIO("p2m-init", &raw, NULL, init, undo_init, NULL)},
	{SCENARIO("p2m-publish", &large, prepare_publish, publish, undo_publish, finish_publish)},
	{SCENARIO("p2m-mark", &small, NULL, marking, undo_marking, finish_marking)},
	{SCENARIO("e820-read", &small, NULL, read_map, NULL, NULL)},
	{SCENARIO("setup-memory", &with_holes, prepare_layout, layout, undo_layout, finish_layout)},
	{SCENARIO("mmio", &small, NULL, mmio, undo_mmio, NULL)},
	{0},
};
