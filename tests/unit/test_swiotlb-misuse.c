/* SPDX-License-Identifier: MIT */
/* Bounce pools: callers that are wrong are told so, and nothing else happens. */
#include "dma_test.h"

/* What was last said of misuse; a second later there may be more. */
static void said(const char *text)
{
	static unsigned int lines;

	ck_assert_msg(strstr(model_last_log(), text), "'%s' is not '%s'", model_last_log(), text);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), ++lines);
	model_clock_advance(1000000000);
}

static void misuse_is_said(void)
{
	dma_addr_t dma;
	char *buf;

	dma_start(NULL);
	model_clock_advance(5000000000);
	buf = buffer(4096);
	dma = pool_map(pool_of(28), &bits28, "dev", buf, 100, XEN_DMA_TO_DEVICE);
	ck_assert(!xen_swiotlb_unmap_single(dma + 1, 100, XEN_DMA_TO_DEVICE, false));
	said("unmap of an address that is not mapped");
	ck_assert(xen_swiotlb_sync_single(dma, 101, XEN_DMA_TO_DEVICE, false));
	said("sync beyond its mapping");
	ck_assert(xen_swiotlb_sync_single(dma + 100, 0, XEN_DMA_TO_DEVICE, false));
	said("sync beyond its mapping");
	ck_assert(xen_swiotlb_sync_single(dma, 100, XEN_DMA_FROM_DEVICE, false));
	said("sync with another direction");
	ck_assert(!xen_swiotlb_sync_single(dma + SLOT, 1, XEN_DMA_TO_DEVICE, false));
	said("sync of an address that is not mapped");
	ck_assert(xen_swiotlb_unmap_single(dma, 99, XEN_DMA_TO_DEVICE, false));
	said("unmap with another size or direction");
	dma = pool_map(pool_of(28), &bits28, "dev", buf, 100, XEN_DMA_BIDIRECTIONAL);
	ck_assert(xen_swiotlb_sync_single(dma, 100, XEN_DMA_FROM_DEVICE, true)); /* fine */
	ck_assert(xen_swiotlb_sync_single(dma, 100, XEN_DMA_TO_DEVICE, false));
	ck_assert(xen_swiotlb_unmap_single(dma, 100, XEN_DMA_TO_DEVICE, false));
	said("unmap with another size or direction");
	/* In less than a second there is one line. */
	ck_assert(!xen_swiotlb_unmap_single(dma, 100, XEN_DMA_TO_DEVICE, false));
	model_clock_advance(999999999);
	ck_assert(!xen_swiotlb_unmap_single(dma, 100, XEN_DMA_TO_DEVICE, false));
	model_clock_advance(1);
	said("unmap of an address that is not mapped");
	/* Nor is no size at all that of what has ended. */
	ck_assert(!xen_swiotlb_unmap_single(dma, 0, XEN_DMA_BIDIRECTIONAL, false));
	said("unmap of an address that is not mapped");
	buffer_free(buf, 4096);
	dma_stop();
}

