/* SPDX-License-Identifier: MIT */
/*
 * Brings up PCI. As dom0 the machine's host: MMCFG when the firmware has it, Xen agrees and it
 * shows the same bus as the ports do; the ports otherwise. One-time, on CPU 0.
 */
#include "host.h"

#include <xen/hypercall.h>
#include <xen/mmu.h>

#include "boot.h"
#include "cmdline.h"
#include "front.h"
#include "text.h"
#include "verdict.h"

static struct xen_pci_host machine;

/*
 * MMCFG is mapped bus by bus as the buses are looked at, for all 256 of them would take half a
 * megabyte of page tables. A bus that cannot be mapped is read by the ports.
 */
static struct {
	struct acpi_mcfg window;
	struct xen_pci_mmcfg *bus[256];
} mmcfg;

static const struct xen_pci_config *config_of_bus(struct xen_pci_addr addr)
{
	struct xen_pci_mmcfg *bus = mmcfg.bus[addr.bus];
	volatile void *base;

	if (bus)
		return &bus->config;
	if (addr.bus < mmcfg.window.first_bus || addr.bus > mmcfg.window.last_bus)
		return &pci_ports_config;
	bus = xen_port_alloc(sizeof(*bus));
	if (!bus)
		return &pci_ports_config;
	base = xen_mmio_map(mmcfg.window.base + ((uint64_t)addr.bus << 20), 1 << 20, XEN_CACHE_UC,
			    NULL);
	if (!base) {
		xen_port_free(bus, sizeof(*bus));
		return &pci_ports_config;
	}
	xen_pci_mmcfg_init(bus, base, mmcfg.window.segment, addr.bus, addr.bus);
	mmcfg.bus[addr.bus] = bus;
	return &bus->config;
}

static int mmcfg_read(const struct xen_pci_config *config, struct xen_pci_addr addr,
		      unsigned int offset, unsigned int size, uint32_t *value)
{
	const struct xen_pci_config *bus = config_of_bus(addr);

	return bus->read(bus, addr, offset, size, value);
}

static int mmcfg_write(const struct xen_pci_config *config, struct xen_pci_addr addr,
		       unsigned int offset, unsigned int size, uint32_t value)
{
	const struct xen_pci_config *bus = config_of_bus(addr);

	return bus->write(bus, addr, offset, size, value);
}

static const struct xen_pci_config mmcfg_config = {
	.read = mmcfg_read,
	.write = mmcfg_write,
	.limit = 4096,
};

/* Xen reads extended config space itself only after dom0 has said that the window is reserved. */
static int tell_xen_of_mmcfg(const struct acpi_mcfg *found)
{
	struct physdev_pci_mmcfg_reserved op = {
		.address = found->base,
		.segment = found->segment,
		.start_bus = found->first_bus,
		.end_bus = found->last_bus,
		.flags = XEN_PCI_MMCFG_RESERVED,
	};

	return hypercall_physdev_op(PHYSDEVOP_pci_mmcfg_reserved, &op);
}

static bool find_mmcfg(void)
{
	struct xen_pci_addr host_bridge = {0};
	uint32_t by_window, by_ports;
	int err;

	err = acpi_find_mcfg(&mmcfg.window);
	if (err) {
		boot_printf("pci: no MMCFG in the firmware's tables (%d)\n", err);
		return false;
	}
	err = tell_xen_of_mmcfg(&mmcfg.window);
	if (err)
		boot_printf("pci: Xen does not take MMCFG at 0x%lx (%d)\n", mmcfg.window.base, err);
	/* Both ways must show the same host bridge, or the window is not what the table says. */
	mmcfg_read(&mmcfg_config, host_bridge, 0, 4, &by_window);
	pci_ports_config.read(&pci_ports_config, host_bridge, 0, 4, &by_ports);
	if (by_window != by_ports) {
		boot_printf("pci: MMCFG at 0x%lx does not show the host bridge\n",
			    mmcfg.window.base);
		return false;
	}
	boot_printf("pci: MMCFG at 0x%lx, buses %02x to %02x\n", mmcfg.window.base,
		    mmcfg.window.first_bus, mmcfg.window.last_bus);
	return true;
}

static bool scan_machine(void)
{
	const struct xen_pci_config *config = &mmcfg_config;
	unsigned int found = 0;
	int err;

	if (!options.mmcfg || !find_mmcfg()) {
		boot_printf("pci: config space by ports 0xcf8 and 0xcfc\n");
		config = &pci_ports_config;
	}
	xen_pci_host_init(&machine, config, 0, true);
	err = xen_pci_scan(&machine, 0, &found);
	if (err || !found) {
		verdict_fail("pci", "scan of bus 0 found %u functions, error %d", found, err);
		return false;
	}
	boot_printf("pci: %u functions, %u conflicts\n", found, machine.nr_conflicts);
	return true;
}

bool guest_host_start(void)
{
	return boot_has_machine() ? scan_machine() : guest_front_start();
}

void guest_host_stop(void)
{
	if (!boot_has_machine())
		guest_front_stop();
}

struct xen_pci_host *guest_host(unsigned int i)
{
	if (boot_has_machine())
		return i ? NULL : &machine;
	return guest_front() ? xen_pcifront_host(guest_front(), i) : NULL;
}

struct xen_pci_dev *guest_next_device(const struct xen_pci_dev *from)
{
	struct xen_pci_host *host;
	unsigned int i = 0;

	if (from && from->next)
		return from->next;
	while (from && (host = guest_host(i)) && host != from->host)
		i++;
	for (i += from ? 1 : 0; (host = guest_host(i)); i++)
		if (host->devices)
			return host->devices;
	return NULL;
}

struct xen_pci_dev *guest_find_device(struct xen_pci_dev *from, uint16_t vendor, uint16_t device)
{
	do
		from = guest_next_device(from);
	while (from && (from->vendor != vendor || from->device != device));
	return from;
}

const char *guest_device_name(const struct xen_pci_dev *dev)
{
	static const struct {
		uint16_t vendor, device;
		const char *name;
	} known[] = {
		{0x1234, 0x11e8, "edu"},	 {0x1b36, 0x0010, "nvme"},
		{0x8086, 0x5845, "nvme"},	 {0x1234, 0x1111, "vga"},
		{0x8086, 0x29c0, "q35 host"},	 {0x8086, 0x2918, "lpc"},
		{0x8086, 0x2922, "ahci"},	 {0x8086, 0x2930, "smbus"},
		{0x8086, 0x10d3, "e1000e"},	 {0x1b36, 0x0005, "testdev"},
		{0x1b36, 0x000c, "root port"},	 {0x1022, 0x1419, "amd-iommu"},
		{0x8086, 0x1237, "i440fx host"}, {0x8086, 0x100e, "e1000"},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(known); i++)
		if (dev->vendor == known[i].vendor && dev->device == known[i].device)
			return known[i].name;
	return dev->header_type == 1 ? "bridge" : "device";
}

const char *guest_addr_text(struct xen_pci_addr addr, char text[GUEST_ADDR_MAX])
{
	boot_snprintf(text, GUEST_ADDR_MAX, "%04x:%02x:%02x.%u", addr.segment, addr.bus,
		      XEN_PCI_DEV(addr.devfn), XEN_PCI_FN(addr.devfn));
	return text;
}
