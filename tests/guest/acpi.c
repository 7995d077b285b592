/* SPDX-License-Identifier: MIT */
/*
 * Where MMCFG is, by the firmware's MCFG table. The kernel verifies the table; what stands in it is
 * checked here. No state.
 */
#include "acpi.h"

#include "host.h"

#include <xen/mmu.h>

#define MCFG_ENTRIES 44 /* where MCFG's entries begin */
#define MCFG_ENTRY_SIZE 16

static int read_mcfg(const volatile uint8_t *table, size_t length, struct acpi_mcfg *mcfg)
{
	size_t at;

	for (at = MCFG_ENTRIES; at + MCFG_ENTRY_SIZE <= length; at += MCFG_ENTRY_SIZE) {
		mcfg->base = boot_acpi_field(table + at, 8);
		mcfg->segment = (uint16_t)boot_acpi_field(table + at + 8, 2);
		mcfg->first_bus = table[at + 10];
		mcfg->last_bus = table[at + 11];
		if (mcfg->segment)
			continue;
		if (mcfg->first_bus > mcfg->last_bus || !mcfg->base ||
		    xen_page_offset(mcfg->base) || mcfg->base >> 51)
			return -XEN_EINVAL;
		return 0;
	}
	return -XEN_ENOENT;
}

int acpi_find_mcfg(struct acpi_mcfg *mcfg)
{
	const volatile uint8_t *table;
	size_t length;
	int err;

	table = boot_acpi_find("MCFG", &length, &err);
	if (!table)
		return err;
	err = read_mcfg(table, length, mcfg);
	xen_mmio_unmap((volatile void *)table, length);
	return err;
}
