/* SPDX-License-Identifier: MIT */
/*
 * xenpci detach beside xl, which takes no lock of ours and may give a device to somebody else at
 * any moment: a new owner is not to notice.
 */
#include <string.h>

#include "unit.h"
#include "xenpci/attached.h"

#define BACKEND "/local/domain/0/backend/pci/1/0"

static struct world_device handed_over;

/* As xl detaches it here, whose part is over then. */
static struct world_device *take_from_guest(void)
{
	struct world_device *device = world_device("0000:00:06.0");

	world_domain(1)->grants.count = 0;
	world_domain(1)->pirqs = 0;
	world_put_node("/local/domain/0/backend/pci/1", NULL);
	world_put_node("/local/domain/1/device/pci", NULL);
	world_put_node("/libxl/pci", NULL);
	device->config[4] = 4;
	return device;
}

static void to_other_domain(void)
{
	struct world_device *device = take_from_guest();
	struct grants has = {.grant = {{GRANT_LINE, 22, 22}}, .count = 1};

	device->owner = device->user = 2;
	device->exported = true;
	world_domain(2)->grants = has;
	world_domain(2)->pirqs = 1 << 22;
	world_put_node("/libxl/pci/0000-00-06-0/domid", "2");
	world_put_node("/local/domain/0/backend/pci/2/0/num_devs", "1");
	world_put_node("/local/domain/0/backend/pci/2/0/dev-0", "0000:00:06.0");
	world_put_node("/local/domain/0/backend/pci/2/0/state-0", "3");
	world_put_node("/local/domain/0/backend/pci/2/0/vdev-0", "0000:00:00.00");
	world_put_node("/local/domain/0/backend/pci/2/0/state", "4");
	world_put_node("/local/domain/2/device/pci/0/state", "4");
	handed_over = *device;
}

static void to_dom0(void)
{
	struct world_device *device = take_from_guest();

	device->owner = 0;
	device->exported = device->slot = device->permissive = false;
	strcpy(device->driver, "e1000e");
	handed_over = *device;
}

/* A working device of somebody else's is what it was, and nothing of the old domain's is left. */
static void expect_untouched(unsigned long call)
{
	ck_assert_msg(!memcmp(world_device("0000:00:06.0"), &handed_over, sizeof(handed_over)),
		      "call %lu: touched: %s\n%s", call, world_log, world_output);
	world_run("detach 1 00:06.0");
	ck_assert_msg(!memcmp(world_device("0000:00:06.0"), &handed_over, sizeof(handed_over)),
		      "call %lu: touched by the next: %s", call, world_output);
	ck_assert_msg(!world_node("/tool/xenpci"), "call %lu: %s", call, world_output);
	ck_assert_uint_eq(world_domain(1)->grants.count, 0);
	if (handed_over.owner != 2)
		return;
	ck_assert_uint_eq(world_domain(2)->grants.count, 1);
	ck_assert_uint_eq(world_domain(2)->pirqs, 1 << 22);
	ck_assert_str_eq(world_node("/libxl/pci/0000-00-06-0/domid"), "2");
	ck_assert_str_eq(world_node("/local/domain/0/backend/pci/2/0/state"), "4");
}

/* At any moment xl may give the device to somebody else, who is not to notice. */
static void never_from_new_owner(void)
{
	static void (*const to[])(void) = {to_other_domain, to_dom0};
	unsigned long call, refused = 0;
	unsigned int i;
	bool over;

	for (i = 0; i < 2; i++)
		for (call = 1, over = false; !over; call++) {
			world_make();
			world.iommu = true;
			world_device("0000:00:06.0")->owner = HV_DOMID_IO;
			world_add_domain(2, "other", true, true);
			expect(EXIT_DONE, "attach 1 00:06.0,permissive=1");
			world.calls = 0;
			world.meanwhile_at = call;
			world.meanwhile = to[i];
			world_run("detach 1 00:06.0");
			over = world.calls < call;
			refused += strstr(world_output, "somebody else was faster") != NULL;
			if (!world.meanwhile) /* it came to that */
				expect_untouched(call);
		}
	ck_assert_uint_gt(call, 50);
	ck_assert_uint_gt(refused, 0); /* while the plan was made, before anything was done */
}

static void refused_to_new_owner(void)
{
	world_make();
	world.iommu = true;
	world_device("0000:00:06.0")->owner = HV_DOMID_IO;
	world_add_domain(2, "other", true, true);
	expect(EXIT_DONE, "attach 1 00:06.0");
	to_other_domain();
	expect(EXIT_DONE, "detach --dry-run 1 00:06.0");
	expect_said("0000:00:06.0 is left alone: domain 2 has it now");
	ck_assert_ptr_null(strstr(world_output, "reset"));
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect_untouched(0);
	refuse("detach 1 00:06.0", EXIT_BUSY, "domain 2 has it");
}

/* Not pciback's any more, but in the domain's IOMMU context still: Xen's part is taken back. */
static void deassigned_without_pciback(void)
{
	struct world_device *device;

	world_make();
	world.iommu = true;
	device = world_device("0000:00:06.0");
	device->owner = HV_DOMID_IO;
	expect(EXIT_DONE, "attach 1 00:06.0");
	strcpy(device->driver, "e1000e");
	device->config[4] = 4;
	expect(EXIT_DONE, "detach --timeout=1 --force 1 00:06.0");
	ck_assert_uint_eq(device->owner, HV_DOMID_IO);
	ck_assert_uint_eq(device->resets, 1);
	ck_assert_ptr_null(world_node("/tool/xenpci"));
}

