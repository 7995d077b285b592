/* SPDX-License-Identifier: MIT */
/* The DMA API on the PV backend: what goes direct, what bounces, what is refused. */
#include "dma_test.h"

/* Consecutive frames, five off the alignment of their PFNs. */
static const struct model_params contiguous = {.contiguous = true, .nr_pages = 8192 + 5};

static struct xen_dma_dev device(unsigned int bits)
{
	struct xen_dma_limits limits = {.mask = MASK(bits)};
	struct xen_dma_dev dev;

	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits), 0);
	return dev;
}

static dma_addr_t map(struct xen_dma_dev *dev, void *va, size_t size, enum xen_dma_dir dir)
{
	dma_addr_t dma = xen_dma_map_single(dev, va, size, dir, 0);

	ck_assert_msg(!xen_dma_mapping_error(dma), "%zu bytes: error %d", size, dev->last_error);
	return dma;
}

static void refused(struct xen_dma_dev *dev, pfn_t pfn, size_t offset, size_t size,
		    unsigned int attrs, int err)
{
	dev->last_error = 0;
	ck_assert(xen_dma_mapping_error(
		xen_dma_map_page(dev, pfn, offset, size, XEN_DMA_TO_DEVICE, attrs)));
	ck_assert_int_eq(dev->last_error, err);
}

static void limits_are_checked(void)
{
	static const struct xen_dma_limits bad[] = {
		{.mask = 0},
		{.mask = MASK(12)},
		{.mask = 0xfffffff0},
		{.mask = MASK(32), .coherent_mask = 0xff},
		{.mask = MASK(32), .boundary_mask = 0x7ff},
		{.mask = MASK(32), .boundary_mask = 0x1000},
		{.mask = MASK(32), .min_align_mask = 0x1ffff},
		{.mask = MASK(32), .min_align_mask = 0x100},
	};
	struct xen_dma_dev dev;

	dma_start(NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &bad[i]),
				 -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", NULL, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, NULL), 0);
	ck_assert_uint_eq(dev.limits.mask, MASK(32));
	ck_assert_uint_eq(dev.limits.coherent_mask, MASK(32));
	dma_stop();
}

static void one_page_is_direct(void)
{
	struct xen_dma_dev dev = device(64);
	uint64_t calls;
	uint8_t *buf, seen[100];

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 9, 4096);
	calls = model_hypercalls();
	for (size_t offset = 0; offset + 100 <= 4096; offset += 333) {
		dma_addr_t dma = map(&dev, buf + offset, 100, XEN_DMA_BIDIRECTIONAL);

		ck_assert_uint_eq(dma, mfn_to_dma(mfn_of(buf)) + offset);
		device_read(dma, seen, 100);
		ck_assert_mem_eq(seen, buf + offset, 100);
		device_write(dma, "abc", 3);
		xen_dma_sync_for_cpu(&dev, dma, 100, XEN_DMA_BIDIRECTIONAL);
		ck_assert_mem_eq(buf + offset, "abc", 3);
		xen_dma_unmap(&dev, dma, 100, XEN_DMA_BIDIRECTIONAL, 0);
	}
	ck_assert_uint_eq(dev.bounces, 0);
	ck_assert_ptr_null(dev.pool);
	ck_assert_uint_eq(model_hypercalls(), calls);
	buffer_free(buf, 4096);
	dma_stop();
}

/* Alignment is nobody's business, nor is the size: from every odd page, up to 8 MiB. */
static void contiguous_is_direct(void)
{
	struct xen_dma_dev dev = device(64);
	uint8_t *buf;

	dma_start(&contiguous);
	buf = buffer(8 * MIB);
	ck_assert_uint_ne(mfn_x(mfn_of(buf)) % 2, 0);
	for (size_t pages = 1; pages < 2000; pages = pages * 2 + 1) {
		for (size_t first = 1; first < 40; first += 3) {
			uint8_t *va = buf + first * 4096 + 7;

			ck_assert_uint_eq(map(&dev, va, pages * 4096, XEN_DMA_FROM_DEVICE),
					  mfn_to_dma(mfn_of(va)) + 7);
		}
	}
	ck_assert_uint_eq(dev.bounces, 0);
	ck_assert(!xen_swiotlb_stats(0, &(struct xen_swiotlb_stats){0})); /* no pool was made */
	buffer_free(buf, 8 * MIB);
	dma_stop();
}

