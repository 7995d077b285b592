/* SPDX-License-Identifier: MIT */
/*
 * Sets of ranges against plain arrays: numbers up to 2^63 are cut into cells at chosen places, and
 * each cell has a tag and a count. After every operation the whole set is walked and compared.
 */
#include <xen/ranges.h>

#include "fuzz.h"

#define NR_CELLS 40
#define MAX_OPS 400

enum op { INSERT, ERASE, COVER, UNCOVER, ODD, FAIL, FINI, NR_OPS };

static const char tags[3];

struct cell {
	const void *tag;
	uint32_t count; /* 0: not in the set */
};

struct world {
	struct xen_ranges set;
	struct cell cell[NR_CELLS];
	bool counted;
};

/* Where cell @i begins; cell NR_CELLS begins where the numbers end. Some are one number wide. */
static uint64_t edge(unsigned int i)
{
	if (i < 16)
		return i;
	return i == NR_CELLS ? 1ULL << 63 : (1ULL << (i + 10)) + (i & 1);
}

static bool joined(const struct world *w, unsigned int i)
{
	return w->cell[i].count && w->cell[i].tag == w->cell[i - 1].tag &&
	       w->cell[i].count == w->cell[i - 1].count;
}

/* The piece that holds cell @i by the array. */
static struct xen_range piece_at(const struct world *w, unsigned int i)
{
	struct xen_range piece = {.tag = w->cell[i].tag, .count = w->cell[i].count};
	unsigned int first = i, end = i + 1;

	while (first && joined(w, first))
		first--;
	while (end < NR_CELLS && joined(w, end))
		end++;
	piece.start = edge(first);
	piece.end = edge(end);
	return piece;
}

static bool same(const struct xen_range *a, const struct xen_range *b)
{
	return a->start == b->start && a->end == b->end && a->tag == b->tag && a->count == b->count;
}

static void check_walk(const struct world *w)
{
	struct xen_range got = {0}, want;
	uint32_t nr = 0;

	for (unsigned int i = 0; i < NR_CELLS; i++) {
		if (!w->cell[i].count || edge(i) < got.end)
			continue;
		want = piece_at(w, i);
		FUZZ_CHECK(xen_ranges_first(&w->set, got.end, 1ULL << 63, &got));
		FUZZ_CHECK(same(&got, &want));
		nr++;
	}
	FUZZ_CHECK(!xen_ranges_first(&w->set, got.end, 1ULL << 63, &got));
	FUZZ_CHECK(w->set.tree[0].nr == nr && w->set.tree[1].nr == nr);
}

static void check_look_ups(const struct world *w, unsigned int from, unsigned int to)
{
	struct xen_range got, want;
	unsigned int i = from;

	FUZZ_CHECK(xen_ranges_find(&w->set, edge(from), &got) == !!w->cell[from].count);
	if (w->cell[from].count) {
		want = piece_at(w, from);
		FUZZ_CHECK(same(&got, &want));
	}
	FUZZ_CHECK(xen_ranges_find(&w->set, edge(from + 1) - 1, NULL) == !!w->cell[from].count);
	FUZZ_CHECK(!xen_ranges_find(&w->set, 1ULL << 63, NULL));
	while (i < to && !w->cell[i].count)
		i++;
	FUZZ_CHECK(xen_ranges_first(&w->set, edge(from), edge(to), &got) == (i < to));
	if (i < to) {
		want = piece_at(w, i);
		FUZZ_CHECK(same(&got, &want));
	}
}

/* What an operation on cells [from, to) has to return when there is memory. */
static int expected(const struct world *w, enum op op, unsigned int from, unsigned int to)
{
	bool any = false, all = true;

	for (unsigned int i = from; i < to; i++) {
		any |= w->cell[i].count != 0;
		all &= w->cell[i].count != 0;
	}
	if (op == INSERT)
		return any ? -XEN_EEXIST : 0;
	return op == COVER || all ? 0 : -XEN_ENOENT;
}

static void change(struct world *w, enum op op, unsigned int from, unsigned int to, const void *tag)
{
	struct xen_range conflict = {0}, want;
	int should = expected(w, op, from, to), rc;
	uint64_t start = edge(from), end = edge(to), failed = model.fail[MODEL_ALLOC].nth;

	if (op == INSERT)
		rc = xen_ranges_insert(&w->set, start, end, tag, &conflict);
	else if (op == ERASE)
		rc = xen_ranges_erase(&w->set, start, end);
	else if (op == COVER)
		rc = xen_ranges_cover(&w->set, start, end);
	else
		rc = xen_ranges_uncover(&w->set, start, end);
	failed = failed && !model.fail[MODEL_ALLOC].nth;
	FUZZ_CHECK(rc == should || (rc == -XEN_ENOMEM && failed));
	if (rc == -XEN_EEXIST) {
		while (!w->cell[from].count)
			from++;
		want = piece_at(w, from);
		FUZZ_CHECK(same(&conflict, &want));
	}
	for (unsigned int i = from; i < to && !rc; i++) {
		w->cell[i].tag = op == INSERT ? tag : NULL;
		w->cell[i].count += op == INSERT || op == COVER ? 1 : -1u;
	}
}

/* Arguments that are refused whatever the set holds. */
static void odd(struct world *w, unsigned int which)
{
	static const uint64_t pairs[][2] = {
		{5, 5}, {6, 5}, {0, (1ULL << 63) + 1}, {1ULL << 63, ~0ULL}, {~0ULL, 0}, {~0ULL, 3},
	};
	uint64_t start = pairs[which % 6][0], end = pairs[which % 6][1];

	FUZZ_CHECK(xen_ranges_insert(&w->set, start, end, NULL, NULL) == -XEN_EINVAL);
	FUZZ_CHECK(xen_ranges_erase(&w->set, start, end) == -XEN_EINVAL);
	FUZZ_CHECK(xen_ranges_cover(&w->set, start, end) == -XEN_EINVAL);
	FUZZ_CHECK(xen_ranges_uncover(&w->set, start, end) == -XEN_EINVAL);
}

static void step(struct world *w, struct fuzz_input *in)
{
	static const enum model_call kinds[] = {MODEL_ALLOC};
	unsigned int code = fuzz_byte(in), from = fuzz_below(in, NR_CELLS);
	unsigned int to = from + 1 + fuzz_below(in, NR_CELLS - from);
	enum op op = code % NR_OPS;

	switch (op) {
	case ODD:
		odd(w, from);
		break;
	case FAIL:
		fuzz_fail(in, kinds, 1);
		break;
	case FINI:
		xen_ranges_fini(&w->set);
		memset(w->cell, 0, sizeof(w->cell));
		w->counted = code & 0x80;
		break;
	default: /* one way to use a set at a time */
		op = w->counted ? (op & 1 ? UNCOVER : COVER) : op & 1 ? ERASE : INSERT;
		change(w, op, from, to, w->counted ? NULL : &tags[code / NR_OPS % 3]);
	}
	check_walk(w);
	check_look_ups(w, from, to);
}

void fuzz_one(struct fuzz_input *in)
{
	struct world w = {.counted = fuzz_byte(in) & 1};
	struct model_allocs before;

	/* Of the machine only the objects are used, which are given back. */
	if (!model.running)
		model_start(&(struct model_params){.no_setup = true});
	fuzz_fail_nothing();
	before = model_allocs();
	for (unsigned int i = 0; i < MAX_OPS && fuzz_more(in); i++)
		step(&w, in);
	fuzz_fail_nothing();
	xen_ranges_fini(&w.set);
	FUZZ_CHECK(fuzz_same_allocs(&before));
}
