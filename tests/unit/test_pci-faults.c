/* SPDX-License-Identifier: MIT */
/*
 * PCI walker among broken things: accesses, allocations and hypercalls that fail one by one,
 * devices made of random bytes, values that change between reads, random trees against an oracle.
 */
#include "pci-bench.h"

#include <xen/pirq.h>

/* Accesses that two scans of one hostile function, and three of a machine with 250, may cost: some
 * times what they do cost, which differs with the seed. */
#define MAX_ACCESSES_FUNCTION 16384
#define MAX_ACCESSES_MACHINE 65536

static struct xen_pci_host host;
static struct picture before;

/* A bridge with 64-bit window, functions with all kinds of BARs on both sides. */
static void plug_tree(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 2, 0xe0000000, 0x400000);
	struct model_pci_function f = {
		.addr = at(0, 2, 0),
		.vendor = 0x8086,
		.device = 1,
		.multifunction = true,
		.bar = {{.addr = 0xd0000000, .size = 0x1000},
			{.addr = 0xc000, .size = 16, .io = true},
			{.addr = 0x4000000000, .size = 0x4000000000, .is64 = true}},
		.rom = {.addr = 0xd0100000, .size = 0x10000},
		.msi = true,
	};

	b.pref_is64 = true;
	b.pref_start = 0x800000000;
	b.pref_end = 0x8ffffffff;
	plug(b);
	plug(f);
	plug(with_bar(at(0, 2, 3), 0xd0001000, 0x100));
	plug(bridge(at(1, 0, 0), 2, 2, 0xe0100000, 0x100000));
	plug(with_bar(at(2, 0, 0), 0xe0100000, 0x1000));
	plug(with_bar(at(2, 1, 0), 0xe0100800, 0x100)); /* in conflict */
	plug(with_bar(at(1, 3, 0), 0x880000000, 0x80000000));
}

#define NR_TREE 7
static const struct xen_pci_addr tree[NR_TREE] = {
	{0, 0, 0x08}, {0, 0, 0x10}, {0, 0, 0x13}, {0, 1, 0x00},
	{0, 2, 0x00}, {0, 2, 0x08}, {0, 1, 0x18},
};
static uint8_t saved[NR_TREE][4096];

static void save_tree(void)
{
	for (unsigned int i = 0; i < NR_TREE; i++)
		memcpy(saved[i], model_pci_raw(tree[i]), 4096);
}

static void check_tree(void)
{
	for (unsigned int i = 0; i < NR_TREE; i++)
		ck_assert_int_eq(memcmp(saved[i], model_pci_raw(tree[i]), 4096), 0);
}

/* Every resource: claimed and identity, or not at all. */
static void check_claims(void)
{
	unsigned int conflicts = 0, nr = 0;

	for (struct xen_pci_dev *dev = host.devices; dev; dev = dev->next, nr++)
		for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
			const struct xen_pci_resource *res = &dev->res[i];

			conflicts += !!(res->flags & XEN_PCI_RES_CONFLICT);
			if (!(res->flags & XEN_PCI_RES_CLAIMED))
				continue;
			ck_assert(!(res->flags &
				    (XEN_PCI_RES_CONFLICT | XEN_PCI_RES_IO | XEN_PCI_RES_UNSET)));
			ck_assert(all_identity(res->start, res->size));
		}
	ck_assert_uint_eq(conflicts, host.nr_conflicts);
	ck_assert_uint_eq(nr, host.nr_devices);
}

static void whole_tree(void)
{
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_devices, NR_TREE);
	ck_assert_uint_eq(host.nr_conflicts, 1);
	check_claims();
	check_tree();
}

static void accesses_fail(void)
{
	uint64_t accesses;

	begin(&host, &before);
	plug_tree();
	save_tree();
	accesses = bench.nr;
	whole_tree();
	accesses = bench.nr - accesses;
	empty(&host, &before);
	for (uint64_t nth = 1; nth <= accesses; nth++) {
		int rc;

		bench_fail(nth);
		rc = xen_pci_scan(&host, 0, NULL);
		bench_fail(0);
		/* All is as it was in the devices, and what is in the tree is whole. */
		check_tree();
		check_claims();
		ck_assert(rc == 0 || rc == -XEN_EIO);
		/* Another scan finds the rest. */
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_uint_eq(host.nr_devices, NR_TREE);
		ck_assert_uint_eq(host.nr_conflicts, 1);
		check_claims();
		empty(&host, &before);
	}
	finish(&host, &before);
}

