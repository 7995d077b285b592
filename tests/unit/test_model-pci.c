/* SPDX-License-Identifier: MIT */
/*
 * Model PCI: registers answer as in hardware; PIRQs are mapped and refused as by Xen.
 */
#include "guest.h"

static const struct xen_pci_addr slot4 = {0, 0, XEN_PCI_DEVFN(4, 0)};

static const struct model_pci_function nic = {
	.addr = {0, 0, XEN_PCI_DEVFN(4, 0)},
	.vendor = 0x8086,
	.device = 0x10d3,
	.class_code = 0x020000,
	.bar = {{.addr = 0xfeb40000, .size = 0x20000},
		{.addr = 0xc000, .size = 0x20, .io = true},
		{.addr = 0x800000000, .size = 1ULL << 34, .is64 = true, .prefetch = true}},
	.rom = {.addr = 0xfeb00000, .size = 0x40000},
	.interrupt_pin = 1,
	.msi = true,
	.msix_entries = 5,
	.msix_bar = 0,
};

static uint32_t get(struct xen_pci_addr addr, unsigned int offset, unsigned int size)
{
	uint32_t value;

	ck_assert_int_eq(model_pci_config.read(&model_pci_config, addr, offset, size, &value), 0);
	return value;
}

static void put(struct xen_pci_addr addr, unsigned int offset, unsigned int size, uint32_t value)
{
	ck_assert_int_eq(model_pci_config.write(&model_pci_config, addr, offset, size, value), 0);
}

static void start(void)
{
	model_start(NULL);
	model_pci_plug(&nic);
}

static void ids_and_absence(void)
{
	static const struct xen_pci_addr nobody = {0, 0, XEN_PCI_DEVFN(5, 0)};

	start();
	ck_assert_uint_eq(get(slot4, 0, 4), 0x10d38086);
	ck_assert_uint_eq(get(slot4, 0x0b, 1), 0x02);
	ck_assert_uint_eq(get(slot4, 0x0e, 1), 0);
	ck_assert_uint_eq(get(slot4, 0x3d, 1), 1);
	ck_assert_uint_eq(get(nobody, 0, 4), 0xffffffff);
	ck_assert_uint_eq(get(nobody, 0, 2), 0xffff);
	ck_assert_uint_eq(get(nobody, 0, 1), 0xff);
	put(nobody, 4, 2, 7);
	put(slot4, 0, 4, 0); /* read-only */
	ck_assert_uint_eq(get(slot4, 0, 4), 0x10d38086);
	ck_assert_ptr_null(model_pci_raw(nobody));
	model_pci_unplug(slot4);
	ck_assert_uint_eq(get(slot4, 0, 4), 0xffffffff);
	ck_assert(model_stop());
}

static void bars_are_sized(void)
{
	static const struct {
		unsigned int offset;
		uint32_t before, sized;
	} bars[] = {
		{0x10, 0xfeb40000, 0xfffe0000},
		{0x14, 0xc001, 0xffffffe1},
		{0x18, 0x0000000c, 0x0000000c},
		{0x1c, 0x8, 0xfffffffc},
		{0x20, 0, 0},
		{0x30, 0xfeb00000, 0xfffc0000},
	};

	start();
	ck_assert_uint_eq(get(slot4, 4, 2), 0x0003); /* decoding, as firmware left it */
	put(slot4, 4, 2, 0);
	for (unsigned int i = 0; i < 6; i++) {
		uint32_t all = bars[i].offset == 0x30 ? 0xfffff800 : 0xffffffff;

		ck_assert_uint_eq(get(slot4, bars[i].offset, 4), bars[i].before);
		put(slot4, bars[i].offset, 4, all);
		ck_assert_uint_eq(get(slot4, bars[i].offset, 4), bars[i].sized);
		put(slot4, bars[i].offset, 4, bars[i].before);
		ck_assert_uint_eq(get(slot4, bars[i].offset, 4), bars[i].before);
	}
	ck_assert(model_stop());
}

static void size_memory(void)
{
	put(slot4, 0x10, 4, 0xffffffff);
}

static void size_io(void)
{
	put(slot4, 0x14, 4, 0xffffffff);
}

static void size_high_half(void)
{
	put(slot4, 0x1c, 4, 0xffffffff);
}

static void size_enabled_rom(void)
{
	put(slot4, 0x30, 4, 0xffffffff);
}

static void odd_offset(void)
{
	get(slot4, 1, 2);
}

static void past_the_end(void)
{
	get(slot4, 4096, 4);
}

static void bad_access(void)
{
	start();
	ck_assert(guest_dies(size_memory));
	ck_assert(guest_dies(size_io));
	ck_assert(guest_dies(size_high_half));
	ck_assert(guest_dies(size_enabled_rom));
	ck_assert(guest_dies(odd_offset));
	ck_assert(guest_dies(past_the_end));
	put(slot4, 4, 2, 1);
	ck_assert(!guest_dies(size_memory));
	ck_assert(guest_dies(size_io));
	put(slot4, 4, 2, 2);
	ck_assert(guest_dies(size_memory));
	ck_assert(!guest_dies(size_io));
	ck_assert(model_stop());
}

