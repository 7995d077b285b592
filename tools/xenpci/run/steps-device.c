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
#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define MESSAGE_CONTROL 2 /* within either */
#define MSI_ON 0x0001
#define MSIX_ON 0x8000

static enum exit_status failed(struct run *run, struct bdf bdf, const char *what, int err)
{
	return report_error(&run->context->report, EXIT_UNDONE, what, "%s: %s failed|sysfs: %s|",
			    BDF_STR(bdf), what, strerror(-err));
}

/* A guest may leave a device in a state that no reset ends: that must not keep a detach for ever.
 */
static enum exit_status detach_reset_failed(struct run *run, struct bdf bdf, int err)
{
	struct report *report = &run->context->report;

	if (!run->plan->force)
		return report_error(
			report, EXIT_UNDONE, "reset",
			"%s: reset failed|sysfs: %s|dmesg; to do without: xenpci detach "
			"--force",
			BDF_STR(bdf), strerror(-err));
	report_warning(
		report, "reset",
		"%s: reset failed|sysfs: %s: it stays as the guest left it, with DMA off|dmesg",
		BDF_STR(bdf), strerror(-err));
	return EXIT_DONE;
}

enum exit_status step_reset(struct run *run, const struct step *step)
{
	struct bdf bdf = run->plan->device[step->device].bdf;
	char *path = text_format("sys/bus/pci/devices/%s/reset", BDF_STR(bdf));
	int err = files_write(run->context->files, path, "1", 1, 0);

	free(path);
	if (!err)
		return EXIT_DONE;
	if (run->plan->device[step->device].record.stage == RECORD_DETACHING)
		return detach_reset_failed(run, bdf, err);
	return report_error(&run->context->report, EXIT_UNDONE, "reset",
			    "%s: reset failed|sysfs: %s|dmesg; to do without: %s,reset=0",
			    BDF_STR(bdf), strerror(-err), BDF_STR(bdf));
}

static int write_config(struct run *run, struct bdf bdf, unsigned int offset, uint16_t value)
{
	char *path = text_format("sys/bus/pci/devices/%s/config", BDF_STR(bdf));
	int err = files_write(run->context->files, path, &value, sizeof(value), offset);

	free(path);
	return err;
}

static int read_config(struct run *run, struct device *device)
{
	char *path = text_format("sys/bus/pci/devices/%s/config", BDF_STR(device->bdf));
	char buffer[CONFIG_SIZE + 1];
	ssize_t got = files_read(run->context->files, path, buffer, sizeof(buffer));

	free(path);
	if (got < CONFIG_HEADER)
		return got < 0 ? (int)got : -EIO;
	device->config_size = (size_t)got;
	memcpy(device->config, buffer, (size_t)got);
	return 0;
}

/* Turn bits off in a 16-bit register, if some are on. */
static int turn_off(struct run *run, const struct device *device, unsigned int offset,
		    uint16_t bits)
{
	uint16_t value;

	if (offset + sizeof(value) > device->config_size)
		return 0;
	memcpy(&value, device->config + offset, sizeof(value));
	if (!(value & bits))
		return 0;
	return write_config(run, device->bdf, offset, value & (uint16_t)~bits);
}

/*
 * Whoever owned it may still have DMA under way, and messages are writes too: nothing of it may
 * land after this. Bus mastering first, which ends both.
 */
enum exit_status step_quiet(struct run *run, const struct step *step)
{
	struct device device = {.bdf = run->plan->device[step->device].bdf};
	static const uint8_t gone[4] = {0xff, 0xff, 0xff, 0xff};
	unsigned int msi, msix;
	int err = read_config(run, &device);

	if (!err && !memcmp(device.config, gone, sizeof(gone)))
		return EXIT_DONE; /* answers nothing, so it does nothing either */
	msi = device_capability(&device, CAP_MSI);
	msix = device_capability(&device, CAP_MSIX);
	if (!err)
		err = turn_off(run, &device, COMMAND, COMMAND_MASTER);
	if (!err && msi)
		err = turn_off(run, &device, msi + MESSAGE_CONTROL, MSI_ON);
	if (!err && msix)
		err = turn_off(run, &device, msix + MESSAGE_CONTROL, MSIX_ON);
	return err ? failed(run, device.bdf, "stopping DMA", err) : EXIT_DONE;
}

/* Once is enough, although two steps of an attach are undone by it. */
enum exit_status step_stop(struct run *run, const struct step *step)
{
	struct plan_device *device = &run->plan->device[step->device];
	enum exit_status status;

	if (device->stopped)
		return EXIT_DONE;
	status = step_quiet(run, step);
	if (!status && device->resets)
		status = step_reset(run, step);
	device->stopped = !status;
	return status;
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
