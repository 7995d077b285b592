/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a domain's devices. Three notes are compared: xenpci's record, libxl's owner,
 * and the functions of the backend; a device is well when it is in the backend, exported, and no
 * record says that something is under way. Pure.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "status.h"

static struct status_device *device_of(struct status *status, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < status->count; i++)
		if (bdf_equal(status->device[i].bdf, bdf))
			return &status->device[i];
	status->device = memory_grow(status->device, status->count + 1, sizeof(*status->device));
	status->device[status->count] = (struct status_device){.bdf = bdf};
	return &status->device[status->count++];
}

static void gather(const struct situation *situation, struct status *status)
{
	const struct record *record;
	struct holder holder;
	struct bdf bdf;
	size_t i;

	for (i = 0; i < situation->backend.count; i++)
		device_of(status, situation->backend.function[i].bdf)->function =
			&situation->backend.function[i];
	for (i = 0; i < situation->records.count; i++) {
		record = &situation->records.record[i];
		if (record->domain == situation->domain)
			device_of(status, record->bdf)->record = record;
	}
	for (i = 0; i < situation->devices.count; i++) {
		bdf = situation->devices.device[i].bdf;
		holder = situation_holder(situation, bdf);
		if (holder.owner == NOTED_DOMAIN && holder.domain == situation->domain)
			device_of(status, bdf)->noted = true;
	}
}

/* Numbers of domains are used again: is this the one that the record speaks of? */
static bool other_domain(const struct situation *situation, const struct record *record)
{
	return !situation->exists ||
	       (*record->uuid && *situation->uuid && strcmp(record->uuid, situation->uuid) != 0);
}

/* Which step of an attach that nobody works on comes next. */
static const char *attach_stopped(const struct situation *situation,
				  const struct status_device *device)
{
	if (!device->function)
		return "attach stopped before the guest was told: permissions may be granted";
	if (!device->function->exported)
		return "attach stopped: pciback has not exported it";
	if (situation->backend.state != XenbusStateConnected ||
	    situation->backend.frontend != XenbusStateConnected)
		return "attach stopped: the guest has not taken it";
	return "attach stopped: only its note is missing";
}

static const char *detach_stopped(const struct situation *situation,
				  const struct status_device *device)
{
	if (!device->function)
		return "detach stopped: permissions may be left";
	if (!backend_leaves(device->function))
		return "detach stopped before the guest was asked";
	if (situation->backend.state != XenbusStateConnected)
		return "detach stopped: the guest has not given it up";
	return "detach stopped: the guest has given it up, its nodes and permissions are left";
}

/* By what pciback and the guest have made of it: xl, or a guest, may have stopped half-way. */
static const char *function_problem(const struct situation *situation,
				    const struct backend_function *function)
{
	if (backend_leaves(function))
		return situation->backend.state == XenbusStateConnected
			       ? "given up by the guest, but its nodes are left"
			       : "asked back, but the guest has not given it up";
	return function->exported ? "" : "offered, but pciback has not exported it";
}

static const char *recorded_problem(const struct situation *situation,
				    const struct status_device *device)
{
	if (other_domain(situation, device->record))
		return "its domain is gone: only notes are left";
	switch (device->record->stage) {
	case RECORD_ATTACHING:
		return attach_stopped(situation, device);
	case RECORD_DETACHING:
		return detach_stopped(situation, device);
	default:
		if (!device->function)
			return "detached by somebody else: xenpci's note of permissions is left";
		return function_problem(situation, device->function);
	}
}

static const char *problem_of(const struct situation *situation, const struct status_device *device)
{
	if (device->working)
		return "";
	if (device->record)
		return recorded_problem(situation, device);
	if (!situation->exists)
		return "its domain is gone: only notes are left";
	if (!device->function)
		return "noted by xl, but the guest was not told: permissions may be granted";
	return function_problem(situation, device->function);
}

/* Two ends that wait for each other for ever, or one that is not there. */
static const char *guest_problem(const struct backend *backend)
{
	bool connected = backend->frontend == XenbusStateConnected;

	if (!backend->exists)
		return "";
	if (backend->state == XenbusStateClosing || backend->state == XenbusStateClosed ||
	    backend->frontend == XenbusStateClosing || backend->frontend == XenbusStateClosed)
		return "the device is closed: detach all and attach again";
	if (backend->frontend == XenbusStateReconfiguring && backend->state == XenbusStateConnected)
		return "the guest waits for a change that was taken back";
	if (backend->state == XenbusStateReconfiguring && connected)
		return "the guest has not looked at what changed";
	if (backend->state == XenbusStateReconfiguring)
		return "pciback has not carried out what changed (dom0's kernel log says why)";
	if (backend->state == XenbusStateReconfigured)
		return "the guest has not confirmed what changed";
	if (backend->state != XenbusStateConnected || !connected)
		return backend->frontend <= XenbusStateInitialising
			       ? "no PCI frontend driver in the guest has answered"
			       : "the two ends have not connected";
	return "";
}

void status_judge(const struct situation *situation, bool (*at_work)(void *, uint32_t pid),
		  void *opaque, struct status *status, struct report *report)
{
	struct status_device *device;
	bool busy = false;
	size_t i;

	*status = (struct status){.situation = situation};
	gather(situation, status);
	for (i = 0; i < status->count; i++) {
		device = &status->device[i];
		device->working = device->record && device->record->stage != RECORD_ATTACHED &&
				  at_work(opaque, device->record->pid);
		busy |= device->working;
		snprintf(device->problem, sizeof(device->problem), "%s",
			 problem_of(situation, device));
		if (*device->problem)
			report_error(report, EXIT_LEFTOVER, "leftover",
				     "%s: %s||xenpci detach %" PRIu32 " %s", BDF_STR(device->bdf),
				     device->problem, situation->domain, BDF_STR(device->bdf));
	}
	if (busy)
		return;
	snprintf(status->problem, sizeof(status->problem), "%s",
		 guest_problem(&situation->backend));
	if (*status->problem)
		report_error(report, EXIT_LEFTOVER, "stuck",
			     "domain %" PRIu32 ": %s|backend %s, frontend %s|", situation->domain,
			     status->problem, backend_state_name(situation->backend.state),
			     backend_state_name(situation->backend.frontend));
}

void status_free(struct status *status)
{
	free(status->device);
	*status = (struct status){0};
}
