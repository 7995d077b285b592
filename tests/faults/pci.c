/* SPDX-License-Identifier: MIT */
/*
 * The PCI walker: apertures, a scan over bridges, hot-plug, removal. Whatever failed, each resource
 * is claimed and identity or neither, and the devices' registers are as they were.
 */
#include <xen/hypercall.h>
#include <xen/p2m.h>
#include <xen/pci.h>

#include "faults.h"

#define CONFIG_BYTES 4096
#define APERTURE 0xd0000000
#define APERTURE_SIZE 0x20000000

static const struct model_params small = {.nr_pages = 256};
static struct xen_pci_host host;

static struct xen_pci_addr at(unsigned int bus, unsigned int device, unsigned int fn)
{
	struct xen_pci_addr addr = {0, (uint8_t)bus, XEN_PCI_DEVFN(device, fn)};

	return addr;
}

/* Two bridges, functions with all kinds of BARs, two of them in conflict. */
static const struct model_pci_function tree[] = {
	{.addr = {0, 0, XEN_PCI_DEVFN(1, 0)},
	 .vendor = 0x1b36,
	 .device = 0x000c,
	 .class_code = 0x060400,
	 .bridge = true,
	 .secondary = 1,
	 .subordinate = 2,
	 .window_start = 0xe0000000,
	 .window_end = 0xe03fffff,
	 .pref_is64 = true,
	 .pref_start = 0x800000000,
	 .pref_end = 0x8ffffffff},
	{.addr = {0, 0, XEN_PCI_DEVFN(2, 0)},
	 .vendor = 0x8086,
	 .device = 1,
	 .multifunction = true,
	 .bar = {{.addr = 0xd0000000, .size = 0x1000},
		 {.addr = 0xc000, .size = 16, .io = true},
		 {.addr = 0x4000000000, .size = 0x4000000000, .is64 = true}},
	 .rom = {.addr = 0xd0100000, .size = 0x10000},
	 .msi = true},
	{.addr = {0, 0, XEN_PCI_DEVFN(2, 3)},
	 .vendor = 0x1234,
	 .device = 3,
	 .bar[0] = {.addr = 0xd0001000, .size = 0x100, .is64 = true}},
	{.addr = {0, 1, XEN_PCI_DEVFN(0, 0)},
	 .vendor = 0x1b36,
	 .device = 0x000c,
	 .class_code = 0x060400,
	 .bridge = true,
	 .secondary = 2,
	 .subordinate = 2,
	 .window_start = 0xe0100000,
	 .window_end = 0xe01fffff,
	 .pref_start = 0x100000},
	{.addr = {0, 2, XEN_PCI_DEVFN(0, 0)},
	 .vendor = 0x1234,
	 .device = 5,
	 .bar[0] = {.addr = 0xe0100000, .size = 0x1000, .is64 = true}},
	{.addr = {0, 2, XEN_PCI_DEVFN(1, 0)},
	 .vendor = 0x1234,
	 .device = 6,
	 .bar[0] = {.addr = 0xe0100800, .size = 0x100, .is64 = true}},
	{.addr = {0, 1, XEN_PCI_DEVFN(3, 0)},
	 .vendor = 0x1234,
	 .device = 7,
	 .bar[0] = {.addr = 0x880000000, .size = 0x80000000, .is64 = true, .prefetch = true}},
};
#define NR_TREE (sizeof(tree) / sizeof(tree[0]))
#define NR_CONFLICTS 1
static uint8_t saved[NR_TREE][CONFIG_BYTES];

static void save(void)
{
	for (unsigned int i = 0; i < NR_TREE; i++)
		memcpy(saved[i], model_pci_raw(tree[i].addr), CONFIG_BYTES);
}

static void prepare(void)
{
	for (unsigned int i = 0; i < NR_TREE; i++)
		model_pci_plug(&tree[i]);
	save();
}

static bool is_identity(uint64_t addr)
{
	pfn_t pfn = paddr_to_pfn(addr);

	return mfn_x(xen_pfn_to_mfn(pfn)) == pfn_x(pfn);
}

static void check_resource(const struct xen_pci_resource *res)
{
	if (!(res->flags & XEN_PCI_RES_CLAIMED))
		return;
	require(!(res->flags & (XEN_PCI_RES_CONFLICT | XEN_PCI_RES_IO | XEN_PCI_RES_UNSET)));
	require(is_identity(res->start) && is_identity(res->start + res->size / 2) &&
		is_identity(res->start + res->size - 1));
}

