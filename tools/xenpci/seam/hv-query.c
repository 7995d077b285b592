/* SPDX-License-Identifier: MIT */
/*
 * Questions to the hypervisor by way of libxenctrl. Answers are copied into the caller's arrays and
 * cut to their size; a range whose end would overflow is left out.
 */
#include "hv-query.h"

#include <errno.h>
#include <stdlib.h>
#include "hv-private.h"
#include "base/memory.h"

#define MAP_MAX 1024
#define RESERVED_MAX 64
#define PAGE_BITS 12

ssize_t hv_memory_map(struct hv *hv, struct hv_range *range, size_t max)
{
	struct e820entry *entry = memory_grow(NULL, MAP_MAX, sizeof(*entry));
	int count = xc_get_machine_memory_map(hv->xc, entry, MAP_MAX), i;
	ssize_t nr = 0;

	if (count < 0)
		nr = hv_result(count);
	for (i = 0; i < count && (size_t)nr < max; i++) {
		if (!entry[i].size || entry[i].addr + entry[i].size - 1 < entry[i].addr)
			continue;
		range[nr++] = (struct hv_range){entry[i].addr, entry[i].addr + entry[i].size - 1,
						entry[i].type};
	}
	free(entry);
	return nr;
}

ssize_t hv_reserved(struct hv *hv, uint32_t sbdf, struct hv_range *range, size_t max)
{
	struct xen_reserved_device_memory entry[RESERVED_MAX];
	uint32_t count = RESERVED_MAX, i;
	int err = hv_result(xc_reserved_device_memory_map(hv->xc, 0, (uint16_t)(sbdf >> 16),
							  (uint8_t)(sbdf >> 8), (uint8_t)sbdf,
							  entry, &count));
	ssize_t nr = 0;

	if (err && err != -ENOBUFS) /* then there are more, and these are good */
		return err;
	for (i = 0; i < count && i < RESERVED_MAX && (size_t)nr < max; i++) {
		uint64_t first = entry[i].start_pfn, end = first + entry[i].nr_pages;

		if (end <= first || end > UINT64_MAX >> PAGE_BITS)
			continue;
		range[nr++] =
			(struct hv_range){first << PAGE_BITS, (end << PAGE_BITS) - 1, HV_RESERVED};
	}
	return nr;
}

int hv_free_below(struct hv *hv, unsigned int bits, uint64_t *bytes)
{
	return hv_result(xc_availheap(hv->xc, 0, (int)bits, -1, bytes));
}

int hv_can_assign(struct hv *hv, uint32_t domain, uint32_t sbdf)
{
	return hv_result(xc_test_assign_device(hv->xc, domain, sbdf));
}
