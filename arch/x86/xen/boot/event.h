/* SPDX-License-Identifier: MIT */
/*
 * Event channels within the boot code; drivers use port.h and boot_event_unmask().
 */
#ifndef XENDMA_BOOT_EVENT_H
#define XENDMA_BOOT_EVENT_H

#include "internal.h"

/* @port is notified on @cpu: before it is unmasked, and as Xen was told when it was bound. */
void boot_event_assign(evtchn_port_t port, unsigned int cpu);

#endif
