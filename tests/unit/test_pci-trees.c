/* SPDX-License-Identifier: MIT */
/*
 * Random trees of bridges and functions: what is claimed, against an oracle.
 */
#include "pci-bench.h"

static struct xen_pci_host host;
static struct picture before;

/* The oracle: the claims that there should be, told from the tree without the registry: each
 * resource in the order of the list, against those that were claimed before it. */
struct claim {
	const struct xen_pci_resource *res;
};

static bool window(const struct xen_pci_resource *res)
{
	return res->kind == XEN_PCI_RES_WINDOW || res->kind == XEN_PCI_RES_PREF_WINDOW;
}

static bool behind(const struct xen_pci_resource *res, const struct xen_pci_dev *above)
{
	for (const struct xen_pci_dev *up = res->dev->parent; up; up = up->parent)
		if (up == above)
			return true;
	return false;
}

static bool holds(const struct xen_pci_resource *outer, const struct xen_pci_resource *inner)
{
	return outer->size && outer->start <= inner->start &&
	       inner->start + inner->size <= outer->start + outer->size;
}

static bool fine(const struct xen_pci_resource *a, const struct xen_pci_resource *b)
{
	if (a->start + a->size <= b->start || b->start + b->size <= a->start)
		return true;
	if (window(a) && behind(b, a->dev))
		return holds(a, b);
	if (window(b) && behind(a, b->dev))
		return holds(b, a);
	return false;
}

static bool expected(const struct xen_pci_resource *res, const struct claim *claim, unsigned int nr)
{
	const struct xen_pci_dev *up = res->dev->parent;

	if (!res->size || !res->start || res->flags & XEN_PCI_RES_IO)
		return false;
	if (up && !holds(&up->res[XEN_PCI_RES_WINDOW_INDEX], res) &&
	    !holds(&up->res[XEN_PCI_RES_PREF_INDEX], res))
		return false;
	for (unsigned int i = 0; i < nr; i++)
		if (!fine(res, claim[i].res))
			return false;
	return res->start >> XEN_PAGE_SHIFT >= model_nr_pages();
}

static bool any_holds_page(const struct claim *claim, unsigned int nr, uint64_t page)
{
	for (unsigned int i = 0; i < nr; i++) {
		const struct xen_pci_resource *res = claim[i].res;

		if (page >= res->start >> XEN_PAGE_SHIFT &&
		    page <= (res->start + res->size - 1) >> XEN_PAGE_SHIFT)
			return true;
	}
	return false;
}

static void check_page(const struct claim *claim, unsigned int nr, uint64_t page)
{
	if (page >= model_nr_pages())
		ck_assert_int_eq(is_identity(page << XEN_PAGE_SHIFT),
				 any_holds_page(claim, nr, page));
}

static void check_oracle(void)
{
	static struct claim claim[4096];
	unsigned int nr = 0;

	for (struct xen_pci_dev *dev = host.devices; dev; dev = dev->next)
		for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
			const struct xen_pci_resource *res = &dev->res[i];
			bool want = expected(res, claim, nr);
			char name[XEN_PCI_NAME_MAX];

			xen_pci_resource_name(res, name);
			ck_assert_msg(want == !!(res->flags & XEN_PCI_RES_CLAIMED),
				      "%s [%" PRIx64 "+%" PRIx64 "] is%s claimed", name, res->start,
				      res->size, want ? " not" : "");
			if (want)
				claim[nr++].res = res;
		}
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t first = claim[i].res->start >> XEN_PAGE_SHIFT;
		uint64_t last = (claim[i].res->start + claim[i].res->size - 1) >> XEN_PAGE_SHIFT;

		check_page(claim, nr, first - 1);
		check_page(claim, nr, first);
		check_page(claim, nr, first + (last - first) / 2);
		check_page(claim, nr, last);
		check_page(claim, nr, last + 1);
	}
}

/* A random power of two in [2^low, 2^high]. */
static uint64_t power(uint64_t *random, unsigned int low, unsigned int high)
{
	return 1ULL << (low + unit_random(random) % (high - low + 1));
}

/* An address in [start, start + size), aligned to @bar: mostly inside, at times behind. */
static uint64_t place(uint64_t *random, uint64_t start, uint64_t size, uint64_t bar)
{
	return (start + unit_random(random) % (size + size / 8)) & ~(bar - 1);
}

static void plug_random_function(uint64_t *random, struct xen_pci_addr addr, uint64_t start,
				 uint64_t size)
{
	struct model_pci_function f = {
		.addr = addr,
		.vendor = 0x1af4,
		.device = (uint16_t)unit_random(random),
		.multifunction = true,
	};

	for (unsigned int i = 0; i < 6; i++) {
		struct model_pci_bar *bar = &f.bar[i];

		if (unit_random(random) & 1)
			continue;
		bar->size = power(random, 4, 20);
		bar->addr = place(random, start, size, bar->size);
		bar->io = !(unit_random(random) & 7);
		bar->is64 = !bar->io && i < 5 && unit_random(random) & 1;
		if (bar->io) {
			bar->size = 16;
			bar->addr = 0xc000;
		} else if (bar->is64) {
			i++;
		} else if (bar->addr + bar->size > 1ULL << 32) {
			bar->size = 0;
		}
	}
	plug(f);
}

/* Buses 0 to 8, each but the first behind a bridge on one below it. */
static void plug_random_tree(uint64_t *random)
{
	uint64_t start[9] = {0x80000000}, size[9] = {0x70000000};
	unsigned int last[9];

	for (unsigned int bus = 0; bus < 9; bus++)
		last[bus] = 8;
	/* A chain with side branches: bridge to bus n on bus up, and up leads to all of n's. */
	for (unsigned int bus = 1; bus < 9; bus++) {
		unsigned int up = unit_random(random) & 3 ? bus - 1 : 0;
		struct model_pci_function b;

		size[bus] = (1 + unit_random(random) % (size[up] >> 20)) << 20;
		start[bus] = place(random, start[up], size[up], 0x100000);
		if (start[bus] + size[bus] > 1ULL << 32)
			start[bus] = (1ULL << 32) - size[bus];
		b = bridge(at(up, bus, 0), bus, last[bus], start[bus], size[bus]);
		plug(b);
	}
	for (unsigned int i = 0; i < 40; i++) {
		unsigned int bus = unit_random(random) % 9;

		plug_random_function(random, at(bus, 10 + i / 4, i & 3), start[bus], size[bus]);
	}
}

static void random_trees(void)
{
	uint64_t random = unit_seed();
	unsigned int claims = 0, conflicts = 0;

	begin(&host, &before);
	for (unsigned int round = 0; round < unit_rounds(300); round++) {
		plug_random_tree(&random);
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		check_claims(&host);
		check_oracle();
		conflicts += host.nr_conflicts;
		for (struct xen_pci_dev *dev = host.devices; dev; dev = dev->next)
			for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++)
				claims += !!(dev->res[i].flags & XEN_PCI_RES_CLAIMED);
		empty(&host, &before);
		for (unsigned int i = 0; i < 9 * 256; i++)
			if (model_pci_raw(at(i >> 8, i >> 3 & 31, i & 7)))
				model_pci_unplug(at(i >> 8, i >> 3 & 31, i & 7));
	}
	ck_assert_uint_gt(claims, unit_rounds(1000));
	ck_assert_uint_gt(conflicts, unit_rounds(1000));
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"random trees agree with an oracle", random_trees},
};

UNIT_MAIN("pci-trees", cases)
