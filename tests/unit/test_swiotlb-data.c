/* SPDX-License-Identifier: MIT */
/*
 * Bounce pools: what a device sees in a buffer and beside it. Faults that systems of this kind have
 * had stand in the names of the cases that guard against them.
 */
#include "dma_test.h"

/* All bytes of the slots that [dma, dma + size) touches, but for itself, are zero or @own: what
 * the same device wrote beside its buffer before. */
static void padding_is_clean(dma_addr_t dma, size_t size, const void *orig, uint8_t own)
{
	static uint8_t seen[64 * KIB];
	dma_addr_t start = dma & ~(SLOT - 1), end = (dma + size + SLOT - 1) & ~(SLOT - 1);

	ck_assert_uint_le(end - start, sizeof(seen));
	device_read(start, seen, end - start);
	for (dma_addr_t a = start; a < end; a++) {
		uint8_t byte = seen[a - start];

		if ((a < dma || a >= dma + size) && byte && byte != own)
			ck_abort_msg("stale byte %02x %lld from the buffer", byte,
				     (long long)(a - dma));
	}
	ck_assert_mem_eq(seen + (dma - start), orig, size);
}

/*
 * Two devices take turns at the same slots, with every direction, size and offset. One also writes
 * all over the slots that it was given. Neither ever sees anything but its buffer and zeroes.
 */
static void no_stale_data(void)
{
	static const uint64_t aligns[] = {0, 511, 4095};
	static uint8_t poison[64 * KIB], stray[64 * KIB];
	struct xen_swiotlb_pool *pool;
	uint64_t rng = unit_seed();
	char *buf;

	dma_start(NULL);
	pool = pool_of(28);
	buf = buffer(64 * KIB);
	memset(poison, 0xee, sizeof(poison));
	memset(stray, 0xbb, sizeof(stray));
	for (unsigned int i = 0; i < 4000; i++) {
		bool spy = unit_random(&rng) % 2;
		struct xen_dma_limits l = {.mask = MASK(28),
					   .min_align_mask = aligns[unit_random(&rng) % 3],
					   .user = spy ? 2 : 1};
		size_t size = 1 + unit_random(&rng) % (i % 4 ? 3000 : 30000);
		char *orig = buf + unit_random(&rng) % 8192;
		enum xen_dma_dir dir = unit_random(&rng) % 3;
		bool skip = unit_random(&rng) % 2;
		dma_addr_t dma;

		memset(orig, 0x5a, size);
		dma = pool_map(pool, &l, "dev", orig, size, dir);
		padding_is_clean(dma, size, orig, spy ? 0xbb : 0);
		device_write(dma, poison, size);
		if (spy && unit_random(&rng) % 2) {
			/* Beside its buffer, too: it will be shown this itself at most. */
			dma_addr_t start = dma & ~(SLOT - 1);

			device_write(start, stray, ((dma + size + SLOT - 1) & ~(SLOT - 1)) - start);
			ck_assert(xen_swiotlb_unmap_single(dma, size, dir, skip));
			memset(orig, 0x5a, size);
			l.user = 1;
			dma = pool_map(pool, &l, "dev", orig, size, dir);
			padding_is_clean(dma, size, orig, 0);
			device_write(dma, poison, size);
		}
		ck_assert(xen_swiotlb_unmap_single(dma, size, dir, skip));
		ck_assert_int_eq(orig[size / 2], !skip && dir != XEN_DMA_TO_DEVICE &&
								 (uint8_t)orig[size / 2] == 0xee
							 ? (char)0xee
							 : (char)0x5a);
	}
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

/* The spy maps where the victim was, without writing anything itself. */
static void nothing_of_the_previous_owner(void)
{
	static const struct xen_dma_limits victim = {.mask = MASK(28), .user = 1};
	static const struct xen_dma_limits spy = {.mask = MASK(28), .user = 2};
	struct xen_swiotlb_pool *pool;
	uint8_t secret[SLOT], seen[SLOT];
	char *a, *b;
	dma_addr_t da, db;

	dma_start(NULL);
	pool = pool_of(28);
	a = buffer(4096);
	b = buffer(4096);
	memset(a, 's', SLOT);
	memset(b, 0, 4096);
	memset(secret, 's', sizeof(secret));
	for (size_t size = 1; size < SLOT; size += 61) {
		da = pool_map(pool, &victim, "victim", a, SLOT, XEN_DMA_TO_DEVICE);
		ck_assert(xen_swiotlb_unmap_single(da, SLOT, XEN_DMA_TO_DEVICE, false));
		db = pool_map(pool, &spy, "spy", b, size, XEN_DMA_FROM_DEVICE);
		ck_assert_uint_eq(da, db); /* it is the same slot */
		device_read(db, seen, SLOT);
		for (size_t i = 0; i < SLOT; i++)
			if (seen[i])
				ck_abort_msg("size %zu: stale byte at %zu", size, i);
		ck_assert(xen_swiotlb_unmap_single(db, size, XEN_DMA_FROM_DEVICE, false));
	}
	buffer_free(a, 4096);
	buffer_free(b, 4096);
	dma_stop();
}

/* The victim's buffer lies behind all that the spy's mapping held in the slot; what the spy wrote
 * beside its buffer is not shown to the victim either. */
static void nothing_in_front_of_the_buffer(void)
{
	static const struct xen_dma_limits spy = {
		.mask = MASK(28), .min_align_mask = SLOT - 1, .user = 1};
	static const struct xen_dma_limits victim = {
		.mask = MASK(28), .min_align_mask = SLOT - 1, .user = 2};
	struct xen_swiotlb_pool *pool;
	uint8_t stray[SLOT], seen[SLOT];
	dma_addr_t first, second;
	char *buf;

	dma_start(NULL);
	pool = pool_of(28);
	buf = buffer(4096);
	memset(buf, 0, 4096);
	memset(stray, 0xbb, sizeof(stray));
	first = pool_map(pool, &spy, "dev", buf + 100, 10, XEN_DMA_BIDIRECTIONAL);
	device_write(first - 100, stray, SLOT);
	ck_assert(xen_swiotlb_unmap_single(first, 10, XEN_DMA_BIDIRECTIONAL, true));
	second = pool_map(pool, &victim, "dev", buf + 1500, 10, XEN_DMA_BIDIRECTIONAL);
	ck_assert_uint_eq(second - 1500, first - 100); /* it is the same slot */
	device_read(second - 1500, seen, SLOT);
	for (size_t i = 0; i < SLOT; i++)
		if (seen[i])
			ck_abort_msg("stale byte at %zu", i);
	ck_assert(xen_swiotlb_unmap_single(second, 10, XEN_DMA_BIDIRECTIONAL, false));
	buffer_free(buf, 4096);
	dma_stop();
}

/* Drivers give their devices one name, and a device's structure is used again for the next. */
static void devices_are_not_told_by_name(void)
{
	static const char name[] = "edu";
	struct xen_dma_dev first, second;
	uint8_t note[SLOT], seen[SLOT];
	dma_addr_t dma, again;
	char *buf;

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 0, 4096);
	memset(note, 'n', sizeof(note));
	for (unsigned int reuse = 0; reuse < 2; reuse++) {
		struct xen_dma_dev *next = reuse ? &first : &second;

		ck_assert_int_eq(xen_dma_dev_init(&first, name, &xen_swiotlb_dma_ops, &bits28), 0);
		dma = xen_dma_map_single(&first, buf, 1, XEN_DMA_FROM_DEVICE, 0);
		ck_assert(xen_swiotlb_is_bounce(dma));
		device_write(dma, note, SLOT); /* beside its buffer */
		xen_dma_unmap(&first, dma, 1, XEN_DMA_FROM_DEVICE, 0);
		xen_dma_dev_fini(&first);
		ck_assert_int_eq(xen_dma_dev_init(next, name, &xen_swiotlb_dma_ops, &bits28), 0);
		again = xen_dma_map_single(next, buf, 1, XEN_DMA_TO_DEVICE, 0);
		ck_assert_uint_eq(again, dma); /* it is the same slot */
		device_read(again, seen, SLOT);
		for (size_t i = 1; i < SLOT; i++)
			if (seen[i])
				ck_abort_msg("the next device sees byte %zu of the first", i);
		xen_dma_unmap(next, again, 1, XEN_DMA_TO_DEVICE, 0);
		xen_dma_dev_fini(next);
	}
	buffer_free(buf, 4096);
	dma_stop();
}

