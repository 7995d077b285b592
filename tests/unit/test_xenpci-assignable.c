/* SPDX-License-Identifier: MIT */
/*
 * xenpci assignable: between dom0's drivers and pciback and back, with nothing lost on the way.
 */
#include <string.h>

#include "unit.h"
#include "xenpci/expect.h"
#include "xenpci/plan/plan-assignable.h"
#include "xenpci/host/policy.h"

#define CALLS_MAX 3000
#define CARD "0000:00:03.0"
#define OTHER "0000:00:04.0"
#define NOTE "/libxl/pci/0000-00-03-0/driver_path"

static void make(bool iommu)
{
	world_make();
	world.iommu = iommu;
	world_add_device(CARD, "e1000e", "", 16);
	world_add_device(OTHER, "nvme", "", 17);
	world.calls = 0;
}

static void there_and_back(void)
{
	char *before;
	int iommu;

	for (iommu = 0; iommu < 2; iommu++) {
		make(iommu);
		before = world_dump();
		expect(EXIT_DONE, "assignable add " CARD " " OTHER);
		ck_assert_str_eq(world_device(CARD)->driver, "pciback");
		ck_assert_str_eq(world_device(OTHER)->driver, "pciback");
		ck_assert_uint_eq(world_device(CARD)->owner, iommu ? HV_DOMID_IO : 0);
		ck_assert_str_eq(world_node(NOTE), "/sys/bus/pci/drivers/e1000e");
		expect(EXIT_DONE, "assignable list");
		expect_said(CARD);
		expect(EXIT_DONE, "assignable add " CARD);
		expect_said("assignable already");
		expect(EXIT_DONE, "assignable remove " CARD " " OTHER);
		expect_same(before, "there and back", 0);
		expect(EXIT_DONE, "assignable remove " CARD);
		expect_said("is not assignable");
	}
}

static void fail_each(void)
{
	enum exit_status status;
	unsigned long call;
	char *before;
	int iommu;

	for (iommu = 0; iommu < 2; iommu++)
		for (call = 1; call < CALLS_MAX; call++) {
			make(iommu);
			before = world_dump();
			world.fail_at = call;
			status = world_run("assignable add --persist " CARD " " OTHER);
			if (world.calls < call) {
				free(before);
				break;
			}
			ck_assert_int_ne(status, EXIT_LEFTOVER);
			if (!status)
				expect(EXIT_DONE, "assignable remove " CARD " " OTHER);
			expect_same(before, "add", call);
		}
	ck_assert_uint_lt(call, CALLS_MAX);
}

static void fail_each_remove(void)
{
	enum exit_status status;
	unsigned long call;
	char *before;

	for (call = 1; call < CALLS_MAX; call++) {
		make(true);
		expect(EXIT_DONE, "assignable add --persist --force " CARD " " OTHER);
		before = world_dump();
		world.calls = 0;
		world.fail_at = call;
		status = world_run("assignable remove " CARD " " OTHER);
		if (world.calls < call) {
			free(before);
			break;
		}
		ck_assert_int_ne(status, EXIT_LEFTOVER);
		if (status)
			expect_same(before, "remove", call);
		else
			free(before);
	}
	ck_assert_uint_lt(call, CALLS_MAX);
}

/* Of whoever had it before: a failed add must not make it this driver's for good. */
static void older_note(void)
{
	unsigned long call;
	char *before;

	for (call = 1; call < CALLS_MAX; call++) {
		make(true);
		world_put_node(NOTE, "/sys/bus/pci/drivers/vfio-pci");
		before = world_dump();
		world.fail_at = call;
		if (world_run("assignable add --persist " CARD))
			expect_same(before, "add", call);
		else
			free(before);
		if (world.calls < call)
			break;
	}
	ck_assert_uint_lt(call, CALLS_MAX);
}

/* By the note alone it finds back. */
static void lost_driver(void)
{
	unsigned long call, left = 0;
	char *before;

	for (call = 1; call < CALLS_MAX; call++) {
		make(true);
		before = world_dump();
		world_device(CARD)->refused = true;
		world.fail_at = call;
		if (world_run("assignable add " CARD " " OTHER) == EXIT_LEFTOVER) {
			left++;
			ck_assert_str_eq(world_device(CARD)->driver, "");
			expect_said("xenpci assignable remove " CARD);
			ck_assert_str_eq(world_node(NOTE), "/sys/bus/pci/drivers/e1000e");
			world_device(CARD)->refused = false;
			expect(EXIT_DONE, "assignable remove " CARD);
			expect_same(before, "remove", call);
		} else {
			free(before);
		}
		if (world.calls < call)
			break;
	}
	ck_assert_uint_gt(left, 3);
}

