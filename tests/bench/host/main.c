/* SPDX-License-Identifier: MIT */
/*
 * `make bench-host`: the algorithms in nanoseconds on this machine. What counts are ratios within
 * one run, so each figure stands beside what it is compared with, taken in turns. Lines
 * `host: SERIES X NANOSECONDS` go to bench_host.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/p2m.h>
#include <xen/ranges.h>

#include "host.h"
#include "port.h"

#define MASK28 ((1ULL << 28) - 1)
#define POOL_MAX HOST_POOL_MAX
#define RUNS HOST_RUNS /* the quickest counts: whatever disturbs only adds */
#define RUN_NS 3000000 /* of each */

static const struct xen_dma_limits limits = {.mask = MASK28};
static struct xen_dma_dev dev;

struct work {
	size_t size;
	size_t spread; /* bytes that the buffers lie in; one after the other is used */
	size_t at;
	uint64_t next, mask;
	const struct xen_ranges *ranges;
	char *bounce;
};

typedef void (*work_fn)(struct work *work);

void host_say(const char *series, double x, double ns)
{
	printf("host: %s %.0f %.3f\n", series, x, ns);
}

/* Nanoseconds of one fn(). */
static double time_once(work_fn fn, struct work *work)
{
	uint64_t start = xen_port_clock_ns(), now;
	unsigned int nr = 0;

	do {
		for (unsigned int i = 0; i < 64; i++)
			fn(work);
		nr += 64;
		now = xen_port_clock_ns();
	} while (now - start < RUN_NS);
	return (double)(now - start) / nr;
}

/* The quickest of some runs of two things in turns. */
static void time_both(work_fn a, work_fn b, struct work *work, double *ns_a, double *ns_b)
{
	*ns_a = *ns_b = 1e9;
	for (unsigned int i = 0; i < RUNS; i++) {
		double ns = time_once(a, work);

		*ns_a = ns < *ns_a ? ns : *ns_a;
		ns = b ? time_once(b, work) : 0;
		*ns_b = ns < *ns_b ? ns : *ns_b;
	}
}

static double time_of(work_fn fn, struct work *work)
{
	double ns, none;

	time_both(fn, NULL, work, &ns, &none);
	return ns;
}

static char *next_buffer(struct work *work)
{
	char *va = port_high() + work->at;

	work->at += XEN_PAGE_SIZE;
	if (work->at >= work->spread)
		work->at = 0;
	return va;
}

static void bounce(struct work *work)
{
	dma_addr_t dma =
		xen_dma_map_single(&dev, next_buffer(work), work->size, XEN_DMA_BIDIRECTIONAL, 0);

	xen_dma_unmap(&dev, dma, work->size, XEN_DMA_BIDIRECTIONAL, 0);
}

static void copy_twice(struct work *work)
{
	char *va = next_buffer(work);

	memcpy(work->bounce, va, work->size);
	__asm__ volatile("" : : : "memory");
	memcpy(va, work->bounce, work->size);
	__asm__ volatile("" : : : "memory");
}

void host_pool(uint64_t bytes, unsigned int order)
{
	const struct xen_swiotlb_config config = {
		.max_bytes = bytes, .initial_bytes = bytes, .max_segment_order = order};

	if (xen_swiotlb_configure(&config))
		xen_port_panic("no pool of %lu bytes", bytes);
}

void host_pool_end(void)
{
	if (xen_swiotlb_fini())
		xen_port_panic("the pool is still in use");
}

void host_device(struct xen_dma_dev *device)
{
	if (xen_dma_dev_init(device, "bench", &xen_swiotlb_dma_ops, &limits))
		xen_port_panic("no device");
}

/* What no bounce can do without where any CPU may unmap: a lock at each end. */
static void copy_locked(struct work *work)
{
	static struct xen_lock lock;
	char *va = next_buffer(work);

	xen_port_unlock(&lock, xen_port_lock(&lock));
	memcpy(work->bounce, va, work->size);
	__asm__ volatile("" : : : "memory");
	memcpy(va, work->bounce, work->size);
	__asm__ volatile("" : : : "memory");
	xen_port_unlock(&lock, xen_port_lock(&lock));
}

static void pool_begin(uint64_t bytes)
{
	host_pool(bytes, 0);
	host_device(&dev);
}

static void pool_end(void)
{
	xen_dma_dev_fini(&dev);
	host_pool_end();
}

