/* SPDX-License-Identifier: MIT */
/*
 * xenpci status: finds the domains that have to do with PCI devices, shows what they have, and with
 * --watch again whenever it changes. Changes nothing and takes no lock.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/number.h"
#include "status.h"

#define BACKENDS "/local/domain/0/backend/pci"
#define TICK_MS 1000u

struct domains {
	uint32_t *id;
	size_t count;
};

static bool at_work(void *opaque, uint32_t pid)
{
	char *path = text_format("proc/%" PRIu32 "/comm", pid), comm[32];
	ssize_t got = files_read(opaque, path, comm, sizeof(comm));

	free(path);
	return got > 0 && !strcmp(comm, "xenpci\n");
}

static void add_domain(struct domains *domains, uint32_t id)
{
	size_t i;

	for (i = 0; i < domains->count; i++)
		if (domains->id[i] == id)
			return;
	domains->id = memory_grow(domains->id, domains->count + 1, sizeof(*domains->id));
	domains->id[domains->count++] = id;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void add_backends(struct store *store, struct domains *domains)
{
	char **names;
	ssize_t count = store_list(store, 0, BACKENDS, &names), i;
	uint64_t id;

	for (i = 0; i < count; i++)
		if (number_parse(names[i], 10, 0x7fef, &id, NULL))
			add_domain(domains, (uint32_t)id);
	if (count >= 0)
		names_free(names, (size_t)count);
}

/* By a first look at domain 0, which knows all records and owners. */
static enum exit_status find_domains(struct context *context, struct domains *domains)
{
	struct situation situation;
	enum exit_status status = situation_read(context, 0, &situation);
	size_t i;

	for (i = 0; !status && i < situation.records.count; i++)
		add_domain(domains, situation.records.record[i].domain);
	for (i = 0; !status && i < situation.devices.count; i++) {
		if (situation.holder[i].owner == NOTED_DOMAIN)
			add_domain(domains, situation.holder[i].domain);
		else if (situation.holder[i].owner == NOTED_UNREADABLE)
			report_error(&context->report, EXIT_LEFTOVER, "owner",
				     "%s: its note below /libxl/pci makes no sense||xenstore-rm it",
				     BDF_STR(situation.devices.device[i].bdf));
	}
	for (i = 0; !status && i < situation.records.broken_count; i++)
		report_error(&context->report, EXIT_LEFTOVER, "leftover",
			     "%s: its record makes no sense|permissions may be granted|xenpci "
			     "detach of the domain that had it",
			     BDF_STR(situation.records.broken[i]));
	if (!status)
		add_backends(context->store, domains);
	if (domains->count)
		qsort(domains->id, domains->count, sizeof(*domains->id), by_number);
	situation_free(&situation);
	return status;
}

/* ---- showing ---- */

static json_t *device_json(const struct status_device *device)
{
	json_t *json = json_pack("{s:s, s:b, s:b, s:s}", "address", BDF_STR(device->bdf), "offered",
				 device->function, "noted_by_xl", device->noted, "problem",
				 device->problem);
	char *grants;

	if (device->function)
		json_object_update_new(json, json_pack("{s:s, s:s, s:b}", "state",
						       backend_state_name(device->function->state),
						       "in_guest", device->function->vdev,
						       "permissive", device->function->permissive));
	if (device->record) {
		grants = grants_format(&device->record->grants);
		json_object_update_new(json, json_pack("{s:s, s:s, s:b, s:b}", "stage",
						       record_stage_name(device->record->stage),
						       "permissions", grants, "iommu",
						       device->record->iommu, "in_progress",
						       device->working));
		free(grants);
	}
	return json;
}

static json_t *status_json(const struct status *status)
{
	const struct situation *situation = status->situation;
	json_t *devices = json_array();
	size_t i;

	for (i = 0; i < status->count; i++)
		json_array_append_new(devices, device_json(&status->device[i]));
	return json_pack("{s:i, s:s, s:b, s:s, s:s, s:s, s:o}", "domain", (int)situation->domain,
			 "name", situation->name, "exists", situation->exists, "backend",
			 backend_state_name(situation->backend.state), "frontend",
			 backend_state_name(situation->backend.frontend), "problem",
			 status->problem, "devices", devices);
}

static void print_device(FILE *out, const struct status_device *device)
{
	char *grants;

	fprintf(out, "  %s", BDF_STR(device->bdf));
	if (device->function && *device->function->vdev)
		fprintf(out, " as %s", device->function->vdev);
	fprintf(out, ": %s",
		*device->problem  ? device->problem
		: device->working ? record_stage_name(device->record->stage)
				  : "attached");
	fprintf(out, "%s%s\n", device->record ? "" : ", by xl",
		device->record && !device->record->iommu ? ", INSECURE: no IOMMU" : "");
	if (!device->record)
		return;
	grants = grants_format(&device->record->grants);
	fprintf(out, "    %s\n", grants);
	free(grants);
}

