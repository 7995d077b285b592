/* SPDX-License-Identifier: MIT */
/* Page-table entries: batches, flushes, errors in the middle of a batch; MMIO mappings. */
#include <string.h>

#include <model/model.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "unit.h"

#define NR 100
#define BATCH 32 /* as in mmu.c */
#define MMIO 0xfe000000UL

static pfn_t pfn[NR];
static mfn_t mfn[NR], none[NR];

static void start(const struct model_params *params)
{
	char *va;
	int i;

	model_start(params);
	va = xen_port_alloc_pages(7);
	ck_assert_ptr_nonnull(va);
	for (i = 0; i < NR; i++) {
		/* From the top down. */
		pfn[i] = xen_port_virt_to_pfn(va + (128 - i) * XEN_PAGE_SIZE - XEN_PAGE_SIZE);
		mfn[i] = xen_pfn_to_mfn(pfn[i]);
		none[i] = mk_mfn(XEN_INVALID_FRAME);
		*(int *)xen_port_pfn_to_virt(pfn[i]) = i;
	}
}

static void stop(void)
{
	xen_port_free_pages(xen_port_pfn_to_virt(mk_pfn(pfn_x(pfn[0]) & ~127ULL)), 7);
	xen_p2m_fini();
	ck_assert_uint_eq(model_allocs().pages, 0);
	ck_assert_uint_eq(model_allocs().objects, 0);
	ck_assert(model_stop());
}

static void remap(const mfn_t *to, size_t nr)
{
	size_t done;

	ck_assert_int_eq(xen_mmu_remap(pfn, to, nr, &done), 0);
	ck_assert_uint_eq(done, nr);
	ck_assert_uint_eq(model_stale_ptes(), 0);
}

static void swaps(void)
{
	mfn_t swapped[NR];
	int i;

	start(NULL);
	for (i = 0; i < NR; i++)
		swapped[i] = mfn[NR - 1 - i];
	remap(swapped, NR);
	for (i = 0; i < NR; i++)
		unit_expect(*(int *)xen_port_pfn_to_virt(pfn[i]) == NR - 1 - i);
	ck_assert(!model_check());
	remap(mfn, NR);
	for (i = 0; i < NR; i++)
		unit_expect(*(int *)xen_port_pfn_to_virt(pfn[i]) == i);
	ck_assert(model_check());
	stop();
}

static void batches(void)
{
	static const size_t sizes[] = {0, 1, BATCH - 1, BATCH, BATCH + 1, NR};
	unsigned int i;

	start(&(struct model_params){.nr_cpus = 4});
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t calls = model_hypercalls(), allocs = model_calls(MODEL_ALLOC);

		remap(none, sizes[i]);
		ck_assert_uint_eq(model_hypercalls() - calls, (sizes[i] + BATCH - 1) / BATCH);
		ck_assert_uint_eq(model_calls(MODEL_ALLOC), allocs);
		remap(mfn, sizes[i]);
	}
	stop();
}

