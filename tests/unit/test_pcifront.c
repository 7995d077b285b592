/* SPDX-License-Identifier: MIT */
/*
 * The PCI frontend's connection: devices that are there at the start, hot-plug by the toolstack,
 * several roots, and closing.
 */
#include "pcifront_test.h"

static bool is_identity(uint64_t addr)
{
	return mfn_x(xen_pfn_to_mfn(mk_pfn(addr >> XEN_PAGE_SHIFT))) == addr >> XEN_PAGE_SHIFT;
}

static void connects(void)
{
	struct xen_pci_dev *dev;

	bench();
	model_pciback_create(&edu_at, 1);
	start();
	ck_assert(run_until(XenbusStateConnected, SECOND));
	ck_assert_uint_eq(model_pciback_state(), XenbusStateConnected);
	ck_assert_uint_eq(t.added, 1);
	dev = device_of(edu_at);
	ck_assert_ptr_nonnull(dev);
	ck_assert_uint_eq(dev->vendor, 0x1234);
	ck_assert_uint_eq(dev->device, 0x11e8);
	ck_assert_uint_eq(dev->res[0].start, EDU_BAR);
	ck_assert_uint_eq(dev->res[0].size, 1 << 20);
	ck_assert(dev->res[0].flags & XEN_PCI_RES_CLAIMED);
	ck_assert(!(dev->res[0].flags & XEN_PCI_RES_ALIAS));
	ck_assert(is_identity(EDU_BAR));
	ck_assert_uint_eq(xen_pcifront_stats(t.front).nr_devs, 1);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).connects, 1);
	stop();
	ck_assert_uint_eq(t.forced, 0);
	ck_assert(!is_identity(EDU_BAR));
	ck_assert_uint_eq(model_pcifront_state(), XenbusStateClosed);
	ck_assert_uint_eq(model_pciback_state(), XenbusStateClosing);
	end();
}

static void nothing_there(void)
{
	int err = 0;

	bench();
	ck_assert_ptr_null(xen_pcifront_start(0, &test_ops, &t, &err));
	ck_assert_int_eq(err, -XEN_ENOENT);
	model_pciback_create(&edu_at, 1);
	ck_assert_ptr_null(xen_pcifront_start(7, &test_ops, &t, &err));
	ck_assert_int_eq(err, -XEN_ENOENT);
	end();
}

/* Directories whose words about the backend make no sense, or lead elsewhere. */
static void strange_backends(void)
{
	static const struct {
		const char *path, *id;
	} bad[] = {
		{"", "0"},
		{"backend/pci/1/0", "0"},
		{"/local/domain/1/backend/pci/1/0", "0"},
		{"/local/domain/00/backend/pci/1/0", "0"},
		{MODEL_PCIBACK_PATH, "1"},
		{MODEL_PCIBACK_PATH, ""},
		{MODEL_PCIBACK_PATH, "-1"},
		{MODEL_PCIBACK_PATH, "65536"},
		{MODEL_PCIBACK_PATH, "32752"},
		{MODEL_PCIBACK_PATH, "0x0"},
	};
	int err;

	bench();
	model_pciback_create(&edu_at, 1);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		model_xs_write(MODEL_PCIFRONT_PATH "/backend", bad[i].path);
		model_xs_write(MODEL_PCIFRONT_PATH "/backend-id", bad[i].id);
		err = 0;
		ck_assert_ptr_null(xen_pcifront_start(0, &test_ops, &t, &err));
		ck_assert_msg(err == -XEN_EINVAL, "%s, %s: %d", bad[i].path, bad[i].id, err);
	}
	model_xs_write(MODEL_PCIFRONT_PATH "/backend", MODEL_PCIBACK_PATH);
	model_xs_write(MODEL_PCIFRONT_PATH "/backend-id", "0");
	start();
	ck_assert(run_until(XenbusStateConnected, SECOND));
	end();
}

static void hot_plug(void)
{
	bench();
	connected(&edu_at, 1);
	for (unsigned int i = 0; i < 5; i++) {
		model_pciback_attach(nvme_at);
		ck_assert(run_tool(SECOND));
		ck_assert_uint_eq(t.added, 2 + i);
		ck_assert_ptr_nonnull(device_of(nvme_at));
		ck_assert_ptr_eq(t.last, device_of(nvme_at));
		ck_assert(is_identity(NVME_BAR));
		ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateConnected);
		model_pciback_detach(nvme_at);
		ck_assert(run_tool(SECOND));
		ck_assert_uint_eq(t.removed, 1 + i);
		ck_assert(!is_identity(NVME_BAR));
		ck_assert(is_identity(EDU_BAR));
		ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateConnected);
		ck_assert_uint_eq(model_pciback_state(), XenbusStateConnected);
	}
	ck_assert_uint_eq(t.forced, 0);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).connects, 1);
	end();
}

