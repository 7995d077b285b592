/* SPDX-License-Identifier: MIT */
/*
 * xenpci map: reading a guest's P2M, whatever the guest has written, and drawing it. The guest is a
 * machine of some thousand frames in an array, with Xen's books beside it.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <xen/xen.h>

#include "unit.h"
#include "xenpci/context.h"
#include "xenpci/map.h"

#define FRAMES 4096
#define DOMAIN 7
#define OTHER 8
#define LIST_ADDRESS 0xffffc90000000000ULL

/* Frames of the guest's tables; its RAM is taken from RAM_FRAME on. */
enum { SHARED = 1, L4, L3, L2, L1, LEAF, TREE_TOP = 40, TREE_MID, RAM_FRAME = 64 };

static struct {
	uint64_t page[FRAMES][GUEST_ENTRIES];
	uint16_t owner[FRAMES];
	uint64_t m2p[FRAMES];
	struct guest_info info;
	int owns_error;
	bool interrupted;
	unsigned int reads;
	void (*after_read)(uint64_t mfn); /* the guest goes on living */
} machine;

/* ---- the seam ---- */

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

/* ---- building a guest ---- */

static struct arch_shared_info *arch(void)
{
	return &((struct shared_info *)machine.page[SHARED])->arch;
}

static uint64_t pte(uint64_t mfn)
{
	return mfn << 12 | 0x67;
}

static uint64_t *entry(uint64_t pfn)
{
	return &machine.page[LEAF + pfn / GUEST_ENTRIES][pfn % GUEST_ENTRIES];
}

static void give(uint64_t pfn, uint64_t mfn)
{
	*entry(pfn) = mfn;
	machine.owner[mfn] = DOMAIN;
	machine.m2p[mfn] = pfn;
}

/* A P2M of so many entries in a linear list, all invalid. */
static void make_guest(uint64_t entries)
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

static void use_tree(void)
{
	uint64_t leaves = (arch()->max_pfn + GUEST_ENTRIES - 1) / GUEST_ENTRIES, i;

	arch()->p2m_cr3 = 0;
	arch()->pfn_to_mfn_frame_list_list = TREE_TOP;
	machine.page[TREE_TOP][0] = TREE_MID;
	for (i = 0; i < leaves; i++)
		machine.page[TREE_MID][i] = LEAF + i;
}

static struct p2m_view view;
static struct report report;

static enum exit_status open_view(void)
{
	report_clear(&report);
	return p2m_open(&view, NULL, DOMAIN, &report);
}

static struct map *read_map(struct map *map)
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

static struct map the_map;

static const struct space *read_space(void)
{
	map_free(&the_map);
	memset(&the_map, 0, sizeof(the_map));
	return &read_map(&the_map)->space;
}

static bool found(const char *id)
{
	size_t i;

	for (i = 0; i < report.count; i++)
		if (!strcmp(report.findings[i].id, id))
			return true;
	return false;
}

static void expect_range(const struct space_list *list, size_t number, uint64_t first, uint64_t end,
			 uint64_t pages)
{
	ck_assert_uint_lt(number, list->count);
	ck_assert_uint_eq(list->range[number].first, first);
	ck_assert_uint_eq(list->range[number].end, end);
	ck_assert_uint_eq(list->range[number].pages, pages);
}

/* ---- reading ---- */

/* RAM 0..99 in two runs, foreign 100..103, identity 600..1023, more RAM 1500. */
static void make_mixed(void)
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

static void expect_mixed(const struct space *space)
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

static void linear_list(void)
{
	make_mixed();
	expect_mixed(read_space());
	ck_assert(view.linear);
}

static void frame_lists(void)
{
	make_mixed();
	use_tree();
	expect_mixed(read_space());
	ck_assert(!view.linear);
}

/* Pages of the tables are read once each, whatever the number of leaves. */
static void bounded_reads(void)
{
	make_guest(30 * GUEST_ENTRIES);
	read_space();
	ck_assert_uint_le(machine.reads, 1 + 4 + 30);
	machine.reads = 0;
	for (int i = 0; i < 30; i++)
		machine.page[L1][(LIST_ADDRESS >> 12 & 511) + i] = pte(LEAF);
	read_space();
	ck_assert_uint_le(machine.reads, 1 + 4 + 1);
}

