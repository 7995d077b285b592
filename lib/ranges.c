/* SPDX-License-Identifier: MIT */
/*
 * Sorted sets of ranges, as two AVL trees with the same pieces. Invariants: the pieces of a tree
 * are disjoint and non-empty; touching pieces differ in tag or count; both trees are equal whenever
 * the lock is free. Locking: changes hold the set's lock. Look-ups take none: they walk the tree
 * that bit 0 of seq names and start over when seq has moved, for then that tree may have changed
 * under them. A change first sends readers to tree 1 and changes tree 0, then sends them to tree 0
 * and changes tree 1. Whatever a walk meets in a changing tree is a node of this set, because nodes
 * are never freed before fini; the number of its steps is bounded in case links form a loop.
 *
 * Ordering: every field that a look-up reads is stored with release and loaded with acquire order.
 * So who has seen a store of a change also sees the step of seq before it, and retries.
 */
#include <xen/atomic.h>
#include <xen/ranges.h>

#include "ranges-tree.h"

#define MAX_END (1ULL << 63)

typedef struct xen_ranges_node node_t;

/* Make @point a border between pieces if it is inside one. */
static void tree_split(struct xen_ranges_tree *tree, uint64_t point)
{
	node_t *node = xen_ranges_tree_first(tree, point);
	struct xen_range upper;

	if (!node || node->start >= point)
		return;
	upper = (struct xen_range){point, node->end, node->tag, node->count};
	xen_store_release(&node->end, point);
	xen_ranges_tree_insert(tree, &upper);
}

static bool joinable(const node_t *left, uint64_t start, const void *tag, uint32_t count)
{
	return left->end == start && left->tag == tag && left->count == count;
}

/* Join the pieces that touch at @point if they are alike. */
static void tree_join(struct xen_ranges_tree *tree, uint64_t point)
{
	node_t *left = point ? xen_ranges_tree_first(tree, point - 1) : NULL;
	node_t *right = xen_ranges_tree_first(tree, point);
	uint64_t end;

	if (!left || !right || left == right || right->start != point ||
	    !joinable(left, point, right->tag, right->count))
		return;
	end = right->end;
	xen_ranges_tree_remove(tree, point);
	xen_store_release(&left->end, end);
}

/* What a change is: @up raises the counts in [start, end), else they are lowered. */
struct change {
	uint64_t start, end;
	const void *tag;
	bool up;
};

static void tree_change(struct xen_ranges_tree *tree, const struct change *change)
{
	uint64_t at = change->start;

	tree_split(tree, change->start);
	tree_split(tree, change->end);
	while (at < change->end) {
		node_t *node = xen_ranges_tree_first(tree, at);
		uint64_t start = node && node->start < change->end ? node->start : change->end;

		if (start > at) {
			struct xen_range gap = {at, start, change->tag, 1};

			XEN_ASSERT(change->up);
			xen_ranges_tree_insert(tree, &gap);
			at = start;
			continue;
		}
		at = node->end;
		if (change->up)
			xen_store_release(&node->count, node->count + 1);
		else if (node->count > 1)
			xen_store_release(&node->count, node->count - 1);
		else
			xen_ranges_tree_remove(tree, node->start);
	}
	tree_join(tree, change->start);
	tree_join(tree, change->end);
}

/*
 * By how many pieces the set may grow, joins not deducted. -XEN_ENOENT: the change lowers a number
 * that is not there. -XEN_ERANGE: it raises a count beyond its limit.
 */
static int growth(const struct xen_ranges *set, const struct change *change, uint32_t *pieces)
{
	uint64_t at = change->start;
	int64_t nr = 0;

	while (at < change->end) {
		const node_t *node = xen_ranges_tree_first(&set->tree[0], at);
		uint64_t start = node && node->start < change->end ? node->start : change->end;

		if (start > at) {
			if (!change->up)
				return -XEN_ENOENT;
			nr++;
			at = start;
			continue;
		}
		if (change->up && node->count == UINT32_MAX)
			return -XEN_ERANGE;
		nr += (node->start < at) + (node->end > change->end);
		nr -= !change->up && node->count == 1;
		at = node->end;
	}
	*pieces = nr > 0 ? (uint32_t)nr : 0;
	return 0;
}

/*
 * Let the set grow by @pieces and have two nodes to spare, which a change may need for pieces that
 * it splits off and then removes or joins. As there are always two left from the change before, one
 * that does not make the set grow never allocates. What was got stays when it fails.
 */
