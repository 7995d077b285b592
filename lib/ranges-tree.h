/* SPDX-License-Identifier: MIT */
/* The balanced tree under a set of ranges: between ranges.c and ranges-tree.c. */
#ifndef XENDMA_LIB_RANGES_TREE_H
#define XENDMA_LIB_RANGES_TREE_H

#include <xen/ranges.h>

/* An AVL tree of 2^32 nodes is at most 46 high. */
#define XEN_RANGES_MAX_HEIGHT 48

struct xen_ranges_node {
	struct xen_ranges_node *left, *right; /* right is also the free list's link */
	uint64_t start, end;
	const void *tag;
	uint32_t count;
	uint32_t height; /* of the subtree; only changes look at it */
};

/* Put @piece, which overlaps nothing, into a node of the free list, which must have one. */
void xen_ranges_tree_insert(struct xen_ranges_tree *tree, const struct xen_range *piece);

/* Unlink the node that starts at @start, which must be there, and recycle it. */
void xen_ranges_tree_remove(struct xen_ranges_tree *tree, uint64_t start);

/* The lowest piece that ends above @point; only for who keeps changes out. */
struct xen_ranges_node *xen_ranges_tree_first(const struct xen_ranges_tree *tree, uint64_t point);

#endif
