/* SPDX-License-Identifier: MIT */
/*
 * Steps that touch the device by way of sysfs: reset, DMA off, and pciback's switches.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "host/pciback.h"
#include "steps.h"

#define COMMAND 4
#define COMMAND_MASTER 0x0004

static enum exit_status failed(struct run *run, struct bdf bdf, const char *what, int err)
{
	return report_error(&run->context->report, EXIT_UNDONE, what, "%s: %s failed|sysfs: %s|",
			    BDF_STR(bdf), what, strerror(-err));
}

enum exit_status step_reset(struct run *run, const struct step *step)
{
	struct bdf bdf = run->plan->device[step->device].bdf;
	char *path = text_format("sys/bus/pci/devices/%s/reset", BDF_STR(bdf));
	int err = files_write(run->context->files, path, "1", 1, 0);

	free(path);
	if (!err)
		return EXIT_DONE;
	return report_error(&run->context->report, EXIT_UNDONE, "reset",
			    "%s: reset failed|sysfs: %s|dmesg; to do without: %s,reset=0",
			    BDF_STR(bdf), strerror(-err), BDF_STR(bdf));
}

/* Whoever owned it may still have DMA under way: nothing of it may land after this. */
enum exit_status step_quiet(struct run *run, const struct step *step)
{
	struct bdf bdf = run->plan->device[step->device].bdf;
	char *path = text_format("sys/bus/pci/devices/%s/config", BDF_STR(bdf));
	char header[COMMAND + 3];
	uint16_t command;
	ssize_t got = files_read(run->context->files, path, header, sizeof(header));
	int err = 0;

	if (got < COMMAND + 2) {
		err = got < 0 ? (int)got : -EIO;
	} else {
		memcpy(&command, header + COMMAND, sizeof(command));
		if (command != 0xffff && command & COMMAND_MASTER) {
			command &= (uint16_t)~COMMAND_MASTER;
			err = files_write(run->context->files, path, &command, sizeof(command),
					  COMMAND);
		}
	}
	free(path);
	return err ? failed(run, bdf, "stopping DMA", err) : EXIT_DONE;
}

enum exit_status step_permissive(struct run *run, const struct step *step)
{
	struct bdf bdf = run->plan->device[step->device].bdf;
	int err = pciback_write(run->context->files, "permissive", bdf);

	return err ? failed(run, bdf, "permissive mode", err) : EXIT_DONE;
}

enum exit_status step_rebind(struct run *run, const struct step *step)
{
	struct bdf bdf = run->plan->device[step->device].bdf;
	int err = pciback_write(run->context->files, "unbind", bdf);

	if (!err || err == -ENODEV) /* not bound: killed half-way */
		err = pciback_write(run->context->files, "bind", bdf);
	return err ? failed(run, bdf, "binding to pciback anew", err) : EXIT_DONE;
}
