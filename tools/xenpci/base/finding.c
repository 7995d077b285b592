/* SPDX-License-Identifier: MIT */
/*
 * The list of findings and its two forms, text and JSON. Texts are made when a finding is added, so
 * that a finding outlives what it speaks of. One thread.
 */
#include "finding.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "memory.h"
#include "text.h"

#define TEXT_MAX 1024

/* At as many separators as the format has. */
static void split(char *text, const char *format, char *parts[3])
{
	size_t left = 0, part = 0;
	const char *at;

	for (at = format; *at; at++)
		left += *at == '|';
	parts[0] = text;
	parts[1] = parts[2] = "";
	for (; *text && left && part < 2; text++)
		if (*text == '|') {
			*text = '\0';
			parts[++part] = text + 1;
			left--;
		}
}

static bool is_known(const struct report *report, const char *id, char *const parts[3])
{
	const struct finding *finding;
	size_t i;

	for (i = 0; i < report->count; i++) {
		finding = &report->findings[i];
		if (!strcmp(finding->id, id) && !strcmp(finding->cause, parts[0]) &&
		    !strcmp(finding->evidence, parts[1]) && !strcmp(finding->next, parts[2]))
			return true;
	}
	return false;
}

static void add(struct report *report, struct finding finding, const char *format, va_list args)
{
	char text[TEXT_MAX];
	char *parts[3];

	vsnprintf(text, sizeof(text), format, args);
	text_clean(text);
	split(text, format, parts);
	if (is_known(report, finding.id, parts))
		return;
	finding.cause = text_copy(parts[0]);
	finding.evidence = text_copy(parts[1]);
	finding.next = text_copy(parts[2]);
	report->findings = memory_grow(report->findings, report->count + 1, sizeof(finding));
	report->findings[report->count++] = finding;
}

enum exit_status report_error(struct report *report, enum exit_status status, const char *id,
			      const char *text, ...)
{
	va_list args;

	va_start(args, text);
	add(report, (struct finding){.severity = SEVERITY_ERROR, .id = id, .exit = status}, text,
	    args);
	va_end(args);
	return status;
}

void report_warning(struct report *report, const char *id, const char *text, ...)
{
	va_list args;

	va_start(args, text);
	add(report, (struct finding){.severity = SEVERITY_WARNING, .id = id}, text, args);
	va_end(args);
}

void report_note(struct report *report, const char *id, const char *text, ...)
{
	va_list args;

	va_start(args, text);
	add(report, (struct finding){.severity = SEVERITY_NOTE, .id = id}, text, args);
	va_end(args);
}

size_t report_count(const struct report *report, enum severity least)
{
	size_t i, count = 0;

	for (i = 0; i < report->count; i++)
		count += report->findings[i].severity >= least;
	return count;
}

enum exit_status report_status(const struct report *report, size_t from)
{
	for (; from < report->count; from++)
		if (report->findings[from].severity == SEVERITY_ERROR)
			return report->findings[from].exit;
	return EXIT_DONE;
}

static const char *severity_name(enum severity severity)
{
	static const char *const name[] = {"note", "warning", "error"};

	return name[severity];
}

void report_print(const struct report *report, size_t from, FILE *file)
{
	const struct finding *finding;
	size_t i;

	for (i = from; i < report->count; i++) {
		finding = &report->findings[i];
		fprintf(file, "xenpci: %s: %s", severity_name(finding->severity), finding->cause);
		if (*finding->evidence)
			fprintf(file, ": %s", finding->evidence);
		if (*finding->next)
			fprintf(file, "; %s", finding->next);
		fputc('\n', file);
	}
}

json_t *report_json(const struct report *report)
{
	json_t *array = json_array();
	const struct finding *finding;
	size_t i;

	for (i = 0; i < report->count; i++) {
		finding = &report->findings[i];
		json_array_append_new(array,
				      json_pack("{s:s, s:s, s:s, s:s, s:s}", "severity",
						severity_name(finding->severity), "id", finding->id,
						"cause", finding->cause, "evidence",
						finding->evidence, "next", finding->next));
	}
	return array;
}

void report_cut(struct report *report, size_t from)
{
	struct finding *finding;

	while (report->count > from) {
		finding = &report->findings[--report->count];
		free(finding->cause);
		free(finding->evidence);
		free(finding->next);
	}
}

void report_clear(struct report *report)
{
	report_cut(report, 0);
	free(report->findings);
	*report = (struct report){0};
}
