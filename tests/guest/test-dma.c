/* SPDX-License-Identifier: MIT */
/*
 * Scenarios coherent and direct: what needs no bounce and no hypercall gets neither, and what is
 * not contiguous in the machine is never handed out as if it were. No device takes part.
 */
#include "scenario.h"

#include <xen/coherent.h>
#include <xen/contiguous.h>
#include <xen/p2m.h>

#include "boot.h"
#include "pages.h"
#include "text.h"
#include "verdict.h"

static bool device(struct xen_dma_dev *dev, const struct xen_dma_limits *limits)
{
	int err = xen_dma_dev_init(dev, "test", &xen_swiotlb_dma_ops, limits);

	return check(!err, "xen_dma_dev_init: %d", err);
}

static const size_t coherent_sizes[] = {4096, 8192, 65536, 100, 2UL << 20};

static void alloc_and_free(struct xen_dma_dev *dev, size_t size)
{
	dma_addr_t dma = 0;
	uint8_t *va = xen_dma_alloc_coherent(dev, size, &dma);
	uint64_t pages = xen_pages_of(size), i;

	if (!check(va, "%lu bytes of coherent memory: %d", size, dev->last_error))
		return;
	check(dma + size - 1 <= dev->limits.mask, "coherent memory at 0x%lx is out of reach", dma);
	check(!(dma & (pages * XEN_PAGE_SIZE - 1)), "0x%lx is not aligned for %lu bytes", dma,
	      size);
	for (i = 0; i < pages; i++)
		check(mfn_to_dma(virt_to_mfn(va + i * XEN_PAGE_SIZE)) == dma + i * XEN_PAGE_SIZE,
		      "page %lu of coherent memory is elsewhere", i);
	check(!va[0] && !va[size - 1], "coherent memory is not zeroed");
	va[0] = va[size - 1] = 0xcc; /* what the next user must not see */
	xen_dma_free_coherent(dev, va, size, dma);
}

/*
 * Hypercalls of @nr rounds. Xen is also called for events that come in between, and by other CPUs
 * when they run: the quietest of some attempts counts, for the allocator's own calls would show in
 * every one.
 */
static uint64_t calls_of_rounds(struct xen_dma_dev *dev, size_t size, uint64_t nr)
{
	uint64_t best = ~0ULL, before, calls, i;
	unsigned int attempt;

	if (xen_port_nr_cpus() > 1)
		nr = nr > 20 ? 20 : 1;
	for (attempt = 0; attempt < 50 && best; attempt++) {
		before = boot_hypercalls();
		for (i = 0; i < nr; i++) {
			dma_addr_t dma;
			void *va = xen_dma_alloc_coherent(dev, size, &dma);

			if (!va)
				break;
			xen_dma_free_coherent(dev, va, size, dma);
		}
		calls = boot_hypercalls() - before;
		if (check(i == nr, "allocation %lu of %lu bytes failed (%d)", i, size,
			  dev->last_error) &&
		    calls < best)
			best = calls;
	}
	return best;
}

void scenario_coherent(void)
{
	static const uint64_t masks[] = {EDU_MASK, 0xffffffff, ~0ULL};
	uint64_t owned = pages_owned(), calls;
	struct xen_coherent_stats stats;
	unsigned int m, s;

	for (m = 0; m < ARRAY_LEN(masks); m++) {
		struct xen_dma_limits limits = {.mask = masks[m]};
		struct xen_dma_dev dev;

		if (!device(&dev, &limits))
			return;
		for (s = 0; s < ARRAY_LEN(coherent_sizes); s++) {
			size_t size = coherent_sizes[s];

			alloc_and_free(&dev, size);
			alloc_and_free(&dev, size);
			calls = calls_of_rounds(&dev, size, rounds(size > 65536 ? 10 : 200));
			check(!calls, "%lu bytes below 0x%lx: %lu hypercalls in steady state", size,
			      masks[m], calls);
		}
		xen_dma_dev_fini(&dev);
	}
	xen_coherent_stats(&stats);
	check(!stats.bytes_live, "%lu bytes are still handed out", stats.bytes_live);
	note("%lu allocations from the cache, %lu made, %lu bytes cached", stats.hits, stats.misses,
	     stats.bytes_cached);
	xen_coherent_trim(0);
	check_frames(owned, "afterwards");
}

static uint64_t bounced_maps(void)
{
	struct xen_swiotlb_stats stats;
	uint64_t maps = 0;
	unsigned int i;

	for (i = 0; xen_swiotlb_stats(i, &stats); i++)
		maps += stats.maps;
	return maps;
}

