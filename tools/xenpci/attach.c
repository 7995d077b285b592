/* SPDX-License-Identifier: MIT */
/*
 * xenpci attach and detach: the command line, the lock, the plan, its run.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "attach.h"
#include "run/lock.h"
#include "base/memory.h"
#include "base/number.h"
#include "run/run.h"

#define SECONDS_DEFAULT 60
#define SECONDS_MAX 3600

struct request {
	const char *command;
	uint32_t domain;
	bool no_iommu;
	bool force;
	unsigned int seconds;
	struct wish *wish;
	size_t count;
};

/* NAME=NUMBER at *text; moves behind it. */
static bool take_option(const char **text, const char *name, unsigned int base, uint64_t max,
			uint64_t *value)
{
	size_t length = strlen(name);
	const char *end;

	if (strncmp(*text, name, length) || (*text)[length] != '=')
		return false;
	if (!number_parse(*text + length + 1, base, max, value, &end) || (*end && *end != ','))
		return false;
	*text = end;
	return true;
}

static bool take_rdm(const char **text, bool *relaxed)
{
	static const char *const policies[] = {"rdm_policy=strict", "rdm_policy=relaxed"};
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (!strncmp(*text, policies[i], strlen(policies[i]))) {
			*text += strlen(policies[i]);
			*relaxed = i;
			return !**text || **text == ',';
		}
	return false;
}

bool attach_parse_wish(const char *text, struct wish *wish)
{
	struct wish parsed = {0};
	uint64_t value;

	if (!bdf_parse_prefix(text, &parsed.backend.bdf, &text))
		return false;
	while (*text) {
		if (*text++ != ',')
			return false;
		if (take_option(&text, "permissive", 10, 1, &value))
			parsed.backend.permissive = value;
		else if (take_option(&text, "vslot", 16, 0x1f, &value))
			parsed.backend.vdevfn = (unsigned int)value << 3;
		else if (take_option(&text, "reset", 10, 1, &value))
			parsed.no_reset = !value;
		else if (take_option(&text, "share", 10, 1, &value))
			parsed.share = value;
		else if (!take_rdm(&text, &parsed.backend.rdm_relaxed))
			return false;
	}
	*wish = parsed;
	return true;
}

static enum exit_status parse_devices(struct context *context, struct request *request,
				      char **words)
{
	struct wish *wish;
	bool plain = !strcmp(request->command, "detach");

	for (; *words; words++) {
		request->wish =
			memory_grow(request->wish, request->count + 1, sizeof(*request->wish));
		wish = &request->wish[request->count];
		*wish = (struct wish){0};
		if (plain ? !bdf_parse(*words, &wish->backend.bdf)
			  : !attach_parse_wish(*words, wish))
			return report_error(&context->report, EXIT_USAGE, "bad-device",
					    "no device, or wrong options: %.80s|it looks like "
					    "0000:03:00.0%s|xenpci list",
					    *words,
					    plain ? ""
						  : "[,permissive=1][,vslot=1f][,reset=0][,share=1]"
						    "[,rdm_policy=relaxed]");
		request->count++;
	}
	return EXIT_DONE;
}

static enum exit_status parse(struct context *context, int argc, char **argv,
			      struct request *request)
{
	static const struct option options[] = {
		{"dry-run", no_argument, NULL, 'n'},	   {"json", no_argument, NULL, 'j'},
		{"no-iommu", no_argument, NULL, 'i'},	   {"force", no_argument, NULL, 'f'},
		{"timeout", required_argument, NULL, 't'}, {0}};
	uint64_t seconds = SECONDS_DEFAULT;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			context->dry_run = true;
		else if (option == 'j')
			context->json = true;
		else if (option == 'i' && !strcmp(request->command, "attach"))
			request->no_iommu = true;
		else if (option == 'f' && !strcmp(request->command, "detach"))
			request->force = true;
		else if (option != 't' || !number_parse(optarg, 10, SECONDS_MAX, &seconds, NULL))
			return context_usage(context, request->command, "wrong option");
	}
	request->seconds = (unsigned int)seconds;
	if (argc - optind < 2)
		return context_usage(context, request->command, "a domain and devices are wanted");
	return parse_devices(context, request, argv + optind + 1);
}

static enum exit_status make_plan(struct context *context, const struct situation *situation,
				  const struct request *request, struct plan *plan)
{
	struct bdf *bdf = memory_grow(NULL, request->count, sizeof(*bdf));
	enum exit_status status;
	size_t i;

	for (i = 0; i < request->count; i++)
		bdf[i] = request->wish[i].backend.bdf;
	if (!strcmp(request->command, "attach"))
		status = plan_attach(situation, request->wish, request->count, request->no_iommu,
				     plan, &context->report);
	else
		status = plan_detach(situation, bdf, request->count, request->force, plan,
				     &context->report);
	plan->seconds = request->seconds;
	free(bdf);
	return status;
}

static void show(struct context *context, const struct plan *plan)
{
	if (context->json)
		context_json(context, plan_json(plan));
	else
		plan_print(plan, context->out);
}

/* A plan is made from a situation that nobody of us changes meanwhile: both under the lock. */
static enum exit_status plan_and_run(struct context *context, const struct request *request)
{
	struct situation situation;
	struct plan plan = {0};
	enum exit_status status = situation_read(context, request->domain, &situation);

	if (!status)
		status = make_plan(context, &situation, request, &plan);
	if (!status && context->dry_run) {
		show(context, &plan);
	} else if (!status) {
		report_print(&context->report, 0, context->err);
		report_clear(&context->report);
		status = plan_run(context, &plan);
		if (!status && plan.steps && !context->json)
			fprintf(context->out, "%zu %s %s domain %" PRIu32 "\n", plan.devices,
				plan.devices == 1 ? "device" : "devices",
				!strcmp(request->command, "attach") ? "attached to"
								    : "detached from",
				request->domain);
	}
	plan_free(&plan);
	situation_free(&situation);
	return status;
}

static enum exit_status run_request(struct context *context, int argc, char **argv,
				    const char *command)
{
	struct request request = {.command = command};
	enum exit_status status = parse(context, argc, argv, &request);

	if (!status)
		status = context_domain(context, argv[optind], &request.domain);
	if (!status && !context->dry_run)
		status = lock_take(context);
	if (!status)
		status = plan_and_run(context, &request);
	free(request.wish);
	return status;
}

enum exit_status run_attach(struct context *context, int argc, char **argv)
{
	return run_request(context, argc, argv, "attach");
}

enum exit_status run_detach(struct context *context, int argc, char **argv)
{
	return run_request(context, argc, argv, "detach");
}
