/* SPDX-License-Identifier: MIT */
/*
 * Sets of ranges against a table of counts and tags, number by number; failed allocations; the
 * balance of the tree.
 */
#include <string.h>

#include "../../lib/ranges-tree.h"
#include "ranges_test.h"

#define SPACE 160

/* What the set should hold, number by number; count 0: nothing. */
struct oracle {
	uint32_t count[SPACE + 1];
	const void *tag[SPACE + 1];
};

/* Height of the subtree, checked for order and balance on the way. */
static uint32_t check_subtree(const struct xen_ranges_node *node, uint64_t from, uint64_t to)
{
	uint32_t left, right;

	if (!node)
		return 0;
	unit_expect(node->start >= from && node->start < node->end && node->end <= to);
	left = check_subtree(node->left, from, node->start);
	right = check_subtree(node->right, node->end, to);
	unit_expect(left <= right + 1 && right <= left + 1);
	unit_expect(node->height == 1 + (left > right ? left : right));
	return node->height;
}

static void check_set(const struct oracle *oracle)
{
	struct xen_range piece;
	uint64_t at = 0, i;
	uint32_t nr = 0;

	while (xen_ranges_first(&set, at, SPACE, &piece)) {
		unit_expect(piece.start >= at && piece.start < piece.end && piece.end <= SPACE);
		for (i = at; i < piece.start; i++)
			unit_expect(oracle->count[i] == 0);
		for (i = piece.start; i < piece.end; i++) {
			unit_expect(oracle->count[i] == piece.count);
			unit_expect(oracle->tag[i] == piece.tag);
		}
		if (piece.start)
			unit_expect(oracle->count[piece.start - 1] != piece.count ||
				    oracle->tag[piece.start - 1] != piece.tag);
		at = piece.end;
		nr++;
	}
	for (i = at; i < SPACE; i++)
		unit_expect(oracle->count[i] == 0);
	for (i = 0; i < 2; i++) {
		unit_expect(set.tree[i].nr == nr);
		check_subtree(set.tree[i].root, 0, SPACE);
	}
}

static bool any(const struct oracle *oracle, uint64_t start, uint64_t end)
{
	while (start < end)
		if (oracle->count[start++])
			return true;
	return false;
}

static bool all(const struct oracle *oracle, uint64_t start, uint64_t end)
{
	while (start < end)
		if (!oracle->count[start++])
			return false;
	return true;
}

static void oracle_change(struct oracle *oracle, uint64_t start, uint64_t end, bool up,
			  const void *tag)
{
	for (; start < end; start++) {
		oracle->count[start] += up ? 1 : -1;
		if (up)
			oracle->tag[start] = tag;
		else if (!oracle->count[start])
			oracle->tag[start] = NULL;
	}
}

/* One random change, made and judged. */
static void random_change(struct oracle *oracle, uint64_t *rnd, bool exclusive, uint64_t size)
{
	static const char tags[2];
	uint64_t from = unit_random(rnd) % SPACE;
	uint64_t to = from + 1 + unit_random(rnd) % size;
	bool up = unit_random(rnd) % 2;
	const void *tag = exclusive ? &tags[unit_random(rnd) % 2] : NULL;
	struct xen_range conflict;
	int expect = 0, err;

	if (to > SPACE)
		to = SPACE;
	if (up && exclusive && any(oracle, from, to))
		expect = -XEN_EEXIST;
	if (!up && !all(oracle, from, to))
		expect = -XEN_ENOENT;
	if (exclusive)
		err = up ? xen_ranges_insert(&set, from, to, tag, &conflict)
			 : xen_ranges_erase(&set, from, to);
	else
		err = up ? xen_ranges_cover(&set, from, to) : xen_ranges_uncover(&set, from, to);

	if (err == -XEN_EEXIST)
		unit_expect(conflict.start < to && conflict.end > from &&
			    !any(oracle, from, conflict.start));
	if (err != -XEN_ENOMEM)
		unit_expect(err == expect);
	if (!err)
		oracle_change(oracle, from, to, up, tag);
}