static void refused_guests(void)
{
	make_mixed();
	machine.info.pages = 0;
	ck_assert_int_eq(open_view(), EXIT_UNKNOWN);
	make_mixed();
	machine.info.pv = false;
	ck_assert_int_eq(open_view(), EXIT_REFUSED);
	ck_assert(found("not-pv"));
	make_mixed();
	machine.info.width = 4;
	ck_assert_int_eq(open_view(), EXIT_REFUSED);
	make_mixed();
	machine.owner[SHARED] = OTHER;
	ck_assert_int_eq(open_view(), EXIT_HOST);
}

static void hostile_shared_info(void)
{
	static const struct {
		uint64_t max_pfn, cr3, address, generation, tree;
		const char *id;
	} wrong[] = {
		{0, L4 << 12, LIST_ADDRESS, 0, 0, "p2m-size"},
		{P2M_MAX_ENTRIES + 1, L4 << 12, LIST_ADDRESS, 0, 0, "p2m-size"},
		{~0ULL, L4 << 12, LIST_ADDRESS, 0, 0, "p2m-size"},
		{1000, ~0ULL, LIST_ADDRESS, 0, 0, "p2m-root"},
		{1000, (uint64_t)FRAMES << 12, LIST_ADDRESS, 0, 0, "p2m-root"},
		{1000, 0xfff, LIST_ADDRESS, 0, 0, "p2m-root"},
		{1000, L4 << 12, LIST_ADDRESS + 8, 0, 0, "p2m-address"},
		{1000, L4 << 12, 0x0000800000000000ULL, 0, 0, "p2m-address"},
		{1000, L4 << 12, 0x00007ffffffff000ULL, 0, 0, "p2m-address"},
		{1000, L4 << 12, 0xfffffffffffff000ULL, 0, 0, "p2m-address"},
		{1000, L4 << 12, 0xffff800000000000ULL, 0, 0, "p2m-address"},
		{1000, L4 << 12, 0xffff87fffffff000ULL, 0, 0, "p2m-address"},
		{1000, L4 << 12, LIST_ADDRESS, 1, 0, "p2m-changing"},
		{1000, 0, 0, 0, 0, "p2m-none"},
		{0, 0, 0, 0, 0, "p2m-none"},
		{1000, 0, 0, 0, ~0ULL, "p2m-root"},
		{1000, 0, 0, 0, FRAMES, "p2m-root"},
		{(1ULL << 27) + 1, 0, 0, 0, TREE_TOP, "p2m-root"},
	};
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_guest(1000);
		arch()->max_pfn = wrong[i].max_pfn;
		arch()->p2m_cr3 = wrong[i].cr3;
		arch()->p2m_vaddr = wrong[i].address;
		arch()->p2m_generation = wrong[i].generation;
		arch()->pfn_to_mfn_frame_list_list = wrong[i].tree;
		ck_assert_int_eq(open_view(), EXIT_UNDONE);
		ck_assert_msg(found(wrong[i].id), "case %u: %s", i, report.findings[0].id);
	}
}

/* What a table may hold in place of the next one. */
static void hostile_tables(void)
{
	static const uint64_t wrong[] = {
		0,
		LEAF << 12,		       /* not present */
		LEAF << 12 | 0xe7,	       /* a large page */
		0x67,			       /* frame 0 */
		(uint64_t)FRAMES << 12 | 0x67, /* beyond the machine */
		~0ULL,
		3000 << 12 | 0x67, /* not the guest's */
	};
	static const unsigned int level[] = {L4, L3, L2, L1};
	static const unsigned int shift[] = {39, 30, 21, 12};
	unsigned int i, j;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		for (j = 0; j < 4; j++) {
			make_mixed();
			machine.page[level[j]][LIST_ADDRESS >> shift[j] & 511] = wrong[i];
			if (wrong[i] == (LEAF << 12 | 0xe7) && level[j] == L1)
				continue; /* there the bit is another's */
			read_space();
			ck_assert_msg(view.faults && found("p2m-faults"), "%u %u", i, j);
			ck_assert_uint_le(the_map.space.list[SPACE_RAM].pages, 1);
			ck_assert_uint_le(machine.reads, 50);
		}
}

