/* SPDX-License-Identifier: MIT */
/*
 * What dom0 itself uses a device for: file systems that are mounted from it and swap on it, however
 * they are stacked, and network interfaces that are up. Taking such a device away is how a host
 * loses its root disk.
 *
 * Not everything can be known: a ZFS pool does not tell its disks, and a root file system on a
 * server may come by any card. Where the root file system may be lost that is said, and is no
 * "not used".
 */
#ifndef XENPCI_USE_H
#define XENPCI_USE_H

#include "base/bdf.h"
#include "seam/files.h"

/* From harmless to certain. */
enum use {
	USE_NONE,
	USE_PERHAPS,	  /* a file system other than / that does not tell its disks may be on it */
	USE_NETWORK,	  /* an interface is up */
	USE_ROOT_PERHAPS, /* / may need it, and nothing tells whether it does */
	USE_DISK,	  /* mounted, or swap */
};

#define USE_TEXT 256

/*
 * What the device, or one behind it, is used for; what[] is then "/ is mounted from block device
 * 259:1" and the like.
 */
enum use use_find(struct files *files, struct bdf bdf, char what[USE_TEXT]);

#endif
