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

#define TRIES 64

static enum exit_status failed(struct run *run, const struct step *step, int err)
{
	char text[STEP_TEXT];

	return report_error(&run->context->report, EXIT_UNDONE, "driver", "cannot %s|%s|dmesg",
			    plan_describe(run->plan, step, text), strerror(-err));
}

static struct bdf bdf_of(const struct run *run, const struct step *step)
{
	return run->plan->device[step->device].bdf;
}

enum exit_status step_save_driver(struct run *run, const struct step *step)
{
	const struct plan_device *device = &run->plan->device[step->device];
	char *path = owner_path(device->bdf, "driver_path");
	char *value = text_format("/" PCI_DRIVERS "/%s", device->driver);
	int err = store_write(run->context->store, 0, path, value);

	free(value);
	free(path);
	return err ? failed(run, step, err) : EXIT_DONE;
}

/* With the folders that are empty then. */
static int drop_note(struct store *store, uint32_t t, struct bdf bdf)
{
	char *path = owner_path(bdf, "driver_path"), *slash, **names;
	int err = store_remove(store, t, path);
	ssize_t count = 0;

	while (!err && !count && strlen(path) > strlen("/libxl/pci")) {
		slash = strrchr(path, '/');
		*slash = '\0';
		count = store_list(store, t, path, &names);
		if (count >= 0)
			names_free(names, (size_t)count);
		if (!count)
			err = store_remove(store, t, path);
		else if (count < 0 && count != -ENOENT)
			err = (int)count;
	}
	free(path);
	return err;
}

enum exit_status step_drop_driver(struct run *run, const struct step *step)
{
	struct store *store = run->context->store;
	int tries, err = -EAGAIN;
	uint32_t t;

	for (tries = 0; tries < TRIES && err == -EAGAIN; tries++) {
		err = store_begin(store, &t);
		if (err)
			break;
		err = drop_note(store, t, bdf_of(run, step));
		if (err)
			store_abort(store, t);
		else
			err = store_commit(store, t);
	}
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
	int err = policy_add(run->context->files, (struct policy_entry){device->bdf, device->id});

	return err ? failed(run, step, err) : EXIT_DONE;
}

enum exit_status step_unpersist(struct run *run, const struct step *step)
{
	int err = policy_remove(run->context->files, bdf_of(run, step));

	return err ? failed(run, step, err) : EXIT_DONE;
}
