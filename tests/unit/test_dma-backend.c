/* SPDX-License-Identifier: MIT */
/* The DMA API over a backend that is not the PV one. */
#include "dma_test.h"

/* A backend that counts, refuses maps and does nothing else. */
static struct {
	unsigned int map, unmap, sync, map_sg;
} asked;

static int refuse_map(struct xen_dma_dev *dev, paddr_t paddr, size_t size, enum xen_dma_dir dir,
		      unsigned int attrs, dma_addr_t *dma)
{
	asked.map++;
	return -XEN_EPERM;
}

static void count_unmap(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
			unsigned int attrs)
{
	asked.unmap++;
}

static void count_sync(struct xen_dma_dev *dev, dma_addr_t dma, size_t size, enum xen_dma_dir dir,
		       bool for_cpu)
{
	asked.sync++;
}

static int refuse_map_sg(struct xen_dma_dev *dev, struct xen_dma_sg *sg, unsigned int nents,
			 enum xen_dma_dir dir, unsigned int attrs)
{
	asked.map_sg++;
	return -XEN_EPERM;
}

static const struct xen_dma_ops counting = {
	.map = refuse_map,
	.map_sg = refuse_map_sg,
	.unmap = count_unmap,
	.sync = count_sync,
};

static void another_backend(void)
{
	struct xen_dma_sg sg[2] = {{.dma_addr = 1, .dma_length = 1}};
	struct xen_dma_dev dev;
	void *buf;

	dma_start(NULL);
	buf = buffer(4096);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &counting, NULL), 0);
	ck_assert(xen_dma_mapping_error(xen_dma_map_single(&dev, buf, 1, XEN_DMA_TO_DEVICE, 0)));
	ck_assert_int_eq(dev.last_error, -XEN_EPERM);
	xen_dma_unmap(&dev, 0x1000, 1, XEN_DMA_TO_DEVICE, 0);
	xen_dma_sync_for_cpu(&dev, 0x1000, 1, XEN_DMA_TO_DEVICE);
	xen_dma_sync_for_device(&dev, 0x1000, 1, XEN_DMA_TO_DEVICE);
	xen_dma_sync_sg_for_cpu(&dev, sg, 2, XEN_DMA_TO_DEVICE);
	xen_dma_sync_sg_for_device(&dev, sg, 2, XEN_DMA_TO_DEVICE);
	ck_assert_uint_eq(asked.map, 1);
	ck_assert_uint_eq(asked.unmap, 1);
	ck_assert_uint_eq(asked.sync, 4);
	buffer_free(buf, 4096);
	dma_stop();
}

/* A list with a bad entry reaches no backend. */
static void lists_for_another_backend(void)
{
	const struct xen_dma_sg good = {.pfn = mk_pfn((1ULL << 50) - 1), .length = 1};
	struct xen_dma_sg sg[3] = {good, good, good};
	struct xen_dma_dev dev;

	dma_start(NULL);
	ck_assert_int_eq(xen_dma_dev_init(&dev, "dev", &counting, NULL), 0);
	for (unsigned int i = 0; i < 3; i++) {
		sg[i].length = 0;
		ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 3, XEN_DMA_TO_DEVICE, 0), -XEN_EINVAL);
		sg[i] = (struct xen_dma_sg){.pfn = mk_pfn(1ULL << 50), .length = 1};
		ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 3, XEN_DMA_TO_DEVICE, 0), -XEN_EINVAL);
		sg[i] = good;
	}
	ck_assert_int_eq(dev.last_error, -XEN_EINVAL);
	ck_assert_uint_eq(asked.map_sg, 0);
	ck_assert_int_eq(xen_dma_map_sg(&dev, sg, 3, XEN_DMA_TO_DEVICE, 0), -XEN_EPERM);
	ck_assert_int_eq(dev.last_error, -XEN_EPERM);
	ck_assert_uint_eq(asked.map_sg, 1);
	dma_stop();
}

static const struct unit_case cases[] = {
	{"another backend is asked each time", another_backend},
	{"a list with a bad entry reaches no backend", lists_for_another_backend},
};

UNIT_MAIN("dma-backend", cases)