static void random_changes(bool exclusive)
{
	uint64_t rnd = unit_seed();
	int round, i;

	for (round = 0; round < 60; round++) {
		struct oracle oracle = {{0}, {NULL}};

		start();
		for (i = 0; i < 250; i++) {
			/* In every third round some allocations fail. */
			if (round % 3 == 0)
				model_fail(MODEL_ALLOC, 1 + unit_random(&rnd) % 3, 0);
			random_change(&oracle, &rnd, exclusive, round % 2 ? 12 : SPACE);
			check_set(&oracle);
		}
		stop();
	}
}

static void random_inserts(void)
{
	random_changes(true);
}

static void random_covers(void)
{
	random_changes(false);
}

static void empty_set(void)
{
	struct xen_range piece;

	ck_assert(!xen_ranges_find(&set, 0, &piece));
	ck_assert(!xen_ranges_find(&set, UINT64_MAX, NULL));
	ck_assert(!xen_ranges_first(&set, 0, UINT64_MAX, &piece));
	xen_ranges_fini(&set);
}

static void bad_ranges(void)
{
	static const struct {
		uint64_t start, end;
		int err;
	} table[] = {
		{0, 0, -XEN_EINVAL},	      {5, 5, -XEN_EINVAL},
		{6, 5, -XEN_EINVAL},	      {0, (1ULL << 63) + 1, -XEN_EINVAL},
		{UINT64_MAX, 1, -XEN_EINVAL}, {0, 1ULL << 63, 0},
	};
	unsigned int i;

	start();
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t from = table[i].start, to = table[i].end;

		ck_assert_int_eq(xen_ranges_insert(&set, from, to, NULL, NULL), table[i].err);
		ck_assert_int_eq(xen_ranges_erase(&set, from, to), table[i].err);
		ck_assert_int_eq(xen_ranges_cover(&set, from, to), table[i].err);
		ck_assert_int_eq(xen_ranges_uncover(&set, from, to), table[i].err);
	}
	ck_assert(!xen_ranges_first(&set, 0, UINT64_MAX, NULL));
	stop();
}

static void conflict_named(void)
{
	struct xen_range conflict;

	start();
	ck_assert_int_eq(xen_ranges_insert(&set, 20, 30, "b", NULL), 0);
	ck_assert_int_eq(xen_ranges_insert(&set, 10, 15, "a", NULL), 0);
	ck_assert_int_eq(xen_ranges_insert(&set, 14, 40, "c", &conflict), -XEN_EEXIST);
	ck_assert_uint_eq(conflict.start, 10);
	ck_assert_uint_eq(conflict.end, 15);
	ck_assert_str_eq(conflict.tag, "a");
	ck_assert_int_eq(xen_ranges_insert(&set, 15, 20, "c", &conflict), 0);
	stop();
}

static void nested_covers(void)
{
	struct xen_range piece;

	start();
	ck_assert_int_eq(xen_ranges_cover(&set, 0, 100), 0);  /* an aperture */
	ck_assert_int_eq(xen_ranges_cover(&set, 10, 50), 0);  /* a window in it */
	ck_assert_int_eq(xen_ranges_cover(&set, 40, 120), 0); /* another, beyond it */
	ck_assert(xen_ranges_find(&set, 45, &piece));
	ck_assert_uint_eq(piece.count, 3);
	ck_assert_int_eq(xen_ranges_uncover(&set, 0, 100), 0);
	ck_assert(!xen_ranges_find(&set, 9, NULL));
	ck_assert(xen_ranges_find(&set, 10, &piece));
	ck_assert_uint_eq(piece.end, 40);
	ck_assert_int_eq(xen_ranges_uncover(&set, 0, 100), -XEN_ENOENT);
	ck_assert_int_eq(xen_ranges_uncover(&set, 40, 120), 0);
	ck_assert_int_eq(xen_ranges_uncover(&set, 10, 50), 0);
	ck_assert(!xen_ranges_first(&set, 0, UINT64_MAX, NULL));
	stop();
}

