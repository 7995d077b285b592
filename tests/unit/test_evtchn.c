/* SPDX-License-Identifier: MIT */
/*
 * Event channels on the model, over both ABIs: delivery, masks, moves, budgets, late ends under a
 * storm, and unbinding under a handler that runs.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <model/domain.h>
#include <xen/evtchn.h>

#include "guest.h"

#define PEER 9
#define MS 1000000ULL

/* Each test runs over both. */
static bool fifo;

static void start(unsigned int nr_cpus)
{
	const struct model_params params = {.nr_cpus = nr_cpus};

	model_start(&params);
	if (!fifo)
		return;
	ck_assert_int_eq(xen_evtchn_fifo_enable(), 0);
	for (unsigned int i = 1; i < nr_cpus; i++)
		ck_assert_int_eq(xen_evtchn_fifo_cpu(i), 0);
}

static void over_both(void (*test)(void))
{
	for (int i = 0; i < 2; i++) {
		fifo = i;
		test();
		ck_assert_msg(model_stop(), "over %s", fifo ? "FIFO" : "2-level");
	}
}

/* A port that the test can fire with model_event() or xen_evtchn_notify(). */
static evtchn_port_t open_ipi(unsigned int cpu)
{
	struct evtchn_bind_ipi op = {.vcpu = cpu};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &op), 0);
	return op.port;
}

static evtchn_port_t open_unbound(void)
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

static void count(void *arg)
{
	struct seen *s = arg;

	s->calls++;
	s->cpu = xen_port_cpu();
	s->turn = ++turns;
}

static void forget(void)
{
	memset(seen, 0, sizeof(seen));
	turns = 0;
}

static void deliver_each(void)
{
	evtchn_port_t port[16];

	start(1);
	forget();
	for (unsigned int i = 0; i < 16; i++) {
		port[i] = open_ipi(0);
		xen_evtchn_notify(port[i]); /* before there is a handler: counts when there is */
		ck_assert_int_eq(xen_evtchn_bind(port[i], 0, count, &seen[i]), 0);
		ck_assert_uint_eq(seen[i].calls, 1);
	}
	for (unsigned int i = 0; i < 16; i++)
		ck_assert_int_eq(xen_evtchn_notify(port[i]), 0);
	for (unsigned int i = 0; i < 16; i++) {
		ck_assert_uint_eq(seen[i].calls, 2);
		xen_evtchn_unbind(port[i]);
		xen_evtchn_unbind(port[i]); /* once is enough */
		ck_assert_int_eq(xen_evtchn_notify(port[i]), 0);
		ck_assert_uint_eq(seen[i].calls, 2);
		/* What came while nobody listened counts for the next one. */
		ck_assert_int_eq(xen_evtchn_bind(port[i], 0, count, &seen[i]), 0);
		ck_assert_uint_eq(seen[i].calls, 3);
		xen_evtchn_close(port[i]);
	}
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
}

static void delivers(void)
{
	over_both(deliver_each);
}

static void refuse_each(void)
{
	evtchn_port_t port, limit = fifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;
	struct evtchn_close raw;

	start(2);
	port = open_unbound();
	ck_assert_int_eq(xen_evtchn_bind(0, 0, count, &seen[0]), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(limit, 0, count, &seen[0]), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(~0u, 0, count, &seen[0]), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, NULL, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(port + 1, 0, count, &seen[0]), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[1]), -XEN_EBUSY);
	ck_assert_int_eq(xen_evtchn_move(port, 2), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_move(port + 1, 1), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_move(~0u, 1), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_notify(~0u), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind_interdomain(77, 1, &port), -XEN_ESRCH);
	/* None of these has anything to do, or does harm. */
	xen_evtchn_unbind(~0u);
	xen_evtchn_mask(~0u);
	xen_evtchn_unmask(port + 1);
	xen_evtchn_eoi(~0u, true);
	xen_evtchn_eoi(port, true);
	ck_assert(xen_evtchn_poll() == ~0ULL);
	xen_evtchn_close(port);
	xen_evtchn_close(port); /* twice: Xen says so */
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);

	/* Closed behind our back. */
	port = raw.port = open_unbound();
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &raw), 0);
	xen_evtchn_mask(port);
	xen_evtchn_unmask(port);
	xen_evtchn_unbind(port);
}

static void refuses(void)
{
	over_both(refuse_each);
}

static void mask_each(void)
{
	evtchn_port_t port;

	start(1);
	forget();
	port = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	xen_evtchn_mask(port);
	xen_evtchn_mask(port); /* not a counter */
	for (int i = 0; i < 5; i++)
		xen_evtchn_notify(port);
	ck_assert_uint_eq(seen[0].calls, 0);
	xen_evtchn_unmask(port);
	ck_assert_uint_eq(seen[0].calls, 1);
	xen_evtchn_unmask(port);
	ck_assert_uint_eq(seen[0].calls, 1);
	/* Nothing pending: unmasking takes no hypercall. */
	xen_evtchn_mask(port);
	uint64_t before = model_hypercalls();

	xen_evtchn_unmask(port);
	ck_assert_uint_eq(model_hypercalls(), before);
	xen_evtchn_close(port);
}

