/* SPDX-License-Identifier: MIT */
/*
 * Checks of what the device itself can do: be reset, and interrupt. Config space is the device's
 * own word, of bounded length, and read through device_capability().
 */
#include <inttypes.h>
#include <string.h>
#include "check.h"

#define CAP_PM 0x01
#define CAP_MSI 0x05
#define CAP_EXPRESS 0x10
#define CAP_MSIX 0x11
#define CAP_AF 0x13
#define PM_NO_SOFT_RESET 0x08 /* in the control and status register */
#define EXPRESS_FLR (1u << 28)
#define AF_FLR 0x02

/* ---- reset ---- */

static const struct {
	const char *word; /* of reset_method */
	unsigned int bit;
} method[] = {
	{"flr", RESET_FLR},
	{"af_flr", RESET_FLR},
	{"pm", RESET_PM},
	{"bus", RESET_BUS},
	{"cxl_bus", RESET_BUS},
	{"slot", RESET_SLOT},
	{"device_specific", RESET_OWN},
	{"acpi", RESET_OWN},
};

static unsigned int method_of(const char *word, size_t length)
{
	size_t i;

	for (i = 0; i < sizeof(method) / sizeof(method[0]); i++)
		if (strlen(method[i].word) == length && !memcmp(word, method[i].word, length))
			return method[i].bit;
	return RESET_OWN; /* a later kernel's */
}

unsigned int check_reset_offered(const struct device *device)
{
	const char *word = device->reset_method;
	unsigned int methods = 0;

	while (*(word += strspn(word, " \n"))) {
		size_t length = strcspn(word, " \n");

		methods |= method_of(word, length);
		word += length;
	}
	return methods;
}

static uint32_t config_read(const struct device *device, unsigned int offset, unsigned int bytes)
{
	uint32_t value = 0;

	if (offset + bytes <= device->config_size)
		memcpy(&value, device->config + offset, bytes);
	return value;
}

unsigned int check_reset_declared(const struct device *device)
{
	unsigned int express = device_capability(device, CAP_EXPRESS);
	unsigned int af = device_capability(device, CAP_AF), pm = device_capability(device, CAP_PM);
	unsigned int methods = 0;

	if (express && config_read(device, express + 4, 4) & EXPRESS_FLR)
		methods |= RESET_FLR;
	if (af && config_read(device, af + 3, 1) & AF_FLR)
		methods |= RESET_FLR;
	if (pm && !(config_read(device, pm + 4, 1) & PM_NO_SOFT_RESET))
		methods |= RESET_PM;
	return methods;
}

void check_reset(const struct facts *facts, struct report *report)
{
	const struct device *device = facts->device;
	unsigned int offered = check_reset_offered(device);
	const char *name = BDF_STR(device->bdf);

	if (!offered)
		report_warning(
			report, "no-reset",
			"%s cannot be reset|sysfs offers no method, config space declares %s: the "
			"next owner gets it as it was left, maybe still at work|power the host "
			"off and on between owners",
			name, check_reset_declared(device) ? "one that is not used" : "none");
	else if (offered & (RESET_FLR | RESET_OWN))
		report_note(report, "reset", "%s can be reset by itself|methods: %s|", name,
			    device->reset_method);
	else if (offered & RESET_PM)
		report_warning(
			report, "reset-pm",
			"%s is reset through a power state only|methods: %s; many devices keep "
			"a part of their state|trust the next owner as much as the last one",
			name, device->reset_method);
	else
		report_warning(report, "reset-bus",
			       "%s is reset only with all devices behind its bridge|methods: %s|"
			       "give all of them to one domain",
			       name, device->reset_method);
}

/* ---- interrupts ---- */

unsigned int check_msi_vectors(const struct device *device)
{
	unsigned int at = device_capability(device, CAP_MSI);

	return at ? 1u << (config_read(device, at + 2, 2) >> 1 & 7) : 0;
}

unsigned int check_msix_vectors(const struct device *device)
{
	unsigned int at = device_capability(device, CAP_MSIX);

	return at ? (config_read(device, at + 2, 2) & 0x7ff) + 1 : 0;
}

/* The table must be inside a memory BAR, else nobody can use it. */
static void check_msix_table(const struct device *device, struct report *report)
{
	unsigned int at = device_capability(device, CAP_MSIX);
	uint32_t table = config_read(device, at + 4, 4);
	const struct region *region;
	uint64_t end = (table & ~7u) + 16ULL * check_msix_vectors(device);

	if ((table & 7) < 6) {
		region = &device->region[table & 7];
		if (region->kind == REGION_MEMORY && end <= region_size(region))
			return;
	}
	report_warning(report, "msix-table",
		       "%s: MSI-X cannot be used|its table (BAR %u, bytes %#x to %#" PRIx64
		       ") is not inside a memory BAR|",
		       BDF_STR(device->bdf), table & 7, table & ~7u, end - 1);
}

void check_interrupts(const struct facts *facts, struct report *report)
{
	const struct device *device = facts->device;
	unsigned int msi = check_msi_vectors(device), msix = check_msix_vectors(device);
	const char *name = BDF_STR(device->bdf);

	if (msix)
		check_msix_table(device, report);
	if (device->line_hidden)
		report_note(
			report, "line-hidden",
			"%s has its interrupt line hidden|a driver uses MSI, whose number sysfs "
			"shows in its place|look again when pciback has it",
			name);
	if (!device->gsi && !msi && !msix) {
		report_note(report, "no-interrupt",
			    "%s does not interrupt|it has no line, no MSI and no MSI-X|", name);
		return;
	}
	if (!facts->xen)
		return;
	if (facts->iommu) {
		if (msi || msix)
			report_note(report, "msi",
				    "%s can use message signalled interrupts|MSI: %u, MSI-X: %u "
				    "vectors|",
				    name, msi, msix);
		else
			report_note(report, "line-only",
				    "%s interrupts by its line only|it has no MSI and no MSI-X|",
				    name);
		return;
	}
	if (!device->gsi && !device->line_hidden)
		report_error(
			report, EXIT_REFUSED, "no-line",
			"%s cannot interrupt in a guest on this host|it has only MSI, which Xen "
			"maps for a guest only if an IOMMU has the device|boot with an IOMMU",
			name);
	else if (device->gsi && (msi || msix))
		report_warning(
			report, "no-msi",
			"%s gets no MSI in a guest on this host|Xen maps it only if an IOMMU has "
			"the device: line %" PRIu32 " is used|boot with an IOMMU",
			name, device->gsi);
}
