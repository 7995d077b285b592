/* SPDX-License-Identifier: MIT */
/*
 * Bounce pools: where buffers lie, what a device can see in them, how pools grow, fail and shrink.
 * Faults that systems of this kind have had stand in the names of the cases that guard against them.
 */
#include "dma_test.h"

static const struct xen_dma_limits bits28 = {.mask = MASK(28)};
static const struct xen_dma_limits bits32 = {.mask = MASK(32)};

static dma_addr_t map(struct xen_swiotlb_pool *pool, const struct xen_dma_limits *limits,
		      const char *owner, const void *va, size_t size, enum xen_dma_dir dir)
{
	dma_addr_t dma = XEN_DMA_ERROR;

	ck_assert_int_eq(xen_swiotlb_map_single(pool, limits, owner, paddr_of(va), size, dir, &dma),
			 0);
	return dma;
}

static int try_map(struct xen_swiotlb_pool *pool, const struct xen_dma_limits *limits,
		   const void *va, size_t size)
{
	dma_addr_t dma = XEN_DMA_ERROR;
	int err = xen_swiotlb_map_single(pool, limits, "dev", paddr_of(va), size, XEN_DMA_TO_DEVICE,
					 &dma);

	if (!err)
		ck_assert(xen_swiotlb_unmap_single(dma, size, XEN_DMA_TO_DEVICE, false));
	else
		ck_assert_uint_eq(dma, XEN_DMA_ERROR);
	return err;
}

static void holds_the_original(void)
{
	static const unsigned int widths[] = {24, 28, 30, 32, 40, 64};
	uint64_t rng = unit_seed();
	char *buf, seen[5000];

	dma_start(NULL);
	buf = buffer(8192);
	fill_random(buf, 8192, &rng);
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		struct xen_dma_limits limits = {.mask = MASK(widths[i])};
		dma_addr_t dma =
			map(pool_of(widths[i]), &limits, "dev", buf + 17, 5000, XEN_DMA_TO_DEVICE);

		ck_assert_uint_le(dma + 4999, limits.mask);
		ck_assert(xen_swiotlb_is_bounce(dma));
		ck_assert(xen_swiotlb_is_bounce(dma + 4999));
		ck_assert(!xen_swiotlb_is_bounce(dma + 5000));
		device_read(dma, seen, 5000);
		ck_assert_mem_eq(seen, buf + 17, 5000);
		ck_assert(xen_swiotlb_unmap_single(dma, 5000, XEN_DMA_TO_DEVICE, false));
		ck_assert(!xen_swiotlb_is_bounce(dma));
	}
	buffer_free(buf, 8192);
	dma_stop();
}

static void pools_go_by_width(void)
{
	int err = 0;

	dma_start(NULL);
	ck_assert_ptr_eq(pool_of(33), pool_of(32));
	ck_assert_ptr_eq(pool_of(63), pool_of(32));
	ck_assert_ptr_ne(pool_of(31), pool_of(32));
	ck_assert_ptr_ne(pool_of(64), pool_of(32));
	ck_assert_uint_eq(pool_stats(0).address_bits, 32);
	ck_assert_uint_eq(pool_stats(1).address_bits, 31);
	ck_assert_uint_eq(pool_stats(2).address_bits, 64);
	ck_assert(!xen_swiotlb_stats(3, &(struct xen_swiotlb_stats){0}));
	for (unsigned int bits = 13; bits <= 64; bits++)
		ck_assert_ptr_nonnull(pool_of(bits));
	ck_assert_ptr_null(xen_swiotlb_pool_get(MASK(12), &err));
	ck_assert_int_eq(err, -XEN_EINVAL);
	err = 0;
	ck_assert_ptr_null(xen_swiotlb_pool_get(0, &err));
	ck_assert_int_eq(err, -XEN_EINVAL);
	err = 0;
	ck_assert_ptr_null(xen_swiotlb_pool_get(0xfffffffe, &err));
	ck_assert_int_eq(err, -XEN_EINVAL);
	ck_assert_uint_eq(pool_stats(0).bytes, 0);
	dma_stop();
}

static void settings_are_checked(void)
{
	struct xen_swiotlb_config c = {.max_bytes = MIB, .initial_bytes = 2 * MIB};

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&c), -XEN_EINVAL);
	c = (struct xen_swiotlb_config){.max_segment_order = 10};
	ck_assert_int_eq(xen_swiotlb_configure(&c), -XEN_EINVAL);
	c = (struct xen_swiotlb_config){.max_segment_order = 2};
	ck_assert_int_eq(xen_swiotlb_configure(&c), -XEN_EINVAL);
	c = (struct xen_swiotlb_config){.max_bytes = 16 * KIB};
	ck_assert_int_eq(xen_swiotlb_configure(&c), -XEN_EINVAL);
	c = (struct xen_swiotlb_config){.max_bytes = MIB, .initial_bytes = 512 * KIB};
	ck_assert_int_eq(xen_swiotlb_configure(&c), 0);
	pool_of(32);
	ck_assert_uint_ge(pool_stats(0).bytes, 512 * KIB);
	ck_assert_int_eq(xen_swiotlb_configure(&c), -XEN_EBUSY);
	ck_assert_uint_eq(xen_swiotlb_trim(0), 0);
	ck_assert_uint_ge(pool_stats(0).bytes, 512 * KIB);
	dma_stop();
}