/* The nearest two pages of @buf that do not follow each other in the machine. */
static uint8_t *gap(uint8_t *buf)
{
	while (mfn_x(mfn_of(buf)) + 1 == mfn_x(mfn_of(buf + 4096)))
		buf += 4096;
	return buf + 4096;
}

static void discontiguous_is_not_direct(void)
{
	struct xen_dma_limits narrow = {.mask = MASK(64), .boundary_mask = 4095};
	struct xen_dma_dev dev = device(64);
	uint64_t rng = unit_seed();
	uint8_t *buf, *at, seen[4096];
	dma_addr_t dma;

	dma_start(NULL);
	buf = buffer(MIB);
	fill_random(buf, MIB, &rng);
	at = gap(buf) - 1000;
	dma = map(&dev, at, 3000, XEN_DMA_TO_DEVICE);
	ck_assert_uint_eq(dev.bounces, 1);
	ck_assert(xen_swiotlb_is_bounce(dma));
	device_read(dma, seen, 3000);
	ck_assert_mem_eq(seen, at, 3000);
	xen_dma_unmap(&dev, dma, 3000, XEN_DMA_TO_DEVICE, 0);
	/* To the byte: up to the gap it is direct. */
	ck_assert_uint_eq(map(&dev, at, 1000, XEN_DMA_TO_DEVICE),
			  mfn_to_dma(mfn_of(at)) + xen_page_offset((uintptr_t)at));
	ck_assert_uint_eq(dev.bounces, 0);

	/* No bounce buffer can help this one: refused, not handed out wrong. */
	ck_assert_int_eq(xen_dma_dev_init(&dev, "narrow", &xen_swiotlb_dma_ops, &narrow), 0);
	refused(&dev, xen_port_virt_to_pfn(at), xen_page_offset((uintptr_t)at), 5000, 0,
		-XEN_EINVAL);
	ck_assert_uint_eq(dev.bounces, 0);
	buffer_free(buf, MIB);
	dma_stop();
}

static void boundary_is_the_machines(void)
{
	struct xen_dma_limits limits = {.mask = MASK(64), .boundary_mask = 0xffff};
	struct xen_dma_dev dev;
	unsigned int direct = 0, bounced = 0;
	uint8_t *buf;

	dma_start(&contiguous);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits), 0);
	buf = buffer(MIB);
	for (uint8_t *va = buf; va < buf + MIB - 16384; va += 2048) {
		dma_addr_t machine = mfn_to_dma(mfn_of(va)) + xen_page_offset((uintptr_t)va);
		dma_addr_t dma = map(&dev, va, 9000, XEN_DMA_TO_DEVICE);

		ck_assert_uint_eq(dma >> 16, (dma + 8999) >> 16);
		if (machine >> 16 == (machine + 8999) >> 16) {
			ck_assert_uint_eq(dma, machine);
			direct++;
		} else {
			ck_assert_uint_eq(dev.bounces, 1);
			bounced++;
		}
		xen_dma_unmap(&dev, dma, 9000, XEN_DMA_TO_DEVICE, 0);
	}
	ck_assert_uint_gt(direct, 0);
	ck_assert_uint_gt(bounced, 0);
	buffer_free(buf, MIB);
	dma_stop();
}

/* From both sides of the mask, to the byte. */
static void mask_is_exact(void)
{
	struct xen_dma_dev dev;
	uint8_t *buf, seen[4096];

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 5, 4096);
	for (unsigned int bits = 24; bits <= 40; bits++) {
		dma_addr_t machine = mfn_to_dma(mfn_of(buf)), dma;

		dev = device(bits);
		dma = map(&dev, buf, 4096, XEN_DMA_TO_DEVICE);
		ck_assert_uint_le(dma + 4095, MASK(bits));
		ck_assert_int_eq(dma == machine, machine + 4095 <= MASK(bits));
		device_read(dma, seen, 4096);
		ck_assert_mem_eq(seen, buf, 4096);
		xen_dma_unmap(&dev, dma, 4096, XEN_DMA_TO_DEVICE, 0);
		ck_assert_uint_eq(dev.bounces, 0);
		xen_dma_dev_fini(&dev);
	}
	buffer_free(buf, 4096);
	dma_stop();
}

