/* SPDX-License-Identifier: MIT */
/*
 * Steps that the guest and pciback take part in, by way of xenstore.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "host/pciback.h"
#include "steps.h"

/* An undo does not wait as long as somebody who wants to have something. */
#define UNDO_SECONDS 10

/* For dom0's kernel, which has nobody to wait for. */
#define PCIBACK_SECONDS 20u
#define TICK_MS 50u

static enum exit_status failed(struct run *run, const char *what, int err)
{
	if (err == -EBUSY)
		return report_error(&run->context->report, EXIT_BUSY, "busy",
				    "domain %" PRIu32
				    " is busy|its PCI backend is not connected, or "
				    "another device is being given up|xenpci status %" PRIu32,
				    run->plan->domain, run->plan->domain);
	return report_error(&run->context->report, EXIT_UNDONE, "xenstore",
			    "cannot %s domain %" PRIu32 "|xenstore: %s|", what, run->plan->domain,
			    strerror(-err));
}

/* A change of all functions of the plan: 0 or more, or -errno. */
static int change(struct run *run,
		  int (*make)(struct store *, uint32_t, const struct bdf *, size_t))
{
	struct bdf *bdf = plan_addresses(run->plan);
	int err = make(run->context->store, run->plan->domain, bdf, run->plan->devices);

	free(bdf);
	return err;
}

enum exit_status step_publish(struct run *run, const struct step *step)
{
	struct backend_wish *wish = memory_grow(NULL, run->plan->devices, sizeof(*wish));
	size_t i;
	int err;

	for (i = 0; i < run->plan->devices; i++)
		wish[i] = run->plan->device[i].wish;
	err = backend_publish(run->context->store, run->plan->domain, run->plan->domain_name, wish,
			      run->plan->devices);
	free(wish);
	return err ? failed(run, "offer the devices to", err) : EXIT_DONE;
}

enum exit_status step_connect(struct run *run, const struct step *step)
{
	return run_wait(run, WAIT_CONNECTED, run->plan->seconds);
}

static enum removal removal_now(struct run *run, struct backend *backend)
{
	struct bdf *bdf = plan_addresses(run->plan);
	enum removal removal = REMOVAL_NO_WAY;

	if (!backend_look(run->context->store, run->plan->domain, backend, NULL))
		removal = backend_removal(backend, bdf, run->plan->devices);
	free(bdf);
	return removal;
}

enum exit_status step_replug(struct run *run, const struct step *step)
{
	int err = change(run, backend_replug);

	if (err != -EBUSY)
		return err ? failed(run, "put the devices back into", err) : EXIT_DONE;
	return report_error(&run->context->report, EXIT_LEFTOVER, "half-done",
			    "the guest has begun to give the devices up|domain %" PRIu32
			    "|xenpci detach again",
			    run->plan->domain);
}

/*
 * The kernel notices a little later that the nodes have gone. Until then pciback does what a guest
 * that gave nothing up asks it to: nothing about the device may be done before that is over.
 */
static enum exit_status wait_for_pciback(struct run *run)
{
	struct context *context = run->context;
	uint64_t end = context_clock() + PCIBACK_SECONDS * 1000ull;
	int err;

	while (pciback_serves(context->files, run->plan->domain)) {
		if (context_clock() >= end)
			return report_error(&context->report, EXIT_LEFTOVER, "pciback",
					    "pciback still serves domain %" PRIu32
					    "|/sys/devices/pci-%" PRIu32
					    "-0 is there after %u s|dmesg",
					    run->plan->domain, run->plan->domain, PCIBACK_SECONDS);
		err = store_wait(context->store, TICK_MS);
		if (err < 0 && err != -EINTR)
			return failed(run, "wait for pciback of", err);
	}
	return EXIT_DONE;
}

enum exit_status step_withdraw(struct run *run, const struct step *step)
{
	struct backend backend;
	int err = change(run, backend_withdraw);

	if (!err)
		err = backend_look(run->context->store, run->plan->domain, &backend, NULL);
	if (err)
		return failed(run, "remove the devices from", err);
	return backend.exists ? EXIT_DONE : wait_for_pciback(run);
}

