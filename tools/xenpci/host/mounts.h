/* SPDX-License-Identifier: MIT */
/*
 * What is mounted, by the text of /proc/PID/mountinfo. Its words come from whoever mounted; spaces
 * and the like in them are escaped by the kernel ("\040").
 */
#ifndef XENPCI_MOUNTS_H
#define XENPCI_MOUNTS_H

#include <stdbool.h>

struct mount {
	unsigned int major, minor; /* major 0: no block device has these numbers */
	char place[64];
	char type[32];
	char source[128]; /* a device, a pool, a server, or any word */
};

/*
 * The next line: 1, or 0 at the end. Lines that make no sense are passed over, words that are too
 * long are cut.
 */
int mount_next(const char **text, struct mount *mount);

/* Is it a server's, by the type? */
bool mount_is_remote(const struct mount *mount);

/* Is it surely on no disk of this host: in memory, or what a hypervisor below shares? */
bool mount_is_diskless(const struct mount *mount);

#endif
