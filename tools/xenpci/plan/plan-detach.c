/* SPDX-License-Identifier: MIT */
/*
 * The plan of a detach: of a device that is whole, of one that a killed xenpci or xl left
 * half-done, of one whose domain is gone. First the guest gives the device up (this much can be
 * undone); then everything that it may have been granted is taken back: what the record says and
 * what the device says today, since the two may differ, less what the domain holds by other
 * devices.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "judge.h"
#include "base/memory.h"
#include "plan.h"

/* Something of it is the domain's, or may be. */
static bool is_involved(const struct situation *situation, const struct plan_device *planned)
{
	return planned->was_recorded || planned->noted ||
	       backend_find(&situation->backend, planned->bdf) >= 0;
}

static bool add_one(const struct situation *situation, struct bdf bdf, struct plan *plan,
		    struct report *report)
{
	const struct device *device = devices_find(&situation->devices, bdf);
	const struct record *record = records_find(&situation->records, bdf);
	struct holder holder = situation_holder(situation, bdf);
	struct plan_device *planned;
	struct grants today = {0};

	if (record && record->domain != situation->domain)
		record = NULL;
	if (devices_is_broken(&situation->devices, bdf)) {
		report_error(report, EXIT_HOST, "sysfs", "%s cannot be read||dmesg", BDF_STR(bdf));
		return false;
	}
	if (!device && !record && backend_find(&situation->backend, bdf) < 0) {
		report_error(report, EXIT_UNKNOWN, "no-device", "%s: no such device||xenpci list",
			     BDF_STR(bdf));
		return false;
	}
	if (device)
		today = grants_of_device(device);
	planned = plan_add_device(plan, bdf);
	planned->was_recorded = record;
	if (record)
		planned->before = *record;
	planned->record = record ? *record
				 : (struct record){
					   .bdf = bdf,
					   .domain = situation->domain,
					   .iommu = situation->host.iommu,
				   };
	planned->record.stage = RECORD_DETACHING;
	memcpy(planned->record.uuid, situation->uuid, RECORD_UUID);
	if (!grants_join(&planned->record.grants, &today)) {
		report_error(report, EXIT_REFUSED, "too-many", "%s has too many resources||",
			     BDF_STR(bdf));
		return false;
	}
	planned->noted = holder.owner == NOTED_DOMAIN && holder.domain == situation->domain;
	planned->moved = holder.owner == NOTED_DOMAIN && !planned->noted && holder.alive;
	planned->line_hidden = device && device->line_hidden && is_involved(situation, planned) &&
			       !grants_line(&planned->record.grants);
	if (planned->line_hidden)
		report_note(report, "line-hidden",
			    "%s: its interrupt line is not to be seen yet|the guest uses MSI|it is "
			    "taken back when the guest has given the device up",
			    BDF_STR(bdf));
	return true;
}

/* By the record, or by what xl wrote down in the backend's options. */
static void see_permissive(const struct situation *situation, struct plan_device *planned)
{
	int at = backend_find(&situation->backend, planned->bdf);

	if (at >= 0 && situation->backend.function[at].permissive)
		planned->record.permissive = true;
}

/* Another domain has it: then it is not this domain's to give up, unless a part of it is. */
static bool held_by_other(const struct situation *situation, const struct plan_device *planned,
			  struct report *report)
{
	const struct record *record = records_find(&situation->records, planned->bdf);
	struct holder holder = situation_holder(situation, planned->bdf);

	if (record && record->domain != situation->domain)
		holder = (struct holder){.owner = NOTED_DOMAIN, .domain = record->domain};
	else if (is_involved(situation, planned) || holder.owner != NOTED_DOMAIN) {
		if (planned->moved)
			report_note(report, "moved",
				    "%s is left alone|domain %" PRIu32 " has it now|what domain "
				    "%" PRIu32 " could still do to it is taken back",
				    BDF_STR(planned->bdf), holder.domain, situation->domain);
		return false;
	}
	report_error(report, EXIT_BUSY, "holder",
		     "%s is not domain %" PRIu32 "'s|domain %" PRIu32
		     " has it|xenpci detach %" PRIu32 " %s",
		     BDF_STR(planned->bdf), situation->domain, holder.domain, holder.domain,
		     BDF_STR(planned->bdf));
	return true;
}

