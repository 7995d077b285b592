/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables, as a control domain finds them on a PC.
 */
#ifndef XENDMA_BOOT_ACPI_H
#define XENDMA_BOOT_ACPI_H

#include "boot.h"

/* Of every table: signature, length, ..., checksum over the whole. */
#define BOOT_ACPI_HEADER 36

/*
 * The table with @signature (4 characters), mapped, length and checksum verified; its contents are
 * the firmware's and not to be believed further. *@length in bytes. Unmap it with xen_mmio_unmap().
 * NULL with *@err: -XEN_ENOENT (no ACPI, no such table), -XEN_EINVAL (broken), or an error of
 * xen_mmio_map(). The first of several is taken.
 */
const volatile uint8_t *boot_acpi_find(const char *signature, size_t *length, int *err);

/* The same for the table at machine address @maddr. */
const volatile uint8_t *boot_acpi_map(uint64_t maddr, const char *signature, size_t *length,
				      int *err);

/* A little-endian field of @bytes (1 to 8). */
uint64_t boot_acpi_field(const volatile uint8_t *at, unsigned int bytes);

#endif
