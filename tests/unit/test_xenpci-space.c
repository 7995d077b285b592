/* SPDX-License-Identifier: MIT */
/*
 * xenpci map: what the entries of a guest's P2M mean, by Xen's books and not by the guest's word,
 * and how they are summed up.
 */
#include <errno.h>

#include "unit.h"
#include "xenpci/p2m-guest.h"

static void lying_entries(void)
{
	make_mixed();
	*entry(10) = FRAMES; /* beyond the machine */
	*entry(11) = (1ULL << 52) - 1;
	*entry(12) = 3500; /* nobody's */
	machine.owner[3501] = OTHER;
	machine.m2p[3501] = 13;
	*entry(13) = 3501; /* another's, and its own PFN is the same */
	*entry(14) = 1015; /* that of PFN 15 */
	*entry(16) = 0;
	ck_assert_uint_eq(read_space()->beyond, 2);
	ck_assert_uint_eq(the_map.space.others, 3);
	ck_assert_uint_eq(the_map.space.astray, 1);
	ck_assert_uint_eq(the_map.space.wrong_pfn, 10);
	ck_assert_uint_eq(the_map.space.wrong_mfn, FRAMES);
	ck_assert_uint_eq(the_map.space.list[SPACE_WRONG].pages, 6);
	ck_assert_uint_eq(the_map.space.list[SPACE_RAM].pages, 101 - 6);
	ck_assert(found("p2m-wrong"));
}

static void plain_identity(void)
{
	make_guest(2 * GUEST_ENTRIES);
	*entry(200) = 200; /* inside the machine, not the guest's */
	machine.info.max_mfn = 500;
	*entry(600) = 600; /* beyond its RAM */
	read_space();
	ck_assert_uint_eq(the_map.space.list[SPACE_IDENTITY].pages, 2);
	ck_assert_uint_eq(the_map.space.list[SPACE_WRONG].pages, 0);
}

static void settle(uint64_t mfn)
{
	if (mfn == LEAF)
		give(5, 1005);
}

static void entries_in_motion(void)
{
	make_mixed();
	*entry(5) = 3500;
	machine.after_read = settle;
	ck_assert_uint_eq(read_space()->list[SPACE_WRONG].pages, 0);
	expect_mixed(&the_map.space);
}

static void no_books(void)
{
	make_mixed();
	machine.owns_error = -EPERM;
	ck_assert_int_eq(open_view(), EXIT_DONE);
	ck_assert_int_eq(space_read(&the_map.space, &view, NULL, 0), -EPERM);
}

/* Every second page foreign: the lists stay short, the numbers exact. */
static void scattered(void)
{
	const struct space_list *list;
	uint64_t pfn, pages = 0;
	size_t i;

	make_guest(30 * GUEST_ENTRIES);
	for (pfn = 0; pfn < 30 * GUEST_ENTRIES; pfn += 2)
		*entry(pfn) = P2M_FOREIGN | 1;
	list = &read_space()->list[SPACE_FOREIGN];
	ck_assert_uint_lt(list->count, SPACE_RANGES);
	ck_assert_uint_eq(list->pages, 15 * GUEST_ENTRIES);
	for (i = 0; i < list->count; i++) {
		pages += list->range[i].pages;
		ck_assert_uint_le(list->range[i].pages, list->range[i].end - list->range[i].first);
		if (i)
			ck_assert_uint_ge(list->range[i].first, list->range[i - 1].end);
	}
	ck_assert_uint_eq(pages, list->pages);
	ck_assert_uint_eq(list->range[list->count - 1].end, 30 * GUEST_ENTRIES - 1);
}

static void interrupted(void)
{
	make_mixed();
	ck_assert_int_eq(open_view(), EXIT_DONE);
	machine.interrupted = true;
	ck_assert_int_eq(space_read(&the_map.space, &view, NULL, 0), -EINTR);
}

static void longest_runs(void)
{
	const struct space *space;
	uint64_t pfn = 0, mfn = RAM_FRAME, length, i;
	size_t run;

	make_guest(6 * GUEST_ENTRIES);
	for (length = 1; length <= 2 * SPACE_RUNS; length++, mfn++)
		for (i = 0; i < length; i++)
			give(pfn++, mfn++);
	space = read_space();
	ck_assert_uint_eq(space->runs_total, 2 * SPACE_RUNS);
	ck_assert_uint_eq(space->runs, SPACE_RUNS);
	for (run = 0; run < SPACE_RUNS; run++)
		ck_assert_uint_eq(space->run[run].pages, SPACE_RUNS + 1 + run);
	ck_assert_uint_eq(space->runs_of_order[0], 1);
	ck_assert_uint_eq(space->runs_of_order[4], 16);
	ck_assert_uint_eq(space->runs_of_order[5], 1);
}

/* A run of 2 MiB is shown as such, one page less is not. */
static void large_runs(void)
{
	uint64_t pfn;

	make_guest(4 * GUEST_ENTRIES);
	for (pfn = 0; pfn < SPACE_LARGE - 1; pfn++)
		give(pfn, 100 + pfn);
	for (pfn = 1000; pfn < 1000 + SPACE_LARGE; pfn++)
		give(pfn, pfn);
	ck_assert_uint_eq(read_space()->large.count, 1);
	expect_range(&the_map.space.large, 0, 1000, 1000 + SPACE_LARGE, SPACE_LARGE);
	ck_assert_uint_eq(the_map.space.runs_total, 2);
}

static const struct unit_case cases[] = {
	{"RAM is what Xen's books confirm", lying_entries},
	{"an entry that is its own PFN is identity", plain_identity},
	{"an entry in motion is read again", entries_in_motion},
	{"without Xen's books there is no map", no_books},
	{"a scattered P2M makes no long lists", scattered},
	{"a long reading can be interrupted", interrupted},
	{"the longest runs are kept", longest_runs},
	{"large runs are told apart", large_runs},
};

UNIT_MAIN("xenpci-space", cases)