static void remap_failures(void)
{
	uint64_t calls;
	size_t done;
	int nth;

	start(NULL);
	for (nth = 1; nth <= NR; nth++) {
		size_t i;

		model_fail(MODEL_UPDATE_VA_MAPPING, nth, -XEN_EBUSY);
		ck_assert_int_eq(xen_mmu_remap(pfn, none, NR, &done), -XEN_EBUSY);
		ck_assert_uint_eq(done, nth - 1);
		for (i = 0; i < done; i++)
			unit_expect(!model_pte(xen_port_pfn_to_virt(pfn[i])));
		unit_expect(model_pte(xen_port_pfn_to_virt(pfn[done])) & XEN_PTE_PRESENT);
		remap(mfn, NR);
	}
	for (nth = 1; nth <= 4; nth++) {
		model_fail(MODEL_MULTICALL, nth, -XEN_EPERM);
		ck_assert_int_eq(xen_mmu_remap(pfn, none, NR, &done), -XEN_EPERM);
		ck_assert_uint_eq(done, (nth - 1) * BATCH);
		remap(mfn, NR);
	}
	/* A page without a kernel address, in the middle. */
	pfn[40] = mk_pfn(1ULL << 40);
	ck_assert_int_eq(xen_mmu_remap(pfn, none, NR, &done), -XEN_EINVAL);
	ck_assert_uint_eq(done, 40);
	/* Beginning with one: nothing is asked of Xen. */
	calls = model_hypercalls();
	ck_assert_int_eq(xen_mmu_remap(pfn + 40, none, 1, &done), -XEN_EINVAL);
	ck_assert_uint_eq(model_hypercalls(), calls);
	/* Of two errors the first is told. */
	model_fail(MODEL_MULTICALL, 1, -XEN_EPERM);
	ck_assert_int_eq(xen_mmu_remap(pfn + 35, none, NR - 35, &done), -XEN_EPERM);
	ck_assert_uint_eq(done, 0);
	pfn[40] = pfn_add(pfn[39], -1ULL);
	remap(mfn, NR);
	/* Frames that are somebody else's. */
	ck_assert_int_eq(xen_mmu_remap(pfn, &(mfn_t){1}, 1, &done), -XEN_EBUSY);
	ck_assert_uint_eq(done, 0);
	stop();
}

static void cache_modes(void)
{
	static const struct {
		enum xen_cache_mode mode;
		uint64_t bits;
	} table[] = {
		{XEN_CACHE_UC, XEN_PTE_PCD | XEN_PTE_PWT},
		{XEN_CACHE_WC, XEN_PTE_PAT},
	};
	const uint64_t all = XEN_PTE_PCD | XEN_PTE_PWT | XEN_PTE_PAT;
	unsigned int i;
	int err;

	start(NULL);
	for (i = 0; i < 2; i++) {
		volatile char *va = xen_mmio_map(MMIO, XEN_PAGE_SIZE, table[i].mode, &err);

		ck_assert_ptr_nonnull((void *)va);
		ck_assert_int_eq(err, 0);
		ck_assert_uint_eq(xen_cache_pte_bits(table[i].mode), table[i].bits);
		ck_assert_uint_eq(model_pte(va) & all, table[i].bits);
		ck_assert_uint_eq(model_pte(va) & XEN_PTE_FRAME_MASK, MMIO);
		ck_assert(model_pte(va) & XEN_PTE_NX);
		xen_mmio_unmap(va, XEN_PAGE_SIZE);
	}
	stop();
}

static void mmio_alignment(void)
{
	static const struct {
		uint64_t offset;
		size_t size, pages;
	} table[] = {
		{0, 1, 1},     {0, 4096, 1},	 {0, 4097, 2},	       {0xffc, 4, 1},
		{0xffc, 5, 2}, {0x800, 8192, 3}, {0, 300 * 4096, 300},
	};
	unsigned int i;

	start(NULL);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t addr = MMIO + table[i].offset;
		volatile uint8_t *va = xen_mmio_map(addr, table[i].size, XEN_CACHE_UC, NULL);
		uint64_t last = addr + table[i].size - 1;
		uint8_t *reg;

		ck_assert_ptr_nonnull((void *)va);
		ck_assert_uint_eq(xen_page_offset((uintptr_t)va), xen_page_offset(addr));
		ck_assert_uint_eq(model_allocs().vm_pages, table[i].pages);
		va[table[i].size - 1] = (uint8_t)(0x40 + i);
		reg = model_mmio(mk_mfn(last >> XEN_PAGE_SHIFT));
		ck_assert_uint_eq(reg[xen_page_offset(last)], 0x40 + i);
		xen_mmio_unmap(va, table[i].size);
		ck_assert_uint_eq(model_allocs().vm_pages, 0);
	}
	stop();
}

