/* SPDX-License-Identifier: MIT */
/*
 * What xenpci attach and detach refuse, how they bear guests that do not do their part, and the
 * faults that other toolstacks have had.
 */
#include <string.h>

#include "unit.h"
#include "xenpci/expect.h"

#define BOTH "0000:00:06.0 0000:00:07.0"

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
	refuse("detach 0 0000:00:06.0", EXIT_REFUSED, "domain 0");
	refuse("detach Domain-0 0000:00:06.0", EXIT_REFUSED, "domain 0");
	refuse("detach hvm 0000:00:06.0", EXIT_REFUSED, "is not PV");
	world.iommu = true;
	refuse("attach old 0000:00:06.0", EXIT_REFUSED, "passthrough=\"enabled\"");
	world.domain[1].dying = true;
	refuse("attach 1 0000:00:06.0", EXIT_REFUSED, "has ended");
}

/* As libxl has it, and the same for all commands. */
static void number_or_name(void)
{
	world_make();
	world_add_domain(2, "1", true, true);
	world_add_domain(3, "7", true, true);
	world_add_domain(4, "1x", true, true);
	expect(EXIT_DONE, "attach --no-iommu 1 00:06.0");
	expect_said("attached to domain 1");
	expect(EXIT_DONE, "status 1");
	expect_said("domain 1 guest");
	refuse("attach --no-iommu 7 00:07.0", EXIT_UNKNOWN, "no such domain: 7");
	refuse("detach 7 00:07.0", EXIT_UNKNOWN, "no such domain: 7");
	refuse("check 00:07.0 7", EXIT_UNKNOWN, "no such domain: 7");
	refuse("status 7", EXIT_UNKNOWN, "no such domain: 7");
	refuse("status 99999999999999999999", EXIT_UNKNOWN, "no such domain: 9999");
	expect(EXIT_DONE, "attach --no-iommu 1x 00:07.0");
	expect_said("attached to domain 4");
	expect(EXIT_DONE, "detach 1 00:06.0");
	expect_said("detached from domain 1");
	/* What is left of one that is gone is shown by its number too. */
	world_domain(4)->exists = false;
	expect(EXIT_LEFTOVER, "status 4");
	expect_said("its domain is gone");
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
	refuse("detach 1 0000:00:06.0 0000:00:07.0", EXIT_BUSY, "domain 2 has it");
	world_put_node("/libxl/pci/0000-00-06-0", NULL); /* the record still says it */
	refuse("detach 1 0000:00:06.0", EXIT_BUSY, "domain 2 has it");
	refuse("attach --no-iommu 1 0000:00:06.0", EXIT_BUSY, "domain 2");
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

/* Numbers that sysfs has where there is no line are granted to nobody. */
static void no_line(void)
{
	static const struct {
		const char *irq;
		bool pin;
		const char *words;
	} row[] = {
		{"255\n", true, "nothing is connected to: sysfs: irq 255"},
		{"65536\n", true, "nothing is connected to: sysfs: irq 65536"},
		{"4294967295\n", true, "nothing is connected to: sysfs: irq 4294967295"},
		{"22\n", false, "has no interrupt line: it has no pin"},
		{"0\n", true, ""},
		{"0\n", false, ""},
	};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		world_make();
		world_put_file("sys/bus/pci/devices/0000:00:07.0/resource", "");
		world_put_file("sys/bus/pci/devices/0000:00:07.0/irq", row[i].irq);
		world_device("0000:00:07.0")->config[0x3d] = row[i].pin;
		expect(EXIT_DONE, "attach --no-iommu 1 00:07.0");
		expect_said(row[i].words);
		ck_assert_uint_eq(world_domain(1)->grants.count, 0);
		ck_assert_uint_eq(world_domain(1)->pirqs, 0);
		expect(EXIT_DONE, "detach 1 00:07.0");
	}
}

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
	world_device("0000:00:06.0")->left_on = true;
	world_domain(1)->guest = GUEST_SLEEPS;
	expect(EXIT_DONE, "detach --force --timeout=1 1 00:06.0");
	at = after(world_log, "deny");
	at = after(at, "config 0000:00:06.0");
	at = after(at, "reset 0000:00:06.0");
	after(at, "deassign 0000:00:06.0");
}

static const struct unit_case cases[] = {
	{"XSA-61: without an IOMMU only where it is asked for", no_iommu},
	{"XSA-461: a shared line or page is refused", shared},
	{"XSA-461: what two devices of a domain share goes with the last", shared_in_domain},
	{"a number where no line is connected is granted to nobody", no_line},
	{"XSA-476: 64-bit BARs are whole; what was granted is revoked", wide_bars},
	{"XSA-476: a BAR that moved is revoked where it was", moved_bar},
	{"XSA-302 306: DMA is off and the device reset before it goes on", quiet_first},
	{"unknown, HVM, dying domains are refused", wrong_domain},
	{"digits are a domain's number, anything else its name", number_or_name},
	{"unknown devices, bridges, wrong options are refused", wrong_device},
	{"a device that another domain has is refused", held},
	{"a dry run changes nothing", dry},
	{"a guest without a driver: time-out, undone", absent_guest},
	{"a guest that closes the device: undone", leaving_guest},
	{"a guest that writes without end does not prolong the wait", chattering_guest},
	{"a guest that sleeps: hot-add and detach are undone, or forced", sleeping_guest},
	{"what a domain that is gone had is cleaned up", gone_guest},
	{"conflicts in xenstore are tried again, not for ever", conflicts},
};

UNIT_MAIN("xenpci-refuse", cases)
