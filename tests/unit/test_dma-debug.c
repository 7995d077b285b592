/* SPDX-License-Identifier: MIT */
/* dma-debug: each kind of breach is seen, counted and logged; right use is not accused. */
#include "dma_test.h"

static struct xen_dma_dev dev;
static uint8_t *buf;

static void start(unsigned int bits)
{
	struct xen_dma_limits limits = {.mask = MASK(bits)};

	dma_start(NULL);
	buf = buffer(64 * KIB);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits), 0);
	ck_assert_int_eq(xen_dma_debug_enable(&dev), 0);
}

static void stop(void)
{
	xen_dma_dev_fini(&dev);
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

/* One more breach than before, and its line says so. */
static void one_more(uint64_t before, const char *text)
{
	ck_assert_uint_eq(xen_dma_debug_breaches(&dev), before + 1);
	ck_assert_msg(strstr(model_last_log(), text), "'%s' does not say '%s'", model_last_log(),
		      text);
}

static dma_addr_t dmap(void *va, size_t size, enum xen_dma_dir dir)
{
	dma_addr_t dma = xen_dma_map_single(&dev, va, size, dir, 0);

	ck_assert(!xen_dma_mapping_error(dma));
	return dma;
}

static void right_use(unsigned int bits)
{
	struct xen_dma_sg sg[4];
	uint64_t rng = unit_seed();
	dma_addr_t dma[64], ring;
	void *va;
	int n;

	start(bits);
	ck_assert_int_eq(xen_dma_debug_enable(&dev), -XEN_EBUSY);
	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < 64; i++)
			dma[i] = dmap(buf + i * KIB, 1 + (i * 37) % KIB, round % 3);
		for (unsigned int i = 0; i < 64; i++) {
			size_t size = 1 + (i * 37) % KIB, at = unit_random(&rng) % size;

			xen_dma_sync_for_cpu(&dev, dma[i] + at, size - at, round % 3);
			xen_dma_sync_for_device(&dev, dma[i], at ? at : 1, round % 3);
		}
		for (unsigned int i = 0; i < 64; i++)
			xen_dma_unmap(&dev, dma[i * 11 % 64], 1 + (i * 11 % 64 * 37) % KIB,
				      round % 3, 0);
	}
	/* Far inside a mapping of many pages. */
	dma[0] = dmap(buf, 60000, XEN_DMA_FROM_DEVICE);
	xen_dma_sync_for_cpu(&dev, dma[0] + 59000, 1000, XEN_DMA_FROM_DEVICE);
	xen_dma_unmap(&dev, dma[0], 60000, XEN_DMA_FROM_DEVICE, 0);
	/* The same bytes twice, to read. */
	dma[0] = dmap(buf, 5000, XEN_DMA_TO_DEVICE);
	dma[1] = dmap(buf, 6000, XEN_DMA_TO_DEVICE);
	xen_dma_unmap(&dev, dma[0], 5000, XEN_DMA_TO_DEVICE, 0);
	xen_dma_unmap(&dev, dma[1], 6000, XEN_DMA_TO_DEVICE, 0);
	for (unsigned int i = 0; i < 4; i++)
		sg[i] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(buf + i * 8 * KIB),
					    .length = 3000};
	n = xen_dma_map_sg(&dev, sg, 4, XEN_DMA_BIDIRECTIONAL, 0);
	ck_assert_int_gt(n, 0);
	xen_dma_sync_sg_for_cpu(&dev, sg, 4, XEN_DMA_BIDIRECTIONAL);
	xen_dma_unmap_sg(&dev, sg, 4, XEN_DMA_BIDIRECTIONAL, 0);
	va = xen_dma_alloc_coherent(&dev, 10000, &ring);
	ck_assert_ptr_nonnull(va);
	xen_dma_free_coherent(&dev, va, 10000, ring);
	ck_assert_uint_eq(xen_dma_max_mapping_size(&dev), 2 * MIB);
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(32)), 0);
	xen_dma_dev_fini(&dev);
	ck_assert_uint_eq(xen_dma_debug_breaches(&dev), 0);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