static void mmio_refusals(void)
{
	mfn_t lowest = mk_mfn(XEN_INVALID_FRAME), highest = mk_mfn(0);
	uint64_t ram;
	unsigned int i;
	int err;

	start(NULL);
	for (uint64_t p = 0; p < xen_p2m.nr; p++) {
		mfn_t own = xen_pfn_to_mfn(mk_pfn(p));

		lowest = mfn_x(own) < mfn_x(lowest) ? own : lowest;
		highest = mfn_x(own) > mfn_x(highest) ? own : highest;
	}
	ram = mfn_to_dma(mfn[3]);
	{
		const struct {
			uint64_t addr, size;
		} table[] = {
			{MMIO, 0},	 {~0ULL, 2}, {MMIO, SIZE_MAX}, {(1ULL << 52) - 4096, 4097},
			{1ULL << 52, 1}, {ram, 4},   {ram + 4095, 1},  {ram - 4096, 4097},
		};

		for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			uint64_t calls = model_hypercalls();

			err = 0;
			ck_assert_ptr_null((void *)xen_mmio_map(table[i].addr, table[i].size,
								XEN_CACHE_UC, &err));
			ck_assert_int_eq(err, -XEN_EINVAL);
			ck_assert_uint_eq(model_hypercalls(), calls);
			ck_assert_ptr_null((void *)xen_mmio_map(table[i].addr, table[i].size,
								XEN_CACHE_UC, NULL));
		}
	}
	model_fail(MODEL_VM_ALLOC, 1, 0);
	ck_assert_ptr_null((void *)xen_mmio_map(MMIO, 1, XEN_CACHE_UC, &err));
	ck_assert_int_eq(err, -XEN_ENOMEM);
	/* What a BAR claims to be is no measure of the work: 2^38 pages, and all there are. */
	ck_assert_ptr_null((void *)xen_mmio_map(1ULL << 50, 1ULL << 50, XEN_CACHE_UC, &err));
	ck_assert_int_eq(err, -XEN_ENOMEM);
	ck_assert_ptr_null((void *)xen_mmio_map(0, 1ULL << 51, XEN_CACHE_UC, &err));
	ck_assert_int_eq(err, -XEN_EINVAL);
	/* From the first frame of ours or behind the last. */
	ck_assert_ptr_null(
		(void *)xen_mmio_map(mfn_to_dma(lowest), 1ULL << 40, XEN_CACHE_UC, &err));
	ck_assert_int_eq(err, -XEN_EINVAL);
	ck_assert_ptr_null(
		(void *)xen_mmio_map(mfn_to_dma(highest), 1ULL << 40, XEN_CACHE_UC, &err));
	ck_assert_int_eq(err, -XEN_EINVAL);
	ck_assert_ptr_null((void *)xen_mmio_map(mfn_to_dma(mfn_add(highest, 1)), 1ULL << 40,
						XEN_CACHE_UC, &err));
	ck_assert_int_eq(err, -XEN_ENOMEM);
	stop();
}

static void mmio_not_permitted(void)
{
	volatile uint8_t *va;
	int err;

	start(&(struct model_params){.domu = true});
	model_permit_iomem(mk_mfn(MMIO >> XEN_PAGE_SHIFT), 40);
	ck_assert_ptr_null((void *)xen_mmio_map(MMIO, 41 * XEN_PAGE_SIZE, XEN_CACHE_UC, &err));
	ck_assert_int_eq(err, -XEN_EPERM);
	ck_assert_uint_eq(model_allocs().vm_pages, 0);
	va = xen_mmio_map(MMIO, 40 * XEN_PAGE_SIZE, XEN_CACHE_UC, &err);
	ck_assert_ptr_nonnull((void *)va);
	xen_mmio_unmap(va, 40 * XEN_PAGE_SIZE);
	stop();
}

