/* SPDX-License-Identifier: MIT */
/*
 * The DMA layer: single mappings, direct and bounced, scatterlists, pools that grow and are
 * trimmed, coherent memory, masks, and all of it under dma-debug. What was mapped holds the data of
 * the original, what was not leaves no slot behind.
 */
#include <xen/coherent.h>
#include <xen/dma.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "faults.h"

#define MASK(bits) ((bits) < 64 ? (1ULL << (bits)) - 1 : ~0ULL)
#define NR_BUFFERS 12
#define BUFFER_ORDER 4
#define BUFFER_SIZE (XEN_PAGE_SIZE << BUFFER_ORDER)

/* A small domain starts sooner. */
static const struct model_params small = {.nr_pages = 512};
static struct xen_dma_dev dev;
static char *buffer[NR_BUFFERS];
static size_t size[NR_BUFFERS];
static dma_addr_t dma[NR_BUFFERS]; /* 0: not mapped */

static void new_device(unsigned int bits)
{
	struct xen_dma_limits limits = {.mask = MASK(bits)};

	require(!xen_dma_dev_init(&dev, "dev", &xen_swiotlb_dma_ops, &limits));
}

static void prepare(unsigned int bits)
{
	new_device(bits);
	for (unsigned int i = 0; i < NR_BUFFERS; i++) {
		buffer[i] = xen_port_alloc_pages(BUFFER_ORDER);
		require(buffer[i]);
		memset(buffer[i], 'a' + (int)i, BUFFER_SIZE);
	}
}

static void finish(void)
{
	xen_dma_dev_fini(&dev);
	require(!xen_swiotlb_fini());
	xen_coherent_trim(0);
	for (unsigned int i = 0; i < NR_BUFFERS; i++)
		xen_port_free_pages(buffer[i], BUFFER_ORDER);
}

static void prepare_wide(void)
{
	prepare(64);
}

static void prepare_narrow(void)
{
	prepare(28);
}

/* The first and last byte as the device sees them. */
static void check_data(unsigned int i, dma_addr_t addr, size_t bytes)
{
	char byte;

	require(model_dma_read(addr, &byte, 1) && byte == 'a' + (char)i);
	require(model_dma_read(addr + bytes - 1, &byte, 1) && byte == 'a' + (char)i);
}

static void map_one(unsigned int i, size_t bytes)
{
	dma_addr_t addr = xen_dma_map_single(&dev, buffer[i], bytes, XEN_DMA_BIDIRECTIONAL, 0);

	dma[i] = 0;
	if (xen_dma_mapping_error(addr)) {
		require(returned("xen_dma_map_page", dev.last_error));
		return;
	}
	dma[i] = addr;
	size[i] = bytes;
	check_data(i, addr, bytes);
	require(model_dma_write(addr + bytes - 1, "Z", 1));
}

static void unmap_one(unsigned int i)
{
	if (!dma[i])
		return;
	xen_dma_sync_for_cpu(&dev, dma[i], size[i], XEN_DMA_BIDIRECTIONAL);
	xen_dma_unmap(&dev, dma[i], size[i], XEN_DMA_BIDIRECTIONAL, 0);
	require(buffer[i][size[i] - 1] == 'Z');
	buffer[i][size[i] - 1] = 'a' + (char)i;
	dma[i] = 0;
}

/* Nothing is mapped, and idle segments can be given back. */
static void no_slots(void)
{
	struct xen_swiotlb_stats stats;

	require(!xen_swiotlb_mappings_of(dev.limits.user));
	xen_swiotlb_trim(0);
	for (unsigned int i = 0; xen_swiotlb_stats(i, &stats); i++)
		require(!stats.bytes_used && !stats.bytes && !stats.segments);
}

static void unmap_all(void)
{
	for (unsigned int i = 0; i < NR_BUFFERS; i++)
		unmap_one(i);
	no_slots();
}

static void map_direct(void)
{
	for (unsigned int i = 0; i < NR_BUFFERS; i++)
		map_one(i, XEN_PAGE_SIZE);
}

static void map_bounce(void)
{
	map_one(0, 100);
	map_one(1, 5000);
	map_one(2, 40000);
}

/* Segments of at most 32 KiB, so that pools grow in the middle of what is mapped. */
static void prepare_growth(void)
{
	static const struct xen_swiotlb_config config = {.max_segment_order = 3};

	require(!xen_swiotlb_configure(&config));
	prepare_narrow();
}

static void grow_and_trim(void)
{
	for (unsigned int i = 0; i < NR_BUFFERS; i++)
		map_one(i, 32768);
	for (unsigned int i = 0; i < NR_BUFFERS; i++)
		unmap_one(i);
	xen_swiotlb_trim(0);
}

/* Below the mask only what an exchange got. */
static void *low;
static dma_addr_t low_dma;

static void prepare_sg(void)
{
	int err;

	prepare_growth();
	low = xen_coherent_alloc(0, 28, &low_dma, &err);
	require(low);
	memset(low, 'a', XEN_PAGE_SIZE);
}

static struct xen_dma_sg sg[NR_BUFFERS];
static int mapped;

