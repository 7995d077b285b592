/* SPDX-License-Identifier: MIT */
/*
 * xenpci assignable add, remove, list, apply: devices between dom0's drivers and pciback, several
 * at once, all or nothing.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "run/lock.h"
#include "base/memory.h"
#include "host/names.h"
#include "host/pciback.h"
#include "plan/plan-assignable.h"
#include "host/policy.h"
#include "run/run.h"

struct request {
	const char *verb;
	struct assignable_wish wish;
	struct assignable *known;
	size_t count;
};

static enum exit_status parse(struct context *context, int argc, char **argv,
			      struct request *request)
{
	static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'},
						{"json", no_argument, NULL, 'j'},
						{"persist", no_argument, NULL, 'p'},
						{"force", no_argument, NULL, 'f'},
						{0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			context->dry_run = true;
		else if (option == 'j')
			context->json = true;
		else if (option == 'p')
			request->wish.persist = true;
		else if (option == 'f')
			request->wish.force = true;
		else
			return context_usage(context, "assignable", "wrong option");
	}
	if (optind == argc)
		return context_usage(context, "assignable", "add, remove, list or apply?");
	request->verb = argv[optind];
	return EXIT_DONE;
}

static bool is_named(const struct request *request, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < request->count; i++)
		if (bdf_equal(request->known[i].bdf, bdf))
			return true;
	return false;
}

static void name(struct request *request, struct bdf bdf)
{
	if (is_named(request, bdf))
		return;
	request->known = memory_grow(request->known, request->count + 1, sizeof(*request->known));
	request->known[request->count++] = (struct assignable){.bdf = bdf};
}

static enum exit_status parse_devices(struct context *context, char **words,
				      struct request *request)
{
	struct bdf bdf;
	enum exit_status status;

	if (!*words)
		return context_usage(context, "assignable", "devices are wanted");
	for (; *words; words++) {
		status = context_bdf(context, *words, &bdf);
		if (status)
			return status;
		name(request, bdf);
	}
	return EXIT_DONE;
}

static enum exit_status read_policy(struct context *context, struct policy *policy)
{
	int err = policy_read(context->files, policy);

	if (!err)
		return EXIT_DONE;
	return report_error(&context->report, EXIT_HOST, "policy",
			    "the list for the next boot makes no sense|/" POLICY_FILE
			    ": %s|correct it, or remove it",
			    strerror(-err));
}

/* Those that are there, and are what they were. */
static void name_persistent(struct context *context, const struct situation *situation,
			    const struct policy *policy, struct request *request)
{
	const struct device *device;
	size_t i;

	for (i = 0; i < policy->count; i++) {
		device = devices_find(&situation->devices, policy->entry[i].bdf);
		if (device &&
		    ((uint32_t)device->vendor << 16 | device->device) == policy->entry[i].id)
			name(request, device->bdf);
		else
			report_warning(&context->report, "policy",
				       "%s is not the device of the list any more|/" POLICY_FILE
				       " has %04x:%04x|xenpci assignable remove %s, or correct it",
				       BDF_STR(policy->entry[i].bdf), policy->entry[i].id >> 16,
				       policy->entry[i].id & 0xffff, BDF_STR(policy->entry[i].bdf));
	}
}

static enum exit_status look(struct context *context, const struct policy *policy,
			     struct assignable *known)
{
	char *path = owner_path(known->bdf, "driver_path"), *value;
	const struct policy_entry *entry = policy_find(policy, known->bdf);
	int err = store_read(context->store, 0, path, &value), slot;

	if (!err)
		snprintf(known->driver_path, sizeof(known->driver_path), "%s", value);
	free(value);
	free(path);
	if (err && err != -ENOENT)
		return report_error(&context->report, EXIT_HOST, "no-xenstore",
				    "cannot read xenstore|%s|", strerror(-err));
	slot = pciback_has_slot(context->files, known->bdf);
	if (slot < 0)
		return report_error(&context->report, EXIT_HOST, "no-pciback",
				    "pciback is not there|/" PCIBACK_FOLDER
				    "/slots: %s|modprobe xen-pciback",
				    strerror(-slot));
	known->slot = slot;
	known->use = use_find(context->files, known->bdf, known->use_text);
	if (entry) {
		known->persistent = true;
		known->listed = *entry;
	}
	return EXIT_DONE;
}

static enum exit_status make_plan(struct context *context, const struct situation *situation,
				  struct request *request, struct plan *plan)
{
	struct policy policy;
	enum exit_status status = read_policy(context, &policy);
	size_t i;

	if (!status && !strcmp(request->verb, "apply"))
		name_persistent(context, situation, &policy, request);
	for (i = 0; i < request->count && !status; i++)
		status = look(context, &policy, &request->known[i]);
	if (status)
		return status;
	return (strcmp(request->verb, "remove") ? plan_assignable_add : plan_assignable_remove)(
		situation, request->known, request->count, request->wish, plan, &context->report);
}

static enum exit_status change(struct context *context, struct request *request)
{
	struct situation situation;
	struct plan plan = {0};
	enum exit_status status;

	status = context->dry_run ? EXIT_DONE : lock_take(context);
	if (status)
		return status;
	status = situation_read(context, 0, &situation);
	if (!status)
		status = make_plan(context, &situation, request, &plan);
	if (!status && context->dry_run && context->json)
		context_json(context, plan_json(&plan));
	else if (!status && context->dry_run)
		plan_print(&plan, context->out);
	else if (!status)
		status = plan_run(context, &plan);
	plan_free(&plan);
	situation_free(&situation);
	return status;
}

static enum exit_status list(struct context *context)
{
	struct situation situation;
	enum exit_status status = situation_read(context, 0, &situation);
	const struct device *device;
	json_t *array = json_array();
	char text[100];
	size_t i;

	for (i = 0; !status && i < situation.devices.count; i++) {
		device = &situation.devices.device[i];
		if (!device_is_pciback(device) || situation.holder[i].owner != NOTED_NONE)
			continue;
		json_array_append_new(array, json_string(BDF_STR(device->bdf)));
		if (!context->json)
			fprintf(context->out, "%s %s\n", BDF_STR(device->bdf),
				names_device(device, text, sizeof(text)));
	}
	if (!status && context->json)
		context_json(context, json_incref(array));
	json_decref(array);
	situation_free(&situation);
	return status;
}

enum exit_status run_assignable(struct context *context, int argc, char **argv)
{
	struct request request = {0};
	enum exit_status status = parse(context, argc, argv, &request);
	char **words = argv + optind + 1;

	if (status)
		return status;
	if (!strcmp(request.verb, "add") || !strcmp(request.verb, "remove")) {
		status = parse_devices(context, words, &request);
		if (!status)
			status = change(context, &request);
	} else if (*words) {
		status = context_usage(context, "assignable", "no device is wanted");
	} else if (!strcmp(request.verb, "apply")) {
		status = change(context, &request);
	} else if (!strcmp(request.verb, "list")) {
		status = list(context);
	} else {
		status = context_usage(context, "assignable", "add, remove, list or apply?");
	}
	free(request.known);
	return status;
}
