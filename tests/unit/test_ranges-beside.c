/* SPDX-License-Identifier: MIT */
/* Sets of ranges: look-ups beside changes, which take no lock. */
#include <pthread.h>

#include <xen/atomic.h>

#include "../../lib/ranges-tree.h"
#include "ranges_test.h"

/* A CPU that stopped in the middle of a change, the tree that it was changing in shreds. */
static void stopped_change(void)
{
	struct xen_ranges_node *root;
	struct xen_range piece;

	start();
	ck_assert_int_eq(xen_ranges_insert(&set, 10, 20, NULL, NULL), 0);
	root = set.tree[0].root;
	set.seq++;
	set.tree[0].root = NULL;
	ck_assert(xen_ranges_find(&set, 15, &piece));
	ck_assert_uint_eq(piece.end, 20);
	set.tree[0].root = root;
	set.seq++;
	root = set.tree[1].root;
	set.tree[1].root = NULL;
	ck_assert(xen_ranges_find(&set, 15, &piece));
	set.tree[1].root = root;
	stop();
}

/*
 * One thread changes, one looks. [1000, 2000) is covered all the time; around it and over it ranges
 * come and go, always on both sides of 1500 alike, so that a look-up may see few outcomes only.
 */
static bool looking;

static void *look(void *arg)
{
	uint64_t *seen = arg;

	while (xen_load_acquire(&looking)) {
		struct xen_range piece = {0};
		bool found = xen_ranges_find(&set, 1500, &piece);

		if (!found || piece.count < 1 || piece.count > 2 ||
		    (piece.count == 1 && (piece.start != 1000 || piece.end != 2000)) ||
		    (piece.count == 2 && piece.start - 1000 != 2000 - piece.end))
			seen[2]++;
		else
			seen[piece.count - 1]++;
	}
	return NULL;
}

static void looks_beside_changes(void)
{
	uint64_t rnd = unit_seed(), seen[3] = {0};
	pthread_t thread;
	int i, j;

	start();
	unit_expect(xen_ranges_cover(&set, 1000, 2000) == 0);
	for (i = 0; i < 100; i++)
		unit_expect(xen_ranges_cover(&set, 3000 + 4 * i, 3000 + 4 * i + 2) == 0);
	xen_store_release(&looking, true);
	unit_expect(pthread_create(&thread, NULL, look, seen) == 0);
	for (i = 0; i < 20000; i++) {
		uint64_t inset = 1 + unit_random(&rnd) % 400, at = unit_random(&rnd) % 990;

		unit_expect(xen_ranges_cover(&set, 1000 + inset, 2000 - inset) == 0);
		for (j = 0; j < 3; j++)
			unit_expect(xen_ranges_cover(&set, at + j, at + 8 - j) == 0);
		unit_expect(xen_ranges_uncover(&set, 1000 + inset, 2000 - inset) == 0);
		for (j = 0; j < 3; j++)
			unit_expect(xen_ranges_uncover(&set, at + j, at + 8 - j) == 0);
	}
	xen_store_release(&looking, false);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(seen[2], 0);
	ck_assert_uint_gt(seen[0] + seen[1], 0);
	stop();
}

static const struct unit_case cases[] = {
	{"a look-up does not wait for a change that stopped", stopped_change},
	{"a look-up beside changes sees each one whole", looks_beside_changes},
};

UNIT_MAIN("ranges-beside", cases)
