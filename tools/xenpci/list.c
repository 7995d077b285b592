/* SPDX-License-Identifier: MIT */
/*
 * xenpci list: what there is. Changes nothing, and works without Xen too: then nothing is known of
 * owners and the IOMMU.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include "host/device.h"
#include "seam/context.h"
#include "host/names.h"
#include "host/owner.h"

struct listing {
	struct devices devices;
	bool xen;
	struct hv_host host;
	struct store *store; /* NULL without Xen */
};

/* Whose it is, by libxl's note: false if nobody's. */
static bool owner_of(const struct listing *listing, struct bdf bdf, uint32_t *domain)
{
	return listing->store && owner_read(listing->store, 0, bdf, domain) == NOTED_DOMAIN;
}

static bool assignable(const struct listing *listing, const struct device *device)
{
	uint32_t domain;

	return device_is_pciback(device) && !owner_of(listing, device->bdf, &domain);
}

static json_t *hex(uint64_t value)
{
	return json_sprintf("%#" PRIx64, value);
}

static json_t *regions_json(const struct device *device)
{
	json_t *array = json_array();
	const struct region *region;
	unsigned int i;

	for (i = 0; i < DEVICE_REGIONS; i++) {
		region = &device->region[i];
		if (region->kind == REGION_NONE)
			continue;
		json_array_append_new(
			array,
			json_pack("{s:s*, s:s, s:o, s:o, s:b, s:b}", "bar",
				  i == DEVICE_ROM ? "rom" : (char[]){'0' + (char)i, 0}, "kind",
				  region->kind == REGION_IO ? "io" : "memory", "first",
				  hex(region->first), "last", hex(region->last), "prefetchable",
				  region->prefetchable, "wide", region->wide));
	}
	return array;
}

static json_t *device_json(const struct listing *listing, const struct device *device)
{
	char name[128], class[64];
	json_t *json;
	uint32_t domain;

	json = json_pack("{s:s, s:o, s:o, s:o, s:s, s:s, s:s*, s:o, s:b, s:b, s:s}", "address",
			 BDF_STR(device->bdf), "vendor", hex(device->vendor), "device",
			 hex(device->device), "class", hex(device->class), "name",
			 names_device(device, name, sizeof(name)), "kind",
			 names_class(device, class, sizeof(class)), "driver",
			 *device->driver ? device->driver : NULL, "regions", regions_json(device),
			 "bridge", device->is_bridge, "assignable", assignable(listing, device),
			 "reset", device->reset_method);
	if (device->has_bridge)
		json_object_set_new(json, "behind", json_string(BDF_STR(device->bridge)));
	if (device->gsi)
		json_object_set_new(json, "gsi", json_integer(device->gsi));
	if (listing->xen)
		json_object_set_new(json, "iommu", json_boolean(listing->host.iommu));
	if (owner_of(listing, device->bdf, &domain))
		json_object_set_new(json, "owner", json_integer(domain));
	return json;
}

static json_t *listing_json(const struct listing *listing)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < listing->devices.count; i++)
		json_array_append_new(array, device_json(listing, &listing->devices.device[i]));
	return array;
}

static void print_region(FILE *out, const struct region *region, unsigned int number)
{
	if (region->kind == REGION_NONE)
		return;
	fprintf(out, "    %s", number == DEVICE_ROM ? "ROM " : "BAR");
	if (number != DEVICE_ROM)
		fprintf(out, "%u", number);
	fprintf(out, " %s %#" PRIx64 " to %#" PRIx64 "%s%s\n",
		region->kind == REGION_IO ? "ports " : "memory", region->first, region->last,
		region->wide ? ", 64 bits" : "", region->prefetchable ? ", prefetchable" : "");
}

static void print_device(FILE *out, const struct listing *listing, const struct device *device)
{
	char name[100];
	uint32_t domain;
	unsigned int i;

	fprintf(out, "%s %s\n", BDF_STR(device->bdf), names_device(device, name, sizeof(name)));
	fprintf(out, "    %s, driver %s", names_class(device, name, sizeof(name)),
		*device->driver ? device->driver : "none");
	if (device->has_bridge)
		fprintf(out, ", behind %s", BDF_STR(device->bridge));
	if (owner_of(listing, device->bdf, &domain))
		fprintf(out, ", given to domain %" PRIu32, domain);
	else if (assignable(listing, device))
		fprintf(out, ", assignable");
	fputc('\n', out);
	for (i = 0; i < DEVICE_REGIONS; i++)
		print_region(out, &device->region[i], i);
}

static void print_listing(FILE *out, const struct listing *listing)
{
	size_t i;

	if (!listing->xen)
		fprintf(out, "IOMMU: not known, this is no dom0\n");
	else
		fprintf(out, "IOMMU: %s\n",
			listing->host.iommu ? "yes" : "none, devices reach all of memory");
	for (i = 0; i < listing->devices.count; i++)
		print_device(out, listing, &listing->devices.device[i]);
}

/* Without Xen there still are devices to list: what fails here is no finding. */
static void look_at_xen(struct context *context, struct listing *listing)
{
	if (!context->hv)
		context->hv = hv_open();
	if (!context->store)
		context->store = store_open();
	listing->store = context->store;
	listing->xen = context->hv && !hv_host(context->hv, &listing->host);
}

enum exit_status run_list(struct context *context, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
	struct listing listing = {0};
	struct files *files;
	enum exit_status status;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'j')
			return context_usage(context, "list", "wrong option");
		context->json = true;
	}
	if (optind != argc)
		return context_usage(context, "list", "no argument is wanted");
	files = context_files(context);
	if (!files)
		return EXIT_HOST;
	status = devices_read(files, &listing.devices, &context->report);
	if (status)
		return status;
	look_at_xen(context, &listing);
	if (context->json)
		context_json(context, listing_json(&listing));
	else
		print_listing(context->out, &listing);
	devices_free(&listing.devices);
	return EXIT_DONE;
}