static void hostile_frame_lists(void)
{
	static const uint64_t wrong[] = {0, FRAMES, ~0ULL, 3000, 1ULL << 52};
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_mixed();
		use_tree();
		machine.page[TREE_TOP][0] = wrong[i];
		read_space();
		ck_assert_uint_eq(view.faults, 3);
		make_mixed();
		use_tree();
		machine.page[TREE_MID][0] = wrong[i];
		read_space();
		ck_assert_uint_eq(view.faults, 1);
		ck_assert_uint_eq(the_map.space.list[SPACE_RAM].pages, 1);
	}
}

/* A page table that is its own next level, everywhere: an end is reached, and nothing is RAM. */
static void tables_in_a_circle(void)
{
	unsigned int i;

	make_guest(30 * GUEST_ENTRIES);
	for (i = 0; i < GUEST_ENTRIES; i++)
		machine.page[L4][i] = pte(L4);
	read_space();
	ck_assert_uint_eq(the_map.space.list[SPACE_RAM].pages, 0);
	ck_assert_uint_le(machine.reads, 400);
}

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

static void move(uint64_t mfn)
{
	if (mfn == LEAF)
		arch()->p2m_generation += 2;
}

static void list_in_motion(void)
{
	make_mixed();
	read_space();
	ck_assert(p2m_unmoved(&view));
	machine.after_read = move;
	read_space();
	ck_assert(!p2m_unmoved(&view));
	machine.after_read = NULL;
	read_space();
	ck_assert(p2m_unmoved(&view));
	arch()->p2m_vaddr += 4096;
	ck_assert(!p2m_unmoved(&view));
}

static void no_books(void)
{
	make_mixed();
	machine.owns_error = -EPERM;
	ck_assert_int_eq(open_view(), EXIT_DONE);
	ck_assert_int_eq(space_read(&the_map.space, &view, NULL, 0), -EPERM);
}

static void interrupted(void)
{
	make_mixed();
	ck_assert_int_eq(open_view(), EXIT_DONE);
	machine.interrupted = true;
	ck_assert_int_eq(space_read(&the_map.space, &view, NULL, 0), -EINTR);
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

/* ---- showing ---- */

static struct device card(unsigned int slot, uint64_t first, uint64_t size)
{
	struct device device = {.bdf = {.devfn = (uint8_t)(slot << 3)}};

	device.region[0] =
		(struct region){.kind = REGION_MEMORY, .first = first, .last = first + size - 1};
	device.region[1] = (struct region){.kind = REGION_IO, .first = 0xc000, .last = 0xc01f};
	return device;
}

static void read_with(const struct device *devices, size_t count)
{
	size_t i;

	map_free(&the_map);
	memset(&the_map, 0, sizeof(the_map));
	for (i = 0; i < count; i++)
		map_add_device(&the_map, &devices[i]);
	read_map(&the_map);
}

static const struct map_item *item_of(enum map_kind kind, size_t number)
{
	size_t i;

	for (i = 0; i < the_map.items; i++)
		if (the_map.item[i].kind == kind && !number--)
			return &the_map.item[i];
	ck_abort_msg("no such item");
	return NULL;
}

static void bars_and_p2m(void)
{
	static const struct {
		uint64_t first, size;
		const char *says;
		bool conflict;
	} rows[] = {
		{700 << 12, 4 << 12, "0000:00:01.0 BAR 0, identity", false},
		{1020 << 12, 8 << 12, "0000:00:01.0 BAR 0, identity in part", false},
		{1100 << 12, 4 << 12, "0000:00:01.0 BAR 0, not in the P2M", false},
		{98 << 12, 4 << 12, "0000:00:01.0 BAR 0, in conflict", true},
		{103 << 12, 4 << 12, "0000:00:01.0 BAR 0, in conflict", true}, /* a foreign page */
		{(1ULL << 32) - 4096, 4096, "0000:00:01.0 BAR 0, beyond the P2M", false},
		{1ULL << 32, 1ULL << 32, "0000:00:01.0 BAR 0, beyond the P2M", false},
		{1ULL << 40, 1ULL << 40, "0000:00:01.0 BAR 0, beyond the P2M", false},
	};
	struct device device;
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_mixed();
		device = card(1, rows[i].first, rows[i].size);
		read_with(&device, 1);
		ck_assert_str_eq(item_of(MAP_BAR, 0)->text, rows[i].says);
		ck_assert_uint_eq(item_of(MAP_BAR, 0)->first, rows[i].first);
		ck_assert_uint_eq(item_of(MAP_BAR, 0)->last, rows[i].first + rows[i].size - 1);
		ck_assert_int_eq(found("bar-over-ram"), rows[i].conflict);
		ck_assert_int_eq(found("bars-share-page"), false);
		if (rows[i].conflict)
			item_of(MAP_CONFLICT, 0);
	}
}

