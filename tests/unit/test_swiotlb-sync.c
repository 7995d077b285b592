/* SPDX-License-Identifier: MIT */
/*
 * Bounce pools: syncs of all directions and parts, against flat memory and on their own.
 */
#include "dma_test.h"

/*
 * What CPU and device see, against flat memory that both would share: random accesses, ownership
 * passed by syncs of random parts. The model of flat memory is one array; only bytes of which a
 * side has ownership may be read or written by it, which is all that the DMA API promises.
 */
struct flat {
	uint8_t byte[6000];
	bool cpus[6000]; /* the CPU has it */
};

static void flat_cpu(struct flat *f, uint8_t *buf, size_t size, enum xen_dma_dir dir, uint64_t *rng)
{
	size_t i = unit_random(rng) % size;

	if (!f->cpus[i])
		return;
	ck_assert_uint_eq(buf[i], f->byte[i]);
	if (dir != XEN_DMA_FROM_DEVICE)
		buf[i] = f->byte[i] = (uint8_t)unit_random(rng);
}

static void flat_device(struct flat *f, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
			uint64_t *rng)
{
	size_t i = unit_random(rng) % size;
	uint8_t byte;

	if (f->cpus[i])
		return;
	device_read(dma + i, &byte, 1);
	ck_assert_uint_eq(byte, f->byte[i]);
	if (dir == XEN_DMA_TO_DEVICE)
		return;
	f->byte[i] = (uint8_t)unit_random(rng);
	device_write(dma + i, &f->byte[i], 1);
}

static void flat_sync(struct flat *f, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
		      uint64_t *rng)
{
	size_t start = unit_random(rng) % size, len = 1 + unit_random(rng) % (size - start);
	bool for_cpu = f->cpus[start] == false;

	/* A driver hands over what it does not have; the part of one ownership. */
	for (size_t i = start; i < start + len; i++)
		if (f->cpus[i] == for_cpu)
			len = i - start;
	ck_assert(xen_swiotlb_sync_single(dma + start, len, dir, for_cpu));
	memset(f->cpus + start, for_cpu, len * sizeof(bool));
}

static void flat_memory(void)
{
	static struct flat flat;
	struct xen_swiotlb_pool *pool;
	uint64_t rng = unit_seed();
	uint8_t *page;

	dma_start(NULL);
	pool = pool_of(28);
	page = buffer(8192);
	for (unsigned int round = 0; round < 600; round++) {
		enum xen_dma_dir dir = round % 3;
		size_t size = 1 + unit_random(&rng) % 6000;
		uint8_t *buf = page + unit_random(&rng) % (8192 - size), around[8192];
		dma_addr_t dma;

		fill_random(page, 8192, &rng);
		memcpy(around, page, 8192);
		memcpy(flat.byte, buf, size);
		memset(flat.cpus, 0, sizeof(flat.cpus));
		dma = pool_map(pool, &bits28, "dev", buf, size, dir);
		for (unsigned int op = 0; op < 300; op++) {
			switch (unit_random(&rng) % 4) {
			case 0:
				flat_cpu(&flat, buf, size, dir, &rng);
				break;
			case 1:
				flat_sync(&flat, dma, size, dir, &rng);
				break;
			default:
				flat_device(&flat, dma, size, dir, &rng);
			}
		}
		/* All back to the device before it is unmapped: see dma.h on ownership. */
		for (size_t i = 0; i < size; i++)
			if (flat.cpus[i])
				xen_swiotlb_sync_single(dma + i, 1, dir, false);
		ck_assert(xen_swiotlb_unmap_single(dma, size, dir, false));
		ck_assert_mem_eq(buf, flat.byte, size);
		memcpy(around + (buf - page), flat.byte, size);
		ck_assert_mem_eq(page, around, 8192); /* nothing beside it */
	}
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	buffer_free(page, 8192);
	dma_stop();
}

static void sync_is_cut(void)
{
	uint8_t *buf, seen[SLOT];
	dma_addr_t dma;

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 1, 4096);
	dma = pool_map(pool_of(28), &bits28, "dev", buf + 100, 200, XEN_DMA_BIDIRECTIONAL);
	memset(seen, 2, sizeof(seen));
	device_write(dma, seen, SLOT); /* beyond its end, too */
	ck_assert(xen_swiotlb_sync_single(dma, 1000, XEN_DMA_BIDIRECTIONAL, true));
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "beyond its mapping"));
	for (size_t i = 0; i < 4096; i++)
		ck_assert_uint_eq(buf[i], i >= 100 && i < 300 ? 2 : 1);
	/* Wholly beside it: nothing happens. */
	memset(buf + 100, 3, 200);
	ck_assert(xen_swiotlb_sync_single(dma + 500, 100, XEN_DMA_BIDIRECTIONAL, false));
	ck_assert(xen_swiotlb_sync_single(dma + 150, ~0UL, XEN_DMA_BIDIRECTIONAL, false));
	device_read(dma, seen, SLOT);
	for (size_t i = 0; i < SLOT; i++)
		ck_assert_uint_eq(seen[i], i >= 150 && i < 200 ? 3 : 2);
	ck_assert(xen_swiotlb_unmap_single(dma, 200, XEN_DMA_BIDIRECTIONAL, true));
	ck_assert_uint_eq(buf[100], 3);
	buffer_free(buf, 4096);
	dma_stop();
}

