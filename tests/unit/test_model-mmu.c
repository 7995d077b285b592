/* SPDX-License-Identifier: MIT */
/*
 * The model's page tables, M2P, multicalls and injected failures.
 */
#include "guest.h"

#define MMIO 0xfe000ULL

static uint64_t *mfns;

static void start(const struct model_params *params)
{
	mfns = guest_start(params);
}

static void remapping_moves_bytes(void)
{
	char *a, *b;

	start(NULL);
	a = guest_va(1000);
	b = guest_va(1001);
	strcpy(a, "frame a");
	strcpy(b, "frame b");
	ck_assert_int_eq(guest_map(a, mfns[1001]), 0);
	ck_assert_str_eq(a, "frame b");
	strcpy(a, "through a");
	ck_assert_str_eq(b, "through a");
	ck_assert(!model_check());
	ck_assert_int_eq(guest_map(a, mfns[1000]), 0);
	ck_assert_str_eq(a, "frame a");
	ck_assert(model_stop());
}

static void touch_1000(void)
{
	*(volatile char *)guest_va(1000) = 1;
}

static void write_to_m2p(void)
{
	struct xen_machphys_mapping where;

	hypercall_memory_op(XENMEM_machphys_mapping, &where);
	*(volatile uint64_t *)where.v_start = 0;
}

static void faults(void)
{
	start(NULL);
	ck_assert(!guest_dies(touch_1000));
	ck_assert_int_eq(guest_unmap(guest_va(1000)), 0);
	ck_assert(guest_dies(touch_1000));
	ck_assert_int_eq(
		guest_set_pte(guest_va(1000), mfns[1000] << XEN_PAGE_SHIFT | XEN_PTE_PRESENT), 0);
	ck_assert(guest_dies(touch_1000)); /* not writable */
	ck_assert(guest_dies(write_to_m2p));
	ck_assert_int_eq(guest_map(guest_va(1000), mfns[1000]), 0);
	ck_assert(model_stop());
}

static void refused_ptes(void)
{
	void *va;
	char local;

	start(NULL);
	va = guest_va(1000);
	ck_assert_int_eq(guest_map(va, 1), -XEN_EBUSY); /* RAM, but not ours */
	ck_assert_int_eq(guest_set_pte(va, XEN_PTE_FRAME_MASK | XEN_PTE_KERNEL), -XEN_EINVAL);
	ck_assert_int_eq(guest_map(va, 1ULL << 34), -XEN_EPERM); /* beyond 46 bits of address */
	ck_assert_int_eq(guest_map(&local, mfns[1000]), -XEN_EINVAL);
	ck_assert_int_eq(guest_unmap(guest_va(1001)), 0);
	model_page_table(mk_mfn(mfns[1001]), true);
	ck_assert_int_eq(guest_map(guest_va(1001), mfns[1001]), -XEN_EBUSY);
	ck_assert_int_eq(guest_set_pte(guest_va(1001), mfns[1001] << 12 | XEN_PTE_PRESENT), 0);
	model_page_table(mk_mfn(mfns[1001]), false);
	ck_assert_int_eq(guest_map(guest_va(1001), mfns[1001]), 0);
	ck_assert(model_stop());
}

static void mmio(void)
{
	volatile uint32_t *va, *device;

	start(NULL);
	va = xen_port_vm_alloc(2);
	ck_assert_int_eq(guest_map(va, MMIO), 0);
	/* Write-back is not for MMIO: Xen makes it uncached. */
	ck_assert_uint_eq(model_pte(va), MMIO << 12 | XEN_PTE_KERNEL | XEN_PTE_PWT | XEN_PTE_PCD);
	device = model_mmio(mk_mfn(MMIO));
	va[3] = 0xabcd;
	ck_assert_uint_eq(device[3], 0xabcd);
	device[4] = 17;
	ck_assert_uint_eq(va[4], 17);
	ck_assert_int_eq(guest_set_pte(va + 1024, (MMIO + 1) << 12 | XEN_PTE_KERNEL | XEN_PTE_PAT),
			 0);
	ck_assert_uint_eq(model_pte(va + 1024) & (XEN_PTE_PAT | XEN_PTE_PCD | XEN_PTE_PWT),
			  XEN_PTE_PAT);
	ck_assert_uint_eq(va[1024], 0);
	ck_assert_int_eq(guest_unmap(va), 0);
	ck_assert_int_eq(guest_unmap(va + 1024), 0);
	ck_assert_uint_eq(model_pte(va), 0);
	xen_port_vm_free((void *)(uintptr_t)va, 2);
	ck_assert(model_stop());
}