static void check_tree(void)
{
	unsigned int conflicts = 0, nr = 0;

	for (struct xen_pci_dev *dev = host.devices; dev; dev = dev->next, nr++) {
		require(!dev->known_to_xen || model_pci_known(dev->addr));
		/* Xen did not let go of the one that was here before. */
		if (!dev->known_to_xen && model_pci_known(dev->addr))
			lost();
		for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
			conflicts += !!(dev->res[i].flags & XEN_PCI_RES_CONFLICT);
			check_resource(&dev->res[i]);
		}
	}
	require(conflicts == host.nr_conflicts && nr == host.nr_devices);
	for (unsigned int i = 0; i < NR_TREE; i++)
		require(!memcmp(saved[i], model_pci_raw(tree[i].addr), CONFIG_BYTES));
}

/* All of it is there, unless Xen was not willing to know a function. */
static void check_whole(void)
{
	unsigned int unknown = 0;

	require(host.nr_devices == NR_TREE && host.nr_conflicts == NR_CONFLICTS);
	for (struct xen_pci_dev *dev = host.devices; dev; dev = dev->next)
		unknown += !dev->known_to_xen;
	if (unknown)
		lost();
}

static void scan(void)
{
	int err;

	xen_pci_host_init(&host, &model_pci_config, 0, true);
	err = returned("xen_pci_add_aperture",
		       xen_pci_add_aperture(&host, APERTURE, APERTURE_SIZE));
	require(host.nr_apertures == !err);
	err = returned("xen_pci_scan", xen_pci_scan(&host, 0, NULL));
	check_tree();
	if (!err)
		check_whole();
}

/* Once the tree is gone no identity is left, and Xen knows none of it; else it was logged. */
static void nothing_left(void)
{
	require(!host.devices && !host.nr_devices && !host.nr_conflicts && !host.nr_apertures);
	if (xen_ranges_first(&xen_p2m.identity, 0, 1ULL << 52, NULL))
		lost();
	xen_ranges_fini(&xen_p2m.identity);
	for (unsigned int i = 0; i < NR_TREE; i++) {
		struct physdev_pci_device gone = {0, tree[i].addr.bus, tree[i].addr.devfn};

		if (!model_pci_known(tree[i].addr))
			continue;
		lost();
		require(!hypercall_physdev_op(PHYSDEVOP_pci_device_remove, &gone));
	}
}

/* Another scan finds the rest and offers Xen what it refused. */
static void undo_scan(void)
{
	require(!xen_pci_scan(&host, 0, NULL));
	check_tree();
	require(host.nr_devices == NR_TREE && host.nr_conflicts == NR_CONFLICTS);
	for (unsigned int i = 0; i < NR_TREE; i++)
		require(model_pci_known(tree[i].addr));
	xen_pci_host_fini(&host);
	nothing_left();
}

static void scan_and_end(void)
{
	scan();
	xen_pci_host_fini(&host);
}

/* The lower bridge and what is behind it go and come back one by one. */
static void prepare_hotplug(void)
{
	prepare();
	xen_pci_host_init(&host, &model_pci_config, 0, true);
	require(!xen_pci_scan(&host, 0, NULL));
}

static void hotplug(void)
{
	struct xen_pci_dev *bridge = xen_pci_find(&host, at(1, 0, 0)), *new = NULL;
	unsigned int nr;
	int err;

	xen_pci_remove(&host, bridge);
	check_tree();
	nr = host.nr_devices;
	require(nr == NR_TREE - 3);
	err = returned("xen_pci_add",
		       xen_pci_add(&host, at(1, 0, 0), xen_pci_find(&host, at(0, 1, 0)), &new));
	require(host.nr_devices == nr + !err && !new == !!err);
	check_tree();
	if (!err)
		returned("xen_pci_scan", xen_pci_scan(&host, 2, NULL));
	check_tree();
}

static void undo_hotplug(void)
{
	xen_pci_host_fini(&host);
	nothing_left();
	xen_pci_host_init(&host, &model_pci_config, 0, true);
	require(!xen_pci_scan(&host, 0, NULL));
	check_tree();
	check_whole();
}

static void finish_hotplug(void)
{
	xen_pci_host_fini(&host);
	nothing_left();
}

/* What stays held are nodes of the identity set. */
const struct scenario pci_scenarios[] = {
	{SCENARIO("pci-scan", &small, prepare, scan, undo_scan, NULL)},
	{SCENARIO("pci-end", &small, prepare, scan_and_end, nothing_left, NULL)},
	{SCENARIO("pci-hotplug", &small, prepare_hotplug, hotplug, undo_hotplug, finish_hotplug)},
	{0},
};
