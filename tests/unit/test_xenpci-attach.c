/* SPDX-License-Identifier: MIT */
/*
 * xenpci attach and detach in a fake host: nothing stays behind, whatever fails and whenever it is
 * killed.
 */
#include <string.h>

#include "unit.h"
#include "xenpci/world.h"

#define BOTH "0000:00:06.0 0000:00:07.0"
#define CALLS_MAX 5000

/* What a loop over all calls does in: none, one or the other mode of the host. */
struct setting {
	const char *name;
	bool iommu;
	const char *before; /* a command line that is run first, or NULL */
	const char *attach; /* what is looked at */
	const char *detach; /* its opposite */
};

static const struct setting settings[] = {
	{"one device, no IOMMU", false, NULL, "attach --no-iommu 1 0000:00:06.0",
	 "detach 1 0000:00:06.0"},
	{"two devices, IOMMU", true, NULL, "attach guest " BOTH, "detach guest " BOTH},
	{"a second device, IOMMU", true, "attach 1 0000:00:06.0", "attach 1 0000:00:07.0",
	 "detach 1 0000:00:07.0"},
	{"permissive, no IOMMU", false, NULL, "attach --no-iommu 1 0000:00:07.0,permissive=1",
	 "detach 1 0000:00:07.0"},
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static void make(const struct setting *setting)
{
	size_t i;

	world_make();
	world.iommu = setting->iommu;
	for (i = 0; i < world.devices; i++)
		world.device[i].owner = setting->iommu ? HV_DOMID_IO : 0;
	if (setting->before)
		ck_assert_int_eq(world_run(setting->before), EXIT_DONE);
	world.calls = 0;
}

/* Run it and want a status. */
static void expect(enum exit_status status, const char *line)
{
	enum exit_status got = world_run(line);

	ck_assert_msg(got == status, "`%s` ended with %d:\n%s", line, got, world_output);
}

static void expect_said(const char *text)
{
	ck_assert_msg(strstr(world_output, text), "no \"%s\" in:\n%s", text, world_output);
}

/* The host is as it was; frees before. */
static void expect_same(char *before, const char *when, unsigned long call)
{
	char *after = world_dump();

	ck_assert_msg(!strcmp(before, after), "%s, call %lu: before:\n%s\nafter:\n%s\nsaid:\n%s",
		      when, call, before, after, world_output);
	free(before);
	free(after);
}

static void there_and_back(void)
{
	char *before;
	size_t i;
	int round;

	for (i = 0; i < SETTINGS; i++) {
		make(&settings[i]);
		before = world_dump();
		for (round = 0; round < 3; round++) {
			expect(EXIT_DONE, settings[i].attach);
			expect(EXIT_DONE, settings[i].detach);
		}
		expect_same(before, settings[i].name, 0);
	}
}

static void grants_of_one(void)
{
	char *text;

	world_make();
	expect(EXIT_DONE, "attach --no-iommu 1 0000:00:06.0");
	text = grants_format(&world_domain(1)->grants);
	ck_assert_str_eq(text, "memory:fe000-fe01f ports:c000-c01f line:16-16");
	ck_assert_uint_eq(world_domain(1)->pirqs, 1 << 22);
	ck_assert_uint_eq(world_device("0000:00:06.0")->resets, 1);
	free(text);
	ck_assert_str_eq(world_node("/libxl/pci/0000-00-06-0/domid"), "1");
	ck_assert_str_eq(world_node("/local/domain/0/backend/pci/1/0/dev-0"), "0000:00:06.0");
	ck_assert_str_eq(world_node("/local/domain/0/backend/pci/1/0/opts-0"),
			 "msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict");
	ck_assert_str_eq(world_node("/local/domain/0/backend/pci/1/0/num_devs"), "1");
	ck_assert_str_eq(world_node("/local/domain/0/backend/pci/1/0/domain"), "guest");
	ck_assert_str_eq(world_node("/tool/xenpci/0000-00-06-0/stage"), "attached");
}

/* ---- every call, in turn ---- */

static void fail_each_attach(void)
{
	const struct setting *setting;
	enum exit_status status;
	unsigned long call;
	char *before;

	for (setting = settings; setting < settings + SETTINGS; setting++)
		for (call = 1;; call++) {
			make(setting);
			before = world_dump();
			world.fail_at = call;
			status = world_run(setting->attach);
			if (world.calls < call) {
				free(before);
				break;
			}
			ck_assert_uint_lt(call, CALLS_MAX);
			if (!status) /* the attach did without what it asked for */
				expect(EXIT_DONE, setting->detach);
			else
				ck_assert_msg(status != EXIT_LEFTOVER, "%s, call %lu: %s",
					      setting->name, call, world_output);
			expect_same(before, setting->name, call);
		}
}

static void interrupt_each_attach(void)
{
	const struct setting *setting;
	enum exit_status status;
	unsigned long call;
	char *before;

	for (setting = settings; setting < settings + SETTINGS; setting++)
		for (call = 1;; call++) {
			make(setting);
			before = world_dump();
			world.interrupt_at = call;
			status = world_run(setting->attach);
			world.interrupted = false;
			if (world.calls < call) {
				free(before);
				break;
			}
			if (!status)
				expect(EXIT_DONE, setting->detach);
			else
				ck_assert_int_eq(status, EXIT_INTERRUPTED);
			expect_same(before, setting->name, call);
		}
}

/* Dead from one call on: what follows has no effect. Then somebody cleans up. */
static void kill_each_attach(void)
{
	const struct setting *setting;
	unsigned long call, calls;
	char *before;

	for (setting = settings; setting < settings + SETTINGS; setting++)
		for (call = 1;; call++) {
			make(setting);
			before = world_dump();
			world.dead_from = call;
			world_run(setting->attach);
			calls = world.calls;
			world.dead_from = 0;
			expect(EXIT_DONE, setting->detach);
			expect_same(before, setting->name, call);
			if (calls < call)
				break;
			ck_assert_uint_lt(call, CALLS_MAX);
		}
}

static void kill_each_detach(void)
{
	const struct setting *setting;
	unsigned long call, calls;
	char *before;

	for (setting = settings; setting < settings + SETTINGS; setting++)
		for (call = 1;; call++) {
			make(setting);
			before = world_dump();
			expect(EXIT_DONE, setting->attach);
			world.calls = 0;
			world.dead_from = call;
			world_run(setting->detach);
			calls = world.calls;
			world.dead_from = 0;
			expect(EXIT_DONE, setting->detach);
			expect_same(before, setting->name, call);
			if (calls < call)
				break;
			ck_assert_uint_lt(call, CALLS_MAX);
		}
}

/* Either it is as if detach had not been called, or it can be finished. */
static void fail_each_detach(void)
{
	const struct setting *setting;
	enum exit_status status;
	unsigned long call, calls;
	char *before, *attached, *now;

	for (setting = settings; setting < settings + SETTINGS; setting++)
		for (call = 1;; call++) {
			make(setting);
			before = world_dump();
			expect(EXIT_DONE, setting->attach);
			attached = world_dump();
			world.calls = 0;
			world.fail_at = call;
			status = world_run(setting->detach);
			calls = world.calls;
			world.fail_at = 0;
			now = world_dump();
			if (status && status != EXIT_LEFTOVER)
				ck_assert_msg(!strcmp(attached, now),
					      "%s, call %lu: %s\nwas:\n%s"
					      "\nis:\n%s",
					      setting->name, call, world_output, attached, now);
			if (status)
				expect(EXIT_DONE, setting->detach);
			expect_same(before, setting->name, call);
			free(attached);
			free(now);
			if (calls < call)
				break;
			ck_assert_uint_lt(call, CALLS_MAX);
		}
}

static void interrupt_each_detach(void)
{
	const struct setting *setting;
	enum exit_status status;
	unsigned long call, calls;
	char *before;

	for (setting = settings; setting < settings + SETTINGS; setting++)
		for (call = 1;; call++) {
			make(setting);
			before = world_dump();
			expect(EXIT_DONE, setting->attach);
			world.calls = 0;
			world.interrupt_at = call;
			status = world_run(setting->detach);
			calls = world.calls;
			world.interrupted = false;
			if (status)
				expect(EXIT_DONE, setting->detach);
			expect_same(before, setting->name, call);
			if (calls < call)
				break;
		}
}

/* ---- what is refused ---- */

/* Refused with this status and these words, and nothing changed. */
static void refuse(const char *line, enum exit_status status, const char *words)
{
	char *before = world_dump();

	expect(status, line);
	expect_said(words);
	expect_same(before, line, 0);
}

static void no_iommu(void)
{
	world_make();
	refuse("attach 1 0000:00:06.0", EXIT_REFUSED, "or say --no-iommu");
	expect(EXIT_DONE, "attach --no-iommu 1 0000:00:06.0");
	expect_said("INSECURE");
	world_make();
	world.iommu = true;
	expect(EXIT_DONE, "attach 1 0000:00:06.0");
	ck_assert_ptr_null(strstr(world_output, "INSECURE"));
	ck_assert_uint_eq(world_device("0000:00:06.0")->owner, 1);
}

static void wrong_domain(void)
{
	world_make();
	world_add_domain(2, "hvm", false, true);
	world_add_domain(3, "old", true, false);
	refuse("attach --no-iommu 9 0000:00:06.0", EXIT_UNKNOWN, "no such domain: 9");
	refuse("attach --no-iommu nobody 0000:00:06.0", EXIT_UNKNOWN, "no such domain: nobody");
	refuse("attach --no-iommu 0 0000:00:06.0", EXIT_REFUSED, "domain 0");
	refuse("attach --no-iommu hvm 0000:00:06.0", EXIT_REFUSED, "is not PV");
	world.iommu = true;
	refuse("attach old 0000:00:06.0", EXIT_REFUSED, "passthrough=\"enabled\"");
	world.domain[1].dying = true;
	refuse("attach 1 0000:00:06.0", EXIT_REFUSED, "has ended");
}

static void wrong_device(void)
{
	world_make();
	world_add_device("0000:00:01.0", "pciback", "", 0);
	world_put_file("sys/bus/pci/devices/0000:00:01.0/class", "0x060400\n");
	world_add_device("0000:00:02.0", "e1000e", "", 0);
	refuse("attach --no-iommu 1 0000:00:09.0", EXIT_UNKNOWN, "no such device");
	refuse("attach --no-iommu 1 00:06", EXIT_USAGE, "no device, or wrong options: 00:06");
	refuse("attach --no-iommu 1 00:06.0,vslot=20", EXIT_USAGE, "wrong options");
	refuse("attach --no-iommu 1 00:06.0,permissive=2", EXIT_USAGE, "wrong options");
	refuse("attach --no-iommu 1 00:06.0,", EXIT_USAGE, "wrong options");
	refuse("attach --no-iommu 1 00:06.0 0000:00:06.0", EXIT_USAGE, "named twice");
	refuse("attach --no-iommu 1 00:01.0", EXIT_REFUSED, "is a bridge");
	refuse("attach --no-iommu 1 00:02.0", EXIT_REFUSED, "xenpci assignable add 0000:00:02.0");
	refuse("attach --no-iommu 1", EXIT_USAGE, "usage: xenpci attach");
	refuse("attach --bogus 1 00:06.0", EXIT_USAGE, "wrong option");
	refuse("detach 1 0000:00:09.0", EXIT_UNKNOWN, "no such device");
	refuse("detach 1 0000:00:06.0,vslot=1", EXIT_USAGE, "no device");
}

static void held(void)
{
	world_make();
	world_add_domain(2, "other", true, true);
	expect(EXIT_DONE, "attach --no-iommu 2 0000:00:06.0");
	refuse("attach --no-iommu 1 0000:00:06.0", EXIT_BUSY, "domain 2");
	refuse("attach --no-iommu 1 0000:00:07.0 0000:00:06.0", EXIT_BUSY, "domain 2");
	refuse("detach 1 0000:00:06.0", EXIT_BUSY, "domain 2 has it");
	expect(EXIT_DONE, "attach --no-iommu 2 0000:00:06.0");
	expect_said("has it already");
	world.locked = true;
	refuse("attach --no-iommu 1 0000:00:07.0", EXIT_BUSY, "process 77");
}

static void shared(void)
{
	static const char page[] = "0x00000000fe01f800 0x00000000fe01ffff 0x0000000000040200\n";

	world_make();
	world_add_device("0000:00:02.0", "ahci", "", 22);
	refuse("attach --no-iommu 1 00:06.0", EXIT_REFUSED, "shares its interrupt line");
	world_device("0000:00:02.0")->config[5] = 4; /* which has its line off */
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	world_make();
	world_add_device("0000:00:02.0", "ahci", page, 0);
	refuse("attach --no-iommu 1 00:06.0", EXIT_REFUSED, "shares a page");
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0,share=1");
}

/* Two devices of one domain on one line: the first to go leaves it to the other. */
static void shared_in_domain(void)
{
	char *before;

	world_make();
	world_put_file("sys/bus/pci/devices/0000:00:07.0/irq", "22\n");
	before = world_dump();
	expect(EXIT_DONE, "attach --no-iommu 1 " BOTH);
	expect(EXIT_DONE, "detach 1 00:06.0");
	ck_assert_uint_eq(world_domain(1)->pirqs, 1 << 22);
	expect(EXIT_DONE, "detach 1 00:07.0");
	expect_same(before, "both", 0);
}

static void dry(void)
{
	char *before;

	world_make();
	before = world_dump();
	expect(EXIT_DONE, "attach --dry-run --no-iommu 1 " BOTH);
	expect_said("allow memory 0x800000000 to 0x8003fffff");
	expect(EXIT_DONE, "detach --dry-run 1 " BOTH);
	expect(EXIT_DONE, "attach --dry-run --json --no-iommu 1 " BOTH);
	expect_said("\"undone_on_failure\": true");
	expect_same(before, "dry run", 0);
}

/* ---- guests that do not do their part ---- */

static void absent_guest(void)
{
	char *before;

	world_make();
	world_domain(1)->guest = GUEST_ABSENT;
	before = world_dump();
	expect(EXIT_TIMEOUT, "attach --no-iommu --timeout=5 1 00:06.0");
	expect_said("xen-pcifront");
	ck_assert_uint_ge(world.clock, 1005000);
	expect_same(before, "absent", 0);
}

static void leaving_guest(void)
{
	char *before;

	world_make();
	world_domain(1)->guest = GUEST_LEAVES;
	before = world_dump();
	expect(EXIT_UNDONE, "attach --no-iommu 1 00:06.0");
	expect_same(before, "leaving", 0);
}

static void chattering_guest(void)
{
	char *before;

	world_make();
	world_domain(1)->guest = GUEST_CHATTERS;
	before = world_dump();
	expect(EXIT_TIMEOUT, "attach --no-iommu --timeout=5 1 00:06.0");
	expect_same(before, "chattering", 0);
}

static void sleeping_guest(void)
{
	char *attached, *before;

	world_make();
	before = world_dump();
	world_domain(1)->guest = GUEST_SLEEPS;
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	attached = world_dump();
	expect(EXIT_TIMEOUT, "attach --no-iommu --timeout=5 1 00:07.0");
	expect_same(strdup(attached), "hot-add", 0);
	expect(EXIT_TIMEOUT, "detach --timeout=5 1 00:06.0");
	expect_same(attached, "detach", 0);
	expect(EXIT_DONE, "detach --force --timeout=5 1 00:06.0");
	expect_same(before, "forced", 0);
}

static void gone_guest(void)
{
	char *before;

	world_make();
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	world_domain(1)->grants.count = 0;
	world_domain(1)->pirqs = 0;
	world_domain(1)->exists = false;
	expect(EXIT_DONE, "detach 1 00:06.0");
	ck_assert_ptr_null(world_node("/tool/xenpci"));
	ck_assert_ptr_null(world_node("/libxl/pci/0000-00-06-0"));
	ck_assert_ptr_null(world_node("/local/domain/0/backend/pci"));
	before = world_dump();
	expect_same(before, "gone", 0);
}

static void conflicts(void)
{
	char *before;

	world_make();
	before = world_dump();
	world.conflicts = 5;
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	world.conflicts = 5;
	expect(EXIT_DONE, "detach 1 00:06.0");
	world.conflicts = 1000;
	expect(EXIT_UNDONE, "attach --no-iommu 1 00:06.0");
	world.conflicts = 0;
	expect_same(before, "conflicts", 0);
}

/* ---- rows ---- */

static void wide_bars(void)
{
	static const struct {
		const char *resource, *grants;
	} bar[] = {
		{"0x00000000fffff000 0x00000000ffffffff 0x0000000000140204\n",
		 "memory:fffff-fffff"},
		{"0x0000000100000000 0x0000000100000fff 0x0000000000140204\n",
		 "memory:100000-100000"},
		{"0x00000000fffff000 0x0000000100000fff 0x0000000000140204\n",
		 "memory:fffff-100000"},
		{"0x0000010000000000 0x00000103ffffffff 0x0000000000140204\n",
		 "memory:10000000-103fffff"},
		{"0x00000000febff800 0x00000000fec007ff 0x0000000000040200\n",
		 "memory:febff-fec00"},
	};
	char *text;
	size_t i;

	for (i = 0; i < sizeof(bar) / sizeof(bar[0]); i++) {
		world_make();
		world_put_file("sys/bus/pci/devices/0000:00:07.0/resource", bar[i].resource);
		world_put_file("sys/bus/pci/devices/0000:00:07.0/irq", "0\n");
		expect(EXIT_DONE, "attach --no-iommu 1 00:07.0");
		text = grants_format(&world_domain(1)->grants);
		ck_assert_str_eq(text, bar[i].grants);
		free(text);
		expect(EXIT_DONE, "detach 1 00:07.0");
		ck_assert_uint_eq(world_domain(1)->grants.count, 0);
	}
}

/* What was granted is taken back, even if the device says something else by then. */
static void moved_bar(void)
{
	world_make();
	expect(EXIT_DONE, "attach --no-iommu 1 00:07.0");
	world_put_file("sys/bus/pci/devices/0000:00:07.0/resource", "");
	world_put_file("sys/bus/pci/devices/0000:00:07.0/irq", "0\n");
	expect(EXIT_DONE, "detach 1 00:07.0");
	ck_assert_uint_eq(world_domain(1)->grants.count, 0);
	ck_assert_uint_eq(world_domain(1)->pirqs, 0);
}

static const char *after(const char *text, const char *what)
{
	const char *at = strstr(text, what);

	ck_assert_msg(at, "no %s in:\n%s", what, world_log);
	return at + strlen(what);
}

static void quiet_first(void)
{
	const char *at;

	world_make();
	world.iommu = true;
	expect(EXIT_DONE, "attach 1 00:06.0");
	at = after(world_log, "reset 0000:00:06.0");
	at = after(at, "assign 0000:00:06.0");
	after(at, "allow");
	*world_log = '\0';
	world_device("0000:00:06.0")->config[4] = 4;
	world_domain(1)->guest = GUEST_SLEEPS;
	expect(EXIT_DONE, "detach --force --timeout=1 1 00:06.0");
	at = after(world_log, "deny");
	at = after(at, "config 0000:00:06.0");
	at = after(at, "reset 0000:00:06.0");
	after(at, "deassign 0000:00:06.0");
}

static const struct unit_case cases[] = {
	{"what is attached and detached leaves the host as it was", there_and_back},
	{"a device's permissions, PIRQ and nodes are all that is granted", grants_of_one},
	{"XSA-285 386 399 400 449 460: an attach of which any call fails leaves nothing",
	 fail_each_attach},
	{"XSA-61: without an IOMMU only where it is asked for", no_iommu},
	{"XSA-461: a shared line or page is refused", shared},
	{"XSA-461: what two devices of a domain share goes with the last", shared_in_domain},
	{"XSA-476: 64-bit BARs are whole; what was granted is revoked", wide_bars},
	{"XSA-476: a BAR that moved is revoked where it was", moved_bar},
	{"XSA-302 306: DMA is off and the device reset before it goes on", quiet_first},
	{"unknown, HVM, dying domains are refused", wrong_domain},
	{"unknown devices, bridges, wrong options are refused", wrong_device},
	{"a device that another domain has is refused", held},
	{"a dry run changes nothing", dry},
	{"a guest without a driver: time-out, undone", absent_guest},
	{"a guest that closes the device: undone", leaving_guest},
	{"a guest that writes without end does not prolong the wait", chattering_guest},
	{"a guest that sleeps: hot-add and detach are undone, or forced", sleeping_guest},
	{"what a domain that is gone had is cleaned up", gone_guest},
	{"conflicts in xenstore are tried again, not for ever", conflicts},
	{"an attach that is interrupted at any call leaves nothing", interrupt_each_attach},
	{"an attach that is killed at any call is cleaned up by detach", kill_each_attach},
	{"a detach that is killed at any call is finished by detach", kill_each_detach},
	{"a detach of which any call fails is undone or can be finished", fail_each_detach},
	{"a detach that is interrupted at any call can be finished", interrupt_each_detach},
};

UNIT_MAIN("xenpci-attach", cases)
