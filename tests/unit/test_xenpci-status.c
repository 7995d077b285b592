/* SPDX-License-Identifier: MIT */
/*
 * xenpci status: whatever a killed attach or detach leaves is named, and nothing is named that is
 * well.
 */
#include <jansson.h>
#include <string.h>

#include "unit.h"
#include "xenpci/expect.h"

#define CALLS_MAX 3000

static void all_well(void)
{
	world_make();
	expect(EXIT_DONE, "status");
	expect_said("no domain has a PCI device");
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0 00:07.0");
	expect(EXIT_DONE, "status");
	expect_said("domain 1 guest: backend connected, frontend connected");
	expect_said("0000:00:06.0 as 0000:00:00.00: attached, INSECURE: no IOMMU");
	expect_said("memory:fe000-fe01f ports:c000-c01f line:16-16");
	expect(EXIT_DONE, "detach 1 00:06.0 00:07.0");
	expect(EXIT_DONE, "status");
}

static void as_json(void)
{
	json_t *json, *domain, *device;

	world_make();
	expect(EXIT_DONE, "attach --no-iommu 1 00:07.0");
	expect(EXIT_DONE, "status --json 1");
	json = json_loads(world_output, JSON_DISABLE_EOF_CHECK, NULL);
	ck_assert_uint_eq(json_array_size(json), 1);
	domain = json_array_get(json, 0);
	ck_assert_str_eq(json_string_value(json_object_get(domain, "frontend")), "connected");
	device = json_array_get(json_object_get(domain, "devices"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(device, "address")), "0000:00:07.0");
	ck_assert_str_eq(json_string_value(json_object_get(device, "problem")), "");
	json_decref(json);
}

/* What others wrote steers no terminal and breaks no document. */
static void hostile_texts(void)
{
	static const char *const lines[] = {"status", "list", "explain 00:06.0", "check 00:06.0",
					    "map 1"};
	char line[64];
	const char *at;
	json_t *json;
	size_t i;

	world_make();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	world_put_node("/local/domain/1/name", "g\x1b[2J\xff\n\xc2\x9b");
	world_put_node("/local/domain/1/vm", "/vm/\xff");
	world_put_node("/local/domain/0/backend/pci/1/0/vdev-0", "\x1b[1m\xe9");
	world_put_file("sys/bus/pci/devices/0000:00:06.0/reset_method", "flr \x1b\xff\n");
	world_put_file("sys/bus/pci/devices/0000:00:07.0/reset_method", "\x7f\n");
	strcpy(world_device("0000:00:07.0")->driver, "\x1b]0;\xff");
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		world_run(lines[i]);
		ck_assert_str_ne(world_output, "");
		for (at = world_output; *at; at++)
			ck_assert_msg(*at == '\n' || (*at >= ' ' && *at <= '~'), "%s: %#x in\n%s",
				      lines[i], (unsigned char)*at, world_output);
		snprintf(line, sizeof(line), "%.*s --json%s", (int)strcspn(lines[i], " "), lines[i],
			 lines[i] + strcspn(lines[i], " "));
		world_run(line);
		json = json_loads(world_output, JSON_DISABLE_EOF_CHECK, NULL);
		ck_assert_msg(json && json_array_size(json) + json_object_size(json), "%s:\n%s",
			      line, world_output);
		json_decref(json);
	}
}

/* Is anything other than at the start, or than when all is attached? Then it must be named. */
static void killed(const char *before, const char *line)
{
	char *start, *now, *well;
	unsigned long call;
	bool over = false;
	enum exit_status status;

	world_make();
	if (before)
		expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	else
		expect(EXIT_DONE, "status");
	start = world_dump();
	expect(EXIT_DONE, line);
	well = world_dump();
	for (call = 1; call < CALLS_MAX && !over; call++) {
		world_make();
		if (before)
			expect(EXIT_DONE, before);
		world.calls = 0;
		world.dead_from = call;
		world_run(line);
		over = world.calls < call;
		world.dead_from = 0;
		now = world_dump();
		status = world_run("status");
		if (!strcmp(now, start) || !strcmp(now, well))
			ck_assert_msg(status == EXIT_DONE, "call %lu: %s", call, world_output);
		else
			ck_assert_msg(status == EXIT_LEFTOVER &&
					      strstr(world_output, "xenpci detach 1 0000:00:06.0"),
				      "call %lu: status %d: %s\n%s", call, status, world_output,
				      now);
		free(now);
	}
	ck_assert_uint_lt(call, CALLS_MAX);
	free(start);
	free(well);
}

static void killed_attach(void)
{
	killed(NULL, "attach --no-iommu 1 00:06.0");
}

