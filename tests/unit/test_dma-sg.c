/* SPDX-License-Identifier: MIT */
/* Scatterlists: merging and limits against an oracle, all or nothing. */
#include "dma_test.h"

/* Consecutive frames, five off the alignment of their PFNs. */
static const struct model_params contiguous = {.contiguous = true, .nr_pages = 8192 + 5};

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
		ck_assert_int_eq(oracle < 0, bounces(&dev) != 0);
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
		ck_assert_uint_eq(bounces(&dev), 0);
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
	ck_assert_uint_eq(bounces(&dev), 0);
	ck_assert_uint_eq(sg[0].dma_length, 0);
	ck_assert_uint_eq(pool_stats(0).bytes_used, 0);
	ck_assert_mem_eq(buf, before, 4096);

	sg[3] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(buf), .length = 8193};
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 5, XEN_DMA_FROM_DEVICE, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg + 3, 1, XEN_DMA_FROM_DEVICE, 0), -XEN_EINVAL);
	sg[3].length = 0;
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 5, XEN_DMA_FROM_DEVICE, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 0, XEN_DMA_FROM_DEVICE, 0), -XEN_EINVAL);
	ck_assert_uint_eq(bounces(&dev), 0);
	buffer_free(buf, 64 * KIB);
	dma_stop();
}

/* What stands behind a list is not the list's. */
static void sync_ends_with_the_list(void)
{
	struct xen_dma_dev dev = device(28);
	struct xen_dma_sg sg[2];
	uint8_t *buf;

	dma_start(NULL);
	buf = buffer(4096);
	memset(buf, 1, 4096);
	for (unsigned int i = 0; i < 2; i++) {
		sg[i] = (struct xen_dma_sg){
			.pfn = xen_port_virt_to_pfn(buf), .offset = i * 2048, .length = 100};
		ck_assert_int_eq(xen_dma_map_sg(&dev, &sg[i], 1, XEN_DMA_FROM_DEVICE, 0), 1);
		device_write(sg[i].dma_addr, "x", 1);
	}
	xen_dma_sync_sg_for_cpu(&dev, sg, 1, XEN_DMA_FROM_DEVICE);
	ck_assert_int_eq(buf[0], 'x');
	ck_assert_int_eq(buf[2048], 1);
	for (unsigned int i = 0; i < 2; i++)
		xen_dma_unmap_sg(&dev, &sg[i], 1, XEN_DMA_FROM_DEVICE, 0);
	ck_assert_int_eq(buf[2048], 'x');
	buffer_free(buf, 4096);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"a sync ends with its list", sync_ends_with_the_list},
	{"lists over scattered memory keep all bytes and limits", lists_scattered},
	{"lists over contiguous memory merge as the oracle does", lists_contiguous},
	{"a list is mapped whole or not at all", list_all_or_nothing},
};

UNIT_MAIN("dma-sg", cases)
