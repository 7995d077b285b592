/* SPDX-License-Identifier: MIT */
/*
 * xenpci map: reads and shows. Changes nothing, neither in the guest nor on the host.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "domain/backend.h"
#include "seam/context.h"
#include "host/device.h"
#include "map.h"
#include "base/memory.h"

#define READS 3 /* of a P2M that moves meanwhile */
#define ROWS 40

struct options {
	bool json, svg, all;
	const char *domain;
};

static enum exit_status parse(struct context *context, int argc, char **argv,
			      struct options *options)
{
	static const struct option names[] = {{"json", no_argument, NULL, 'j'},
					      {"svg", no_argument, NULL, 's'},
					      {"all", no_argument, NULL, 'a'},
					      {0}};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		options->json |= option == 'j';
		options->svg |= option == 's';
		options->all |= option == 'a';
		if (option == '?')
			return context_usage(context, "map", "no such option");
	}
	if (argc - optind != 1)
		return context_usage(context, "map", "one domain is wanted");
	if (options->json && options->svg)
		return context_usage(context, "map", "one format at a time");
	options->domain = argv[optind];
	return EXIT_DONE;
}

/* The name is for people: without one the map is as good. */
static void read_name(struct context *context, struct map *map)
{
	char *path = text_format("/local/domain/%" PRIu32 "/name", map->domain), *name;

	if (!store_read(context->store, 0, path, &name))
		map_set_name(map, name);
	free(name);
	free(path);
}

static enum exit_status read_devices(struct context *context, struct map *map)
{
	struct files *files = context_files(context);
	struct backend *backend = memory_grow(NULL, 1, sizeof(*backend));
	enum exit_status status = EXIT_DONE;
	struct device device;
	size_t i;
	int err;

	err = backend_look(context->store, map->domain, backend, NULL);
	if (err)
		status = report_error(&context->report, EXIT_HOST, "no-backend-nodes",
				      "xenstore does not tell the domain's devices|%s|",
				      strerror(-err));
	for (i = 0; !status && files && i < backend->count; i++) {
		status = device_read(files, backend->function[i].bdf, &device, &context->report);
		if (!status)
			map_add_device(map, &device);
	}
	free(backend);
	return files ? status : EXIT_HOST;
}

static enum exit_status read_p2m(struct context *context, struct map *map, struct guest *guest)
{
	struct p2m_view *view = memory_grow(NULL, 1, sizeof(*view));
	struct space_watch *watches = map_watches(map);
	enum exit_status status = EXIT_DONE;
	unsigned int reads;

	for (reads = 0; reads < READS; reads++) {
		int err;

		status = p2m_open(view, guest, map->domain, &context->report);
		if (status)
			break;
		err = space_read(&map->space, view, watches, map->bars);
		if (err == -EINTR) {
			status = report_error(&context->report, EXIT_INTERRUPTED, "interrupted",
					      "interrupted||");
			break;
		}
		if (err) {
			status = report_error(&context->report, EXIT_HOST, "no-frame-info",
					      "Xen does not tell whose the frames are|%s|",
					      strerror(-err));
			break;
		}
		map->linear = view->linear;
		map->domain_pages = view->info.pages;
		map->faults = view->faults;
		memcpy(map->first_fault, view->first_fault, sizeof(map->first_fault));
		if (p2m_unmoved(view))
			break;
		status = EXIT_UNDONE;
	}
	if (status == EXIT_UNDONE && reads == READS)
		report_error(&context->report, EXIT_UNDONE, "p2m-moving",
			     "the guest moves its P2M about|it did so during each of %d readings"
			     "|xl pause %" PRIu32 "; xenpci map; xl unpause",
			     READS, map->domain);
	map_keep_watches(map, watches);
	free(watches);
	free(view);
	return status;
}

static enum exit_status read_map(struct context *context, struct map *map)
{
	struct guest *guest = guest_open(map->domain);
	enum exit_status status;

	if (!guest)
		return report_error(&context->report, EXIT_HOST, "no-guest-memory",
				    "cannot look into guests|%s|run this as root in dom0",
				    strerror(errno));
	status = read_devices(context, map);
	if (!status)
		status = read_p2m(context, map, guest);
	guest_close(guest);
	return status;
}

enum exit_status run_map(struct context *context, int argc, char **argv)
{
	struct map *map = memory_grow(NULL, 1, sizeof(*map));
	struct options options = {0};
	enum exit_status status;

	memset(map, 0, sizeof(*map));
	status = parse(context, argc, argv, &options);
	if (!status)
		status = context_domain(context, options.domain, &map->domain);
	if (!status && !context_store(context))
		status = EXIT_HOST;
	if (!status) {
		read_name(context, map);
		status = read_map(context, map);
	}
	if (!status) {
		map_make(map, &context->report);
		if (options.json)
			context_json(context, map_json(map, &context->report));
		else if (options.svg)
			map_svg(map, context->out);
		else
			map_text(map, context->out, options.all ? 0 : ROWS);
	}
	map_free(map);
	free(map);
	return status;
}
