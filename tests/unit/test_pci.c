/* SPDX-License-Identifier: MIT */
/*
 * PCI walker on model PCI: what is found, how large it is, what becomes identity and what does not.
 * BARs are in test_pci-bar.c, conflicts in test_pci-claims.c, what breaks in test_pci-faults.c.
 */
#include "pci-bench.h"

static struct xen_pci_host host;
static struct picture before;

static void no_function_no_node(void)
{
	unsigned int found = 1;

	begin(&host, &before);
	ck_assert_int_eq(xen_pci_scan(&host, 0, &found), 0);
	ck_assert_uint_eq(found, 0);
	ck_assert_ptr_null(host.devices);
	/* One read a device number and no more. */
	ck_assert_uint_eq(bench.nr, 32);
	ck_assert_int_eq(xen_pci_add(&host, at(0, 3, 0), NULL, NULL), -XEN_ENODEV);
	finish(&host, &before);
}

/* What is asked of one host does not show what another has. */
static void two_hosts(void)
{
	static struct xen_pci_host other;
	const struct xen_pci_resource *res;

	begin(&host, &before);
	xen_pci_host_init(&other, &bench_config, 0, true);
	ck_assert_int_eq(xen_pci_add_aperture(&host, 0xe0000000, 0x10000000), 0);
	plug(bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000));
	plug(with_bar(at(0, 2, 0), 0xe0200000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	for (uint64_t addr = 0xe0000000; addr <= 0xe0300000; addr += 0x100000) {
		res = xen_pci_resource_at(&host, addr);
		ck_assert(res && res->start <= addr);
		ck_assert_ptr_null(xen_pci_resource_at(&other, addr));
	}
	xen_pci_host_fini(&other);
	finish(&host, &before);
}

static void functions_of_a_device(void)
{
	struct model_pci_function f0 = with_bar(at(0, 2, 0), 0xe0000000, 0x1000);
	unsigned int found;

	begin(&host, &before);
	plug(f0);
	plug(with_bar(at(0, 2, 7), 0xe0001000, 0x1000));
	plug(with_bar(at(0, 3, 1), 0xe0002000, 0x1000)); /* no function 0: not a device */
	ck_assert_int_eq(xen_pci_scan(&host, 0, &found), 0);
	ck_assert_uint_eq(found, 1);
	f0.multifunction = true;
	plug(f0);
	ck_assert_int_eq(xen_pci_scan(&host, 0, &found), 0);
	ck_assert_uint_eq(found, 1);
	ck_assert_ptr_nonnull(xen_pci_find(&host, at(0, 2, 7)));
	ck_assert_uint_eq(xen_pci_find(&host, at(0, 2, 0))->header_type, 0);
	ck_assert_ptr_null(xen_pci_find(&host, at(0, 3, 1)));
	finish(&host, &before);
}

static void bridges_and_windows(void)
{
	struct model_pci_function outer = bridge(at(0, 1, 0), 1, 3, 0xe0000000, 0x400000);
	struct model_pci_function inner = bridge(at(1, 0, 0), 2, 2, 0xe0200000, 0x100000);
	struct xen_pci_dev *dev, *up;
	unsigned int found;

	outer.pref_is64 = inner.pref_is64 = true;
	outer.pref_start = 0x800000000;
	outer.pref_end = 0xfffffffff; /* 32 GiB */
	inner.pref_start = 0x900000000;
	inner.pref_end = 0x9ffffffff;
	begin(&host, &before);
	plug(outer);
	plug(inner);
	plug(with_bar(at(2, 31, 0), 0x980000000, 0x40000000));
	plug(with_bar(at(2, 5, 0), 0xe0200000, 0x1000));
	plug(with_bar(at(3, 0, 0), 0xe0300000, 0x1000)); /* a bus that no bridge leads to */
	ck_assert_int_eq(xen_pci_scan(&host, 0, &found), 0);
	ck_assert_uint_eq(found, 4);
	ck_assert_uint_eq(host.nr_conflicts, 0);
	up = xen_pci_find(&host, at(0, 1, 0));
	dev = xen_pci_find(&host, at(2, 31, 0));
	ck_assert_uint_eq(up->header_type, 1);
	ck_assert_uint_eq(up->secondary, 1);
	ck_assert_uint_eq(up->subordinate, 3);
	ck_assert_ptr_eq(dev->parent->parent, up);
	ck_assert_uint_eq(up->res[XEN_PCI_RES_WINDOW_INDEX].size, 0x400000);
	ck_assert_uint_eq(up->res[XEN_PCI_RES_PREF_INDEX].size, 0x800000000);
	ck_assert(all_identity(0x800000000, 0x800000000) && all_identity(0xe0000000, 0x400000));
	ck_assert(is_nothing(0x800000000 - 1) && is_nothing(0x1000000000));
	ck_assert(is_nothing(0xe0000000 - 1) && is_nothing(0xe0400000));
	/* Closest first: BAR, inner window, outer window, nothing. */
	ck_assert_ptr_eq(xen_pci_resource_at(&host, 0x9bfffffff), &dev->res[0]);
	ck_assert_ptr_eq(xen_pci_resource_at(&host, 0x900000000),
			 &dev->parent->res[XEN_PCI_RES_PREF_INDEX]);
	ck_assert_ptr_eq(xen_pci_resource_at(&host, 0xa00000000), &up->res[XEN_PCI_RES_PREF_INDEX]);
	ck_assert_ptr_null(xen_pci_resource_at(&host, 0x1000000000));
	/* A removed BAR leaves the windows over it. */
	xen_pci_remove(&host, dev);
	ck_assert(all_identity(0x980000000, 0x40000000));
	/* A removed bridge takes everything below along. */
	xen_pci_remove(&host, up);
	ck_assert_ptr_null(host.devices);
	ck_assert(is_nothing(0xe0200000) && is_nothing(0x980000000));
	ck_assert(!model_pci_known(at(2, 5, 0)) && !model_pci_known(at(0, 1, 0)));
	finish(&host, &before);
}

static void closed_windows(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 1, 0, 0);

	begin(&host, &before);
	plug(b);
	b.addr = at(0, 2, 0);
	b.secondary = b.subordinate = 2;
	b.window_start = b.pref_start = 0; /* never programmed: base and limit are 0 */
	b.window_end = b.pref_end = 0xfffff;
	plug(b);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_devices, 2);
	for (struct xen_pci_dev *dev = host.devices; dev; dev = dev->next)
		for (unsigned int i = XEN_PCI_RES_WINDOW_INDEX; i < XEN_PCI_NR_RES; i++) {
			ck_assert(dev->res[i].flags & XEN_PCI_RES_UNSET);
			ck_assert(!(dev->res[i].flags & XEN_PCI_RES_CLAIMED));
		}
	ck_assert_uint_eq(host.nr_conflicts, 0);
	finish(&host, &before);
}

