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

/* An AVL tree of 2^32 nodes is at most 46 high. */
#define MAX_HEIGHT 48

#define MAX_END (1ULL << 63)

/* A pair of nodes, one for each tree, is one object of the port. */
struct xen_ranges_node {
	struct xen_ranges_node *left, *right; /* right is also the free list's link */
	uint64_t start, end;
	const void *tag;
	uint32_t count;
	uint32_t height; /* of the subtree; only changes look at it */
};

typedef struct xen_ranges_node node_t;

/* The links from the root down to some node, as far as a change has walked. */
struct path {
	node_t **link[MAX_HEIGHT];
	unsigned int depth;
};

static void path_push(struct path *path, node_t **link)
{
	XEN_ASSERT(path->depth < MAX_HEIGHT);
	path->link[path->depth++] = link;
}

static uint32_t height(const node_t *node)
{
	return node ? node->height : 0;
}

static void set_height(node_t *node)
{
	uint32_t left = height(node->left), right = height(node->right);

	node->height = 1 + (left > right ? left : right);
}

/* *link's right child takes its place. */
static void rotate_left(node_t **link)
{
	node_t *node = *link, *child = node->right;

	xen_store_release(&node->right, child->left);
	xen_store_release(&child->left, node);
	xen_store_release(link, child);
	set_height(node);
	set_height(child);
}

static void rotate_right(node_t **link)
{
	node_t *node = *link, *child = node->left;

	xen_store_release(&node->left, child->right);
	xen_store_release(&child->right, node);
	xen_store_release(link, child);
	set_height(node);
	set_height(child);
}

/* Restore heights and balance of the nodes on @path, bottom up. */
static void rebalance(struct path *path)
{
	while (path->depth > 0) {
		node_t **link = path->link[--path->depth];
		node_t *node = *link;
		uint32_t left = height(node->left), right = height(node->right);

		if (left > right + 1) {
			if (height(node->left->left) < height(node->left->right))
				rotate_left(&node->left);
			rotate_right(link);
		} else if (right > left + 1) {
			if (height(node->right->right) < height(node->right->left))
				rotate_right(&node->right);
			rotate_left(link);
		} else {
			set_height(node);
		}
	}
}

static void tree_insert(struct xen_ranges_tree *tree, const struct xen_range *piece)
{
	struct path path = {.depth = 0};
	node_t **link = &tree->root;
	node_t *node = tree->free;

	XEN_ASSERT(node);
	tree->free = node->right;
	tree->nr++;
	xen_store_release(&node->left, NULL);
	xen_store_release(&node->right, NULL);
	xen_store_release(&node->start, piece->start);
	xen_store_release(&node->end, piece->end);
	xen_store_release(&node->tag, piece->tag);
	xen_store_release(&node->count, piece->count);
	node->height = 1;

	while (*link) {
		path_push(&path, link);
		link = piece->start < (*link)->start ? &(*link)->left : &(*link)->right;
	}
	xen_store_release(link, node);
	rebalance(&path);
}

/* Unlink the node that starts at @start and recycle it. */
static void tree_remove(struct xen_ranges_tree *tree, uint64_t start)
{
	struct path path = {.depth = 0};
	node_t **link = &tree->root;
	node_t *node;

	while ((*link)->start != start) {
		path_push(&path, link);
		link = start < (*link)->start ? &(*link)->left : &(*link)->right;
	}
	node = *link;

	if (node->left && node->right) {
		unsigned int at = path.depth;
		node_t **down = &node->right;
		node_t *next;

		/* The next node in order takes its place. */
		path_push(&path, link);
		while ((*down)->left) {
			path_push(&path, down);
			down = &(*down)->left;
		}
		next = *down;
		xen_store_release(down, next->right);
		xen_store_release(&next->left, node->left);
		xen_store_release(&next->right, node->right);
		xen_store_release(link, next);
		if (path.depth > at + 1)
			path.link[at + 1] = &next->right;
	} else {
		xen_store_release(link, node->left ? node->left : node->right);
	}
	rebalance(&path);
	xen_store_release(&node->right, tree->free);
	tree->free = node;
	tree->nr--;
}

/* The lowest piece that ends above @point, in a tree that nobody changes meanwhile. */
static node_t *tree_first(const struct xen_ranges_tree *tree, uint64_t point)
{
	node_t *node = tree->root, *best = NULL;

	while (node) {
		if (node->end > point) {
			best = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return best;
}

/* Make @point a border between pieces if it is inside one. */
static void tree_split(struct xen_ranges_tree *tree, uint64_t point)
{
	node_t *node = tree_first(tree, point);
	struct xen_range upper;

	if (!node || node->start >= point)
		return;
	upper = (struct xen_range){point, node->end, node->tag, node->count};
	xen_store_release(&node->end, point);
	tree_insert(tree, &upper);
}

static bool joinable(const node_t *left, uint64_t start, const void *tag, uint32_t count)
{
	return left->end == start && left->tag == tag && left->count == count;
}

/* Join the pieces that touch at @point if they are alike. */
static void tree_join(struct xen_ranges_tree *tree, uint64_t point)
{
	node_t *left = point ? tree_first(tree, point - 1) : NULL;
	node_t *right = tree_first(tree, point);
	uint64_t end;

	if (!left || !right || left == right || right->start != point ||
	    !joinable(left, point, right->tag, right->count))
		return;
	end = right->end;
	tree_remove(tree, point);
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
		node_t *node = tree_first(tree, at);
		uint64_t start = node && node->start < change->end ? node->start : change->end;

		if (start > at) {
			struct xen_range gap = {at, start, change->tag, 1};

			XEN_ASSERT(change->up);
			tree_insert(tree, &gap);
			at = start;
			continue;
		}
		at = node->end;
		if (change->up)
			xen_store_release(&node->count, node->count + 1);
		else if (node->count > 1)
			xen_store_release(&node->count, node->count - 1);
		else
			tree_remove(tree, node->start);
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
		const node_t *node = tree_first(&set->tree[0], at);
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
	node = tree_first(&set->tree[0], start);
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

/* tree_first() in a tree that may be changing: false when it lost its way or there is none. */
static bool walk(const struct xen_ranges_tree *tree, uint64_t point, struct xen_range *best)
{
	const node_t *node = xen_load_acquire(&tree->root);
	unsigned int steps;
	bool found = false;

	for (steps = 0; node && steps < MAX_HEIGHT; steps++) {
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
		tree_remove(tree, tree->root->start);
	while (tree->free) {
		node_t *pair = tree->free;

		tree->free = pair->right;
		xen_port_free(pair, 2 * sizeof(*pair));
	}
	tree->root = NULL;
	set->tree[1] = (struct xen_ranges_tree){NULL, NULL, 0};
	set->seq = set->nr_nodes = 0;
}