static void bad_arguments(void)
{
	struct xen_dma_dev dev = device(64);
	pfn_t pfn = mk_pfn(5);

	dma_start(NULL);
	refused(&dev, pfn, 0, 0, 0, -XEN_EINVAL);
	refused(&dev, pfn, ~0UL, 2, 0, -XEN_EINVAL);
	refused(&dev, pfn, 0, ~0UL, 0, -XEN_EINVAL);
	refused(&dev, mk_pfn(1ULL << 52), 0, 10, 0, -XEN_EINVAL);
	refused(&dev, mk_pfn(~0ULL), 0, 10, 0, -XEN_EINVAL);
	ck_assert(xen_dma_mapping_error(xen_dma_map_page(&dev, pfn, 0, 10, 3, 0)));
	/* Not populated: beyond the table, and over its end. */
	refused(&dev, mk_pfn(1ULL << 30), 0, 10, 0, -XEN_EFAULT);
	refused(&dev, mk_pfn(model_nr_pages() - 1), 0, 4097, 0, -XEN_EFAULT);
	refused(&dev, mk_pfn(model_nr_pages() - 1), 4096, 10, 0, -XEN_EFAULT);
	ck_assert_ptr_null(xen_dma_alloc_coherent(&dev, 0, &(dma_addr_t){0}));
	ck_assert_int_eq(dev.last_error, -XEN_EINVAL);
	ck_assert_ptr_null(xen_dma_alloc_coherent(&dev, 2 * MIB + 1, &(dma_addr_t){0}));
	ck_assert_int_eq(dev.last_error, -XEN_E2BIG);
	xen_dma_free_coherent(&dev, NULL, 10, 0);
	dma_stop();
}

static void mmio_is_itself_or_nothing(void)
{
	const pfn_t bar = mk_pfn(0xf0000), high = mk_pfn(1ULL << 28);
	struct xen_dma_dev dev = device(32);
	dma_addr_t dma;

	dma_start(NULL);
	ck_assert_int_eq(xen_p2m_identity_add(bar, 16, NULL), 0);
	ck_assert_int_eq(xen_p2m_identity_add(high, 16, NULL), 0);
	dma = xen_dma_map_page(&dev, bar, 100, 15 * 4096, XEN_DMA_FROM_DEVICE, XEN_DMA_ATTR_MMIO);
	ck_assert_uint_eq(dma, pfn_to_paddr(bar) + 100);
	xen_dma_sync_for_cpu(&dev, dma, 4096, XEN_DMA_FROM_DEVICE);
	xen_dma_unmap(&dev, dma, 15 * 4096, XEN_DMA_FROM_DEVICE, XEN_DMA_ATTR_MMIO);
	refused(&dev, bar, 100, 16 * 4096, XEN_DMA_ATTR_MMIO, -XEN_EFAULT);    /* its end */
	refused(&dev, mk_pfn(5), 0, 10, XEN_DMA_ATTR_MMIO, -XEN_EFAULT);       /* RAM */
	refused(&dev, mk_pfn(0xe0000), 0, 10, XEN_DMA_ATTR_MMIO, -XEN_EFAULT); /* nothing */
	refused(&dev, high, 0, 10, XEN_DMA_ATTR_MMIO, -XEN_ERANGE);
	refused(&dev, bar, 0, 10, 0, -XEN_EFAULT); /* not said to be MMIO */
	ck_assert_int_eq(xen_p2m_identity_remove(bar, 16), 0);
	ck_assert_int_eq(xen_p2m_identity_remove(high, 16), 0);
	ck_assert_uint_eq(dev.bounces, 0);
	/* The set keeps its nodes; they are not the DMA layer's. */
	allocs_at_start = model_allocs();
	dma_stop();
}

/* A page that another domain granted is reached at its frame. */
static void foreign_pages_are_direct(void)
{
	struct xen_dma_dev dev = device(64);
	pfn_t pfn;
	uint64_t own;
	uint8_t *buf;

	dma_start(NULL);
	buf = buffer(4096);
	pfn = xen_port_virt_to_pfn(buf);
	own = mfn_x(xen_pfn_to_mfn(pfn));
	ck_assert_int_eq(xen_p2m_set(pfn, mk_mfn(0x12345), true), 0);
	ck_assert_uint_eq(xen_dma_map_page(&dev, pfn, 8, 100, XEN_DMA_TO_DEVICE, 0),
			  (0x12345ULL << 12) + 8);
	ck_assert_int_eq(xen_p2m_set(pfn, mk_mfn(own), false), 0);
	buffer_free(buf, 4096);
	dma_stop();
}

