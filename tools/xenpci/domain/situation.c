/* SPDX-License-Identifier: MIT */
/*
 * Reading the situation. Nothing is changed here.
 */
#include "situation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/text.h"

static enum exit_status xenstore_error(struct report *report, const char *path, int err)
{
	if (err == -EINVAL)
		return report_error(report, EXIT_HOST, "xenstore",
				    "xenstore makes no sense|node %.120s|look at it with "
				    "xenstore-ls -f",
				    path ? path : "");
	return report_error(report, EXIT_HOST, "no-xenstore", "cannot read xenstore|%.120s: %s|",
			    path ? path : "", strerror(-err));
}

/* What /local/domain/N/KEY says, "" if nothing. */
static char *domain_key(struct store *store, uint32_t t, uint32_t domain, const char *key)
{
	char *path = text_format("/local/domain/%u/%s", domain, key), *value;
	int err = store_read(store, t, path, &value);

	free(path);
	return err ? text_copy("") : value;
}

/* The node `vm` is "/vm/UUID"; "" if it is not there. */
static void read_uuid(struct store *store, uint32_t t, uint32_t domain, char uuid[RECORD_UUID])
{
	char *vm = domain_key(store, t, domain, "vm");

	*uuid = '\0';
	if (!strncmp(vm, "/vm/", 4) && strlen(vm + 4) < RECORD_UUID)
		memcpy(uuid, vm + 4, strlen(vm + 4) + 1);
	free(vm);
}

static enum exit_status read_domain(struct context *context, uint32_t t,
				    struct situation *situation)
{
	int err = hv_domain(context->hv, situation->domain, &situation->info);
	char *path = NULL;

	if (err && err != -ESRCH)
		return report_error(&context->report, EXIT_HOST, "no-xen",
				    "cannot ask about domain %u|%s|", situation->domain,
				    strerror(-err));
	situation->exists = !err;
	situation->name = text_clean(domain_key(context->store, t, situation->domain, "name"));
	read_uuid(context->store, t, situation->domain, situation->uuid);
	err = backend_read(context->store, t, situation->domain, &situation->backend, &path);
	if (err)
		xenstore_error(&context->report, path, err);
	free(path);
	return err ? EXIT_HOST : EXIT_DONE;
}

static void read_holders(struct context *context, uint32_t t, struct situation *situation)
{
	struct hv_domain info;
	struct holder *holder;
	size_t i;

	situation->holder = memory_grow(NULL, situation->devices.count, sizeof(*situation->holder));
	for (i = 0; i < situation->devices.count; i++) {
		holder = &situation->holder[i];
		*holder = (struct holder){0};
		holder->owner = owner_read(context->store, t, situation->devices.device[i].bdf,
					   &holder->domain);
		holder->alive = holder->owner == NOTED_DOMAIN &&
				!hv_domain(context->hv, holder->domain, &info);
	}
}

struct holder situation_holder(const struct situation *situation, struct bdf bdf)
{
	const struct device *device = devices_find(&situation->devices, bdf);

	if (!device)
		return (struct holder){.owner = NOTED_NONE};
	return situation->holder[device - situation->devices.device];
}

/*
 * Is this record all that is left? Its domain has ended, whose permissions and PIRQs went with it,
 * and xl has cleaned up the rest, as it does when it destroys a domain.
 */
static bool is_spent(struct context *context, uint32_t t, const struct situation *situation,
		     const struct record *record)
{
	struct hv_domain info;
	struct backend backend;
	char uuid[RECORD_UUID];
	int err = hv_domain(context->hv, record->domain, &info);

	read_uuid(context->store, t, record->domain, uuid);
	if (err != -ESRCH && (err || !*uuid || !*record->uuid || !strcmp(uuid, record->uuid)))
		return false;
	return situation_holder(situation, record->bdf).owner == NOTED_NONE &&
	       !backend_read(context->store, t, record->domain, &backend, NULL) &&
	       backend_find(&backend, record->bdf) < 0;
}

/* Spent records are none; who may change things removes them. A later look tries again. */
static void drop_spent(struct context *context, uint32_t t, struct situation *situation)
{
	size_t i = 0;

	while (i < situation->records.count) {
		if (!is_spent(context, t, situation, &situation->records.record[i])) {
			i++;
			continue;
		}
		if (context->locked &&
		    record_remove(context->store, t, situation->records.record[i].bdf))
			return;
		records_drop(&situation->records, i);
	}
}

static void forget_store(struct situation *situation)
{
	records_free(&situation->records);
	free(situation->holder);
	free(situation->name);
	situation->holder = NULL;
	situation->name = NULL;
}

static enum exit_status read_nodes(struct context *context, uint32_t t, struct situation *situation)
{
	enum exit_status status =
		records_read(context->store, t, &situation->records, &context->report);

	if (status)
		return status;
	read_holders(context, t, situation);
	drop_spent(context, t, situation);
	return read_domain(context, t, situation);
}

/*
 * All at one moment: whoever changes something between two nodes makes the commit fail. The last
 * reading stands if that has no end: a change is a transaction of its own, and looks itself.
 */
static enum exit_status read_store(struct context *context, struct situation *situation)
{
	size_t from = context->report.count;
	enum exit_status status = EXIT_DONE;
	int tries, err = -EAGAIN;
	uint32_t t;

	for (tries = 0; tries < STORE_TRIES && err == -EAGAIN; tries++) {
		forget_store(situation);
		report_cut(&context->report, from);
		err = store_begin(context->store, &t);
		if (err)
			break;
		status = read_nodes(context, t, situation);
		err = store_commit(context->store, t);
	}
	if (status || !err || err == -EAGAIN)
		return status;
	return report_error(&context->report, EXIT_HOST, "no-xenstore", "cannot read xenstore|%s|",
			    strerror(-err));
}

enum exit_status situation_read(struct context *context, uint32_t domain,
				struct situation *situation)
{
	enum exit_status status;
	int err;

	*situation = (struct situation){.domain = domain};
	if (!context_files(context) || !context_store(context) || !context_hv(context))
		return EXIT_HOST;
	err = hv_host(context->hv, &situation->host);
	if (err)
		return report_error(&context->report, EXIT_HOST, "no-xen",
				    "cannot ask the hypervisor about the host|%s|run this as root "
				    "in dom0",
				    strerror(-err));
	status = devices_read(context->files, &situation->devices, &context->report);
	return status ? status : read_store(context, situation);
}

void situation_free(struct situation *situation)
{
	devices_free(&situation->devices);
	forget_store(situation);
}

static bool is_leaving(const struct bdf *leaving, size_t count, struct bdf bdf)
{
	while (count)
		if (bdf_equal(leaving[--count], bdf))
			return true;
	return false;
}

enum exit_status situation_kept(const struct situation *situation, const struct bdf *leaving,
				size_t count, struct grants *kept, struct report *report)
{
	const struct device *device;
	const struct record *record;
	struct grants more;
	struct bdf bdf;
	size_t i;

	*kept = (struct grants){0};
	for (i = 0; i < situation->backend.count; i++) {
		bdf = situation->backend.function[i].bdf;
		if (is_leaving(leaving, count, bdf))
			continue;
		record = records_find(&situation->records, bdf);
		device = devices_find(&situation->devices, bdf);
		more = record && record->domain == situation->domain ? record->grants
		       : device					     ? grants_of_device(device)
								     : (struct grants){0};
		if (!grants_join(kept, &more))
			return report_error(report, EXIT_REFUSED, "too-many",
					    "domain %u has too many devices for xenpci|%zu|",
					    situation->domain, situation->backend.count);
	}
	return EXIT_DONE;
}
