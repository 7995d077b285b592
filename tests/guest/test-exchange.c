/* SPDX-License-Identifier: MIT */
/*
 * Scenario exchange: contiguous regions of every order and width, made and undone in random order,
 * with the content of what is not touched kept under watch; then the refusals. Frames are counted
 * against Xen's own count, P2M against M2P.
 */
#include "scenario.h"

#include <xen/contiguous.h>
#include <xen/hypercall.h>
#include <xen/p2m.h>

#include "boot.h"
#include "pages.h"
#include "text.h"
#include "verdict.h"

#define NR_REGIONS 24
#define BYSTANDER_ORDER 3

static const unsigned int widths[] = {24, 28, 30, 32, XEN_ANY_ADDRESS_BITS};

static struct region {
	void *va; /* NULL: free */
	unsigned int order, width;
	uint64_t seed;
} regions[NR_REGIONS];

static struct {
	uint64_t made[ARRAY_LEN(widths)], refused[ARRAY_LEN(widths)];
	uint64_t no_pages; /* the guest itself had none of that order */
} tally;

static size_t bytes_of(unsigned int order)
{
	return XEN_PAGE_SIZE << order;
}

static void check_contiguous(const struct region *region, dma_addr_t dma)
{
	pfn_t pfn = xen_port_virt_to_pfn(region->va);
	uint64_t i, mfn = mfn_x(xen_pfn_to_mfn(pfn)), nr = 1ULL << region->order;

	check(dma == mfn << XEN_PAGE_SHIFT, "address 0x%lx was returned for MFN 0x%lx", dma, mfn);
	check(!(mfn & (nr - 1)), "MFN 0x%lx is not aligned for order %u", mfn, region->order);
	if (region->width)
		check(dma + bytes_of(region->order) <= 1ULL << region->width,
		      "0x%lx is not below %u bits", dma, region->width);
	for (i = 0; i < nr; i++) {
		uint64_t is = mfn_x(xen_pfn_to_mfn(pfn_add(pfn, i)));

		check(is == mfn + i && pfn_x(xen_mfn_to_pfn(mk_mfn(is))) == pfn_x(pfn) + i,
		      "page %lu of order %u has MFN 0x%lx behind 0x%lx", i, region->order, is, mfn);
	}
	check(xen_pfn_range_contiguous(pfn, nr), "order %u is not reported contiguous",
	      region->order);
}

static void fill(struct region *region, struct random *random)
{
	region->seed = random_next(random);
	pattern_fill(region->va, bytes_of(region->order), region->seed);
}

static bool intact(const struct region *region)
{
	size_t size = bytes_of(region->order), at;

	at = pattern_verify(region->va, size, region->seed);
	return check(at == size, "byte %lu of a region of order %u, %u bits, has changed", at,
		     region->order, region->width);
}

/* False: nothing came of it, for lack of memory. */
static bool make(struct region *region, struct random *random)
{
	unsigned int w = (unsigned int)random_below(random, ARRAY_LEN(widths));
	dma_addr_t dma = 0;
	int err;

	region->order = (unsigned int)random_below(random, XEN_CONTIGUOUS_MAX_ORDER + 1);
	region->width = widths[w];
	region->va = xen_port_alloc_pages(region->order);
	if (!region->va) {
		tally.no_pages++;
		return false;
	}
	fill(region, random);
	err = xen_create_contiguous_region(xen_port_virt_to_pfn(region->va), region->order,
					   region->width, &dma);
	if (!err) {
		tally.made[w]++;
		check_contiguous(region, dma);
		fill(region, random);
		return true;
	}
	/* A refusal leaves everything as it was, content included. */
	check(err == -XEN_ENOMEM, "order %u, %u bits: refused with %d", region->order,
	      region->width, err);
	tally.refused[w]++;
	intact(region);
	xen_port_free_pages(region->va, region->order);
	region->va = NULL;
	return false;
}

static void undo(struct region *region, struct random *random)
{
	int err;

	intact(region);
	err = xen_destroy_contiguous_region(xen_port_virt_to_pfn(region->va), region->order);
	check(!err || err == -XEN_ENOMEM, "order %u, %u bits: undoing failed with %d",
	      region->order, region->width, err);
	fill(region, random);
	intact(region);
	xen_port_free_pages(region->va, region->order);
	region->va = NULL;
}

/* @nr regions are made and undone, among refusals; most steps would do, if all were refused. */
static void random_order(struct random *random, uint64_t nr)
{
	uint64_t made = 0, steps = 0, i;

	while (made < nr && steps++ < 10 * nr && !verdict_failed()) {
		struct region *region = &regions[random_below(random, NR_REGIONS)];

		if (region->va)
			undo(region, random);
		else
			made += make(region, random);
	}
	check(made == nr, "%lu of %lu regions could be made", made, nr);
	for (i = 0; i < NR_REGIONS; i++)
		if (regions[i].va)
			undo(&regions[i], random);
}