static void watches_count_pages(void)
{
	struct device devices[] = {card(1, 90 << 12, 20 << 12), card(2, 0, 2000ULL << 12)};
	const uint64_t *pages;

	make_mixed();
	read_with(devices, 2);
	pages = the_map.bar[0].watch.pages; /* the one at 0 */
	ck_assert_uint_eq(pages[SPACE_RAM], 101);
	ck_assert_uint_eq(pages[SPACE_FOREIGN], 4);
	ck_assert_uint_eq(pages[SPACE_IDENTITY], 424);
	ck_assert_uint_eq(pages[SPACE_NOTHING], 2000 - 101 - 4 - 424);
	pages = the_map.bar[1].watch.pages;
	ck_assert_uint_eq(pages[SPACE_RAM], 10);
	ck_assert_uint_eq(pages[SPACE_FOREIGN], 4);
	ck_assert_uint_eq(pages[SPACE_NOTHING], 6);
}

static void xsa_461(void)
{
	struct device devices[] = {card(1, 0xf0000000, 0x800), card(2, 0xf0000800, 0x800),
				   card(3, 0xf0001000, 0x1000)};

	make_mixed();
	read_with(devices, 3);
	ck_assert(found("bars-share-page"));
	ck_assert_uint_eq(report.count, 1);
	ck_assert_uint_eq(item_of(MAP_CONFLICT, 0)->first, 0xf0000000);
	devices[1].bdf = devices[0].bdf; /* of one function: nobody else's */
	read_with(devices, 2);
	ck_assert(!found("bars-share-page"));
}

static char *shown(void (*show)(const struct map *map, FILE *out))
{
	static char text[1 << 20];
	FILE *out = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(out);
	show(&the_map, out);
	fclose(out);
	return text;
}

static void as_text(const struct map *map, FILE *out)
{
	map_text(map, out, 0);
}

static void as_short_text(const struct map *map, FILE *out)
{
	map_text(map, out, 3);
}

static void text_form(void)
{
	struct device device = card(6, 0xfe000000, 0x20000);
	char *text, *line;

	make_mixed();
	read_with(&device, 1);
	map_set_name(&the_map, "peer\x1b[31m");
	text = shown(as_text);
	ck_assert_ptr_nonnull(strstr(text, "domain 7 peer?[31m: 1000 pages (3.9M)"));
	ck_assert_ptr_nonnull(strstr(text, "0000:00:06.0 BAR 0, beyond the P2M"));
	ck_assert_ptr_nonnull(strstr(text, "the longest: 240K at 0, machine 0x3e8000"));
	ck_assert_ptr_nonnull(strstr(text, " 2 of 128K+"));
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_uint_le(strlen(line), 120);
	text = shown(as_short_text);
	ck_assert_ptr_nonnull(strstr(text, "more rows"));
}

static void json_form(void)
{
	struct device device = card(6, 0xfe000000, 0x20000);
	json_t *json, *bar;

	make_mixed();
	read_with(&device, 1);
	map_set_name(&the_map, "\xff\"<&");
	json = map_json(&the_map, &report);
	ck_assert_ptr_nonnull(json);
	ck_assert_str_eq(json_string_value(json_object_get(json, "name")), "?\"<&");
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(json, "total"), "identity")),
		424);
	bar = json_array_get(json_object_get(json, "bars"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(bar, "first")), "0xfe000000");
	ck_assert_int_eq(json_integer_value(json_object_get(bar, "nothing")), 32);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "items")), the_map.items);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "findings")), 0);
	json_decref(json);
}

