/* SPDX-License-Identifier: MIT */
/*
 * The machine's PCI as dom0 sees it: one host, segment 0, its root bus 0, found over MMCFG where
 * the firmware tells of it and over ports 0xcf8/0xcfc otherwise.
 */
#ifndef XENDMA_GUEST_HOST_H
#define XENDMA_GUEST_HOST_H

#include <xen/pci.h>

extern struct xen_pci_host guest_host;

/* Config space by ports: segment 0, 256 bytes a function. */
extern const struct xen_pci_config pci_ports_config;

/* One segment's MMCFG window as ACPI gives it. */
struct acpi_mcfg {
	uint64_t base; /* machine address of bus 0's config space */
	uint16_t segment;
	uint8_t first_bus, last_bus;
};

/* Find segment 0 in the MCFG table. -XEN_ENOENT: no ACPI or no such table; -XEN_EINVAL: a table
 * is malformed; or an error of xen_mmio_map(). */
int acpi_find_mcfg(struct acpi_mcfg *mcfg);

/* Choose the accessor and scan. False after a line that says why. */
bool guest_host_scan(void);

/* What kind of device: "edu", "nvme", ...; "device" when not known. */
const char *guest_device_name(const struct xen_pci_dev *dev);

/* "0000:00:04.0" */
#define GUEST_ADDR_MAX 16
const char *guest_addr_text(struct xen_pci_addr addr, char text[GUEST_ADDR_MAX]);

#endif