static void three_bytes(void)
{
	uint64_t rng = unit_seed();
	uint8_t *buf, before[4096];
	dma_addr_t dma;

	dma_start(NULL);
	buf = buffer(4096);
	fill_random(buf, 4096, &rng);
	memcpy(before, buf, 4096);
	dma = pool_map(pool_of(28), &bits28, "dev", buf, 4096, XEN_DMA_FROM_DEVICE);
	device_write(dma + 1000, "xyz", 3);
	ck_assert(xen_swiotlb_unmap_single(dma, 4096, XEN_DMA_FROM_DEVICE, false));
	ck_assert_mem_eq(buf, before, 1000);
	ck_assert_mem_eq(buf + 1000, "xyz", 3);
	ck_assert_mem_eq(buf + 1003, before + 1003, 4096 - 1003);
	buffer_free(buf, 4096);
	dma_stop();
}

/* A device writes all over its slots: on unmap the buffer gets its own bytes of that, and what lies
 * beside it in memory nothing. */
static void nothing_beside_comes_back(void)
{
	static const struct {
		size_t at, size;
	} table[] = {{0, 1}, {100, 100}, {3000, 2048}, {4095, 2}, {64, 4000}};
	uint8_t *buf, want[8192], all[8192];
	struct xen_dma_limits l = {.mask = MASK(28), .min_align_mask = 4095};

	dma_start(NULL);
	buf = buffer(8192);
	memset(all, '!', sizeof(all));
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t at = table[i].at, size = table[i].size;
		dma_addr_t dma, first;

		memset(buf, '.', 8192);
		memset(want, '.', 8192);
		memset(want + at, '!', size);
		dma = pool_map(pool_of(28), &l, "dev", buf + at, size, XEN_DMA_FROM_DEVICE);
		first = dma & ~(SLOT - 1);
		device_write(first, all, ((dma + size + SLOT - 1) & ~(SLOT - 1)) - first);
		ck_assert(xen_swiotlb_unmap_single(dma, size, XEN_DMA_FROM_DEVICE, false));
		ck_assert_mem_eq(buf, want, 8192);
	}
	buffer_free(buf, 8192);
	dma_stop();
}

