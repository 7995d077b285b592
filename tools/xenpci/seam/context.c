/* SPDX-License-Identifier: MIT */
/*
 * What commands share: the seams, opened on demand, what the command line names, interrupts. Signal
 * handlers only set a flag that waits and loops look at; nothing is undone from a handler.
 */
#include "context.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/number.h"

#define DOMAIN_MAX 0x7fef /* the numbers above have meanings of their own */

struct files *context_files(struct context *context)
{
	if (!context->files)
		context->files = files_open(NULL);
	if (!context->files)
		report_error(&context->report, EXIT_HOST, "no-files", "cannot open /|%s|",
			     strerror(errno));
	return context->files;
}

struct store *context_store(struct context *context)
{
	if (!context->store)
		context->store = store_open();
	if (!context->store)
		report_error(&context->report, EXIT_HOST, "no-xenstore",
			     "cannot talk to xenstore|%s|run this as root in dom0, with xenstored "
			     "running",
			     strerror(errno));
	return context->store;
}

struct hv *context_hv(struct context *context)
{
	if (!context->hv)
		context->hv = hv_open();
	if (!context->hv)
		report_error(&context->report, EXIT_HOST, "no-xen",
			     "cannot talk to the hypervisor|%s|run this as root in dom0",
			     strerror(errno));
	return context->hv;
}

void context_close(struct context *context)
{
	files_close(context->files);
	store_close(context->store);
	hv_close(context->hv);
	context->files = NULL;
	context->store = NULL;
	context->hv = NULL;
}

/* Is this the name of domain `id`? */
static bool has_name(struct store *store, const char *id, const char *name)
{
	char *path = text_format("/local/domain/%s/name", id), *value;
	bool same = !store_read(store, 0, path, &value) && !strcmp(value, name);

	free(value);
	free(path);
	return same;
}

static bool domain_by_name(struct store *store, const char *name, uint32_t *domain)
{
	char **ids;
	ssize_t count = store_list(store, 0, "/local/domain", &ids), i;
	uint64_t id;
	bool found = false;

	for (i = 0; i < count && !found; i++)
		if (has_name(store, ids[i], name) &&
		    number_parse(ids[i], 10, DOMAIN_MAX, &id, NULL)) {
			*domain = (uint32_t)id;
			found = true;
		}
	if (count >= 0)
		names_free(ids, (size_t)count);
	return found;
}

/* As libxl has it: digits are never a name, and a number need be nobody's. */
enum exit_status context_domain(struct context *context, const char *text, uint32_t *domain)
{
	bool is_number = *text && !text[strspn(text, "0123456789")];
	struct store *store = is_number ? NULL : context_store(context);
	uint64_t id;

	if (is_number && number_parse(text, 10, DOMAIN_MAX, &id, NULL)) {
		*domain = (uint32_t)id;
		return EXIT_DONE;
	}
	if (!is_number && !store)
		return EXIT_HOST;
	if (!is_number && *text && domain_by_name(store, text, domain))
		return EXIT_DONE;
	return report_error(&context->report, EXIT_UNKNOWN, "no-domain",
			    "no such domain: %.60s||xl list", text);
}

enum exit_status context_bdf(struct context *context, const char *text, struct bdf *bdf)
{
	if (bdf_parse(text, bdf))
		return EXIT_DONE;
	return report_error(&context->report, EXIT_USAGE, "bad-address",
			    "no address of a PCI function: %.60s|it looks like 0000:03:00.0|"
			    "xenpci list",
			    text);
}

void context_json(struct context *context, json_t *document)
{
	json_dumpf(document, context->out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	fputc('\n', context->out);
	json_decref(document);
}

/* A pipe without a reader, which only a write would tell otherwise. */
static bool is_gone(FILE *file)
{
	struct pollfd reader = {.fd = fileno(file)};

	return reader.fd >= 0 && poll(&reader, 1, 0) > 0 && reader.revents & (POLLERR | POLLHUP);
}

/* SIGPIPE is ignored: an attach must not die of a reader that has gone. So this is to be asked. */
enum exit_status context_flush(struct context *context, bool more)
{
	int err = fflush(context->out) ? errno : 0;
	bool lost = ferror(context->out);

	if (!err && more && is_gone(context->out))
		err = EPIPE;
	if (!err && !lost)
		return EXIT_DONE;
	clearerr(context->out); /* said once */
	return report_error(&context->report, EXIT_HOST, "output", "cannot write the output|%s|",
			    err ? strerror(err) : "a part of it is lost");
}

enum exit_status context_end(struct context *context, enum exit_status status)
{
	enum exit_status flushed = context_flush(context, false);

	report_print(&context->report, 0, context->err);
	report_clear(&context->report);
	context_close(context);
	return status ? status : flushed;
}

enum exit_status context_usage(struct context *context, const char *name, const char *wrong)
{
	const struct command *command;

	for (command = commands; command->name && strcmp(command->name, name); command++)
		;
	return report_error(&context->report, EXIT_USAGE, "usage", "%s||usage: xenpci %s %s", wrong,
			    name, command->name ? command->arguments : "");
}
