/* SPDX-License-Identifier: MIT */
/*
 * Event channels and several CPUs: moves, and masking, unbinding and closing while it fires.
 */
#include <pthread.h>
#include <sched.h>

#include "evtchn_test.h"

/* An event that comes between the parts of unmasking: this thread unmasks, another one notifies. */
static bool stop;
static evtchn_port_t race_port;
static unsigned int nr_handled, nr_sent;

static void handle_race(void *arg)
{
	__atomic_fetch_add(&nr_handled, 1, __ATOMIC_SEQ_CST);
}

static void *notifier(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		unsigned int before = __atomic_load_n(&nr_handled, __ATOMIC_SEQ_CST);

		xen_evtchn_notify(race_port);
		nr_sent++;
		/* None is lost: each is handled before long. */
		while (__atomic_load_n(&nr_handled, __ATOMIC_SEQ_CST) == before)
			sched_yield();
	}
	return NULL;
}

static void race_each(void)
{
	pthread_t thread;

	start(1);
	nr_handled = nr_sent = 0;
	stop = false;
	race_port = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(race_port, 0, handle_race, NULL), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, notifier, NULL), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		xen_evtchn_mask(race_port);
		xen_evtchn_unmask(race_port);
	}
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	ck_assert_uint_ge(nr_handled, nr_sent);
	xen_evtchn_close(race_port);
}

static void mask_race(void)
{
	over_both(race_each);
}

/* Per-CPU channels stay where Xen bound them; others move, with what is pending. */
static void move_each(void)
{
	evtchn_port_t ipi, port, theirs;

	start(3);
	forget();
	model_domain_create(PEER, false, 0);
	ipi = open_ipi(2);
	port = open_unbound();
	ck_assert_int_eq(xen_evtchn_bind(ipi, 0, count, &seen[0]), 0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[1]), 0);
	ck_assert_int_eq(xen_evtchn_notify(ipi), 0);
	ck_assert_uint_eq(seen[0].calls, 1);
	ck_assert_uint_eq(seen[0].cpu, 2);
	ck_assert_int_eq(xen_evtchn_move(ipi, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_notify(ipi), 0);
	ck_assert_uint_eq(seen[0].calls, 2);
	ck_assert_uint_eq(seen[0].cpu, 2);

	model_act_as(PEER);
	ck_assert_int_eq(xen_evtchn_bind_interdomain(0, port, &theirs), 0);
	model_act_as(DOMID_SELF);
	for (unsigned int cpu = 3; cpu--;) {
		unsigned int before = seen[1].calls;

		model_act_as(PEER);
		ck_assert_int_eq(xen_evtchn_notify(theirs), 0);
		model_act_as(DOMID_SELF);
		ck_assert_uint_eq(seen[1].calls, before + 1);
		xen_evtchn_mask(port);
		model_act_as(PEER);
		ck_assert_int_eq(xen_evtchn_notify(theirs), 0);
		model_act_as(DOMID_SELF);
		ck_assert_int_eq(xen_evtchn_move(port, cpu), 0);
		ck_assert_uint_eq(seen[1].calls, before + 1); /* still masked */
		xen_evtchn_unmask(port);
		ck_assert_uint_eq(seen[1].calls, before + 2);
		ck_assert_uint_eq(seen[1].cpu, cpu);
	}
	xen_evtchn_close(ipi);
	xen_evtchn_close(port);
	model_domain_destroy(PEER);
}

static void moves(void)
{
	over_both(move_each);
}

/* Pending while the interrupts of this CPU are off, and moved then: told to the new one. */
static void move_pending_each(void)
{
	static struct xen_lock lock;
	unsigned long flags;
	evtchn_port_t port;

	start(2);
	forget();
	port = open_unbound();
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	for (unsigned int round = 0; round < 4; round++) {
		flags = xen_port_lock(&lock);
		model_event(port);
		ck_assert_int_eq(xen_evtchn_move(port, (round + 1) % 2), 0);
		ck_assert_uint_eq(seen[0].calls, round);
		xen_port_unlock(&lock, flags);
		ck_assert_uint_eq(seen[0].calls, round + 1);
		if (!fifo) /* a queue that it is in already stays its */
			ck_assert_uint_eq(seen[0].cpu, (round + 1) % 2);
	}
	xen_evtchn_close(port);
}

static void moves_pending(void)
{
	over_both(move_pending_each);
}

/* Unbinding waits for the handler, and what it frees is not used again. */
static struct victim {
	bool alive, inside;
} * victim;
static bool entered;

static void use_victim(void *arg)
{
	struct victim *v = arg;

	unit_expect(v->alive);
	v->inside = true;
	__atomic_store_n(&entered, true, __ATOMIC_SEQ_CST);
	for (volatile int i = 0; i < 2000; i++)
		;
	v->inside = false;
}

static void *fire(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
		xen_evtchn_notify(race_port);
	return NULL;
}

static void unbind_each(void)
{
	pthread_t thread;

	start(2);
	stop = false;
	race_port = open_ipi(1);
	ck_assert_int_eq(pthread_create(&thread, NULL, fire, NULL), 0);
	for (unsigned int i = 0; i < 50; i++) {
		victim = calloc(1, sizeof(*victim));
		victim->alive = true;
		__atomic_store_n(&entered, false, __ATOMIC_SEQ_CST);
		ck_assert_int_eq(xen_evtchn_bind(race_port, i % 2 ? XEN_EVTCHN_LATE_EOI : 0,
						 use_victim, victim),
				 0);
		while (!__atomic_load_n(&entered, __ATOMIC_SEQ_CST))
			sched_yield();
		xen_evtchn_unbind(race_port);
		unit_expect(!victim->inside);
		memset(victim, 0, sizeof(*victim));
		free(victim);
	}
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	xen_evtchn_close(race_port);
}

/* XSA-331: an interrupt against an unbind. */
static void xsa331_unbind_waits_for_the_handler(void)
{
	over_both(unbind_each);
}

/* XSA-441: closing takes no lock that a handler may hold. */
static struct xen_lock handlers_lock;

static void lock_in_handler(void *arg)
{
	unsigned long flags = xen_port_lock(&handlers_lock);

	seen[0].calls++;
	xen_port_unlock(&handlers_lock, flags);
}

static void close_each(void)
{
	pthread_t thread;

	start(2);
	forget();
	for (unsigned int i = 0; i < 100; i++) {
		stop = false;
		race_port = open_ipi(1);
		ck_assert_int_eq(xen_evtchn_bind(race_port, 0, lock_in_handler, NULL), 0);
		ck_assert_int_eq(pthread_create(&thread, NULL, fire, NULL), 0);
		for (unsigned int k = 0; k < 20; k++) {
			unsigned long flags = xen_port_lock(&handlers_lock);

			seen[1].calls++;
			xen_port_unlock(&handlers_lock, flags);
		}
		xen_evtchn_close(race_port); /* while it fires */
		__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
		pthread_join(thread, NULL);
	}
}

static void xsa441_close_does_not_deadlock(void)
{
	over_both(close_each);
}

static const struct unit_case cases[] = {
	{"no event is lost between masking and unmasking", mask_race},
	{"ports move between CPUs", moves},
	{"pending events move along", moves_pending},
	{"XSA-331: unbinding waits for the handler", xsa331_unbind_waits_for_the_handler},
	{"XSA-441: closing does not deadlock", xsa441_close_does_not_deadlock},
};

UNIT_MAIN("evtchn-cpus", cases)
