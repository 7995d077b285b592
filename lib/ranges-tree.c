/* SPDX-License-Identifier: MIT */
/*
 * The balanced tree under a set of ranges. Invariants: in order of address, the heights of the two
 * subtrees of a node differ by one at most. Locking: the set's; look-ups without it may be walking
 * the tree, so that every field that they read is stored with release order (ranges.c says why).
 */
#include <xen/atomic.h>

#include "ranges-tree.h"

typedef struct xen_ranges_node node_t;

/* The links from the root down to some node, as far as a change has walked. */
struct path {
	node_t **link[XEN_RANGES_MAX_HEIGHT];
	unsigned int depth;
};

static void path_push(struct path *path, node_t **link)
{
	XEN_ASSERT(path->depth < XEN_RANGES_MAX_HEIGHT);
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

void xen_ranges_tree_insert(struct xen_ranges_tree *tree, const struct xen_range *piece)
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

void xen_ranges_tree_remove(struct xen_ranges_tree *tree, uint64_t start)
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

node_t *xen_ranges_tree_first(const struct xen_ranges_tree *tree, uint64_t point)
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
