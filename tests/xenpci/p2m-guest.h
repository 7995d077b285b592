/* SPDX-License-Identifier: MIT */
/*
 * A PV guest whose P2M a test builds: its frames, Xen's books of them, and what xenpci map reads of
 * it. One guest at a time; make_guest() begins another.
 */
#ifndef XENDMA_TESTS_XENPCI_P2M_GUEST_H
#define XENDMA_TESTS_XENPCI_P2M_GUEST_H

#include <stdint.h>
#include <xen/xen.h>

#include "xenpci/map/map.h"

#define FRAMES 4096
#define DOMAIN 7
#define OTHER 8
#define LIST_ADDRESS 0xffffc90000000000ULL

/* Frames of the guest's tables; its RAM is taken from RAM_FRAME on. */
enum { SHARED = 1, L4, L3, L2, L1, LEAF, TREE_TOP = 40, TREE_MID, RAM_FRAME = 64 };

struct p2m_machine {
	uint64_t page[FRAMES][GUEST_ENTRIES];
	uint16_t owner[FRAMES];
	uint64_t m2p[FRAMES];
	struct guest_info info;
	int owns_error;
	bool interrupted;
	unsigned int reads;
	void (*after_read)(uint64_t mfn); /* the guest goes on living */
};
extern struct p2m_machine machine;

/* What a test reads into. */
extern struct p2m_view view;
extern struct report report;
extern struct map the_map;

struct arch_shared_info *arch(void);
uint64_t pte(uint64_t mfn);

/* The P2M's entry of a PFN, and RAM for it: a frame that Xen's books know as the guest's. */
uint64_t *entry(uint64_t pfn);
void give(uint64_t pfn, uint64_t mfn);

/* A P2M of so many entries in a linear list, all invalid; use_tree(): in frame lists instead. */
void make_guest(uint64_t entries);
void use_tree(void);

/* RAM 0..99 in two runs, foreign 100..103, identity 600..1023, more RAM 1500; and that it is so. */
void make_mixed(void);
void expect_mixed(const struct space *space);

/* Into view; what is wrong stands in report. */
enum exit_status open_view(void);
/* All of it into a map that may have BARs already. */
struct map *read_map(struct map *map);
/* Into the_map, anew. */
const struct space *read_space(void);

bool found(const char *id);
void expect_range(const struct space_list *list, size_t number, uint64_t first, uint64_t end,
		  uint64_t pages);

#endif
