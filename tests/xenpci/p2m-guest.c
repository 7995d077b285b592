/* SPDX-License-Identifier: MIT */
/*
 * A PV guest in memory for the tests of xenpci map, in place of the seam to libxenctrl: a machine
 * of some thousand frames, each with its owner, and the guest's P2M among them, which a test builds
 * and may spoil. Nothing that is not the guest's is ever mapped.
 */
#include "xenpci/p2m-guest.h"

#include <errno.h>
#include <xen/xen.h>

#include "unit/unit.h"
#include "xenpci/seam/context.h"

struct p2m_machine machine;
struct p2m_view view;
struct report report;
struct map the_map;

int guest_info(struct guest *guest, struct guest_info *info)
{
	*info = machine.info;
	return info->pages ? 0 : -ESRCH;
}

int guest_read(struct guest *guest, uint64_t mfn, void *page)
{
	machine.reads++;
	if (mfn == SHARED && machine.owner[mfn] != DOMAIN)
		return -EPERM;
	ck_assert_uint_lt(mfn, FRAMES);
	ck_assert_uint_eq(machine.owner[mfn], DOMAIN); /* nothing else is mapped: MMIO, say */
	memcpy(page, machine.page[mfn], GUEST_PAGE);
	if (machine.after_read)
		machine.after_read(mfn);
	return 0;
}

int guest_owns(struct guest *guest, const uint64_t *mfn, size_t count, bool *owns)
{
	size_t i;

	ck_assert_uint_ge(count, 1);
	ck_assert_uint_le(count, GUEST_ENTRIES);
	for (i = 0; i < count; i++)
		owns[i] = mfn[i] < FRAMES && machine.owner[mfn[i]] == DOMAIN;
	return machine.owns_error;
}

int guest_m2p(struct guest *guest, uint64_t mfn, uint64_t *pfn)
{
	if (mfn >= FRAMES)
		return -ERANGE;
	*pfn = machine.m2p[mfn];
	return 0;
}

bool context_interrupted(void)
{
	return machine.interrupted;
}

struct arch_shared_info *arch(void)
{
	return &((struct shared_info *)machine.page[SHARED])->arch;
}

uint64_t pte(uint64_t mfn)
{
	return mfn << 12 | 0x67;
}

uint64_t *entry(uint64_t pfn)
{
	return &machine.page[LEAF + pfn / GUEST_ENTRIES][pfn % GUEST_ENTRIES];
}

void give(uint64_t pfn, uint64_t mfn)
{
	*entry(pfn) = mfn;
	machine.owner[mfn] = DOMAIN;
	machine.m2p[mfn] = pfn;
}

/* A P2M of so many entries in a linear list, all invalid. */
void make_guest(uint64_t entries)
{
	uint64_t leaves = (entries + GUEST_ENTRIES - 1) / GUEST_ENTRIES, i;

	ck_assert_uint_le(LEAF + leaves, TREE_TOP);
	memset(&machine, 0, sizeof(machine));
	machine.info = (struct guest_info){.pv = true,
					   .width = 8,
					   .pages = 1000,
					   .shared_info = SHARED,
					   .max_mfn = FRAMES - 1};
	for (i = SHARED; i < RAM_FRAME; i++)
		machine.owner[i] = DOMAIN;
	for (i = 0; i < FRAMES; i++)
		machine.m2p[i] = ~0ULL;
	arch()->max_pfn = entries;
	arch()->p2m_cr3 = (uint64_t)L4 << 12;
	arch()->p2m_vaddr = LIST_ADDRESS;
	machine.page[L4][LIST_ADDRESS >> 39 & 511] = pte(L3);
	machine.page[L3][LIST_ADDRESS >> 30 & 511] = pte(L2);
	machine.page[L2][LIST_ADDRESS >> 21 & 511] = pte(L1);
	for (i = 0; i < leaves; i++)
		machine.page[L1][(LIST_ADDRESS >> 12 & 511) + i] = pte(LEAF + i);
	memset(machine.page[LEAF], 0xff, leaves * GUEST_PAGE);
}

