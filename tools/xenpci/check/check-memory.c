/* SPDX-License-Identifier: MIT */
/*
 * Checks of addresses: the device's regions against the machine's memory map, reserved regions and
 * the guest's memory. All ranges are 64 bits wide with both ends included.
 */
#include <errno.h>
#include <inttypes.h>
#include "check.h"

#define PAGE_BITS 12
#define POOL_BYTES (64ULL << 20) /* what Linux takes for its bounce buffers */

static bool overlap(uint64_t a, uint64_t a_last, uint64_t b, uint64_t b_last)
{
	return a <= b_last && b <= a_last;
}

/* ---- the machine ---- */

static void region_and_map(const struct facts *facts, unsigned int number, struct report *report)
{
	const struct region *region = &facts->device->region[number];
	const char *name = region_name(number, (char[8]){0});
	size_t i;

	for (i = 0; i < facts->maps; i++) {
		const struct hv_range *range = &facts->map[i];

		if (!overlap(region->first, region->last, range->first, range->last))
			continue;
		if (range->type == HV_RAM)
			report_error(report, EXIT_REFUSED, "bar-over-host-ram",
				     "%s: %s lies over RAM of the host|%#" PRIx64 " to %#" PRIx64
				     ", RAM %#" PRIx64 " to %#" PRIx64
				     "|look for a firmware update, or boot dom0 with pci=realloc",
				     BDF_STR(facts->device->bdf), name, region->first, region->last,
				     range->first, range->last);
		else
			report_warning(
				report, "bar-in-e820",
				"%s: %s lies in a range that the firmware keeps|%#" PRIx64
				" to %#" PRIx64 ", E820 type %" PRIu32 " %#" PRIx64 " to %#" PRIx64
				": a guest that is shown this map may not use the BAR|start the "
				"guest with e820_host=0",
				BDF_STR(facts->device->bdf), name, region->first, region->last,
				range->type, range->first, range->last);
		return; /* one is enough */
	}
}

void check_regions(const struct facts *facts, struct report *report)
{
	const struct device *device = facts->device;
	unsigned int i, there = 0;

	for (i = 0; i < DEVICE_REGIONS; i++) {
		there += device->region[i].kind != REGION_NONE;
		if (device->region[i].kind == REGION_MEMORY)
			region_and_map(facts, i, report);
	}
	if (!there)
		report_warning(
			report, "no-regions",
			"%s has no usable BAR|sysfs lists none with an address|look for BAR in "
			"dom0's kernel log",
			BDF_STR(device->bdf));
}

/* Does another device name the same region? Then giving one away gives a part of the other. */
static const struct facts_reserved *shared_with(const struct facts *facts,
						const struct facts_reserved *mine)
{
	size_t i;

	for (i = 0; i < facts->reserveds; i++) {
		const struct facts_reserved *other = &facts->reserved[i];

		if (!bdf_equal(other->bdf, mine->bdf) &&
		    overlap(other->range.first, other->range.last, mine->range.first,
			    mine->range.last))
			return other;
	}
	return NULL;
}

void check_reserved(const struct facts *facts, struct report *report)
{
	size_t i;

	for (i = 0; i < facts->reserveds; i++) {
		const struct facts_reserved *mine = &facts->reserved[i], *other;

		if (!bdf_equal(mine->bdf, facts->device->bdf))
			continue;
		other = shared_with(facts, mine);
		if (other)
			report_error(report, EXIT_REFUSED, "rmrr-shared",
				     "%s shares reserved memory with %s|%#" PRIx64 " to %#" PRIx64
				     ": Xen does not give away one of them|switch the feature that "
				     "needs it off in the firmware (legacy USB, remote management)",
				     BDF_STR(mine->bdf), BDF_STR(other->bdf), mine->range.first,
				     mine->range.last);
		else
			report_warning(
				report, "rmrr",
				"%s has reserved memory that goes with it|%#" PRIx64 " to %#" PRIx64
				": the host's firmware may use it at any time|switch the feature "
				"that needs it off in the firmware (legacy USB, remote management)",
				BDF_STR(mine->bdf), mine->range.first, mine->range.last);
	}
}

