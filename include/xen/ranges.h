/* SPDX-License-Identifier: MIT */
/*
 * A sorted set of integer ranges: which part of the frame space is identity, RAM, ballooned out,
 * claimed by a BAR, or a segment of a bounce pool.
 *
 * The set is a list of disjoint pieces [start, end), each with a tag (an opaque pointer) and a
 * cover count. Two ways to use it, one per set:
 *
 *   exclusive   xen_ranges_insert() / xen_ranges_erase(): an overlap is an error and names the
 *               piece in the way. Touching neighbours with the same tag become one piece.
 *   counted     xen_ranges_cover() / xen_ranges_uncover(): ranges may overlap; a point stays in
 *               the set until it has been uncovered as often as covered. Pieces are split and
 *               joined so that neighbours differ in their count. Tags are NULL.
 *
 * Cost: O(log n) for n pieces, plus O(log n) a piece for the pieces that a range touches.
 * One node a piece; an operation takes the nodes it may need before it changes anything, so it
 * either happens whole or returns -XEN_ENOMEM with the set as before. Nodes are recycled within
 * the set and never returned to the port before xen_ranges_fini(): that is what makes look-ups
 * safe without a lock.
 *
 * Context: look-ups are lock-free and may run anywhere, against any number of changes; they see
 * each change whole or not at all. They never wait for a change, even one whose CPU was stopped in
 * the middle of it: the set is kept twice, and readers use the copy that is not being changed.
 * Changes lock the set themselves.
 */
#ifndef XENDMA_XEN_RANGES_H
#define XENDMA_XEN_RANGES_H

#include <xen/port.h>
#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xen_range {
	uint64_t start; /* first number in the piece */
	uint64_t end;	/* first number behind it; start < end <= 2^63 */
	const void *tag;
	uint32_t count; /* covers; 1 in an exclusive set */
};

struct xen_ranges_node;

/* One of the two copies of a set: a balanced tree by address. */
struct xen_ranges_tree {
	struct xen_ranges_node *root;
	struct xen_ranges_node *free; /* recycled nodes */
	uint32_t nr;		      /* pieces */
};

/* All-zero is an empty set. The fields are private. */
struct xen_ranges {
	struct xen_ranges_tree tree[2];
	uint32_t seq;	   /* bit 0: the copy that readers use now */
	uint32_t nr_nodes; /* nodes held for each copy, in use or recycled */
	struct xen_lock lock;
};

/*
 * Add [start, end) with @tag. -XEN_EEXIST: a piece overlaps; *@conflict (may be NULL) is the first
 * such piece. -XEN_EINVAL: empty range or end above 2^63. -XEN_ENOMEM: no node.
 */
int xen_ranges_insert(struct xen_ranges *set, uint64_t start, uint64_t end, const void *tag,
		      struct xen_range *conflict);

/*
 * Remove [start, end), which may be a part of a piece or span several. -XEN_ENOENT: a number in it
 * is not in the set (nothing was changed). -XEN_EINVAL, -XEN_ENOMEM (a piece would be split) as
 * above.
 */
int xen_ranges_erase(struct xen_ranges *set, uint64_t start, uint64_t end);

/* Raise the count of every number in [start, end) by one. -XEN_EINVAL, -XEN_ENOMEM; -XEN_ERANGE: a
 * count would pass 2^32 - 1. */
int xen_ranges_cover(struct xen_ranges *set, uint64_t start, uint64_t end);
/* Lower it by one. -XEN_ENOENT: a number in it has count 0 (nothing was changed). */
int xen_ranges_uncover(struct xen_ranges *set, uint64_t start, uint64_t end);

/* The piece that holds @point. */
bool xen_ranges_find(const struct xen_ranges *set, uint64_t point, struct xen_range *out);
/* The lowest piece that overlaps [start, end): how to walk a set: start = out->end, again. */
bool xen_ranges_first(const struct xen_ranges *set, uint64_t start, uint64_t end,
		      struct xen_range *out);

/* Give all nodes back to the port. Nobody may use the set any more; it is then empty and usable. */
void xen_ranges_fini(struct xen_ranges *set);

#ifdef __cplusplus
}
#endif

#endif