void use_tree(void)
{
	uint64_t leaves = (arch()->max_pfn + GUEST_ENTRIES - 1) / GUEST_ENTRIES, i;

	arch()->p2m_cr3 = 0;
	arch()->pfn_to_mfn_frame_list_list = TREE_TOP;
	machine.page[TREE_TOP][0] = TREE_MID;
	for (i = 0; i < leaves; i++)
		machine.page[TREE_MID][i] = LEAF + i;
}

enum exit_status open_view(void)
{
	report_clear(&report);
	return p2m_open(&view, NULL, DOMAIN, &report);
}

struct map *read_map(struct map *map)
{
	struct space_watch *watches = map_watches(map);

	ck_assert_int_eq(open_view(), EXIT_DONE);
	ck_assert_int_eq(space_read(&map->space, &view, watches, map->bars), 0);
	map_keep_watches(map, watches);
	free(watches);
	map->domain = DOMAIN;
	map->linear = view.linear;
	map->faults = view.faults;
	map->domain_pages = view.info.pages;
	snprintf(map->first_fault, sizeof(map->first_fault), "%s", view.first_fault);
	map_make(map, &report);
	return map;
}

const struct space *read_space(void)
{
	map_free(&the_map);
	memset(&the_map, 0, sizeof(the_map));
	return &read_map(&the_map)->space;
}

bool found(const char *id)
{
	size_t i;

	for (i = 0; i < report.count; i++)
		if (!strcmp(report.findings[i].id, id))
			return true;
	return false;
}

void expect_range(const struct space_list *list, size_t number, uint64_t first, uint64_t end,
		  uint64_t pages)
{
	ck_assert_uint_lt(number, list->count);
	ck_assert_uint_eq(list->range[number].first, first);
	ck_assert_uint_eq(list->range[number].end, end);
	ck_assert_uint_eq(list->range[number].pages, pages);
}

/* RAM 0..99 in two runs, foreign 100..103, identity 600..1023, more RAM 1500. */
void make_mixed(void)
{
	uint64_t pfn;

	make_guest(1501);
	for (pfn = 0; pfn < 60; pfn++)
		give(pfn, 1000 + pfn);
	for (; pfn < 100; pfn++)
		give(pfn, 2000 + pfn);
	for (; pfn < 104; pfn++)
		*entry(pfn) = P2M_FOREIGN | (3000 + pfn);
	for (pfn = 600; pfn < 1024; pfn++)
		*entry(pfn) = P2M_IDENTITY | pfn;
	give(1500, 70);
}

void expect_mixed(const struct space *space)
{
	ck_assert_uint_eq(space->entries, 1501);
	ck_assert_uint_eq(space->list[SPACE_RAM].count, 2);
	expect_range(&space->list[SPACE_RAM], 0, 0, 100, 100);
	expect_range(&space->list[SPACE_RAM], 1, 1500, 1501, 1);
	ck_assert_uint_eq(space->list[SPACE_FOREIGN].count, 1);
	expect_range(&space->list[SPACE_FOREIGN], 0, 100, 104, 4);
	ck_assert_uint_eq(space->list[SPACE_IDENTITY].count, 1);
	expect_range(&space->list[SPACE_IDENTITY], 0, 600, 1024, 424);
	ck_assert_uint_eq(space->list[SPACE_WRONG].count, 0);
	ck_assert_uint_eq(space->runs_total, 3);
	ck_assert_uint_eq(space->runs_of_order[5], 2); /* 60 and 40 pages */
	ck_assert_uint_eq(space->runs_of_order[0], 1);
	ck_assert_uint_eq(space->runs, 3);
	ck_assert_uint_eq(space->run[1].pfn, 60);
	ck_assert_uint_eq(space->run[1].mfn, 2060);
	ck_assert_uint_eq(space->run[1].pages, 40);
	ck_assert_uint_eq(view.faults, 0);
}
