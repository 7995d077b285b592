/* SPDX-License-Identifier: MIT */
/*
 * xenpci map: a guest's P2M is found and walked, as a linear list or as frame lists, whatever the
 * guest has written there.
 */
#include "unit.h"
#include "xenpci/p2m-guest.h"

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

static const struct unit_case cases[] = {
	{"a linear list is read", linear_list},
	{"so are frame lists", frame_lists},
	{"pages of the tables are read once", bounded_reads},
	{"a domain without a P2M of 64 bits is refused", refused_guests},
	{"a shared info page that makes no sense is refused", hostile_shared_info},
	{"page tables that lead nowhere are faults", hostile_tables},
	{"frame lists that lead nowhere are faults", hostile_frame_lists},
	{"page tables in a circle end", tables_in_a_circle},
	{"a list that moves is noticed", list_in_motion},
};

UNIT_MAIN("xenpci-p2m", cases)