/* --- placement: an oracle of taken slots over 10^5 random operations ------------------------- */

#define ORACLE_MAPS 400
#define ORACLE_OPS 100000
#define MACHINE_SLOTS (MIB) /* slots of 2 GiB of machine memory */

struct oracle_map {
	dma_addr_t dma;
	size_t size;
	struct xen_dma_limits limits;
	uint32_t mark;
};
static struct oracle_map live[ORACLE_MAPS];
static uint8_t taken[MACHINE_SLOTS];

static struct xen_dma_limits random_limits(uint64_t *rng)
{
	static const unsigned int widths[] = {28, 32, 64};
	static const uint64_t boundaries[] = {0, 0, 4095, 0xffff, 0xfffff};
	static const uint64_t aligns[] = {0, 0, 511, 2047, 4095, 0xffff};

	unsigned int width = widths[unit_random(rng) % 3];

	return (struct xen_dma_limits){
		.mask = MASK(width),
		.boundary_mask = boundaries[unit_random(rng) % 5],
		.min_align_mask = aligns[unit_random(rng) % 6],
	};
}

static size_t random_size(uint64_t *rng)
{
	switch (unit_random(rng) % 8) {
	case 0:
		return 1 + unit_random(rng) % (200 * KIB);
	case 1:
	case 2:
		return 1 + unit_random(rng) % (20 * KIB);
	default:
		return 1 + unit_random(rng) % 4096;
	}
}

/* May the limits be met at all, wherever the pool has room? */
static bool placeable(const struct xen_dma_limits *l, paddr_t orig, size_t size)
{
	uint64_t at = orig & l->min_align_mask;

	if (l->boundary_mask && (at & l->boundary_mask) + size - 1 > l->boundary_mask)
		return false;
	return true;
}

static void set_slots(const struct oracle_map *m, bool set)
{
	for (uint64_t s = m->dma / SLOT; s <= (m->dma + m->size - 1) / SLOT; s++) {
		if (s >= MACHINE_SLOTS || taken[s] == set)
			ck_abort_msg("slot at %llx is shared or lost",
				     (unsigned long long)(s * SLOT));
		taken[s] = set;
	}
}

static void check_placement(const struct oracle_map *m, paddr_t orig)
{
	const struct xen_dma_limits *l = &m->limits;

	ck_assert_uint_le(m->dma + m->size - 1, l->mask);
	ck_assert_uint_eq((m->dma ^ orig) & l->min_align_mask, 0);
	if (l->boundary_mask)
		ck_assert_uint_eq(m->dma & ~l->boundary_mask,
				  (m->dma + m->size - 1) & ~l->boundary_mask);
}

/* The device marks both ends of its buffer; nobody else may change them. */
static void mark(struct oracle_map *m, bool put)
{
	uint8_t first = (uint8_t)m->mark, last = (uint8_t)(m->mark >> 8), seen[2];

	if (put) {
		device_write(m->dma, &first, 1);
		device_write(m->dma + m->size - 1, &last, 1);
		return;
	}
	device_read(m->dma, &seen[0], 1);
	device_read(m->dma + m->size - 1, &seen[1], 1);
	ck_assert_uint_eq(seen[1], last);
	if (m->size > 1)
		ck_assert_uint_eq(seen[0], first);
}

static void oracle_end(struct oracle_map *m)
{
	mark(m, false);
	set_slots(m, false);
	ck_assert(xen_swiotlb_unmap_single(m->dma, m->size, XEN_DMA_TO_DEVICE, false));
	m->size = 0;
}

static int oracle_begin(struct oracle_map *m, const char *orig, uint64_t *rng)
{
	size_t size = random_size(rng);
	paddr_t paddr = paddr_of(orig) + unit_random(rng) % (MIB - size);
	int err;

	m->limits = random_limits(rng);
	err = xen_swiotlb_map_single(xen_swiotlb_pool_get(m->limits.mask, &err), &m->limits, "dev",
				     paddr, size, XEN_DMA_TO_DEVICE, &m->dma);
	if (!placeable(&m->limits, paddr, size)) {
		ck_assert_int_eq(err, -XEN_EINVAL);
		return err;
	}
	if (err) {
		ck_assert_int_eq(err, -XEN_ENOSPC); /* the limit, and no other reason */
		return err;
	}
	m->size = size;
	m->mark = (uint32_t)unit_random(rng);
	check_placement(m, paddr);
	set_slots(m, true);
	mark(m, true);
	return 0;
}

