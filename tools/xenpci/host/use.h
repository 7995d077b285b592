/* SPDX-License-Identifier: MIT */
/*
 * What dom0 itself uses a device for: file systems that are mounted from it and swap on it, also by
 * way of device mapper and RAID, and network interfaces that are up. Taking such a device away is
 * how a host loses its root disk.
 */
#ifndef XENPCI_USE_H
#define XENPCI_USE_H

#include "base/bdf.h"
#include "seam/files.h"

enum use {
	USE_NONE,
	USE_NETWORK, /* an interface is up */
	USE_DISK,    /* mounted, or swap */
};

#define USE_TEXT 128

/*
 * What the device, or one behind it, is used for; what[] is then "/ is mounted from nvme0n1p1" and
 * the like. What cannot be read is taken as not used.
 */
enum use use_find(struct files *files, struct bdf bdf, char what[USE_TEXT]);

/*
 * The next line of a mountinfo text: 1 with the device's numbers and the place (up to size - 1
 * bytes, as escaped by the kernel), 0 at the end. Lines that make no sense are passed over.
 */
int use_next_mount(const char **text, unsigned int *major, unsigned int *minor, char *place,
		   size_t size);

#endif