static void masks_are_tried_out(void)
{
	struct xen_dma_dev dev = device(64);
	uint8_t *buf;
	dma_addr_t dma;

	dma_start(NULL);
	buf = buffer(4096);
	ck_assert_int_eq(xen_dma_set_mask(&dev, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(12)), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_set_mask(&dev, 0xfffff000), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_set_coherent_mask(&dev, 0xfffff000), -XEN_EINVAL);
	ck_assert_uint_eq(dev.limits.mask, MASK(64));

	model_reserve_below(24);
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(24)), -XEN_EIO);
	ck_assert_int_eq(xen_dma_set_coherent_mask(&dev, MASK(24)), -XEN_EIO);
	ck_assert_uint_eq(dev.limits.mask, MASK(64));
	ck_assert_uint_eq(dev.limits.coherent_mask, MASK(64));
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(28)), 0);

	model_reserve_below(0);
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(24)), 0);
	ck_assert_int_eq(xen_dma_set_coherent_mask(&dev, MASK(24)), 0);
	/* What was promised is kept when all the rest is gone. */
	model_reserve_below(32);
	dma = map(&dev, buf, 4096, XEN_DMA_TO_DEVICE);
	ck_assert_uint_le(dma + 4095, MASK(24));
	xen_dma_unmap(&dev, dma, 4096, XEN_DMA_TO_DEVICE, 0);
	model_reserve_below(0);
	/* Wider again, and another pool. */
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(64)), 0);
	ck_assert_uint_eq(map(&dev, buf, 4096, XEN_DMA_TO_DEVICE), mfn_to_dma(mfn_of(buf)));
	buffer_free(buf, 4096);
	dma_stop();
}

static void skip_sync(void)
{
	struct xen_dma_dev dev = device(24);
	uint8_t *buf, seen[100];
	dma_addr_t dma;

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 1, 4096);
	dma = xen_dma_map_single(&dev, buf, 100, XEN_DMA_BIDIRECTIONAL, XEN_DMA_ATTR_SKIP_SYNC);
	device_read(dma, seen, 100);
	ck_assert_mem_eq(seen, buf, 100); /* never what was there before */
	device_write(dma, "new", 3);
	xen_dma_sync_for_cpu(&dev, dma, 2, XEN_DMA_BIDIRECTIONAL);
	xen_dma_unmap(&dev, dma, 100, XEN_DMA_BIDIRECTIONAL, XEN_DMA_ATTR_SKIP_SYNC);
	ck_assert_mem_eq(buf, "ne\1", 3);
	buffer_free(buf, 4096);
	dma_stop();
}

/* --- scatterlists against an oracle ---------------------------------------------------------- */

#define MAX_SG 60

/* Greedy merging of pieces that are direct by themselves, as dma.h promises it; the number of
 * pieces, or -1 when one of them has to bounce. */
static int oracle_pieces(const struct xen_dma_dev *dev, const struct xen_dma_sg *sg,
			 unsigned int nents)
{
	const struct xen_dma_limits *l = &dev->limits;
	uint64_t start = 0, end = 0;
	int pieces = 0;

	for (unsigned int i = 0; i < nents; i++) {
		paddr_t p = pfn_to_paddr(sg[i].pfn) + sg[i].offset;
		uint64_t m = mfn_to_dma(xen_pfn_to_mfn(paddr_to_pfn(p))) + xen_page_offset(p);

		for (uint64_t b = 1; b < sg[i].length; b++)
			if (xen_page_offset(p + b) == 0 &&
			    mfn_to_dma(xen_pfn_to_mfn(paddr_to_pfn(p + b))) != m + b)
				return -1;
		if (m + sg[i].length - 1 > l->mask ||
		    (l->boundary_mask &&
		     (m & ~l->boundary_mask) != ((m + sg[i].length - 1) & ~l->boundary_mask)))
			return -1;
		if (pieces && m == end &&
		    (!l->max_segment || m + sg[i].length - start <= l->max_segment) &&
		    (!l->boundary_mask ||
		     (start & ~l->boundary_mask) == ((m + sg[i].length - 1) & ~l->boundary_mask))) {
			end = m + sg[i].length;
			continue;
		}
		start = m;
		end = m + sg[i].length;
		pieces++;
	}
	return pieces;
}

