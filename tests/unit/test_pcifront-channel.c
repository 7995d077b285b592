/* SPDX-License-Identifier: MIT */
/*
 * The channel of the PCI frontend by itself: what opening, a failure on the way and closing leave
 * behind, who has the turn, and what is made of events. The other side is this test.
 */
#include <pthread.h>
#include <string.h>

#include <model/model.h>

#include "../../drivers/xen/pcifront-internal.h"
#include "unit.h"

static struct xen_pcifront front;
static unsigned int grants, waits;
static struct model_allocs before;

static evtchn_port_t next_port(void)
{
	evtchn_port_t port;

	ck_assert_int_eq(xen_evtchn_alloc_unbound(0, &port), 0);
	xen_evtchn_close(port);
	return port;
}

static void start(void)
{
	static const struct model_params machine = {.domu = true, .nr_pages = 1024, .nr_cpus = 2};

	model_start(&machine);
	ck_assert_int_eq(xen_grant_init(1), 0);
	grants = xen_grant_used();
	next_port(); /* what the event layer takes for its first port stays */
	before = model_allocs();
	memset(&front, 0, sizeof(front));
	front.limit = FRONT_NEVER;
	waits = 0;
}

static void end(void)
{
	xen_front_close(&front);
	ck_assert_uint_eq(model_allocs().pages, before.pages);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	model_on_wait(NULL, NULL);
	xen_grant_fini();
	ck_assert(model_stop());
}

/* As an earlier connection may have left them. */
static void soil(void)
{
	front.signalled = front.error_due = front.broken = 1;
	front.owed = true;
}

static void check_closed(evtchn_port_t port)
{
	ck_assert_ptr_null(front.info);
	ck_assert_uint_eq(front.port, 0);
	ck_assert_uint_eq(front.broken, 1);
	ck_assert(!front.busy);
	ck_assert_uint_eq(xen_grant_used(), grants);
	ck_assert_uint_eq(model_allocs().pages, before.pages);
	ck_assert_uint_eq(next_port(), port);
}

static void opened(void)
{
	start();
	for (unsigned int i = 0; i < 3; i++) {
		evtchn_port_t port = next_port();

		soil();
		ck_assert_int_eq(xen_front_open(&front), 0);
		ck_assert_uint_eq(front.port, port);
		ck_assert_uint_eq(xen_grant_used(), grants + 1);
		ck_assert_uint_eq(front.info->flags, XEN_PCIB_AERHANDLER);
		ck_assert(!front.signalled && !front.error_due && !front.broken);
		ck_assert(!front.owed && !front.busy);

		model_event(port);
		ck_assert_uint_eq(front.signalled, 1);
		front.error_due = 1;
		xen_front_close(&front);
		check_closed(port);
		ck_assert(!front.signalled && !front.error_due);
		xen_front_close(&front); /* closed is closed */
		check_closed(port);
	}
	end();
}

static void fails(void)
{
	static const struct {
		enum model_call kind;
		unsigned int nth;
		int err;
	} calls[] = {
		{MODEL_ALLOC_PAGES, 1, -XEN_ENOMEM},
		{MODEL_EVENT_CHANNEL_OP, 1, -XEN_ENOSPC}, /* getting a port */
		{MODEL_EVENT_CHANNEL_OP, 2, -XEN_EPERM},  /* binding it */
	};

	start();
	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		evtchn_port_t port = next_port();

		soil();
		model_fail(calls[i].kind, calls[i].nth, calls[i].err);
		ck_assert_int_eq(xen_front_open(&front), calls[i].err);
		ck_assert_uint_eq(model_failures().nr, i + 1);
		check_closed(port);
	}
	end();
}

/* --- the turn ------------------------------------------------------------------------------ */

static struct xen_pci_sharedinfo *info_now;

/* Somebody has the turn for longer than a wait for it lasts; then he gives it back. */
static void gives_it_back(void *arg)
{
	ck_assert(front.busy);
	ck_assert_ptr_eq(front.info, info_now);
	ck_assert_uint_eq(front.broken, 1);
	if (++waits > 2 * XEN_PCIFRONT_OP_NS / 1000000)
		xen_front_end_turn(&front);
}

