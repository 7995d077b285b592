/* SPDX-License-Identifier: MIT */
/*
 * The plan of an attach. First everything is looked at and refused where it must be, with all
 * reasons at once; then steps are laid down in the order in which it is safe to take them: the
 * device is stopped, reset and assigned before the domain may touch it, and the guest is told last.
 */
#include <inttypes.h>
#include <string.h>
#include "judge.h"
#include "base/memory.h"
#include "plan.h"

static void add_wish(const struct situation *situation, const struct wish *wishes, size_t count,
		     const struct wish *wish, struct plan *plan, struct report *report)
{
	const struct device *device = devices_find(&situation->devices, wish->backend.bdf);
	const struct record *record = records_find(&situation->records, wish->backend.bdf);
	struct plan_device *planned;

	judge_device(situation, wishes, count, wish, report);
	if (!device || judge_attached(situation, device->bdf))
		return;
	planned = plan_add_device(plan, device->bdf);
	planned->wish = wish->backend;
	planned->resets = !wish->no_reset && *device->reset_method;
	planned->record = (struct record){
		.bdf = device->bdf,
		.stage = RECORD_ATTACHING,
		.domain = situation->domain,
		.iommu = situation->host.iommu,
		.permissive = wish->backend.permissive,
		.grants = grants_of_device(device),
	};
	memcpy(planned->record.uuid, situation->uuid, RECORD_UUID);
	if (!record || record->domain != situation->domain)
		return;
	/* From before xl took it back: whatever of it is left goes with the next detach. */
	planned->was_recorded = true;
	planned->before = *record;
	if (!grants_join(&planned->record.grants, &record->grants))
		report_error(report, EXIT_REFUSED, "too-many", "%s has too many resources||",
			     BDF_STR(device->bdf));
}

static void add_device_steps(struct plan *plan, size_t index, const struct device *device)
{
	const struct plan_device *planned = &plan->device[index];
	const struct grants grants = grants_of_device(device);
	size_t i;

	plan_add_step(plan, STEP_STILL, index);
	if (planned->resets)
		plan_add_step(plan, STEP_RESET, index);
	if (planned->record.iommu)
		plan_add_step(plan, STEP_ASSIGN, index);
	for (i = 0; i < grants.count; i++) {
		if (grants.grant[i].kind == GRANT_LINE)
			plan_add_grant_step(plan, STEP_MAP_LINE, index, grants.grant[i]);
		plan_add_grant_step(plan, STEP_ALLOW, index, grants.grant[i]);
	}
	if (planned->record.permissive)
		plan_add_step(plan, STEP_PERMISSIVE, index);
}

/* What stays when an undo takes grants back: what the domain holds by other devices. */
static enum exit_status keep_others(const struct situation *situation, struct plan *plan,
				    struct report *report)
{
	enum exit_status status = EXIT_DONE;
	size_t i;

	for (i = 0; i < plan->devices && !status; i++)
		status = situation_kept(situation, NULL, 0, &plan->device[i].kept, report);
	return status;
}

static void add_steps(const struct situation *situation, struct plan *plan)
{
	size_t i;

	if (!plan->devices)
		return;
	plan_add_step(plan, STEP_NOTE, 0);
	for (i = 0; i < plan->devices; i++)
		add_device_steps(plan, i, devices_find(&situation->devices, plan->device[i].bdf));
	plan_add_step(plan, STEP_PUBLISH, 0);
	plan_add_step(plan, STEP_CONNECT, 0);
	plan_add_step(plan, STEP_SETTLE, 0);
	plan->no_return = plan->steps;
}

/* The status of the first error from number `from` on. */
enum exit_status plan_attach(const struct situation *situation, const struct wish *wish,
			     size_t count, bool no_iommu, struct plan *plan, struct report *report)
{
	enum exit_status status;
	size_t i, j, from = report->count;

	*plan = (struct plan){.domain = situation->domain,
			      .domain_name = text_copy(situation->name),
			      .domain_exists = situation->exists};
	judge_domain(situation, report);
	for (i = 0; i < count; i++)
		for (j = 0; j < i; j++)
			if (bdf_equal(wish[i].backend.bdf, wish[j].backend.bdf))
				return report_error(report, EXIT_USAGE, "twice",
						    "%s is named twice||",
						    BDF_STR(wish[i].backend.bdf));
	for (i = 0; i < count; i++)
		add_wish(situation, wish, count, &wish[i], plan, report);
	if (plan->devices)
		judge_iommu(situation, no_iommu, report);
	status = report_status(report, from);
	if (!status)
		status = keep_others(situation, plan, report);
	if (!status)
		add_steps(situation, plan);
	return status;
}
