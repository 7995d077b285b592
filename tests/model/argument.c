/* SPDX-License-Identifier: MIT */
/*
 * The memory that a hypercall is given: it must be mapped, writable where Xen answers in it, and
 * not in a page that was given back. Xen would answer -XEN_EFAULT at best, or write where the
 * library does not expect it. Memory outside the kernel's address space is the test program's own
 * (its stack, its data): a sanitizer, where there is one, knows what of that may be touched. NULL
 * is left to the calls, which refuse it. Model lock held.
 */
#include <model/internal.h>

#include <xen/mmu.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
void *__asan_region_is_poisoned(void *start, size_t size);
#else
static inline void *__asan_region_is_poisoned(void *start, size_t size)
{
	return NULL;
}
#endif

static void check_page(const char *what, uint64_t page, bool write)
{
	uint64_t pte = model.pte[page];

	if (port_page_is_free(page))
		model_breach("hypercall argument: %s in a page that was freed", what);
	if (!(pte & XEN_PTE_PRESENT))
		model_breach("hypercall argument: %s in memory that is not mapped", what);
	if (write && !(pte & XEN_PTE_RW))
		model_breach("hypercall argument: %s in memory that is read-only", what);
}

void argument_range(const char *what, const void *start, uint64_t size, bool write)
{
	uint64_t first = mmu_page_of(start), last;

	if (!start || !size)
		return;
	if (size >> 40)
		model_breach("hypercall argument: %s of %llx bytes", what,
			     (unsigned long long)size);
	if (first == XEN_INVALID_FRAME) {
		if (__asan_region_is_poisoned((void *)(uintptr_t)start, size))
			model_breach("hypercall argument: %s of %llu bytes in memory that is not "
				     "the caller's",
				     what, (unsigned long long)size);
		return;
	}
	last = mmu_page_of((const uint8_t *)start + size - 1);
	if (last == XEN_INVALID_FRAME)
		model_breach("hypercall argument: %s beyond the kernel's address space", what);
	for (uint64_t page = first; page <= last; page++)
		check_page(what, page, write);
}

/* Xen looks at the list last, so a test may give a wrong length with a call that is refused. */
static void reservation(const struct xen_memory_reservation *r, bool write)
{
	if (mmu_page_of(r->extent_start.p) == XEN_INVALID_FRAME)
		return;
	argument_range("an extent list", r->extent_start.p,
		       r->nr_extents > 1ULL << 36 ? 0 : r->nr_extents * sizeof(xen_pfn_t), write);
}

static void memory_op(unsigned int cmd, void *arg)
{
	static const size_t sizes[] = {
		[XENMEM_increase_reservation] = sizeof(struct xen_memory_reservation),
		[XENMEM_decrease_reservation] = sizeof(struct xen_memory_reservation),
		[XENMEM_populate_physmap] = sizeof(struct xen_memory_reservation),
		[XENMEM_exchange] = sizeof(struct xen_memory_exchange),
		[XENMEM_current_reservation] = sizeof(struct xen_memory_domain),
		[XENMEM_maximum_reservation] = sizeof(struct xen_memory_domain),
		[XENMEM_machphys_mapping] = sizeof(struct xen_machphys_mapping),
		[XENMEM_machphys_mfn_list] = sizeof(struct xen_machphys_mfn_list),
		[XENMEM_memory_map] = sizeof(struct xen_memory_map),
		[XENMEM_machine_memory_map] = sizeof(struct xen_memory_map),
	};
	const struct xen_memory_exchange *exch = arg;
	const struct xen_memory_map *map = arg;

	if (cmd >= sizeof(sizes) / sizeof(sizes[0]) || !arg)
		return;
	/* A domain's number alone is enough for the counts of its pages. */
	if (cmd == XENMEM_current_reservation || cmd == XENMEM_maximum_reservation)
		argument_range("memory_op", arg, sizeof(domid_t), false);
	else
		argument_range("memory_op", arg, sizes[cmd], true);
	switch (cmd) {
	case XENMEM_increase_reservation:
	case XENMEM_populate_physmap:
		reservation(arg, true);
		break;
	case XENMEM_decrease_reservation:
		reservation(arg, false);
		break;
	case XENMEM_exchange:
		reservation(&exch->in, false);
		reservation(&exch->out, true);
		break;
	case XENMEM_memory_map:
	case XENMEM_machine_memory_map:
		argument_range("a memory map", map->buffer.p,
			       map->nr_entries * sizeof(struct xen_e820_entry), true);
		break;
	}
}

static bool takes_many(unsigned int cmd)
{
	return cmd == GNTTABOP_map_grant_ref || cmd == GNTTABOP_unmap_grant_ref ||
	       cmd == GNTTABOP_copy;
}

