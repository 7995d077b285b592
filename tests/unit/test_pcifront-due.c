/* SPDX-License-Identifier: MIT */
/*
 * What the PCI frontend waits for, and what ends a wait: the toolstack's doings and a stop are not
 * kept waiting by the time between two connections, and a wait costs no CPU.
 */
#include "pcifront_test.h"

static void skip_answer(struct model_pciback_lie *lie)
{
	lie->skip = lie->op;
}

/* The channel breaks, in one way or the other, until no connection is due for a minute. */
static void back_off(bool restarts)
{
	connected(&edu_at, 1);
	for (unsigned int i = 0; i < 7; i++) {
		ck_assert(run_coarsely_until(XenbusStateConnected, 70 * SECOND));
		if (restarts) {
			model_pciback_restart();
		} else {
			model_pciback_lie(skip_answer);
			ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), ~0u);
			model_pciback_lie(NULL);
		}
		run_for(SECOND);
	}
	ck_assert_uint_eq(xen_pcifront_stats(t.front).nr_devs, 0);
	ck_assert_uint_eq(t.added, 7);
}

static void made_anew(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		bench();
		back_off(i);
		model_pciback_destroy();
		xen_xs_dispatch();
		xen_pcifront_work(t.front);
		ck_assert(!xen_pcifront_pending(t.front, NULL));
		model_pciback_create(&edu_at, 1);
		ck_assert(run_until(XenbusStateConnected, SECOND));
		ck_assert_uint_eq(t.added, 8);
		end();
	}
}

static void not_before(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		bench();
		back_off(i);
		ck_assert(!run_coarsely_until(XenbusStateConnected, 30 * SECOND));
		ck_assert(run_coarsely_until(XenbusStateConnected, 40 * SECOND));
		end();
	}
}

static void stopped(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t begun;

		bench();
		back_off(i);
		begun = xen_port_clock_ns();
		stop();
		ck_assert_uint_lt(xen_port_clock_ns() - begun, SECOND);
		ck_assert_uint_eq(model_pcifront_state(), XenbusStateClosed);
		end();
	}
}

/* The backend does not answer any more, and does not let go either. */
static void closing(void)
{
	unsigned int works = 0;

	bench();
	connected(&edu_at, 1);
	model_pciback_dies_after(0);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), ~0u);
	for (unsigned int i = 0; i < 9000; i++) {
		if (xen_pcifront_pending(t.front, NULL)) {
			xen_pcifront_work(t.front);
			works++;
		}
		if (i == 4500) /* an event from another CPU: there is nobody to serve it */
			model_pciback_notify();
		model_clock_advance(MS);
		xen_xs_dispatch();
	}
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateClosing);
	ck_assert_uint_ge(works, 1);
	ck_assert_uint_le(works, 10);
	model_pciback_dies_after(~0ULL);
	end();
}

/* A driver whose time is over: its device can write nowhere any more. */
static void stubborn(void)
{
	bench();
	connected(&edu_at, 1);
	ck_assert_int_eq(xen_pci_command(device_of(edu_at), XEN_PCI_COMMAND_MASTER, 0), 0);
	ck_assert(model_pci_raw(edu_at)[4] & XEN_PCI_COMMAND_MASTER);
	t.busy = true;
	stop();
	ck_assert_uint_eq(t.forced, 1);
	ck_assert(!(model_pci_raw(edu_at)[4] & XEN_PCI_COMMAND_MASTER));
	ck_assert_uint_eq(model_pcifront_state(), XenbusStateClosed);
	end();
}

static const struct unit_case cases[] = {
	{"a device that the toolstack makes anew is taken at once", made_anew},
	{"a connection that failed is made again when it is due, and not before", not_before},
	{"a stop is not kept waiting by the next connection", stopped},
	{"waiting for a backend that is gone costs no CPU", closing},
	{"a driver that does not let go in time leaves no bus master", stubborn},
};

UNIT_MAIN("pcifront-due", cases)
