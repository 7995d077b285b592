/* SPDX-License-Identifier: MIT */
/*
 * The DMA API as a device sees it: what changes with a mask,
 * what last_error says, and pages at the edges of what is populated.
 */
#include "dma_test.h"

/* Devices are told apart whatever their limits say; one that is done with leaves no message. */
static void users_are_numbered(void)
{
	const struct xen_dma_limits same = {.mask = MASK(28), .user = 7};
	struct xen_dma_dev dev[3];

	dma_start(NULL);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(xen_dma_dev_init(&dev[i], NULL, &xen_swiotlb_dma_ops, &same), 0);
		ck_assert_uint_ne(dev[i].limits.user, 0);
		for (unsigned int k = 0; k < i; k++)
			ck_assert_uint_ne(dev[i].limits.user, dev[k].limits.user);
	}
	for (unsigned int i = 0; i < 3; i++)
		xen_dma_dev_fini(&dev[i]);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	dma_stop();
}

static void narrowest_mask(void)
{
	struct xen_dma_limits l = {.mask = MASK(13)};
	struct xen_dma_dev dev;

	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &l), 0);
	l.mask = MASK(12);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &l), -XEN_EINVAL);
}

/* With another mask come other buffers. */
static void masks_change(void)
{
	struct xen_dma_dev dev = device(30);
	dma_addr_t dma;
	void *buf, *va;

	dma_start(NULL);
	buf = buffer(8192);
	/* Across the page, so that it bounces wherever it is. */
	dma = map(&dev, buf, 8192, XEN_DMA_TO_DEVICE);
	ck_assert(xen_swiotlb_is_bounce(dma));
	/* Not while there are any. */
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(24)), -XEN_EBUSY);
	ck_assert_uint_eq(dev.limits.mask, MASK(30));
	xen_dma_unmap(&dev, dma, 8192, XEN_DMA_TO_DEVICE, 0);
	ck_assert_uint_eq(bounces(&dev), 0);
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(24)), 0);
	dma = map(&dev, buf, 8192, XEN_DMA_TO_DEVICE);
	ck_assert_uint_le(dma + 8191, MASK(24));
	xen_dma_unmap(&dev, dma, 8192, XEN_DMA_TO_DEVICE, 0);
	ck_assert_int_eq(xen_dma_set_coherent_mask(&dev, MASK(22)), 0);
	va = xen_dma_alloc_coherent(&dev, 4096, &dma);
	ck_assert_ptr_nonnull(va);
	ck_assert_uint_le(dma + 4095, MASK(22));
	xen_dma_free_coherent(&dev, va, 4096, dma);
	/* Low pages for streaming there are already; for coherent memory none are left. */
	xen_coherent_trim(0);
	model_reserve_below(24);
	ck_assert_int_eq(xen_dma_set_mask(&dev, MASK(24)), 0);
	ck_assert_int_eq(xen_dma_set_coherent_mask(&dev, MASK(24)), -XEN_EIO);
	ck_assert_uint_eq(dev.limits.coherent_mask, MASK(22));
	model_reserve_below(0);
	buffer_free(buf, 8192);
	dma_stop();
}

/* Why the last one failed, and nothing else, stands in the device. */
static void last_error(void)
{
	struct xen_dma_dev dev = device(24);
	struct xen_dma_sg sg[2];
	dma_addr_t dma;
	char *buf;
	void *va;

	dma_start(NULL);
	buf = buffer(8192);
	dev.last_error = 77;
	for (unsigned int i = 0; i < 2; i++)
		sg[i] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(buf + i * 4096),
					    .length = 100};
	ck_assert_int_gt(xen_dma_map_sg(&dev, sg, 2, XEN_DMA_TO_DEVICE, 0), 0);
	xen_dma_unmap_sg(&dev, sg, 2, XEN_DMA_TO_DEVICE, 0);
	va = xen_dma_alloc_coherent(&dev, 4096, &dma);
	ck_assert_ptr_nonnull(va);
	ck_assert_int_eq(dev.last_error, 77);
	xen_dma_free_coherent(&dev, va, 4096, dma);
	xen_coherent_trim(0);
	model_reserve_below(24);
	ck_assert_ptr_null(xen_dma_alloc_coherent(&dev, 4096, &dma));
	ck_assert_int_eq(dev.last_error, -XEN_ENOMEM);
	model_reserve_below(0);
	va = xen_dma_alloc_coherent(&dev, XEN_PAGE_SIZE << XEN_SWIOTLB_MAX_SEGMENT_ORDER, &dma);
	ck_assert_ptr_nonnull(va);
	xen_dma_free_coherent(&dev, va, XEN_PAGE_SIZE << XEN_SWIOTLB_MAX_SEGMENT_ORDER, dma);
	ck_assert_ptr_null(xen_dma_alloc_coherent(
		&dev, (XEN_PAGE_SIZE << XEN_SWIOTLB_MAX_SEGMENT_ORDER) + 1, &dma));
	ck_assert_int_eq(dev.last_error, -XEN_E2BIG);
	buffer_free(buf, 8192);
	dma_stop();
}

