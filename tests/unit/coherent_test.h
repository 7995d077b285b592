/* SPDX-License-Identifier: MIT */
/* What the tests of coherent memory share: an allocation that must succeed. */
#ifndef XENDMA_TESTS_COHERENT_TEST_H
#define XENDMA_TESTS_COHERENT_TEST_H

#include "dma_test.h"

static inline void *alloc(unsigned int order, unsigned int bits, dma_addr_t *dma)
{
	int err = 0;
	void *va = xen_coherent_alloc(order, bits, dma, &err);

	ck_assert_msg(va, "order %u, %u bits: error %d", order, bits, err);
	return va;
}

#endif
