/* SPDX-License-Identifier: MIT */
/*
 * A PV guest whose memory the input writes, before xenpci reads its P2M and while it does: the
 * seam under `xenpci map`. It ends the run when xenpci maps what is not the guest's.
 */
#ifndef XENDMA_TESTS_FUZZ_GUEST_HOSTILE_H
#define XENDMA_TESTS_FUZZ_GUEST_HOSTILE_H

#include <stdint.h>
#include <xen/xen.h>

#include "fuzz.h"
#include "xenpci/seam/guest.h"

/* Of the machine; only the first have contents, the others are zeroes. */
#define FRAMES 4096
#define PAGES 32
#define ENTRIES_MAX 8192

enum { SHARED = 1, L4, L3, L2, L1, TREE_TOP, TREE_MID, LEAF };

extern struct hostile_guest {
	struct fuzz_input *in;
	uint64_t page[PAGES][GUEST_ENTRIES];
	bool owned[FRAMES];
	uint64_t m2p[FRAMES];
	struct guest_info info;
	int owns_error;
	unsigned int reads;
	bool still; /* while it is read */
	bool moved; /* has changed meanwhile */
} hostile;

/* A P2M that makes sense, and then what the input does to it. */
void hostile_make(struct fuzz_input *in);
struct arch_shared_info *hostile_arch(void);

/* What a page holds; NULL if it is not the guest's or no frame at all. */
const uint64_t *hostile_page(uint64_t mfn);

#endif