static void masks(void)
{
	over_both(mask_each);
}

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

/* With a budget of one, each of several ports that fire all the time has its turn. */
static void budget_each(void)
{
	static struct xen_lock lock;
	evtchn_port_t port[4];
	unsigned long flags;
	bool more = true;

	start(1);
	forget();
	for (unsigned int i = 0; i < 4; i++) {
		port[i] = open_ipi(0);
		ck_assert_int_eq(xen_evtchn_bind(port[i], 0, count, &seen[i]), 0);
	}
	flags = xen_port_lock(&lock); /* we are the upcall: the model must not deliver */
	for (unsigned int i = 0; i < 4; i++)
		model_event(port[i]);
	for (unsigned int i = 0; i < 40; i++) {
		ck_assert(xen_evtchn_upcall(0, 1));
		ck_assert(model_shared_info()->vcpu_info[0].evtchn_upcall_pending);
		ck_assert_uint_eq(turns, i + 1);
		for (unsigned int k = 0; k < 4; k++)
			model_event(port[k]);
	}
	for (unsigned int i = 0; i < 4; i++)
		ck_assert_uint_eq(seen[i].calls, 10);
	for (unsigned int i = 0; more; i++) {
		ck_assert_uint_lt(i, 4);
		more = xen_evtchn_upcall(0, 3);
	}
	ck_assert_uint_eq(turns, 44);
	ck_assert(!xen_evtchn_upcall(0, 1));
	xen_port_unlock(&lock, flags);
	for (unsigned int i = 0; i < 4; i++)
		xen_evtchn_close(port[i]);
}

static void budget(void)
{
	over_both(budget_each);
}

/* Ports beyond a piece of the table and beyond a page of FIFO's array. */
static void many_each(void)
{
	enum { NR = 1500 };
	static evtchn_port_t port[NR];
	static struct seen many[NR];

	start(1);
	memset(many, 0, sizeof(many));
	for (unsigned int i = 0; i < NR; i++)
		port[i] = open_ipi(0);
	/* What fires while its word has no page is told when it gets one. */
	xen_evtchn_notify(port[NR - 1]);
	for (unsigned int i = 0; i < NR; i++)
		ck_assert_int_eq(xen_evtchn_bind(port[NR - 1 - i], 0, count, &many[NR - 1 - i]), 0);
	ck_assert_uint_eq(many[NR - 1].calls, 1);
	for (unsigned int i = 0; i < NR; i++)
		xen_evtchn_notify(port[i]);
	for (unsigned int i = 0; i < NR; i++) {
		ck_assert_uint_eq(many[i].calls, i == NR - 1 ? 2 : 1);
		xen_evtchn_close(port[i]);
	}
}

static void many(void)
{
	over_both(many_each);
}

/* No memory for a piece of the table, or for a page of the array: an error, and then it works. */
static void no_memory_each(void)
{
	evtchn_port_t port = 0;

	start(1);
	while (port < 1024)
		port = open_ipi(0);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), -XEN_ENOMEM);
	for (unsigned int i = 1; fifo && i <= 2; i++) {
		model_fail(MODEL_ALLOC_PAGES, i, 0);
		ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), -XEN_ENOMEM);
		/* The first succeeds next time, so the second is asked for first. */
		model_fail(MODEL_ALLOC_PAGES, 0, 0);
	}
	/* EVTCHNOP_status, then EVTCHNOP_expand_array. */
	model_fail(MODEL_EVENT_CHANNEL_OP, 1, -XEN_EPERM);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), -XEN_EPERM);
	if (fifo) {
		uint64_t pages = model_allocs().pages;

		model_fail(MODEL_EVENT_CHANNEL_OP, 2, -XEN_EINVAL);
		ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), -XEN_EINVAL);
		ck_assert_uint_eq(model_allocs().pages, pages);
	}
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	for (; port; port--)
		xen_evtchn_close(port);
}

static void no_memory(void)
{
	over_both(no_memory_each);
}

