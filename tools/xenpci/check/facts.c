/* SPDX-License-Identifier: MIT */
/*
 * The pure part of gathering: which ranges of the domain's address space matter for a device.
 */
#include "facts.h"

#include <stdlib.h>

#define PAGE_BITS 12
#define ADDRESS_END (1ULL << 52)

static void add(struct facts *facts, struct bdf bdf, const struct region *region,
		unsigned int number)
{
	struct facts_watch *watch;

	if (region->kind != REGION_MEMORY || region->last >= ADDRESS_END ||
	    facts->watches == FACTS_WATCHES)
		return;
	watch = &facts->watch[facts->watches++];
	*watch = (struct facts_watch){.bdf = bdf, .region = number};
	watch->pages.first = region->first >> PAGE_BITS;
	watch->pages.last = region->last >> PAGE_BITS;
}

static int by_first(const void *a, const void *b)
{
	const struct facts_watch *one = a, *other = b;

	return (one->pages.first > other->pages.first) - (one->pages.first < other->pages.first);
}

void facts_make_watches(struct facts *facts)
{
	const struct device *at = facts->device;
	unsigned int i, bridges;

	facts->watches = 0;
	for (i = 0; i < DEVICE_REGIONS; i++)
		add(facts, at->bdf, &at->region[i], i);
	for (bridges = 0; at && at->has_bridge && bridges < FACTS_BRIDGES; bridges++) {
		at = devices_find(facts->devices, at->bridge);
		for (i = 1; at && i < DEVICE_WINDOWS; i++)
			add(facts, at->bdf, &at->window[i], DEVICE_REGIONS + i);
	}
	qsort(facts->watch, facts->watches, sizeof(facts->watch[0]), by_first);
}