static void bad_lists(void)
{
	struct xen_dma_dev dev = device(64);
	struct xen_dma_sg sg[2];

	dma_start(NULL);
	for (unsigned int i = 0; i < 3; i++) {
		sg[0] = sg[1] = (struct xen_dma_sg){.pfn = mk_pfn(5), .length = 100};
		if (i == 0)
			sg[1].length = 0;
		else if (i == 1)
			sg[1].pfn = mk_pfn(1ULL << 50);
		dev.last_error = 0;
		ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 2, i < 2 ? XEN_DMA_TO_DEVICE : 3, 0),
				 -XEN_EINVAL);
		ck_assert_int_eq(dev.last_error, -XEN_EINVAL);
	}
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 0, XEN_DMA_TO_DEVICE, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 1u << 31, XEN_DMA_TO_DEVICE, 0), -XEN_EINVAL);
	dma_stop();
}

static void syncs_reach_the_device(void)
{
	struct xen_dma_dev dev = device(24);
	struct xen_dma_sg sg[1];
	dma_addr_t dma;
	char *buf, seen;

	dma_start(NULL);
	buf = buffer(4096);
	buf[3] = 'a';
	dma = map(&dev, buf, 100, XEN_DMA_BIDIRECTIONAL);
	buf[3] = 'b';
	xen_dma_sync_for_device(&dev, dma, 100, XEN_DMA_BIDIRECTIONAL);
	device_read(dma + 3, &seen, 1);
	ck_assert_int_eq(seen, 'b');
	device_write(dma + 3, "c", 1);
	xen_dma_sync_for_cpu(&dev, dma, 100, XEN_DMA_BIDIRECTIONAL);
	ck_assert_int_eq(buf[3], 'c');
	xen_dma_unmap(&dev, dma, 100, XEN_DMA_BIDIRECTIONAL, 0);
	sg[0] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(buf), .length = 100};
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 1, XEN_DMA_BIDIRECTIONAL, 0), 1);
	buf[3] = 'd';
	xen_dma_sync_sg_for_device(&dev, sg, 1, XEN_DMA_BIDIRECTIONAL);
	device_read(sg[0].dma_addr + 3, &seen, 1);
	ck_assert_int_eq(seen, 'd');
	xen_dma_unmap_sg(&dev, sg, 1, XEN_DMA_BIDIRECTIONAL, 0);
	buffer_free(buf, 4096);
	dma_stop();
}