static unsigned int find_cap(struct xen_pci_addr addr, uint8_t id)
{
	unsigned int at = get(addr, 0x34, 1);

	while (at && get(addr, at, 1) != id)
		at = get(addr, at + 1, 1);
	return at;
}

static void capabilities(void)
{
	struct model_pci_function plain = nic;
	unsigned int msix;

	start();
	ck_assert_uint_eq(get(slot4, 6, 2) & 0x10, 0x10);
	ck_assert_uint_ne(find_cap(slot4, 0x01), 0);
	ck_assert_uint_ne(find_cap(slot4, 0x05), 0);
	msix = find_cap(slot4, 0x11);
	ck_assert_uint_ne(msix, 0);
	ck_assert_uint_eq(get(slot4, msix + 2, 2), 4);
	ck_assert_uint_eq(get(slot4, msix + 4, 4) & 7, 0);
	put(slot4, msix + 2, 2, 0xffff);
	ck_assert_uint_eq(get(slot4, msix + 2, 2), 0xc004); /* enable and mask */
	plain.msi = false;
	plain.msix_entries = 0;
	model_pci_plug(&plain);
	ck_assert_uint_eq(find_cap(slot4, 0x05), 0);
	ck_assert_uint_eq(find_cap(slot4, 0x11), 0);
	model_pci_raw(slot4)[0x34] = 0x44; /* a hostile device */
	ck_assert_uint_eq(get(slot4, 0x34, 1), 0x44);
	ck_assert(model_stop());
}

static void bridges(void)
{
	static const struct xen_pci_addr addr = {0, 0, XEN_PCI_DEVFN(1, 0)};
	static const struct model_pci_function bridge = {
		.addr = {0, 0, XEN_PCI_DEVFN(1, 0)},
		.vendor = 0x1b36,
		.device = 0x000c,
		.class_code = 0x060400,
		.multifunction = true,
		.bridge = true,
		.secondary = 2,
		.subordinate = 3,
		.window_start = 0xfe800000,
		.window_end = 0xfe9fffff,
		.pref_start = 0x800000000,
		.pref_end = 0xfffffffff,
		.pref_is64 = true,
	};

	model_start(NULL);
	model_pci_plug(&bridge);
	ck_assert_uint_eq(get(addr, 0x0e, 1), 0x81);
	ck_assert_uint_eq(get(addr, 0x18, 4) & 0xffffff, 0x030200);
	ck_assert_uint_eq(get(addr, 0x20, 4), 0xfe90fe80);
	ck_assert_uint_eq(get(addr, 0x24, 4), 0xfff10001);
	ck_assert_uint_eq(get(addr, 0x28, 4), 0x8);
	ck_assert_uint_eq(get(addr, 0x2c, 4), 0xf);
	put(addr, 0x24, 4, 0xffffffff);
	ck_assert_uint_eq(get(addr, 0x24, 4), 0xfff1fff1);
	put(addr, 0x1a, 1, 9);
	ck_assert_uint_eq(get(addr, 0x1a, 1), 9);
	ck_assert(model_stop());
}

static int map(int type, unsigned int entry, uint64_t table, struct physdev_map_pirq *out)
{
	*out = (struct physdev_map_pirq){
		.domid = DOMID_SELF,
		.type = type,
		.index = -1,
		.pirq = -1,
		.bus = 0,
		.devfn = slot4.devfn,
		.entry_nr = (int)entry,
		.table_base = table,
	};
	return hypercall_physdev_op(PHYSDEVOP_map_pirq, out);
}

static int unmap(int pirq)
{
	struct physdev_unmap_pirq op = {.domid = DOMID_SELF, .pirq = pirq};

	return hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &op);
}

static int tell(int cmd)
{
	struct physdev_pci_device_add add = {.devfn = slot4.devfn};
	struct physdev_pci_device dev = {.devfn = slot4.devfn};

	return hypercall_physdev_op(cmd, cmd == PHYSDEVOP_pci_device_add ? (void *)&add : &dev);
}

static void map_msi_again(void)
{
	struct physdev_map_pirq m;

	map(MAP_PIRQ_TYPE_MSI_SEG, 0, 0, &m);
}

