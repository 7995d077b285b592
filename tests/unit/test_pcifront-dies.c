/* SPDX-License-Identifier: MIT */
/*
 * A backend that dies after each number of things that it does: states and nodes written,
 * operations answered, devices taken back. Whatever it left undone, the frontend lets go of
 * everything in time, connects to the backend's next life, and all books balance.
 */
#include "pcifront_test.h"

/* Long enough for every deadline on the way. */
#define ALL_DEADLINES (60 * SECOND)
#define BACK_AGAIN (140 * SECOND) /* and for the longest wait between two offers */

/* What is lost with the connection is lost whole. */
static void check_state(uint64_t n)
{
	struct xen_pcifront_stats stats = xen_pcifront_stats(t.front);
	enum xenbus_state state = xen_pcifront_state(t.front);

	ck_assert_msg(stats.nr_devs == t.added - t.removed, "after %" PRIu64, n);
	if (state != XenbusStateConnected && state != XenbusStateReconfiguring)
		ck_assert_msg(!stats.nr_devs, "after %" PRIu64 ": devices in state %u", n, state);
	if (!stats.nr_devs)
		ck_assert(!xen_ranges_first(&xen_p2m.identity, 0, 1ULL << 63, NULL));
	/* At most the page of now, and one that the dead has mapped for each connection it had. */
	ck_assert_uint_le(xen_grant_used(), t.grants + 1 + stats.connects + 1);
}

static void next_life(unsigned int devices)
{
	model_pciback_restart();
	ck_assert(run_coarsely_until(XenbusStateConnected, BACK_AGAIN));
	run_for(100 * MS);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).nr_devs, devices);
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateConnected);
	ck_assert_uint_eq(model_pciback_state(), XenbusStateConnected);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), 0x11e81234);
}

static uint64_t things_of_connecting(void)
{
	uint64_t nr;

	bench();
	model_pciback_create(&edu_at, 1);
	start();
	ck_assert(run_until(XenbusStateConnected, SECOND));
	run();
	nr = model_pciback_things();
	end();
	return nr;
}

static void connecting(void)
{
	uint64_t all = things_of_connecting();

	ck_assert_uint_ge(all, 30);
	for (uint64_t n = 0; n <= all; n++) {
		bench();
		model_pciback_create(&edu_at, 1);
		model_pciback_dies_after(n);
		start();
		run_coarsely(ALL_DEADLINES);
		check_state(n);
		next_life(1);
		end();
	}
}

/* As before, but nobody comes back: the frontend is stopped. */
static void connecting_in_vain(void)
{
	uint64_t all = things_of_connecting();

	for (uint64_t n = 0; n <= all; n++) {
		uint64_t before;

		bench();
		model_pciback_create(&edu_at, 1);
		model_pciback_dies_after(n);
		start();
		run_coarsely(n % 3 * 8 * SECOND + MS);
		before = xen_port_clock_ns();
		stop();
		ck_assert_uint_le(xen_port_clock_ns() - before, 45 * SECOND);
		end();
	}
}

static uint64_t things_of(void (*act)(struct xen_pci_addr device))
{
	uint64_t nr;

	bench();
	connected(act == model_pciback_attach ? &edu_at : both_at,
		  act == model_pciback_attach ? 1 : 2);
	nr = model_pciback_things();
	act(nvme_at);
	ck_assert(run_tool(SECOND));
	run();
	nr = model_pciback_things() - nr;
	end();
	return nr;
}

static void plugging(void)
{
	uint64_t all = things_of(model_pciback_attach);

	ck_assert_uint_ge(all, 30);
	for (uint64_t n = 0; n <= all; n++) {
		bench();
		connected(&edu_at, 1);
		model_pciback_dies_after(n);
		model_pciback_attach(nvme_at);
		run_coarsely(ALL_DEADLINES);
		check_state(n);
		next_life(2);
		end();
	}
}

static void unplugging(void)
{
	uint64_t all = things_of(model_pciback_detach);

	ck_assert_uint_ge(all, 4);
	for (uint64_t n = 0; n <= all; n++) {
		bool through;

		bench();
		connected(both_at, 2);
		model_pciback_dies_after(n);
		model_pciback_detach(nvme_at);
		run_coarsely(ALL_DEADLINES);
		check_state(n);
		/* The tool has given up or not: what it left is what the next life finds. */
		through = strcmp(model_xs_read(MODEL_PCIBACK_PATH "/num_devs"), "1") == 0;
		next_life(through ? 1 : 2);
		end();
	}
}

/* Closing, at the end of it all. */
static void closing(void)
{
	for (uint64_t n = 0; n < 8; n++) {
		uint64_t before;

		bench();
		connected(both_at, 2);
		model_pciback_dies_after(n);
		before = xen_port_clock_ns();
		stop();
		ck_assert_uint_le(xen_port_clock_ns() - before, 45 * SECOND);
		end();
	}
}

static const struct unit_case cases[] = {
	{"a backend that dies while connecting", connecting},
	{"one that dies and does not come back", connecting_in_vain},
	{"a backend that dies while a device comes", plugging},
	{"a backend that dies while a device goes", unplugging},
	{"a backend that dies while the frontend closes", closing},
};

UNIT_MAIN("pcifront-dies", cases)