static void killed_detach(void)
{
	killed("attach --no-iommu 1 00:06.0", "detach 1 00:06.0");
}

static void under_way(void)
{
	char path[64], text[16];

	world_make();
	world.dead_from = 120; /* somewhere on the way */
	world_run("attach --no-iommu 1 00:06.0");
	world.dead_from = 0;
	expect(EXIT_LEFTOVER, "status");
	expect_said("attach stopped");
	snprintf(text, sizeof(text), "%d", getpid());
	ck_assert_str_eq(world_node("/tool/xenpci/0000-00-06-0/pid"), text);
	snprintf(path, sizeof(path), "proc/%d/comm", getpid());
	world_put_file(path, "another\n");
	expect(EXIT_LEFTOVER, "status");
	world_put_file(path, "xenpci\n");
	expect(EXIT_DONE, "status");
	expect_said(": attaching");
}

static void all_goes(void)
{
	world_put_node("/tool/xenpci", NULL);
	world_put_node("/local/domain/0/backend/pci", NULL);
	world_put_node("/local/domain/1/device/pci", NULL);
	world_put_node("/libxl/pci", NULL);
}

/* Between any two of our looks a detach ends: one half of what there was is no leftover. */
static void at_one_moment(void)
{
	unsigned long call;
	bool over = false;

	for (call = 1; !over; call++) {
		world_make();
		expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
		world.calls = 0;
		world.meanwhile_at = call;
		world.meanwhile = all_goes;
		ck_assert_msg(world_run("status") == EXIT_DONE, "call %lu: %s", call, world_output);
		over = world.calls < call;
	}
	ck_assert_uint_gt(call, 50);
}

static void by_others(void)
{
	world_make();
	world_put_node("/libxl/pci/0000-00-06-0/domid", "1");
	expect(EXIT_LEFTOVER, "status");
	expect_said("noted by xl, but the guest was not told");
	world_put_node("/libxl/pci/0000-00-06-0/domid", "one");
	expect(EXIT_LEFTOVER, "status");
	expect_said("makes no sense");
	world_put_node("/libxl/pci/0000-00-06-0", NULL);
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	world_put_node("/local/domain/0/backend/pci", NULL);
	world_put_node("/libxl/pci/0000-00-06-0", NULL);
	expect(EXIT_LEFTOVER, "status");
	expect_said("detached by somebody else");
	guest_forget();
	/* The same domain may have it again, and what was granted before is not forgotten. */
	world_put_file("sys/bus/pci/devices/0000:00:06.0/resource", "");
	world_domain(1)->guest = GUEST_ABSENT;
	expect(EXIT_TIMEOUT, "attach --no-iommu --timeout=1 1 00:06.0");
	ck_assert_ptr_nonnull(strstr(world_node("/tool/xenpci/0000-00-06-0/grants"), "fe000"));
	world_put_node("/local/domain/1/device/pci", NULL);
	world_domain(1)->guest = GUEST_WORKS;
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	expect(EXIT_DONE, "detach 1 00:06.0");
	ck_assert_uint_eq(world_domain(1)->grants.count, 0);
	expect(EXIT_DONE, "status");
}

static void domain_gone(void)
{
	world_make();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	world_put_node("/local/domain/1/vm", "/vm/another");
	expect(EXIT_LEFTOVER, "status");
	expect_said("its domain is gone");
	world_domain(1)->exists = false;
	expect(EXIT_LEFTOVER, "status");
	expect_said("its domain is gone");
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect(EXIT_DONE, "status");
}

/* As after `xl destroy`: the record is all that is left, and in nobody's way. */
static void domain_destroyed(void)
{
	world_make();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	world_domain(1)->exists = false;
	world_put_node("/local/domain/0/backend/pci", NULL);
	world_put_node("/local/domain/1", NULL);
	world_put_node("/libxl/pci", NULL);
	guest_forget();
	expect(EXIT_DONE, "status");
	expect_said("no domain has a PCI device");
	world_add_domain(2, "guest", true, true);
	expect(EXIT_DONE, "attach --dry-run --no-iommu guest 00:06.0");
	ck_assert_str_eq(world_node("/tool/xenpci/0000-00-06-0/domain"), "1");
	expect(EXIT_DONE, "attach --no-iommu guest 00:06.0");
	ck_assert_str_eq(world_node("/tool/xenpci/0000-00-06-0/domain"), "2");
	expect(EXIT_DONE, "detach 2 00:06.0");
	ck_assert_ptr_null(world_node("/tool/xenpci"));
}