static void undo_needs_no_memory(void)
{
	uint64_t rnd = unit_seed(), at[200];
	int i;

	start();
	for (i = 0; i < 200; i++) {
		do
			at[i] = unit_random(&rnd) % 1000;
		while (xen_ranges_insert(&set, at[i], at[i] + 1, NULL, NULL));
	}
	/* In the reverse order every piece that an insertion joined is split again. */
	for (i = 199; i >= 0; i--) {
		model_fail(MODEL_ALLOC, 1, 0);
		ck_assert_int_eq(xen_ranges_erase(&set, at[i], at[i] + 1), 0);
	}
	ck_assert(!xen_ranges_first(&set, 0, UINT64_MAX, NULL));
	stop();
}

static void stays_balanced(void)
{
	enum { NR = 1 << 16 };
	uint64_t i;

	start();
	for (i = 0; i < NR; i++)
		unit_expect(xen_ranges_insert(&set, 2 * i, 2 * i + 1, NULL, NULL) == 0);
	/* 1.44 * 16 + 1; a list would be 65,536 high. */
	ck_assert_uint_le(check_subtree(set.tree[0].root, 0, UINT64_MAX), 24);
	for (i = 0; i < NR; i += 2)
		unit_expect(xen_ranges_erase(&set, 2 * i, 2 * i + 1) == 0);
	ck_assert_uint_le(check_subtree(set.tree[0].root, 0, UINT64_MAX), 23);
	for (i = 0; i < NR; i++)
		unit_expect(xen_ranges_find(&set, 2 * i, NULL) == i % 2);
	stop();
}

/* Pieces that a cover cuts out of a larger one have their nodes before it is made: to take it back
 * needs none. */
static void cut_out_and_back(void)
{
	start();
	ck_assert_int_eq(xen_ranges_cover(&set, 0, 100), 0);
	ck_assert_int_eq(xen_ranges_cover(&set, 10, 20), 0);
	ck_assert_uint_eq(set.tree[0].nr, 3);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_ranges_uncover(&set, 10, 20), 0);
	ck_assert_uint_eq(set.tree[0].nr, 1);
	model_fail(MODEL_ALLOC, 0, 0);
	stop();
}

static void full_count(void)
{
	struct xen_range piece;

	start();
	ck_assert_int_eq(xen_ranges_cover(&set, 5, 7), 0);
	for (unsigned int i = 0; i < 2; i++)
		set.tree[i].root->count = UINT32_MAX - 1;
	ck_assert_int_eq(xen_ranges_cover(&set, 5, 7), 0);
	ck_assert_int_eq(xen_ranges_cover(&set, 0, 9), -XEN_ERANGE);
	ck_assert(xen_ranges_first(&set, 0, 9, &piece));
	ck_assert_uint_eq(piece.start, 5);
	ck_assert_uint_eq(piece.count, UINT32_MAX);
	ck_assert_int_eq(xen_ranges_uncover(&set, 5, 7), 0);
	stop();
}

static const struct unit_case cases[] = {
	{"an empty set holds nothing", empty_set},
	{"bad ranges are refused", bad_ranges},
	{"an overlap names the first piece in the way", conflict_named},
	{"a number stays until uncovered as often as covered", nested_covers},
	{"random insertions and erasures agree with a table", random_inserts},
	{"random covers and uncovers agree with a table", random_covers},
	{"taking back what was added last needs no memory", undo_needs_no_memory},
	{"the tree stays balanced", stays_balanced},
	{"pieces that were cut out are taken back without memory", cut_out_and_back},
	{"a count does not run over", full_count},
};

UNIT_MAIN("ranges", cases)