/* What is zeroed behind a buffer ends with its slot. */
static void neighbours_are_not_zeroed(void)
{
	struct xen_dma_limits l = {.mask = MASK(28), .user = 1};
	uint8_t seen[SLOT];
	dma_addr_t dma[2];
	char *buf;

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 'x', 4096);
	for (unsigned int i = 0; i < 2; i++)
		dma[i] = pool_map(pool_of(28), &l, "dev", buf, SLOT, XEN_DMA_TO_DEVICE);
	/* The lower one again, with less in it. */
	if (dma[0] > dma[1]) {
		dma_addr_t low = dma[1];

		dma[1] = dma[0];
		dma[0] = low;
	}
	ck_assert_uint_eq(dma[1], dma[0] + SLOT);
	ck_assert(xen_swiotlb_unmap_single(dma[0], SLOT, XEN_DMA_TO_DEVICE, false));
	ck_assert_uint_eq(pool_map(pool_of(28), &l, "dev", buf, 100, XEN_DMA_TO_DEVICE), dma[0]);
	device_read(dma[1], seen, SLOT);
	for (unsigned int i = 0; i < SLOT; i++)
		ck_assert_uint_eq(seen[i], 'x');
	ck_assert(xen_swiotlb_unmap_single(dma[0], 100, XEN_DMA_TO_DEVICE, false));
	ck_assert(xen_swiotlb_unmap_single(dma[1], SLOT, XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, 4096);
	dma_stop();
}

/* One device alone: of its own earlier buffers, too, nothing is left in the slot. */
static void nothing_of_own_buffers(void)
{
	static const size_t sizes[] = {100, 2000, 50, 1500, 1400, 1};
	struct xen_dma_limits l = {.mask = MASK(28), .user = 1};
	char *buf;

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 0x5a, 4096);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		dma_addr_t dma = pool_map(pool_of(28), &l, "dev", buf, sizes[i], XEN_DMA_TO_DEVICE);

		padding_is_clean(dma, sizes[i], buf, 0);
		ck_assert(xen_swiotlb_unmap_single(dma, sizes[i], XEN_DMA_TO_DEVICE, false));
	}
	buffer_free(buf, 4096);
	dma_stop();
}

/* The pool's pages were the kernel's in between: the same device sees nothing of that. */
static void nothing_of_the_kernel(void)
{
	struct xen_dma_limits l = {.mask = MASK(28), .user = 1};
	dma_addr_t dma;
	unsigned int nr;
	void **pages;
	char *buf;

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 0x5a, 4096);
	for (unsigned int i = 0; i < 2; i++) {
		dma = pool_map(pool_of(28), &l, "dev", buf, 100, XEN_DMA_TO_DEVICE);
		padding_is_clean(dma, 100, buf, 0);
		ck_assert(xen_swiotlb_unmap_single(dma, 100, XEN_DMA_TO_DEVICE, false));
		xen_swiotlb_trim(0);
		pages = take_pages(&nr, 0);
		for (unsigned int n = 0; n < nr; n++)
			memset(pages[n], 0x77, XEN_PAGE_SIZE);
		while (nr)
			xen_port_free_pages(pages[--nr], 0);
	}
	buffer_free(buf, 4096);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"CVE-2022-0854: a device sees its buffer and zeroes", no_stale_data},
	{"CVE-2022-0854: nothing of a slot's previous owner is left",
	 nothing_of_the_previous_owner},
	{"CVE-2022-0854: nothing stale in front of a buffer", nothing_in_front_of_the_buffer},
	{"a device is told by more than its name", devices_are_not_told_by_name},
	{"a device that writes 3 bytes of 4 KiB changes 3 bytes", three_bytes},
	{"CVE-2022-0854: nothing of a device's own earlier buffers is left",
	 nothing_of_own_buffers},
	{"CVE-2022-0854: nothing of what the kernel did with the pages is left",
	 nothing_of_the_kernel},
	{"what a device wrote beside its buffer does not come back", nothing_beside_comes_back},
	{"zeroing ends with the slot", neighbours_are_not_zeroed},
};

UNIT_MAIN("swiotlb-data", cases)