static void senseless_buses(void)
{
	static const struct {
		uint8_t secondary, subordinate;
		const char *log;
	} bad[] = {
		{4, 4, "not above its own"},	  {3, 9, "not above its own"},
		{6, 5, "below its secondary"},	  {5, 9, "bridge above"},
		{6, 6, "secondary bus is taken"}, {5, 7, "those of a neighbour"},
	};

	begin(&host, &before);
	plug(bridge(at(0, 1, 0), 4, 8, 0, 0));
	plug(bridge(at(4, 0, 0), 6, 6, 0, 0));
	plug(with_bar(at(5, 0, 0), 0, 0x1000));
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct xen_pci_dev *dev;

		plug(bridge(at(4, 1, 0), bad[i].secondary, bad[i].subordinate, 0, 0));
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_ptr_nonnull(strstr(model_last_log(), bad[i].log));
		ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), i + 1);
		dev = xen_pci_find(&host, at(4, 1, 0));
		ck_assert_ptr_nonnull(dev);
		ck_assert(!dev->followed);
		ck_assert_uint_eq(host.nr_devices, 3);
		empty(&host, &before);
	}
	finish(&host, &before);
}

static void segments_and_names(void)
{
	struct model_pci_function f = with_bar(at(0x5a, 0x1f, 7), 0xe0000000, 0x1000);
	struct xen_pci_dev *dev;
	char name[XEN_PCI_NAME_MAX];

	f.addr.segment = 0xbeef;
	begin(&host, &before);
	plug(f);
	ck_assert_int_eq(xen_pci_add(&host, f.addr, NULL, &dev), 0);
	ck_assert_int_eq(xen_pci_add(&host, f.addr, NULL, NULL), -XEN_EEXIST);
	ck_assert(model_pci_known(f.addr));
	xen_pci_resource_name(&dev->res[0], name);
	ck_assert_str_eq(name, "beef:5a:1f.7 BAR 0");
	dev->res[0].kind = XEN_PCI_RES_PREF_WINDOW;
	xen_pci_resource_name(&dev->res[0], name);
	ck_assert_str_eq(name, "beef:5a:1f.7 prefetchable window");
	dev->res[0].kind = XEN_PCI_RES_BAR;
	finish(&host, &before);
}

