/* SPDX-License-Identifier: MIT */
/*
 * Carrying out a plan.
 */
#ifndef XENPCI_RUN_H
#define XENPCI_RUN_H

#include "plan/plan.h"

/*
 * Take the steps in order. EXIT_DONE, or, with findings that say what went wrong:
 * - before plan->no_return: everything undone, the status of the failure (EXIT_UNDONE,
 * EXIT_TIMEOUT, EXIT_INTERRUPTED...), or EXIT_LEFTOVER if something could not be undone;
 * - from there on: everything tried, EXIT_LEFTOVER.
 */
enum exit_status plan_run(struct context *context, struct plan *plan);

/* What a step does and how it is undone; for run.c. Each adds a finding when it fails. */
struct run {
	struct context *context;
	struct plan *plan;
	bool undoing;	  /* interrupts do not count */
	bool passed_over; /* by force: the guest is neither asked nor waited for any more */
};

enum exit_status step_act(struct run *run, const struct step *step);
enum exit_status step_undo(struct run *run, const struct step *step);

/* What others did meanwhile: may the step still be taken? False, with a note, if not. */
enum exit_status run_still_held(struct run *run, const struct step *step, bool *held);
/* Once more what the domain holds by other devices, when the guest has had its time. */
enum exit_status run_look_again(struct run *run);

/* Waits on xenstore watches: until the goal is reached, the deadline, or an interrupt. */
enum wait_goal {
	WAIT_CONNECTED, /* both ends are, and all functions of the plan are exported */
	WAIT_RELEASED,	/* all functions of the plan are given up, or gone with the backend */
	WAIT_SETTLED,	/* nothing is under way that a removal would have to wait for */
};
enum exit_status run_wait(struct run *run, enum wait_goal goal, unsigned int seconds);

#endif
