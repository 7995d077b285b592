/* SPDX-License-Identifier: MIT */
/*
 * Late ends of events: the mask until then, pauses after spurious ones, storms.
 */
#include "evtchn_test.h"

#define MS 1000000ULL

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
	/* And the next begins with the shortest again. */
	xen_evtchn_eoi(port, true);
	xen_evtchn_notify(port);
	ck_assert(xen_evtchn_poll() == xen_port_clock_ns() + 50000);
	model_clock_advance(50000);
	ck_assert(xen_evtchn_poll() == ~0ULL);
	ck_assert_uint_eq(seen[0].calls, 2);
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

static const struct unit_case cases[] = {
	{"a late end keeps the port masked", late_end},
	{"spurious events make pauses", pauses},
	{"several pauses end in their order", several_pauses},
	{"XSA-332 391: storms are bounded, and others have their turn",
	 xsa332_391_storms_are_bounded},
};

UNIT_MAIN("evtchn-eoi", cases)
