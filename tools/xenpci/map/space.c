/* SPDX-License-Identifier: MIT */
/*
 * One pass over the P2M in the order of PFNs, a leaf page at a time: classify its entries, then add
 * each stretch of one kind to the list of the kind, to the runs and to the watches that it touches.
 * Nothing is kept of an entry but that, so memory does not grow with the guest.
 */
#include "space.h"

#include <errno.h>
#include <string.h>
#include "seam/context.h"

/* ---- lists of ranges ---- */

/* Take neighbours together until there is room; at least halves what is closest. */
static void coarsen(struct space_list *list)
{
	while (list->count == SPACE_RANGES) {
		size_t from, to = 0;

		list->grain *= 2;
		for (from = 1; from < list->count; from++) {
			struct space_range *last = &list->range[to];

			if (list->range[from].first - last->end < list->grain) {
				last->end = list->range[from].end;
				last->pages += list->range[from].pages;
			} else {
				list->range[++to] = list->range[from];
			}
		}
		list->count = to + 1;
	}
}

static void list_add(struct space_list *list, uint64_t first, uint64_t pages)
{
	struct space_range *last;

	list->pages += pages;
	if (list->count) {
		last = &list->range[list->count - 1];
		if (first - last->end < list->grain) {
			last->end = first + pages;
			last->pages += pages;
			return;
		}
	}
	if (list->count == SPACE_RANGES)
		coarsen(list);
	list->range[list->count++] =
		(struct space_range){.first = first, .end = first + pages, .pages = pages};
}

/* ---- runs ---- */

/* In place of the shortest, when there are too many. */
static void run_keep(struct space *space, const struct space_run *run)
{
	size_t i, shortest = 0;

	if (space->runs < SPACE_RUNS) {
		space->run[space->runs++] = *run;
		return;
	}
	for (i = 1; i < space->runs; i++)
		if (space->run[i].pages < space->run[shortest].pages)
			shortest = i;
	if (run->pages <= space->run[shortest].pages)
		return;
	memmove(&space->run[shortest], &space->run[shortest + 1],
		(space->runs - shortest - 1) * sizeof(space->run[0]));
	space->run[space->runs - 1] = *run;
}

static void run_end(struct space *space, struct space_run *run)
{
	if (!run->pages)
		return;
	space->runs_of_order[63 - __builtin_clzll(run->pages)]++;
	space->runs_total++;
	if (run->pages >= SPACE_LARGE)
		list_add(&space->large, run->pfn, run->pages);
	run_keep(space, run);
	run->pages = 0;
}

static void run_add(struct space *space, struct space_run *run, uint64_t pfn, uint64_t mfn)
{
	if (run->pages && pfn == run->pfn + run->pages && mfn == run->mfn + run->pages) {
		run->pages++;
		return;
	}
	run_end(space, run);
	*run = (struct space_run){.pfn = pfn, .mfn = mfn, .pages = 1};
}

/* ---- entries ---- */

struct leaf {
	uint64_t first; /* PFN */
	enum space_kind kind[GUEST_ENTRIES];
	enum { RIGHT, BEYOND, OTHERS, ASTRAY } why[GUEST_ENTRIES];
	bool wrong; /* some entry is */
};

/* What the entry says by itself; SPACE_RAM is still to be proven. */
static enum space_kind claimed(uint64_t entry)
{
	if (entry == P2M_INVALID)
		return SPACE_NOTHING;
	if (entry & P2M_FOREIGN)
		return SPACE_FOREIGN;
	if (entry & P2M_IDENTITY)
		return SPACE_IDENTITY;
	return SPACE_RAM;
}

/* Is what claims to be RAM the domain's, and does Xen's table point back? */
static int prove(struct leaf *leaf, struct p2m_view *view, const uint64_t *entry)
{
	uint64_t mfn[GUEST_ENTRIES];
	bool owns[GUEST_ENTRIES];
	unsigned int at[GUEST_ENTRIES], nr = 0, i;
	int err;

	for (i = 0; i < GUEST_ENTRIES; i++) {
		leaf->why[i] = RIGHT;
		if (leaf->kind[i] != SPACE_RAM)
			continue;
		if (entry[i] > view->info.max_mfn) {
			leaf->why[i] = BEYOND;
			continue;
		}
		mfn[nr] = entry[i];
		at[nr++] = i;
	}
	err = nr ? guest_owns(view->guest, mfn, nr, owns) : 0;
	for (i = 0; i < nr && !err; i++) {
		uint64_t pfn = 0;

		if (!owns[i])
			leaf->why[at[i]] = OTHERS;
		else if (guest_m2p(view->guest, mfn[i], &pfn) || pfn != leaf->first + at[i])
			leaf->why[at[i]] = ASTRAY;
	}
	return err;
}