/* A second device on the line, which xl attached while xenpci waited, keeps it. */
static void xl_attaches(void)
{
	world_put_node(BACKEND "/dev-1", "0000:00:07.0");
	world_put_node(BACKEND "/state-1", "3");
	world_put_node(BACKEND "/vdev-1", "0000:00:01.00");
	world_put_node(BACKEND "/num_devs", "2");
	world_put_node("/libxl/pci/0000-00-07-0/domid", "1");
	world_device("0000:00:07.0")->exported = true;
	world_device("0000:00:07.0")->user = 1;
}

static void keeps_what_came(void)
{
	free(attached(false));
	world_put_file("sys/bus/pci/devices/0000:00:07.0/irq", "22\n");
	world.meanwhile = xl_attaches;
	expect(EXIT_DONE, "detach 1 00:06.0");
	ck_assert_uint_eq(world_domain(1)->pirqs, 1 << 22);
	expect(EXIT_DONE, "detach 1 00:07.0");
	ck_assert_uint_eq(world_domain(1)->pirqs, 0);
}

static void owner_unreadable(void)
{
	char *before = attached(false);

	world_put_node("/libxl/pci/0000-00-06-0/domid", "one");
	expect(EXIT_LEFTOVER, "detach 1 00:06.0");
	expect_said("who has it cannot be told");
	expect(EXIT_LEFTOVER, "status");
	world_put_node("/libxl/pci/0000-00-06-0/domid", NULL);
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect_same(before, "readable", 0);
}

/* As a detach of xl's, or one that was killed, has it for a while: the nodes of 06.0 are left. */
static char *given_up(void)
{
	world_put_node(BACKEND "/state-0", "5");
	world_device("0000:00:06.0")->exported = false;
	world_device("0000:00:06.0")->config[4] = 0;
	return world_dump();
}

/* pciback would stop at it, and so would the domain's other devices for good. */
static void never_beside_given_up(void)
{
	char *before;

	world_make();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	before = given_up();
	expect(EXIT_BUSY, "attach --no-iommu 1 00:07.0");
	expect_said("another device is being given up; xenpci status 1");
	expect_same(before, "attach", 0);
	expect(EXIT_LEFTOVER, "status");
	expect_said("xenpci detach 1 0000:00:06.0");
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0 00:07.0");
	before = given_up();
	expect(EXIT_BUSY, "detach 1 00:07.0");
	expect_same(before, "detach", 0);
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect(EXIT_DONE, "detach 1 00:07.0");
	expect(EXIT_DONE, "status");
}

/* What was given up is asked for once only, also if the rest is never given up. */
static void with_given_up(void)
{
	char *before;

	world_make();
	before = world_dump();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0 00:07.0");
	free(given_up());
	world_domain(1)->guest = GUEST_SLEEPS;
	expect(EXIT_TIMEOUT, "detach --timeout=1 1 00:06.0 00:07.0");
	expect(EXIT_LEFTOVER, "status");
	expect_said("0000:00:06.0: given up by the guest, but its nodes are left");
	ck_assert_ptr_null(strstr(world_output, "0000:00:07.0: given"));
	expect(EXIT_BUSY, "attach --no-iommu 1 00:06.0");
	world_domain(1)->guest = GUEST_WORKS;
	expect(EXIT_DONE, "detach 1 00:06.0 00:07.0");
	expect_same(before, "detach", 0);
}

static void move_node(const char *name, int from, int to)
{
	char path[80], *value;

	snprintf(path, sizeof(path), BACKEND "/%s-%d", name, from);
	value = world_node(path) ? strdup(world_node(path)) : NULL;
	world_put_node(path, NULL);
	snprintf(path, sizeof(path), BACKEND "/%s-%d", name, to);
	world_put_node(path, value);
	free(value);
}

/* The end of xl's detach of the first of three. */
static void xl_removes_first(void)
{
	static const char *const keys[] = {"key", "dev", "vdev", "opts", "state"};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		move_node(keys[i], 1, 0);
		move_node(keys[i], 2, 1);
	}
	world_put_node(BACKEND "/num_devs", "2");
	world_put_node("/libxl/pci/0000-00-06-0", NULL);
}

/* Before that we are too early, after it on time; between two nodes there is nothing. */
static void never_half_removed(void)
{
	unsigned long call, busy = 0, done = 0;
	enum exit_status status;
	bool over = false;

	for (call = 1; !over; call++) {
		world_make();
		world_add_device("0000:00:08.0", "pciback", "0xfd000000 0xfd00ffff 0x200\n", 0);
		expect(EXIT_DONE, "attach --no-iommu 1 00:06.0 00:08.0 00:07.0");
		world_put_node("/tool/xenpci/0000-00-06-0", NULL);
		free(given_up());
		world.calls = 0;
		world.meanwhile_at = call;
		world.meanwhile = xl_removes_first;
		status = world_run("detach 1 00:07.0");
		ck_assert_msg(!status || status == EXIT_BUSY, "call %lu: %s", call, world_output);
		*(status ? &busy : &done) += 1;
		over = world.calls < call;
		if (!world.meanwhile) /* it came to that */
			expect(EXIT_DONE, "detach 1 00:07.0");
	}
	ck_assert_uint_gt(busy, 0);
	ck_assert_uint_gt(done, 0);
}

static const struct unit_case cases[] = {
	{"a new owner's device is never touched, whenever it changes hands", never_from_new_owner},
	{"of a device that has a new owner only what was the old one's goes", refused_to_new_owner},
	{"the IOMMU's part is taken back without pciback too", deassigned_without_pciback},
	{"what the domain got meanwhile by another device it keeps", keeps_what_came},
	{"beside a device that is being given up nothing is asked for", never_beside_given_up},
	{"a device that was given up before goes with others", with_given_up},
	{"what another tool removes meanwhile is there or not", never_half_removed},
	{"a device whose owner cannot be told is left alone", owner_unreadable},
};

UNIT_MAIN("xenpci-moved", cases)
