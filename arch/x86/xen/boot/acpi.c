/* SPDX-License-Identifier: MIT */
/*
 * Finding ACPI tables: root pointer in the BIOS area, root table, table. Everything is mapped for
 * no longer than it is read, and lengths and checksums are verified before a field is used. No
 * state.
 */
#include <xen/mmu.h>

#include "acpi.h"

#define BIOS_START 0xe0000
#define BIOS_SIZE 0x20000
#define TABLE_MAX 0x100000

/* Of the root pointer. */
#define RSDP_SIZE 36
#define RSDP_V1_SIZE 20
#define RSDP_REVISION 15
#define RSDP_RSDT 16
#define RSDP_XSDT 24

uint64_t boot_acpi_field(const volatile uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

static bool is_signed(const volatile uint8_t *at, const char *signature)
{
	for (; *signature; at++, signature++)
		if (*at != (uint8_t)*signature)
			return false;
	return true;
}

static bool sum_is_zero(const volatile uint8_t *at, size_t length)
{
	uint8_t sum = 0;

	while (length--)
		sum = (uint8_t)(sum + *at++);
	return !sum;
}

/* Is there a root pointer at @p? Then the root table's address and the size of its entries. */
static bool is_root(const volatile uint8_t *p, uint64_t *maddr, unsigned int *entry)
{
	if (!is_signed(p, "RSD PTR ") || !sum_is_zero(p, RSDP_V1_SIZE))
		return false;
	*maddr = boot_acpi_field(p + RSDP_RSDT, 4);
	*entry = 4;
	if (p[RSDP_REVISION] >= 2 && sum_is_zero(p, RSDP_SIZE) &&
	    boot_acpi_field(p + RSDP_XSDT, 8)) {
		*maddr = boot_acpi_field(p + RSDP_XSDT, 8);
		*entry = 8;
	}
	return true;
}

static bool find_root(uint64_t *maddr, unsigned int *entry, int *err)
{
	const volatile uint8_t *bios = xen_mmio_map(BIOS_START, BIOS_SIZE, XEN_CACHE_UC, err);
	bool found = false;
	size_t at;

	if (!bios)
		return false;
	for (at = 0; !found && at + RSDP_SIZE <= BIOS_SIZE; at += 16)
		found = is_root(bios + at, maddr, entry);
	xen_mmio_unmap((volatile void *)bios, BIOS_SIZE);
	*err = -XEN_ENOENT;
	return found;
}

const volatile uint8_t *boot_acpi_map(uint64_t maddr, const char *signature, size_t *length,
				      int *err)
{
	volatile uint8_t *table = xen_mmio_map(maddr, BOOT_ACPI_HEADER, XEN_CACHE_UC, err);
	bool wanted;

	if (!table)
		return NULL;
	wanted = is_signed(table, signature);
	*length = boot_acpi_field(table + 4, 4);
	xen_mmio_unmap(table, BOOT_ACPI_HEADER);
	*err = wanted ? -XEN_EINVAL : -XEN_ENOENT;
	if (!wanted || *length < BOOT_ACPI_HEADER || *length > TABLE_MAX)
		return NULL;
	table = xen_mmio_map(maddr, *length, XEN_CACHE_UC, err);
	if (!table || sum_is_zero(table, *length))
		return table;
	xen_mmio_unmap(table, *length);
	*err = -XEN_EINVAL;
	return NULL;
}

const volatile uint8_t *boot_acpi_find(const char *signature, size_t *length, int *err)
{
	const volatile uint8_t *root, *table = NULL;
	unsigned int entry = 0;
	uint64_t maddr = 0;
	size_t root_length, at;

	if (!find_root(&maddr, &entry, err))
		return NULL;
	root = boot_acpi_map(maddr, entry == 8 ? "XSDT" : "RSDT", &root_length, err);
	if (!root)
		return NULL;
	*err = -XEN_ENOENT;
	for (at = BOOT_ACPI_HEADER; at + entry <= root_length; at += entry) {
		table = boot_acpi_map(boot_acpi_field(root + at, entry), signature, length, err);
		if (table || *err != -XEN_ENOENT)
			break;
	}
	xen_mmio_unmap((volatile void *)root, root_length);
	return table;
}
