/* SPDX-License-Identifier: MIT */
/* The DMA API on the PV backend: what goes direct, what bounces, coherent memory. */
#include "dma_test.h"

/* Consecutive frames, five off the alignment of their PFNs. */
static const struct model_params contiguous = {.contiguous = true, .nr_pages = 8192 + 5};

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
	ck_assert_uint_eq(bounces(&dev), 0);
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
	ck_assert_uint_eq(bounces(&dev), 0);
	ck_assert(!xen_swiotlb_stats(0, &(struct xen_swiotlb_stats){0})); /* no pool was made */
	buffer_free(buf, 8 * MIB);
	dma_stop();
}

/* Up to the last byte that the device reaches, and not beyond it. */
static void up_to_the_mask(void)
{
	static const struct xen_e820_entry ram[] = {{0, 256 * MIB, XEN_E820_RAM},
						    {256 * MIB, 16 * MIB, XEN_E820_RAM}};
	static const struct model_params params = {.e820 = ram, .nr_e820 = 2, .nr_pages = 60000};
	struct xen_dma_dev dev = device(28);
	pfn_t pfn;

	dma_start(&params);
	pfn = xen_mfn_to_pfn(mk_mfn((1ULL << 16) - 1)); /* the last one below 2^28 */
	ck_assert(pfn_valid(pfn));
	for (size_t size = 4094; size <= 4096; size++) {
		ck_assert_uint_eq(xen_dma_map_page(&dev, pfn, 0, size, XEN_DMA_TO_DEVICE, 0),
				  MASK(28) - 4095);
		ck_assert_uint_eq(xen_dma_map_page(&dev, pfn, 4096 - size, size, XEN_DMA_TO_DEVICE,
						   0),
				  MASK(28) - (size - 1));
	}
	ck_assert_uint_eq(xen_dma_map_page(&dev, pfn, 4095, 1, XEN_DMA_TO_DEVICE, 0), MASK(28));
	/* An offset beyond its page goes the longer way. */
	ck_assert_uint_eq(xen_dma_map_page(&dev, pfn_add(pfn, -1ULL), 8191, 1, XEN_DMA_TO_DEVICE,
					   0),
			  MASK(28));
	ck_assert_uint_eq(bounces(&dev), 0);
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
	ck_assert_uint_eq(bounces(&dev), 1);
	ck_assert(xen_swiotlb_is_bounce(dma));
	device_read(dma, seen, 3000);
	ck_assert_mem_eq(seen, at, 3000);
	xen_dma_unmap(&dev, dma, 3000, XEN_DMA_TO_DEVICE, 0);
	/* To the byte: up to the gap it is direct. */
	ck_assert_uint_eq(map(&dev, at, 1000, XEN_DMA_TO_DEVICE),
			  mfn_to_dma(mfn_of(at)) + xen_page_offset((uintptr_t)at));
	ck_assert_uint_eq(bounces(&dev), 0);

	/* No bounce buffer can help this one: refused, not handed out wrong. */
	ck_assert_int_eq(xen_dma_dev_init(&dev, "narrow", &xen_swiotlb_dma_ops, &narrow), 0);
	refused(&dev, xen_port_virt_to_pfn(at), xen_page_offset((uintptr_t)at), 5000, 0,
		-XEN_EINVAL);
	ck_assert_uint_eq(bounces(&dev), 0);
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
			ck_assert_uint_eq(bounces(&dev), 1);
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
		ck_assert_uint_eq(bounces(&dev), 0);
		xen_dma_dev_fini(&dev);
	}
	buffer_free(buf, 4096);
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
	ck_assert_uint_eq(bounces(&dev), 0);
	dma_stop();
}

static void no_memory_for_a_pool(void)
{
	struct xen_dma_dev dev = device(28);
	uint8_t *buf;

	dma_start(NULL);
	buf = buffer(4096);
	model_fail(MODEL_ALLOC, 1, 0);
	refused(&dev, xen_port_virt_to_pfn(buf), 0, 100, 0, -XEN_ENOMEM);
	ck_assert_ptr_null(dev.pool);
	xen_dma_unmap(&dev, map(&dev, buf, 100, XEN_DMA_TO_DEVICE), 100, XEN_DMA_TO_DEVICE, 0);
	ck_assert_uint_eq(bounces(&dev), 0);
	buffer_free(buf, 4096);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"direct maps reach up to the device's last byte", up_to_the_mask},
	{"without memory for a pool there is an error, and later none", no_memory_for_a_pool},
	{"a page is mapped at its machine address", one_page_is_direct},
	{"Linux 9f40ec84a797: contiguous but unaligned memory streams direct",
	 contiguous_is_direct},
	{"discontiguous pages bounce or are refused", discontiguous_is_not_direct},
	{"a boundary is the machine's, not the guest's", boundary_is_the_machines},
	{"the mask is exact", mask_is_exact},
	{"a foreign page is mapped at its frame", foreign_pages_are_direct},
	{"SKIP_SYNC skips the copy back", skip_sync},
	{"coherent memory is low, aligned and needs no hypercall", coherent},
	{"a leak is reported", a_leak_is_reported},
	{"two CPUs at once", two_cpus},
};

UNIT_MAIN("dma", cases)
