/* SPDX-License-Identifier: MIT */
/* Coherent memory: what the cache holds, how that is counted, and how it is given back. */
#include "coherent_test.h"

static void books(uint64_t live, uint64_t cached, uint64_t hits, uint64_t misses)
{
	struct xen_coherent_stats stats;

	xen_coherent_stats(&stats);
	ck_assert_uint_eq(stats.bytes_live, live * XEN_PAGE_SIZE);
	ck_assert_uint_eq(stats.bytes_cached, cached * XEN_PAGE_SIZE);
	ck_assert_uint_eq(stats.hits, hits);
	ck_assert_uint_eq(stats.misses, misses);
}

/* Whatever the order in which they are freed. */
static void books_are_kept(void)
{
	uint8_t *va[4];
	dma_addr_t dma;

	dma_start(NULL);
	for (unsigned int i = 0; i < 4; i++)
		va[i] = alloc(0, 28, &dma);
	books(4, 0, 0, 4);
	xen_coherent_free(va[0], 0, 28);
	xen_coherent_free(va[2], 0, 28);
	books(2, 2, 0, 4);
	xen_coherent_free(va[3], 0, 28);
	books(1, 3, 0, 4);
	for (unsigned int i = 2; i < 4; i++)
		va[i] = alloc(0, 28, &dma);
	books(3, 1, 2, 4);
	ck_assert_uint_eq(xen_coherent_trim(0), XEN_PAGE_SIZE);
	books(3, 0, 2, 4);
	va[0] = alloc(0, 28, &dma);
	books(4, 0, 2, 5);
	for (unsigned int i = 0; i < 4; i++)
		xen_coherent_free(va[i], 0, 28);
	books(0, 4, 2, 5);
	ck_assert_uint_eq(xen_coherent_trim(0), 4 * XEN_PAGE_SIZE);
	books(0, 0, 2, 5);
	dma_stop();
}

static void trim_keeps_and_releases(void)
{
	struct xen_coherent_stats stats;
	struct model_allocs before;
	uint64_t low;
	void *va[8];
	dma_addr_t dma;

	dma_start(NULL);
	before = model_allocs();
	low = model_free_frames(28);
	for (unsigned int i = 0; i < 8; i++)
		va[i] = alloc(4, 28, &dma);
	for (unsigned int i = 0; i < 8; i++)
		xen_coherent_free(va[i], 4, 28);
	ck_assert_uint_eq(xen_coherent_trim(MIB), 0);
	ck_assert_uint_eq(xen_coherent_trim(3 * 64 * KIB), 5 * 64 * KIB);
	xen_coherent_stats(&stats);
	ck_assert_uint_eq(stats.bytes_cached, 3 * 64 * KIB);
	ck_assert_uint_eq(xen_coherent_trim(0), 3 * 64 * KIB);
	ck_assert_uint_eq(model_allocs().pages, before.pages);
	ck_assert_uint_eq(model_free_frames(28), low); /* the low frames are Xen's again */
	dma_stop();
}

/* The guest has 16 MiB, of which the cache holds most: it gives way. */
static void cache_gives_way(void)
{
	void *va[6];
	dma_addr_t dma;

	dma_start(NULL);
	for (unsigned int i = 0; i < 6; i++)
		va[i] = alloc(9, 32, &dma);
	for (unsigned int i = 0; i < 6; i++)
		xen_coherent_free(va[i], 9, 32);
	for (unsigned int i = 0; i < 6; i++)
		va[i] = alloc(8, 31, &dma);
	for (unsigned int i = 0; i < 6; i++)
		xen_coherent_free(va[i], 8, 31);
	dma_stop();
}

/* A trim whose exchange is refused still gives the pages back. */
static void refused_exchange_at_trim(void)
{
	dma_addr_t dma;

	dma_start(NULL);
	xen_coherent_free(alloc(2, 28, &dma), 2, 28);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_ENOMEM);
	ck_assert_uint_eq(xen_coherent_trim(0), 16 * KIB);
	model_fail(MODEL_MEMORY_OP, 0, 0);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"what is live and cached is counted", books_are_kept},
	{"trimming keeps what it is told and releases the rest", trim_keeps_and_releases},
	{"the cache gives way to another kind", cache_gives_way},
	{"a refused exchange at trim loses nothing", refused_exchange_at_trim},
};

UNIT_MAIN("coherent-trim", cases)