static void print_status(FILE *out, const struct status *status)
{
	const struct situation *situation = status->situation;
	size_t i;

	fprintf(out, "domain %" PRIu32 " %s%s: backend %s, frontend %s\n", situation->domain,
		situation->name, situation->exists ? "" : " (gone)",
		backend_state_name(situation->backend.state),
		backend_state_name(situation->backend.frontend));
	if (*status->problem)
		fprintf(out, "  %s\n", status->problem);
	for (i = 0; i < status->count; i++)
		print_device(out, &status->device[i]);
}

/*
 * One domain; findings that its situation shares with all others are shown once. One that nobody
 * asked for by name or number may end while we look.
 */
static enum exit_status show_domain(struct context *context, uint32_t domain, bool wanted,
				    FILE *out, json_t *array)
{
	struct situation situation;
	struct status status = {0};
	enum exit_status result = situation_read(context, domain, &situation);

	if (!result) {
		status_judge(&situation, at_work, context->files, &status, &context->report);
		if (wanted && !situation.exists && !status.count && !situation.backend.exists)
			result = report_error(&context->report, EXIT_UNKNOWN, "no-domain",
					      "no such domain: %" PRIu32 "||xl list", domain);
		else if (array)
			json_array_append_new(array, status_json(&status));
		else
			print_status(out, &status);
	}
	status_free(&status);
	situation_free(&situation);
	return result;
}

/* The whole of it as one text, to be freed. */
static enum exit_status render(struct context *context, const uint32_t *only, char **text)
{
	struct domains domains = {0};
	json_t *array = context->json ? json_array() : NULL;
	size_t size, i;
	FILE *out = open_memstream(text, &size);
	enum exit_status status = EXIT_DONE;

	if (only)
		add_domain(&domains, *only);
	else
		status = find_domains(context, &domains);
	for (i = 0; i < domains.count && !status; i++)
		status = show_domain(context, domains.id[i], only, out, array);
	if (!status && !domains.count && !array)
		fputs("no domain has a PCI device\n", out);
	if (array) {
		json_dumpf(array, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		fputc('\n', out);
		json_decref(array);
	}
	fclose(out);
	free(domains.id);
	return status;
}

/* Shown again when the text has changed; guests' nodes are seen by the tick. */
static enum exit_status watch(struct context *context, const uint32_t *only)
{
	char *shown = text_copy(""), *text;
	enum exit_status status = EXIT_DONE;
	int err = store_watch(context->store, BACKENDS);

	if (!err)
		err = store_watch(context->store, "/tool/xenpci");
	while (!status && err >= 0 && !context_interrupted()) {
		report_clear(&context->report);
		status = render(context, only, &text);
		if (!status && strcmp(text, shown) != 0) {
			fputs(text, context->out);
			report_print(&context->report, 0, context->err);
		}
		if (!status)
			status = context_flush(context, true);
		free(shown);
		shown = text;
		err = status ? 0 : store_wait(context->store, TICK_MS);
		if (err == -EINTR)
			err = 0;
	}
	free(shown);
	if (!status)
		report_clear(&context->report);
	if (err < 0)
		status = report_error(&context->report, EXIT_HOST, "no-xenstore",
				      "cannot watch xenstore|%s|", strerror(-err));
	return status;
}

/* What status is there for: anything that is stuck or left over is worth an exit status. */
static enum exit_status once(struct context *context, const uint32_t *only)
{
	char *text;
	enum exit_status status = render(context, only, &text);

	if (!status)
		fputs(text, context->out);
	free(text);
	if (!status && report_count(&context->report, SEVERITY_ERROR))
		status = EXIT_LEFTOVER;
	return status;
}

enum exit_status run_status(struct context *context, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"watch", no_argument, NULL, 'w'}, {0}};
	enum exit_status status = EXIT_DONE;
	bool again = false;
	uint32_t domain;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j')
			context->json = true;
		else if (option == 'w')
			again = true;
		else
			return context_usage(context, "status", "wrong option");
	}
	if (argc - optind > 1)
		return context_usage(context, "status", "at most one domain is wanted");
	if (!context_files(context) || !context_store(context) || !context_hv(context))
		return EXIT_HOST;
	if (optind < argc)
		status = context_domain(context, argv[optind], &domain);
	if (status)
		return status;
	return (again ? watch : once)(context, optind < argc ? &domain : NULL);
}
