/* SPDX-License-Identifier: MIT */
/*
 * xenpci detach when others do not do their part, or act at the same time: what is not finished
 * stays visible and can be finished.
 */
#include <string.h>
#include <xen/io/xenbus.h>

#include "unit.h"
#include "xenpci/expect.h"

#define BOTH "0000:00:06.0 0000:00:07.0"
#define BACKEND "/local/domain/0/backend/pci/1/0"
#define FRONTEND "/local/domain/1/device/pci/0"
#define RECORD "/tool/xenpci/0000-00-06-0"

/* A guest with the first device, attached by xenpci or, as far as can be seen, by xl. */
static char *attached(bool by_xl)
{
	char *before;

	world_make();
	before = world_dump();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	if (by_xl)
		world_put_node("/tool/xenpci", NULL);
	return before;
}

/* ---- not finished ---- */

static void stays_visible(void)
{
	char *before;
	int by_xl;

	for (by_xl = 0; by_xl < 2; by_xl++) {
		before = attached(by_xl);
		world_domain(1)->guest = GUEST_STALLS;
		expect(EXIT_LEFTOVER, "detach --timeout=5 1 00:06.0");
		ck_assert_str_eq(world_node(RECORD "/stage"), "detaching");
		expect(EXIT_LEFTOVER, "status");
		expect_said("0000:00:06.0 as 0000:00:00.00: detach stopped: the guest has not");
		refuse("attach --no-iommu 1 00:06.0", EXIT_BUSY, "something is left over");
		/* Nobody asks a second time for what was asked for; nothing is lost by trying. */
		refuse("detach --timeout=5 1 00:06.0", EXIT_TIMEOUT, "did not answer");
		world_domain(1)->guest = GUEST_WORKS;
		expect(EXIT_DONE, "detach 1 00:06.0");
		expect_same(before, "finished", by_xl);
	}
}

/* xl's own failed detach: it leaves no record, only what pciback was asked. */
static void xl_stopped(void)
{
	char *before = attached(true);

	world_put_node(BACKEND "/state-0", "5");
	world_put_node(BACKEND "/state", "7");
	world_domain(1)->guest = GUEST_SLEEPS;
	expect(EXIT_LEFTOVER, "status");
	expect_said(": asked back, but the guest has not given it up, by xl");
	world_domain(1)->guest = GUEST_WORKS;
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect_same(before, "finished", 0);
}

/* ---- what xl granted ---- */

/* By xl, so that nothing but the device itself tells what was granted; and MSI hides the line. */
static char *attached_with_msi(void)
{
	char *before;

	world_make();
	world_add_messages(world_device("0000:00:06.0"));
	before = world_dump();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	world_put_node("/tool/xenpci", NULL);
	return before;
}

static void line_behind_msi(void)
{
	char *before = attached_with_msi();

	expect(EXIT_DONE, "detach --dry-run 1 00:06.0");
	expect_said("its interrupt line is not to be seen yet");
	ck_assert_uint_eq(world_domain(1)->pirqs, 1 << 22);
	expect(EXIT_DONE, "detach 1 00:06.0");
	ck_assert_uint_eq(world_domain(1)->pirqs, 0);
	expect_same(before, "MSI", 0);

	before = attached_with_msi();
	world_domain(1)->guest = GUEST_SLEEPS;
	expect(EXIT_DONE, "detach --force --timeout=1 1 00:06.0");
	expect_same(before, "MSI, forced", 0);
}

/* The device's word does not count: one that says for ever that MSI is on hides nothing. */
static void device_lies(void)
{
	char *before;

	world_make();
	world_add_messages(world_device("0000:00:06.0"));
	world_device("0000:00:06.0")->config[WORLD_MSI + 2] = 1;
	before = world_dump();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	ck_assert_uint_eq(world_domain(1)->pirqs, 1 << 22);
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect_same(before, "lie", 0);
}

/* MSI that stays on hides the line for ever: then that is what is left over. */
static void line_stays_hidden(void)
{
	char *before = attached_with_msi();

	world_device("0000:00:06.0")->msi_stays = true;
	expect(EXIT_LEFTOVER, "detach 1 00:06.0");
	expect_said("its interrupt line may still be granted");
	expect(EXIT_LEFTOVER, "status");
	expect_said("detach stopped: permissions may be left");
	world_device("0000:00:06.0")->msi_stays = false;
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect_same(before, "MSI off", 0);
}