static size_t grant_size(unsigned int cmd)
{
	switch (cmd) {
	case GNTTABOP_map_grant_ref:
		return sizeof(struct gnttab_map_grant_ref);
	case GNTTABOP_unmap_grant_ref:
		return sizeof(struct gnttab_unmap_grant_ref);
	case GNTTABOP_copy:
		return sizeof(struct gnttab_copy);
	case GNTTABOP_setup_table:
		return sizeof(struct gnttab_setup_table);
	case GNTTABOP_query_size:
		return sizeof(struct gnttab_query_size);
	case GNTTABOP_set_version:
		return sizeof(struct gnttab_set_version);
	case GNTTABOP_get_version:
		return sizeof(struct gnttab_get_version);
	default:
		return 0;
	}
}

static size_t event_size(int cmd)
{
	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		return sizeof(struct evtchn_alloc_unbound);
	case EVTCHNOP_bind_interdomain:
		return sizeof(struct evtchn_bind_interdomain);
	case EVTCHNOP_bind_virq:
		return sizeof(struct evtchn_bind_virq);
	case EVTCHNOP_bind_ipi:
		return sizeof(struct evtchn_bind_ipi);
	case EVTCHNOP_bind_pirq:
		return sizeof(struct evtchn_bind_pirq);
	case EVTCHNOP_bind_vcpu:
		return sizeof(struct evtchn_bind_vcpu);
	case EVTCHNOP_close:
		return sizeof(struct evtchn_close);
	case EVTCHNOP_send:
		return sizeof(struct evtchn_send);
	case EVTCHNOP_unmask:
		return sizeof(struct evtchn_unmask);
	case EVTCHNOP_status:
		return sizeof(struct evtchn_status);
	case EVTCHNOP_init_control:
		return sizeof(struct evtchn_init_control);
	case EVTCHNOP_expand_array:
		return sizeof(struct evtchn_expand_array);
	default:
		return 0;
	}
}

static size_t physdev_size(int cmd)
{
	switch (cmd) {
	case PHYSDEVOP_map_pirq:
		return sizeof(struct physdev_map_pirq);
	case PHYSDEVOP_unmap_pirq:
		return sizeof(struct physdev_unmap_pirq);
	case PHYSDEVOP_setup_gsi:
		return sizeof(struct physdev_setup_gsi);
	case PHYSDEVOP_eoi:
		return sizeof(struct physdev_eoi);
	case PHYSDEVOP_irq_status_query:
		return sizeof(struct physdev_irq_status_query);
	case PHYSDEVOP_pci_device_add:
		return sizeof(struct physdev_pci_device_add);
	case PHYSDEVOP_pci_device_remove:
		return sizeof(struct physdev_pci_device);
	case PHYSDEVOP_manage_pci_add:
	case PHYSDEVOP_manage_pci_remove:
		return sizeof(struct physdev_manage_pci);
	case PHYSDEVOP_manage_pci_add_ext:
		return sizeof(struct physdev_manage_pci_ext);
	case PHYSDEVOP_pci_mmcfg_reserved:
		return sizeof(struct physdev_pci_mmcfg_reserved);
	case PHYSDEVOP_set_iopl:
		return sizeof(struct physdev_set_iopl);
	default:
		return 0;
	}
}

void argument_check(const struct multicall_entry *c)
{
	const xen_ulong_t *a = c->args;

	switch (c->op) {
	case __HYPERVISOR_memory_op:
		memory_op((unsigned int)a[0], (void *)a[1]);
		break;
	case __HYPERVISOR_mmu_update:
		argument_range("mmu_update", (void *)a[0], a[1] * sizeof(struct mmu_update), false);
		argument_range("mmu_update: done", (void *)a[2], sizeof(unsigned int), true);
		break;
	case __HYPERVISOR_mmuext_op:
		argument_range("mmuext_op", (void *)a[0], a[1] * sizeof(struct mmuext_op), false);
		argument_range("mmuext_op: done", (void *)a[2], sizeof(unsigned int), true);
		break;
	case __HYPERVISOR_event_channel_op:
		argument_range("event_channel_op", (void *)a[1], event_size((int)a[0]), true);
		break;
	case __HYPERVISOR_physdev_op:
		argument_range("physdev_op", (void *)a[1], physdev_size((int)a[0]), true);
		break;
	case __HYPERVISOR_grant_table_op:
		if ((int)a[2] > 0)
			argument_range("grant_table_op", (void *)a[1],
				       (takes_many((unsigned int)a[0]) ? a[2] : 1) *
					       grant_size((unsigned int)a[0]),
				       true);
		break;
	case __HYPERVISOR_console_io:
		if ((int)a[1] > 0)
			argument_range("console_io", (void *)a[2], a[1], a[0] == CONSOLEIO_read);
		break;
	}
}
