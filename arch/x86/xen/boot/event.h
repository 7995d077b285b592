/* SPDX-License-Identifier: MIT */
/*
 * Events within the boot code; drivers use xen/evtchn.h.
 */
#ifndef XENDMA_BOOT_EVENT_H
#define XENDMA_BOOT_EVENT_H

#include "internal.h"

/* Needs boot_shared_info and the number of CPUs. */
void boot_event_init(void);

#endif
