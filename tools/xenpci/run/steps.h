/* SPDX-License-Identifier: MIT */
/*
 * The steps by what they touch: device, hypervisor, xenstore. All return EXIT_DONE or, with a
 * finding added, the status that the failure makes.
 */
#ifndef XENPCI_STEPS_H
#define XENPCI_STEPS_H

#include "run.h"

enum exit_status step_reset(struct run *run, const struct step *step);
enum exit_status step_quiet(struct run *run, const struct step *step);
enum exit_status step_stop(struct run *run, const struct step *step);
enum exit_status step_permissive(struct run *run, const struct step *step);
enum exit_status step_rebind(struct run *run, const struct step *step);

enum exit_status step_save_driver(struct run *run, const struct step *step);
enum exit_status step_drop_driver(struct run *run, const struct step *step);
enum exit_status step_restore_driver(struct run *run, const struct step *step);
enum exit_status step_unbind(struct run *run, const struct step *step);
enum exit_status step_bind_driver(struct run *run, const struct step *step);
enum exit_status step_add_slot(struct run *run, const struct step *step);
enum exit_status step_remove_slot(struct run *run, const struct step *step);
enum exit_status step_bind(struct run *run, const struct step *step);
enum exit_status step_unbind_pciback(struct run *run, const struct step *step);
enum exit_status step_persist(struct run *run, const struct step *step);
enum exit_status step_restore_list(struct run *run, const struct step *step);
enum exit_status step_unpersist(struct run *run, const struct step *step);

enum exit_status step_quarantine(struct run *run, const struct step *step);
enum exit_status step_unquarantine(struct run *run, const struct step *step);
enum exit_status step_assign(struct run *run, const struct step *step);
enum exit_status step_unassign(struct run *run, const struct step *step);
enum exit_status step_deassign(struct run *run, const struct step *step);
enum exit_status step_map_line(struct run *run, const struct step *step);
enum exit_status step_unmap_line(struct run *run, const struct step *step);
enum exit_status step_allow(struct run *run, const struct step *step);
enum exit_status step_deny(struct run *run, const struct step *step);
enum exit_status step_deny_rest(struct run *run, const struct step *step);

enum exit_status step_note(struct run *run, const struct step *step);
enum exit_status step_unnote(struct run *run, const struct step *step);
enum exit_status step_settle(struct run *run, const struct step *step);
enum exit_status step_mark(struct run *run, const struct step *step);
enum exit_status step_unmark(struct run *run, const struct step *step);
enum exit_status step_forget(struct run *run, const struct step *step);

enum exit_status step_publish(struct run *run, const struct step *step);
enum exit_status step_unpublish(struct run *run, const struct step *step);
enum exit_status step_connect(struct run *run, const struct step *step);
enum exit_status step_arrive(struct run *run, const struct step *step);
enum exit_status step_unplug(struct run *run, const struct step *step);
enum exit_status step_replug(struct run *run, const struct step *step);
enum exit_status step_release(struct run *run, const struct step *step);
enum exit_status step_withdraw(struct run *run, const struct step *step);

#endif