/* Changing over: only while nothing is bound; what fails leaves 2-level. */
static void change_over(void)
{
	struct model_allocs before;
	evtchn_port_t port;

	model_start(NULL);
	before = model_allocs();
	port = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), -XEN_EBUSY);
	xen_evtchn_unbind(port);
	model_fail(MODEL_ALLOC_PAGES, 1, 0);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), -XEN_ENOMEM);
	model_fail(MODEL_EVENT_CHANNEL_OP, 1, -XEN_ENOSYS);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), -XEN_ENOSYS);
	ck_assert_uint_eq(model_allocs().pages, before.pages);
	ck_assert_int_eq(xen_evtchn_fifo_cpu(0), 0); /* 2-level: nothing to do */
	ck_assert_uint_eq(model_allocs().pages, before.pages);
	forget();
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	xen_evtchn_notify(port);
	ck_assert_uint_eq(seen[0].calls, 1);
	xen_evtchn_close(port);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), 0);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), 0);
	ck_assert_int_eq(xen_evtchn_fifo_cpu(0), 0);
	ck_assert_int_eq(xen_evtchn_fifo_cpu(1), -XEN_EINVAL);
	ck_assert_uint_eq(model_allocs().pages, before.pages + 1);
	ck_assert(model_stop());
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

/* --- late ends ------------------------------------------------------------------------------ */

static void late_each(void)
{
	evtchn_port_t port;

	start(1);
	forget();
	port = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(port, XEN_EVTCHN_LATE_EOI, count, &seen[0]), 0);
	for (unsigned int i = 0; i < 10; i++)
		xen_evtchn_notify(port);
	ck_assert_uint_eq(seen[0].calls, 1); /* masked until the work is done */
	xen_evtchn_eoi(port, false);
	ck_assert_uint_eq(seen[0].calls, 2); /* the nine others are one */
	/* The kernel's own mask stands beside. */
	xen_evtchn_mask(port);
	xen_evtchn_notify(port);
	xen_evtchn_eoi(port, false);
	ck_assert_uint_eq(seen[0].calls, 2);
	xen_evtchn_unmask(port);
	ck_assert_uint_eq(seen[0].calls, 3);
	xen_evtchn_eoi(port, false);
	xen_evtchn_eoi(port, false); /* one too many: nothing */
	xen_evtchn_notify(port);
	ck_assert_uint_eq(seen[0].calls, 4);
	/* A new handler begins afresh. */
	xen_evtchn_unbind(port);
	ck_assert_int_eq(xen_evtchn_bind(port, XEN_EVTCHN_LATE_EOI, count, &seen[1]), 0);
	xen_evtchn_notify(port);
	ck_assert_uint_eq(seen[1].calls, 1);
	xen_evtchn_close(port);
}

static void late_end(void)
{
	over_both(late_each);
}

/* The pauses: 50 us, doubled up to 50 ms, back to none after real work. */
static void pauses_each(void)
{
	evtchn_port_t port;
	uint64_t pause = 50000;

	start(1);
	forget();
	port = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(port, XEN_EVTCHN_LATE_EOI, count, &seen[0]), 0);
	xen_evtchn_notify(port);
	for (unsigned int i = 1; i < 16; i++) {
		ck_assert_uint_eq(seen[0].calls, i);
		xen_evtchn_eoi(port, true);
		xen_evtchn_eoi(port, false); /* it has been ended */
		xen_evtchn_notify(port);
		ck_assert(xen_evtchn_poll() == xen_port_clock_ns() + pause);
		model_clock_advance(pause - 1);
		ck_assert(xen_evtchn_poll() == xen_port_clock_ns() + 1);
		ck_assert_uint_eq(seen[0].calls, i);
		model_clock_advance(1);
		ck_assert(xen_evtchn_poll() == ~0ULL);
		pause = pause * 2 < 50 * MS ? pause * 2 : 50 * MS;
	}
	ck_assert_uint_eq(pause, 50 * MS);
	xen_evtchn_eoi(port, false);
	xen_evtchn_notify(port);
	xen_evtchn_eoi(port, true);
	ck_assert(xen_evtchn_poll() == xen_port_clock_ns() + 50000);
	/* Unbound and bound again while it pauses: the pause is gone. */
	xen_evtchn_unbind(port);
	ck_assert(xen_evtchn_poll() == ~0ULL);
	forget();
	ck_assert_int_eq(xen_evtchn_bind(port, XEN_EVTCHN_LATE_EOI, count, &seen[0]), 0);
	xen_evtchn_notify(port);
	ck_assert_uint_eq(seen[0].calls, 1);
	xen_evtchn_close(port);
}

static void pauses(void)
{
	over_both(pauses_each);
}