static void waits_for_it(void (*act)(struct xen_pcifront *front))
{
	ck_assert(xen_front_try_turn(&front));
	ck_assert(!xen_front_try_turn(&front));
	info_now = front.info;
	waits = 0;
	act(&front);
	ck_assert_uint_gt(waits, 2 * XEN_PCIFRONT_OP_NS / 1000000);
}

static void opens(struct xen_pcifront *f)
{
	ck_assert_int_eq(xen_front_open(f), 0);
	ck_assert(f->info && !f->broken && !f->busy);
}

static void held(void)
{
	start();
	model_on_wait(gives_it_back, NULL);
	front.broken = 1;
	waits_for_it(xen_front_take_turn);
	ck_assert(front.busy);
	xen_front_end_turn(&front);
	waits_for_it(opens);
	waits_for_it(xen_front_close); /* the channel is broken, and there, while it waits */
	ck_assert(!front.info && !front.busy);
	end();
}

#define TURNS 2000

static unsigned int inside, turns;

static void *takes_turns(void *arg)
{
	model_set_cpu(arg != NULL);
	for (unsigned int i = 0; i < TURNS; i++) {
		xen_front_take_turn(&front);
		unit_expect(__atomic_fetch_add(&inside, 1, __ATOMIC_RELAXED) == 0);
		turns++;
		if (i % 16 == 0)
			sched_yield();
		__atomic_fetch_sub(&inside, 1, __ATOMIC_RELAXED);
		xen_front_end_turn(&front);
	}
	return NULL;
}

static void two_take_turns(void)
{
	pthread_t thread;

	start();
	ck_assert_int_eq(pthread_create(&thread, NULL, takes_turns, &front), 0);
	takes_turns(NULL);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(turns, 2 * TURNS);
	ck_assert(!front.busy);
	end();
}

/* --- events -------------------------------------------------------------------------------- */

/* A report that stands on the page is told of once, to who serves. */
static void report_is_due_once(void)
{
	start();
	ck_assert_int_eq(xen_front_open(&front), 0);
	xen_front_rearm(&front, false); /* nothing came */
	ck_assert(!front.dirty && !front.error_due && !front.owed);

	front.info->flags |= XEN_PCIB_active;
	for (unsigned int i = 0; i < 3; i++) {
		model_event(front.port);
		ck_assert_uint_eq(front.signalled, 1);
		xen_front_rearm(&front, false);
		ck_assert_uint_eq(front.signalled, 0);
		ck_assert_uint_eq(front.error_due, 1);
		ck_assert_uint_eq(front.dirty, !i);
		front.dirty = 0;
		/* The first had something to it; the others had not, and are put off. */
		model_event(front.port);
		ck_assert_uint_eq(front.signalled, !i);
		model_clock_advance(1000000);
		xen_evtchn_poll();
		ck_assert_uint_eq(front.signalled, 1);
	}
	end();
}

/* An answer that is seen before its event is owed one event, not two. */
static void answer_before_its_event(void)
{
	start();
	ck_assert_int_eq(xen_front_open(&front), 0);
	xen_front_rearm(&front, true);
	ck_assert(front.owed);
	xen_front_rearm(&front, false);
	ck_assert(front.owed);
	for (unsigned int i = 0; i < 2; i++) {
		model_event(front.port);
		xen_front_rearm(&front, false);
		ck_assert(!front.owed && !front.dirty && !front.error_due);
		model_event(front.port);
		ck_assert_uint_eq(front.signalled, !i);
	}
	end();
}

static const struct unit_case cases[] = {
	{"a channel is opened clean and closed without a rest", opened},
	{"a failure while it opens leaves nothing behind", fails},
	{"opening and closing wait for who has the turn, however long", held},
	{"two threads never have the turn at once", two_take_turns},
	{"a report is due once, however often its event comes", report_is_due_once},
	{"an answer that is seen before its event is owed one", answer_before_its_event},
};

UNIT_MAIN("pcifront-channel", cases)
