/* SPDX-License-Identifier: MIT */
/* What the tests of the balloon share: a domain with room to grow, and what always holds. */
#ifndef XENDMA_TESTS_BALLOON_TEST_H
#define XENDMA_TESTS_BALLOON_TEST_H

#include <stdlib.h>

#include <model/model.h>
#include <xen/balloon.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "unit.h"

#define NR 4096
#define MAX (NR + 512)

static uint64_t *entries;

/* A domain of 16 MiB that may have 18, with a P2M for that. */
static inline void start(void)
{
	model_start(&(struct model_params){.max_pages = MAX});
	ck_assert(!posix_memalign((void **)&entries, 4096, MAX * sizeof(*entries)));
	ck_assert_int_eq(xen_p2m_extend(entries, MAX), 0);
}

static inline void stop(void)
{
	bool ok = model_stop();

	ck_assert(ok);
	xen_balloon_fini();
	xen_p2m_fini();
	free(entries);
	ck_assert_uint_eq(model_allocs().objects, 0);
	ck_assert_uint_eq(model_allocs().pages, 0);
}

/* Invariants at any moment: every page of the balloon is without frame, no two PFNs share one. */
static inline void check(uint64_t pages)
{
	struct xen_range piece = {0};
	uint64_t held = 0, pfn;

	unit_expect(model_check());
	unit_expect(xen_balloon_pages() == pages);
	while (xen_balloon_query(mk_pfn(piece.end), ~0ULL, &piece)) {
		held += piece.end - piece.start;
		for (pfn = piece.start; pfn < piece.end; pfn++) {
			unit_expect(xen_p2m_entry(mk_pfn(pfn)) == XEN_INVALID_FRAME);
			unit_expect(!model_pte(xen_port_pfn_to_virt(mk_pfn(pfn))));
		}
	}
	unit_expect(held == pages);
}

#endif