static void messages(void)
{
	struct physdev_map_pirq a, b;

	start();
	ck_assert_int_eq(map(MAP_PIRQ_TYPE_MSI_SEG, 0, 0, &a), -XEN_ENODEV); /* unknown to Xen */
	ck_assert(!model_pci_known(slot4));
	ck_assert_int_eq(tell(PHYSDEVOP_pci_device_add), 0);
	ck_assert(model_pci_known(slot4));
	ck_assert_int_eq(map(MAP_PIRQ_TYPE_MSI_SEG, 0, 0, &a), 0);
	ck_assert_int_gt(a.pirq, 16);
	ck_assert(guest_dies(map_msi_again));
	ck_assert_int_eq(unmap(a.pirq), 0);
	ck_assert_int_eq(unmap(a.pirq), -XEN_EINVAL);
	ck_assert_int_eq(map(MAP_PIRQ_TYPE_MSI_SEG, 5, 0xfeb40000, &a), -XEN_EINVAL);
	ck_assert_int_eq(map(MAP_PIRQ_TYPE_MSI_SEG, 4, 0xfeb40000, &a), 0);
	ck_assert_int_eq(map(MAP_PIRQ_TYPE_MSI_SEG, 3, 0xfeb40000, &b), 0);
	ck_assert_int_ne(a.pirq, b.pirq);
	ck_assert_uint_eq(model_pirqs(), 2);
	ck_assert_int_eq(unmap(a.pirq), 0);
	ck_assert_int_eq(unmap(b.pirq), 0);
	put(slot4, 4, 2, 0);
	ck_assert_int_eq(map(MAP_PIRQ_TYPE_MSI_SEG, 4, 0xfeb40000, &a), -XEN_ENXIO);
	ck_assert_int_eq(tell(PHYSDEVOP_pci_device_remove), 0);
	ck_assert_int_eq(tell(PHYSDEVOP_pci_device_remove), -XEN_ENODEV);
	ck_assert(model_stop());
}

static void many_vectors(void)
{
	static const struct model_params remapping = {.intremap = true};
	struct physdev_map_pirq m;

	start();
	ck_assert_int_eq(tell(PHYSDEVOP_pci_device_add), 0);
	ck_assert_int_eq(map(MAP_PIRQ_TYPE_MULTI_MSI, 4, 0, &m), -XEN_EOPNOTSUPP);
	ck_assert(model_stop());
	model_start(&remapping);
	ck_assert_int_eq(tell(PHYSDEVOP_pci_device_add), 0);
	ck_assert_int_eq(map(MAP_PIRQ_TYPE_MULTI_MSI, 33, 0, &m), -XEN_EDOM);
	ck_assert_int_eq(map(MAP_PIRQ_TYPE_MULTI_MSI, 3, 0, &m), 0);
	ck_assert_uint_eq(m.entry_nr, 4);
	ck_assert_uint_eq(model_pirqs(), 4);
	ck_assert_int_eq(unmap(m.pirq + 1), -XEN_EBUSY);
	ck_assert_int_eq(unmap(m.pirq), 0);
	ck_assert_uint_eq(model_pirqs(), 0);
	ck_assert(model_stop());
}

static unsigned int fired;

static void count(void *arg)
{
	fired++;
}

static void lines(void)
{
	struct physdev_setup_gsi setup = {.gsi = 17, .triggering = 1, .polarity = 1};
	struct physdev_map_pirq m = {
		.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 17, .pirq = -1};
	struct evtchn_bind_pirq bind;
	struct evtchn_close close = {0};
	struct physdev_eoi eoi;

	start();
	ck_assert_int_eq(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup), 0);
	ck_assert_int_eq(hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup), -XEN_EEXIST);
	ck_assert_int_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &m), 0);
	bind.pirq = 200;
	bind.flags = 0;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind), -XEN_EPERM);
	bind.pirq = (uint32_t)m.pirq;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind), 0);
	ck_assert_int_eq(xen_evtchn_bind(bind.port, 0, count, NULL), 0);
	model_event(bind.port);
	model_event(bind.port); /* level: waits for the EOI */
	ck_assert_uint_eq(fired, 1);
	eoi.irq = bind.pirq;
	ck_assert_int_eq(hypercall_physdev_op(PHYSDEVOP_eoi, &eoi), 0);
	ck_assert_uint_eq(fired, 2);
	ck_assert_int_eq(hypercall_physdev_op(PHYSDEVOP_eoi, &eoi), 0);
	ck_assert_uint_eq(fired, 2);
	ck_assert_uint_eq(model_pirq_eois(m.pirq), 2);
	xen_evtchn_unbind(bind.port);
	close.port = bind.port;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
	ck_assert_int_eq(unmap(m.pirq), 0);
	ck_assert(model_stop());
}

static void not_for_a_domu(void)
{
	static const struct model_params domu = {.domu = true};
	struct physdev_map_pirq m;

	model_start(&domu);
	ck_assert_int_eq(map(MAP_PIRQ_TYPE_MSI_SEG, 0, 0, &m), -XEN_EPERM);
	ck_assert_int_eq(tell(PHYSDEVOP_pci_device_add), -XEN_EPERM);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"functions answer, absent ones with all ones", ids_and_absence},
	{"BARs of every kind are sized", bars_are_sized},
	{"sizing while decoding and odd accesses are breaches", bad_access},
	{"capabilities are chained", capabilities},
	{"bridges have buses and windows", bridges},
	{"messages are mapped when the function can send them", messages},
	{"several vectors need interrupt remapping", many_vectors},
	{"a level interrupt waits for its EOI", lines},
	{"a domU manages no devices", not_for_a_domu},
};

UNIT_MAIN("model-pci", cases)
