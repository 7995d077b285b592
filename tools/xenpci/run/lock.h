/* SPDX-License-Identifier: MIT */
#ifndef XENPCI_LOCK_H
#define XENPCI_LOCK_H

#include "seam/context.h"

/*
 * One xenpci at a time changes anything. Held until the process ends. EXIT_BUSY, with a finding
 * that names the other process.
 */
enum exit_status lock_take(struct context *context);

#endif