/* Would the whole device go? Then the guest need not agree. */
static bool all_leave(struct run *run)
{
	struct bdf *bdf = plan_addresses(run->plan);
	struct backend backend;
	size_t i, there = 0;
	bool all = !backend_look(run->context->store, run->plan->domain, &backend, NULL);

	for (i = 0; i < run->plan->devices && all; i++)
		there += backend_find(&backend, bdf[i]) >= 0;
	free(bdf);
	return all && there == backend.count;
}

/*
 * With force no guest can prevent it: whatever it did not do, or does while we look, is passed
 * over, provided that none of its other devices is hit. from: of the findings about it.
 */
static enum exit_status unless_forced(struct run *run, size_t from, enum exit_status status)
{
	struct report *report = &run->context->report;

	if (!status || status == EXIT_INTERRUPTED || !run->plan->force)
		return status;
	if (!all_leave(run)) {
		report_note(report, "others",
			    "--force cannot pass the guest over|domain %" PRIu32
			    " has other devices, which would go too|xenpci detach --force %" PRIu32
			    " with all of them",
			    run->plan->domain, run->plan->domain);
		return status;
	}
	for (; from < report->count; from++)
		report->findings[from].severity = SEVERITY_WARNING;
	run->passed_over = true;
	return EXIT_DONE;
}

static enum exit_status wait_for_guest(struct run *run, enum wait_goal goal)
{
	size_t from = run->context->report.count;

	if (run->passed_over)
		return EXIT_DONE;
	return unless_forced(run, from, run_wait(run, goal, run->plan->seconds));
}

enum exit_status step_arrive(struct run *run, const struct step *step)
{
	return wait_for_guest(run, WAIT_SETTLED);
}

/* Who closes the device, or ends, while we are about to ask has given it up as well. */
enum exit_status step_unplug(struct run *run, const struct step *step)
{
	size_t from = run->context->report.count;
	struct backend backend;
	enum removal removal;
	int err;

	if (run->passed_over)
		return EXIT_DONE;
	err = change(run, backend_unplug);
	removal = err == -EBUSY ? removal_now(run, &backend) : REMOVAL_NO_WAY;
	if (err >= 0 || removal == REMOVAL_WITHDRAW || removal == REMOVAL_NOTHING)
		return EXIT_DONE;
	return unless_forced(run, from, failed(run, "unplug the devices from", err));
}

enum exit_status step_release(struct run *run, const struct step *step)
{
	return wait_for_guest(run, WAIT_RELEASED);
}

/* ---- taking back what was offered ---- */

/* Offered to a guest that has not looked yet: withdrawing makes it as if nothing had been. */
static bool not_looked_at(const struct run *run, const struct backend *backend)
{
	size_t i;
	int at;

	if (backend->state != XenbusStateReconfiguring || backend->frontend != XenbusStateConnected)
		return false;
	for (i = 0; i < run->plan->devices; i++) {
		at = backend_find(backend, run->plan->device[i].bdf);
		if (at >= 0 && backend->function[at].state != XenbusStateInitialising)
			return false;
	}
	return true;
}

static enum exit_status release_and_withdraw(struct run *run)
{
	enum exit_status status = run_wait(run, WAIT_RELEASED, UNDO_SECONDS);

	if (status && !all_leave(run))
		return status;
	return step_withdraw(run, NULL);
}

enum exit_status step_unpublish(struct run *run, const struct step *step)
{
	struct backend backend;
	enum removal removal = removal_now(run, &backend);
	enum exit_status status;

	if (removal == REMOVAL_ARRIVE_FIRST && !not_looked_at(run, &backend) &&
	    !run_wait(run, WAIT_SETTLED, UNDO_SECONDS))
		removal = removal_now(run, &backend);
	switch (removal) {
	case REMOVAL_NOTHING:
		return EXIT_DONE;
	case REMOVAL_UNPLUG:
		status = step_unplug(run, NULL);
		return status ? status : release_and_withdraw(run);
	case REMOVAL_RELEASE_FIRST:
		return release_and_withdraw(run);
	case REMOVAL_WITHDRAW:
		return step_withdraw(run, NULL);
	default:
		if (not_looked_at(run, &backend) || all_leave(run))
			return step_withdraw(run, NULL);
		return report_error(&run->context->report, EXIT_LEFTOVER, "half-done",
				    "domain %" PRIu32 " keeps what it was offered|backend %s, "
				    "frontend %s|xenpci status %" PRIu32,
				    run->plan->domain, backend_state_name(backend.state),
				    backend_state_name(backend.frontend), run->plan->domain);
	}
}
