/* SPDX-License-Identifier: MIT */
/*
 * Switching the machine off, which Xen leaves to its control domain: soft-off is ACPI state S5, and
 * what to write for it is a constant in the firmware's bytecode, the package \_S5. Xen does the
 * write. Where that fails the machine is reset instead: a run must end, and with -no-reboot QEMU
 * ends then too. A domain without the machine just says that it is done.
 */
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/platform.h>

#include "../rawcall.h"
#include "acpi.h"
#include "internal.h"

#define FADT_DSDT 40
#define FADT_X_DSDT 140

#define S5 5
#define SLP_TYP_SHIFT 10
#define SLP_EN (1u << 13)

#define OFF_TIMEOUT 5000000000ULL

/* Bytecode: a package in which small numbers stand. */
enum aml {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_PACKAGE = 0x12,
	AML_ROOT = 0x5c,
};

/* A number at @p, before @end; *@p moves behind it. -1: none. */
static int aml_number(const volatile uint8_t **p, const volatile uint8_t *end)
{
	uint8_t op;

	if (*p >= end)
		return -1;
	op = *(*p)++;
	if (op == AML_ZERO || op == AML_ONE)
		return op;
	if (op == AML_BYTE && *p < end)
		return *(*p)++;
	return -1;
}

/* Is the name \_S5 defined as a package at @p? Then its first two numbers. */
static bool is_s5(const volatile uint8_t *start, const volatile uint8_t *p,
		  const volatile uint8_t *end, int sleep_type[2])
{
	if (end - p < 8 || p[0] != '_' || p[1] != 'S' || p[2] != '5' || p[3] != '_' ||
	    p[4] != AML_PACKAGE)
		return false;
	if (p - start < 2 || (p[-1] != AML_NAME && (p[-1] != AML_ROOT || p[-2] != AML_NAME)))
		return false;
	/* The length takes 1 byte and as many more as its top bits say; then a count. */
	p += 5;
	p += (*p >> 6) + 2;
	sleep_type[0] = aml_number(&p, end);
	sleep_type[1] = aml_number(&p, end);
	return sleep_type[0] >= 0 && sleep_type[1] >= 0;
}

static bool find_s5(int sleep_type[2])
{
	const volatile uint8_t *fadt, *dsdt, *p;
	uint64_t maddr = 0;
	size_t length;
	bool found = false;
	int err;

	fadt = boot_acpi_find("FACP", &length, &err);
	if (!fadt)
		return false;
	if (length >= FADT_X_DSDT + 8)
		maddr = boot_acpi_field(fadt + FADT_X_DSDT, 8);
	if (!maddr && length >= FADT_DSDT + 4)
		maddr = boot_acpi_field(fadt + FADT_DSDT, 4);
	xen_mmio_unmap((volatile void *)fadt, length);
	dsdt = boot_acpi_map(maddr, "DSDT", &length, &err);
	if (!dsdt)
		return false;
	for (p = dsdt + BOOT_ACPI_HEADER; !found && p < dsdt + length; p++)
		found = is_s5(dsdt, p, dsdt + length, sleep_type);
	xen_mmio_unmap((volatile void *)dsdt, length);
	return found;
}

static void soft_off(void)
{
	struct xen_platform_op op = {
		.cmd = XENPF_enter_acpi_sleep,
		.interface_version = XENPF_INTERFACE_VERSION,
	};
	int sleep_type[2];

	if (!find_s5(sleep_type))
		return;
	op.u.enter_acpi_sleep.val_a = (uint16_t)(sleep_type[0] << SLP_TYP_SHIFT | SLP_EN);
	op.u.enter_acpi_sleep.val_b = (uint16_t)(sleep_type[1] << SLP_TYP_SHIFT | SLP_EN);
	op.u.enter_acpi_sleep.sleep_state = S5;
	if (!rawcall1(__HYPERVISOR_platform_op, (unsigned long)&op))
		boot_delay(OFF_TIMEOUT);
}

void boot_poweroff(void)
{
	bool machine = boot_has_machine();

	boot_console_flush();
	if (machine && boot_shared_info)
		soft_off();
	boot_shutdown(machine ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
}