static unsigned int random_list(struct xen_dma_sg *sg, uint8_t *buf, uint64_t *rng)
{
	unsigned int nents = 1 + unit_random(rng) % MAX_SG;
	uint8_t *at = buf;

	for (unsigned int i = 0; i < nents; i++) {
		sg[i] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(at),
					    .offset = (uint32_t)xen_page_offset((uintptr_t)at),
					    .length = 1 + (uint32_t)(unit_random(rng) % 8192)};
		if (unit_random(rng) % 2)
			sg[i].length = 4096 - sg[i].offset; /* to the end of the page */
		at += sg[i].length;
		if (unit_random(rng) % 4 == 0)
			at += unit_random(rng) % 8192;
	}
	return nents;
}

static void *byte_of(const struct xen_dma_sg *sg, uint32_t i)
{
	return (uint8_t *)xen_port_pfn_to_virt(sg->pfn) + sg->offset + i;
}

/* The bytes of the list in the device's order are those in the CPU's order. */
static void same_bytes(const struct xen_dma_sg *sg, unsigned int nents, int pieces)
{
	static uint8_t cpu[MAX_SG * 8192], dev[MAX_SG * 8192];
	size_t nr_cpu = 0, nr_dev = 0;

	for (unsigned int i = 0; i < nents; i++) {
		memcpy(cpu + nr_cpu, byte_of(&sg[i], 0), sg[i].length);
		nr_cpu += sg[i].length;
	}
	for (int i = 0; i < pieces; i++) {
		device_read(sg[i].dma_addr, dev + nr_dev, sg[i].dma_length);
		nr_dev += sg[i].dma_length;
	}
	ck_assert_uint_eq(nr_cpu, nr_dev);
	ck_assert_mem_eq(cpu, dev, nr_cpu);
}

static void list_keeps_limits(const struct xen_dma_dev *dev, const struct xen_dma_sg *sg,
			      unsigned int nents, int pieces)
{
	const struct xen_dma_limits *l = &dev->limits;

	for (int i = 0; i < pieces; i++) {
		dma_addr_t last = sg[i].dma_addr + sg[i].dma_length - 1;

		ck_assert_uint_le(last, l->mask);
		ck_assert_uint_le(sg[i].dma_length, l->max_segment ? l->max_segment : UINT32_MAX);
		if (l->boundary_mask)
			ck_assert_uint_eq(sg[i].dma_addr & ~l->boundary_mask,
					  last & ~l->boundary_mask);
	}
	if ((unsigned int)pieces < nents)
		ck_assert_uint_eq(sg[pieces].dma_length, 0);
}

static void lists(const struct model_params *params, unsigned int *direct, unsigned int *bounced)
{
	static const struct xen_dma_limits limits[] = {
		{.mask = MASK(64)},
		{.mask = MASK(64), .max_segment = 16384},
		{.mask = MASK(64), .boundary_mask = 0x3fff},
		{.mask = MASK(64), .max_segment = 9000, .boundary_mask = 0xffff},
		{.mask = MASK(28), .max_segment = 65536},
	};
	struct xen_dma_sg sg[MAX_SG];
	uint64_t rng = unit_seed();
	struct xen_dma_dev dev;
	uint8_t *buf;

	dma_start(params);
	buf = buffer(2 * MIB);
	fill_random(buf, 2 * MIB, &rng);
	for (unsigned int round = 0; round < 1000; round++) {
		unsigned int nents = random_list(sg, buf, &rng);
		int oracle, n;

		ck_assert_int_eq(
			xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits[round % 5]), 0);
		oracle = oracle_pieces(&dev, sg, nents);
		n = xen_dma_map_sg(&dev, sg, nents, XEN_DMA_BIDIRECTIONAL, 0);
		ck_assert_int_gt(n, 0);
		ck_assert_int_eq(oracle < 0, dev.bounces != 0);
		if (oracle >= 0)
			ck_assert_int_eq(n, oracle);
		*(oracle < 0 ? bounced : direct) += 1;
		list_keeps_limits(&dev, sg, nents, n);
		same_bytes(sg, nents, n);

		/* The device writes into the last piece; the CPU sees it after a sync. */
		device_write(sg[n - 1].dma_addr + sg[n - 1].dma_length - 1, "Z", 1);
		xen_dma_sync_sg_for_cpu(&dev, sg, nents, XEN_DMA_BIDIRECTIONAL);
		ck_assert_uint_eq(*(uint8_t *)byte_of(&sg[nents - 1], sg[nents - 1].length - 1),
				  'Z');
		*(uint8_t *)byte_of(&sg[0], 0) = (uint8_t)round;
		xen_dma_sync_sg_for_device(&dev, sg, nents, XEN_DMA_BIDIRECTIONAL);
		same_bytes(sg, nents, n);
		xen_dma_unmap_sg(&dev, sg, nents, XEN_DMA_BIDIRECTIONAL, 0);
		ck_assert_uint_eq(dev.bounces, 0);
	}
	buffer_free(buf, 2 * MIB);
	dma_stop();
}