/* Nothing is copied against the direction, whoever gets the buffer. */
static void sync_against_the_direction(void)
{
	uint8_t *buf, seen[SLOT], old[SLOT], new[SLOT];
	dma_addr_t dma;

	dma_start(NULL);
	buf = buffer(4096);
	memset(old, 1, SLOT);
	memset(new, 2, SLOT);
	memcpy(buf, old, SLOT);
	dma = pool_map(pool_of(28), &bits28, "dev", buf, SLOT, XEN_DMA_FROM_DEVICE);
	device_write(dma, new, SLOT);
	ck_assert(xen_swiotlb_sync_single(dma, SLOT, XEN_DMA_FROM_DEVICE, false));
	device_read(dma, seen, SLOT);
	ck_assert_mem_eq(seen, new, SLOT);
	ck_assert_mem_eq(buf, old, SLOT);
	ck_assert(xen_swiotlb_unmap_single(dma, SLOT, XEN_DMA_FROM_DEVICE, true));

	dma = pool_map(pool_of(28), &bits28, "dev", buf, SLOT, XEN_DMA_TO_DEVICE);
	memcpy(buf, new, SLOT);
	ck_assert(xen_swiotlb_sync_single(dma, SLOT, XEN_DMA_TO_DEVICE, true));
	device_read(dma, seen, SLOT);
	ck_assert_mem_eq(seen, old, SLOT);
	ck_assert_mem_eq(buf, new, SLOT);
	ck_assert(xen_swiotlb_unmap_single(dma, SLOT, XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, 4096);
	dma_stop();
}

/* What a device must keep of the buffer's address leaves bytes before it in the first slot. */
static void sync_before_the_buffer(void)
{
	static const struct xen_dma_limits limits = {.mask = MASK(28), .min_align_mask = 511};
	uint8_t *buf, seen[SLOT];
	dma_addr_t dma;

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 1, 4096);
	dma = pool_map(pool_of(28), &limits, "dev", buf + 300, 200, XEN_DMA_BIDIRECTIONAL);
	ck_assert_uint_eq(dma % 512, 300);
	memset(seen, 2, sizeof(seen));
	device_write(dma - 300, seen, SLOT);
	ck_assert(xen_swiotlb_sync_single(dma - 100, 50, XEN_DMA_BIDIRECTIONAL, true));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "beyond its mapping"));
	ck_assert(xen_swiotlb_sync_single(dma - 100, 100, XEN_DMA_BIDIRECTIONAL, true));
	for (size_t i = 0; i < 4096; i++)
		ck_assert_uint_eq(buf[i], 1);
	/* The part that is inside is synced, and nothing before it. */
	ck_assert(xen_swiotlb_sync_single(dma - 100, 150, XEN_DMA_BIDIRECTIONAL, true));
	for (size_t i = 0; i < 4096; i++)
		ck_assert_uint_eq(buf[i], i >= 300 && i < 350 ? 2 : 1);
	ck_assert(xen_swiotlb_unmap_single(dma, 200, XEN_DMA_BIDIRECTIONAL, true));
	buffer_free(buf, 4096);
	dma_stop();
}

/* A buffer behind the beginning of its slot: bounces are its bytes and no others. */
static void bounces_are_its_bytes(void)
{
	struct xen_dma_limits l = {.mask = MASK(28), .min_align_mask = 0xfff};
	static const struct xen_swiotlb_config small = {.max_segment_order = 3};
	dma_addr_t dma;
	char *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&small), 0);
	buf = buffer(4096);
	dma = pool_map(pool_of(28), &l, "dev", buf + 100, 20, XEN_DMA_BIDIRECTIONAL);
	ck_assert(!xen_swiotlb_is_bounce(dma - 1));
	ck_assert(xen_swiotlb_is_bounce(dma));
	ck_assert(xen_swiotlb_is_bounce(dma + 19));
	ck_assert(!xen_swiotlb_is_bounce(dma + 20));
	ck_assert(!xen_swiotlb_is_bounce(dma ^ (1 << 20))); /* near, but of no segment */
	ck_assert(!xen_swiotlb_unmap_single(dma ^ (1 << 20), 20, XEN_DMA_BIDIRECTIONAL, false));
	ck_assert(xen_swiotlb_unmap_single(dma, 20, XEN_DMA_BIDIRECTIONAL, false));
	buffer_free(buf, 4096);
	dma_stop();
}

/* From the middle of a buffer on, for as long as all of it is: nothing behind it changes. */
static void sync_from_the_middle(void)
{
	uint8_t seen[SLOT];
	dma_addr_t dma;
	uint8_t *buf;

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 1, 4096);
	dma = pool_map(pool_of(28), &bits28, "dev", buf, 200, XEN_DMA_BIDIRECTIONAL);
	memset(seen, 2, sizeof(seen));
	device_write(dma, seen, SLOT);
	ck_assert(xen_swiotlb_sync_single(dma + 150, 200, XEN_DMA_BIDIRECTIONAL, true));
	for (size_t i = 0; i < 4096; i++)
		ck_assert_uint_eq(buf[i], i >= 150 && i < 200 ? 2 : 1);
	ck_assert(xen_swiotlb_unmap_single(dma, 200, XEN_DMA_BIDIRECTIONAL, true));
	buffer_free(buf, 4096);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"all directions and partial syncs agree with flat memory", flat_memory},
	{"a sync is cut to its mapping", sync_is_cut},
	{"a sync copies nothing against the direction", sync_against_the_direction},
	{"a sync that begins before its mapping is cut, too", sync_before_the_buffer},
	{"a bounce is each of its bytes and no other", bounces_are_its_bytes},
	{"a sync from the middle ends with its mapping", sync_from_the_middle},
};

UNIT_MAIN("swiotlb-sync", cases)
