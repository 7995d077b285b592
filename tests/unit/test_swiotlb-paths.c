/* SPDX-License-Identifier: MIT */
/*
 * Bounce pools: the short way of what lies in one page and the general one leave slots to each
 * other, among devices, in blocks of all sizes. What one way notes of a slot the other one goes by.
 */
#include "dma_test.h"

enum way { PAGE, LIST, ACROSS, NR_WAYS };

static struct xen_dma_dev dev[2];
static char *buf;

static void start(void)
{
	dma_start(NULL);
	buf = buffer(32 * KIB);
	memset(buf, 0x5a, 32 * KIB);
	for (unsigned int i = 0; i < 2; i++)
		ck_assert_int_eq(xen_dma_dev_init(&dev[i], "dev", &xen_swiotlb_dma_ops, &bits28),
				 0);
}

static void stop(void)
{
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	for (unsigned int i = 0; i < 2; i++)
		xen_dma_dev_fini(&dev[i]);
	buffer_free(buf, 32 * KIB);
	dma_stop();
}

/* PAGE is the short way once the device has a pool, the others are general. */
static dma_addr_t map_by(unsigned int who, enum way way, size_t size)
{
	struct xen_dma_sg sg = {.pfn = xen_port_virt_to_pfn(buf), .length = (uint32_t)size};
	dma_addr_t dma;

	if (way == LIST) {
		ck_assert_int_eq(xen_dma_map_sg(&dev[who], &sg, 1, XEN_DMA_BIDIRECTIONAL, 0), 1);
		dma = sg.dma_addr;
	} else {
		dma = xen_dma_map_single(&dev[who], way == PAGE ? buf : buf + 4095, size,
					 XEN_DMA_BIDIRECTIONAL, 0);
	}
	ck_assert(xen_swiotlb_is_bounce(dma));
	return dma;
}

static void end_of(unsigned int who, dma_addr_t dma, size_t size)
{
	xen_dma_unmap(&dev[who], dma, size, XEN_DMA_BIDIRECTIONAL, XEN_DMA_ATTR_SKIP_SYNC);
}

/* The bytes of all its slots: the buffer's, then zeroes, or what the device itself left there. */
static void sees_its_own(unsigned int who, dma_addr_t dma, size_t size)
{
	static uint8_t seen[32 * KIB];
	size_t all = (size + SLOT - 1) & ~(SLOT - 1);

	ck_assert_uint_eq(dma % SLOT, 0);
	device_read(dma, seen, all);
	ck_assert_mem_eq(seen, buf, size);
	for (size_t i = size; i < all; i++)
		if (seen[i] && seen[i] != 0xb0 + who)
			ck_abort_msg("device %u, %zu bytes: %02x at %zu", who, size, seen[i], i);
}

static void writes_all_over(unsigned int who, dma_addr_t dma, size_t size)
{
	static uint8_t own[32 * KIB];
	size_t all = (size + SLOT - 1) & ~(SLOT - 1);

	memset(own, 0xb0 + (int)who, all);
	device_write(dma, own, all);
}

/* One device that writes nothing: of its own longer buffers nothing stays behind a shorter one. */
static void own_buffers(void)
{
	static const struct {
		enum way way;
		size_t size;
	} table[] = {{PAGE, 100},  {LIST, 2000}, {PAGE, 10},   {LIST, 1500}, {LIST, 20},
		     {PAGE, 2048}, {LIST, 1},	 {PAGE, 1},    {PAGE, 2100}, {ACROSS, 4000},
		     {PAGE, 2060}, {LIST, 4096}, {PAGE, 2049}, {PAGE, 4096}, {ACROSS, 2100}};
	dma_addr_t first[2] = {0};

	start();
	for (unsigned int i = 0; i < sizeof(table) / sizeof(*table); i++) {
		bool two = table[i].size > SLOT;
		dma_addr_t dma = map_by(0, table[i].way, table[i].size);

		if (!first[two])
			first[two] = dma;
		ck_assert_uint_eq(dma, first[two]); /* they are the same slots */
		sees_its_own(2, dma, table[i].size);
		end_of(0, dma, table[i].size);
	}
	stop();
}

/* Blocks of @size at the most that change hands, whichever way each device takes. */
static void hands_change(size_t most, unsigned int rounds)
{
	uint64_t rng = unit_seed();

	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int who = unit_random(&rng) % 2;
		enum way way = unit_random(&rng) % NR_WAYS;
		size_t size = 2 + unit_random(&rng) % (most - 1);
		dma_addr_t dma;

		if (way == PAGE && size > XEN_PAGE_SIZE)
			size = XEN_PAGE_SIZE;
		dma = map_by(who, way, size);
		sees_its_own(who, dma, size);
		if (unit_random(&rng) % 2)
			writes_all_over(who, dma, size);
		end_of(who, dma, size);
	}
}

static void all_ways(void)
{
	start();
	hands_change(SLOT, 1000);
	hands_change(2 * SLOT, 1000);
	hands_change(8 * SLOT, 1000);
	stop();
}

