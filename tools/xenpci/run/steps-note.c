/* SPDX-License-Identifier: MIT */
/*
 * Steps that note what is going on: xenpci's record and libxl's owner, always together in one
 * transaction, for all devices of the plan.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/memory.h"
#include "base/number.h"
#include "steps.h"

/* One attempt for one device; 0 or -errno. */
typedef int change_fn(struct run *run, uint32_t t, struct plan_device *device);

static int change_all(struct run *run, change_fn *change)
{
	struct store *store = run->context->store;
	int tries, err = -EAGAIN;
	uint32_t t;
	size_t i;

	for (tries = 0; tries < STORE_TRIES && err == -EAGAIN; tries++) {
		err = store_begin(store, &t);
		for (i = 0; i < run->plan->devices && !err; i++) {
			err = change(run, t, &run->plan->device[i]);
			if (err)
				store_abort(store, t);
		}
		if (!err)
			err = store_commit(store, t);
	}
	return err;
}

static enum exit_status failed(struct run *run, const char *what, int err)
{
	if (err == -EEXIST)
		return report_error(&run->context->report, EXIT_BUSY, "holder",
				    "somebody else was faster|a device has an owner now|"
				    "xenpci status");
	return report_error(&run->context->report, EXIT_UNDONE, "xenstore",
			    "cannot %s|xenstore: %s|", what, strerror(-err));
}

static int write_owner(struct run *run, uint32_t t, struct bdf bdf)
{
	char *value = text_format("%" PRIu32, run->plan->domain);
	int err = owner_write(run->context->store, t, bdf, "domid", value);

	free(value);
	return err;
}

/*
 * Only this domain's: xl may have given the device to another meanwhile. Where there is none, xl
 * may have left the empty folder behind when its attach failed.
 */
static int remove_owner(struct run *run, uint32_t t, struct bdf bdf)
{
	struct store *store = run->context->store;
	char *path = owner_path(bdf, "domid"), *value;
	int err = store_read(store, t, path, &value);
	uint64_t domain;
	bool mine = !err && number_parse(value, 10, UINT32_MAX, &domain, NULL) &&
		    domain == run->plan->domain;

	free(value);
	free(path);
	if (mine || err == -ENOENT)
		return owner_write(store, t, bdf, "domid", NULL);
	return err;
}

static int note(struct run *run, uint32_t t, struct plan_device *device)
{
	struct record record;
	uint32_t domain;
	int err = record_read(run->context->store, t, device->bdf, &record);

	if (err > 0 && device->was_recorded && record.stage == RECORD_ATTACHED &&
	    record.domain == run->plan->domain)
		err = 0;
	if (err > 0 || err == -EINVAL ||
	    owner_read(run->context->store, t, device->bdf, &domain) != NOTED_NONE)
		return -EEXIST;
	if (err)
		return err;
	device->record.pid = (uint32_t)getpid();
	err = record_write(run->context->store, t, &device->record);
	return err ? err : write_owner(run, t, device->bdf);
}

enum exit_status step_note(struct run *run, const struct step *step)
{
	int err = change_all(run, note);

	return err ? failed(run, "note what is about to be granted", err) : EXIT_DONE;
}

static int forget(struct run *run, uint32_t t, struct plan_device *device)
{
	int err = record_remove(run->context->store, t, device->bdf);

	if (!err)
		err = remove_owner(run, t, device->bdf);
	return err;
}

static int unnote(struct run *run, uint32_t t, struct plan_device *device)
{
	int err;

	if (!device->was_recorded)
		return forget(run, t, device);
	err = record_write(run->context->store, t, &device->before);
	return err ? err : remove_owner(run, t, device->bdf);
}

enum exit_status step_unnote(struct run *run, const struct step *step)
{
	int err = change_all(run, unnote);

	return err ? failed(run, "remove the note", err) : EXIT_DONE;
}

static int settle(struct run *run, uint32_t t, struct plan_device *device)
{
	struct record record = device->record;

	record.stage = RECORD_ATTACHED;
	return record_write(run->context->store, t, &record);
}

enum exit_status step_settle(struct run *run, const struct step *step)
{
	int err = change_all(run, settle);

	return err ? failed(run, "note that the devices are attached", err) : EXIT_DONE;
}

/* Since the plan was made, which did not know of it. */
static bool was_taken(struct run *run, uint32_t t, const struct plan_device *device)
{
	struct hv_domain info;
	uint32_t domain;

	return !device->moved &&
	       owner_read(run->context->store, t, device->bdf, &domain) == NOTED_DOMAIN &&
	       domain != run->plan->domain && !hv_domain(run->context->hv, domain, &info);
}

static int mark(struct run *run, uint32_t t, struct plan_device *device)
{
	if (was_taken(run, t, device))
		return -EEXIST;
	device->record.pid = (uint32_t)getpid();
	return record_write(run->context->store, t, &device->record);
}

enum exit_status step_mark(struct run *run, const struct step *step)
{
	int err = change_all(run, mark);

	return err ? failed(run, "note that the devices are being detached", err) : EXIT_DONE;
}

static int unmark(struct run *run, uint32_t t, struct plan_device *device)
{
	if (device->was_recorded)
		return record_write(run->context->store, t, &device->before);
	return record_remove(run->context->store, t, device->bdf);
}

enum exit_status step_unmark(struct run *run, const struct step *step)
{
	int err = change_all(run, unmark);

	return err ? failed(run, "put the note back", err) : EXIT_DONE;
}

/* Granted minus revoked minus what others hold must be nothing; a domain that is gone has nothing.
 */
static enum exit_status verify(struct run *run, const struct plan_device *device)
{
	struct grants left = device->record.grants;
	char *text;

	if (!run->plan->domain_exists)
		return EXIT_DONE;
	if (grants_subtract(&left, &device->revoked) && grants_subtract(&left, &device->kept) &&
	    !left.count)
		return EXIT_DONE;
	text = grants_format(&left);
	report_error(&run->context->report, EXIT_LEFTOVER, "leftover",
		     "%s: domain %" PRIu32 " still has permissions|%.400s|xenpci detach again",
		     BDF_STR(device->bdf), run->plan->domain, text);
	free(text);
	return EXIT_LEFTOVER;
}

enum exit_status step_forget(struct run *run, const struct step *step)
{
	enum exit_status status = EXIT_DONE;
	size_t i;
	int err;

	for (i = 0; i < run->plan->devices && !status; i++)
		status = verify(run, &run->plan->device[i]);
	if (status)
		return status;
	err = change_all(run, forget);
	return err ? failed(run, "remove the note", err) : EXIT_DONE;
}
