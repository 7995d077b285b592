/* SPDX-License-Identifier: MIT */
/*
 * PCI walker among things that fail: accesses, allocations and hypercalls, one by one.
 */
#include "pci-bench.h"

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

static void whole_tree(void)
{
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_devices, NR_TREE);
	ck_assert_uint_eq(host.nr_conflicts, 1);
	check_claims(&host);
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
		check_claims(&host);
		ck_assert(rc == 0 || rc == -XEN_EIO);
		/* Another scan finds the rest. */
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_uint_eq(host.nr_devices, NR_TREE);
		ck_assert_uint_eq(host.nr_conflicts, 1);
		check_claims(&host);
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
		check_claims(&host);
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
		check_claims(&host);
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

static const struct unit_case cases[] = {
	{"XSA-285 386 399 400 449 460: each access fails in turn: nothing is left half done",
	 accesses_fail},
	{"the accessor dies at each access in turn", accessor_dies},
	{"a dead accessor is given up soon", accessor_is_dead},
	{"XSA-285 386 399 400 449 460: each allocation fails in turn: nothing is left half done",
	 memory_runs_out},
	{"a claim that failed leaves nothing allocated", nothing_is_held},
	{"XSA-285 386 399 400 449 460: each PHYSDEVOP fails in turn", xen_fails},
};

UNIT_MAIN("pci-faults", cases)