/* Pages that are not there, and what only seems to be behind the table's end. */
static void edges_of_the_table(void)
{
	enum { NR = 4096 };
	struct xen_dma_dev dev = device(64), low = device(24);
	uint64_t *entries;
	pfn_t there, gone;
	mfn_t saved;
	void *buf;

	model_start(NULL);
	ck_assert(!posix_memalign((void **)&entries, 4096, (NR + 512) * sizeof(*entries)));
	memset(entries, 0, (NR + 512) * sizeof(*entries));
	ck_assert_int_eq(xen_p2m_extend(entries, NR), 0);
	for (unsigned int i = 0; i < 4; i++)
		entries[NR + i] = entries[NR - 1] + 1 + i;
	refused(&dev, mk_pfn(NR), 0, 1, 0, -XEN_EFAULT);
	refused(&dev, mk_pfn(NR - 1), 0, 8192, 0, -XEN_EFAULT);
	buf = buffer(8192);
	there = xen_port_virt_to_pfn(buf);
	gone = pfn_add(there, 1);
	saved = xen_pfn_to_mfn(gone);
	ck_assert_int_eq(xen_p2m_set(gone, mk_mfn(XEN_INVALID_FRAME), false), 0);
	refused(&dev, gone, 0, 10, 0, -XEN_EFAULT);
	refused(&dev, gone, 0, 8192, 0, -XEN_EFAULT);
	/* A page in front of it, to its last byte, is there. */
	for (unsigned int i = 0; i < 2; i++) {
		struct xen_dma_dev *d = i ? &low : &dev;
		dma_addr_t dma = xen_dma_map_page(d, there, 0, 4096, XEN_DMA_TO_DEVICE, 0);

		ck_assert(!xen_dma_mapping_error(dma));
		xen_dma_unmap(d, dma, 4096, XEN_DMA_TO_DEVICE, 0);
	}
	ck_assert_int_eq(xen_p2m_set(gone, saved, false), 0);
	buffer_free(buf, 8192);
	ck_assert_int_eq(xen_swiotlb_fini(), 0);
	ck_assert(model_stop());
	xen_p2m_fini();
	free(entries);
}

/* Two pages in one piece, the second of which the device does not reach. */
static void across_the_mask(void)
{
	static const struct xen_e820_entry ram[] = {{0, 0x10800000, XEN_E820_RAM}};
	struct xen_dma_dev dev = device(28);
	dma_addr_t dma;

	dma_start(&(struct model_params){.contiguous = true, .e820 = ram, .nr_e820 = 1});
	for (uint64_t pfn = 0; pfn < 4095; pfn++) {
		if (mfn_x(xen_pfn_to_mfn(mk_pfn(pfn))) != 0xffff)
			continue;
		ck_assert_uint_eq(mfn_x(xen_pfn_to_mfn(mk_pfn(pfn + 1))), 0x10000);
		dma = xen_dma_map_page(&dev, mk_pfn(pfn - 1), 0, 8192, XEN_DMA_TO_DEVICE, 0);
		ck_assert_uint_eq(dma, 0xfffe000); /* to the last byte of the lower one */
		xen_dma_unmap(&dev, dma, 8192, XEN_DMA_TO_DEVICE, 0);
		/* Whatever is in the page behind. */
		ck_assert_int_eq(xen_p2m_set(mk_pfn(pfn + 1), mk_mfn(XEN_INVALID_FRAME), false), 0);
		dma = xen_dma_map_page(&dev, mk_pfn(pfn - 1), 0, 8192, XEN_DMA_TO_DEVICE, 0);
		ck_assert_uint_eq(dma, 0xfffe000);
		xen_dma_unmap(&dev, dma, 8192, XEN_DMA_TO_DEVICE, 0);
		ck_assert_int_eq(xen_p2m_set(mk_pfn(pfn + 1), mk_mfn(0x10000), false), 0);
		dma = xen_dma_map_page(&dev, mk_pfn(pfn), 0, 8192, XEN_DMA_TO_DEVICE, 0);
		ck_assert(xen_swiotlb_is_bounce(dma));
		ck_assert_uint_le(dma + 8191, MASK(28));
		xen_dma_unmap(&dev, dma, 8192, XEN_DMA_TO_DEVICE, 0);
		dma_stop();
		return;
	}
	ck_abort_msg("no page of the domain lies below 256 MiB");
}