static void right_use_direct(void)
{
	right_use(64);
}

static void right_use_bounced(void)
{
	right_use(24);
}

static void unmap_of_nothing(void)
{
	dma_addr_t dma;

	start(28);
	xen_dma_unmap(&dev, 0x1000, 100, XEN_DMA_TO_DEVICE, 0);
	one_more(0, "not mapped");
	dma = dmap(buf, 100, XEN_DMA_TO_DEVICE);
	xen_dma_unmap(&dev, dma, 100, XEN_DMA_TO_DEVICE, 0);
	xen_dma_unmap(&dev, dma, 100, XEN_DMA_TO_DEVICE, 0);
	one_more(1, "not mapped");
	stop();
}

static void wrong_size_and_direction(void)
{
	dma_addr_t dma;

	start(28);
	dma = dmap(buf, 100, XEN_DMA_FROM_DEVICE);
	device_write(dma + 99, "z", 1);
	xen_dma_unmap(&dev, dma, 99, XEN_DMA_FROM_DEVICE, 0);
	one_more(0, "another size");
	ck_assert_uint_eq(buf[99], 'z'); /* the true one was used */
	dma = dmap(buf, 100, XEN_DMA_FROM_DEVICE);
	xen_dma_unmap(&dev, dma, 100, XEN_DMA_TO_DEVICE, 0);
	one_more(1, "another direction");
	stop();
}

static void bad_syncs(void)
{
	dma_addr_t dma;

	start(28);
	dma = dmap(buf, 3000, XEN_DMA_TO_DEVICE);
	xen_dma_sync_for_cpu(&dev, dma + 2999, 2, XEN_DMA_TO_DEVICE);
	one_more(0, "beyond its mapping");
	xen_dma_sync_for_cpu(&dev, dma + 100, 10, XEN_DMA_FROM_DEVICE);
	one_more(1, "another direction");
	xen_dma_unmap(&dev, dma, 3000, XEN_DMA_TO_DEVICE, 0);
	xen_dma_sync_for_device(&dev, dma, 10, XEN_DMA_TO_DEVICE);
	ck_assert_uint_eq(xen_dma_debug_breaches(&dev), 3);
	stop();
}

static void two_writers(void)
{
	dma_addr_t a, b;

	start(28);
	a = dmap(buf, 4096, XEN_DMA_TO_DEVICE);
	b = dmap(buf + 4095, 10, XEN_DMA_FROM_DEVICE);
	one_more(0, "through two mappings");
	xen_dma_unmap(&dev, b, 10, XEN_DMA_FROM_DEVICE, 0);
	b = dmap(buf + 4096, 10, XEN_DMA_FROM_DEVICE); /* beside it */
	ck_assert_uint_eq(xen_dma_debug_breaches(&dev), 1);
	xen_dma_unmap(&dev, b, 10, XEN_DMA_FROM_DEVICE, 0);
	xen_dma_unmap(&dev, a, 4096, XEN_DMA_TO_DEVICE, 0);
	/* A long one, and a short one far inside it. */
	a = dmap(buf, 60000, XEN_DMA_TO_DEVICE);
	b = dmap(buf + 50000, 10, XEN_DMA_BIDIRECTIONAL);
	one_more(1, "through two mappings");
	xen_dma_unmap(&dev, b, 10, XEN_DMA_BIDIRECTIONAL, 0);
	xen_dma_unmap(&dev, a, 60000, XEN_DMA_TO_DEVICE, 0);
	stop();
}

static void bad_lists(void)
{
	struct xen_dma_sg sg[3], other[3];

	start(28);
	for (unsigned int i = 0; i < 3; i++)
		sg[i] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(buf + i * 8 * KIB),
					    .length = 100};
	ck_assert_int_gt(xen_dma_map_sg(&dev, sg, 3, XEN_DMA_TO_DEVICE, 0), 0);
	memcpy(other, sg, sizeof(sg));
	xen_dma_unmap_sg(&dev, sg, 2, XEN_DMA_TO_DEVICE, 0);
	one_more(0, "another list");
	ck_assert_uint_eq(bounces(&dev), 0); /* all of it was unmapped */
	xen_dma_unmap_sg(&dev, other, 3, XEN_DMA_TO_DEVICE, 0);
	one_more(1, "not mapped");
	stop();
}