static void mmio_in_a_domu(void)
{
	static const struct model_params domu = {.domu = true};
	void *va;

	start(&domu);
	va = xen_port_vm_alloc(1);
	ck_assert_int_eq(guest_map(va, MMIO), -XEN_EPERM);
	ck_assert_int_eq(guest_set_pte(va, MMIO << 12 | XEN_PTE_KERNEL | XEN_PTE_PCD),
			 -XEN_EINVAL); /* no devices, no cache modes */
	model_permit_iomem(mk_mfn(MMIO), 1);
	ck_assert_int_eq(guest_set_pte(va, MMIO << 12 | XEN_PTE_KERNEL | XEN_PTE_PCD), 0);
	ck_assert_int_eq(guest_map(va, MMIO + 1), -XEN_EPERM);
	ck_assert_int_eq(guest_unmap(va), 0);
	xen_port_vm_free(va, 1);
	ck_assert(model_stop());
}

static int change(uint64_t pfn, uint64_t pte, unsigned long flags)
{
	return hypercall_update_va_mapping((unsigned long)(uintptr_t)guest_va(pfn), pte, flags);
}

static void stale_entries(void)
{
	static const struct model_params two = {.nr_cpus = 2};
	struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_ALL};
	unsigned int done;

	start(&two);
	ck_assert_int_eq(change(1000, 0, 0), 0);
	ck_assert_int_eq(change(1001, 0, UVMF_INVLPG | UVMF_LOCAL), 0); /* one CPU of two */
	ck_assert_int_eq(change(1002, 0, UVMF_INVLPG | UVMF_ALL), 0);
	ck_assert_uint_eq(model_stale_ptes(), 2);
	ck_assert_int_eq(hypercall_mmuext_op(&op, 1, &done, DOMID_SELF), 0);
	ck_assert_uint_eq(done, 1);
	ck_assert_uint_eq(model_stale_ptes(), 0);
	for (uint64_t pfn = 1000; pfn < 1003; pfn++) /* what was not there is in no TLB */
		ck_assert_int_eq(change(pfn, mfns[pfn] << 12 | XEN_PTE_KERNEL, 0), 0);
	ck_assert_uint_eq(model_stale_ptes(), 0);
	ck_assert(model_check());
	ck_assert_int_eq(change(1000, 0, 0), 0);
	ck_assert_int_eq(change(1000, mfns[1000] << 12 | XEN_PTE_KERNEL, 0), 0);
	ck_assert(!model_stop());
}

