/* SPDX-License-Identifier: MIT */
/*
 * PCI as this domain sees it. The control domain has the machine's: one host, segment 0, its root
 * bus 0, found over MMCFG where the firmware tells of it and over ports 0xcf8/0xcfc otherwise. Any
 * other domain has what its frontend brings (front.h): a host a segment.
 */
#ifndef XENDMA_GUEST_HOST_H
#define XENDMA_GUEST_HOST_H

#include <xen/pci.h>

/* The hosts; NULL behind the last. */
struct xen_pci_host *guest_host(unsigned int i);

/* The function behind @from in all hosts (NULL: the first); NULL: there is none. */
struct xen_pci_dev *guest_next_device(const struct xen_pci_dev *from);
/* The next one with these IDs. */
struct xen_pci_dev *guest_find_device(struct xen_pci_dev *from, uint16_t vendor, uint16_t device);

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

/* Find what there is. False after a line that says why. */
bool guest_host_start(void);
/* As domU: give the devices back, orderly. */
void guest_host_stop(void);

/* What kind of device: "edu", "nvme", ...; "device" when not known. */
const char *guest_device_name(const struct xen_pci_dev *dev);

/* "0000:00:04.0" */
#define GUEST_ADDR_MAX 16
const char *guest_addr_text(struct xen_pci_addr addr, char text[GUEST_ADDR_MAX]);

#endif