/* Maps of a 64-bit device inside machine-contiguous memory: always where it lies, no copy. */
static void check_contiguous_is_direct(void)
{
	static const struct xen_dma_limits limits = {.mask = ~0ULL};
	const unsigned int order = 6;
	const size_t size = XEN_PAGE_SIZE << order;
	uint64_t maps = bounced_maps(), calls, i;
	struct random random;
	struct xen_dma_dev dev;
	dma_addr_t base, dma;
	uint8_t *va;
	int err;

	if (!device(&dev, &limits))
		return;
	va = xen_port_alloc_pages(order);
	if (!check(va, "no pages of order %u", order))
		goto fini;
	err = xen_create_contiguous_region(xen_port_virt_to_pfn(va), order, 0, &base);
	if (!check(!err, "no contiguous region (%d)", err))
		goto free;
	random_init(&random, options.seed);
	calls = boot_hypercalls();
	for (i = 0; i < rounds(5000); i++) {
		size_t offset = random_below(&random, size);
		size_t length = 1 + random_below(&random, size - offset);
		enum xen_dma_dir dir = (enum xen_dma_dir)random_below(&random, 3);

		dma = xen_dma_map_single(&dev, va + offset, length, dir, 0);
		check(dma == base + offset, "%lu bytes at offset %lu mapped at 0x%lx, not 0x%lx",
		      length, offset, dma, base + offset);
		xen_dma_unmap(&dev, dma, length, dir, 0);
	}
	note("%lu direct maps, %lu hypercalls meanwhile", i, boot_hypercalls() - calls);
	check(bounced_maps() == maps, "%lu maps bounced", bounced_maps() - maps);
	err = xen_destroy_contiguous_region(xen_port_virt_to_pfn(va), order);
	check(!err, "the region cannot be undone (%d)", err);
free:
	xen_port_free_pages(va, order);
fini:
	xen_dma_dev_fini(&dev);
}

/* A map over two pages that are not neighbours in the machine. */
static void check_scattered(uint8_t *va)
{
	static const struct xen_dma_limits any = {.mask = ~0ULL};
	/* Nothing may cross a page: then not even a bounce buffer can serve two. */
	static const struct xen_dma_limits narrow = {.mask = ~0ULL, .boundary_mask = 0xfff};
	const size_t size = 2 * XEN_PAGE_SIZE;
	struct xen_dma_dev dev;
	dma_addr_t dma;

	pattern_fill(va, size, 77);
	if (!device(&dev, &any))
		return;
	dma = xen_dma_map_single(&dev, va, size, XEN_DMA_BIDIRECTIONAL, 0);
	if (check(!xen_dma_mapping_error(dma), "two scattered pages: %d", dev.last_error)) {
		check(xen_swiotlb_is_bounce(dma), "two scattered pages were mapped at 0x%lx direct",
		      dma);
		check(mfn_x(dma_to_mfn(dma)) + 1 == mfn_x(dma_to_mfn(dma + size - 1)) ||
			      xen_page_offset(dma),
		      "the bounce buffer is not in one piece");
		xen_dma_unmap(&dev, dma, size, XEN_DMA_BIDIRECTIONAL, 0);
	}
	check(pattern_verify(va, size, 77) == size, "bouncing changed the data");
	/* One page of the two needs no bounce. */
	dma = xen_dma_map_single(&dev, va + XEN_PAGE_SIZE, XEN_PAGE_SIZE, XEN_DMA_TO_DEVICE, 0);
	check(dma == mfn_to_dma(virt_to_mfn(va + XEN_PAGE_SIZE)), "one page was mapped at 0x%lx",
	      dma);
	xen_dma_unmap(&dev, dma, XEN_PAGE_SIZE, XEN_DMA_TO_DEVICE, 0);
	xen_dma_dev_fini(&dev);

	if (!device(&dev, &narrow))
		return;
	dma = xen_dma_map_single(&dev, va, size, XEN_DMA_TO_DEVICE, 0);
	check(xen_dma_mapping_error(dma) && dev.last_error == -XEN_EINVAL,
	      "two pages over a boundary: address 0x%lx, error %d", dma, dev.last_error);
	if (!xen_dma_mapping_error(dma))
		xen_dma_unmap(&dev, dma, size, XEN_DMA_TO_DEVICE, 0);
	xen_dma_dev_fini(&dev);
}

/* The pieces of a list merge only where the machine has them side by side. */
static void check_list(uint8_t *va)
{
	static const struct xen_dma_limits limits = {.mask = ~0ULL};
	struct xen_dma_sg sg[2] = {
		{.pfn = xen_port_virt_to_pfn(va), .length = XEN_PAGE_SIZE},
		{.pfn = xen_port_virt_to_pfn(va + XEN_PAGE_SIZE), .length = XEN_PAGE_SIZE},
	};
	struct xen_dma_dev dev;
	int nr;

	if (!device(&dev, &limits))
		return;
	nr = xen_dma_map_sg(&dev, sg, 2, XEN_DMA_TO_DEVICE, 0);
	check(nr == 2, "a list of two scattered pages has %d pieces", nr);
	if (nr == 2)
		check(sg[0].dma_addr == mfn_to_dma(virt_to_mfn(va)) &&
			      sg[1].dma_addr == mfn_to_dma(virt_to_mfn(va + XEN_PAGE_SIZE)),
		      "the list is mapped at 0x%lx and 0x%lx", sg[0].dma_addr, sg[1].dma_addr);
	if (nr > 0)
		xen_dma_unmap_sg(&dev, sg, 2, XEN_DMA_TO_DEVICE, 0);
	xen_dma_dev_fini(&dev);
}

void scenario_direct(void)
{
	uint64_t owned = pages_owned();
	uint8_t *pair;

	check_contiguous_is_direct();
	pair = pages_scattered_pair();
	if (check(pair, "no two scattered pages can be had")) {
		check_scattered(pair);
		check_list(pair);
		xen_port_free_pages(pair, 1);
	}
	xen_swiotlb_trim(0);
	check_frames(owned, "afterwards");
}