static void kill_each(void)
{
	unsigned long call;
	char *before;
	bool over = false;

	for (call = 1; call < CALLS_MAX && !over; call++) {
		make(true);
		before = world_dump();
		world.dead_from = call;
		world_run("assignable add --persist " CARD);
		over = world.calls < call;
		world.dead_from = 0;
		expect(EXIT_DONE, "assignable remove " CARD);
		expect_same(before, "add killed, then remove", call);
	}
	for (call = 1, over = false; call < CALLS_MAX && !over; call++) {
		make(true);
		before = world_dump();
		expect(EXIT_DONE, "assignable add --persist " CARD);
		world.calls = 0;
		world.dead_from = call;
		world_run("assignable remove " CARD);
		over = world.calls < call;
		world.dead_from = 0;
		expect(EXIT_DONE, "assignable remove " CARD);
		expect_same(before, "remove killed, then remove", call);
	}
}

static void refused(void)
{
	make(false);
	world_add_device("0000:00:1c.0", "pcieport", "", 0);
	world_put_file("sys/bus/pci/devices/0000:00:1c.0/class", "0x060400\n");
	refuse("assignable add 0000:00:1c.0", EXIT_REFUSED, "is a bridge");
	refuse("assignable add 0000:00:1d.0", EXIT_UNKNOWN, "no such device");
	refuse("assignable add 3.0", EXIT_USAGE, "no address");
	refuse("assignable add", EXIT_USAGE, "devices are wanted");
	refuse("assignable bind", EXIT_USAGE, "add, remove, list or apply?");
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	refuse("assignable remove 00:06.0", EXIT_BUSY, "domain 1 has it");
}

static void root_disk(void)
{
	make(false);
	world_put_file("proc/self/mountinfo",
		       "25 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n");
	world_put_link("sys/dev/block/259:2",
		       "../../devices/pci0000:00/" OTHER "/nvme/nvme0/nvme0n1/nvme0n1p2");
	refuse("assignable add " CARD " " OTHER, EXIT_REFUSED, "carries a disk that dom0 uses");
	expect(EXIT_DONE, "assignable add " CARD);
}

/* / is on a pool that tells nobody its disks: it takes consent, and the next boot has it too. */
static void perhaps_root_disk(void)
{
	make(false);
	world_put_file("proc/self/mountinfo", "25 1 0:25 / / rw - zfs rpool/ROOT rw\n");
	world_put_link("sys/class/block/nvme0n1",
		       "../../devices/pci0000:00/" OTHER "/nvme/nvme0/nvme0n1");
	refuse("assignable add " CARD " " OTHER, EXIT_REFUSED,
	       "may be what dom0's root file system needs: / is zfs (rpool/ROOT), and nothing "
	       "tells which disks that is on; if you know that it is not, say --force");
	refuse("check " OTHER, EXIT_REFUSED, "may be what dom0's root file system needs");
	expect(EXIT_DONE, "assignable add --persist " CARD);
	world_put_file(POLICY_FILE, CARD " 8086:10d3\n" OTHER " 8086:10d3\n");
	refuse("assignable apply", EXIT_REFUSED, "if you know that it is not, say --force");
	expect(EXIT_DONE, "assignable add --force --persist " OTHER);
	ck_assert_ptr_nonnull(strstr(world_file(POLICY_FILE), OTHER " 8086:10d3 force\n"));
	strcpy(world_device(OTHER)->driver, "nvme"); /* as after a boot */
	expect(EXIT_DONE, "assignable apply");
	ck_assert_str_eq(world_device(OTHER)->driver, "pciback");
	expect(EXIT_DONE, "assignable remove " CARD " " OTHER);
	world_put_file("proc/self/mountinfo", "25 1 0:25 / /tank rw - zfs tank rw\n");
	expect(EXIT_DONE, "assignable add " OTHER);
	expect_said("warning: " OTHER " may carry a disk that dom0 uses: /tank is zfs");
}