static void flushes_by_cpu(void)
{
	static const struct model_params two = {.nr_cpus = 2};
	uint8_t cpus = 1;
	struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_MULTI};

	start(&two);
	ck_assert_int_eq(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), -XEN_EINVAL);
	for (op.cmd = MMUEXT_TLB_FLUSH_MULTI; op.cmd <= MMUEXT_INVLPG_MULTI; op.cmd++) {
		set_xen_guest_handle(op.arg2.vcpumask, &cpus);
		if (op.cmd == MMUEXT_INVLPG_MULTI)
			op.arg1.linear_addr = (unsigned long)(uintptr_t)guest_va(1000);
		else if (op.cmd != MMUEXT_TLB_FLUSH_MULTI)
			continue;
		ck_assert_int_eq(change(1000, mfns[1000] << 12 | XEN_PTE_KERNEL, 0), 0);
		cpus = 1;
		ck_assert_int_eq(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
		ck_assert_uint_eq(model_stale_ptes(), 1); /* one of two */
		cpus = 3;
		ck_assert_int_eq(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
		ck_assert_uint_eq(model_stale_ptes(), 0);
	}
	ck_assert(model_stop());
}

static void m2p_updates(void)
{
	struct mmu_update req[3];
	unsigned int done;

	start(NULL);
	for (unsigned int i = 0; i < 3; i++) {
		req[i].ptr = mfns[1000 + i] << 12 | MMU_MACHPHYS_UPDATE;
		req[i].val = 5000 + i;
	}
	req[2].ptr = 1 << 12 | MMU_MACHPHYS_UPDATE;
	ck_assert_int_eq(hypercall_mmu_update(req, 3, &done, DOMID_SELF), -XEN_EINVAL);
	ck_assert_uint_eq(done, 2);
	ck_assert(!model_check());
	req[0].val = 1000;
	req[1].val = 1001;
	ck_assert_int_eq(hypercall_mmu_update(req, 2, NULL, DOMID_SELF), 0);
	ck_assert_int_eq(hypercall_mmu_update(req, 2, &done, 9), -XEN_ESRCH);
	req[0].ptr = mfns[1000] << 12 | 4; /* no such command */
	ck_assert_int_eq(hypercall_mmu_update(req, 1, &done, DOMID_SELF), -XEN_ENOSYS);
	ck_assert_uint_eq(done, 0);
	ck_assert(model_stop());
}

/* RAM at the bottom of 1 GiB and at the top of 4: two gigabytes of hole between. */
static const struct xen_e820_entry holed[] = {{0, 0x40000000, XEN_E820_RAM},
					      {0xc0000000, 0x40000000, XEN_E820_RAM}};
static const struct model_params with_hole = {.e820 = holed, .nr_e820 = 2};

static const uint64_t *m2p_entry;

static void read_m2p_entry(void)
{
	(void)*(const volatile uint64_t *)m2p_entry;
}

static void m2p_with_a_hole(void)
{
	struct xen_machphys_mapping where;
	struct xen_machphys_mfn_list list = {.max_extents = 8};
	xen_pfn_t chunk[8];

	start(&with_hole);
	set_xen_guest_handle(list.extent_start, chunk);
	ck_assert_int_eq(hypercall_memory_op(XENMEM_machphys_mfn_list, &list), 0);
	ck_assert_uint_eq(list.nr_extents, 4);
	ck_assert_uint_eq(chunk[1], chunk[0]);
	ck_assert_uint_eq(chunk[2], chunk[0]);
	ck_assert_uint_ne(chunk[3], chunk[0]);
	list.max_extents = 2;
	ck_assert_int_eq(hypercall_memory_op(XENMEM_machphys_mfn_list, &list), 0);
	ck_assert_uint_eq(list.nr_extents, 2);
	ck_assert_int_eq(hypercall_memory_op(XENMEM_machphys_mapping, &where), 0);
	ck_assert_uint_eq(where.max_mfn, 0xfffff);
	ck_assert_int_eq(hypercall_memory_op(XENMEM_maximum_ram_page, NULL), 0x100000);
	for (unsigned int i = 0; i < 4; i++) {
		m2p_entry = (const uint64_t *)where.v_start + ((uint64_t)i << 18);
		ck_assert_int_eq(guest_dies(read_m2p_entry), i == 1 || i == 2);
	}
	for (uint64_t pfn = 0; pfn < model_nr_pages(); pfn++)
		ck_assert_uint_eq(((const uint64_t *)where.v_start)[mfns[pfn]], pfn);
	ck_assert(model_stop());
}

static void m2p_of_a_domu(void)
{
	static const struct model_params domu = {.domu = true};
	struct xen_machphys_mapping where;

	start(&domu);
	ck_assert_int_eq(hypercall_memory_op(XENMEM_machphys_mapping, &where), 0);
	ck_assert_uint_gt(where.max_mfn, 0x40000); /* more than the machine has */
	m2p_entry = (const uint64_t *)where.v_start + where.max_mfn;
	ck_assert(guest_dies(read_m2p_entry));
	ck_assert(model_stop());
}

static void memory_maps(void)
{
	struct xen_e820_entry entry[8];
	struct xen_memory_map map = {.nr_entries = 2};

	start(&with_hole);
	set_xen_guest_handle(map.buffer, entry);
	ck_assert_int_eq(hypercall_memory_op(XENMEM_machine_memory_map, &map), -XEN_EINVAL);
	map.nr_entries = 3; /* one to spare, as Xen wants it */
	ck_assert_int_eq(hypercall_memory_op(XENMEM_machine_memory_map, &map), 0);
	ck_assert_uint_eq(map.nr_entries, 2);
	ck_assert_mem_eq(entry, holed, sizeof(holed));
	ck_assert_int_eq(hypercall_memory_op(XENMEM_memory_map, &map), -XEN_ENOSYS);
	model_give_map();
	map.nr_entries = 1;
	ck_assert_int_eq(hypercall_memory_op(XENMEM_memory_map, &map), 0);
	ck_assert_uint_eq(map.nr_entries, 1);
	ck_assert(model_stop());
	start(&(struct model_params){.domu = true});
	ck_assert_int_eq(hypercall_memory_op(XENMEM_machine_memory_map, &map), -XEN_EPERM);
	ck_assert(model_stop());
}

static void multicall_results(void)
{
	struct multicall_entry calls[4] = {
		{.op = __HYPERVISOR_update_va_mapping},
		{.op = __HYPERVISOR_multicall},
		{.op = 63},
		{.op = __HYPERVISOR_memory_op, .args = {XENMEM_maximum_ram_page}},
	};
	uint64_t before;

	start(NULL);
	before = model_hypercalls();
	calls[0].args[0] = (unsigned long)(uintptr_t)guest_va(1000);
	calls[0].args[1] = mfns[1001] << 12 | XEN_PTE_KERNEL;
	ck_assert_int_eq(hypercall_multicall(calls, 4), 0);
	ck_assert_uint_eq(calls[0].result, 0);
	ck_assert_int_eq((long)calls[1].result, -XEN_EINVAL);
	ck_assert_int_eq((long)calls[2].result, -XEN_ENOSYS);
	ck_assert_uint_eq(calls[3].result, 0x40000);
	ck_assert_uint_eq(model_hypercalls(), before + 1);
	ck_assert_uint_eq(model_calls(MODEL_UPDATE_VA_MAPPING), 1);
	ck_assert_uint_eq(model_calls(MODEL_MULTICALL), 1);
	ck_assert_int_eq(guest_map(guest_va(1000), mfns[1000]), 0);
	ck_assert(model_stop());
}

static void failures_on_demand(void)
{
	struct multicall_entry calls[3];

	start(NULL);
	for (unsigned int i = 0; i < 3; i++)
		calls[i] = (struct multicall_entry){
			.op = __HYPERVISOR_update_va_mapping,
			.args = {(unsigned long)(uintptr_t)guest_va(1000 + i), 0, 0}};
	model_fail(MODEL_UPDATE_VA_MAPPING, 2, -XEN_ENOSPC);
	ck_assert_int_eq(hypercall_multicall(calls, 3), 0);
	ck_assert_int_eq((long)calls[0].result, 0);
	ck_assert_int_eq((long)calls[1].result, -XEN_ENOSPC);
	ck_assert_int_eq((long)calls[2].result, 0);
	ck_assert_uint_ne(model_pte(guest_va(1001)), 0);
	model_fail(MODEL_MULTICALL, 1, -XEN_EFAULT);
	calls[0].result = 77;
	ck_assert_int_eq(hypercall_multicall(calls, 3), -XEN_EFAULT);
	ck_assert_uint_eq(calls[0].result, 77);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_EIO);
	model_fail(MODEL_MEMORY_OP, 0, 0);
	ck_assert_int_gt(hypercall_memory_op(XENMEM_maximum_ram_page, NULL), 0);
	ck_assert_int_eq(guest_map(guest_va(1000), mfns[1000]), 0);
	ck_assert_int_eq(guest_map(guest_va(1002), mfns[1002]), 0);
	ck_assert(model_stop());
}

