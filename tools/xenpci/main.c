/* SPDX-License-Identifier: MIT */
/*
 * xenpci: PCI passthrough to Xen PV domains, from dom0. This file knows the commands and the
 * options that all of them take; each command is a file of its own.
 */
#include <getopt.h>
#include <string.h>
#include "seam/context.h"
#include "seam/interrupt.h"
#include "host/names.h"

const struct command commands[] = {
	{"list", "[--json]", "PCI devices: names, driver, BARs, IOMMU, owner", run_list},
	{"check", "[--json] [--no-iommu] DEVICE [DOMAIN]",
	 "what is in the way of giving a device away", run_check},
	{"explain", "[--json] DEVICE", "what a device is, and the same", run_explain},
	{"assignable",
	 "add|remove|list|apply [--persist] [--force] [--dry-run] [--json] [DEVICE...]",
	 "devices between dom0's drivers and pciback", run_assignable},
	{"attach", "[--dry-run] [--no-iommu] [--timeout=SECONDS] DOMAIN DEVICE[,OPTION]...",
	 "give devices to a PV domain", run_attach},
	{"detach", "[--dry-run] [--force] [--timeout=SECONDS] DOMAIN DEVICE...",
	 "take them back, also what was left half-done", run_detach},
	{"status", "[--json] [--watch] [DOMAIN]", "who has what; what is stuck or left over",
	 run_status},
	{"map", "[--json|--svg] [--all] DOMAIN", "draw a guest's address space", run_map},
	{0},
};

static void print_help(FILE *file)
{
	const struct command *command;

	fputs("xenpci: PCI passthrough to Xen PV domains\n\n"
	      "usage: xenpci COMMAND [OPTION]... [ARGUMENT]...\n\n",
	      file);
	for (command = commands; command->name; command++)
		fprintf(file, "  %-12s %s\n", command->name, command->what);
	fputs("\n  --help     this, or with a command how to use it\n"
	      "  --version  which version this is\n\n"
	      "A device is SSSS:BB:DD.F or BB:DD.F, a domain is its number or its name.\n"
	      "exit status: 0 done, 1 failed and undone, 2 usage, 3 unknown, 4 refused, 5 busy,\n"
	      "             6 time-out, 7 something left over, 8 host, 9 interrupted\n"
	      "More in xenpci(1).\n",
	      file);
}

static const struct command *find(const char *name)
{
	const struct command *command;

	for (command = commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static enum exit_status run(struct context *context, int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_help(context->err);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(context->out);
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--version")) {
		fprintf(context->out, "xenpci %s\n", XENPCI_VERSION);
		return EXIT_DONE;
	}
	command = find(argv[1]);
	if (!command)
		return report_error(&context->report, EXIT_USAGE, "usage",
				    "no such command: %.60s||xenpci --help", argv[1]);
	if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		fprintf(context->out, "usage: xenpci %s %s\n%s\n", command->name,
			command->arguments, command->what);
		return EXIT_DONE;
	}
	opterr = 0;
	return command->run(context, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	struct context context = {.out = stdout, .err = stderr};
	enum exit_status status;

	interrupt_catch();
	status = context_end(&context, run(&context, argc, argv));
	names_close();
	return status;
}