/* libxl's note is a path: it must not be followed out of the drivers' folder. */
static void driver_paths(void)
{
	static const char *const wrong[] = {
		"",
		"/sys/bus/pci/drivers/",
		"/sys/bus/pci/drivers/..",
		"/sys/bus/pci/drivers/a/../../../x",
		"/sys/bus/pci/driversx/e1000e",
		"sys/bus/pci/drivers/e1000e",
		"/etc/passwd",
	};
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!assignable_driver(wrong[i]), "%s", wrong[i]);
	ck_assert_str_eq(assignable_driver("/sys/bus/pci/drivers/e1000e"), "e1000e");
	make(false);
	expect(EXIT_DONE, "assignable add " CARD);
	world_put_node(NOTE, "/sys/bus/pci/drivers/../../x");
	expect(EXIT_DONE, "assignable remove " CARD);
	expect_said("stays without a driver");
	ck_assert_str_eq(world_device(CARD)->driver, "");
}

static void next_boot(void)
{
	make(false);
	expect(EXIT_DONE, "assignable add --persist " CARD);
	ck_assert_ptr_nonnull(strstr(world_file(POLICY_FILE), CARD " 8086:10d3\n"));
	world_device(CARD)->driver[0] = '\0'; /* as after a boot: the driver has it again */
	strcpy(world_device(CARD)->driver, "e1000e");
	world_device(CARD)->slot = false;
	expect(EXIT_DONE, "assignable apply");
	ck_assert_str_eq(world_device(CARD)->driver, "pciback");
	expect(EXIT_DONE, "assignable remove " CARD);
	ck_assert_ptr_null(world_file(POLICY_FILE));
	world_put_file(POLICY_FILE, CARD " 8086:1234\n");
	expect(EXIT_DONE, "assignable apply");
	expect_said("is not the device of the list any more");
	ck_assert_str_eq(world_device(CARD)->driver, "e1000e");
	expect(EXIT_DONE, "assignable add --persist " CARD); /* it is what is there today */
	ck_assert_ptr_nonnull(strstr(world_file(POLICY_FILE), CARD " 8086:10d3\n"));
	world_put_file(POLICY_FILE, "nonsense\n");
	refuse("assignable apply", EXIT_HOST, "makes no sense");
}

static void policies(void)
{
	static const char *const wrong[] = {
		"0000:00:03.0\n",
		"0000:00:03.0 8086\n",
		"0000:00:03.0 8086:10d3 x\n",
		"0000:00:03.0 10000:0000\n",
		" 0000:00:03.0 1:2\n",
		"0000:00:03.8 8086:10d3\n",
		"0000:00:03.0 8086:10d3 forced\n",
	};
	struct policy policy;
	unsigned int line;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!policy_parse(wrong[i], &policy, &line), "%s", wrong[i]);
	ck_assert(!policy_parse("# one\n\n0000:00:03.0 8086:10d3\nx\n", &policy, &line));
	ck_assert_uint_eq(line, 4);
	ck_assert(policy_parse("# one\n0000:00:03.0 8086:10d3 force\n00:04.0 1:2", &policy, &line));
	ck_assert_uint_eq(policy.count, 2);
	ck_assert_uint_eq(policy.entry[0].id, 0x808610d3);
	ck_assert(policy.entry[0].force && !policy.entry[1].force);
}

static const struct unit_case cases[] = {
	{"devices go to pciback and back to their drivers", there_and_back},
	{"an add of which any call fails leaves nothing", fail_each},
	{"a remove of which any call fails is undone, notes and all", fail_each_remove},
	{"a failed add leaves an older note of a driver", older_note},
	{"a device whose driver does not take it back keeps the note", lost_driver},
	{"an add or remove that is killed at any call is finished by remove", kill_each},
	{"bridges, unknown and given devices are refused", refused},
	{"the device of dom0's root disk is refused", root_disk},
	{"a disk that may be dom0's root takes consent, once", perhaps_root_disk},
	{"libxl's note of a driver leads nowhere else", driver_paths},
	{"what is to last is applied at the next boot, to the same devices", next_boot},
	{"the list for the next boot is read strictly", policies},
};

UNIT_MAIN("xenpci-assignable", cases)
