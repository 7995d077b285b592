/* SPDX-License-Identifier: MIT */
/*
 * The kernel module that holds devices for guests, by its attributes in sysfs.
 */
#ifndef XENPCI_PCIBACK_H
#define XENPCI_PCIBACK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/bdf.h"
#include "seam/files.h"

#define PCI_DRIVERS "sys/bus/pci/drivers"
#define PCIBACK_FOLDER PCI_DRIVERS "/pciback"

/* Write the address into an attribute: new_slot, remove_slot, bind, unbind, permissive. */
int pciback_write(struct files *files, const char *attribute, struct bdf bdf);

/* Is the address in `slots`, which pciback may be bound to? -errno if that cannot be read. */
int pciback_has_slot(struct files *files, struct bdf bdf);

/*
 * Does pciback still serve the domain? It goes on doing so after the domain's nodes have gone,
 * until the kernel has come to that.
 */
bool pciback_serves(struct files *files, uint32_t domain);

#endif
