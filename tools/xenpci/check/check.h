/* SPDX-License-Identifier: MIT */
/*
 * What may come in the way of giving a device to a domain, or of its working there, found before
 * anything is touched. Each function looks at one matter and adds findings; all are pure.
 *
 * What forbids an attach outright is judged where it is planned (plan-attach.c), so that both
 * agree; here is what goes beyond.
 */
#ifndef XENPCI_CHECK_H
#define XENPCI_CHECK_H

#include "facts.h"
#include "base/finding.h"

/* Ways to reset a device, as a set. */
#define RESET_FLR (1u << 0)  /* function level: PCI Express or Advanced Features capability */
#define RESET_PM (1u << 1)   /* through power state D3hot */
#define RESET_BUS (1u << 2)  /* with all that is behind the same bridge */
#define RESET_SLOT (1u << 3) /* of a hot-plug slot */
#define RESET_OWN (1u << 4)  /* device specific, or by ACPI */

/* Those that Linux offers, from reset_method; and those that the device declares itself. */
unsigned int check_reset_offered(const struct device *device);
unsigned int check_reset_declared(const struct device *device);

/* How many vectors: 0 without the capability. */
unsigned int check_msi_vectors(const struct device *device);
unsigned int check_msix_vectors(const struct device *device);

void check_reset(const struct facts *facts, struct report *report);
void check_interrupts(const struct facts *facts, struct report *report);
void check_regions(const struct facts *facts, struct report *report);  /* BARs, host's memory map */
void check_reserved(const struct facts *facts, struct report *report); /* RMRR */
void check_assign(const struct facts *facts, struct report *report);   /* the domain's IOMMU */
void check_guest(const struct facts *facts, struct report *report);    /* BARs, guest's memory */
void check_low_memory(const struct facts *facts, struct report *report);

/* All of them. */
void check_all(const struct facts *facts, struct report *report);

#endif