/* The tool moves the second entry up when the first goes: the device behind it is the same. */
static void shifted(void)
{
	struct xen_pci_dev *nvme;

	bench();
	connected(both_at, 2);
	nvme = device_of(nvme_at);
	ck_assert_ptr_nonnull(nvme);
	model_pciback_detach(edu_at);
	ck_assert(run_tool(SECOND));
	run();
	ck_assert_str_eq(model_xs_read(MODEL_PCIBACK_PATH "/dev-0"), "0000:00:05.0");
	ck_assert_ptr_eq(device_of(nvme_at), nvme);
	ck_assert_uint_eq(t.removed, 1);
	ck_assert(is_identity(NVME_BAR) && !is_identity(EDU_BAR));
	model_pciback_attach(edu_at);
	ck_assert(run_tool(SECOND));
	ck_assert_ptr_eq(device_of(nvme_at), nvme);
	ck_assert_ptr_nonnull(device_of(edu_at));
	ck_assert_uint_eq(t.added, 3);
	ck_assert_uint_eq(t.removed, 1);
	end();
}

/* The last device takes the directories with it, and the next one brings them back. */
static void last_device(void)
{
	bench();
	connected(&edu_at, 1);
	for (unsigned int i = 0; i < 4; i++) {
		struct xen_pci_addr old = i & 1 ? nvme_at : edu_at, new = i & 1 ? edu_at : nvme_at;

		model_pciback_detach(old);
		ck_assert(run_tool(SECOND));
		run();
		ck_assert_ptr_null(model_xs_read(MODEL_PCIFRONT_PATH));
		ck_assert_uint_eq(t.removed, i + 1);
		ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateClosed);
		ck_assert_uint_eq(xen_grant_used(), t.grants);
		model_pciback_attach(new);
		ck_assert(run_tool(SECOND));
		ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateConnected);
		ck_assert_uint_eq(t.added, i + 2);
		ck_assert_ptr_nonnull(device_of(new));
	}
	ck_assert_uint_eq(t.forced, 0);
	end();
}

static void refused(void)
{
	bench();
	connected(both_at, 2);
	t.busy = true;
	model_pciback_detach(edu_at);
	run_for(3 * SECOND);
	ck_assert(model_pciback_busy());
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateConnected);
	t.busy = false; /* in time */
	ck_assert(run_tool(SECOND));
	ck_assert_uint_eq(t.removed, 1);

	t.busy = true;
	model_pciback_attach(edu_at);
	ck_assert(run_tool(SECOND)); /* nothing has to go for that */
	model_pciback_detach(edu_at);
	ck_assert(run_tool(30 * SECOND)); /* the tool has given up */
	ck_assert_uint_eq(t.removed, 1);
	ck_assert_ptr_nonnull(device_of(edu_at));
	ck_assert_uint_eq(model_pciback_state(), XenbusStateReconfiguring);
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateConnected);
	ck_assert_uint_eq(t.forced, 0);
	end();
}

/* Where the whole device goes a refusal has an end. */
static void forced(void)
{
	bench();
	connected(&edu_at, 1);
	t.busy = true;
	model_pciback_detach(edu_at);
	run_for(9 * SECOND);
	ck_assert_uint_eq(t.removed, 0);
	ck_assert(run_tool(10 * SECOND));
	ck_assert_uint_eq(t.removed, 1);
	ck_assert_uint_eq(t.forced, 1);
	end();
}

static void several_roots(void)
{
	static const struct model_pciback_params params = {.passthrough = true};
	static const struct xen_pci_addr at[] = {
		{0, 0, XEN_PCI_DEVFN(4, 0)}, {0, 3, XEN_PCI_DEVFN(1, 2)}, {5, 0, 0}};
	struct model_pci_function function = {.vendor = 0x8086,
					      .device = 0x10d3,
					      .class_code = 0x020000,
					      .bar[0] = {.addr = 0xfb000000, .size = 0x4000}};
	struct xen_pci_host *host;

	bench_with(&params, NULL);
	function.addr = at[1];
	model_pci_plug(&function);
	function.addr = at[2];
	function.bar[0].addr = 0xfb100000;
	model_pci_plug(&function);
	connected(at, 3);
	ck_assert_str_eq(model_xs_read(MODEL_PCIBACK_PATH "/root_num"), "3");
	host = xen_pcifront_host(t.front, 0);
	ck_assert_uint_eq(host->segment, 0);
	ck_assert_uint_eq(host->nr_devices, 2);
	host = xen_pcifront_host(t.front, 1);
	ck_assert_uint_eq(host->segment, 5);
	ck_assert_uint_eq(host->nr_devices, 1);
	ck_assert_ptr_null(xen_pcifront_host(t.front, 2));
	model_pciback_detach(at[2]);
	ck_assert(run_tool(SECOND));
	ck_assert_uint_eq(t.removed, 1);
	stop();
	model_pci_unplug(at[1]);
	model_pci_unplug(at[2]);
	end();
}

