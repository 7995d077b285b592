/* SPDX-License-Identifier: MIT */
/*
 * How often a backend can do something to the frontend: write its nodes, have lines logged, devices
 * taken and given, events sent.
 */
#include <xen/hypercall.h>

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

/* Answers each operation just before it would be too late. */
static void answer_late(void *arg)
{
	static uint64_t since;
	struct xen_pci_sharedinfo *page = model_pciback_page();

	if (!page || !(xen_load(&page->flags) & XEN_PCIF_active))
		since = 0;
	else if (!since)
		since = xen_port_clock_ns();
	if (since && xen_port_clock_ns() - since < XEN_PCIFRONT_OP_NS - 100 * MS)
		return;
	since = 0;
	model_pciback_step();
}

/* The longest that a call of work takes within @ns. */
static uint64_t longest_work(uint64_t ns)
{
	uint64_t end = xen_port_clock_ns() + ns, longest = 0;

	while (xen_port_clock_ns() < end) {
		uint64_t before, took;

		model_pciback_step();
		model_pciback_slow(model_pciback_page());
		xen_xs_dispatch();
		before = xen_port_clock_ns();
		xen_pcifront_work(t.front);
		took = xen_port_clock_ns() - before;
		longest = took > longest ? took : longest;
		model_clock_advance(MS);
		xen_evtchn_poll();
	}
	return longest;
}

/* A scan of one device makes dozens of accesses. */
static void dawdler(void)
{
	uint64_t before;

	bench();
	model_pciback_create(both_at, 2);
	start();
	model_on_wait(answer_late, NULL);
	ck_assert_uint_le(longest_work(60 * SECOND), XEN_PCIFRONT_STEP_NS + 3 * SECOND);
	ck_assert_uint_ge(xen_pcifront_stats(t.front).timeouts, 1);
	ck_assert_uint_eq(t.added, t.removed);

	/* And of the removal of two, where each may have had its time. */
	model_on_wait(others, NULL);
	model_pciback_slow(false);
	ck_assert(run_coarsely_until(XenbusStateConnected, 300 * SECOND));
	for (unsigned int i = 0; i < 2; i++)
		xen_pci_command(device_of(both_at[i]), XEN_PCI_COMMAND_MASTER, 0);
	model_pciback_slow(true);
	model_on_wait(answer_late, NULL);
	before = xen_port_clock_ns();
	stop();
	ck_assert_uint_le(xen_port_clock_ns() - before, 2 * XEN_PCIFRONT_STEP_NS + 2 * SECOND);
	model_on_wait(others, NULL);
	model_pciback_slow(false);
	end();
}

/* Have domain @id keep @nr granted pages that were freed. */
static void keep(domid_t id, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct gnttab_map_grant_ref op = {.dom = 1, .flags = GNTMAP_host_map};
		void *page = xen_grant_page(id, &op.ref, NULL);
		grant_ref_t ref = op.ref;

		ck_assert_ptr_nonnull(page);
		model_act_as(id);
		ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
		model_act_as(DOMID_SELF);
		ck_assert_int_eq(op.status, GNTST_okay);
		xen_grant_page_free(page, ref);
	}
}

/* Pages that one domain keeps are no reason not to connect to another. */
static void hoarder(void)
{
	bench();
	model_domain_create(7, false, 1);
	keep(7, 40);
	ck_assert_uint_eq(xen_grant_reap(), 40);
	ck_assert_uint_eq(xen_grant_kept(7), 40);
	ck_assert_uint_eq(xen_grant_kept(0), 0);
	connected(&edu_at, 1);
	stop();

	/* Those that the backend's own domain keeps are, from a number on. */
	for (unsigned int more = 0; more < 2; more++) {
		keep(0, more ? 1 : 32);
		model_pciback_restart();
		start();
		ck_assert_uint_eq(run_coarsely_until(XenbusStateConnected, 100 * SECOND), !more);
		stop();
		ck_assert_uint_eq(xen_grant_kept(0), 32 + more);
	}
	model_domain_destroy(7);
	ck_assert_uint_eq(xen_grant_reap(), 33);
}

static const struct unit_case cases[] = {
	{"XSA-349: a backend that writes in a loop costs no memory", writer},
	{"XSA-43: what is logged has a limit", flood},
	{"XSA-43: how often devices come and go has a limit", cycles},
	{"pages that one domain keeps do not count against another", hoarder},
	{"a backend that takes its time has no more than a step's", dawdler},
	{"XSA-332 391: a backend's storm of events is bounded", storm},
};

UNIT_MAIN("pcifront-limits", cases)
