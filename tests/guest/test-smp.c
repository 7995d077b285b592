/* SPDX-License-Identifier: MIT */
/*
 * Scenario smp: every CPU maps, syncs and unmaps, bounced and direct, and allocates coherent
 * memory, all at once on shared pools. A CPU plays the device by writing through the bounce
 * buffer's kernel address. CPUs note their errors for CPU 0 to check.
 */
#include "scenario.h"

#include <xen/p2m.h>

#include "boot.h"
#include "pages.h"
#include "text.h"
#include "verdict.h"

#define HELD 8
#define MAX_BYTES 12288UL

struct worker {
	uint64_t nr, seed;
	uint8_t *buffer; /* HELD * MAX_BYTES */
	struct xen_dma_dev dev;
	uint64_t done, bounced;
	const char *error; /* NULL: none */
	uint64_t error_round;
};

struct mapping {
	dma_addr_t dma;
	size_t length;
	uint8_t *at;
	uint64_t seed;
};

/* Where the CPU sees what the device sees at @dma, which is machine-contiguous. */
static uint8_t *device_memory(dma_addr_t dma)
{
	pfn_t pfn = xen_mfn_to_pfn(dma_to_mfn(dma));
	uint8_t *va = pfn_valid(pfn) ? xen_port_pfn_to_virt(pfn) : NULL;

	return va ? va + xen_page_offset(dma) : NULL;
}

static const char *make_mapping(struct worker *w, struct mapping *m, struct random *random)
{
	uint8_t *seen;

	m->length = 1 + random_below(random, MAX_BYTES);
	m->seed = random_next(random);
	pattern_fill(m->at, m->length, m->seed);
	m->dma = xen_dma_map_single(&w->dev, m->at, m->length, XEN_DMA_BIDIRECTIONAL, 0);
	if (xen_dma_mapping_error(m->dma))
		return "a mapping failed";
	if (!xen_swiotlb_is_bounce(m->dma))
		return NULL;
	w->bounced++;
	seen = device_memory(m->dma);
	if (!seen || pattern_verify(seen, m->length, m->seed) != m->length)
		return "the bounce buffer does not have the data";
	/* Now as the device: other data, for the CPU to find. */
	m->seed = ~m->seed;
	pattern_fill(seen, m->length, m->seed);
	return NULL;
}

static const char *end_mapping(struct worker *w, struct mapping *m)
{
	xen_dma_unmap(&w->dev, m->dma, m->length, XEN_DMA_BIDIRECTIONAL, 0);
	m->dma = XEN_DMA_ERROR;
	if (pattern_verify(m->at, m->length, m->seed) != m->length)
		return "the data did not come back";
	return NULL;
}

static const char *coherent_round(struct worker *w)
{
	dma_addr_t dma;
	uint8_t *va = xen_dma_alloc_coherent(&w->dev, XEN_PAGE_SIZE, &dma);
	const char *error = NULL;

	if (!va)
		return "no coherent memory";
	if (bytes_verify(va, XEN_PAGE_SIZE, 0) != XEN_PAGE_SIZE)
		error = "coherent memory is not zeroed";
	__builtin_memset(va, 0x77, XEN_PAGE_SIZE);
	xen_dma_free_coherent(&w->dev, va, XEN_PAGE_SIZE, dma);
	return error;
}

static void work(void *arg)
{
	struct worker *w = arg;
	struct mapping held[HELD];
	struct random random;
	unsigned int i;

	random_init(&random, w->seed);
	for (i = 0; i < HELD; i++)
		held[i] = (struct mapping){.dma = XEN_DMA_ERROR, .at = w->buffer + i * MAX_BYTES};
	for (w->done = 0; w->done < w->nr && !w->error; w->done++) {
		struct mapping *m = &held[random_below(&random, HELD)];

		if (!xen_dma_mapping_error(m->dma))
			w->error = end_mapping(w, m);
		else
			w->error = make_mapping(w, m, &random);
		if (!w->error && w->done % 16 == 0)
			w->error = coherent_round(w);
	}
	for (i = 0; i < HELD; i++)
		if (!xen_dma_mapping_error(held[i].dma))
			xen_dma_unmap(&w->dev, held[i].dma, held[i].length, XEN_DMA_BIDIRECTIONAL,
				      0);
}

static struct worker workers[BOOT_MAX_CPUS];

#define BUFFER_ORDER 5 /* holds HELD * MAX_BYTES */
_Static_assert(HELD *MAX_BYTES <= XEN_PAGE_SIZE << BUFFER_ORDER, "the buffer is too small");

static bool prepare(struct worker *w, unsigned int cpu)
{
	static const struct xen_dma_limits limits = {.mask = EDU_MASK};
	int err;

	*w = (struct worker){.nr = rounds(2000), .seed = options.seed * 64 + cpu};
	w->buffer = xen_port_alloc_pages(BUFFER_ORDER);
	if (!check(w->buffer, "no pages for CPU %u", cpu))
		return false;
	err = xen_dma_dev_init(&w->dev, "smp test", &xen_swiotlb_dma_ops, &limits);
	return check(!err, "xen_dma_dev_init: %d", err);
}

void scenario_smp(void)
{
	uint64_t owned = pages_owned(), bounced = 0;
	unsigned int cpus = boot_running_cpus(), cpu, started = 0;

	if (cpus < 2) {
		skip("one CPU runs; cpus=N starts more");
		return;
	}
	for (cpu = 0; cpu < cpus; cpu++)
		if (!prepare(&workers[cpu], cpu))
			return;
	for (cpu = 1; cpu < cpus; cpu++)
		started +=
			check(boot_run_on(cpu, work, &workers[cpu]), "CPU %u does not work", cpu);
	work(&workers[0]);
	for (cpu = 1; cpu <= started; cpu++)
		if (!check(boot_join(cpu, options.wait_ms * 1000000), "CPU %u did not finish", cpu))
			return; /* its memory is still in use */
	for (cpu = 0; cpu < cpus; cpu++) {
		struct worker *w = &workers[cpu];

		check(!w->error, "CPU %u, round %lu: %s", cpu, w->done, w->error ? w->error : "");
		bounced += w->bounced;
		xen_dma_dev_fini(&w->dev);
		xen_port_free_pages(w->buffer, BUFFER_ORDER);
	}
	note("%u CPUs, %lu rounds each, %lu maps bounced", cpus, workers[0].nr, bounced);
	xen_swiotlb_trim(0);
	check_frames(owned, "afterwards");
}
