/* SPDX-License-Identifier: MIT */
/*
 * xenpci check and xenpci explain: what would come in the way of giving a device away. Findings are
 * what was asked for, so they go to standard output, the worst first; `explain` says before them
 * what the device is. Changes nothing.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "seam/context.h"
#include "explain.h"
#include "gather.h"
#include "plan/judge.h"
#include "base/memory.h"
#include "host/use.h"

struct request {
	const char *command;
	bool json, no_iommu;
	struct bdf bdf;
	bool has_domain;
	uint32_t domain;
};

static enum exit_status parse(struct context *context, int argc, char **argv,
			      struct request *request)
{
	static const struct option names[] = {
		{"json", no_argument, NULL, 'j'}, {"no-iommu", no_argument, NULL, 'n'}, {0}};
	bool check = !strcmp(request->command, "check");
	enum exit_status status;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		request->json |= option == 'j';
		request->no_iommu |= option == 'n';
		if (option == '?' || (option == 'n' && !check))
			return context_usage(context, request->command, "no such option");
	}
	if (argc - optind < 1 || argc - optind > (check ? 2 : 1))
		return context_usage(context, request->command,
				     check ? "a device and perhaps a domain are wanted"
					   : "one device is wanted");
	status = context_bdf(context, argv[optind], &request->bdf);
	if (!status && argc - optind == 2) {
		request->has_domain = true;
		status = context_domain(context, argv[optind + 1], &request->domain);
	}
	return status;
}

static void check_use(struct context *context, const struct device *device, struct report *report)
{
	char what[USE_TEXT];

	switch (use_find(context->files, device->bdf, what)) {
	case USE_DISK:
		report_error(report, EXIT_REFUSED, "disk-in-use",
			     "%s carries a disk that dom0 uses|%s|unmount it first",
			     BDF_STR(device->bdf), what);
		break;
	case USE_ROOT_PERHAPS:
		report_error(report, EXIT_REFUSED, "root-perhaps",
			     "%s may be what dom0's root file system needs|%s|xenpci assignable "
			     "add --force, if you know that it is not",
			     BDF_STR(device->bdf), what);
		break;
	case USE_PERHAPS:
		report_warning(report, "disk-perhaps-in-use",
			       "%s may carry a disk that dom0 uses|%s|", BDF_STR(device->bdf),
			       what);
		break;
	case USE_NETWORK:
		report_warning(report, "network-in-use", "%s carries dom0's network|%s|",
			       BDF_STR(device->bdf), what);
		break;
	case USE_NONE:
		break;
	}
}

static void print_findings(const struct report *report, FILE *out)
{
	static const char *const name[] = {"note", "warning", "error"};
	const struct finding *finding;
	size_t i;
	int severity;

	for (severity = SEVERITY_ERROR; severity >= SEVERITY_NOTE; severity--)
		for (i = 0; i < report->count; i++) {
			finding = &report->findings[i];
			if ((int)finding->severity != severity)
				continue;
			fprintf(out, "%s: %s", name[severity], finding->cause);
			if (*finding->evidence)
				fprintf(out, ": %s", finding->evidence);
			if (*finding->next)
				fprintf(out, "; %s", finding->next);
			fputc('\n', out);
		}
}

static void show(struct context *context, const struct request *request, const struct facts *facts,
		 const struct report *found)
{
	bool explain = !strcmp(request->command, "explain");

	if (request->json) {
		json_t *json = explain ? explain_json(facts) : json_object();

		json_object_set_new(json, "findings", report_json(found));
		context_json(context, json);
		return;
	}
	if (explain)
		explain_print(facts, context->out);
	print_findings(found, context->out);
	if (!report_count(found, SEVERITY_WARNING))
		fprintf(context->out, "%s: nothing is in the way\n", BDF_STR(facts->device->bdf));
}

/* What would forbid an attach: with a domain all of it, without one what is about the device. */
static void judge(const struct request *request, const struct situation *situation,
		  struct report *report)
{
	const struct wish wish = {.backend = {.bdf = request->bdf}, .no_reset = true};

	if (request->has_domain)
		judge_domain(situation, report);
	judge_device(situation, &wish, 1, &wish, report);
	judge_iommu(situation, request->no_iommu, report);
}

static enum exit_status look(struct context *context, const struct request *request,
			     const struct situation *situation)
{
	const struct device *device = devices_find(&situation->devices, request->bdf);
	struct facts *facts = memory_grow(NULL, 1, sizeof(*facts));
	struct report found = {0};
	enum exit_status status;

	if (!device) {
		free(facts);
		return report_error(&context->report, EXIT_UNKNOWN, "no-device",
				    "%s: no such device||xenpci list", BDF_STR(request->bdf));
	}
	if (request->has_domain && !situation->exists) {
		free(facts);
		return report_error(&context->report, EXIT_UNKNOWN, "no-domain",
				    "no such domain: %u||xl list", request->domain);
	}
	status = facts_gather(context, situation, device, request->has_domain, facts);
	if (!status) {
		judge(request, situation, &found);
		check_use(context, device, &found);
		check_all(facts, &found);
		show(context, request, facts, &found);
		if (!strcmp(request->command, "check"))
			status = report_status(&found, 0);
	}
	report_clear(&found);
	free(facts);
	return status;
}

static enum exit_status run(struct context *context, const char *command, int argc, char **argv)
{
	struct request request = {.command = command, .domain = JUDGE_NO_DOMAIN};
	enum exit_status status = parse(context, argc, argv, &request);
	struct situation *situation;

	if (status)
		return status;
	situation = memory_grow(NULL, 1, sizeof(*situation));
	status = situation_read(context, request.domain, situation);
	if (!status)
		status = look(context, &request, situation);
	situation_free(situation);
	free(situation);
	return status;
}

enum exit_status run_check(struct context *context, int argc, char **argv)
{
	return run(context, "check", argc, argv);
}

enum exit_status run_explain(struct context *context, int argc, char **argv)
{
	return run(context, "explain", argc, argv);
}