static void lists_scattered(void)
{
	unsigned int direct = 0, bounced = 0;

	lists(NULL, &direct, &bounced);
	ck_assert_uint_gt(bounced, 100);
}

static void lists_contiguous(void)
{
	unsigned int direct = 0, bounced = 0;

	lists(&contiguous, &direct, &bounced);
	ck_assert_uint_gt(direct, 300);
	ck_assert_uint_gt(bounced, 100);
}

static void list_all_or_nothing(void)
{
	struct xen_dma_limits limits = {.mask = MASK(28), .max_segment = 8192};
	struct xen_dma_sg sg[5];
	struct xen_dma_dev dev;
	uint8_t *buf, before[4096];

	dma_start(NULL);
	buf = buffer(64 * KIB);
	memset(buf, 4, 64 * KIB);
	memcpy(before, buf, 4096);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits), 0);
	for (unsigned int i = 0; i < 5; i++)
		sg[i] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(buf + i * 8192),
					    .length = 5000};
	sg[3].pfn = mk_pfn(1ULL << 30); /* not populated */
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 5, XEN_DMA_FROM_DEVICE, 0), -XEN_EFAULT);
	ck_assert_int_eq(dev.last_error, -XEN_EFAULT);
	ck_assert_uint_eq(dev.bounces, 0);
	ck_assert_uint_eq(sg[0].dma_length, 0);
	ck_assert_uint_eq(pool_stats(0).bytes_used, 0);
	ck_assert_mem_eq(buf, before, 4096);

	sg[3] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(buf), .length = 8193};
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 5, XEN_DMA_FROM_DEVICE, 0), -XEN_EINVAL);
	sg[3].length = 0;
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 5, XEN_DMA_FROM_DEVICE, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 0, XEN_DMA_FROM_DEVICE, 0), -XEN_EINVAL);
	ck_assert_uint_eq(dev.bounces, 0);
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

static void coherent(void)
{
	struct xen_dma_limits limits = {.mask = MASK(64), .coherent_mask = MASK(28)};
	struct xen_dma_dev dev;
	dma_addr_t dma;
	uint64_t calls;
	void *va;

	dma_start(NULL);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits), 0);
	for (size_t size = 1; size <= 2 * MIB; size = size * 2 + 1) {
		va = xen_dma_alloc_coherent(&dev, size, &dma);
		ck_assert_ptr_nonnull(va);
		ck_assert_uint_le(dma + size - 1, MASK(28));
		ck_assert_uint_eq(dma & ((XEN_PAGE_SIZE << order_of_bytes(size)) - 1), 0);
		memset(va, 1, size);
		device_write(dma + size - 1, "k", 1);
		ck_assert_int_eq(((char *)va)[size - 1], 'k');
		xen_dma_free_coherent(&dev, va, size, dma);
	}
	calls = model_hypercalls();
	for (unsigned int i = 0; i < 100; i++) {
		va = xen_dma_alloc_coherent(&dev, 1 + i * 1000, &dma);
		ck_assert_ptr_nonnull(va);
		xen_dma_free_coherent(&dev, va, 1 + i * 1000, dma);
	}
	ck_assert_uint_eq(model_hypercalls(), calls);
	dma_stop();
}