static void disjoint(void)
{
	static const struct model_params params = {.nr_pages = 8192, .nr_cpus = 4};
	static const struct xen_swiotlb_config config = {.max_bytes = 4 * MIB};
	uint64_t rng = unit_seed(), maps = 0, full = 0;
	char *orig;

	dma_start(&params);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	orig = buffer(MIB);
	for (unsigned int op = 0; op < ORACLE_OPS; op++) {
		struct oracle_map *m = &live[unit_random(&rng) % ORACLE_MAPS];

		model_set_cpu(unit_random(&rng) % 4);
		if (m->size)
			oracle_end(m);
		else if (oracle_begin(m, orig, &rng) == 0)
			maps++;
		else
			full++;
		if (op % 20000 == 19999)
			xen_swiotlb_trim(0);
	}
	ck_assert_uint_gt(maps, ORACLE_OPS / 4);
	ck_assert_uint_gt(full, 0); /* the limit was met, too */
	for (unsigned int i = 0; i < ORACLE_MAPS; i++)
		if (live[i].size)
			oracle_end(&live[i]);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_uint_eq(pool_stats(i).bytes_used, 0);
		ck_assert_uint_le(pool_stats(i).bytes_held_high, 4 * MIB);
	}
	buffer_free(orig, MIB);
	dma_stop();
}

static void whole_again(void)
{
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma[256];
	char *buf;

	dma_start(NULL);
	pool = pool_of(32);
	buf = buffer(512 * KIB);
	for (unsigned int i = 0; i < 256; i++)
		dma[i] = map(pool, &bits32, "dev", buf, 1 + i * 7, XEN_DMA_TO_DEVICE);
	for (unsigned int i = 0; i < 256; i++)
		ck_assert(xen_swiotlb_unmap_single(dma[i * 37 % 256], 1 + (i * 37 % 256) * 7,
						   XEN_DMA_TO_DEVICE, false));
	/* All merged: a mapping as large as a segment fits without growing. */
	ck_assert_uint_ge(pool_stats(0).largest_free, 256 * KIB);
	dma[0] = map(pool, &bits32, "dev", buf, pool_stats(0).largest_free, XEN_DMA_TO_DEVICE);
	ck_assert(xen_swiotlb_unmap_single(dma[0], pool_stats(0).bytes_mapped, XEN_DMA_TO_DEVICE,
					   false));
	ck_assert_uint_eq(pool_stats(0).bytes_used, 0);
	buffer_free(buf, 512 * KIB);
	dma_stop();
}

/* A request is given the slots that it touches and no more. */
static void exact_slots(void)
{
	static const struct {
		size_t size, slots;
		uint64_t align;
		size_t offset;
	} rows[] = {
		{1, 1, 0, 0},	      {2048, 1, 0, 0},	      {2049, 2, 0, 0},
		{4096, 2, 0, 100},    {5 * 2048, 5, 0, 0},    {4096, 2, 4095, 0},
		{4096, 3, 4095, 100}, {512, 1, 4095, 0xa00},  {512, 2, 4095, 0x7f0},
		{100, 1, 0xffff, 8},  {65536, 33, 0xffff, 8},
	};
	struct xen_swiotlb_pool *pool;
	char *buf;

	dma_start(NULL);
	pool = pool_of(32);
	buf = buffer(256 * KIB);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct xen_dma_limits l = {.mask = MASK(32), .min_align_mask = rows[i].align};
		dma_addr_t dma =
			map(pool, &l, "dev", buf + rows[i].offset, rows[i].size, XEN_DMA_TO_DEVICE);

		ck_assert_uint_eq(pool_stats(0).bytes_used, rows[i].slots * SLOT);
		ck_assert(xen_swiotlb_unmap_single(dma, rows[i].size, XEN_DMA_TO_DEVICE, false));
	}
	buffer_free(buf, 256 * KIB);
	dma_stop();
}

/* --- data ------------------------------------------------------------------------------------ */

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
	static const char *const owners[] = {"victim", "spy"};
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
		const char *owner = owners[unit_random(&rng) % 2];
		struct xen_dma_limits l = {.mask = MASK(28),
					   .min_align_mask = aligns[unit_random(&rng) % 3]};
		size_t size = 1 + unit_random(&rng) % (i % 4 ? 3000 : 30000);
		char *orig = buf + unit_random(&rng) % 8192;
		enum xen_dma_dir dir = unit_random(&rng) % 3;
		bool skip = unit_random(&rng) % 2;
		dma_addr_t dma;

		memset(orig, 0x5a, size);
		dma = map(pool, &l, owner, orig, size, dir);
		padding_is_clean(dma, size, orig, owner == owners[1] ? 0xbb : 0);
		device_write(dma, poison, size);
		if (owner == owners[1] && unit_random(&rng) % 2) {
			/* Beside its buffer, too: it will be shown this itself at most. */
			dma_addr_t start = dma & ~(SLOT - 1);

			device_write(start, stray, ((dma + size + SLOT - 1) & ~(SLOT - 1)) - start);
			ck_assert(xen_swiotlb_unmap_single(dma, size, dir, skip));
			memset(orig, 0x5a, size);
			dma = map(pool, &l, owners[0], orig, size, dir);
			padding_is_clean(dma, size, orig, 0);
			device_write(dma, poison, size);
		}
		ck_assert(xen_swiotlb_unmap_single(dma, size, dir, skip));
		ck_assert_int_eq(orig[size / 2], !skip && dir != XEN_DMA_TO_DEVICE &&
								 (uint8_t)orig[size / 2] == 0xee
							 ? (char)0xee
							 : (char)0x5a);
	}
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