void check_low_memory(const struct facts *facts, struct report *report)
{
	if (facts->low_known && facts->low_free < POOL_BYTES)
		report_warning(
			report, "low-memory",
			"a guest may find no memory for its DMA pools|Xen has %" PRIu64
			" KiB free below 4 GiB, Linux asks for %llu|give dom0 less (dom0_mem=, "
			"xl mem-set 0), or the guest a smaller pool (swiotlb=)",
			facts->low_free >> 10, POOL_BYTES >> 10);
}

/* ---- the domain ---- */

void check_assign(const struct facts *facts, struct report *report)
{
	const char *name = BDF_STR(facts->device->bdf);

	if (!facts->has_domain || !facts->pv || !facts->iommu)
		return;
	if (facts->can_assign == -EOPNOTSUPP)
		report_error(report, EXIT_REFUSED, "no-passthrough",
			     "domain %" PRIu32 " was created without passthrough|Xen made no IOMMU "
			     "context for it, and cannot later|start it again with "
			     "passthrough=\"enabled\" "
			     "(or with a device in pci=) in its configuration",
			     facts->domain);
	else if (facts->can_assign == -EINVAL && !facts->attached)
		report_error(
			report, EXIT_BUSY, "not-free",
			"Xen does not give %s away|a domain has it, or Xen was never told of it|"
			"xenpci status",
			name);
}

static void watch_and_p2m(const struct facts *facts, const struct facts_watch *watch,
			  struct report *report)
{
	const uint64_t *pages = watch->pages.pages;
	uint64_t taken = pages[SPACE_RAM] + pages[SPACE_FOREIGN] + pages[SPACE_WRONG];
	const char *name = region_name(watch->region, (char[8]){0}), *bdf = BDF_STR(watch->bdf);
	uint64_t first = watch->pages.first << PAGE_BITS;
	uint64_t last = (watch->pages.last << PAGE_BITS) + ((1 << PAGE_BITS) - 1);

	if (taken && watch->region < DEVICE_REGIONS)
		report_error(report, EXIT_REFUSED, "bar-over-ram",
			     "%s: %s lies where domain %" PRIu32 " has memory|%#" PRIx64
			     " to %#" PRIx64 ": %" PRIu64
			     " pages are taken|start it again with e820_host=1 in its "
			     "configuration",
			     bdf, name, facts->domain, first, last, taken);
	else if (taken)
		report_warning(
			report, "window-over-ram",
			"the %s of bridge %s covers memory of domain %" PRIu32 "|%#" PRIx64
			" to %#" PRIx64 ": %" PRIu64
			" pages are taken; BARs of devices that come later may lie there|start the "
			"domain again with e820_host=1 in its configuration",
			name, bdf, facts->domain, first, last, taken);
	else if (watch->region < DEVICE_REGIONS && watch->pages.first < facts->p2m_entries &&
		 pages[SPACE_NOTHING])
		report_warning(
			report, "bar-not-identity",
			"%s: %s is not identity in domain %" PRIu32 "|%#" PRIx64 " to %#" PRIx64
			" is inside its P2M, which has nothing there: a guest that marks BARs only "
			"at boot cannot reach it|start it again with e820_host=1 in its "
			"configuration",
			bdf, name, facts->domain, first, last);
}

void check_guest(const struct facts *facts, struct report *report)
{
	size_t i;

	if (!facts->p2m_known)
		return;
	for (i = 0; i < facts->watches; i++)
		watch_and_p2m(facts, &facts->watch[i], report);
}

void check_all(const struct facts *facts, struct report *report)
{
	check_assign(facts, report);
	check_guest(facts, report);
	check_reset(facts, report);
	check_interrupts(facts, report);
	check_regions(facts, report);
	check_reserved(facts, report);
	check_low_memory(facts, report);
}
