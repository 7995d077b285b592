/* SPDX-License-Identifier: MIT */
/*
 * Steps that move a device between the driver it had and pciback. The driver is noted where libxl
 * notes it, before the device loses it: whoever is killed in between leaves the note, by which
 * xenpci and xl give the device back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "host/pciback.h"
#include "host/policy.h"
#include "steps.h"

static enum exit_status failed(struct run *run, const struct step *step, int err)
{
	char text[STEP_TEXT];

	plan_describe(run->plan, step, text);
	if (!run->undoing)
		return report_error(&run->context->report, EXIT_UNDONE, "driver",
				    "cannot %s|%s|dmesg", text, strerror(-err));
	return report_error(&run->context->report, EXIT_LEFTOVER, "driver",
			    "cannot undo: %s|%s|dmesg, then xenpci assignable remove %s", text,
			    strerror(-err), BDF_STR(run->plan->device[step->device].bdf));
}

static struct bdf bdf_of(const struct run *run, const struct step *step)
{
	return run->plan->device[step->device].bdf;
}

/* One attempt; *before is what the note said, to be freed, NULL if there was none. */
static int change_note(struct store *store, uint32_t t, struct bdf bdf, const char *text,
		       char **before)
{
	char *path = owner_path(bdf, "driver_path");
	int err = store_read(store, t, path, before);

	free(path);
	if (err && err != -ENOENT)
		return err;
	return owner_write(store, t, bdf, "driver_path", text);
}

static int note(struct run *run, const struct step *step, const char *text, char **before)
{
	struct store *store = run->context->store;
	int tries, err = -EAGAIN;
	uint32_t t;

	*before = NULL;
	for (tries = 0; tries < STORE_TRIES && err == -EAGAIN; tries++) {
		free(*before);
		*before = NULL;
		err = store_begin(store, &t);
		if (err)
			break;
		err = change_note(store, t, bdf_of(run, step), text, before);
		if (err)
			store_abort(store, t);
		else
			err = store_commit(store, t);
	}
	return err;
}

enum exit_status step_save_driver(struct run *run, const struct step *step)
{
	struct plan_device *device = &run->plan->device[step->device];
	char *text = text_format("/" PCI_DRIVERS "/%s", device->driver);
	int err = note(run, step, text, &device->driver_note);

	free(text);
	return err ? failed(run, step, err) : EXIT_DONE;
}

enum exit_status step_drop_driver(struct run *run, const struct step *step)
{
	int err = note(run, step, NULL, &run->plan->device[step->device].driver_note);

	return err ? failed(run, step, err) : EXIT_DONE;
}

/* A device that is not back with its driver is still to be given back, by this note. */
enum exit_status step_restore_driver(struct run *run, const struct step *step)
{
	const struct plan_device *device = &run->plan->device[step->device];
	char *now;
	int err;

	if (device->astray)
		return EXIT_DONE;
	err = note(run, step, device->driver_note, &now);
	free(now);
	return err ? failed(run, step, err) : EXIT_DONE;
}

static int write_driver(struct run *run, const struct step *step, const char *attribute)
{
	const struct plan_device *device = &run->plan->device[step->device];
	char *path = text_format(PCI_DRIVERS "/%s/%s", device->driver, attribute);
	int err = files_write(run->context->files, path, BDF_STR(device->bdf), BDF_TEXT - 1, 0);

	free(path);
	return err;
}

enum exit_status step_unbind(struct run *run, const struct step *step)
{
	int err = write_driver(run, step, "unbind");

	return err && err != -ENODEV ? failed(run, step, err) : EXIT_DONE;
}

enum exit_status step_bind_driver(struct run *run, const struct step *step)
{
	int err = write_driver(run, step, "bind");

	return err ? failed(run, step, err) : EXIT_DONE;
}

enum exit_status step_add_slot(struct run *run, const struct step *step)
{
	int err = pciback_write(run->context->files, "new_slot", bdf_of(run, step));

	return err ? failed(run, step, err) : EXIT_DONE;
}

enum exit_status step_remove_slot(struct run *run, const struct step *step)
{
	int err = pciback_write(run->context->files, "remove_slot", bdf_of(run, step));

	return err ? failed(run, step, err) : EXIT_DONE;
}

enum exit_status step_bind(struct run *run, const struct step *step)
{
	int err = pciback_write(run->context->files, "bind", bdf_of(run, step));

	return err ? failed(run, step, err) : EXIT_DONE;
}

enum exit_status step_unbind_pciback(struct run *run, const struct step *step)
{
	int err = pciback_write(run->context->files, "unbind", bdf_of(run, step));

	return err ? failed(run, step, err) : EXIT_DONE;
}

enum exit_status step_persist(struct run *run, const struct step *step)
{
	const struct plan_device *device = &run->plan->device[step->device];
	int err = policy_add(run->context->files, device->entry);

	return err ? failed(run, step, err) : EXIT_DONE;
}

enum exit_status step_restore_list(struct run *run, const struct step *step)
{
	const struct plan_device *device = &run->plan->device[step->device];
	int err = device->was_listed ? policy_add(run->context->files, device->listed)
				     : policy_remove(run->context->files, device->bdf);

	return err ? failed(run, step, err) : EXIT_DONE;
}

enum exit_status step_unpersist(struct run *run, const struct step *step)
{
	int err = policy_remove(run->context->files, bdf_of(run, step));

	return err ? failed(run, step, err) : EXIT_DONE;
}
