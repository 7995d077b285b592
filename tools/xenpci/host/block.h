/* SPDX-License-Identifier: MIT */
/*
 * Which PCI devices a block device lies on. Its own path in sysfs has the address of each device
 * that leads to it. What lies on others (device mapper, RAID, caches) is followed to them by
 * `slaves`; a partition of such a one by its disk; an NVMe disk with several paths by the
 * controllers of its subsystem, whose address its own path does not have.
 */
#ifndef XENPCI_BLOCK_H
#define XENPCI_BLOCK_H

#include <stdbool.h>
#include "base/bdf.h"
#include "seam/files.h"

/* folder: a link to the device's, such as sys/dev/block/8:1. False for one that is not there. */
bool block_is_on(struct files *files, const char *folder, struct bdf bdf);

/* Does it, or what it lies on, come over a network (iSCSI, NVMe over fabrics, nbd, rbd)? */
bool block_is_remote(struct files *files, const char *folder);

/* Does sysfs tell what it lies on? Not so for loop devices and memory. */
bool block_is_placed(struct files *files, const char *folder);

/*
 * The link in sysfs of what is called "/dev/sda1", "/dev/cciss/c0d0", "/dev/mapper/root"; a new
 * string, NULL if there is none of that name.
 */
char *block_find(struct files *files, const char *name);

/* Is there a block device that lies on this PCI device? */
bool block_any(struct files *files, struct bdf bdf);

/*
 * The name of one on it that udev says is a member of this type with this label: a ZFS pool is
 * known no other way. False also if udev says nothing.
 */
bool block_member(struct files *files, struct bdf bdf, const char *type, const char *label,
		  char *name, size_t size);

#endif