static void bad_frees(void)
{
	dma_addr_t dma;
	void *va;

	start(32);
	va = xen_dma_alloc_coherent(&dev, 8192, &dma);
	ck_assert_ptr_nonnull(va);
	xen_dma_sync_for_cpu(&dev, dma, 100, XEN_DMA_BIDIRECTIONAL); /* coherent needs none */
	one_more(0, "not mapped");
	xen_dma_free_coherent(&dev, va, 4096, dma);
	one_more(1, "another size");
	xen_dma_free_coherent(&dev, va, 8192, dma);
	one_more(2, "not mapped");
	stop();
}

static void leaks(void)
{
	struct xen_dma_sg sg[2];
	dma_addr_t dma, ring;
	void *va;

	start(28);
	for (unsigned int i = 0; i < 2; i++)
		sg[i] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(buf + i * 8 * KIB),
					    .length = 100};
	dma = dmap(buf + 40 * KIB, 100, XEN_DMA_TO_DEVICE);
	ck_assert_int_gt(xen_dma_map_sg(&dev, sg, 2, XEN_DMA_TO_DEVICE, 0), 0);
	va = xen_dma_alloc_coherent(&dev, 4096, &ring);
	ck_assert_ptr_nonnull(va);
	xen_dma_dev_fini(&dev);
	ck_assert_uint_eq(xen_dma_debug_breaches(&dev), 3);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "3 bounce buffers"));
	/* The device knows its backend again: what leaked can be ended. */
	xen_dma_unmap(&dev, dma, 100, XEN_DMA_TO_DEVICE, 0);
	xen_dma_unmap_sg(&dev, sg, 2, XEN_DMA_TO_DEVICE, 0);
	xen_dma_free_coherent(&dev, va, 4096, ring);
	stop();
}

/* Without memory for a record it accuses nobody. */
static void blind_without_memory(void)
{
	dma_addr_t a, b;

	start(64);
	a = dmap(buf, 100, XEN_DMA_TO_DEVICE);
	model_fail(MODEL_ALLOC, 1, 0);
	b = dmap(buf + 200, 100, XEN_DMA_TO_DEVICE);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_WARN), 1);
	xen_dma_unmap(&dev, b, 100, XEN_DMA_TO_DEVICE, 0);
	xen_dma_unmap(&dev, a, 100, XEN_DMA_TO_DEVICE, 0);
	/* That this had ended went unseen: the next is not held against it. */
	a = dmap(buf, 100, XEN_DMA_FROM_DEVICE);
	xen_dma_unmap(&dev, a, 100, XEN_DMA_FROM_DEVICE, 0);
	xen_dma_dev_fini(&dev);
	ck_assert_uint_eq(xen_dma_debug_breaches(&dev), 0);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_dma_debug_enable(&dev), -XEN_ENOMEM);
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

/* Maps and lists that fail are nobody's; a list of pieces without memory for one goes blind whole.
 */
static void what_failed_is_not_recorded(void)
{
	struct xen_dma_sg sg[3];
	struct model_allocs held;
	dma_addr_t dma;

	start(64);
	held = model_allocs();
	ck_assert(xen_dma_mapping_error(
		xen_dma_map_page(&dev, mk_pfn(1 << 20), 0, 100, XEN_DMA_TO_DEVICE, 0)));
	for (unsigned int i = 0; i < 3; i++)
		sg[i] = (struct xen_dma_sg){.pfn = mk_pfn(1 << 20), .length = 100};
	ck_assert_int_lt(xen_dma_map_sg(&dev, sg, 3, XEN_DMA_TO_DEVICE, 0), 0);
	model_fail(MODEL_ALLOC, 1, 0);
	model_reserve_below(52);
	ck_assert_ptr_null(xen_dma_alloc_coherent(&dev, 4096, &dma));
	model_reserve_below(0);
	model_fail(MODEL_ALLOC, 0, 0);
	ck_assert_uint_eq(model_allocs().objects, held.objects);
	ck_assert_uint_eq(xen_dma_debug_breaches(&dev), 0);
	/* Each but the first piece has its record when memory runs out. */
	for (unsigned int i = 0; i < 3; i++)
		sg[i] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(buf + i * 8192),
					    .length = 100};
	model_fail(MODEL_ALLOC, 3, 0);
	ck_assert_int_gt(xen_dma_map_sg(&dev, sg, 3, XEN_DMA_TO_DEVICE, 0), 0);
	model_fail(MODEL_ALLOC, 0, 0);
	ck_assert_uint_eq(model_allocs().objects, held.objects);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "checks no more"));
	xen_dma_unmap_sg(&dev, sg, 3, XEN_DMA_TO_DEVICE, 0);
	stop();
}

