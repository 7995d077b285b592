/* SPDX-License-Identifier: MIT */
/*
 * What a PFN should be, reckoned from the E820 and the PCI resources alone, without a look at the
 * P2M: the other opinion that the scenarios hold the library's answers against.
 */
#ifndef XENDMA_GUEST_RECKON_H
#define XENDMA_GUEST_RECKON_H

#include <xen/pci.h>
#include <xen/types.h>

enum reckoned {
	RECKON_RAM,	 /* RAM of ours, or spare for the balloon */
	RECKON_IDENTITY, /* under a hole, host-reserved, or a device's */
	RECKON_NOTHING,	 /* INVALID */
};

/* @without (may be NULL) is left out, as if it had been removed. */
enum reckoned reckon(uint64_t pfn, const struct xen_pci_dev *without);

/* Checks that the P2M's answer for @pfn is what is reckoned. True if it checked out. */
bool check_reckoned(uint64_t pfn, const struct xen_pci_dev *without, const char *where);

static inline uint64_t resource_first(const struct xen_pci_resource *res)
{
	return res->start >> XEN_PAGE_SHIFT;
}

static inline uint64_t resource_last(const struct xen_pci_resource *res)
{
	return (res->start + (res->size - 1)) >> XEN_PAGE_SHIFT;
}

#endif