/* From some access on every one fails: what was being changed cannot be put back, but the tree is
 * whole, the scan soon ends, and says so. */
static void accessor_dies(void)
{
	uint64_t accesses;

	begin(&host, &before);
	plug_tree();
	save_tree();
	accesses = bench.nr;
	whole_tree();
	accesses = bench.nr - accesses;
	empty(&host, &before);
	bench.dies = true;
	for (uint64_t nth = 1; nth <= accesses; nth++) {
		uint64_t first = bench.nr;
		int rc;

		bench_fail(nth);
		rc = xen_pci_scan(&host, 0, NULL);
		/* Capabilities that cannot be read are as good as none. */
		ck_assert(rc == -XEN_EIO || (!rc && host.nr_devices == NR_TREE));
		ck_assert_uint_lt(bench.nr - first - nth, 64);
		bench_fail(0);
		check_claims();
		empty(&host, &before);
		plug_tree();
	}
	whole_tree();
	finish(&host, &before);
}

static void accessor_is_dead(void)
{
	static const struct xen_pci_config nobody = {bench_read, bench_write, 0, NULL};

	begin(&host, &before);
	plug_tree();
	save_tree();
	host.config = &nobody;
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), -XEN_EINVAL);
	ck_assert_ptr_null(host.devices);
	host.config = &bench_config;
	whole_tree();
	finish(&host, &before);
}

static void memory_runs_out(void)
{
	uint64_t allocs;
	unsigned int failed = 0;

	begin(&host, &before);
	plug_tree();
	save_tree();
	for (uint64_t nth = 1;; nth++) {
		int rc;

		allocs = model_calls(MODEL_ALLOC);
		model_fail(MODEL_ALLOC, nth, 0);
		rc = xen_pci_scan(&host, 0, NULL);
		model_fail(MODEL_ALLOC, 0, 0);
		allocs = model_calls(MODEL_ALLOC) - allocs;
		check_tree();
		check_claims();
		if (allocs < nth)
			break;
		ck_assert_int_eq(rc, -XEN_ENOMEM);
		failed++;
		whole_tree();
		empty(&host, &before);
	}
	ck_assert_uint_gt(failed, NR_TREE);
	finish(&host, &before);
}

/* A claim that failed half-way has not made the registry hold anything. */
static void nothing_is_held(void)
{
	unsigned int nth = 0;
	int rc;

	do {
		begin(&host, &before);
		plug(with_bar(at(0, 0, 0), 0xe0000000, 0x1000));
		model_fail(MODEL_ALLOC, ++nth, 0);
		rc = xen_pci_add(&host, at(0, 0, 0), NULL, NULL);
		model_fail(MODEL_ALLOC, 0, 0);
		ck_assert(!rc || rc == -XEN_ENOMEM);
		model_pci_unplug(at(0, 0, 0));
		finish(&host, &before);
		xen_p2m_fini();
		ck_assert_uint_eq(model_allocs().objects, 0);
	} while (rc);
	ck_assert_uint_gt(nth, 4);
}

static void xen_fails(void)
{
	begin(&host, &before);
	plug_tree();
	save_tree();
	for (unsigned int nth = 1; nth <= 2 * NR_TREE; nth++) {
		model_fail(MODEL_PHYSDEV_OP, nth, -XEN_EPERM);
		whole_tree(); /* one of them is not known to Xen, or not let go */
		empty(&host, &before);
		model_fail(MODEL_PHYSDEV_OP, 0, 0);
	}
	ck_assert_uint_ge(model_log_lines(XEN_LOG_ERROR), 2 * NR_TREE);
	finish(&host, &before);
}

/* A function whose every byte is random, down to which bits take writes. Its vendor is valid, and
 * often the header is that of a function or a bridge, so that it gets far. */
