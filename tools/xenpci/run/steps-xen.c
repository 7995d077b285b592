/* SPDX-License-Identifier: MIT */
/*
 * Steps that ask the hypervisor. Taking back is idempotent: what is not there is as good as taken
 * back, and so is all that a domain had that is gone.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "steps.h"

static enum exit_status failed(struct run *run, const struct step *step, const char *call, int err)
{
	char text[STEP_TEXT];

	return report_error(&run->context->report, EXIT_UNDONE, "hypervisor",
			    "cannot %s|%s for domain %" PRIu32 ": %s|xl dmesg",
			    plan_describe(run->plan, step, text), call, run->plan->domain,
			    strerror(-err));
}

static bool no_iommu(int err)
{
	return err == -EOPNOTSUPP || err == -ENOSYS;
}

enum exit_status step_assign(struct run *run, const struct step *step)
{
	const struct plan_device *device = &run->plan->device[step->device];
	int err = hv_assign(run->context->hv, run->plan->domain, bdf_sbdf(device->bdf),
			    device->wish.rdm_relaxed);

	if (no_iommu(err))
		return report_error(&run->context->report, EXIT_REFUSED, "no-passthrough",
				    "domain %" PRIu32 " was created without passthrough|"
				    "assign_device: %s|put passthrough=\"enabled\" into its "
				    "configuration and create it anew",
				    run->plan->domain, strerror(-err));
	return err ? failed(run, step, "assign_device", err) : EXIT_DONE;
}

enum exit_status step_deassign(struct run *run, const struct step *step)
{
	const struct plan_device *device = &run->plan->device[step->device];
	int err = hv_deassign(run->context->hv, run->plan->domain, bdf_sbdf(device->bdf));

	if (!err || no_iommu(err) || err == -ENODEV || err == -ESRCH)
		return EXIT_DONE;
	return failed(run, step, "deassign_device", err);
}

/* What the guest may have set going ends while the device still reaches its memory only. */
enum exit_status step_unassign(struct run *run, const struct step *step)
{
	enum exit_status status = step_stop(run, step), deassigned = step_deassign(run, step);

	return status ? status : deassigned;
}

enum exit_status step_quarantine(struct run *run, const struct step *step)
{
	struct bdf bdf = run->plan->device[step->device].bdf;
	int err = hv_assign(run->context->hv, HV_DOMID_IO, bdf_sbdf(bdf), true);

	return err ? failed(run, step, "assign_device", err) : EXIT_DONE;
}

enum exit_status step_unquarantine(struct run *run, const struct step *step)
{
	struct bdf bdf = run->plan->device[step->device].bdf;
	int err = hv_deassign(run->context->hv, HV_DOMID_IO, bdf_sbdf(bdf));

	/* Not there: a kernel that bound it at boot has not put it there. */
	return err && err != -ENODEV ? failed(run, step, "deassign_device", err) : EXIT_DONE;
}

/* Does the domain hold this by another device too? */
static bool is_kept(const struct run *run, const struct step *step)
{
	struct grants one = {.grant = {step->grant}, .count = 1};

	return grants_overlap(&one, &run->plan->device[step->device].kept);
}

enum exit_status step_map_line(struct run *run, const struct step *step)
{
	uint32_t pirq;
	int err =
		hv_map_gsi(run->context->hv, run->plan->domain, (uint32_t)step->grant.first, &pirq);

	if (err)
		return failed(run, step, "map_pirq", err);
	if (pirq == step->grant.first)
		return EXIT_DONE;
	/* The guest reads the line's number in config space and takes it for the PIRQ. */
	hv_unmap_pirq(run->context->hv, run->plan->domain, pirq);
	return report_error(&run->context->report, EXIT_UNDONE, "hypervisor",
			    "line %" PRIu64
			    " has another number in the guest|map_pirq gave %" PRIu32 "|",
			    step->grant.first, pirq);
}

enum exit_status step_unmap_line(struct run *run, const struct step *step)
{
	int err;

