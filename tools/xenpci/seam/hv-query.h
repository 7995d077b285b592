/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor knows about the machine and its devices: the part of the seam that only asks.
 * Implemented on libxenctrl by hv-query.c and by the tests' fake; conventions as in hv.h.
 */
#ifndef XENPCI_HV_QUERY_H
#define XENPCI_HV_QUERY_H

#include "hv.h"

/* Byte addresses, both ends included. */
struct hv_range {
	uint64_t first, last;
	uint32_t type; /* of the memory map: HV_RAM and so on */
};

/* Types of E820 entries, as ACPI numbers them. */
#define HV_RAM 1
#define HV_RESERVED 2

/* The machine's memory map as its firmware told it. The number of ranges, at most max. */
ssize_t hv_memory_map(struct hv *hv, struct hv_range *range, size_t max);

/*
 * Memory that the device's firmware may use at any time (RMRR of VT-d, unity maps of AMD-Vi), which
 * goes with it. The number of ranges, at most max. -EOPNOTSUPP or -ENOSYS: Xen does not tell.
 */
ssize_t hv_reserved(struct hv *hv, uint32_t sbdf, struct hv_range *range, size_t max);

/* Free memory that addresses of so many bits reach, bytes. */
int hv_free_below(struct hv *hv, unsigned int bits, uint64_t *bytes);

/*
 * May the device be put into the domain's IOMMU context? 0: yes. -EOPNOTSUPP: the domain has none,
 * nobody has one, or the host has none. -EINVAL: Xen knows no such device, or a domain has it.
 */
int hv_can_assign(struct hv *hv, uint32_t domain, uint32_t sbdf);

#endif
