/* SPDX-License-Identifier: MIT */
/*
 * Waiting for the guest and pciback. Both are watched; each event makes both be read anew. The
 * guest may write as often as it likes: only the clock ends the wait.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "run.h"

#define TICK_MS 1000u

struct wait {
	struct run *run;
	enum wait_goal goal;
	uint64_t end; /* context_clock() */
	struct backend now;
	unsigned int shown_state, shown_frontend;
	uint64_t shown_at;
};

static const char *const goals[] = {
	[WAIT_CONNECTED] = "has the devices",
	[WAIT_RELEASED] = "has given the devices up",
	[WAIT_SETTLED] = "is through with what is under way",
};

static bool is_connected(const struct wait *wait)
{
	const struct plan *plan = wait->run->plan;
	size_t i;
	int at;

	for (i = 0; i < plan->devices; i++) {
		at = backend_find(&wait->now, plan->device[i].bdf);
		if (at < 0 || !wait->now.function[at].exported ||
		    wait->now.function[at].state != XenbusStateInitialised)
			return false;
	}
	return wait->now.state == XenbusStateConnected &&
	       wait->now.frontend == XenbusStateConnected;
}

/* A domain that is gone, or about to be, gives nothing up any more, and keeps nothing. */
static bool has_ended(const struct wait *wait)
{
	struct hv_domain info;
	int err = hv_domain(wait->run->context->hv, wait->run->plan->domain, &info);

	return err == -ESRCH || (!err && info.dying);
}

/* What a plan that were made now would not wait for is reached, whoever brought it about. */
static bool reached(const struct wait *wait)
{
	struct bdf *bdf;
	enum removal removal;

	if (wait->goal == WAIT_CONNECTED)
		return is_connected(wait);
	if (has_ended(wait))
		return true;
	bdf = plan_addresses(wait->run->plan);
	removal = backend_removal(&wait->now, bdf, wait->run->plan->devices);
	free(bdf);
	if (wait->goal == WAIT_RELEASED)
		return removal == REMOVAL_WITHDRAW || removal == REMOVAL_NOTHING;
	return removal != REMOVAL_ARRIVE_FIRST && removal != REMOVAL_NO_WAY;
}

/* What pciback says about its failure, "" if nothing; a new string. */
static char *complaint(struct wait *wait)
{
	char *path = text_format("/local/domain/0/error/backend/pci/%" PRIu32 "/0/error",
				 wait->run->plan->domain);
	char *value;
	int err = store_read(wait->run->context->store, 0, path, &value);

	free(path);
	return err ? text_copy("") : value;
}

/* Closing or closed, or no guest any more: waiting longer is of no use. */
static bool hopeless(const struct wait *wait)
{
	return has_ended(wait) || wait->now.state == XenbusStateClosing ||
	       wait->now.state == XenbusStateClosed || wait->now.frontend == XenbusStateClosing ||
	       wait->now.frontend == XenbusStateClosed;
}

static enum exit_status give_up(struct wait *wait, enum exit_status status, const char *id,
				const char *how)
{
	char *text = complaint(wait);

	report_error(&wait->run->context->report, status, id,
		     "domain %" PRIu32 " %s|backend %s, frontend %s%s%.100s|%s",
		     wait->run->plan->domain, how, backend_state_name(wait->now.state),
		     backend_state_name(wait->now.frontend), *text ? ", pciback: " : "", text,
		     wait->now.frontend <= XenbusStateInitialising
			     ? "does the guest have a PCI frontend driver (xen-pcifront)?"
			     : "look at the guest's and dom0's kernel logs");
	free(text);
	return status;
}

/* Only when something has changed, and once a second: a guest must not fill logs. */
static void show(struct wait *wait, uint64_t left)
{
	FILE *err = wait->run->context->err;
	uint64_t now = context_clock();

	if ((wait->shown_state == wait->now.state && wait->shown_frontend == wait->now.frontend) ||
	    (wait->shown_at && now - wait->shown_at < TICK_MS))
		return;
	wait->shown_at = now;
	wait->shown_state = wait->now.state;
	wait->shown_frontend = wait->now.frontend;
	fprintf(err,
		"xenpci: until domain %" PRIu32 " %s: backend %s, frontend %s, at most %" PRIu64
		" s\n",
		wait->run->plan->domain, goals[wait->goal], backend_state_name(wait->now.state),
		backend_state_name(wait->now.frontend), (left + 999) / 1000);
	fflush(err);
}

/* One look, and one wait for the next event. EXIT_DONE with *through unset: look again. */
static enum exit_status look(struct wait *wait, bool *through)
{
	struct context *context = wait->run->context;
	uint64_t now = context_clock(), left = wait->end > now ? wait->end - now : 0;
	char *path = NULL;
	int err = backend_look(context->store, wait->run->plan->domain, &wait->now, &path);

	if (err) {
		report_error(&context->report, EXIT_UNDONE, "xenstore",
			     "cannot read the backend's state|%.120s: %s|", path, strerror(-err));
		free(path);
		return EXIT_UNDONE;
	}
	*through = reached(wait);
	if (*through)
		return EXIT_DONE;
	if (hopeless(wait))
		return give_up(wait, EXIT_UNDONE, "refused",
			       has_ended(wait) ? "has ended" : "or its backend closes the device");
	if (!left)
		return give_up(wait, EXIT_TIMEOUT, "timeout", "did not answer in time");
	if (context_interrupted() && !wait->run->undoing)
		return report_error(&context->report, EXIT_INTERRUPTED, "interrupted",
				    "interrupted by a signal||");
	show(wait, left);
	err = store_wait(context->store, left < TICK_MS ? (unsigned int)left : TICK_MS);
	if (err < 0 && err != -EINTR)
		return report_error(&context->report, EXIT_UNDONE, "xenstore",
				    "cannot wait for xenstore|%s|", strerror(-err));
	return EXIT_DONE;
}

enum exit_status run_wait(struct run *run, enum wait_goal goal, unsigned int seconds)
{
	struct wait wait = {.run = run, .goal = goal, .end = context_clock() + seconds * 1000ull};
	char *back = backend_path(run->plan->domain, "");
	char *front = frontend_path(run->plan->domain, "state");
	enum exit_status status = EXIT_DONE;
	bool through = false;
	int err = store_watch(run->context->store, back);

	if (!err)
		err = store_watch(run->context->store, front);
	if (err)
		status = report_error(&run->context->report, EXIT_UNDONE, "xenstore",
				      "cannot watch xenstore|%s|", strerror(-err));
	while (!status && !through)
		status = look(&wait, &through);
	store_unwatch(run->context->store, back);
	store_unwatch(run->context->store, front);
	free(back);
	free(front);
	return status;
}
