/* SPDX-License-Identifier: MIT */
/* The event channels, shared by the hypercall (evtchn_op.c) and the delivery (event.c). */
#ifndef XENDMA_TESTS_MODEL_EVENT_H
#define XENDMA_TESTS_MODEL_EVENT_H

#include <model/internal.h>

#define NR_CHANNELS 1024

enum state { FREE, UNBOUND, INTERDOMAIN, PIRQ, VIRQ, IPI };

struct channel {
	enum state state;
	uint32_t remote; /* UNBOUND: domain; INTERDOMAIN: port; PIRQ, VIRQ: number */
	uint32_t vcpu;
	bool pending, masked;
	bool running;
	void (*handler)(void *arg);
	void *arg;
};

/* [0] is not used. Both under channel_lock. */
extern struct channel channel[NR_CHANNELS];
extern pthread_mutex_t channel_lock;

bool channel_valid(evtchn_port_t port);
/* Make it pending; delivered soon. 0. */
int channel_raise(evtchn_port_t port);

#endif
