/* SPDX-License-Identifier: MIT */
/* What the tests of range sets share: the set, and a model without a domain. */
#ifndef XENDMA_TESTS_RANGES_TEST_H
#define XENDMA_TESTS_RANGES_TEST_H

#include <model/model.h>
#include <xen/ranges.h>

#include "unit.h"

static struct xen_ranges set;

static inline void start(void)
{
	static const struct model_params raw = {.no_setup = true};

	model_start(&raw);
}

static inline void stop(void)
{
	xen_ranges_fini(&set);
	ck_assert_uint_eq(model_allocs().objects, 0);
	ck_assert(model_stop());
}

#endif
