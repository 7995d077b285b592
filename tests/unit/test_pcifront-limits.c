/* SPDX-License-Identifier: MIT */
/*
 * How often a backend can do something to the frontend: write its nodes, have lines logged, devices
 * taken and given, events sent.
 */
#include "pcifront_test.h"

static uint32_t read_id(void)
{
	return xen_pci_read(device_of(edu_at), 0, 4);
}

/* Its state written in a loop: nothing is kept of it. */
static void writer(void)
{
	struct model_allocs before, after;

	bench();
	connected(&edu_at, 1);
	before = model_allocs();
	for (unsigned int i = 0; i < 100000; i++)
		model_xs_write(MODEL_PCIBACK_PATH "/state", i & 1 ? "4" : "04");
	after = model_allocs();
	ck_assert_uint_eq(before.pages, after.pages);
	ck_assert_uint_eq(before.bytes, after.bytes);
	run();
	after = model_allocs();
	ck_assert_uint_eq(before.bytes, after.bytes);
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateConnected);
	ck_assert_uint_eq(t.removed, 0);
	end();
}

static unsigned int all_lines(void)
{
	return model_log_lines(XEN_LOG_ERROR) + model_log_lines(XEN_LOG_WARN) +
	       model_log_lines(XEN_LOG_INFO);
}

/* Things that are worth a line, ten thousand times in a second. */
static void flood(void)
{
	unsigned int before, lines;

	bench();
	connected(&edu_at, 1);
	before = all_lines();
	for (unsigned int i = 0; i < 10000; i++) {
		if (!model_pciback_page())
			break;
		model_pciback_report(99, (struct xen_pci_addr){3, 3, 3});
		xen_pcifront_work(t.front);
		model_clock_advance(SECOND / 10000);
	}
	lines = all_lines() - before;
	ck_assert_uint_ge(lines, 1);
	ck_assert_uint_le(lines, 20);
	ck_assert_uint_eq(t.errors, 0);
	end();
}

static void cycles(void)
{
	unsigned int before, lines, rounds = 0;

	bench();
	connected(both_at, 2);
	before = all_lines();
	for (unsigned int i = 0; i < 20000; i++) {
		/* One of them goes and comes, as fast as it can be done. */
		const char *state = model_xs_read(MODEL_PCIBACK_PATH "/state-0");
		bool here = state && state[0] == '3';

		if (model_pciback_state() == XenbusStateConnected) {
			model_xs_write(MODEL_PCIBACK_PATH "/state-0", here ? "5" : "1");
			model_xs_write(MODEL_PCIBACK_PATH "/state", "7");
			rounds++;
		}
		run_for(MS / 10);
	}
	lines = all_lines() - before;
	ck_assert_uint_ge(rounds, 20);
	ck_assert_uint_le(rounds, 64 + 2 + 20 * 4 + 2);
	ck_assert_uint_le(lines, 16 + 20 + 1);
	end();
}

/* Events without anything behind them, from another CPU. */
static void storm(void)
{
	unsigned int works = 0;

	bench();
	connected(&edu_at, 1);
	for (unsigned int i = 0; i < 1000000; i++) {
		model_pciback_notify();
		if (xen_pcifront_pending(t.front, NULL)) {
			xen_pcifront_work(t.front);
			works++;
		}
		model_clock_advance(1000);
		xen_evtchn_poll();
	}
	/* A second has gone: 50 us, doubling up to 50 ms. */
	ck_assert_uint_le(works, 40);
	ck_assert_uint_eq(read_id(), 0x11e81234);
	end();
}

static const struct unit_case cases[] = {
	{"XSA-349: a backend that writes in a loop costs no memory", writer},
	{"XSA-43: what is logged has a limit", flood},
	{"XSA-43: how often devices come and go has a limit", cycles},
	{"XSA-332 391: a backend's storm of events is bounded", storm},
};

UNIT_MAIN("pcifront-limits", cases)
