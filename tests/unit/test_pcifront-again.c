/* SPDX-License-Identifier: MIT */
/*
 * Connections that end and are made anew: backends that restart, hang or vanish, an earlier kernel
 * of this domain, and a xenstore that does not serve for a while.
 */
#include "pcifront_test.h"

static void restarted(void)
{
	bench();
	connected(both_at, 2);
	for (unsigned int i = 1; i < 4; i++) {
		model_pciback_restart();
		run_for(SECOND);
		ck_assert_uint_eq(t.forced, 2 * i); /* at once: nobody is there to be asked */
		ck_assert(run_until(XenbusStateConnected, 70 * SECOND));
		ck_assert_uint_eq(t.added, 2 * (i + 1));
		ck_assert_uint_eq(model_pciback_state(), XenbusStateConnected);
		ck_assert_uint_eq(xen_pcifront_stats(t.front).connects, i + 1);
		ck_assert_uint_eq(xen_grant_used(), t.grants + 1);
	}
	end();
}

/* A backend that says nothing more, in the middle of an access; a new life of it is found. */
static void hangs(void)
{
	bench();
	connected(both_at, 2);
	model_pciback_dies_after(0);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), ~0u);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).timeouts, 1);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), ~0u); /* without a wait now */
	ck_assert_uint_eq(xen_pcifront_stats(t.front).timeouts, 1);
	run_for(SECOND);
	ck_assert_uint_eq(t.forced, 2);
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateClosing);
	run_for(40 * SECOND);
	ck_assert_uint_eq(xen_grant_used(), t.grants + 1); /* mapped there still: not freed */
	model_pciback_restart();
	ck_assert(run_until(XenbusStateConnected, 70 * SECOND));
	ck_assert_uint_eq(t.added, 4);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), 0x11e81234);
	ck_assert_uint_eq(xen_grant_used(), t.grants + 1);
	end();
}

/* One that hangs for once and follows a close and a new start. */
static bool skip_next;
static void skip_answer(struct model_pciback_lie *lie)
{
	lie->skip = lie->op && skip_next;
	skip_next = skip_next && !lie->op;
}

static void misses_one(void)
{
	bench();
	connected(&edu_at, 1);
	model_pciback_lie(skip_answer);
	skip_next = true;
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), ~0u);
	run_for(SECOND);
	ck_assert_uint_eq(t.forced, 1);
	ck_assert(run_until(XenbusStateConnected, 10 * SECOND));
	ck_assert_uint_eq(t.added, 2);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), 0x11e81234);
	end();
}

static void vanishes(void)
{
	bench();
	connected(&edu_at, 1);
	model_pciback_destroy();
	run_for(SECOND);
	ck_assert_uint_eq(t.forced, 1);
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateClosed);
	/* And is there anew, before anybody looked. */
	model_pciback_create(&edu_at, 1);
	ck_assert(run_until(XenbusStateConnected, 5 * SECOND));
	model_pciback_destroy();
	model_pciback_create(&nvme_at, 1);
	run_for(SECOND);
	ck_assert(run_until(XenbusStateConnected, 5 * SECOND));
	ck_assert_uint_eq(t.added, 3);
	ck_assert_ptr_nonnull(device_of(nvme_at));
	end();
}

/* The tool adds a device while the frontend has not yet said that it is connected. */
static void early_hot_plug(void)
{
	bench();
	model_pciback_create(&edu_at, 1);
	start();
	while (model_pciback_state() != XenbusStateConnected) {
		model_pciback_step();
		if (model_pcifront_state() != XenbusStateInitialised)
			xen_pcifront_work(t.front);
	}
	model_pciback_attach(nvme_at);
	model_pciback_step();
	ck_assert_uint_eq(model_pciback_state(), XenbusStateReconfiguring);
	ck_assert_uint_eq(model_pcifront_state(), XenbusStateInitialised);
	ck_assert(run_tool(5 * SECOND));
	run();
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateConnected);
	ck_assert_uint_eq(t.added, 2);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).connects, 1);
	end();
}

/* What another kernel left behind in this domain: the backend is connected to somebody. */
static void earlier_life(void)
{
	bench();
	model_pciback_create(&edu_at, 1);
	for (unsigned int i = 0; i < 4; i++)
		model_pciback_step();
	model_xs_write(MODEL_PCIBACK_PATH "/state", "4");
	model_xs_write(MODEL_PCIFRONT_PATH "/state", "4");
	start();
	run();
	ck_assert(run_until(XenbusStateConnected, 10 * SECOND));
	ck_assert_uint_eq(t.added, 1);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).connects, 1);
	end();
}

static void store_restarts(void)
{
	bench();
	connected(&edu_at, 1);
	model_xs_restart();
	xen_xs_reconnect();
	run_for(5 * SECOND);
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateConnected);
	ck_assert_uint_eq(t.removed, 0);
	model_pciback_attach(nvme_at);
	ck_assert(run_tool(SECOND));
	ck_assert_uint_eq(t.added, 2);
	end();
}

/* It does not answer for a while, in the middle of something. */
static void store_hangs(void)
{
	bench();
	connected(&edu_at, 1);
	model_xs_hold(true);
	model_pciback_attach(nvme_at);
	run_for(3 * SECOND);
	ck_assert_uint_eq(t.added, 1);
	model_xs_hold(false);
	xen_xs_reconnect();
	ck_assert(run_tool(20 * SECOND));
	run();
	ck_assert_uint_eq(t.added, 2);
	ck_assert_uint_eq(t.removed, 0);
	end();
}

static void lost_events(void)
{
	bench();
	connected(&edu_at, 1);
	model_xs_lose_events(1000);
	model_pciback_attach(nvme_at);
	ck_assert(run_tool(15 * SECOND));
	ck_assert_uint_eq(t.added, 2);
	model_pciback_destroy();
	run_for(5 * SECOND);
	ck_assert_uint_eq(t.removed, 2);
	model_xs_lose_events(0);
	end();
}

static const struct unit_case cases[] = {
	{"a backend that starts anew is connected to again", restarted},
	{"a backend that hangs loses its devices, and its page is not freed", hangs},
	{"an operation without an answer begins everything anew", misses_one},
	{"directories that vanish, and others in their place", vanishes},
	{"a device that is plugged before the frontend is through", early_hot_plug},
	{"a connection of an earlier kernel is closed first", earlier_life},
	{"115: xenstore starts anew under a connected frontend", store_restarts},
	{"xenstore that hangs is waited for", store_hangs},
	{"events of xenstore that get lost are made up for", lost_events},
};

UNIT_MAIN("pcifront-again", cases)
