/* SPDX-License-Identifier: MIT */
/* The NVMe disks with serials src and dst, which scenarios copy from and to. */
#ifndef XENDMA_GUEST_DISKS_H
#define XENDMA_GUEST_DISKS_H

#include "nvme.h"

struct disks {
	struct nvme *src, *dst; /* in: */
	struct nvme nvme[2];
	unsigned int nr; /* open */
};

/* Open both. False after a check that failed; close then too. */
bool disks_open(struct disks *disks);
void disks_close(struct disks *disks);

/* Are they of one size, in whole blocks of both, and take requests of @chunk bytes? False after a
 * check that failed. */
bool disks_match(const struct disks *disks, size_t chunk);

#endif
