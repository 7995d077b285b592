/* SPDX-License-Identifier: MIT */
/*
 * xenpci check: what a device's addresses lie over, of the machine and of the guest.
 */
#include "check_test.h"
#include "xenpci/base/memory.h"

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

static const struct unit_case cases[] = {
	{"a BAR over the host's RAM or reserved memory is found", regions_and_map},
	{"a device without addresses is found", no_regions},
	{"reserved memory that is shared is refused", reserved_regions},
	{"too little low memory is found", low_memory},
	{"a BAR or window over the guest's memory is found", guest_memory},
	{"bridges in a circle end", watches_are_bounded},
};

UNIT_MAIN("xenpci-memory", cases)