/* The spy maps where the victim was, without writing anything itself. */
static void nothing_of_the_previous_owner(void)
{
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
		da = map(pool, &bits28, "victim", a, SLOT, XEN_DMA_TO_DEVICE);
		ck_assert(xen_swiotlb_unmap_single(da, SLOT, XEN_DMA_TO_DEVICE, false));
		db = map(pool, &bits28, "spy", b, size, XEN_DMA_FROM_DEVICE);
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

static void three_bytes(void)
{
	uint64_t rng = unit_seed();
	uint8_t *buf, before[4096];
	dma_addr_t dma;

	dma_start(NULL);
	buf = buffer(4096);
	fill_random(buf, 4096, &rng);
	memcpy(before, buf, 4096);
	dma = map(pool_of(28), &bits28, "dev", buf, 4096, XEN_DMA_FROM_DEVICE);
	device_write(dma + 1000, "xyz", 3);
	ck_assert(xen_swiotlb_unmap_single(dma, 4096, XEN_DMA_FROM_DEVICE, false));
	ck_assert_mem_eq(buf, before, 1000);
	ck_assert_mem_eq(buf + 1000, "xyz", 3);
	ck_assert_mem_eq(buf + 1003, before + 1003, 4096 - 1003);
	buffer_free(buf, 4096);
	dma_stop();
}

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
		dma = map(pool, &bits28, "dev", buf, size, dir);
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
	dma = map(pool_of(28), &bits28, "dev", buf + 100, 200, XEN_DMA_BIDIRECTIONAL);
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

static void misuse_is_harmless(void)
{
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma;
	uint8_t *buf;

	dma_start(NULL);
	pool = pool_of(28);
	buf = buffer(8192);
	memset(buf, 7, 8192);
	dma = map(pool, &bits28, "dev", buf, 6000, XEN_DMA_FROM_DEVICE);
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
	ck_assert(!xen_swiotlb_is_bounce(XEN_DMA_ERROR));
	ck_assert_uint_gt(model_log_lines(XEN_LOG_ERROR), 0);
	ck_assert_uint_eq(pool_stats(0).bytes_used, 0);
	buffer_free(buf, 8192);
	dma_stop();
}

static void original_must_be_ram(void)
{
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma;

	dma_start(NULL);
	pool = pool_of(32);
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

/* --- exhaustion ------------------------------------------------------------------------------ */

static void last_log_says(const char *text)
{
	ck_assert_msg(strstr(model_last_log(), text), "'%s' does not say '%s'", model_last_log(),
		      text);
}

static void too_big_and_no_place(void)
{
	struct xen_dma_limits l = {.mask = MASK(32), .boundary_mask = 4095};
	struct xen_swiotlb_pool *pool;
	char *buf;

	dma_start(NULL);
	pool = pool_of(32);
	buf = buffer(4 * MIB);
	ck_assert_uint_eq(xen_swiotlb_max_mapping(&bits32), 2 * MIB);
	ck_assert_int_eq(try_map(pool, &bits32, buf, 2 * MIB), 0);
	ck_assert_int_eq(try_map(pool, &bits32, buf, 2 * MIB + 1), -XEN_E2BIG);
	last_log_says("larger than a segment");

	ck_assert_uint_eq(xen_swiotlb_max_mapping(&l), 4096);
	ck_assert_int_eq(try_map(pool, &l, buf + 100, 4096), 0);
	ck_assert_int_eq(try_map(pool, &l, buf, 4097), -XEN_EINVAL);
	last_log_says("boundary and alignment");
	l.min_align_mask = 511;
	ck_assert_uint_eq(xen_swiotlb_max_mapping(&l), 4096 - 511);
	ck_assert_int_eq(try_map(pool, &l, buf + 511, 4096 - 511), 0);
	ck_assert_int_eq(try_map(pool, &l, buf + 511, 4096 - 510), -XEN_EINVAL);

	/* The alignment alone may push it out of the largest segment. */
	l = (struct xen_dma_limits){.mask = MASK(32), .min_align_mask = 0xffff};
	ck_assert_int_eq(try_map(pool, &l, buf + 1, 2 * MIB), -XEN_EINVAL);
	ck_assert_int_eq(try_map(pool, &l, buf + 0xffff, xen_swiotlb_max_mapping(&l)), 0);
	/* A pool that reaches beyond the device's addresses is the caller's mistake. */
	ck_assert_int_eq(try_map(pool, &bits28, buf, 100), -XEN_EINVAL);
	ck_assert_uint_eq(pool_stats(0).fail_too_big, 1);
	ck_assert_uint_eq(pool_stats(0).fail_no_placement, 4);
	buffer_free(buf, 4 * MIB);
	dma_stop();
}

static void full_and_fragmented(void)
{
	static const struct xen_swiotlb_config config = {.max_bytes = 256 * KIB};
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma[128];
	char *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	pool = pool_of(32);
	buf = buffer(256 * KIB);
	for (unsigned int i = 0; i < 128; i++)
		dma[i] = map(pool, &bits32, i % 4 ? "hog" : "other", buf, SLOT, XEN_DMA_TO_DEVICE);
	ck_assert_int_eq(try_map(pool, &bits32, buf, 1), -XEN_ENOSPC);
	last_log_says("pool full");
	last_log_says("262144 of 262144");
	last_log_says("hog: 196608");

	/* Every second one free: half the pool, and no two slots in a row. */
	for (unsigned int i = 0; i < 128; i++)
		if ((dma[i] / SLOT) % 2)
			ck_assert(xen_swiotlb_unmap_single(dma[i], SLOT, XEN_DMA_TO_DEVICE, false));
	ck_assert_uint_eq(pool_stats(0).largest_free, SLOT);
	model_clock_advance(2000000000);
	ck_assert_int_eq(try_map(pool, &bits32, buf, SLOT), 0);
	ck_assert_int_eq(try_map(pool, &bits32, buf, SLOT + 1), -XEN_ENOSPC);
	last_log_says("fragmented at its limit");
	ck_assert_uint_eq(pool_stats(0).fail_full, 2);
	for (unsigned int i = 0; i < 128; i++)
		if (!((dma[i] / SLOT) % 2))
			ck_assert(xen_swiotlb_unmap_single(dma[i], SLOT, XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, 256 * KIB);
	dma_stop();
}

static void no_machine_memory(void)
{
	struct xen_swiotlb_pool *pool;
	char *buf;

	dma_start(NULL);
	pool = pool_of(24);
	buf = buffer(4096);
	model_reserve_below(24);
	ck_assert_int_eq(try_map(pool, &(struct xen_dma_limits){.mask = MASK(24)}, buf, 100),
			 -XEN_ENOMEM);
	last_log_says("no machine memory");
	ck_assert_uint_eq(pool_stats(0).fail_no_memory, 1);
	ck_assert_uint_eq(pool_stats(0).bytes, 0);
	ck_assert(model_check());
	model_reserve_below(0);
	ck_assert_int_eq(try_map(pool, &(struct xen_dma_limits){.mask = MASK(24)}, buf, 100), 0);
	buffer_free(buf, 4096);
	dma_stop();
}

/* Take all of the port's pages; those of @keep and every @keep-th further one stay free. */
static void **take_pages(unsigned int *nr, unsigned int keep)
{
	static void *pages[8192];
	unsigned int n = 0, kept = 0;

	while (n < 8192 && (pages[n] = xen_port_alloc_pages(0)))
		n++;
	for (unsigned int i = 0; keep && i < n; i++) {
		if (pfn_x(xen_port_virt_to_pfn(pages[i])) % keep == 0) {
			xen_port_free_pages(pages[i], 0);
			continue;
		}
		pages[kept++] = pages[i];
	}
	*nr = keep ? kept : n;
	return pages;
}

static void no_guest_memory(void)
{
	struct xen_swiotlb_pool *pool;
	unsigned int nr;
	void **pages;
	char *buf;

	dma_start(NULL);
	pool = pool_of(28);
	buf = buffer(4096);
	pages = take_pages(&nr, 0);
	ck_assert_int_eq(try_map(pool, &bits28, buf, 100), -XEN_ENOMEM);
	last_log_says("guest out of memory");
	while (nr)
		xen_port_free_pages(pages[--nr], 0);

	pages = take_pages(&nr, 2);
	model_clock_advance(2000000000);
	ck_assert_int_eq(try_map(pool, &bits28, buf, 100), -XEN_ENOMEM);
	last_log_says("guest memory fragmented");
	while (nr)
		xen_port_free_pages(pages[--nr], 0);
	buffer_free(buf, 4096);
	dma_stop();
}

static void one_line_a_second(void)
{
	struct xen_swiotlb_pool *pool;
	unsigned int lines;
	char *buf;

	dma_start(NULL);
	pool = pool_of(32);
	buf = buffer(4096);
	model_clock_advance(5000000000);
	for (unsigned int i = 0; i < 100000; i++)
		ck_assert_int_eq(try_map(pool, &bits32, buf, 3 * MIB), -XEN_E2BIG);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	for (unsigned int i = 0; i < 10; i++) {
		model_clock_advance(500000000);
		try_map(pool, &bits32, buf, 3 * MIB);
	}
	lines = model_log_lines(XEN_LOG_ERROR);
	ck_assert_uint_ge(lines, 5);
	ck_assert_uint_le(lines, 6);
	ck_assert_uint_eq(pool_stats(0).fail_too_big, 100010);
	buffer_free(buf, 4096);
	dma_stop();
}

/* --- growing and shrinking ------------------------------------------------------------------- */

/* Every call that growth makes fails once, in turn: nothing is left behind, and the next works. */
static void growth_fails_cleanly(void)
{
	static const enum model_call kinds[] = {MODEL_MEMORY_OP, MODEL_ALLOC, MODEL_ALLOC_PAGES};
	static const struct xen_swiotlb_config config = {.max_segment_order = 3};
	struct xen_swiotlb_pool *pool;
	char *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	pool = pool_of(28);
	buf = buffer(4096);
	for (unsigned int k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		int failures = 0;

		for (uint64_t nth = 1; nth < 8; nth++) {
			struct model_allocs before = model_allocs(), after;
			int err;

			model_fail(kinds[k], nth, -XEN_ENOMEM);
			err = try_map(pool, &bits28, buf, 100);
			model_fail(kinds[k], 0, 0);
			ck_assert(err == 0 || err == -XEN_ENOMEM);
			failures += err != 0;
			xen_swiotlb_trim(0);
			ck_assert_uint_eq(pool_stats(0).bytes, 0);
			after = model_allocs();
			ck_assert_uint_eq(after.pages, before.pages);
			ck_assert(model_check());
			ck_assert_int_eq(try_map(pool, &bits28, buf, 100), 0);
			xen_swiotlb_trim(0);
		}
		ck_assert_int_gt(failures, 0);
	}
	buffer_free(buf, 4096);
	dma_stop();
}

static void half_an_exchange(void)
{
	struct xen_swiotlb_pool *pool;
	unsigned int nr;
	uint64_t calls;
	void **pages;
	char *buf;

	dma_start(NULL);
	pool = pool_of(28);
	buf = buffer(4096);
	/* In the guest's memory there is nothing above 32 KiB in one piece. */
	pages = take_pages(&nr, 0);
	for (unsigned int i = 0; i < nr; i++)
		if (pages[i] && pfn_x(xen_port_virt_to_pfn(pages[i])) % 16 < 8) {
			xen_port_free_pages(pages[i], 0);
			pages[i] = NULL;
		}
	for (unsigned int stop = 0; stop <= 8; stop++) {
		model_exchange_stops_after(stop);
		calls = model_calls(MODEL_MEMORY_OP);
		ck_assert_int_eq(try_map(pool, &bits28, buf, 100), stop ? 0 : -XEN_ENOMEM);
		calls = model_calls(MODEL_MEMORY_OP) - calls;
		ck_assert_uint_eq(pool_stats(0).bytes, stop * 32 * KIB);
		if (stop == 8)
			ck_assert_uint_eq(calls, 1); /* eight segments, one exchange */
		ck_assert(model_check());
		model_exchange_stops_after(~0ULL);
		ck_assert_uint_eq(xen_swiotlb_trim(0), stop * 32 * KIB);
	}
	while (nr)
		if (pages[--nr])
			xen_port_free_pages(pages[nr], 0);
	buffer_free(buf, 4096);
	dma_stop();
}

static void lucky_pages_need_no_exchange(void)
{
	static const struct model_params params = {.contiguous = true};
	char *buf;

	dma_start(&params);
	buf = buffer(4096);
	ck_assert_int_eq(try_map(pool_of(64), &(struct xen_dma_limits){.mask = MASK(64)}, buf, 100),
			 0);
	ck_assert_uint_eq(model_hypercalls(), 0);
	buffer_free(buf, 4096);
	dma_stop();
}

/* Luck is not enough without alignment: slots would cross boundaries. */
static void unaligned_luck_is_none(void)
{
	static const struct model_params params = {.contiguous = true, .nr_pages = 4096 + 5};
	struct xen_dma_limits l = {.mask = MASK(64), .boundary_mask = 0xffff};
	dma_addr_t dma[4];
	char *buf;

	dma_start(&params);
	buf = buffer(64 * KIB);
	for (unsigned int i = 0; i < 4; i++) {
		dma[i] = map(pool_of(64), &l, "dev", buf, 64 * KIB, XEN_DMA_TO_DEVICE);
		ck_assert_uint_eq(dma[i] & 0xffff, 0);
	}
	ck_assert_uint_gt(model_hypercalls(), 0);
	for (unsigned int i = 0; i < 4; i++)
		ck_assert(xen_swiotlb_unmap_single(dma[i], 64 * KIB, XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

static void steady_state_makes_no_hypercall(void)
{
	struct xen_swiotlb_pool *pool;
	uint64_t calls;
	char *buf;

	dma_start(NULL);
	pool = pool_of(28);
	buf = buffer(64 * KIB);
	ck_assert_int_eq(try_map(pool, &bits28, buf, 64 * KIB), 0);
	calls = model_hypercalls();
	for (unsigned int i = 0; i < 1000; i++)
		ck_assert_int_eq(try_map(pool, &bits28, buf, 1 + i * 60), 0);
	ck_assert_uint_eq(model_hypercalls(), calls);
	ck_assert_uint_eq(pool_stats(0).maps, 1001);
	ck_assert_uint_eq(pool_stats(0).grown, 1);
	ck_assert_uint_eq(pool_stats(0).bytes_high, 64 * KIB);
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

static void grows_to_the_limit_and_back(void)
{
	static const struct model_params params = {.nr_pages = 8192};
	static const struct xen_swiotlb_config config = {.max_bytes = 6 * MIB};
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma[3072];
	unsigned int n = 0;
	char *buf;

	dma_start(&params);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	pool = pool_of(32);
	buf = buffer(4096);
	for (; n < 3072; n++)
		dma[n] = map(pool, &bits32, "dev", buf, SLOT, XEN_DMA_TO_DEVICE);
	ck_assert_int_eq(try_map(pool, &bits32, buf, SLOT), -XEN_ENOSPC);
	ck_assert_uint_eq(pool_stats(0).bytes, 6 * MIB);
	ck_assert_uint_eq(pool_stats(0).bytes_used, 6 * MIB);
	ck_assert_uint_le(pool_stats(0).segments, 8); /* it doubled */
	ck_assert_uint_eq(xen_swiotlb_trim(0), 0);
	ck_assert_int_eq(xen_swiotlb_fini(), -XEN_EBUSY);
	while (n)
		ck_assert(xen_swiotlb_unmap_single(dma[--n], SLOT, XEN_DMA_TO_DEVICE, false));

	ck_assert_uint_eq(xen_swiotlb_trim(1000), 0); /* not idle for long */
	model_clock_advance(999);
	ck_assert_uint_eq(xen_swiotlb_trim(1000), 0);
	model_clock_advance(1);
	ck_assert_uint_eq(xen_swiotlb_trim(1000), 6 * MIB);
	ck_assert_uint_eq(pool_stats(0).bytes, 0);
	ck_assert_uint_eq(pool_stats(0).shrunk, pool_stats(0).grown);
	ck_assert(model_check());
	buffer_free(buf, 4096);
	dma_stop();
}

/* Areas: what another CPU's area has is used before the pool grows. */
static void other_areas_first(void)
{
	static const struct model_params params = {.nr_cpus = 4};
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma[4];
	char *buf;

	dma_start(&params);
	pool = pool_of(32);
	buf = buffer(4096);
	for (unsigned int cpu = 0; cpu < 4; cpu++) {
		model_set_cpu(cpu);
		dma[cpu] = map(pool, &bits32, "dev", buf, 4096, XEN_DMA_TO_DEVICE);
	}
	ck_assert_uint_eq(pool_stats(0).segments, 1);
	for (unsigned int cpu = 0; cpu < 4; cpu++)
		ck_assert(xen_swiotlb_unmap_single(dma[cpu], 4096, XEN_DMA_TO_DEVICE, false));
	buffer_free(buf, 4096);
	dma_stop();
}

struct sum {
	uint64_t bytes[20];
	unsigned int visits;
};

static void add_holder(const char *owner, uint64_t bytes, void *arg)
{
	struct sum *sum = arg;

	sum->bytes[owner[0] - 'a'] += bytes;
	sum->visits++;
}

static void holders_are_named_once(void)
{
	static const char owners[20][2] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
					   "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
	struct xen_swiotlb_pool *pool;
	dma_addr_t dma[20][2];
	struct sum sum = {0};
	char *buf;

	dma_start(NULL);
	pool = pool_of(32);
	buf = buffer(64 * KIB);
	for (unsigned int i = 0; i < 20; i++)
		for (unsigned int j = 0; j < 2; j++)
			dma[i][j] = map(pool, &bits32, owners[(i * 7) % 20], buf,
					((i * 7) % 20 + 1) * SLOT, XEN_DMA_TO_DEVICE);
	xen_swiotlb_holders(0, add_holder, &sum);
	ck_assert_uint_eq(sum.visits, 20);
	for (unsigned int i = 0; i < 20; i++)
		ck_assert_uint_eq(sum.bytes[i], 2 * (i + 1) * SLOT);
	for (unsigned int i = 0; i < 20; i++)
		for (unsigned int j = 0; j < 2; j++)
			ck_assert(xen_swiotlb_unmap_single(dma[i][j], ((i * 7) % 20 + 1) * SLOT,
							   XEN_DMA_TO_DEVICE, false));
	sum = (struct sum){0};
	xen_swiotlb_holders(0, add_holder, &sum);
	ck_assert_uint_eq(sum.visits, 0);
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

/* --- two CPUs at once (to be run under SAN=tsan, too) ---------------------------------------- */

struct worker {
	pthread_t thread;
	unsigned int cpu;
	uint64_t rng;
	uint8_t *buf;
	unsigned int errors, maps;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	const char *owner = w->cpu ? "one" : "zero";

	model_set_cpu(w->cpu);
	for (unsigned int i = 0; i < 3000; i++) {
		size_t size = 1 + unit_random(&w->rng) % (i % 8 ? 4096 : 60000);
		uint8_t tag = (uint8_t)unit_random(&w->rng), seen = 0;
		dma_addr_t dma;
		int err;

		memset(w->buf, tag, size);
		if (xen_swiotlb_map_single(xen_swiotlb_pool_get(MASK(28), &err), &bits28, owner,
					   paddr_of(w->buf), size, XEN_DMA_BIDIRECTIONAL, &dma))
			continue;
		w->maps++;
		w->errors += !model_dma_read(dma + size - 1, &seen, 1) || seen != tag;
		tag ^= 0xff;
		w->errors += !model_dma_write(dma + size - 1, &tag, 1);
		xen_swiotlb_sync_single(dma + size - 1, 1, XEN_DMA_BIDIRECTIONAL, true);
		w->errors += w->buf[size - 1] != tag;
		w->errors += !xen_swiotlb_is_bounce(dma);
		xen_swiotlb_is_bounce(dma ^ SLOT); /* the other's, perhaps */
		w->errors += !xen_swiotlb_unmap_single(dma, size, XEN_DMA_BIDIRECTIONAL, i % 2);
		if (i % 500 == 499)
			xen_swiotlb_trim(0);
		if (i % 100 == 99) {
			struct xen_swiotlb_stats stats;

			xen_swiotlb_stats(0, &stats);
		}
	}
	return NULL;
}

static void two_cpus(void)
{
	static const struct model_params params = {.nr_cpus = 2};
	static const struct xen_swiotlb_config config = {.max_bytes = MIB};
	struct worker w[2] = {0};

	dma_start(&params);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	for (unsigned int i = 0; i < 2; i++) {
		w[i].cpu = i;
		w[i].rng = unit_seed() + i;
		w[i].buf = buffer(64 * KIB);
	}
	for (unsigned int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_uint_eq(w[i].errors, 0);
		ck_assert_uint_eq(w[i].maps, 3000);
		buffer_free(w[i].buf, 64 * KIB);
	}
	ck_assert_uint_eq(pool_stats(0).bytes_used, 0);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"a bounce buffer holds the original below the pool's width", holds_the_original},
	{"pools go by address width", pools_go_by_width},
	{"settings are checked", settings_are_checked},
	{"CVE-2024-35814 CVE-2023-52790: 10^5 random maps are disjoint, in bounds and aligned",
	 disjoint},
	{"freed slots become one again", whole_again},
	{"a mapping holds the slots that it touches", exact_slots},
	{"CVE-2022-0854: a device sees its buffer and zeroes", no_stale_data},
	{"CVE-2022-0854: nothing of a slot's previous owner is left",
	 nothing_of_the_previous_owner},
	{"a device that writes 3 bytes of 4 KiB changes 3 bytes", three_bytes},
	{"all directions and partial syncs agree with flat memory", flat_memory},
	{"a sync is cut to its mapping", sync_is_cut},
	{"misuse is harmless", misuse_is_harmless},
	{"the original must be RAM", original_must_be_ram},
	{"what cannot be placed is refused", too_big_and_no_place},
	{"a full and a fragmented pool say so", full_and_fragmented},
	{"a machine without memory says so", no_machine_memory},
	{"a guest without memory says so", no_guest_memory},
	{"one line a second for each cause", one_line_a_second},
	{"growth that fails leaves nothing behind", growth_fails_cleanly},
	{"half an exchange makes half the segments", half_an_exchange},
	{"pages that are contiguous by luck need no exchange", lucky_pages_need_no_exchange},
	{"pages that are contiguous but not aligned are exchanged", unaligned_luck_is_none},
	{"the steady state makes no hypercall", steady_state_makes_no_hypercall},
	{"a pool grows to its limit and back", grows_to_the_limit_and_back},
	{"other areas are tried before the pool grows", other_areas_first},
	{"each holder is named once", holders_are_named_once},
	{"two CPUs at once", two_cpus},
};

UNIT_MAIN("swiotlb", cases)