/* How the guest gives them up, as far as it takes part. */
static enum exit_status add_removal(const struct situation *situation, struct plan *plan,
				    const struct bdf *bdf, struct report *report)
{
	enum removal removal = backend_removal(&situation->backend, bdf, plan->devices);

	if (!situation->exists && removal != REMOVAL_NOTHING)
		removal = REMOVAL_WITHDRAW;
	if (removal == REMOVAL_NO_WAY)
		return report_error(report, EXIT_REFUSED, "no-frontend",
				    "the guest takes no part, and has other devices too|backend "
				    "%s, frontend %s|detach all devices of domain %" PRIu32
				    " together",
				    backend_state_name(situation->backend.state),
				    backend_state_name(situation->backend.frontend),
				    situation->domain);
	if (removal == REMOVAL_ARRIVE_FIRST)
		plan_add_step(plan, STEP_ARRIVE, 0);
	if (removal == REMOVAL_ARRIVE_FIRST || removal == REMOVAL_UNPLUG)
		plan_add_step(plan, STEP_UNPLUG, 0);
	if (removal == REMOVAL_ARRIVE_FIRST || removal == REMOVAL_UNPLUG ||
	    removal == REMOVAL_RELEASE_FIRST)
		plan_add_step(plan, STEP_RELEASE, 0);
	plan->no_return = plan->steps;
	if (removal != REMOVAL_NOTHING)
		plan_add_step(plan, STEP_WITHDRAW, 0);
	return EXIT_DONE;
}

static void add_deny_steps(struct plan *plan, size_t index)
{
	struct grants revoke = plan->device[index].record.grants;
	size_t i;

	grants_subtract(&revoke, &plan->device[index].kept);
	for (i = 0; i < revoke.count; i++) {
		if (revoke.grant[i].kind == GRANT_LINE)
			plan_add_grant_step(plan, STEP_UNMAP_LINE, index, revoke.grant[i]);
		plan_add_grant_step(plan, STEP_DENY, index, revoke.grant[i]);
	}
}

bool plan_holds(const struct plan_device *planned, const struct device *device)
{
	return device_is_pciback(device) ||
	       (!*device->driver && planned->was_recorded && planned->record.permissive);
}

/* What a new owner has is not touched: only what this domain may still do to it ends. */
static void add_device_steps(const struct situation *situation, struct plan *plan, size_t index)
{
	const struct plan_device *planned = &plan->device[index];
	const struct device *device = devices_find(&situation->devices, planned->bdf);
	bool held = device && plan_holds(planned, device) && !planned->moved;

	if (situation->exists)
		add_deny_steps(plan, index);
	if (!is_involved(situation, planned))
		return;
	if (device && situation->exists)
		plan_add_step(plan, STEP_DENY_REST, index);
	if (held)
		plan_add_step(plan, STEP_QUIET, index);
	if (held && *device->reset_method)
		plan_add_step(plan, STEP_RESET, index);
	/* Xen takes it from this domain only, whatever driver it has. */
	if (situation->exists && situation->host.iommu)
		plan_add_step(plan, STEP_DEASSIGN, index);
	if (held && planned->record.permissive)
		plan_add_step(plan, STEP_REBIND, index);
}

static enum exit_status add_all(const struct situation *situation, struct plan *plan,
				struct report *report)
{
	struct bdf *bdf = plan_addresses(plan);
	enum exit_status status = EXIT_DONE;
	size_t i;

	for (i = 0; i < plan->devices && !status; i++)
		status = situation_kept(situation, bdf, plan->devices, &plan->device[i].kept,
					report);
	if (!status) {
		plan_add_step(plan, STEP_MARK, 0);
		status = add_removal(situation, plan, bdf, report);
	}
	for (i = 0; i < plan->devices && !status; i++)
		add_device_steps(situation, plan, i);
	if (!status)
		plan_add_step(plan, STEP_FORGET, 0);
	free(bdf);
	return status;
}

enum exit_status plan_detach(const struct situation *situation, const struct bdf *bdf, size_t count,
			     bool force, struct plan *plan, struct report *report)
{
	enum exit_status status;
	size_t i, j, from = report->count;

	*plan = (struct plan){.domain = situation->domain,
			      .domain_name = text_copy(situation->name),
			      .domain_exists = situation->exists,
			      .force = force};
	if (!judge_kind(situation, report))
		return EXIT_REFUSED;
	for (i = 0; i < count; i++) {
		for (j = 0; j < i; j++)
			if (bdf_equal(bdf[i], bdf[j]))
				return report_error(report, EXIT_USAGE, "twice",
						    "%s is named twice||", BDF_STR(bdf[i]));
		if (!add_one(situation, bdf[i], plan, report))
			continue;
		see_permissive(situation, &plan->device[plan->devices - 1]);
		if (held_by_other(situation, &plan->device[plan->devices - 1], report) ||
		    is_involved(situation, &plan->device[plan->devices - 1]))
			continue;
		if (!situation->exists)
			report_error(report, EXIT_UNKNOWN, "no-domain",
				     "no such domain: %" PRIu32 "||xl list", situation->domain);
		else
			report_note(report, "detached",
				    "%s: domain %" PRIu32 " does not have it|permissions are taken "
				    "back all the same, should any be left|",
				    BDF_STR(bdf[i]), situation->domain);
	}
	status = report_status(report, from);
	return status ? status : add_all(situation, plan, report);
}