static void small_calls(void)
{
	char text[] = "hello";

	start(NULL);
	ck_assert_int_eq(hypercall_xen_version(XENVER_version, NULL), 4 << 16 | 17);
	ck_assert_int_eq(hypercall_xen_version(XENVER_extraversion, NULL), -XEN_EFAULT);
	ck_assert_int_eq(hypercall_console_io(CONSOLEIO_write, 5, text), 0);
	ck_assert_int_eq(hypercall_console_io(99, 5, text), -XEN_ENOSYS);
	ck_assert_int_eq(hypercall_sched_op(SCHEDOP_yield, NULL), 0);
	ck_assert_int_eq(hypercall_memory_op(99, text), -XEN_ENOSYS);
	ck_assert_int_eq(hypercall_memory_op(XENMEM_exchange, NULL), -XEN_EFAULT);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"remapping a page moves its bytes", remapping_moves_bytes},
	{"an unmapped or read-only page faults", faults},
	{"PTEs that Xen refuses change nothing", refused_ptes},
	{"MMIO is mapped uncached and keeps what is written", mmio},
	{"a domU maps only the MMIO that it was given", mmio_in_a_domu},
	{"changed PTEs are stale until every CPU has flushed", stale_entries},
	{"a flush of some CPUs covers those", flushes_by_cpu},
	{"M2P updates stop at the first refusal", m2p_updates},
	{"the M2P has holes where the machine has", m2p_with_a_hole},
	{"the M2P of a domU is larger than the machine", m2p_of_a_domu},
	{"memory maps are given as Xen gives them", memory_maps},
	{"a multicall has a result for each call", multicall_results},
	{"a call fails when it is told to", failures_on_demand},
	{"version, console and the rest answer", small_calls},
};

UNIT_MAIN("model-mmu", cases)
