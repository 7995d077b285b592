/* SPDX-License-Identifier: MIT */
/*
 * xenpci detach when others do not do their part, or act at the same time: what is not finished
 * stays visible and can be finished.
 */
#include <string.h>

#include "unit.h"
#include "xenpci/attached.h"

#define BOTH "0000:00:06.0 0000:00:07.0"
#define BACKEND "/local/domain/0/backend/pci/1/0"
#define FRONTEND "/local/domain/1/device/pci/0"
#define RECORD "/tool/xenpci/0000-00-06-0"

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

/* Somebody else's MSI is nothing that this domain has. */
static void not_involved(void)
{
	char *before;

	world_make();
	world_add_messages(world_device("0000:00:06.0"));
	world_device("0000:00:06.0")->msi_stays = true;
	before = world_dump();
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect_said("domain 1 does not have it");
	ck_assert_ptr_null(strstr(world_output, "interrupt line"));
	expect_same(before, "other's", 0);
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
	bool fails;

	for (call = 1, fails = false;; call += fails, fails = !fails) {
		before = attached_with_msi();
		world.calls = 0;
		*(fails ? &world.fail_at : &world.dead_from) = call;
		world_run("detach 1 00:06.0");
		calls = world.calls;
		world.fail_at = world.dead_from = 0;
		expect(EXIT_DONE, "detach 1 00:06.0");
		expect_same(before, fails ? "failed" : "killed", call);
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

static const struct unit_case cases[] = {
	{"the line of a device that xl attached goes, though MSI hid it", line_behind_msi},
	{"the line of a device that the domain does not have is not looked for", not_involved},
	{"a device that claims to use MSI hides no line", device_lies},
	{"a line that stays hidden is named as left over", line_stays_hidden},
	{"a detach with a hidden line is finished, whatever failed of it", line_each_call},
	{"a detach that failed half-way is named by status and finished by detach", stays_visible},
	{"what xl asked back in vain is named by status and finished by detach", xl_stopped},
	{"a domain that ends while it is asked is no failure", ends_meanwhile},
	{"a domain that is dying is not waited for", dies_meanwhile},
	{"what xl takes away meanwhile is taken back whole", xl_is_faster},
	{"a guest that closes its device while it is asked", closes_meanwhile},
};

UNIT_MAIN("xenpci-detach", cases)