/* The pieces of a list are bytes that the CPU side of another mapping may meet. */
static void lists_meet_mappings(void)
{
	struct xen_dma_sg sg[2];
	dma_addr_t dma;

	for (unsigned int meets = 0; meets < 3; meets++) {
		start(64);
		for (unsigned int i = 0; i < 2; i++)
			sg[i] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(buf + i * 8192),
						    .offset = 1000,
						    .length = 100};
		ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 2, XEN_DMA_FROM_DEVICE, 0), 2);
		/* Beside the second piece, its last byte, its first. */
		dma = dmap(buf + 8192 +
				   (meets == 0	 ? 1100
				    : meets == 1 ? 1099
						 : 900),
			   meets == 2 ? 101 : 50, XEN_DMA_FROM_DEVICE);
		ck_assert_uint_eq(xen_dma_debug_breaches(&dev), meets ? 1 : 0);
		xen_dma_unmap(&dev, dma, meets == 2 ? 101 : 50, XEN_DMA_FROM_DEVICE, 0);
		xen_dma_unmap_sg(&dev, sg, 2, XEN_DMA_FROM_DEVICE, 0);
		ck_assert_uint_eq(xen_dma_debug_breaches(&dev), meets ? 1 : 0);
		stop();
	}
}

/* The end of what was mapped before would be taken for a breach, and not be done. */
static void from_the_beginning(void)
{
	static const struct xen_dma_limits limits = {.mask = MASK(20)};
	dma_addr_t dma;

	dma_start(NULL);
	buf = buffer(64 * KIB);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits), 0);
	dma = dmap(buf, 100, XEN_DMA_FROM_DEVICE);
	ck_assert(xen_swiotlb_is_bounce(dma));
	ck_assert(model_dma_write(dma, "data", 4));
	ck_assert_int_eq(xen_dma_debug_enable(&dev), -XEN_EBUSY);
	xen_dma_unmap(&dev, dma, 100, XEN_DMA_FROM_DEVICE, 0);
	ck_assert(!memcmp(buf, "data", 4));
	ck_assert_int_eq(xen_dma_debug_enable(&dev), 0);
	xen_dma_unmap(&dev, dmap(buf, 100, XEN_DMA_FROM_DEVICE), 100, XEN_DMA_FROM_DEVICE, 0);
	ck_assert_uint_eq(xen_dma_debug_breaches(&dev), 0);
	stop();
}

static const struct unit_case cases[] = {
	{"checking does not begin in the middle of a mapping", from_the_beginning},
	{"right use is not accused, direct", right_use_direct},
	{"right use is not accused, bounced", right_use_bounced},
	{"unmapping nothing is a breach", unmap_of_nothing},
	{"unmapping another size or direction is a breach", wrong_size_and_direction},
	{"syncing beyond a mapping is a breach", bad_syncs},
	{"two mappings of which one writes are a breach", two_writers},
	{"unmapping another list is a breach", bad_lists},
	{"freeing wrongly is a breach", bad_frees},
	{"leaks are breaches", leaks},
	{"without memory it goes blind and says so", blind_without_memory},
	{"what failed is not recorded", what_failed_is_not_recorded},
	{"pieces of lists meet other mappings", lists_meet_mappings},
};

UNIT_MAIN("dma-debug", cases)
