/* SPDX-License-Identifier: MIT */
/*
 * Memory maps: made clean, and read from Xen.
 */
#include <string.h>

#include <model/model.h>
#include <xen/setup.h>

#include "unit.h"

#define RAM XEN_E820_RAM
#define RES XEN_E820_RESERVED

#define NR_OF(a) (sizeof(a) / sizeof((a)[0]))

struct sanitize_case {
	const char *name;
	struct xen_e820_entry in[6];
	unsigned int nr_in;
	struct xen_e820_entry out[6];
	unsigned int nr_out;
};

static const struct sanitize_case sanitize_cases[] = {
	{"nothing", {{0}}, 0, {{0}}, 0},
	{"sorts",
	 {{0x5000, 0x1000, RES}, {0x1000, 0x1000, RAM}},
	 2,
	 {{0x1000, 0x1000, RAM}, {0x5000, 0x1000, RES}},
	 2},
	{"joins neighbours of one type",
	 {{0x1000, 0x1000, RAM}, {0x2000, 0x3000, RAM}},
	 2,
	 {{0x1000, 0x4000, RAM}},
	 1},
	{"joins RAM inside a page",
	 {{0x1000, 0x800, RAM}, {0x1800, 0x800, RAM}},
	 2,
	 {{0x1000, 0x1000, RAM}},
	 1},
	{"drops empty and wrapping",
	 {{0x1000, 0, RAM}, {~0ULL - 5, 10, RES}, {0, 0x1000, RAM}},
	 3,
	 {{0, 0x1000, RAM}},
	 1},
	{"cuts RAM, widens others",
	 {{0x800, 0x2900, RAM}, {0x4800, 0x10, RES}},
	 2,
	 {{0x1000, 0x2000, RAM}, {0x4000, 0x1000, RES}},
	 2},
	{"a page shared by RAM and reserved is reserved",
	 {{0, 0x9fc00, RAM}, {0x9fc00, 0x400, RES}},
	 2,
	 {{0, 0x9f000, RAM}, {0x9f000, 0x1000, RES}},
	 2},
	{"not-RAM wins in the middle",
	 {{0, 0x10000, RAM}, {0x4000, 0x2000, RES}},
	 2,
	 {{0, 0x4000, RAM}, {0x4000, 0x2000, RES}, {0x6000, 0xa000, RAM}},
	 3},
	{"the higher type wins",
	 {{0, 0x4000, XEN_E820_NVS}, {0x2000, 0x4000, XEN_E820_ACPI}},
	 2,
	 {{0, 0x4000, XEN_E820_NVS}, {0x4000, 0x2000, XEN_E820_ACPI}},
	 2},
	{"RAM that has no whole page goes",
	 {{0x1001, 0x1ffe, RAM}, {0x8010, 0x20, RAM}},
	 2,
	 {{0}},
	 0},
	{"RAM in the last page of the address space",
	 {{0x1000, 0x3000, RAM}, {~0ULL - 0x10, 0x10, RAM}},
	 2,
	 {{0x1000, 0x3000, RAM}},
	 1},
	{"the top of the address space",
	 {{~0ULL - 0x1fff, 0x1fff, RES}},
	 1,
	 {{~0ULL - 0x1fff, 0x1000, RES}},
	 1},
};

static void sanitize_table(void)
{
	unsigned int i;

	for (i = 0; i < NR_OF(sanitize_cases); i++) {
		const struct sanitize_case *c = &sanitize_cases[i];
		struct xen_e820_entry map[XEN_E820_MAX];
		int nr;

		memcpy(map, c->in, sizeof(c->in));
		nr = xen_e820_sanitize(map, c->nr_in, XEN_E820_MAX);
		ck_assert_msg(nr == (int)c->nr_out &&
				      !memcmp(map, c->out, c->nr_out * sizeof(map[0])),
			      "%s: %d entries, first %llx + %llx", c->name, nr,
			      (unsigned long long)map[0].addr, (unsigned long long)map[0].size);
	}
}

#define ORACLE_PAGES 64

/* What each page should be: the rank of its type, RAM as 0, nothing as -1. */
static void oracle_types(const struct xen_e820_entry *map, unsigned int nr, int64_t type[])
{
	unsigned int i, p;

	for (p = 0; p < ORACLE_PAGES; p++) {
		uint64_t start = p * 0x1000ULL, ram = 0;
		int64_t best = -1;

		for (i = 0; i < nr; i++) {
			uint64_t end = map[i].addr + map[i].size, at;

			if (!map[i].size || map[i].addr >= start + 0x1000 || end <= start)
				continue;
			if (map[i].type != RAM) {
				if ((int64_t)map[i].type + 1 > best)
					best = (int64_t)map[i].type + 1;
				continue;
			}
			for (at = 0; at < 16; at++) /* entries are made of 256-byte pieces */
				if (start + at * 256 >= map[i].addr && start + at * 256 < end)
					ram |= 1 << at;
		}
		type[p] = best >= 0 ? best : ram == 0xffff ? 0 : -1;
	}
}

