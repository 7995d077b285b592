/* SPDX-License-Identifier: MIT */
/*
 * Which function takes which step and which takes it back. A step without the latter changes
 * nothing that would have to be taken back.
 */
#include "steps.h"

static const struct {
	enum exit_status (*act)(struct run *run, const struct step *step);
	enum exit_status (*undo)(struct run *run, const struct step *step);
} functions[STEP_KINDS] = {
	[STEP_NOTE] = {step_note, step_unnote},
	[STEP_STILL] = {step_quiet, step_stop},
	[STEP_RESET] = {step_reset, NULL},
	[STEP_ASSIGN] = {step_assign, step_unassign},
	[STEP_MAP_LINE] = {step_map_line, step_unmap_line},
	[STEP_ALLOW] = {step_allow, step_deny},
	[STEP_PERMISSIVE] = {step_permissive, step_rebind},
	[STEP_PUBLISH] = {step_publish, step_unpublish},
	[STEP_CONNECT] = {step_connect, NULL},
	[STEP_SETTLE] = {step_settle, NULL},
	[STEP_MARK] = {step_mark, step_unmark},
	[STEP_ARRIVE] = {step_arrive, NULL},
	[STEP_UNPLUG] = {step_unplug, step_replug},
	[STEP_RELEASE] = {step_release, NULL},
	[STEP_WITHDRAW] = {step_withdraw, NULL},
	[STEP_DENY] = {step_deny, NULL},
	[STEP_UNMAP_LINE] = {step_unmap_line, NULL},
	[STEP_DENY_REST] = {step_deny_rest, NULL},
	[STEP_QUIET] = {step_quiet, NULL},
	[STEP_DEASSIGN] = {step_deassign, NULL},
	[STEP_REBIND] = {step_rebind, NULL},
	[STEP_SAVE_DRIVER] = {step_save_driver, step_restore_driver},
	[STEP_UNBIND] = {step_unbind, step_bind_driver},
	[STEP_ADD_SLOT] = {step_add_slot, step_remove_slot},
	[STEP_BIND] = {step_bind, step_unbind_pciback},
	[STEP_QUARANTINE] = {step_quarantine, step_unquarantine},
	[STEP_PERSIST] = {step_persist, step_restore_list},
	[STEP_UNQUARANTINE] = {step_unquarantine, step_quarantine},
	[STEP_UNBIND_PCIBACK] = {step_unbind_pciback, step_bind},
	[STEP_REMOVE_SLOT] = {step_remove_slot, step_add_slot},
	[STEP_BIND_DRIVER] = {step_bind_driver, step_unbind},
	[STEP_DROP_DRIVER] = {step_drop_driver, step_restore_driver},
	[STEP_UNPERSIST] = {step_unpersist, step_restore_list},
	[STEP_FORGET] = {step_forget, NULL},
};

enum exit_status step_act(struct run *run, const struct step *step)
{
	return functions[step->kind].act(run, step);
}

enum exit_status step_undo(struct run *run, const struct step *step)
{
	enum exit_status status = EXIT_DONE;

	if (functions[step->kind].undo)
		status = functions[step->kind].undo(run, step);
	if (status)
		run->plan->device[step->device].astray = true;
	return status;
}
