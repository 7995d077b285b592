/* SPDX-License-Identifier: MIT */
/*
 * What others did since the plan was made. xl takes no lock of ours, and a guest may keep a detach
 * waiting for long: by then the device may be another domain's or dom0's, and this domain may have
 * got other devices. Nothing here changes anything.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "domain/situation.h"
#include "run.h"

/* One that is not to be seen is nobody else's: the step itself finds out. */
static enum exit_status check_driver(struct run *run, const struct plan_device *planned, bool *held)
{
	struct report own = {0};
	struct device device;
	enum exit_status status = device_read(run->context->files, planned->bdf, &device, &own);

	*held = status == EXIT_UNKNOWN || (!status && plan_holds(planned, &device));
	if (!status && !*held)
		report_note(&run->context->report, "moved",
			    "%s is left alone|its driver is %s now|", BDF_STR(planned->bdf),
			    *device.driver ? device.driver : "none");
	if (status && status != EXIT_UNKNOWN)
		report_error(&run->context->report, EXIT_LEFTOVER, "sysfs", "%s|%s|%s",
			     own.findings[0].cause, own.findings[0].evidence, own.findings[0].next);
	report_clear(&own);
	return status == EXIT_UNKNOWN ? EXIT_DONE : status;
}

/* The owner first: who takes a device from one domain for another leaves it with pciback. */
enum exit_status run_still_held(struct run *run, const struct step *step, bool *held)
{
	const struct plan_device *planned = &run->plan->device[step->device];
	struct hv_domain info;
	uint32_t domain;
	int err;

	*held = false;
	switch (owner_read(run->context->store, 0, planned->bdf, &domain)) {
	case NOTED_UNREADABLE:
		return report_error(&run->context->report, EXIT_LEFTOVER, "owner",
				    "%s: who has it cannot be told|its note below /libxl/pci makes "
				    "no sense|xenstore-rm it, then xenpci detach again",
				    BDF_STR(planned->bdf));
	case NOTED_DOMAIN:
		if (domain == run->plan->domain)
			break;
		err = hv_domain(run->context->hv, domain, &info);
		if (err == -ESRCH)
			break;
		if (err)
			return report_error(&run->context->report, EXIT_LEFTOVER, "no-xen",
					    "%s: who has it cannot be told|asking about domain "
					    "%" PRIu32 ": %s|",
					    BDF_STR(planned->bdf), domain, strerror(-err));
		report_note(&run->context->report, "moved",
			    "%s is left alone|domain %" PRIu32 " has it now|",
			    BDF_STR(planned->bdf), domain);
		return EXIT_DONE;
	default:
		break;
	}
	return check_driver(run, planned, held);
}

enum exit_status run_look_again(struct run *run)
{
	struct context context = *run->context;
	struct situation situation;
	struct bdf *leaving = plan_addresses(run->plan);
	enum exit_status status;
	size_t i;

	context.report = (struct report){0};
	status = situation_read(&context, run->plan->domain, &situation);
	for (i = 0; i < run->plan->devices && !status; i++)
		status = situation_kept(&situation, leaving, run->plan->devices,
					&run->plan->device[i].kept, &context.report);
	if (status)
		report_error(&run->context->report, EXIT_LEFTOVER, "look-again",
			     "cannot see what changed meanwhile|%s: %s|",
			     context.report.findings[context.report.count - 1].cause,
			     context.report.findings[context.report.count - 1].evidence);
	situation_free(&situation);
	report_clear(&context.report);
	free(leaving);
	return status ? EXIT_LEFTOVER : EXIT_DONE;
}