static void sanitize_random(void)
{
	static const uint32_t types[] = {RAM, RAM, RAM, RES, XEN_E820_ACPI, XEN_E820_NVS, 0, 12};
	uint64_t rnd = unit_seed();
	int round;

	for (round = 0; round < 20000; round++) {
		struct xen_e820_entry map[XEN_E820_MAX];
		unsigned int nr = unit_random(&rnd) % 12, i, p;
		int64_t want[ORACLE_PAGES], got[ORACLE_PAGES];
		uint64_t end = 0;
		int out;

		for (i = 0; i < nr; i++) {
			uint64_t addr = unit_random(&rnd) % (ORACLE_PAGES * 16) * 256;

			map[i].addr = addr;
			map[i].size =
				unit_random(&rnd) % (ORACLE_PAGES * 16 + 1 - addr / 256) * 256;
			if (unit_random(&rnd) % 2)
				map[i].size %= 0x8000;
			map[i].type = types[unit_random(&rnd) % NR_OF(types)];
		}
		oracle_types(map, nr, want);
		out = xen_e820_sanitize(map, nr, XEN_E820_MAX);
		unit_expect(out >= 0);
		for (i = 0; i < (unsigned int)out; i++) {
			unit_expect(map[i].size && map[i].addr >= end);
			unit_expect(!((map[i].addr | map[i].size) & 0xfff));
			unit_expect(!i || map[i].addr > end || map[i].type != map[i - 1].type);
			end = map[i].addr + map[i].size;
		}
		oracle_types(map, (unsigned int)out, got);
		for (p = 0; p < ORACLE_PAGES; p++)
			unit_expect(want[p] == got[p]);
	}
}

static void sanitize_room(void)
{
	struct xen_e820_entry map[4] = {{0, 0x10000, RAM}, {0x4000, 0x1000, RES}};
	static struct xen_e820_entry most[XEN_E820_MAX];

	ck_assert_int_eq(xen_e820_sanitize(map, 2, 2), -XEN_E2BIG);
	map[0] = (struct xen_e820_entry){0, 0x10000, RAM};
	map[1] = (struct xen_e820_entry){0x4000, 0x1000, RES};
	ck_assert_int_eq(xen_e820_sanitize(map, 2, 3), 3);
	ck_assert_int_eq(xen_e820_sanitize(map, XEN_E820_MAX + 1, XEN_E820_MAX), -XEN_E2BIG);
	/* As many as there may be. */
	for (unsigned int i = 0; i < XEN_E820_MAX; i++)
		most[i] = (struct xen_e820_entry){i * 0x2000ULL, 0x1000, RAM};
	ck_assert_int_eq(xen_e820_sanitize(most, XEN_E820_MAX, XEN_E820_MAX), XEN_E820_MAX);
	/* RAM without a whole page needs no entry. */
	map[0] = (struct xen_e820_entry){0x10, 0x20, RAM};
	map[1] = (struct xen_e820_entry){0x1800, 0x1700, RAM};
	map[2] = (struct xen_e820_entry){0x8000, 0x1000, RAM};
	ck_assert_int_eq(xen_e820_sanitize(map, 3, 1), 1);
	ck_assert_uint_eq(map[0].addr, 0x8000);
}

static void reading(void)
{
	static const struct model_params dom0 = {.no_setup = true};
	static const struct model_params domu = {.no_setup = true, .domu = true};
	struct xen_e820_entry map[XEN_E820_MAX];
	unsigned int nr = 99;

	model_start(&dom0);
	ck_assert_int_eq(xen_e820_read(true, map, &nr), 0);
	ck_assert_uint_eq(nr, 6);
	ck_assert_uint_eq(map[3].addr, 0x100000);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_EFAULT);
	ck_assert_int_eq(xen_e820_read(true, map, &nr), -XEN_EFAULT);
	ck_assert(model_stop());
	model_start(&domu);
	ck_assert_int_eq(xen_e820_read(true, map, &nr), -XEN_EPERM);
	ck_assert_int_eq(xen_e820_read(false, map, &nr), -XEN_ENOSYS);
	model_give_map();
	ck_assert_int_eq(xen_e820_read(false, map, &nr), 0);
	ck_assert_uint_eq(nr, 6);
	ck_assert(model_stop());
}

/* A map that is cut short is refused even where the rest would take no entry. */
static void sanitize_tail(void)
{
	struct xen_e820_entry map[4] = {
		{0, 0x1000, RAM}, {0x2000, 0x1000, RES}, {0x3010, 0x20, RAM}};

	ck_assert_int_eq(xen_e820_sanitize(map, 3, 1), -XEN_E2BIG);
}

static const struct unit_case cases[] = {
	{"the sanitizer's cases", sanitize_table},
	{"random maps agree with a table of pages", sanitize_random},
	{"a map that needs more entries is refused", sanitize_room},
	{"maps are read from Xen", reading},
	{"a map that loses an entry is refused", sanitize_tail},
};

UNIT_MAIN("e820", cases)
