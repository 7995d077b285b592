/* SPDX-License-Identifier: MIT */
/*
 * The loop over a plan's steps: forward, back on failure, or forward whatever happens.
 */
#include "run.h"

/* The step whose undo says that nothing has happened. */
static bool is_record(const struct step *step)
{
	return step->kind == STEP_NOTE || step->kind == STEP_MARK;
}

/* In reverse. The record says what is left if this fails: it is the first step, undone last. */
static enum exit_status undo(struct run *run, size_t done, enum exit_status why)
{
	enum exit_status status = EXIT_DONE, now;
	size_t left = done;

	run->undoing = true;
	while (left--) {
		/* The record stays as long as there is something that it has to name. */
		if (status && is_record(&run->plan->step[left]))
			break;
		now = step_undo(run, &run->plan->step[left]);
		if (!status)
			status = now;
	}
	if (status) {
		report_error(&run->context->report, EXIT_LEFTOVER, "leftover",
			     "not everything could be undone||xenpci status");
		return EXIT_LEFTOVER;
	}
	if (done)
		report_note(&run->context->report, "undone", "undone|%zu step%s, in reverse|", done,
			    done == 1 ? "" : "s");
	return why;
}

static enum exit_status interrupted(struct run *run)
{
	return report_error(&run->context->report, EXIT_INTERRUPTED, "interrupted",
			    "interrupted by a signal||");
}

/* Those hit whoever has the device: never a new owner. */
static bool hits_device(const struct step *step)
{
	return step->kind == STEP_QUIET || step->kind == STEP_RESET || step->kind == STEP_REBIND;
}

static enum exit_status take(struct run *run, const struct step *step)
{
	enum exit_status status;
	bool held;

	if (!hits_device(step))
		return step_act(run, step);
	status = run_still_held(run, step, &held);
	return held ? step_act(run, step) : status;
}

/* Everything is tried; but what is not known to be gone is not forgotten. */
static enum exit_status go_on(struct run *run, size_t from)
{
	enum exit_status status = from < run->plan->steps ? run_look_again(run) : EXIT_DONE;
	const struct step *step;
	size_t i;

	for (i = from; i < run->plan->steps; i++) {
		step = &run->plan->step[i];
		if (status && step->kind == STEP_FORGET)
			break;
		if (take(run, step))
			status = EXIT_LEFTOVER;
	}
	if (status)
		report_error(&run->context->report, status, "leftover",
			     "not everything could be taken back||xenpci status, then xenpci "
			     "detach again");
	return status;
}

enum exit_status plan_run(struct context *context, struct plan *plan)
{
	struct run run = {.context = context, .plan = plan};
	enum exit_status status;
	size_t i;

	for (i = 0; i < plan->no_return; i++) {
		status = context_interrupted() ? interrupted(&run) : step_act(&run, &plan->step[i]);
		if (status)
			return undo(&run, i, status);
	}
	return go_on(&run, i);
}
