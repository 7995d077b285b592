/* SPDX-License-Identifier: MIT */
/*
 * xenpci check and explain: each finding from facts made for it, and none where there is no reason.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "unit.h"
#include "xenpci/check.h"
#include "xenpci/explain.h"
#include "xenpci/memory.h"
#include "xenpci/use.h"

#define MIB (1ULL << 20)

static struct device all[4];
static struct devices devices;
static struct facts facts;
static struct report report;

/* ---- a card with nothing wrong ---- */

static void put(struct device *device, unsigned int at, uint32_t value, unsigned int bytes)
{
	memcpy(&device->config[at], &value, bytes);
}

/* A capability at `at`, in front of those that are there. */
static void add_capability(struct device *device, uint8_t id, unsigned int at)
{
	device->config[at] = id;
	device->config[at + 1] = device->config[0x34];
	device->config[0x34] = (uint8_t)at;
	device->config[0x06] |= 0x10;
}

/* PCI Express with function level reset, MSI with 4 vectors, MSI-X with 5 in BAR 3. */
static void make_card(struct device *device, unsigned int slot)
{
	*device = (struct device){.bdf = {.devfn = (uint8_t)(slot << 3)},
				  .vendor = 0x8086,
				  .device = 0x10d3,
				  .class = 0x020000,
				  .gsi = 16 + slot,
				  .pin = 1,
				  .config_size = 256};
	strcpy(device->driver, "pciback");
	strcpy(device->reset_method, "flr bus");
	device->region[0] = (struct region){.kind = REGION_MEMORY,
					    .first = 0xfe000000 + slot * MIB,
					    .last = 0xfe01ffff + slot * MIB};
	device->region[2] = (struct region){.kind = REGION_IO, .first = 0xc000, .last = 0xc01f};
	device->region[3] = (struct region){.kind = REGION_MEMORY,
					    .first = 0xfe080000 + slot * MIB,
					    .last = 0xfe083fff + slot * MIB};
	add_capability(device, 0x10, 0xe0);
	put(device, 0xe4, 1u << 28, 4);
	add_capability(device, 0x05, 0xd0);
	put(device, 0xd2, 2 << 1, 2);
	add_capability(device, 0x11, 0xa0);
	put(device, 0xa2, 4, 2);
	put(device, 0xa4, 3, 4);
}

static void make(void)
{
	unsigned int i;

	report_clear(&report);
	memset(&facts, 0, sizeof(facts));
	for (i = 0; i < 4; i++)
		make_card(&all[i], i + 1);
	devices = (struct devices){.device = all, .count = 4};
	facts.device = &all[1];
	facts.devices = &devices;
	facts.xen = facts.iommu = true;
	facts.map[0] = (struct hv_range){0, 0x7fffffff, HV_RAM};
	facts.map[1] = (struct hv_range){0xfeffc000, 0xfeffffff, HV_RESERVED};
	facts.maps = 2;
	facts.low_known = true;
	facts.low_free = 64 * MIB;
}

static const struct finding *find(const char *id)
{
	size_t i;

	for (i = 0; i < report.count; i++)
		if (!strcmp(report.findings[i].id, id))
			return &report.findings[i];
	return NULL;
}

/* Just this one beside notes, of that severity, and with everything that a finding has. */
static void expect(const char *id, enum severity severity)
{
	const struct finding *finding = find(id);

	ck_assert_msg(finding != NULL, "no finding %s", id);
	ck_assert_int_eq(finding->severity, severity);
	ck_assert_str_ne(finding->cause, "");
	ck_assert_str_ne(finding->evidence, "");
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), severity > SEVERITY_NOTE);
	if (severity == SEVERITY_ERROR)
		ck_assert_int_ne(finding->exit, EXIT_DONE);
	if (severity > SEVERITY_NOTE && strcmp(id, "msix-table"))
		ck_assert_str_ne(finding->next, "");
}