static void plug_hostile(struct xen_pci_addr addr, uint64_t *random)
{
	struct model_pci_function f = with_bar(addr, 0, 0x1000);
	uint8_t *raw, *writable;

	plug(f);
	raw = model_pci_raw(addr);
	writable = model_pci_writable(addr);
	for (unsigned int i = 0; i < 4096; i += 8) {
		uint64_t a = unit_random(random), b = unit_random(random);

		memcpy(raw + i, &a, 8);
		memcpy(writable + i, &b, 8);
	}
	raw[0] |= 1;
	raw[1] &= 0x7f;
	if (unit_random(random) & 7)
		raw[0x0e] &= 0x81;
	if (unit_random(random) & 1) {
		/* A list that leads somewhere, to PCI Express, MSI-X and round and round. */
		raw[6] |= 0x10;
		raw[0x34] = 0x40;
		memcpy(raw + 0x40, (uint8_t[]){0x10, 0x60}, 2);
		memcpy(raw + 0x60, (uint8_t[]){0x11, 0x80}, 2);
		memcpy(raw + 0x80, (uint8_t[]){0x05, 0x40}, 2);
		raw[0x100] = unit_random(random) & 1 ? 0x10 : 0x0e;
		raw[0x101] = 0;
	}
	if (raw[0x0e] & 1 && unit_random(random) & 3) {
		/* A bridge to one bus, often a sane one. */
		raw[0x19] = raw[0x1a] = (uint8_t)(unit_random(random) % 10);
		raw[0x20] = raw[0x22] = 0;
	}
	/* The model would not have a function sized while it decodes: let it be switched off. */
	writable[4] |= 3;
	if (raw[0x0b] == 6)
		raw[0x0b] = 7;
}

static void use_hostile(struct xen_pci_dev *dev)
{
	struct xen_pirq pirq;

	xen_pci_find_cap(dev, 0xfe);
	xen_pci_find_ext_cap(dev, 0xfffe);
	ck_assert_ptr_null(xen_pci_resource_at(&host, 0));
	for (unsigned int i = 0; i < 3; i++) {
		if (i ? xen_pirq_map_msix(&pirq, dev, i) : xen_pirq_map_msi(&pirq, dev))
			continue;
		xen_pirq_release(&pirq);
	}
}

/* One at a time: a device is scanned, used, scanned again, removed. */
static void hostile_devices(void)
{
	uint64_t random = unit_seed(), most = 0;
	unsigned int kept = 0;

	begin(&host, &before);
	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t first = bench.nr;

		plug_hostile(at(0, 0, 0), &random);
		bench.lies = i & 1 ? random : 0;
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		check_claims();
		kept += host.nr_devices;
		if (host.devices)
			use_hostile(host.devices);
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		bench.lies = 0;
		check_claims();
		most = bench.nr - first > most ? bench.nr - first : most;
		empty(&host, &before);
	}
	ck_assert_uint_gt(kept, 5000);
	ck_assert_uint_lt(most, MAX_ACCESSES_FUNCTION);
	model_pci_unplug(at(0, 0, 0));
	finish(&host, &before);
}

/* Many at once, over several buses, all lying. */
static void hostile_machine(void)
{
	uint64_t random = unit_seed();

	begin(&host, &before);
	for (unsigned int round = 0; round < 40; round++) {
		uint64_t first = bench.nr;

		for (unsigned int i = 0; i < 250; i++)
			plug_hostile(i < 32 ? at(0, i, 0)
					    : at(unit_random(&random) % 10,
						 unit_random(&random) & 31,
						 unit_random(&random) & 3),
				     &random);
		bench.lies = round & 1 ? random : 0;
		for (unsigned int i = 0; i < 3; i++) {
			ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
			check_claims();
			for (unsigned int n = unit_random(&random) & 3; n > 0 && host.devices; n--)
				xen_pci_remove(&host, host.devices);
		}
		bench.lies = 0;
		ck_assert_uint_lt(bench.nr - first, MAX_ACCESSES_MACHINE);
		empty(&host, &before);
		for (unsigned int i = 0; i < 65536; i++) {
			struct xen_pci_addr addr = {0, (uint8_t)(i >> 8), (uint8_t)i};

			if (model_pci_raw(addr))
				model_pci_unplug(addr);
		}
	}
	finish(&host, &before);
}

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
	for (unsigned int round = 0; round < 300; round++) {
		plug_random_tree(&random);
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		check_claims();
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
	ck_assert_uint_gt(claims, 1000);
	ck_assert_uint_gt(conflicts, 1000);
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"XSA-285 386 399 400 449 460: each access fails in turn: nothing is left half done",
	 accesses_fail},
	{"the accessor dies at each access in turn", accessor_dies},
	{"a dead accessor is given up soon", accessor_is_dead},
	{"XSA-285 386 399 400 449 460: each allocation fails in turn: nothing is left half done",
	 memory_runs_out},
	{"a claim that failed leaves nothing allocated", nothing_is_held},
	{"XSA-285 386 399 400 449 460: each PHYSDEVOP fails in turn", xen_fails},
	{"10,000 devices of random bytes", hostile_devices},
	{"machines full of them, lying", hostile_machine},
	{"random trees agree with an oracle", random_trees},
};
UNIT_MAIN("pci-faults", cases)