static void svg_form(void)
{
	struct device device = card(6, 98 << 12, 0x4000);
	char *text;

	make_mixed();
	read_with(&device, 1);
	map_set_name(&the_map, "<&\">");
	text = shown(map_svg);
	ck_assert_int_eq(strncmp(text, "<svg ", 5), 0);
	ck_assert_ptr_nonnull(strstr(text, "</svg>\n"));
	ck_assert_ptr_nonnull(strstr(text, "&lt;&amp;&quot;&gt;"));
	ck_assert_ptr_nonnull(strstr(text, "class=\"item k5\"")); /* the conflict */
	ck_assert_ptr_null(strstr(text, "<&"));
}

/* Ends are in order on the line and the last is its end. */
static void scale(void)
{
	struct device device = card(6, 1ULL << 40, 1ULL << 40);
	struct map_scale scale;
	unsigned int at, last = 0;
	size_t i;

	make_mixed();
	read_with(&device, 1);
	map_scale_make(&scale, &the_map);
	for (i = 0; i < scale.cuts; i++) {
		at = map_scale_at(&scale, scale.cut[i], 1000);
		ck_assert_uint_ge(at, last);
		last = at;
	}
	ck_assert_uint_eq(last, 1000);
	ck_assert_uint_eq(map_scale_at(&scale, 0, 1000), 0);
	map_scale_free(&scale);
}

static void empty_guest(void)
{
	make_guest(100);
	read_space();
	ck_assert_uint_eq(the_map.items, 0);
	ck_assert_ptr_nonnull(strstr(shown(as_text), "domain 7"));
	ck_assert_ptr_nonnull(strstr(shown(map_svg), "</svg>"));
}

static void sizes(void)
{
	char text[MAP_SIZE];

	ck_assert_str_eq(map_size(0, text), "0B");
	ck_assert_str_eq(map_size(1023, text), "1023B");
	ck_assert_str_eq(map_size(4096, text), "4K");
	ck_assert_str_eq(map_size(201326592, text), "192M");
	ck_assert_str_eq(map_size(3435973837ULL, text), "3.1G");
	ck_assert_str_eq(map_size(~0ULL, text), "15.9E");
}

static void addresses(void)
{
	char text[MAP_ADDRESS];

	ck_assert_str_eq(map_address(0, text), "0B");
	ck_assert_str_eq(map_address(1023, text), "1023B");
	ck_assert_str_eq(map_address(192ULL << 20, text), "192M");
	ck_assert_str_eq(map_address((192ULL << 20) + 4096, text), "0xc001000");
	ck_assert_str_eq(map_address(0xfeb80000, text), "0xfeb80000");
	ck_assert_str_eq(map_address(1ULL << 40, text), "1T");
	ck_assert_str_eq(map_address((1ULL << 52) - 4096, text), "0xffffffffff000");
}

static const struct unit_case cases[] = {
	{"a linear list is read", linear_list},
	{"so are frame lists", frame_lists},
	{"pages of the tables are read once", bounded_reads},
	{"a domain without a P2M of 64 bits is refused", refused_guests},
	{"a shared info page that makes no sense is refused", hostile_shared_info},
	{"page tables that lead nowhere are faults", hostile_tables},
	{"frame lists that lead nowhere are faults", hostile_frame_lists},
	{"page tables in a circle end", tables_in_a_circle},
	{"RAM is what Xen's books confirm", lying_entries},
	{"an entry that is its own PFN is identity", plain_identity},
	{"an entry in motion is read again", entries_in_motion},
	{"a list that moves is noticed", list_in_motion},
	{"without Xen's books there is no map", no_books},
	{"a scattered P2M makes no long lists", scattered},
	{"a long reading can be interrupted", interrupted},
	{"the longest runs are kept", longest_runs},
	{"large runs are told apart", large_runs},
	{"a BAR is shown with what the P2M has there", bars_and_p2m},
	{"pages under a BAR are counted exactly", watches_count_pages},
	{"XSA-461: BARs of two functions in one page are a conflict", xsa_461},
	{"the map is a text", text_form},
	{"the map is JSON", json_form},
	{"the map is SVG", svg_form},
	{"the scale is in order", scale},
	{"an empty guest has a map too", empty_guest},
	{"sizes are short", sizes},
	{"addresses are short or exact", addresses},
};

UNIT_MAIN("xenpci-map", cases)
