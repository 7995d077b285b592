/* SPDX-License-Identifier: MIT */
/*
 * Time and timer of the running CPU.
 */
#ifndef XENDMA_BOOT_CLOCK_H
#define XENDMA_BOOT_CLOCK_H

#include "internal.h"

/* Xen's system time as this CPU reads it, ns; what timers are set in. */
uint64_t boot_system_time(void);

/* Give this CPU a one-shot timer and stop the periodic one. 0 or what Xen refused. */
int boot_timer_init(void);

#endif
