/* SPDX-License-Identifier: MIT */
/*
 * Scenario pool: the bounce pool of a 28-bit device starts small, grows while mappings are held,
 * says why it can grow no more and who holds it, keeps every mapping's data apart, and gives its
 * memory back.
 */
#include "scenario.h"

#include <xen/swiotlb.h>

#include "boot.h"
#include "pages.h"
#include "text.h"
#include "verdict.h"

#define MAP_BYTES 16384UL
#define MOST_MAPS 4096

static dma_addr_t held[MOST_MAPS];

static bool stats_of_28_bits(struct xen_swiotlb_stats *stats)
{
	unsigned int i;

	for (i = 0; xen_swiotlb_stats(i, stats); i++)
		if (stats->address_bits == 28)
			return true;
	return check(false, "there is no pool of 28 bits");
}

static void count_owner(const char *owner, uint64_t bytes, void *arg)
{
	if (text_same(owner, "pool test"))
		*(uint64_t *)arg += bytes;
}

static uint64_t held_by_us(void)
{
	struct xen_swiotlb_stats stats;
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; xen_swiotlb_stats(i, &stats); i++)
		xen_swiotlb_holders(i, count_owner, &bytes);
	return bytes;
}

/* Hold mappings until the pool refuses or @limit bytes are held. Returns how many are held. */
static unsigned int fill_up(struct xen_dma_dev *dev, void *buffer, uint64_t limit)
{
	unsigned int nr = 0;

	while (nr < MOST_MAPS && nr * MAP_BYTES < limit) {
		dma_addr_t dma = xen_dma_map_single(dev, buffer, MAP_BYTES, XEN_DMA_TO_DEVICE, 0);

		if (xen_dma_mapping_error(dma))
			break;
		check(dma + MAP_BYTES - 1 <= EDU_MASK && xen_swiotlb_is_bounce(dma),
		      "bounced to 0x%lx", dma);
		held[nr++] = dma;
	}
	return nr;
}

static void check_apart(unsigned int nr)
{
	unsigned int i, j;

	for (i = 0; i < nr; i++)
		for (j = i + 1; j < nr; j++)
			if (held[i] < held[j] + MAP_BYTES && held[j] < held[i] + MAP_BYTES) {
				check(false, "0x%lx and 0x%lx overlap", held[i], held[j]);
				return;
			}
}

static void check_full(struct xen_dma_dev *dev, void *buffer, unsigned int nr)
{
	struct xen_swiotlb_stats stats;
	dma_addr_t dma;

	if (!stats_of_28_bits(&stats))
		return;
	check(stats.grown && stats.bytes >= nr * MAP_BYTES, "%lu bytes after %lu growths",
	      stats.bytes, stats.grown);
	check(stats.bytes_used == nr * MAP_BYTES, "%lu bytes are used by %u mappings of %lu",
	      stats.bytes_used, nr, MAP_BYTES);
	check(held_by_us() == nr * MAP_BYTES, "the holders' list says %lu bytes, not %lu",
	      held_by_us(), nr * MAP_BYTES);
	note("%u maps held: %lu bytes in %lu segments, most used %lu", nr, stats.bytes,
	     stats.segments, stats.bytes_high);
	if (!options.pool_max)
		return;
	check(stats.bytes <= options.pool_max, "the pool has %lu bytes, its limit is %lu",
	      stats.bytes, options.pool_max);
	dma = xen_dma_map_single(dev, buffer, MAP_BYTES, XEN_DMA_TO_DEVICE, 0);
	check(xen_dma_mapping_error(dma) && dev->last_error == -XEN_ENOSPC,
	      "a full pool: address 0x%lx, error %d, not -ENOSPC", dma, dev->last_error);
	if (stats_of_28_bits(&stats))
		check(stats.fail_full, "the refusal was not counted");
}

void scenario_pool(void)
{
	static const struct xen_dma_limits limits = {.mask = EDU_MASK};
	uint64_t owned = pages_owned(), limit, most;
	struct xen_swiotlb_stats stats;
	struct xen_dma_dev dev;
	unsigned int nr, i;
	dma_addr_t dma;
	void *buffer;
	int err;

	buffer = pages_above(2, MFN_ABOVE_28_BITS);
	if (!buffer) {
		skip("no pages above 256 MiB of the machine");
		return;
	}
	err = xen_dma_dev_init(&dev, "pool test", &xen_swiotlb_dma_ops, &limits);
	if (!check(!err, "xen_dma_dev_init: %d", err))
		goto free;
	most = boot_free_pages() / 2 * XEN_PAGE_SIZE;
	limit = options.pool_max ? options.pool_max + MAP_BYTES : 6UL << 20;
	nr = fill_up(&dev, buffer, limit < most ? limit : most);
	check(nr, "no mapping could be made (%d)", dev.last_error);
	check_apart(nr);
	check_full(&dev, buffer, nr);
	for (i = 0; i < nr; i++)
		xen_dma_unmap(&dev, held[i], MAP_BYTES, XEN_DMA_TO_DEVICE, 0);

	dma = xen_dma_map_single(&dev, buffer, MAP_BYTES, XEN_DMA_TO_DEVICE, 0);
	check(!xen_dma_mapping_error(dma), "after all were unmapped: %d", dev.last_error);
	if (!xen_dma_mapping_error(dma))
		xen_dma_unmap(&dev, dma, MAP_BYTES, XEN_DMA_TO_DEVICE, 0);
	check(!held_by_us(), "%lu bytes are still held", held_by_us());
	check(xen_swiotlb_trim(0) || options.pool_initial, "trimming freed nothing");
	if (stats_of_28_bits(&stats))
		check(!stats.bytes_used && stats.bytes <= options.pool_initial &&
			      (stats.shrunk || options.pool_initial),
		      "after trimming the pool has %lu bytes, %lu used", stats.bytes,
		      stats.bytes_used);
	xen_dma_dev_fini(&dev);
	check_frames(owned, "afterwards");
free:
	xen_port_free_pages(buffer, 2);
}