static int reserve(struct xen_ranges *set, uint32_t pieces)
{
	while (set->nr_nodes < set->tree[0].nr + pieces + 2) {
		node_t *pair = xen_port_alloc(2 * sizeof(*pair));
		int i;

		if (!pair)
			return -XEN_ENOMEM;
		for (i = 0; i < 2; i++) {
			pair[i].right = set->tree[i].free;
			set->tree[i].free = &pair[i];
		}
		set->nr_nodes++;
	}
	return 0;
}

static int apply(struct xen_ranges *set, const struct change *change)
{
	uint32_t pieces;
	int err;

	err = growth(set, change, &pieces);
	if (!err)
		err = reserve(set, pieces);
	if (err)
		return err;

	xen_store_release(&set->seq, set->seq + 1);
	tree_change(&set->tree[0], change);
	xen_store_release(&set->seq, set->seq + 1);
	tree_change(&set->tree[1], change);
	return 0;
}

static int change_range(struct xen_ranges *set, uint64_t start, uint64_t end, bool up)
{
	const struct change change = {start, end, NULL, up};
	unsigned long flags;
	int err;

	if (start >= end || end > MAX_END)
		return -XEN_EINVAL;
	flags = xen_port_lock(&set->lock);
	err = apply(set, &change);
	xen_port_unlock(&set->lock, flags);
	return err;
}

static void copy_out(const node_t *node, struct xen_range *out)
{
	*out = (struct xen_range){node->start, node->end, node->tag, node->count};
}

int xen_ranges_insert(struct xen_ranges *set, uint64_t start, uint64_t end, const void *tag,
		      struct xen_range *conflict)
{
	const struct change change = {start, end, tag, true};
	const node_t *node;
	unsigned long flags;
	int err;

	if (start >= end || end > MAX_END)
		return -XEN_EINVAL;
	flags = xen_port_lock(&set->lock);
	node = xen_ranges_tree_first(&set->tree[0], start);
	if (node && node->start < end) {
		if (conflict)
			copy_out(node, conflict);
		err = -XEN_EEXIST;
	} else {
		err = apply(set, &change);
	}
	xen_port_unlock(&set->lock, flags);
	return err;
}

int xen_ranges_erase(struct xen_ranges *set, uint64_t start, uint64_t end)
{
	return change_range(set, start, end, false);
}

int xen_ranges_cover(struct xen_ranges *set, uint64_t start, uint64_t end)
{
	return change_range(set, start, end, true);
}

int xen_ranges_uncover(struct xen_ranges *set, uint64_t start, uint64_t end)
{
	return change_range(set, start, end, false);
}

/* xen_ranges_tree_first() in a tree that may be changing: false when it lost its way or there is
 * none. */
static bool walk(const struct xen_ranges_tree *tree, uint64_t point, struct xen_range *best)
{
	const node_t *node = xen_load_acquire(&tree->root);
	unsigned int steps;
	bool found = false;

	for (steps = 0; node && steps < XEN_RANGES_MAX_HEIGHT; steps++) {
		uint64_t end = xen_load_acquire(&node->end);

		if (end > point) {
			best->start = xen_load_acquire(&node->start);
			best->end = end;
			best->tag = xen_load_acquire(&node->tag);
			best->count = xen_load_acquire(&node->count);
			found = true;
			node = xen_load_acquire(&node->left);
		} else {
			node = xen_load_acquire(&node->right);
		}
	}
	return found;
}

bool xen_ranges_first(const struct xen_ranges *set, uint64_t start, uint64_t end,
		      struct xen_range *out)
{
	struct xen_range best = {0};
	uint32_t seq;
	bool found;

	/* A retry means that a change was made in the meantime. */
	do {
		seq = xen_load_acquire(&set->seq);
		found = walk(&set->tree[seq & 1], start, &best);
	} while (xen_load(&set->seq) != seq);

	if (!found || best.start >= end || start >= end)
		return false;
	if (out)
		*out = best;
	return true;
}

bool xen_ranges_find(const struct xen_ranges *set, uint64_t point, struct xen_range *out)
{
	return point < MAX_END && xen_ranges_first(set, point, point + 1, out);
}

void xen_ranges_fini(struct xen_ranges *set)
{
	/* Tree 0 has the first node of each pair. */
	struct xen_ranges_tree *tree = &set->tree[0];

	while (tree->root)
		xen_ranges_tree_remove(tree, tree->root->start);
	while (tree->free) {
		node_t *pair = tree->free;

		tree->free = pair->right;
		xen_port_free(pair, 2 * sizeof(*pair));
	}
	set->tree[1] = (struct xen_ranges_tree){NULL, NULL, 0};
	set->seq = set->nr_nodes = 0;
}