	if (is_kept(run, step))
		return EXIT_DONE;
	err = hv_unmap_pirq(run->context->hv, run->plan->domain, (uint32_t)step->grant.first);
	if (!err || err == -EINVAL || err == -ENOENT || err == -ESRCH)
		return EXIT_DONE;
	return failed(run, step, "unmap_pirq", err);
}

static int set(struct run *run, struct grant grant, bool allow)
{
	struct hv *hv = run->context->hv;
	uint32_t domain = run->plan->domain;
	uint64_t count = grant.last - grant.first + 1;

	switch (grant.kind) {
	case GRANT_MEMORY:
		return hv_iomem(hv, domain, grant.first, count, allow);
	case GRANT_PORTS:
		return hv_ioports(hv, domain, (uint32_t)grant.first, (uint32_t)count, allow);
	default:
		return hv_irq(hv, domain, (uint32_t)grant.first, allow);
	}
}

enum exit_status step_allow(struct run *run, const struct step *step)
{
	int err = set(run, step->grant, true);

	return err ? failed(run, step, "permission", err) : EXIT_DONE;
}

/* All but what the domain holds by other devices. */
enum exit_status step_deny(struct run *run, const struct step *step)
{
	struct plan_device *device = &run->plan->device[step->device];
	struct grants revoke = {.grant = {step->grant}, .count = 1};
	size_t i;
	int err = 0;

	grants_subtract(&revoke, &device->kept);
	for (i = 0; i < revoke.count && !err; i++) {
		err = set(run, revoke.grant[i], false);
		if (err == -ESRCH)
			err = 0;
		if (!err)
			grants_add(&device->revoked, revoke.grant[i]);
	}
	return err ? failed(run, step, "permission", err) : EXIT_DONE;
}

/* One grant more, and a line's PIRQ before it. */
static enum exit_status deny_late(struct run *run, size_t device, struct grant grant)
{
	struct step step = {.kind = STEP_UNMAP_LINE, .device = device, .grant = grant};
	enum exit_status unmapped = EXIT_DONE, denied;

	if (grant.kind == GRANT_LINE)
		unmapped = step_unmap_line(run, &step);
	step.kind = STEP_DENY;
	denied = step_deny(run, &step);
	return unmapped ? unmapped : denied;
}

static enum exit_status line_unknown(struct run *run, struct bdf bdf, const char *why)
{
	return report_error(&run->context->report, EXIT_LEFTOVER, "line-hidden",
			    "%s: its interrupt line may still be granted|%s|xenpci detach again",
			    BDF_STR(bdf), why);
}

/*
 * The plan was made while the guest had the device. A line that MSI hid then is to be seen now that
 * pciback has turned that off; what has no record, since xl attached it, is known by this alone.
 */
enum exit_status step_deny_rest(struct run *run, const struct step *step)
{
	struct plan_device *planned = &run->plan->device[step->device];
	struct report own = {0};
	struct device device;
	struct grants more;
	enum exit_status status = device_read(run->context->files, planned->bdf, &device, &own),
			 now;
	size_t i;

	if (status && status != EXIT_UNKNOWN)
		report_error(&run->context->report, EXIT_LEFTOVER, "sysfs", "%s|%s|%s",
			     own.findings[0].cause, own.findings[0].evidence, own.findings[0].next);
	report_clear(&own);
	if (status == EXIT_UNKNOWN)
		return planned->line_hidden
			       ? line_unknown(run, planned->bdf,
					      "MSI hid it, and sysfs has no such device now")
			       : EXIT_DONE;
	if (status)
		return EXIT_LEFTOVER;
	if (device.line_hidden && !grants_line(&planned->record.grants))
		return line_unknown(run, planned->bdf,
				    "MSI is still on, and sysfs shows its number instead");
	more = grants_of_device(&device);
	if (!grants_subtract(&more, &planned->record.grants) ||
	    !grants_join(&planned->record.grants, &more))
		return report_error(&run->context->report, EXIT_LEFTOVER, "too-many",
				    "%s has too many resources||", BDF_STR(planned->bdf));
	for (i = 0; i < more.count; i++) {
		now = deny_late(run, step->device, more.grant[i]);
		if (!status)
			status = now;
	}
	return status;
}