static void mmcfg(void)
{
	static uint8_t window[2 << 20];
	struct xen_pci_mmcfg m;
	struct xen_pci_addr in = at(0x21, 3, 1), out = at(0x22, 0, 0);
	uint32_t value;

	xen_pci_mmcfg_init(&m, window, 0, 0x20, 0x21);
	ck_assert_int_eq(m.config.write(&m.config, in, 0xffc, 4, 0x11223344), 0);
	ck_assert_int_eq(window[(1 << 20) + (0x19 << 12) + 0xffc], 0x44);
	ck_assert_int_eq(m.config.write(&m.config, in, 0xffe, 2, 0xaabb), 0);
	ck_assert_int_eq(m.config.write(&m.config, in, 0xffc, 1, 0xcc), 0);
	ck_assert_int_eq(m.config.read(&m.config, in, 0xffc, 4, &value), 0);
	ck_assert_uint_eq(value, 0xaabb33cc);
	ck_assert_int_eq(m.config.read(&m.config, in, 0xffe, 2, &value), 0);
	ck_assert_uint_eq(value, 0xaabb);
	ck_assert_int_eq(m.config.read(&m.config, in, 0xffd, 1, &value), 0);
	ck_assert_uint_eq(value, 0x33);
	ck_assert_int_eq(m.config.read(&m.config, out, 0, 4, &value), 0);
	ck_assert_uint_eq(value, 0xffffffff);
	ck_assert_int_eq(m.config.write(&m.config, out, 0, 4, 0), 0);
	in.segment = 1;
	ck_assert_int_eq(m.config.read(&m.config, in, 0, 4, &value), 0);
	ck_assert_uint_eq(value, 0xffffffff);
	ck_assert_int_eq(m.config.read(&m.config, out, 2, 4, &value), -XEN_EINVAL);
	ck_assert_int_eq(m.config.read(&m.config, out, 4096, 4, &value), -XEN_EINVAL);
	ck_assert_int_eq(m.config.write(&m.config, out, 0, 3, 0), -XEN_EINVAL);
}

static void command_register(void)
{
	struct xen_pci_dev *dev;

	begin(&host, &before);
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	ck_assert_int_eq(xen_pci_add(&host, at(0, 1, 0), NULL, &dev), 0);
	ck_assert_uint_eq(xen_pci_read(dev, 4, 2), XEN_PCI_COMMAND_MEMORY);
	ck_assert_int_eq(xen_pci_command(dev, XEN_PCI_COMMAND_MASTER, XEN_PCI_COMMAND_MEMORY), 0);
	ck_assert_uint_eq(xen_pci_read(dev, 4, 2), XEN_PCI_COMMAND_MASTER);
	ck_assert_int_eq(xen_pci_write(dev, 4096, 4, 0), -XEN_EINVAL);
	ck_assert_uint_eq(xen_pci_read(dev, 1, 2), 0xffff);
	model_pci_unplug(at(0, 1, 0));
	ck_assert_int_eq(xen_pci_command(dev, XEN_PCI_COMMAND_MASTER, 0), -XEN_ENODEV);
	finish(&host, &before);
}

static void without_xen(void)
{
	begin(&host, &before);
	host.tell_xen = false;
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert(!host.devices->known_to_xen && !model_pci_known(at(0, 1, 0)));
	finish(&host, &before);
	ck_assert_uint_eq(model_calls(MODEL_PHYSDEV_OP), 0);
}

static const struct unit_case cases[] = {
	{"an empty bus costs 32 reads", no_function_no_node},
	{"one host does not see what another has", two_hosts},
	{"functions above 0 are found if the device says so", functions_of_a_device},
	{"what lies behind bridges is found, windows are identity", bridges_and_windows},
	{"closed windows claim nothing", closed_windows},
	{"bridges with senseless bus numbers are not followed", senseless_buses},
	{"names say segment, bus, device, function and what", segments_and_names},
	{"MMCFG reaches its own buses only", mmcfg},
	{"the command register is changed by bits", command_register},
	{"Xen is told only if the host is to", without_xen},
};

UNIT_MAIN("pci", cases)