/* Every fourth piece direct. */
static void map_sg(void)
{
	for (unsigned int i = 0; i < NR_BUFFERS; i++)
		sg[i] = (struct xen_dma_sg){
			.pfn = xen_port_virt_to_pfn(i % 4 ? buffer[i] : low),
			.offset = 16,
			.length = i % 4 ? 512 + i * 2400 : 256,
		};
	mapped = returned("xen_dma_map_sg",
			  xen_dma_map_sg(&dev, sg, NR_BUFFERS, XEN_DMA_TO_DEVICE, 0));
	if (mapped < 0) {
		require(dev.last_error == mapped);
		return;
	}
	require(mapped == NR_BUFFERS);
	for (unsigned int i = 0; i < NR_BUFFERS; i++)
		check_data(i % 4 ? i : 0, sg[i].dma_addr, sg[i].dma_length);
}

static void unmap_sg(void)
{
	if (mapped > 0)
		xen_dma_unmap_sg(&dev, sg, NR_BUFFERS, XEN_DMA_TO_DEVICE, 0);
	no_slots();
}

static void finish_sg(void)
{
	xen_coherent_free(low, 0, 28);
	finish();
}

#define NR_RINGS 8
static void *ring[NR_RINGS];

static size_t ring_size(unsigned int i)
{
	return XEN_PAGE_SIZE << i / 2;
}

static void coherent(void)
{
	for (unsigned int i = 0; i < NR_RINGS; i++) {
		ring[i] = xen_dma_alloc_coherent(&dev, ring_size(i), &dma[i]);
		if (!ring[i])
			require(returned("xen_dma_alloc_coherent", dev.last_error));
	}
	/* Half of them, given back while calls still fail. */
	for (unsigned int i = 0; i < NR_RINGS; i += 2) {
		xen_dma_free_coherent(&dev, ring[i], ring_size(i), dma[i]);
		ring[i] = NULL;
	}
	xen_coherent_trim(0);
}

static void undo_coherent(void)
{
	struct xen_coherent_stats stats;

	for (unsigned int i = 0; i < NR_RINGS; i++) {
		if (ring[i]) {
			require(!*(char *)ring[i]);
			require(model_dma_write(dma[i] + ring_size(i) - 1, "x", 1));
			require(((char *)ring[i])[ring_size(i) - 1] == 'x');
		}
		xen_dma_free_coherent(&dev, ring[i], ring_size(i), dma[i]);
		ring[i] = NULL;
		dma[i] = 0;
	}
	xen_coherent_trim(0);
	xen_coherent_stats(&stats);
	require(!stats.bytes_cached && !stats.bytes_live);
}

static void masks(void)
{
	if (!returned("xen_dma_set_mask", xen_dma_set_mask(&dev, MASK(26))))
		require(dev.limits.mask == MASK(26));
	if (!returned("xen_dma_set_mask", xen_dma_set_coherent_mask(&dev, MASK(27))))
		require(dev.limits.coherent_mask == MASK(27));
}

static void undo_masks(void)
{
	dev.limits.mask = MASK(28);
	dev.limits.coherent_mask = MASK(28);
	no_slots();
	xen_coherent_trim(0);
}

/* A driver that does everything right is never accused, however blind the debugger became. */
static void debugged(void)
{
	dma_addr_t addr;
	void *va;

	returned("xen_dma_debug_enable", xen_dma_debug_enable(&dev));
	map_one(0, 100);
	map_one(4, 5000); /* neither is in the list */
	map_sg();
	va = xen_dma_alloc_coherent(&dev, 4096, &addr);
	if (!va)
		require(returned("xen_dma_alloc_coherent", dev.last_error));
	unmap_one(0);
	xen_dma_free_coherent(&dev, va, 4096, addr);
}

static void undo_debugged(void)
{
	unmap_one(4);
	unmap_sg();
	xen_dma_dev_fini(&dev);
	require(!xen_dma_debug_breaches(&dev));
	require(!xen_swiotlb_mappings_of(dev.limits.user));
	new_device(28);
	xen_coherent_trim(0);
}

/* The end itself under failures: what does not go says so, and goes later. */
static void end(void)
{
	map_bounce();
	for (unsigned int i = 0; i < 3; i++)
		unmap_one(i);
	xen_dma_dev_fini(&dev);
	require(!xen_swiotlb_fini());
}

static void undo_end(void)
{
	require(!xen_swiotlb_fini());
	new_device(28);
}

#define PANICS .panics = {"contiguous: Xen does not map"}

const struct scenario dma_scenarios[] = {
	{SCENARIO("map-direct", &small, prepare_wide, map_direct, unmap_all, finish)},
	{SCENARIO("map-bounce", &small, prepare_narrow, map_bounce, unmap_all, finish), PANICS},
	{SCENARIO("map-sg", &small, prepare_sg, map_sg, unmap_sg, finish_sg), PANICS},
	{SCENARIO("pool-growth", &small, prepare_growth, grow_and_trim, unmap_all, finish), PANICS,
	 .slow = true},
	{SCENARIO("pool-end", &small, prepare_narrow, end, undo_end, finish), PANICS},
	{SCENARIO("coherent", &small, prepare_narrow, coherent, undo_coherent, finish), PANICS},
	{SCENARIO("set-mask", &small, prepare_narrow, masks, undo_masks, finish), PANICS},
	{SCENARIO("dma-debug", &small, prepare_sg, debugged, undo_debugged, finish_sg), PANICS},
	{0},
};
