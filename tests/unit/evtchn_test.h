/* SPDX-License-Identifier: MIT */
/* What the tests of event channels share: each runs over both ABIs, and counts what it handles. */
#ifndef XENDMA_TESTS_UNIT_EVTCHN_TEST_H
#define XENDMA_TESTS_UNIT_EVTCHN_TEST_H

#include <string.h>

#include <model/domain.h>
#include <xen/evtchn.h>

#include "guest.h"

#define PEER 9

/* Each test runs over both. */
static bool fifo;

static inline void start(unsigned int nr_cpus)
{
	const struct model_params params = {.nr_cpus = nr_cpus};

	model_start(&params);
	if (!fifo)
		return;
	ck_assert_int_eq(xen_evtchn_fifo_enable(), 0);
	for (unsigned int i = 1; i < nr_cpus; i++)
		ck_assert_int_eq(xen_evtchn_fifo_cpu(i), 0);
}

static inline void over_both(void (*test)(void))
{
	for (int i = 0; i < 2; i++) {
		fifo = i;
		test();
		ck_assert_msg(model_stop(), "over %s", fifo ? "FIFO" : "2-level");
	}
}

/* A port that the test can fire with model_event() or xen_evtchn_notify(). */
static inline evtchn_port_t open_ipi(unsigned int cpu)
{
	struct evtchn_bind_ipi op = {.vcpu = cpu};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &op), 0);
	return op.port;
}

static inline evtchn_port_t open_unbound(void)
{
	evtchn_port_t port;

	ck_assert_int_eq(xen_evtchn_alloc_unbound(PEER, &port), 0);
	return port;
}

static struct seen {
	unsigned int calls, cpu;
	evtchn_port_t port;
	unsigned int turn; /* of all calls, when the last one was */
} seen[16];
static unsigned int turns;

static inline void count(void *arg)
{
	struct seen *s = arg;

	s->calls++;
	s->cpu = xen_port_cpu();
	s->turn = ++turns;
}

static inline void forget(void)
{
	memset(seen, 0, sizeof(seen));
	turns = 0;
}

#endif