/* Several that pause end each at its time, whatever the order. */
static void several_pauses_each(void)
{
	evtchn_port_t port[8];

	start(1);
	forget();
	for (unsigned int i = 0; i < 8; i++) {
		port[i] = open_ipi(0);
		ck_assert_int_eq(xen_evtchn_bind(port[i], XEN_EVTCHN_LATE_EOI, count, &seen[i]), 0);
	}
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int k = i * 3 % 8;

		xen_evtchn_notify(port[k]);
		xen_evtchn_eoi(port[k], true);
		xen_evtchn_notify(port[k]);
		model_clock_advance(1000);
	}
	xen_evtchn_unbind(port[3]); /* the second */
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int k = i * 3 % 8;

		if (i == 1)
			continue;
		ck_assert_uint_eq(seen[k].calls, 1);
		model_clock_advance(xen_evtchn_poll() - xen_port_clock_ns());
		xen_evtchn_poll();
		ck_assert_uint_eq(seen[k].calls, 2);
	}
	ck_assert(xen_evtchn_poll() == ~0ULL);
	ck_assert_uint_eq(seen[3].calls, 1);
	for (unsigned int i = 0; i < 8; i++)
		xen_evtchn_close(port[i]);
}

static void several_pauses(void)
{
	over_both(several_pauses_each);
}

static evtchn_port_t stormy;
static unsigned int storm_calls, calm_calls;

static void storm_handler(void *arg)
{
	storm_calls++;
	xen_evtchn_eoi(stormy, true); /* there is never work */
}

static void calm_handler(void *arg)
{
	calm_calls++;
}

/* XSA-332, 391: a million notifications in a second, with another device beside. */
static void storm_each(void)
{
	evtchn_port_t calm, theirs;

	start(1);
	storm_calls = calm_calls = 0;
	model_domain_create(PEER, false, 0);
	stormy = open_unbound();
	calm = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(stormy, XEN_EVTCHN_LATE_EOI, storm_handler, NULL), 0);
	ck_assert_int_eq(xen_evtchn_bind(calm, 0, calm_handler, NULL), 0);
	model_act_as(PEER);
	ck_assert_int_eq(xen_evtchn_bind_interdomain(0, stormy, &theirs), 0);
	for (unsigned int i = 1; i <= 1000000; i++) {
		unit_expect(!xen_evtchn_notify(theirs));
		model_clock_advance(1000);
		if (i % 50 == 0) {
			model_act_as(DOMID_SELF);
			xen_evtchn_poll();
			model_act_as(PEER);
		}
		if (i % 1000 == 0) {
			model_act_as(DOMID_SELF);
			unit_expect(!xen_evtchn_notify(calm));
			unit_expect(calm_calls == i / 1000);
			model_act_as(PEER);
		}
	}
	model_act_as(DOMID_SELF);
	/* 1 s: eleven pauses of 102 ms in all until they are 50 ms, then one each 50 ms. */
	ck_assert_uint_ge(storm_calls, 20);
	ck_assert_uint_le(storm_calls, 32);
	xen_evtchn_close(stormy);
	xen_evtchn_close(calm);
	model_domain_destroy(PEER);
}

static void xsa332_391_storms_are_bounded(void)
{
	over_both(storm_each);
}

static void upcall_of_cpu_7(void *arg)
{
	xen_evtchn_upcall(7, 0);
}

static void wrong_cpu(void)
{
	model_start(NULL);
	ck_assert(model_expect_panic(upcall_of_cpu_7, NULL));
}

/* A queue that leads nowhere (Xen would have to be broken) is cut off, and said. */
static void broken_queue(void)
{
	struct evtchn_fifo_control_block *control;
	evtchn_port_t port;

	fifo = true;
	start(1);
	forget();
	port = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	for (unsigned int i = 0; i < 2; i++) {
		control = model_fifo_control(0);
		control->head[3] = i ? 100000 : 0;
		__atomic_fetch_or(&control->ready, 1u << 3, __ATOMIC_SEQ_CST);
		xen_evtchn_notify(port);
		ck_assert_uint_eq(seen[0].calls, i + 1);
		ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), i + 1);
	}
	xen_evtchn_close(port);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"each event reaches its handler", delivers},
	{"what cannot be is refused", refuses},
	{"masked events are pending, and one", masks},
	{"no event is lost between masking and unmasking", mask_race},
	{"ports move between CPUs", moves},
	{"pending events move along", moves_pending},
	{"a budget leaves everybody a turn", budget},
	{"ports beyond the first pieces", many},
	{"without memory a bind fails and leaves nothing", no_memory},
	{"changing over to FIFO", change_over},
	{"XSA-331: unbinding waits for the handler", xsa331_unbind_waits_for_the_handler},
	{"XSA-441: closing does not deadlock", xsa441_close_does_not_deadlock},
	{"a late end keeps the port masked", late_end},
	{"spurious events make pauses", pauses},
	{"several pauses end in their order", several_pauses},
	{"XSA-332 391: storms are bounded, and others have their turn",
	 xsa332_391_storms_are_bounded},
	{"an upcall of a CPU that is not there is a bug", wrong_cpu},
	{"a queue that leads nowhere is cut off", broken_queue},
};

UNIT_MAIN("evtchn", cases)
