/* SPDX-License-Identifier: MIT */
/*
 * What xenpci has to say about the host, a device or its own failure: a finding. One line each:
 * cause, evidence, next command. Errors are findings too, so that they look alike everywhere.
 *
 * A function that can fail takes a struct report, adds one finding for its failure at the place
 * where it is known, and returns the exit status that the finding carries; callers add nothing.
 */
#ifndef XENPCI_FINDING_H
#define XENPCI_FINDING_H

#include <stddef.h>
#include <stdio.h>
#include <jansson.h>
#include "exit.h"

enum severity {
	SEVERITY_NOTE,	  /* worth knowing */
	SEVERITY_WARNING, /* works, with a loss or a risk that the line names */
	SEVERITY_ERROR,	  /* what was asked for cannot or must not be done */
};

struct finding {
	enum severity severity;
	const char *id;	       /* stable short name for scripts, such as "no-iommu"; static */
	enum exit_status exit; /* what an error makes of the exit status; EXIT_DONE otherwise */
	char *cause;	       /* never NULL, never empty */
	char *evidence;	       /* what was read or answered, "" if the cause says all */
	char *next;	       /* the next command or change to make, "" if there is none */
};

struct report {
	struct finding *findings;
	size_t count;
};

/*
 * Add a finding. text is a printf format of up to three parts that '|' separates: cause, evidence,
 * next command. Arguments may come from xenstore or sysfs: all but printable ASCII becomes '?', and
 * one that holds '|' only moves the place of a split. Texts are cut at 1023 bytes; what is
 * there already, word for word, is not added again. Returns status
 * for the caller to pass on. Out of memory ends the program, as everywhere in xenpci.
 */
enum exit_status report_error(struct report *report, enum exit_status status, const char *id,
			      const char *text, ...) __attribute__((format(printf, 4, 5)));
void report_warning(struct report *report, const char *id, const char *text, ...)
	__attribute__((format(printf, 3, 4)));
void report_note(struct report *report, const char *id, const char *text, ...)
	__attribute__((format(printf, 3, 4)));

/* How many findings are at least as bad. */
size_t report_count(const struct report *report, enum severity least);
/* The exit status of the first error among the findings from number `from` on; EXIT_DONE: none. */
enum exit_status report_status(const struct report *report, size_t from);

/* The findings from number `from` on, one line each: "xenpci: error: CAUSE: EVIDENCE; NEXT". */
void report_print(const struct report *report, size_t from, FILE *file);

/* [{"severity","id","cause","evidence","next"}...]: a new reference. */
json_t *report_json(const struct report *report);

/* Forget the findings from number `from` on. */
void report_cut(struct report *report, size_t from);

/* Forget all findings; the report may be used again. */
void report_clear(struct report *report);

#endif
