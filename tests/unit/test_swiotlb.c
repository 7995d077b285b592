/* SPDX-License-Identifier: MIT */
/*
 * Bounce pools: which pool serves whom, and where buffers lie.
 * Faults that systems of this kind have had stand in the names of the cases that guard
 * against them.
 */
#include "dma_test.h"

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
		dma_addr_t dma = pool_map(pool_of(widths[i]), &limits, "dev", buf + 17, 5000,
					  XEN_DMA_TO_DEVICE);

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

/* Placement: an oracle of taken slots over 10^5 random operations. */

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
		dma[i] = pool_map(pool, &bits32, "dev", buf, 1 + i * 7, XEN_DMA_TO_DEVICE);
	for (unsigned int i = 0; i < 256; i++)
		ck_assert(xen_swiotlb_unmap_single(dma[i * 37 % 256], 1 + (i * 37 % 256) * 7,
						   XEN_DMA_TO_DEVICE, false));
	/* All merged: a mapping as large as a segment fits without growing. */
	ck_assert_uint_ge(pool_stats(0).largest_free, 256 * KIB);
	dma[0] = pool_map(pool, &bits32, "dev", buf, pool_stats(0).largest_free, XEN_DMA_TO_DEVICE);
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
		dma_addr_t dma = pool_map(pool, &l, "dev", buf + rows[i].offset, rows[i].size,
					  XEN_DMA_TO_DEVICE);

		ck_assert_uint_eq(pool_stats(0).bytes_used, rows[i].slots * SLOT);
		ck_assert(xen_swiotlb_unmap_single(dma, rows[i].size, XEN_DMA_TO_DEVICE, false));
	}
	buffer_free(buf, 256 * KIB);
	dma_stop();
}

/* One mapping can be no larger than the whole pool may become. */
static void max_mapping_of_a_small_pool(void)
{
	static const struct xen_swiotlb_config config = {.max_bytes = 128 * KIB};
	struct xen_dma_limits limits = bits28;

	dma_start(NULL);
	ck_assert_int_eq(xen_swiotlb_configure(&config), 0);
	ck_assert_uint_eq(xen_swiotlb_max_mapping(&limits), 128 * KIB);
	limits.boundary_mask = 128 * KIB - 1;
	ck_assert_uint_eq(xen_swiotlb_max_mapping(&limits), 128 * KIB);
	limits.boundary_mask = 64 * KIB - 1;
	ck_assert_uint_eq(xen_swiotlb_max_mapping(&limits), 64 * KIB);
	limits.min_align_mask = 4095;
	ck_assert_uint_eq(xen_swiotlb_max_mapping(&limits), 60 * KIB + 1);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"a mapping is no larger than the pool may become", max_mapping_of_a_small_pool},
	{"a bounce buffer holds the original below the pool's width", holds_the_original},
	{"pools go by address width", pools_go_by_width},
	{"settings are checked", settings_are_checked},
	{"CVE-2024-35814 CVE-2023-52790: 10^5 random maps are disjoint, in bounds and aligned",
	 disjoint},
	{"freed slots become one again", whole_again},
	{"a mapping holds the slots that it touches", exact_slots},
};

UNIT_MAIN("swiotlb", cases)
