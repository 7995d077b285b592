/* SPDX-License-Identifier: MIT */
/*
 * xenpci detach --force: nothing that a guest does, writes or leaves undone prevents it, as long as
 * none of its other devices would go too.
 */
#include <string.h>
#include <xen/io/xenbus.h>

#include "unit.h"
#include "xenpci/attached.h"

#define BOTH "0000:00:06.0 0000:00:07.0"
#define BACKEND "/local/domain/0/backend/pci/1/0"
#define FRONTEND "/local/domain/1/device/pci/0"

/* Two seconds of waiting are the limit, and a few are taken by the rest. */
static void force(char *before, const char *when, unsigned long call)
{
	uint64_t start = world.clock;
	enum exit_status status = world_run("detach --force --timeout=2 1 00:06.0");

	ck_assert_msg(status == EXIT_DONE, "%s, %lu: ended with %d:\n%s", when, call, status,
		      world_output);
	ck_assert_uint_lt(world.clock - start, 5000);
	expect_same(before, when, call);
}

static void force_any_guest(void)
{
	static const enum guest_mode mode[] = {GUEST_WORKS,    GUEST_ABSENT,  GUEST_SLEEPS,
					       GUEST_LEAVES,   GUEST_FLIPS,   GUEST_STALLS,
					       GUEST_TWITCHES, GUEST_CHATTERS};
	char *before;
	size_t i;
	int by_xl;

	for (i = 0; i < sizeof(mode) / sizeof(mode[0]); i++)
		for (by_xl = 0; by_xl < 2; by_xl++) {
			before = attached(by_xl);
			world_domain(1)->guest = mode[i];
			force(before, "mode", i);
		}
}

/* Whatever the two states are when it begins, and whatever they become when the guest is asked. */
static unsigned long turn_to;

static void put_states(void)
{
	char text[2] = {(char)('0' + turn_to / 10), '\0'};

	if (!world_node(BACKEND "/state") || !world_node(FRONTEND "/state"))
		return; /* a guest cannot make its nodes anew */
	world_put_node(BACKEND "/state", text);
	text[0] = (char)('0' + turn_to % 10);
	world_put_node(FRONTEND "/state", text);
}

static void force_any_state(void)
{
	char *before;

	for (turn_to = 10; turn_to < 100; turn_to++) {
		if (turn_to / 10 > XenbusStateReconfigured) /* not dom0's own */
			break;
		before = attached(false);
		world_domain(1)->guest = GUEST_SLEEPS;
		put_states();
		force(before, "at first", turn_to);
		before = attached(false);
		world_domain(1)->guest = GUEST_SLEEPS;
		world.meanwhile = put_states;
		force(before, "meanwhile", turn_to);
	}
}

/* Its own folder a guest may remove; pciback lets go of the devices then. */
static void folder_goes(void)
{
	world_put_node("/local/domain/1/device/pci", NULL);
}

static void force_without_folder(void)
{
	char *before = attached(false);

	folder_goes();
	force(before, "at first", 0);
	before = attached(true);
	world_domain(1)->guest = GUEST_SLEEPS;
	world.meanwhile = folder_goes;
	force(before, "meanwhile", 0);
}

/* UNPLUG comes upon a backend that is not connected: the plan was made a moment before. */
static void force_late(void)
{
	unsigned long call, calls;
	char *before;

	for (call = 1;; call++) {
		before = attached(false);
		world_domain(1)->guest = GUEST_SLEEPS;
		world.calls = 0;
		world.meanwhile_at = call;
		world.meanwhile = put_states;
		turn_to = 77;
		force(before, "call", call);
		calls = world.calls;
		if (calls < call)
			break;
	}
	ck_assert_uint_gt(call, 50);
}

static void force_storm(void)
{
	char *before = attached(false);

	world_domain(1)->guest = GUEST_SLEEPS;
	world.storm = true;
	force(before, "storm", 0);
	/* And when the guest has other devices, which stay: undone, or given up. */
	before = attached(false);
	expect(EXIT_DONE, "attach --no-iommu 1 00:07.0");
	world.storm = true;
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect(EXIT_DONE, "detach 1 00:07.0");
	expect_same(before, "storm, two", 0);
}

/*
 * The nodes are gone, and pciback, which the guest can still ask to make the device a bus master,
 * comes to that later: the device is stopped and reset when that is over, not before.
 */
static void force_after_pciback(void)
{
	const char *at;
	char *before;

	free(attached(false));
	world_domain(1)->guest = GUEST_SLEEPS;
	*world_log = '\0';
	expect(EXIT_DONE, "detach --force --timeout=1 1 00:06.0");
	at = strstr(world_log, "release 0000:00:06.0");
	ck_assert_msg(at && strstr(at, "deny") && strstr(at, "reset 0000:00:06.0"), "%s",
		      world_log);

	before = attached(false);
	world_domain(1)->guest = GUEST_SLEEPS;
	world_device("0000:00:06.0")->held = true;
	expect(EXIT_LEFTOVER, "detach --force --timeout=1 1 00:06.0");
	expect_said("pciback still serves domain 1");
	expect(EXIT_LEFTOVER, "status");
	world_device("0000:00:06.0")->held = false;
	expect(EXIT_DONE, "detach --force 1 00:06.0");
	expect_same(before, "released", 0);
}

/* A state of the device that no reset ends does not keep it for ever. */
static void force_without_reset(void)
{
	char *before = attached(false);

	world_device("0000:00:06.0")->resets_max = 1; /* which the attach has had */
	expect(EXIT_LEFTOVER, "detach 1 00:06.0");
	expect_said("to do without: xenpci detach --force");
	expect(EXIT_LEFTOVER, "status");
	expect(EXIT_LEFTOVER, "detach 1 00:06.0");
	world_device("0000:00:06.0")->config[4] = 4;
	expect(EXIT_DONE, "detach --force 1 00:06.0");
	expect_said("warning: 0000:00:06.0: reset failed");
	expect_same(before, "no reset", 0); /* DMA is off */
}

/* Not at the cost of devices that nobody spoke of. */
static void force_of_some(void)
{
	char *before = attached(false);

	expect(EXIT_DONE, "attach --no-iommu 1 00:07.0");
	world_domain(1)->guest = GUEST_SLEEPS;
	refuse("detach --force --timeout=2 1 00:06.0", EXIT_TIMEOUT,
	       "--force cannot pass the guest over");
	expect(EXIT_DONE, "detach --force --timeout=2 1 " BOTH);
	expect_same(before, "both", 0);
}

/* A guest may write as often as it likes: one line a second is what dom0 gets to see. */
static void force_in_few_words(void)
{
	const char *at;
	int lines = 0;

	free(attached(false));
	world_domain(1)->guest = GUEST_TWITCHES;
	expect(EXIT_DONE, "detach --force --timeout=9 1 00:06.0");
	for (at = world_output; (at = strstr(at, "until domain")); at++)
		lines++;
	ck_assert_int_le(lines, 10);
}

static const struct unit_case cases[] = {
	{"no guest can prevent it", force_any_guest},
	{"no pair of states can prevent it", force_any_state},
	{"nor that its folder is gone", force_without_folder},
	{"nor what the states become at any moment", force_late},
	{"XSA-206: writes without end, which make commits fail, cannot prevent it", force_storm},
	{"pciback serves the guest no more before the device is reset", force_after_pciback},
	{"a device that cannot be reset is taken back, with DMA off", force_without_reset},
	{"not if other devices of the guest would go too", force_of_some},
	{"a guest that flips its state does not fill the log", force_in_few_words},
};

UNIT_MAIN("xenpci-force", cases)
