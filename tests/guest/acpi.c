/* SPDX-License-Identifier: MIT */
/*
 * Just enough ACPI to find MMCFG: the root pointer in the BIOS area, the root table, the MCFG
 * table. The firmware is not trusted: signatures, lengths and checksums are verified before a
 * field is used, and every table is mapped for no longer than it is read.
 */
#include "host.h"

#include <xen/mmu.h>

#define BIOS_START 0xe0000
#define BIOS_SIZE 0x20000
#define TABLE_MAX 0x10000 /* bytes; root tables and MCFG are far smaller */
#define HEADER_SIZE 36
#define MCFG_ENTRIES 44 /* where MCFG's entries begin */
#define MCFG_ENTRY_SIZE 16

static uint64_t read_le(const volatile uint8_t *p, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | p[bytes];
	return value;
}

static bool sums_to_zero(const volatile uint8_t *p, size_t n)
{
	uint8_t sum = 0;

	while (n--)
		sum = (uint8_t)(sum + *p++);
	return !sum;
}

static bool signature_is(const volatile uint8_t *p, const char *signature)
{
	for (; *signature; p++, signature++)
		if (*p != (uint8_t)*signature)
			return false;
	return true;
}

/* The root table's address: the 64-bit one where there is one. */
static int find_root(uint64_t *address, unsigned int *entry_size)
{
	volatile uint8_t *bios;
	size_t at;
	int err;

	bios = xen_mmio_map(BIOS_START, BIOS_SIZE, XEN_CACHE_UC, &err);
	if (!bios)
		return err;
	err = -XEN_ENOENT;
	for (at = 0; at + 36 <= BIOS_SIZE; at += 16) {
		const volatile uint8_t *p = bios + at;

		if (!signature_is(p, "RSD PTR ") || !sums_to_zero(p, 20))
			continue;
		*address = read_le(p + 16, 4);
		*entry_size = 4;
		if (p[15] >= 2 && sums_to_zero(p, 36) && read_le(p + 24, 8)) {
			*address = read_le(p + 24, 8);
			*entry_size = 8;
		}
		err = 0;
		break;
	}
	xen_mmio_unmap(bios, BIOS_SIZE);
	return err;
}

/* Map the whole table at @address, verified. */
static volatile uint8_t *map_table(uint64_t address, const char *signature, size_t *length,
				   int *err)
{
	volatile uint8_t *table = xen_mmio_map(address, HEADER_SIZE, XEN_CACHE_UC, err);
	bool wanted;

	if (!table)
		return NULL;
	wanted = signature_is(table, signature);
	*length = (size_t)read_le(table + 4, 4);
	xen_mmio_unmap(table, HEADER_SIZE);
	*err = -XEN_ENOENT;
	if (!wanted)
		return NULL;
	*err = -XEN_EINVAL;
	if (*length < HEADER_SIZE || *length > TABLE_MAX)
		return NULL;
	table = xen_mmio_map(address, *length, XEN_CACHE_UC, err);
	if (!table || sums_to_zero(table, *length))
		return table;
	xen_mmio_unmap(table, *length);
	*err = -XEN_EINVAL;
	return NULL;
}

static int read_mcfg(const volatile uint8_t *table, size_t length, struct acpi_mcfg *mcfg)
{
	size_t at;

	for (at = MCFG_ENTRIES; at + MCFG_ENTRY_SIZE <= length; at += MCFG_ENTRY_SIZE) {
		mcfg->base = read_le(table + at, 8);
		mcfg->segment = (uint16_t)read_le(table + at + 8, 2);
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
	volatile uint8_t *root, *table;
	size_t root_length, length, at;
	unsigned int entry_size = 4;
	uint64_t address = 0;
	int err;

	err = find_root(&address, &entry_size);
	if (err)
		return err;
	root = map_table(address, entry_size == 8 ? "XSDT" : "RSDT", &root_length, &err);
	if (!root)
		return err;
	err = -XEN_ENOENT;
	for (at = HEADER_SIZE; at + entry_size <= root_length; at += entry_size) {
		table = map_table(read_le(root + at, entry_size), "MCFG", &length, &err);
		if (table) {
			err = read_mcfg(table, length, mcfg);
			xen_mmio_unmap(table, length);
		}
		if (err != -XEN_ENOENT)
			break;
	}
	xen_mmio_unmap(root, root_length);
	return err;
}