static void nothing_wrong(void)
{
	make();
	check_all(&facts, &report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
	expect("reset", SEVERITY_NOTE);
	expect("msi", SEVERITY_NOTE);
}

/* ---- reset ---- */

static void resets(void)
{
	static const struct {
		const char *methods;
		unsigned int set;
		const char *id;
		enum severity severity;
	} rows[] = {
		{"flr bus", RESET_FLR | RESET_BUS, "reset", SEVERITY_NOTE},
		{"af_flr pm", RESET_FLR | RESET_PM, "reset", SEVERITY_NOTE},
		{"device_specific", RESET_OWN, "reset", SEVERITY_NOTE},
		{"acpi", RESET_OWN, "reset", SEVERITY_NOTE},
		{"something_new", RESET_OWN, "reset", SEVERITY_NOTE},
		{"pm", RESET_PM, "reset-pm", SEVERITY_WARNING},
		{"pm bus", RESET_PM | RESET_BUS, "reset-pm", SEVERITY_WARNING},
		{"bus", RESET_BUS, "reset-bus", SEVERITY_WARNING},
		{" slot  cxl_bus ", RESET_SLOT | RESET_BUS, "reset-bus", SEVERITY_WARNING},
		{"", 0, "no-reset", SEVERITY_WARNING},
		{"  ", 0, "no-reset", SEVERITY_WARNING},
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make();
		strcpy(all[1].reset_method, rows[i].methods);
		ck_assert_uint_eq(check_reset_offered(&all[1]), rows[i].set);
		check_all(&facts, &report);
		expect(rows[i].id, rows[i].severity);
	}
}

static void declared_resets(void)
{
	make();
	ck_assert_uint_eq(check_reset_declared(&all[1]), RESET_FLR);
	put(&all[1], 0xe4, ~(1u << 28), 4);
	ck_assert_uint_eq(check_reset_declared(&all[1]), 0);
	add_capability(&all[1], 0x13, 0x90);
	put(&all[1], 0x93, 0x02, 1);
	ck_assert_uint_eq(check_reset_declared(&all[1]), RESET_FLR);
	add_capability(&all[1], 0x01, 0x80);
	ck_assert_uint_eq(check_reset_declared(&all[1]), RESET_FLR | RESET_PM);
	put(&all[1], 0x84, 0x08, 1);
	ck_assert_uint_eq(check_reset_declared(&all[1]), RESET_FLR);
	all[1].config_size = 64; /* not readable that far */
	ck_assert_uint_eq(check_reset_declared(&all[1]), 0);
	all[1].config_size = 0;
	ck_assert_uint_eq(check_reset_declared(&all[1]), 0);
}

/* ---- interrupts ---- */

static void vectors(void)
{
	make();
	ck_assert_uint_eq(check_msi_vectors(&all[1]), 4);
	ck_assert_uint_eq(check_msix_vectors(&all[1]), 5);
	put(&all[1], 0xd2, 0xffff, 2);
	put(&all[1], 0xa2, 0xffff, 2);
	ck_assert_uint_eq(check_msi_vectors(&all[1]), 128);
	ck_assert_uint_eq(check_msix_vectors(&all[1]), 2048);
	all[1].config[0x06] = 0;
	ck_assert_uint_eq(check_msi_vectors(&all[1]), 0);
	ck_assert_uint_eq(check_msix_vectors(&all[1]), 0);
}

static void no_msi_without_iommu(void)
{
	make();
	facts.iommu = false;
	check_all(&facts, &report);
	expect("no-msi", SEVERITY_WARNING);
	ck_assert_ptr_nonnull(strstr(find("no-msi")->evidence, "line 18"));

	make(); /* what has no other way */
	facts.iommu = false;
	all[1].gsi = 0;
	check_all(&facts, &report);
	expect("no-line", SEVERITY_ERROR);

	make(); /* a line that firmware left unconnected */
	facts.iommu = false;
	all[1].gsi = 255;
	check_all(&facts, &report);
	expect("no-line", SEVERITY_ERROR);

	make(); /* Linux shows a number, the device has no pin */
	facts.iommu = false;
	all[1].pin = 0;
	check_all(&facts, &report);
	expect("no-line", SEVERITY_ERROR);

	make();
	all[1].gsi = 0;
	check_all(&facts, &report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
}

static void line_only(void)
{
	make();
	all[1].config[0x06] = 0;
	check_all(&facts, &report);
	expect("line-only", SEVERITY_NOTE);
	make();
	all[1].config[0x06] = 0;
	all[1].gsi = 0;
	check_all(&facts, &report);
	expect("no-interrupt", SEVERITY_NOTE);
}

static void msix_tables(void)
{
	static const struct {
		uint32_t table;
		bool good;
	} rows[] = {
		{3, true},	     {0x3fb0 | 3, true}, /* 5 entries end with the BAR */
		{0x3fb8 | 3, false},			 /* and here beyond it */
		{2, false},				 /* ports */
		{1, false},				 /* no BAR */
		{6, false},	     {7, false},	 {0xfffffff8 | 3, false},
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make();
		put(&all[1], 0xa4, rows[i].table, 4);
		check_all(&facts, &report);
		if (rows[i].good)
			ck_assert_ptr_null(find("msix-table"));
		else
			expect("msix-table", SEVERITY_WARNING);
	}
}

/* ---- the machine's addresses ---- */

static void regions_and_map(void)
{
	static const struct {
		uint64_t first, last;
		const char *id; /* NULL: nothing wrong */
		enum severity severity;
	} rows[] = {
		{0x80000000, 0x80000fff, NULL, 0},
		{0x7ffff000, 0x80000fff, "bar-over-host-ram", SEVERITY_ERROR},
		{0x1000, 0x1fff, "bar-over-host-ram", SEVERITY_ERROR},
		{0xfeffb000, 0xfeffbfff, NULL, 0},
		{0xfeffb000, 0xfeffcfff, "bar-in-e820", SEVERITY_WARNING},
		{0xfeffff00, 0xffffffff, "bar-in-e820", SEVERITY_WARNING},
		{(1ULL << 32) - 4096, (1ULL << 32) - 1, NULL, 0},
		{1ULL << 32, (1ULL << 32) + 4095, NULL, 0},
		{1ULL << 40, (1ULL << 41) - 1, NULL, 0},
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make();
		all[1].region[0].first = rows[i].first;
		all[1].region[0].last = rows[i].last;
		check_all(&facts, &report);
		if (rows[i].id)
			expect(rows[i].id, rows[i].severity);
		else
			ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
	}
	make(); /* RAM above 4 GiB is RAM too, and a truncated comparison would not see it */
	facts.map[1] = (struct hv_range){1ULL << 32, (1ULL << 33) - 1, HV_RAM};
	all[1].region[0] = (struct region){
		.kind = REGION_MEMORY, .first = (1ULL << 33) - 4096, .last = (1ULL << 33) - 1};
	check_all(&facts, &report);
	expect("bar-over-host-ram", SEVERITY_ERROR);
}

static void no_regions(void)
{
	make();
	memset(all[1].region, 0, sizeof(all[1].region));
	put(&all[1], 0x06, 0, 2);
	check_all(&facts, &report);
	expect("no-regions", SEVERITY_WARNING);
}

static void reserve(unsigned int device, uint64_t first, uint64_t last)
{
	facts.reserved[facts.reserveds++] =
		(struct facts_reserved){all[device].bdf, {first, last, HV_RESERVED}};
}

static void reserved_regions(void)
{
	make();
	reserve(0, 0x1000, 0x1fff); /* another's */
	check_all(&facts, &report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
	reserve(1, 0x2000, 0x2fff);
	check_all(&facts, &report);
	expect("rmrr", SEVERITY_WARNING);

	make();
	reserve(0, 0x1000, 0x2fff);
	reserve(1, 0x2000, 0x3fff);
	check_all(&facts, &report);
	expect("rmrr-shared", SEVERITY_ERROR);
	ck_assert_ptr_nonnull(strstr(find("rmrr-shared")->cause, "0000:00:01.0"));
}

static void low_memory(void)
{
	make();
	facts.low_free = 64 * MIB - 4096;
	check_all(&facts, &report);
	expect("low-memory", SEVERITY_WARNING);
	make();
	facts.low_known = false;
	facts.low_free = 0;
	check_all(&facts, &report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
}

/* ---- the domain ---- */

static void name_domain(void)
{
	make();
	facts.has_domain = facts.pv = true;
	facts.domain = 5;
}

static void passthrough(void)
{
	name_domain();
	facts.can_assign = -EOPNOTSUPP;
	check_all(&facts, &report);
	expect("no-passthrough", SEVERITY_ERROR);
	name_domain();
	facts.can_assign = -EINVAL;
	check_all(&facts, &report);
	expect("not-free", SEVERITY_ERROR);
	ck_assert_int_eq(find("not-free")->exit, EXIT_BUSY);
	name_domain(); /* without an IOMMU this is not the question */
	facts.iommu = false;
	all[1].config[0x06] = 0;
	facts.can_assign = -EOPNOTSUPP;
	check_all(&facts, &report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
}

static void watch_all(void)
{
	size_t i;

	name_domain();
	all[1].has_bridge = true;
	all[1].bridge = all[3].bdf;
	all[3].window[1] =
		(struct region){.kind = REGION_MEMORY, .first = 0xfe000000, .last = 0xfeffffff};
	all[3].window[0] = (struct region){.kind = REGION_IO, .first = 0x1000, .last = 0x1fff};
	facts.p2m_known = true;
	facts.p2m_entries = 0x1000;
	facts_make_watches(&facts);
	ck_assert_uint_eq(facts.watches, 3); /* two BARs, one window */
	for (i = 0; i < facts.watches; i++)
		facts.watch[i].pages.pages[SPACE_NOTHING] =
			facts.watch[i].pages.last - facts.watch[i].pages.first + 1;
	ck_assert_uint_eq(facts.watch[0].region, DEVICE_REGIONS + 1);
	ck_assert_uint_eq(facts.watch[1].region, 0);
	ck_assert_uint_eq(facts.watch[2].region, 3);
}

static void take(unsigned int watch, enum space_kind kind, uint64_t pages)
{
	facts.watch[watch].pages.pages[kind] += pages;
	facts.watch[watch].pages.pages[SPACE_NOTHING] -= pages;
}

static void guest_memory(void)
{
	static const enum space_kind kinds[] = {SPACE_RAM, SPACE_FOREIGN, SPACE_WRONG};
	unsigned int i;

	watch_all();
	check_all(&facts, &report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
	for (i = 0; i < 3; i++) {
		watch_all();
		take(2, kinds[i], 1);
		check_all(&facts, &report);
		expect("bar-over-ram", SEVERITY_ERROR);
		ck_assert_ptr_nonnull(strstr(find("bar-over-ram")->cause, "BAR 3"));
	}
	watch_all();
	take(0, SPACE_RAM, 1);
	check_all(&facts, &report);
	expect("window-over-ram", SEVERITY_WARNING);
	watch_all(); /* inside the P2M: it should be identity there */
	facts.p2m_entries = facts.watch[2].pages.last + 1;
	take(1, SPACE_IDENTITY, 32);
	check_all(&facts, &report);
	expect("bar-not-identity", SEVERITY_WARNING);
	take(2, SPACE_IDENTITY, 4);
	report_clear(&report);
	check_all(&facts, &report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
}

/* Bridges above one another, and one that claims to be above itself. */
static void watches_are_bounded(void)
{
	unsigned int i;

	name_domain();
	for (i = 0; i < 4; i++) {
		all[i].has_bridge = true;
		all[i].bridge = all[i].bdf;
		for (unsigned int w = 0; w < DEVICE_WINDOWS; w++)
			all[i].window[w] = (struct region){
				.kind = REGION_MEMORY, .first = 4096 * i, .last = 4096 * i + 4095};
	}
	facts_make_watches(&facts);
	ck_assert_uint_le(facts.watches, FACTS_WATCHES);
	for (i = 1; i < facts.watches; i++)
		ck_assert_uint_ge(facts.watch[i].pages.first, facts.watch[i - 1].pages.first);
}

/* ---- explain ---- */

static void explained(void)
{
	char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");
	json_t *json;

	name_domain();
	all[2].gsi = all[1].gsi;
	reserve(1, 0x2000, 0x2fff);
	explain_print(&facts, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "BAR 0       memory 0xfe200000 to 0xfe21ffff, 128K\n"));
	ck_assert_ptr_nonnull(strstr(text, "BAR 2       ports 0xc000 to 0xc01f\n"));
	ck_assert_ptr_nonnull(strstr(text, "line 18 (INTA), shared with 0000:00:03.0 (pciback); "
					   "MSI, 4 vectors; MSI-X, 5 vectors\n"));
	ck_assert_ptr_nonnull(strstr(text, "dom0 offers FLR, bus; the device declares FLR\n"));
	ck_assert_ptr_nonnull(strstr(text, "reserved    0x2000 to 0x2fff\n"));
	json = explain_json(&facts);
	ck_assert_ptr_nonnull(json);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "regions")), 3);
	ck_assert_str_eq(json_string_value(json_object_get(json, "address")), "0000:00:02.0");
	json_decref(json);
}

/* ---- what dom0 uses ---- */

static char tree[] = "/tmp/xenpci-check.XXXXXX";

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
	char command[1024];
	va_list args;
	int at = snprintf(command, sizeof(command), "cd %s && ", tree);

	va_start(args, format);
	vsnprintf(command + at, sizeof(command) - (size_t)at, format, args);
	va_end(args);
	ck_assert_int_eq(system(command), 0);
}

/* A disk on 08.0 with partition 259:1, RAID 9:0 and device mapper 253:0 on top of it. */
static struct files *make_tree(const char *mounts, const char *swaps)
{
	strcpy(tree + sizeof(tree) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(tree));
	shell("mkdir -p proc/self sys/dev/block sys/class/block "
	      "sys/bus/pci/devices/0000:00:06.0/net "
	      "&& D=sys/devices/pci0000:00/0000:00:1c.0/0000:00:08.0/nvme/nvme0/nvme0n1 && "
	      "mkdir -p $D/nvme0n1p1 sys/devices/virtual/block/md0/slaves "
	      "sys/devices/virtual/block/dm-0/slaves && "
	      "ln -s ../../../$D/nvme0n1p1 sys/devices/virtual/block/md0/slaves/nvme0n1p1 && "
	      "ln -s ../../md0 sys/devices/virtual/block/dm-0/slaves/md0 && "
	      "ln -s ../../../$D/nvme0n1p1 sys/dev/block/259:1 && "
	      "ln -s ../../../$D/nvme0n1p1 sys/class/block/nvme0n1p1 && "
	      "ln -s ../../devices/virtual/block/md0 sys/class/block/md0 && "
	      "ln -s ../../devices/virtual/block/dm-0 sys/dev/block/253:0");
	shell("printf '%s' >proc/self/mountinfo && printf '%s' >proc/swaps", mounts, swaps);
	return files_open(tree);
}

static void expect_use(const char *mounts, const char *swaps, enum use use, const char *says)
{
	struct files *files = make_tree(mounts, swaps);
	char what[USE_TEXT] = "";

	ck_assert_int_eq(use_find(files, (struct bdf){.devfn = 8 << 3}, what), use);
	ck_assert_str_eq(what, says);
	if (use == USE_DISK) /* also when the bridge above it is meant */
		ck_assert_int_eq(use_find(files, (struct bdf){.devfn = 0x1c << 3}, what), use);
	ck_assert_int_eq(use_find(files, (struct bdf){.devfn = 9 << 3}, what), USE_NONE);
	files_close(files);
	ck_assert_int_eq(chdir("/"), 0);
	shell("rm -rf sys proc && rmdir %s", tree);
}

static void disks_in_use(void)
{
	static const char root[] = "22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw\\n";
	static const char other[] = "22 1 0:21 / /proc rw - proc proc rw\\n"
				    "nonsense\\n23 1 259: / /x\\n24 1 8:1 / /y rw - ext4 x rw\\n";

	expect_use("", "", USE_NONE, "");
	expect_use(other, "Filename Type Size Used Priority\\n", USE_NONE, "");
	expect_use(root, "", USE_DISK, "/ is mounted from block device 259:1");
	expect_use("9 1 253:0 / /var rw - ext4 x rw\\n", "", USE_DISK,
		   "/var is mounted from block device 253:0");
	expect_use(other, "Filename\\n/dev/nvme0n1p1 partition 1 0 -2\\n", USE_DISK,
		   "swap is on /dev/nvme0n1p1");
	expect_use(other, "/dev/md0\\tpartition 1 0 -2\\n/swapfile file 1 0 -3\\n", USE_DISK,
		   "swap is on /dev/md0");
}

static void network_in_use(void)
{
	struct bdf card = {.devfn = 6 << 3};
	struct files *files = make_tree("", "");
	char what[USE_TEXT];

	ck_assert_int_eq(use_find(files, card, what), USE_NONE);
	shell("mkdir sys/bus/pci/devices/0000:00:06.0/net/eth0 && "
	      "echo 0x1002 >sys/bus/pci/devices/0000:00:06.0/net/eth0/flags");
	ck_assert_int_eq(use_find(files, card, what), USE_NONE);
	shell("echo 0x1003 >sys/bus/pci/devices/0000:00:06.0/net/eth0/flags");
	ck_assert_int_eq(use_find(files, card, what), USE_NETWORK);
	ck_assert_str_eq(what, "interface eth0 is up");
	files_close(files);
	shell("rm -rf sys proc && rmdir %s", tree);
}

static const struct unit_case cases[] = {
	{"a good card has no warnings", nothing_wrong},
	{"methods of reset are told apart", resets},
	{"a device declares how it can be reset", declared_resets},
	{"vectors are counted", vectors},
	{"without an IOMMU there is no MSI", no_msi_without_iommu},
	{"a device may have a line only, or nothing", line_only},
	{"a table for MSI-X lies inside a BAR", msix_tables},
	{"a BAR over the host's RAM or reserved memory is found", regions_and_map},
	{"a device without addresses is found", no_regions},
	{"reserved memory that is shared is refused", reserved_regions},
	{"too little low memory is found", low_memory},
	{"a domain without passthrough is found", passthrough},
	{"a BAR or window over the guest's memory is found", guest_memory},
	{"bridges in a circle end", watches_are_bounded},
	{"a device is explained", explained},
	{"a disk that dom0 uses is found", disks_in_use},
	{"a network that dom0 uses is found", network_in_use},
};

UNIT_MAIN("xenpci-check", cases)