/* A list's end is marked where it is shorter than the caller's, and nothing behind is written. */
static void lists_are_ended(void)
{
	struct xen_dma_dev dev = device(64);
	struct xen_dma_sg sg[4];
	dma_addr_t other;
	char *buf;

	dma_start(&(struct model_params){.contiguous = true});
	dev.limits.max_segment = 4096;
	buf = buffer(4 * 4096);
	for (unsigned int merged = 0; merged < 2; merged++) {
		for (unsigned int i = 0; i < 4; i++)
			sg[i] = (struct xen_dma_sg){
				.pfn = xen_port_virt_to_pfn(buf + (merged ? 0 : i * 4096)),
				.offset = merged ? i * 1024 : 0,
				.length = merged ? 1024 : 4096,
				.dma_length = 99};
		ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 3, XEN_DMA_TO_DEVICE, 0), merged ? 1 : 3);
		ck_assert_uint_eq(sg[merged ? 1 : 2].dma_length, merged ? 0 : 4096);
		ck_assert_uint_eq(sg[3].dma_length, 99);
		xen_dma_unmap_sg(&dev, sg, 3, XEN_DMA_TO_DEVICE, 0);
	}
	/* One that fails undoes what it did and no more: stale entries are nothing to it. */
	dev = device(24);
	other = map(&dev, buf, 100, XEN_DMA_TO_DEVICE);
	for (unsigned int i = 0; i < 3; i++)
		sg[i] = (struct xen_dma_sg){.pfn = i == 1 ? mk_pfn(1 << 20) : mk_pfn(5 + i),
					    .length = 100,
					    .dma_addr = other,
					    .dma_length = 100};
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 3, XEN_DMA_TO_DEVICE, 0), -XEN_EFAULT);
	ck_assert(xen_swiotlb_is_bounce(other));
	ck_assert_uint_eq(sg[0].dma_length, 0);
	ck_assert_uint_eq(pool_stats(0).bytes_used, SLOT);
	xen_dma_unmap(&dev, other, 100, XEN_DMA_TO_DEVICE, 0);
	buffer_free(buf, 4 * 4096);
	dma_stop();
}

/* By the API what lies in one page has a path of its own: the slot that the victim had goes to the
 * spy, which sees nothing behind its buffer, from the device and to it, in one slot and in two. */
static void nothing_of_the_previous_owner(void)
{
	static const struct xen_dma_limits narrow = {.mask = 0xfffffff};
	struct xen_dma_dev victim, spy;
	uint8_t seen[2 * SLOT];
	char *secret, *buf;

	dma_start(NULL);
	ck_assert_int_eq(xen_dma_dev_init(&victim, "dev", &xen_swiotlb_dma_ops, &narrow), 0);
	ck_assert_int_eq(xen_dma_dev_init(&spy, "dev", &xen_swiotlb_dma_ops, &narrow), 0);
	secret = buffer(4096);
	buf = buffer(4096);
	memset(secret, 's', 4096);
	memset(buf, 'b', 4096);
	for (size_t size = 1; size < 2 * SLOT; size += 61) {
		size_t slots = size > SLOT ? 2 * SLOT : SLOT;
		enum xen_dma_dir dir = size % 2 ? XEN_DMA_FROM_DEVICE : XEN_DMA_TO_DEVICE;
		dma_addr_t da, db;

		da = xen_dma_map_single(&victim, secret, slots, XEN_DMA_TO_DEVICE, 0);
		ck_assert(!xen_dma_mapping_error(da));
		xen_dma_unmap(&victim, da, slots, XEN_DMA_TO_DEVICE, 0);
		db = xen_dma_map_single(&spy, buf, size, dir, 0);
		ck_assert_uint_eq(db, da); /* they are the same slots */
		device_read(db, seen, slots);
		ck_assert_mem_eq(seen, buf, size);
		for (size_t i = size; i < slots; i++)
			if (seen[i])
				ck_abort_msg("size %zu: stale byte at %zu", size, i);
		xen_dma_unmap(&spy, db, size, dir, 0);
	}
	buffer_free(secret, 4096);
	buffer_free(buf, 4096);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"each device is a user of its own", users_are_numbered},
	{"a mask has 13 bits or more", narrowest_mask},
	{"another mask means other memory", masks_change},
	{"last_error is of the last failure", last_error},
	{"lists with bad entries are refused", bad_lists},
	{"syncs reach the device, and the CPU", syncs_reach_the_device},
	{"pages at the edges of the table", edges_of_the_table},
	{"what reaches across the mask bounces", across_the_mask},
	{"a list's end is marked", lists_are_ended},
	{"CVE-2022-0854: nothing of the previous owner, by page", nothing_of_the_previous_owner},
};

UNIT_MAIN("dma-device", cases)