static void against_copies(void)
{
	static const size_t spreads[] = {XEN_PAGE_SIZE, HIGH_PAGES << XEN_PAGE_SHIFT};
	static const char *const names[] = {"bounce_hot", "bounce_cold"};
	struct work work = {.size = 4096};
	double ns, copies;
	char key[32];

	pool_begin(POOL_MAX);
	work.bounce = xen_port_alloc_pages(0);
	for (unsigned int i = 0; i < 2; i++) {
		work.spread = spreads[i];
		time_both(bounce, copy_twice, &work, &ns, &copies);
		host_say(names[i], 4096, ns);
		snprintf(key, sizeof(key), "%s_copies", names[i]);
		host_say(key, 4096, copies);
	}
	work.spread = XEN_PAGE_SIZE;
	host_say("copies_locked", 4096, time_of(copy_locked, &work));
	xen_port_free_pages(work.bounce, 0);
	pool_end();
}

/* How full the pool is; the same with what remains in pieces of a slot between those held. */
static void by_fill(void)
{
	const unsigned int slots = POOL_MAX / XEN_SWIOTLB_SLOT_SIZE;
	static const unsigned int percent[] = {0, 10, 25, 50, 75, 90, 95, 97, 98, 99};
	dma_addr_t *held = malloc(slots * sizeof(*held));
	struct work work = {.size = 64, .spread = XEN_PAGE_SIZE};
	unsigned int nr = 0;

	pool_begin(POOL_MAX);
	for (unsigned int i = 0; i < 10; i++) {
		while (nr < slots / 100 * percent[i])
			held[nr++] =
				xen_dma_map_single(&dev, port_high(), 64, XEN_DMA_TO_DEVICE, 0);
		host_say("fill", percent[i], time_of(bounce, &work));
	}
	while (nr)
		xen_dma_unmap(&dev, held[--nr], 64, XEN_DMA_TO_DEVICE, 0);
	pool_end();
	free(held);
}

static void by_pool(void)
{
	struct work work = {.size = 64, .spread = XEN_PAGE_SIZE};

	for (uint64_t bytes = 128 << 10; bytes <= POOL_MAX; bytes *= 2) {
		pool_begin(bytes);
		host_say("pool", (double)bytes, time_of(bounce, &work));
		pool_end();
	}
}

static void look_up(struct work *work)
{
	work->next = mfn_x(xen_pfn_to_mfn(mk_pfn(work->next)));
}

static void load(struct work *work)
{
	work->next = xen_load(&xen_p2m.entry[work->next]);
}

/* A chain through the whole table: each look-up waits for the one before. */
static void by_ram(void)
{
	uint64_t *own = xen_p2m.entry, own_nr = xen_p2m.nr;

	for (unsigned int shift = 12; shift <= 21; shift++) {
		uint64_t nr = 1UL << shift, *table = malloc(nr * sizeof(*table));
		struct work work = {.next = 0};
		double ns, loads;

		/* An odd multiplier and increment of this kind visit every entry. */
		for (uint64_t i = 0; table && i < nr; i++)
			table[i] = (i * 1664525 + 1013904223) & (nr - 1);
		if (!table)
			xen_port_panic("no memory");
		xen_p2m.entry = table;
		xen_p2m.nr = nr;
		time_both(look_up, load, &work, &ns, &loads);
		host_say("ram", (double)(nr << XEN_PAGE_SHIFT), ns);
		host_say("ram_load", (double)(nr << XEN_PAGE_SHIFT), loads);
		xen_p2m.entry = own;
		xen_p2m.nr = own_nr;
		free(table);
	}
}

static void find(struct work *work)
{
	struct xen_range range;

	work->next = work->next * 6364136223846793005 + 1442695040888963407;
	if (!xen_ranges_find(work->ranges, (work->next >> 33) % work->mask * 4, &range))
		xen_port_panic("a range is lost");
}

static void by_ranges(void)
{
	static const unsigned int numbers[] = {1, 3, 10, 32, 100, 316, 1000, 3162, 10000, 100000};
	struct xen_ranges ranges = {0};
	struct work work = {.ranges = &ranges};
	unsigned int nr = 0;

	for (unsigned int i = 0; i < 10; i++) {
		for (; nr < numbers[i]; nr++)
			if (xen_ranges_insert(&ranges, nr * 4UL, nr * 4UL + 2, NULL, NULL))
				xen_port_panic("no memory");
		work.mask = nr;
		host_say("ranges", nr, time_of(find, &work));
	}
	xen_ranges_fini(&ranges);
}

int main(void)
{
	port_start();
	host_threads();
	against_copies();
	by_ram();
	by_fill();
	by_pool();
	by_ranges();
	printf("host: done\n");
	return 0;
}
