/* SPDX-License-Identifier: MIT */
/*
 * Describes; judging is the checks'. One line a matter, in the order in which an attach meets them.
 */
#include "explain.h"

#include <inttypes.h>
#include <string.h>
#include "check.h"
#include "map/map.h"
#include "host/names.h"

static const char *const reset_name[] = {"FLR", "power state", "bus", "slot", "its own way"};

#define RESETS (sizeof(reset_name) / sizeof(reset_name[0]))

/* ", "-separated, "none" for none. */
static void print_resets(unsigned int methods, FILE *out)
{
	const char *separator = "";
	unsigned int i;

	for (i = 0; i < RESETS; i++)
		if (methods & 1u << i) {
			fprintf(out, "%s%s", separator, reset_name[i]);
			separator = ", ";
		}
	if (!methods)
		fputs("none", out);
}

static void print_regions(const struct device *device, FILE *out)
{
	char size[MAP_SIZE], name[8];
	unsigned int i;

	for (i = 0; i < DEVICE_REGIONS; i++) {
		const struct region *region = &device->region[i];

		if (region->kind == REGION_NONE)
			continue;
		fprintf(out, "  %-11s %s %#" PRIx64 " to %#" PRIx64, region_name(i, name),
			region->kind == REGION_IO ? "ports" : "memory", region->first,
			region->last);
		if (region->kind == REGION_MEMORY)
			fprintf(out, ", %s%s%s", map_size(region_size(region), size),
				region->wide ? ", 64 bits" : "",
				region->prefetchable ? ", prefetchable" : "");
		fputc('\n', out);
	}
}

static bool shares_line(const struct facts *facts, const struct device *other)
{
	return facts->device->gsi && other->gsi == facts->device->gsi &&
	       !bdf_equal(other->bdf, facts->device->bdf);
}

static void print_interrupts(const struct facts *facts, FILE *out)
{
	const struct device *device = facts->device;
	unsigned int msi = check_msi_vectors(device), msix = check_msix_vectors(device);
	size_t i;

	fprintf(out, "  interrupts  ");
	if (device->gsi)
		fprintf(out, "line %" PRIu32, device->gsi);
	else
		fputs("no line", out);
	if (device->pin)
		fprintf(out, " (INT%c)", 'A' + (char)device->pin - 1);
	for (i = 0; i < facts->devices->count; i++)
		if (shares_line(facts, &facts->devices->device[i]))
			fprintf(out, ", shared with %s (%s)",
				BDF_STR(facts->devices->device[i].bdf),
				*facts->devices->device[i].driver ? facts->devices->device[i].driver
								  : "no driver");
	if (msi)
		fprintf(out, "; MSI, %u vector%s", msi, msi > 1 ? "s" : "");
	if (msix)
		fprintf(out, "; MSI-X, %u vector%s", msix, msix > 1 ? "s" : "");
	fputc('\n', out);
}

static void print_reserved(const struct facts *facts, FILE *out)
{
	size_t i;

	for (i = 0; i < facts->reserveds; i++)
		if (bdf_equal(facts->reserved[i].bdf, facts->device->bdf))
			fprintf(out, "  reserved    %#" PRIx64 " to %#" PRIx64 "\n",
				facts->reserved[i].range.first, facts->reserved[i].range.last);
}

void explain_print(const struct facts *facts, FILE *out)
{
	const struct device *device = facts->device;
	char text[128];

	fprintf(out, "%s %s\n", BDF_STR(device->bdf), names_device(device, text, sizeof(text)));
	fprintf(out, "  kind        %s\n", names_class(device, text, sizeof(text)));
	fprintf(out, "  driver      %s\n", *device->driver ? device->driver : "none");
	fprintf(out, "  place       %s%s%s\n", device->has_bridge ? "behind " : "on a root bus",
		device->has_bridge ? BDF_STR(device->bridge) : "",
		device->is_virtual ? ", a virtual function" : "");
	print_regions(device, out);
	print_interrupts(facts, out);
	fputs("  reset       dom0 offers ", out);
	print_resets(check_reset_offered(device), out);
	fputs("; the device declares ", out);
	print_resets(check_reset_declared(device), out);
	fprintf(out, "\n  IOMMU       %s\n",
		facts->iommu ? "on: the device reaches only its domain's memory"
			     : "none: the device reaches all memory of this host");
	print_reserved(facts, out);
}

/* ---- JSON ---- */

static json_t *hex(uint64_t value)
{
	return json_sprintf("%#" PRIx64, value);
}

static json_t *resets_json(unsigned int methods)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < RESETS; i++)
		if (methods & 1u << i)
			json_array_append_new(array, json_string(reset_name[i]));
	return array;
}

static json_t *regions_json(const struct device *device)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < DEVICE_REGIONS; i++) {
		const struct region *region = &device->region[i];

		if (region->kind != REGION_NONE)
			json_array_append_new(array,
					      json_pack("{s:i, s:s, s:o, s:o, s:b, s:b}", "region",
							(int)i, "kind",
							region->kind == REGION_IO ? "io" : "memory",
							"first", hex(region->first), "last",
							hex(region->last), "wide", region->wide,
							"prefetchable", region->prefetchable));
	}
	return array;
}

static json_t *interrupts_json(const struct facts *facts)
{
	json_t *shared = json_array();
	size_t i;

	for (i = 0; i < facts->devices->count; i++)
		if (shares_line(facts, &facts->devices->device[i]))
			json_array_append_new(shared,
					      json_string(BDF_STR(facts->devices->device[i].bdf)));
	return json_pack("{s:I, s:i, s:i, s:i, s:o}", "line", (json_int_t)facts->device->gsi, "pin",
			 (int)facts->device->pin, "msi", (int)check_msi_vectors(facts->device),
			 "msix", (int)check_msix_vectors(facts->device), "shared", shared);
}

static json_t *reserved_json(const struct facts *facts)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < facts->reserveds; i++)
		if (bdf_equal(facts->reserved[i].bdf, facts->device->bdf))
			json_array_append_new(array,
					      json_pack("{s:o, s:o}", "first",
							hex(facts->reserved[i].range.first), "last",
							hex(facts->reserved[i].range.last)));
	return array;
}

json_t *explain_json(const struct facts *facts)
{
	const struct device *device = facts->device;
	char name[128], class[64];

	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:{s:o, s:o}, s:b, s:o}", "address",
			 BDF_STR(device->bdf), "name", names_device(device, name, sizeof(name)),
			 "kind", names_class(device, class, sizeof(class)), "driver",
			 device->driver, "regions", regions_json(device), "interrupts",
			 interrupts_json(facts), "reset", "offered",
			 resets_json(check_reset_offered(device)), "declared",
			 resets_json(check_reset_declared(device)), "iommu", facts->iommu,
			 "reserved", reserved_json(facts));
}