static void misuse_is_harmless(void)
{
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma;
	uint8_t *buf;

	dma_start(NULL);
	pool = pool_of(28);
	buf = buffer(8192);
	memset(buf, 7, 8192);
	dma = pool_map(pool, &bits28, "dev", buf, 6000, XEN_DMA_FROM_DEVICE);
	/* Not its first byte; then another size and direction: the recorded ones count. */
	ck_assert(!xen_swiotlb_unmap_single(dma + 2048, 6000, XEN_DMA_FROM_DEVICE, false));
	ck_assert(xen_swiotlb_is_bounce(dma));
	device_write(dma + 5999, "!", 1);
	ck_assert(xen_swiotlb_unmap_single(dma, 10, XEN_DMA_TO_DEVICE, false));
	ck_assert_uint_eq(buf[5999], '!');
	/* Twice; never mapped; no machine address at all. */
	ck_assert(!xen_swiotlb_unmap_single(dma, 6000, XEN_DMA_FROM_DEVICE, false));
	ck_assert(!xen_swiotlb_sync_single(dma, 6000, XEN_DMA_FROM_DEVICE, true));
	ck_assert(!xen_swiotlb_unmap_single(mfn_to_dma(mfn_of(buf)), 1, XEN_DMA_TO_DEVICE, false));
	ck_assert(!xen_swiotlb_unmap_single(XEN_DMA_ERROR, 1, XEN_DMA_TO_DEVICE, false));
	ck_assert(!xen_swiotlb_sync_single(mfn_to_dma(mfn_of(buf)), 1, XEN_DMA_TO_DEVICE, true));
	ck_assert(!xen_swiotlb_sync_single(XEN_DMA_ERROR, 1, XEN_DMA_TO_DEVICE, true));
	ck_assert(!xen_swiotlb_is_bounce(XEN_DMA_ERROR));
	ck_assert_uint_gt(model_log_lines(XEN_LOG_ERROR), 0);
	ck_assert_uint_eq(pool_stats(0).bytes_used, 0);
	buffer_free(buf, 8192);
	dma_stop();
}

/* Slots that were a longer mapping's are not a part of the one that begins where it did. */
static void slots_behind_are_free(void)
{
	dma_addr_t dma;
	char *buf;

	dma_start(NULL);
	buf = buffer(8192);
	dma = pool_map(pool_of(28), &bits28, "dev", buf, 3 * SLOT, XEN_DMA_BIDIRECTIONAL);
	ck_assert(xen_swiotlb_unmap_single(dma, 3 * SLOT, XEN_DMA_BIDIRECTIONAL, false));
	ck_assert_uint_eq(pool_map(pool_of(28), &bits28, "dev", buf, SLOT, XEN_DMA_BIDIRECTIONAL),
			  dma);
	for (unsigned int i = 1; i < 3; i++)
		ck_assert(!xen_swiotlb_sync_single(dma + i * SLOT, 1, XEN_DMA_BIDIRECTIONAL, true));
	ck_assert(xen_swiotlb_unmap_single(dma, SLOT, XEN_DMA_BIDIRECTIONAL, false));
	buffer_free(buf, 8192);
	dma_stop();
}

static void original_must_be_ram(void)
{
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma;

	dma_start(NULL);
	pool = pool_of(32);
	/* To its last byte. */
	for (size_t size = 4095; size <= 4096; size++) {
		ck_assert_int_eq(xen_swiotlb_map_single(pool, &bits32, "dev",
							(model_nr_pages() << 12) - size, size,
							XEN_DMA_TO_DEVICE, &dma),
				 0);
		ck_assert(xen_swiotlb_unmap_single(dma, size, XEN_DMA_TO_DEVICE, false));
	}
	ck_assert_int_eq(xen_swiotlb_map_single(pool, &bits32, "dev", 1ULL << 40, 100,
						XEN_DMA_TO_DEVICE, &dma),
			 -XEN_EFAULT);
	ck_assert_int_eq(xen_swiotlb_map_single(pool, &bits32, "dev",
						(model_nr_pages() << 12) - 4096, 4097,
						XEN_DMA_TO_DEVICE, &dma),
			 -XEN_EFAULT);
	ck_assert_int_eq(xen_swiotlb_map_single(pool, &bits32, "dev", ~0ULL - 10, 100,
						XEN_DMA_TO_DEVICE, &dma),
			 -XEN_EFAULT);
	ck_assert_int_eq(xen_swiotlb_map_single(pool, &bits32, "dev", 0, 0, XEN_DMA_TO_DEVICE,
						&dma),
			 -XEN_EINVAL);
	ck_assert_int_eq(xen_swiotlb_map_single(pool, &bits32, "dev", 0, 1, 3, &dma), -XEN_EINVAL);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"misuse is said, once a second", misuse_is_said},
	{"misuse is harmless", misuse_is_harmless},
	{"slots that a longer mapping left are no part of the next", slots_behind_are_free},
	{"the original must be RAM", original_must_be_ram},
};

UNIT_MAIN("swiotlb-misuse", cases)