static int classify(struct leaf *leaf, struct p2m_view *view, const uint64_t *entry)
{
	unsigned int i;
	int err;

	leaf->wrong = false;
	for (i = 0; i < GUEST_ENTRIES; i++)
		leaf->kind[i] = claimed(entry[i]);
	err = prove(leaf, view, entry);
	for (i = 0; i < GUEST_ENTRIES; i++) {
		if (leaf->why[i] == RIGHT)
			continue;
		/* MMIO without the bit that says so. */
		if (leaf->why[i] != ASTRAY && entry[i] == leaf->first + i) {
			leaf->why[i] = RIGHT;
			leaf->kind[i] = SPACE_IDENTITY;
			continue;
		}
		leaf->kind[i] = SPACE_WRONG;
		leaf->wrong = true;
	}
	return err;
}

static void account_wrong(struct space *space, const struct leaf *leaf, const uint64_t *entry,
			  unsigned int i)
{
	if (!space->list[SPACE_WRONG].pages && !space->beyond && !space->others && !space->astray) {
		space->wrong_pfn = leaf->first + i;
		space->wrong_mfn = entry[i];
	}
	space->beyond += leaf->why[i] == BEYOND;
	space->others += leaf->why[i] == OTHERS;
	space->astray += leaf->why[i] == ASTRAY;
}

/* ---- the pass ---- */

struct pass {
	struct space *space;
	struct space_watch *watch;
	size_t count, next; /* watches, and the first that does not end before here */
	struct space_run run;
};

static void watch_add(struct pass *pass, uint64_t first, uint64_t pages, enum space_kind kind)
{
	uint64_t end = first + pages;
	size_t i;

	while (pass->next < pass->count && pass->watch[pass->next].last < first)
		pass->next++;
	for (i = pass->next; i < pass->count && pass->watch[i].first < end; i++) {
		struct space_watch *watch = &pass->watch[i];
		uint64_t from = watch->first > first ? watch->first : first;
		uint64_t to = watch->last < end - 1 ? watch->last : end - 1;

		if (from <= to)
			watch->pages[kind] += to - from + 1;
	}
}

static void account(struct pass *pass, const struct leaf *leaf, const uint64_t *entry)
{
	unsigned int i, from;

	for (i = 0; i < GUEST_ENTRIES; i++) {
		if (leaf->kind[i] == SPACE_RAM)
			run_add(pass->space, &pass->run, leaf->first + i, entry[i]);
		else if (leaf->kind[i] == SPACE_WRONG)
			account_wrong(pass->space, leaf, entry, i);
	}
	for (from = 0; from < GUEST_ENTRIES; from = i) {
		enum space_kind kind = leaf->kind[from];

		for (i = from + 1; i < GUEST_ENTRIES && leaf->kind[i] == kind; i++)
			;
		if (kind == SPACE_NOTHING)
			continue;
		list_add(&pass->space->list[kind], leaf->first + from, i - from);
		watch_add(pass, leaf->first + from, i - from, kind);
	}
}

int space_read(struct space *space, struct p2m_view *view, struct space_watch *watch, size_t count)
{
	struct pass pass = {.space = space, .watch = watch, .count = count};
	uint64_t nr = (view->entries + GUEST_ENTRIES - 1) / GUEST_ENTRIES, i;
	struct leaf leaf;
	size_t w, kind;

	memset(space, 0, sizeof(*space));
	space->entries = view->entries;
	space->large.grain = 1;
	for (kind = 0; kind < SPACE_KINDS; kind++)
		space->list[kind].grain = 1;
	for (w = 0; w < count; w++)
		memset(watch[w].pages, 0, sizeof(watch[w].pages));

	for (i = 0; i < nr; i++) {
		const uint64_t *entry = p2m_leaf(view, i, false);
		int err;

		if (context_interrupted())
			return -EINTR;
		leaf.first = i * GUEST_ENTRIES;
		err = view->error ? view->error : classify(&leaf, view, entry);
		if (!err && leaf.wrong) {
			entry = p2m_leaf(view, i, true);
			err = view->error ? view->error : classify(&leaf, view, entry);
		}
		if (err)
			return err;
		account(&pass, &leaf, entry);
	}
	run_end(space, &pass.run);
	for (w = 0; w < count; w++) {
		struct space_watch *at = &watch[w];

		at->pages[SPACE_NOTHING] = at->last - at->first + 1;
		for (kind = SPACE_NOTHING + 1; kind < SPACE_KINDS; kind++)
			at->pages[SPACE_NOTHING] -= at->pages[kind];
	}
	return 0;
}
