/* SPDX-License-Identifier: MIT */
/*
 * What a command runs in: the seams, opened when first asked for, the common options, and where to
 * write. main.c makes it; tests make their own.
 */
#ifndef XENPCI_CONTEXT_H
#define XENPCI_CONTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/bdf.h"
#include "files.h"
#include "base/finding.h"
#include "hv.h"
#include "store.h"

struct context {
	FILE *out;	      /* what was asked for: text or, with json, one JSON document */
	FILE *err;	      /* findings and progress */
	struct report report; /* printed to err by main when the command ends */
	bool json;
	bool dry_run;
	bool locked; /* no other xenpci changes anything */

	/* By way of the functions below. */
	struct files *files;
	struct store *store;
	struct hv *hv;
};

/* NULL with a finding (EXIT_HOST) added if it cannot be had. */
struct files *context_files(struct context *context);
struct store *context_store(struct context *context);
struct hv *context_hv(struct context *context);

void context_close(struct context *context);

/*
 * A domain from the command line, by the one rule that all commands and xl have: digits only are
 * its number, everything else is its name, looked up in xenstore (/local/domain/N/name).
 * EXIT_UNKNOWN if no domain has the name, or no domain can have the number. Whether there is a
 * domain of that number is the caller's question: what one that is gone has left is found by it.
 */
enum exit_status context_domain(struct context *context, const char *text, uint32_t *domain);

/* A device address from the command line; EXIT_USAGE with a finding if it is none. */
enum exit_status context_bdf(struct context *context, const char *text, struct bdf *bdf);

/* Print and release a JSON document. */
void context_json(struct context *context, json_t *document);

/*
 * Has everything that was printed gone out? EXIT_HOST with a finding if not; with more also if
 * nobody reads what comes next.
 */
enum exit_status context_flush(struct context *context, bool more);

/*
 * The end of a command: findings are printed, everything is closed. Returns the status, or
 * EXIT_HOST for one that is done with its output lost.
 */
enum exit_status context_end(struct context *context, enum exit_status status);

/* Milliseconds of a clock that only goes forward. */
uint64_t context_clock(void);

/* True once SIGINT, SIGTERM or SIGHUP came. Long waits and loops look at it. */
bool context_interrupted(void);

/*
 * One subcommand. run() gets the arguments after its name as getopt wants them (argv[0] is the
 * name; optind is 1), and returns the exit status; findings are printed by the caller.
 */
struct command {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *what;      /* one line for --help */
	enum exit_status (*run)(struct context *context, int argc, char **argv);
};

/* Usage error: prints the command's usage line by way of a finding. Returns EXIT_USAGE. */
enum exit_status context_usage(struct context *context, const char *name, const char *wrong);

/* The table in main.c, closed by a NULL name. */
extern const struct command commands[];

enum exit_status run_list(struct context *context, int argc, char **argv);
enum exit_status run_check(struct context *context, int argc, char **argv);
enum exit_status run_explain(struct context *context, int argc, char **argv);
enum exit_status run_map(struct context *context, int argc, char **argv);
enum exit_status run_assignable(struct context *context, int argc, char **argv);
enum exit_status run_attach(struct context *context, int argc, char **argv);
enum exit_status run_detach(struct context *context, int argc, char **argv);
enum exit_status run_status(struct context *context, int argc, char **argv);

#endif
