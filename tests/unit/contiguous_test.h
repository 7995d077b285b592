/* SPDX-License-Identifier: MIT */
/* What the tests of contiguous regions share: regions that bear signs, to tell what was exchanged.
 */
#ifndef XENDMA_TESTS_UNIT_CONTIGUOUS_TEST_H
#define XENDMA_TESTS_UNIT_CONTIGUOUS_TEST_H

#include <string.h>

#include <model/model.h>
#include <xen/balloon.h>
#include <xen/contiguous.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "unit.h"

#define MAX_REGIONS 8

static pfn_t region[MAX_REGIONS];

static inline uint64_t *page(pfn_t pfn)
{
	return xen_port_pfn_to_virt(pfn);
}

/* What a page says that was not exchanged since. */
static inline void sign(pfn_t pfn, unsigned int order)
{
	uint64_t i;

	for (i = 0; i < 1ULL << order; i++) {
		page(pfn_add(pfn, i))[0] = pfn_x(pfn) + i;
		page(pfn_add(pfn, i))[511] = ~(pfn_x(pfn) + i);
	}
}

static inline bool signed_still(pfn_t pfn, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		if (page(pfn_add(pfn, i))[0] != pfn_x(pfn) + i ||
		    page(pfn_add(pfn, i))[511] != ~(pfn_x(pfn) + i))
			return false;
	return true;
}

static inline void get_regions(unsigned int nr, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		void *va = xen_port_alloc_pages(order);

		unit_expect(va);
		region[i] = xen_port_virt_to_pfn(va);
		sign(region[i], order);
	}
}

static inline void put_regions(unsigned int nr, unsigned int order)
{
	while (nr-- > 0)
		xen_port_free_pages(page(region[nr]), order);
}

static inline bool is_contiguous(pfn_t pfn, unsigned int order, unsigned int bits)
{
	uint64_t mfn = mfn_x(xen_pfn_to_mfn(pfn)), end = mfn + (1ULL << order);

	return xen_pfn_range_contiguous(pfn, 1ULL << order) && !(mfn & ((1ULL << order) - 1)) &&
	       (!bits || end <= 1ULL << (bits - 12));
}

static inline void stop(void)
{
	xen_balloon_fini();
	ck_assert_uint_eq(model_allocs().pages, 0);
	xen_p2m_fini();
	ck_assert_uint_eq(model_allocs().objects, 0);
	ck_assert(model_stop());
}

#endif