/* Every order at every width once, so that none is left to chance. */
static void each_once(struct random *random)
{
	unsigned int order, w;

	for (order = 0; order <= XEN_CONTIGUOUS_MAX_ORDER; order++) {
		for (w = 0; w < ARRAY_LEN(widths); w++) {
			struct region region = {.order = order, .width = widths[w]};
			dma_addr_t dma = 0;
			int err;

			region.va = xen_port_alloc_pages(order);
			if (!check(region.va, "no pages of order %u", order))
				continue;
			fill(&region, random);
			err = xen_create_contiguous_region(xen_port_virt_to_pfn(region.va), order,
							   region.width, &dma);
			if (!err)
				check_contiguous(&region, dma);
			else
				check(err == -XEN_ENOMEM && region.width == 24,
				      "order %u, %u bits: refused with %d", order, region.width,
				      err);
			if (err)
				tally.refused[w]++;
			else
				tally.made[w]++;
			if (!err)
				fill(&region, random);
			undo(&region, random);
		}
	}
}

/* Above what the bounce pools use Xen decides: the regions of order 10 that it gives or refuses. */
static void check_order_10(struct random *random)
{
	struct region region = {.order = 10, .va = xen_port_alloc_pages(10)};
	dma_addr_t dma = 0;
	int err;

	if (!check(region.va, "no pages of order 10"))
		return;
	fill(&region, random);
	err = xen_create_contiguous_region(xen_port_virt_to_pfn(region.va), 10, 32, &dma);
	note("order 10: %s (%d)", err ? "refused" : "made", err);
	if (err) {
		check(err == -XEN_EPERM, "order 10: %d, not -EPERM", err);
		intact(&region);
		xen_port_free_pages(region.va, region.order);
	} else {
		check_contiguous(&region, dma);
		fill(&region, random);
		undo(&region, random);
	}
}

/* Xen itself, past the library's own limit. */
static long exchange_of_order(unsigned int order)
{
	xen_pfn_t in = pfn_x(xen_port_virt_to_pfn(regions)), out = in;
	struct xen_memory_exchange op = {
		.in = {.nr_extents = 1, .extent_order = order, .domid = DOMID_SELF},
		.out = {.nr_extents = 1, .extent_order = order, .domid = DOMID_SELF},
	};

	set_xen_guest_handle(op.in.extent_start, &in);
	set_xen_guest_handle(op.out.extent_start, &out);
	return hypercall_memory_op(XENMEM_exchange, &op);
}

static void check_refusals(uint64_t owned)
{
	struct region region = {.order = 9, .va = xen_port_alloc_pages(9)};
	struct random random;
	unsigned int done = 7;
	pfn_t pfn;
	int err;

	if (!check(region.va, "no pages of order 9"))
		return;
	random_init(&random, options.seed);
	fill(&region, &random);
	pfn = xen_port_virt_to_pfn(region.va);

	err = xen_create_contiguous_region(pfn, 9, 20, NULL);
	check(err == -XEN_ENOMEM, "2 MiB below 1 MiB: %d, not out of memory", err);
	err = xen_contiguous_create(&pfn, 1, 9, 13, &done);
	check(err == -XEN_ENOMEM && !done, "2 MiB below 8 KiB: %d, %u done", err, done);
	/* Above what any domain may have; the library need not ask Xen for that. */
	err = xen_create_contiguous_region(pfn, 19, 0, NULL);
	check(err == -XEN_EINVAL || err == -XEN_EPERM, "an order too high: %d", err);
	err = xen_create_contiguous_region(pfn, 0, 12, NULL);
	check(err == -XEN_EINVAL, "12 address bits: %d", err);
	err = xen_create_contiguous_region(mk_pfn(XEN_INVALID_FRAME - 5), 0, 0, NULL);
	check(err < 0, "a PFN that does not exist was exchanged");
	check_order_10(&random);
	err = (int)exchange_of_order(19);
	check(err == -XEN_EPERM, "Xen on order 19: %d, not -EPERM", err);
	intact(&region);
	xen_port_free_pages(region.va, region.order);
	check_frames(owned, "after the refusals");
}

void scenario_exchange(void)
{
	struct region bystander = {.order = BYSTANDER_ORDER};
	uint64_t owned = pages_owned(), nr = rounds(1000), free;
	struct random random;
	unsigned int w;

	tally = (typeof(tally)){0};
	random_init(&random, options.seed);
	bystander.va = xen_port_alloc_pages(bystander.order);
	if (!check(bystander.va, "no pages"))
		return;
	fill(&bystander, &random);

	each_once(&random);
	check_frames(owned, "after each order and width");
	free = boot_free_pages(); /* the heap has grown to what it needs */
	random_order(&random, nr);
	intact(&bystander);
	check_frames(owned, "after the random rounds");
	check_refusals(owned);

	xen_port_free_pages(bystander.va, bystander.order);
	/* The heap keeps a few pages for small objects; a leak would be one for every round. */
	check(boot_free_pages() + 32 >= free, "%lu pages are free, before they were %lu",
	      boot_free_pages(), free);
	for (w = 0; w < ARRAY_LEN(widths); w++)
		note("%u bits: %lu made, %lu refused for lack of memory",
		     widths[w] ? widths[w] : 64, tally.made[w], tally.refused[w]);
}