/* What max_mapping_size says can be mapped, wherever it lies and whatever has to be bounced. */
static void max_mapping_is_true(void)
{
	static const struct xen_dma_limits limits[] = {
		{.mask = MASK(64)},
		{.mask = MASK(28), .min_align_mask = 4095},
		{.mask = MASK(32), .boundary_mask = 0xffff},
		{.mask = MASK(32), .boundary_mask = 0xfff, .min_align_mask = 511},
		{.mask = MASK(24), .min_align_mask = 0xffff},
	};
	struct xen_dma_dev dev;
	uint8_t *buf;

	dma_start(NULL);
	buf = buffer(4 * MIB);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		size_t most, step = 64 * KIB + 511;

		ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits[i]),
				 0);
		most = xen_dma_max_mapping_size(&dev);
		ck_assert_uint_ge(most, 3585);
		for (size_t offset = 0; offset + most <= 4 * MIB && offset < 20 * step;
		     offset += step)
			xen_dma_unmap(&dev, map(&dev, buf + offset, most, XEN_DMA_TO_DEVICE), most,
				      XEN_DMA_TO_DEVICE, 0);
		ck_assert_uint_eq(dev.bounces, 0);
		xen_swiotlb_trim(0);
	}
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	buffer_free(buf, 4 * MIB);
	dma_stop();
}

static void a_leak_is_reported(void)
{
	struct xen_dma_dev dev = device(24), again;
	dma_addr_t dma;
	uint8_t *buf;

	dma_start(NULL);
	buf = buffer(4096);
	dma = map(&dev, buf, 100, XEN_DMA_TO_DEVICE);
	again = dev;
	xen_dma_dev_fini(&dev);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "1 bounce buffers"));
	xen_dma_unmap(&again, dma, 100, XEN_DMA_TO_DEVICE, 0);
	buffer_free(buf, 4096);
	dma_stop();
}

struct worker {
	pthread_t thread;
	struct xen_dma_dev *dev;
	uint64_t rng;
	uint8_t *buf;
	unsigned int cpu, errors;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	model_set_cpu(w->cpu);
	for (unsigned int i = 0; i < 3000; i++) {
		size_t size = 1 + unit_random(&w->rng) % 8192;
		uint8_t tag = (uint8_t)i;
		dma_addr_t dma;

		dma = xen_dma_map_single(w->dev, w->buf, size, XEN_DMA_FROM_DEVICE, 0);
		if (xen_dma_mapping_error(dma)) {
			w->errors++;
			continue;
		}
		w->errors += !model_dma_write(dma, &tag, 1);
		xen_dma_unmap(w->dev, dma, size, XEN_DMA_FROM_DEVICE, 0);
		w->errors += w->buf[0] != tag;
	}
	return NULL;
}

static void two_cpus(void)
{
	static const struct model_params params = {.nr_cpus = 2};
	struct xen_dma_dev dev = device(28);
	struct worker w[2] = {0};

	dma_start(&params);
	for (unsigned int i = 0; i < 2; i++) {
		w[i].cpu = i;
		w[i].dev = &dev;
		w[i].rng = unit_seed() + i;
		w[i].buf = buffer(8192);
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_uint_eq(w[i].errors, 0);
		buffer_free(w[i].buf, 8192);
	}
	ck_assert_uint_eq(dev.bounces, 0);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"a device's limits are checked", limits_are_checked},
	{"a page is mapped at its machine address", one_page_is_direct},
	{"Linux 9f40ec84a797: contiguous but unaligned memory streams direct",
	 contiguous_is_direct},
	{"discontiguous pages bounce or are refused", discontiguous_is_not_direct},
	{"a boundary is the machine's, not the guest's", boundary_is_the_machines},
	{"the mask is exact", mask_is_exact},
	{"bad arguments are refused", bad_arguments},
	{"MMIO is mapped at itself or not at all", mmio_is_itself_or_nothing},
	{"a foreign page is mapped at its frame", foreign_pages_are_direct},
	{"masks are tried out", masks_are_tried_out},
	{"SKIP_SYNC skips the copy back", skip_sync},
	{"lists over scattered memory keep all bytes and limits", lists_scattered},
	{"lists over contiguous memory merge as the oracle does", lists_contiguous},
	{"a list is mapped whole or not at all", list_all_or_nothing},
	{"coherent memory is low, aligned and needs no hypercall", coherent},
	{"the largest mapping is true", max_mapping_is_true},
	{"a leak is reported", a_leak_is_reported},
	{"two CPUs at once", two_cpus},
};

UNIT_MAIN("dma", cases)