static void no_roots(void)
{
	static const struct model_pciback_params params = {.no_roots = true};

	bench_with(&params, NULL);
	connected(both_at, 2);
	ck_assert_ptr_null(model_xs_read(MODEL_PCIBACK_PATH "/root_num"));
	ck_assert_uint_eq(xen_pcifront_host(t.front, 0)->nr_devices, 2);
	end();
}

/* A bridge and what is behind it, listed in the wrong order. */
static void behind_a_bridge(void)
{
	static const struct model_pciback_params params = {.passthrough = true};
	static const struct xen_pci_addr at[] = {{0, 2, 0}, {0, 0, XEN_PCI_DEVFN(6, 0)}};
	const struct model_pci_function bridge = {.addr = at[1],
						  .vendor = 0x1b36,
						  .device = 1,
						  .class_code = 0x060400,
						  .bridge = true,
						  .secondary = 2,
						  .subordinate = 2,
						  .window_start = 0xfb000000,
						  .window_end = 0xfb0fffff};
	const struct model_pci_function behind = {.addr = at[0],
						  .vendor = 0x8086,
						  .device = 0x10d3,
						  .class_code = 0x020000,
						  .bar[0] = {.addr = 0xfb000000, .size = 0x4000}};
	struct xen_pci_dev *dev;

	bench_with(&params, NULL);
	model_pci_plug(&bridge);
	model_pci_plug(&behind);
	model_pciback_create(at, 2);
	for (unsigned int i = 0; i < 4; i++)
		model_pciback_step();
	model_xs_write(MODEL_PCIBACK_PATH "/root_num", "1"); /* not that of bus 2 */
	model_xs_write(MODEL_PCIBACK_PATH "/root-0", "0000:00");
	start();
	ck_assert(run_until(XenbusStateConnected, SECOND));
	dev = device_of(at[0]);
	ck_assert_ptr_nonnull(dev);
	ck_assert_ptr_eq(dev->parent, device_of(at[1]));
	ck_assert(dev->res[0].flags & XEN_PCI_RES_CLAIMED);
	model_pciback_detach(at[1]); /* takes what is behind it along */
	ck_assert(run_tool(SECOND));
	ck_assert_uint_eq(t.removed, 2);
	stop();
	model_pci_unplug(at[0]);
	model_pci_unplug(at[1]);
	end();
}

/* RAM has the PFNs of the BAR: it is of use even so. */
static void over_ram(void)
{
	static const struct xen_e820_entry map[] = {{0, 64ULL << 20, XEN_E820_RAM}};
	static const struct model_params machine = {
		.domu = true, .nr_pages = 1024, .e820 = map, .nr_e820 = 1};
	const struct xen_pci_resource *bar;
	volatile uint32_t *regs;
	int err;

	bench_with(NULL, &machine);
	ck_assert_int_eq(
		xen_p2m_ram_add(mk_pfn(EDU_BAR >> XEN_PAGE_SHIFT), 16, "a domain's RAM", NULL), 0);
	connected(&edu_at, 1);
	bar = &device_of(edu_at)->res[0];
	ck_assert_uint_eq(bar->flags & (XEN_PCI_RES_CLAIMED | XEN_PCI_RES_ALIAS),
			  XEN_PCI_RES_CLAIMED | XEN_PCI_RES_ALIAS);
	ck_assert(!is_identity(EDU_BAR));
	ck_assert_int_eq(xen_pci_command(device_of(edu_at), XEN_PCI_COMMAND_MEMORY, 0), 0);
	regs = xen_mmio_map(bar->start, 4096, XEN_CACHE_UC, &err);
	ck_assert_ptr_nonnull((void *)(uintptr_t)regs);
	ck_assert_uint_eq(regs[0] & 0xffff, 0x00ed);
	xen_mmio_unmap(regs, 4096);
	stop();
	ck_assert_int_eq(xen_p2m_ram_remove(mk_pfn(EDU_BAR >> XEN_PAGE_SHIFT), 16), 0);
	end();
}

static const struct unit_case cases[] = {
	{"a device that is there at the start is found", connects},
	{"without a directory there is no frontend", nothing_there},
	{"175: a directory that leads nowhere is refused", strange_backends},
	{"devices come and go", hot_plug},
	{"an entry that moves up is the same device", shifted},
	{"the last device takes all with it, and comes back", last_device},
	{"a driver that does not let go keeps its device", refused},
	{"it does not where everything goes", forced},
	{"several roots and segments", several_roots},
	{"a backend that names no root has one", no_roots},
	{"what is behind a bridge comes after it and goes before it", behind_a_bridge},
	{"a BAR over RAM is of use by its machine address", over_ram},
};

UNIT_MAIN("pcifront", cases)