/* What is marked identity is in P2M and M2P alike, and no RAM for that. */
static void mmio_marked(void)
{
	volatile uint8_t *va;
	int err;

	start(NULL);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(MMIO >> XEN_PAGE_SHIFT), 2, NULL), 0);
	va = xen_mmio_map(MMIO, 2 * XEN_PAGE_SIZE, XEN_CACHE_UC, &err);
	ck_assert_ptr_nonnull((void *)va);
	xen_mmio_unmap(va, 2 * XEN_PAGE_SIZE);
	ck_assert_int_eq(xen_p2m_identity_remove(mk_pfn(MMIO >> XEN_PAGE_SHIFT), 2), 0);
	stop();
}

static void mmio_failures(void)
{
	uint64_t calls;
	volatile uint8_t *va;
	int nth, err;

	start(NULL);
	for (nth = 1; nth <= 50; nth++) {
		model_fail(MODEL_UPDATE_VA_MAPPING, nth, -XEN_EINVAL);
		ck_assert_ptr_null(
			(void *)xen_mmio_map(MMIO, 50 * XEN_PAGE_SIZE, XEN_CACHE_WC, &err));
		ck_assert_int_eq(err, -XEN_EINVAL);
		ck_assert_uint_eq(model_allocs().vm_pages, 0);
	}
	/* Nothing to unmap. */
	calls = model_hypercalls();
	xen_mmio_unmap(NULL, XEN_PAGE_SIZE);
	xen_mmio_unmap(xen_port_pfn_to_virt(pfn[3]), 0);
	ck_assert_uint_eq(model_hypercalls(), calls);
	/* What cannot be unmapped is not given to anybody else: its addresses are lost. */
	va = xen_mmio_map(MMIO, 1, XEN_CACHE_UC, &err);
	ck_assert_ptr_nonnull((void *)va);
	model_fail(MODEL_UPDATE_VA_MAPPING, 1, -XEN_EINVAL);
	xen_mmio_unmap(va, 1);
	ck_assert_uint_eq(model_allocs().vm_pages, 1);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	xen_mmio_unmap(va, 1);
	stop();
}

/* Registers may stand right below RAM of ours, and at the end of what there can be. */
static void mmio_beside_ram(void)
{
	static const struct xen_e820_entry map[] = {{0, 0x1000000, XEN_E820_RAM},
						    {0x40000000, 0x1000000, XEN_E820_RAM}};
	volatile void *va;
	int err = 77;

	model_start(&(struct model_params){
		.e820 = map, .nr_e820 = 2, .contiguous = true, .nr_pages = 4096, .paddr_bits = 52});
	ck_assert(pfn_valid(xen_mfn_to_pfn(mk_mfn(0x40000))));
	va = xen_mmio_map(0x3ffff000, XEN_PAGE_SIZE, XEN_CACHE_UC, &err);
	ck_assert_ptr_nonnull((void *)va);
	ck_assert_int_eq(err, 0);
	xen_mmio_unmap(va, XEN_PAGE_SIZE);
	va = xen_mmio_map((1ULL << 52) - XEN_PAGE_SIZE, XEN_PAGE_SIZE, XEN_CACHE_UC, &err);
	ck_assert_ptr_nonnull((void *)va);
	xen_mmio_unmap(va, XEN_PAGE_SIZE);
	xen_p2m_fini();
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"MMIO that is marked identity can be mapped", mmio_marked},
	{"pages swap frames and come back", swaps},
	{"a remap goes in batches, with a flush of all CPUs, without memory", batches},
	{"a remap that fails says how far it came", remap_failures},
	{"XSA-154 402: MMIO is uncached or write-combining", cache_modes},
	{"MMIO of any alignment maps to its bytes", mmio_alignment},
	{"MMIO that wraps, is empty or is RAM is refused", mmio_refusals},
	{"MMIO without permission is refused", mmio_not_permitted},
	{"every failure of an MMIO mapping leaves nothing mapped", mmio_failures},
	{"MMIO may stand right below RAM", mmio_beside_ram},
};

UNIT_MAIN("mmu", cases)
