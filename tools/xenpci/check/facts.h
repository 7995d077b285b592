/* SPDX-License-Identifier: MIT */
/*
 * What `check` and `explain` judge a device by, gathered once; checks are pure functions of it.
 * Something that could not be asked for is marked as unknown, and no check speaks of it: a kernel
 * or a Xen that does not tell something is no reason to refuse a device.
 */
#ifndef XENPCI_FACTS_H
#define XENPCI_FACTS_H

#include "host/device.h"
#include "seam/hv-query.h"
#include "map/space.h"

#define FACTS_MAP 256
#define FACTS_RESERVED 64
#define FACTS_WATCHES (DEVICE_REGIONS + 3 * FACTS_BRIDGES)
#define FACTS_BRIDGES 8 /* above a device, one above the other */

struct facts_reserved {
	struct bdf bdf;
	struct hv_range range;
};

/* A memory region of the device, or a window of a bridge above it, and the domain's PFNs there. */
struct facts_watch {
	struct bdf bdf;
	unsigned int region; /* as in struct device; windows: DEVICE_REGIONS + number */
	struct space_watch pages;
};

struct facts {
	const struct device *device;
	const struct devices *devices;

	bool xen; /* the hypervisor answers; without it nothing below is known */
	bool iommu;
	struct hv_range map[FACTS_MAP]; /* the machine's memory map */
	size_t maps;
	struct facts_reserved reserved[FACTS_RESERVED]; /* of all devices */
	size_t reserveds;
	bool low_known;
	uint64_t low_free; /* bytes that Xen has free below 4 GiB */

	bool has_domain; /* one was named; what follows is about it */
	uint32_t domain;
	bool pv;	/* it exists and is PV */
	bool attached;	/* it has the device */
	int can_assign; /* hv_can_assign(); 0 if not asked */
	bool p2m_known;
	uint64_t p2m_entries;
	struct facts_watch watch[FACTS_WATCHES];
	size_t watches;
};

/* All memory ranges to ask the domain's P2M about: fills watch[] but for its numbers of pages. */
void facts_make_watches(struct facts *facts);

#endif