/* A block that waited as one device's is the next one's, all of it: its first device is not shown
 * what the next one wrote there. */
static void to_and_fro(void)
{
	dma_addr_t dma, again;

	start();
	for (enum way way = LIST; way < NR_WAYS; way++) {
		dma = map_by(0, PAGE, 3000);
		end_of(0, dma, 3000);
		dma = map_by(0, PAGE, 3000); /* by the short way now */
		end_of(0, dma, 3000);
		again = map_by(1, way, 3000);
		ck_assert_uint_eq(again, dma);
		ck_assert_uint_eq(bounces(&dev[0]), 0);
		ck_assert_uint_eq(bounces(&dev[1]), 1);
		sees_its_own(1, again, 3000);
		writes_all_over(1, again, 3000);
		end_of(1, again, 3000);
		again = map_by(0, PAGE, 2100);
		ck_assert_uint_eq(again, dma);
		ck_assert_uint_eq(bounces(&dev[0]), 1);
		ck_assert_uint_eq(bounces(&dev[1]), 0);
		sees_its_own(0, again, 2100);
		end_of(0, again, 2100);
	}
	stop();
}

static void only_holder(const char *owner, uint64_t bytes, void *arg)
{
	ck_assert_str_eq(owner, "dev");
	ck_assert_uint_eq(bytes, *(uint64_t *)arg);
	*(uint64_t *)arg = 0;
}

/* What the short way maps is noted as what the general one does, whatever stood in its slots. */
static void all_is_noted(void)
{
	static const struct xen_dma_limits other = {
		.mask = MASK(28), .min_align_mask = 511, .user = 1000};
	struct xen_swiotlb_stats before, after;

	start();
	end_of(0, map_by(0, LIST, 100), 100);
	for (size_t size = 1000; size < 4000; size += 2000) {
		uint64_t held = (size + SLOT - 1) & ~(SLOT - 1);
		dma_addr_t left, dma;

		left = pool_map(pool_of(28), &other, "other", buf + 100, size, XEN_DMA_TO_DEVICE);
		ck_assert(xen_swiotlb_unmap_single(left, size, XEN_DMA_TO_DEVICE, false));
		before = pool_stats(0);
		left = pool_map(pool_of(28), &other, "other", buf + 100, size, XEN_DMA_TO_DEVICE);
		ck_assert(xen_swiotlb_unmap_single(left, size, XEN_DMA_TO_DEVICE, false));
		dma = map_by(0, PAGE, size);
		ck_assert_uint_eq(dma, left - 100);
		after = pool_stats(0);
		ck_assert_uint_eq(after.bytes_used, held);
		ck_assert_uint_eq(after.maps, before.maps + 2);
		ck_assert_uint_eq(after.bytes_mapped, before.bytes_mapped + 2 * size);
		xen_swiotlb_holders(0, only_holder, &held);
		ck_assert_uint_eq(held, 0);
		end_of(0, dma, size);
		ck_assert_uint_eq(pool_stats(0).bytes_used, 0);
	}
	stop();
}

/* The short way keeps nothing of an address, so who must keep some of it goes the other one. */
static void bits_are_kept(void)
{
	static const struct xen_dma_limits keeps = {.mask = MASK(28), .min_align_mask = 511};
	struct xen_dma_dev d[2];
	uint8_t seen[4];

	start();
	for (size_t i = 0; i < 4096; i++)
		buf[i] = (char)(i >> 4);
	ck_assert_int_eq(xen_dma_dev_init(&d[0], "dev", &xen_swiotlb_dma_ops, &keeps), 0);
	ck_assert_int_eq(xen_dma_dev_init(&d[1], "dev", &xen_swiotlb_dma_ops, &bits28), 0);
	/* Each a second time, when it has a pool and slots lie ready; buffers not at a page's
	 * start. */
	for (unsigned int i = 0; i < 4; i++) {
		dma_addr_t dma = map(&d[i / 2], buf + 300, 4, XEN_DMA_TO_DEVICE);

		ck_assert_uint_eq(dma % 512, i / 2 ? 0 : 300);
		device_read(dma, seen, 4);
		ck_assert_mem_eq(seen, buf + 300, 4);
		xen_dma_unmap(&d[i / 2], dma, 4, XEN_DMA_TO_DEVICE, 0);
	}
	for (unsigned int i = 0; i < 2; i++)
		xen_dma_dev_fini(&d[i]);
	stop();
}

static const struct unit_case cases[] = {
	{"bits of the address that must be kept are, and the buffer's offset", bits_are_kept},
	{"the short way notes all that the general one does", all_is_noted},
	{"nothing of own buffers is left, whichever way each was mapped", own_buffers},
	{"CVE-2022-0854: blocks that change hands show nothing, whichever way", all_ways},
	{"CVE-2022-0854: a block goes to another device and back", to_and_fro},
};

UNIT_MAIN("swiotlb-paths", cases)
