/* SPDX-License-Identifier: MIT */
/* What the tests of P2M and M2P share: both as plain numbers. */
#ifndef XENDMA_TESTS_P2M_TEST_H
#define XENDMA_TESTS_P2M_TEST_H

#include <model/model.h>
#include <xen/p2m.h>

#include "unit.h"

#define NR 4096 /* pages of the model's default domain */
#define GIB_FRAMES (1ULL << 18)

static inline void stop(void)
{
	xen_p2m_fini();
	ck_assert_uint_eq(model_allocs().objects, 0);
	ck_assert_uint_eq(model_allocs().pages, 0);
	ck_assert(model_stop());
}

static inline uint64_t to_mfn(uint64_t pfn)
{
	return mfn_x(xen_pfn_to_mfn(mk_pfn(pfn)));
}

static inline uint64_t to_pfn(uint64_t mfn)
{
	return pfn_x(xen_mfn_to_pfn(mk_mfn(mfn)));
}

#endif