static void stuck(void)
{
	static const struct {
		const char *backend, *frontend, *words;
	} pair[] = {
		{"7", "4", "the guest has not looked at what changed"},
		{"7", "7", "pciback has not carried out what changed"},
		{"8", "7", "the guest has not confirmed what changed"},
		{"4", "7", "waits for a change that was taken back"},
		{"2", "1", "no PCI frontend driver"},
		{"3", "3", "the two ends have not connected"},
		{"5", "4", "the device is closed"},
		{"4", "6", "the device is closed"},
		{"4", "\x1b[2J", "no PCI frontend driver"},
	};
	size_t i;

	for (i = 0; i < sizeof(pair) / sizeof(pair[0]); i++) {
		world_make();
		expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
		world_put_node("/local/domain/0/backend/pci/1/0/state", pair[i].backend);
		world_put_node("/local/domain/1/device/pci/0/state", pair[i].frontend);
		expect(EXIT_LEFTOVER, "status");
		expect_said(pair[i].words);
		ck_assert_ptr_null(strchr(world_output, '\x1b'));
	}
}

/* Nonsense in dom0's own nodes: an error that names the node, never a guess. */
static void malformed_store(void)
{
	static const struct {
		const char *key, *value;
	} node[] = {
		{"num_devs", "many"}, {"num_devs", "257"},
		{"num_devs", "-1"},   {"num_devs", "2"},
		{"dev-0", "06"},      {"dev-0", ""},
		{"state-0", "9"},     {"state", "x"},
		{"vdevfn-0", "100"},  {"num_devs", "99999999999999999999"},
	};
	char path[80], *before;
	size_t i;

	for (i = 0; i < sizeof(node) / sizeof(node[0]); i++) {
		world_make();
		expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
		snprintf(path, sizeof(path), "/local/domain/0/backend/pci/1/0/%s", node[i].key);
		world_put_node(path, node[i].value);
		before = world_dump();
		expect(EXIT_HOST, "status");
		expect_said("xenstore makes no sense");
		expect(EXIT_HOST, "attach --no-iommu 1 00:07.0");
		expect(EXIT_HOST, "detach 1 00:06.0");
		expect_same(before, node[i].key, i);
	}
}

/* One bad device or record does not hide the others, and cannot be used itself. */
static void malformed_sysfs(void)
{
	static const struct {
		const char *file, *text;
	} bad[] = {
		{"vendor", "8086h\n"},
		{"vendor", "0x18086\n"},
		{"class", ""},
		{"irq", "-1\n"},
		{"irq", "99999999999\n"},
		{"resource", "0x1000 0x0fff 0x200\n"},
		{"resource", "0x1000 0x1fff 0x300\n"},
		{"resource", "0x1000 0x1ffff 0x100\n"},
		{"resource", "0x1000 0x1fff\n"},
		{"resource", "0x1000 0x1fff 0x200"},
		{"resource", "0x10000000000000000 0x1fff 0x200\n"},
	};
	char path[80];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		world_make();
		snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:00:06.0/%s", bad[i].file);
		world_put_file(path, bad[i].text);
		expect(EXIT_DONE, "list");
		expect_said("0000:00:07.0");
		expect_said("sysfs makes no sense");
		expect(EXIT_UNKNOWN, "attach --no-iommu 1 00:06.0");
		expect(EXIT_DONE, "attach --no-iommu 1 00:07.0");
	}
}

static void malformed_record(void)
{
	world_make();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	world_put_node("/tool/xenpci/0000-00-06-0/grants", "memory:2-1");
	expect(EXIT_LEFTOVER, "status");
	expect_said("its record makes no sense");
	refuse("attach --no-iommu 1 00:06.0", EXIT_BUSY, "its record makes no sense");
	expect(EXIT_DONE, "detach 1 00:06.0");
	ck_assert_uint_eq(world_domain(1)->grants.count, 0);
	ck_assert_ptr_null(world_node("/tool/xenpci"));
}

static const struct unit_case cases[] = {
	{"what is well is shown and no problem", all_well},
	{"status as JSON", as_json},
	{"hostile names and values steer no terminal and break no JSON", hostile_texts},
	{"what an attach leaves that is killed at any call is named", killed_attach},
	{"what a detach leaves that is killed at any call is named", killed_detach},
	{"what a living xenpci works on is no leftover", under_way},
	{"what ends while status looks is there or not, and no leftover", at_one_moment},
	{"what other tools left is named", by_others},
	{"a record of a domain that is gone is named and cleaned up", domain_gone},
	{"a record of a destroyed domain is in nobody's way", domain_destroyed},
	{"two ends that wait for each other are named", stuck},
	{"nonsense in xenstore is an error that names the node", malformed_store},
	{"nonsense in sysfs hides no other device and is not used", malformed_sysfs},
	{"a record that makes no sense is no record", malformed_record},
};

UNIT_MAIN("xenpci-status", cases)