static void line_each_call(void)
{
	unsigned long call, calls;
	char *before;

	for (call = 1;; call++) {
		before = attached_with_msi();
		world.calls = 0;
		world.dead_from = call;
		world_run("detach 1 00:06.0");
		calls = world.calls;
		world.dead_from = 0;
		expect(EXIT_DONE, "detach 1 00:06.0");
		expect_same(before, "killed", call);
		if (calls < call)
			break;
	}
}

/* ---- others act while xenpci waits ---- */

static void domain_ends(void)
{
	world_domain(1)->grants.count = 0;
	world_domain(1)->pirqs = 0;
	world_domain(1)->exists = false;
	world_put_node("/local/domain/0/backend/pci", NULL);
	world_put_node("/local/domain/1", NULL);
	world_put_node("/libxl/pci", NULL);
}

static void ends_meanwhile(void)
{
	free(attached(false));
	world_domain(1)->guest = GUEST_SLEEPS;
	world.meanwhile = domain_ends;
	expect(EXIT_DONE, "detach 1 00:06.0");
	ck_assert_uint_lt(world.clock, 1005000);
	ck_assert_ptr_null(world_node("/tool/xenpci"));
	expect(EXIT_DONE, "status");
	expect_said("no domain has a PCI device");
}

static void xl_detaches(void)
{
	world_put_node("/local/domain/0/backend/pci", NULL);
	world_put_node("/local/domain/1/device/pci", NULL);
	world_put_node("/libxl/pci", NULL);
}

static void xl_is_faster(void)
{
	char *before = attached(false);

	world_domain(1)->guest = GUEST_SLEEPS;
	world.meanwhile = xl_detaches;
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect_same(before, "xl", 0);
}

/* A guest that closes its device while it is asked has given it up: if no others are in it. */
static void guest_closes(void)
{
	world_put_node(FRONTEND "/state", "6");
}

static void closes_meanwhile(void)
{
	char *before = attached(false);

	world_domain(1)->guest = GUEST_SLEEPS;
	world.meanwhile = guest_closes;
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect_same(before, "closed", 0);

	before = attached(false);
	expect(EXIT_DONE, "attach --no-iommu 1 00:07.0");
	world_domain(1)->guest = GUEST_SLEEPS;
	world.meanwhile = guest_closes;
	expect(EXIT_LEFTOVER, "detach 1 00:06.0");
	expect(EXIT_REFUSED, "detach 1 00:06.0");
	expect_said("detach all devices of domain 1 together");
	expect(EXIT_DONE, "detach 1 " BOTH);
	expect_same(before, "closed, two", 0);
}

/* Nobody cleans up yet: but who is dead is not waited for. */
static void domain_dies(void)
{
	world_domain(1)->dying = true;
}

static void dies_meanwhile(void)
{
	char *before = attached(false);

	world_domain(1)->guest = GUEST_SLEEPS;
	world.meanwhile = domain_dies;
	expect(EXIT_DONE, "detach 1 00:06.0");
	ck_assert_uint_lt(world.clock, 1005000);
	expect_same(before, "dying", 0);
}

/* ---- force ---- */

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
	{"the line of a device that xl attached goes, though MSI hid it", line_behind_msi},
	{"a device that claims to use MSI hides no line", device_lies},
	{"a line that stays hidden is named as left over", line_stays_hidden},
	{"a detach with a hidden line is finished, whenever it was killed", line_each_call},
	{"force: no guest can prevent it", force_any_guest},
	{"force: no pair of states can prevent it", force_any_state},
	{"force: nor what the states become at any moment", force_late},
	{"XSA-206: force: writes without end, which make commits fail, cannot prevent it",
	 force_storm},
	{"force: pciback serves the guest no more before the device is reset", force_after_pciback},
	{"force: not if other devices of the guest would go too", force_of_some},
	{"a guest that flips its state does not fill the log", force_in_few_words},
	{"a detach that failed half-way is named by status and finished by detach", stays_visible},
	{"what xl asked back in vain is named by status and finished by detach", xl_stopped},
	{"a domain that ends while it is asked is no failure", ends_meanwhile},
	{"a domain that is dying is not waited for", dies_meanwhile},
	{"what xl takes away meanwhile is taken back whole", xl_is_faster},
	{"a guest that closes its device while it is asked", closes_meanwhile},
};

UNIT_MAIN("xenpci-detach", cases)
