/* SPDX-License-Identifier: MIT */
/* Single event channel calls, for the cases of event.c and event-bind.c. */
#ifndef XENDMA_TESTS_CONFORMANCE_EVENT_H
#define XENDMA_TESTS_CONFORMANCE_EVENT_H

#include "conf.h"

static inline int event_op(int cmd, void *arg)
{
	return hypercall_event_channel_op(cmd, arg);
}

int event_close(evtchn_port_t port);
int event_send(evtchn_port_t port);
int event_unmask(evtchn_port_t port);
int event_alloc(domid_t domid, domid_t remote, evtchn_port_t *port);
int event_bind(domid_t domid, evtchn_port_t remote, evtchn_port_t *port);

/* What Xen says of @port is the result of case @name. @peer: the other port, domain or VIRQ. */
void event_status(const char *name, evtchn_port_t port, uint32_t peer);

/* A handler: one more in the counter at @arg. */
void event_count(void *arg);

#endif
