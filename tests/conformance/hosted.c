/* SPDX-License-Identifier: MIT */
/*
 * The suite on the model: a program that prints its lines, as dom0 or, with the argument domu, as
 * a domain without devices; domu-devices: as one that has the edu and the NVMe controller. The
 * machine is the one that conformance.sh gives to Xen: 3 GiB of RAM
 * with the PC's hole, an edu and an NVMe controller.
 */
#include <stdio.h>
#include <string.h>

#include <model/model.h>

#include "conf.h"

static struct xen_pci_host host;
struct xen_pci_host *conf_host;

static const struct xen_e820_entry machine[] = {
	{0x00000000, 0x0009fc00, XEN_E820_RAM},	     {0x0009fc00, 0x00000400, XEN_E820_RESERVED},
	{0x000f0000, 0x00010000, XEN_E820_RESERVED}, {0x00100000, 0x7fed0000, XEN_E820_RAM},
	{0x7ffd0000, 0x00030000, XEN_E820_RESERVED}, {0xb0000000, 0x10000000, XEN_E820_RESERVED},
	{0xfed1c000, 0x00004000, XEN_E820_RESERVED}, {0xfffc0000, 0x00040000, XEN_E820_RESERVED},
	{0x100000000, 0x40000000, XEN_E820_RAM},
};

static const struct model_pci_function functions[] = {
	{.vendor = 0x8086, .device = 0x29c0, .class_code = 0x060000},
	{
		.addr = {.devfn = 4 << 3},
		.vendor = 0x1234,
		.device = 0x11e8,
		.class_code = 0x00ff00,
		.bar[0] = {.addr = 0xfea00000, .size = 0x100000},
		.interrupt_pin = 1,
		.msi = true,
	},
	{
		.addr = {.devfn = 5 << 3},
		.vendor = 0x1b36,
		.device = 0x0010,
		.class_code = 0x010802,
		.bar[0] = {.addr = 0xfebf0000, .size = 0x4000, .is64 = true},
		.interrupt_pin = 1,
		.msix_entries = 65,
	},
};

void conf_vprint(const char *fmt, va_list ap)
{
	vprintf(fmt, ap);
}

uint64_t conf_pte(const volatile void *va)
{
	return model_pte(va);
}

static bool start(bool domu, bool devices)
{
	const struct model_params params = {
		.e820 = machine,
		.nr_e820 = LEN(machine),
		.nr_pages = 16384,
		.max_pages = 16384 + 256,
		.paddr_bits = 40,
		.domu = domu,
		.tables = true,
	};
	unsigned int found;
	size_t i;

	model_start(&params);
	if (domu)
		model_give_flat_map();
	for (i = 0; devices && i < LEN(functions); i++)
		if (functions[i].bar[0].size)
			model_permit_iomem(dma_to_mfn(functions[i].bar[0].addr),
					   functions[i].bar[0].size >> XEN_PAGE_SHIFT);
	for (i = 0; i < LEN(functions); i++)
		model_pci_plug(&functions[i]);
	if (domu)
		return true;
	conf_host = &host;
	xen_pci_host_init(&host, &model_pci_config, 0, true);
	return !xen_pci_scan(&host, 0, &found) && found == LEN(functions);
}

int main(int argc, char **argv)
{
	bool devices = argc == 2 && !strcmp(argv[1], "domu-devices");
	bool domu = devices || (argc == 2 && !strcmp(argv[1], "domu"));

	setvbuf(stdout, NULL, _IOLBF, 0); /* a breach ends the process */
	if (!start(domu, devices)) {
		fprintf(stderr, "conformance: the model's PCI cannot be scanned\n");
		return 1;
	}
	printf("  conformance: %u cases\n", conf_run());
	if (!domu)
		xen_pci_host_fini(&host);
	xen_p2m_fini();
	return model_stop() ? 0 : 1;
}
