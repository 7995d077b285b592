/* SPDX-License-Identifier: MIT */
/*
 * What PCI Express adds, forged into model PCI's config bytes: links with one device, ARI, SR-IOV.
 */
#include "pci-bench.h"

#define EXP_CAP 0xa0
#define EXT_CAP 0x100
#define SRIOV_CAP 0x140

static struct xen_pci_host host;
static struct picture before;

static void put(uint8_t *at, unsigned int offset, unsigned int size, uint32_t value)
{
	memcpy(at + offset, &value, size);
}

/* Chain a PCI Express capability of port type @type in; @control2 is its second control word. */
static uint8_t *make_express(struct xen_pci_addr addr, unsigned int type, unsigned int control2)
{
	uint8_t *raw = model_pci_raw(addr);

	raw[6] |= 0x10;
	raw[EXP_CAP] = 0x10;
	raw[EXP_CAP + 1] = raw[0x34];
	raw[0x34] = EXP_CAP;
	put(raw, EXP_CAP + 2, 2, type << 4 | 2);
	put(raw, EXP_CAP + 0x28, 2, control2);
	return raw;
}

static void one_device_behind_a_link(void)
{
	struct model_pci_function port = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000);

	begin(&host, &before);
	plug(port);
	make_express(port.addr, 4, 0);
	plug(with_bar(at(1, 0, 0), 0xe0000000, 0x1000));
	plug(with_bar(at(1, 1, 0), 0xe0001000, 0x1000)); /* a ghost */
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_devices, 2);
	ck_assert_ptr_nonnull(xen_pci_find(&host, at(1, 0, 0)));
	finish(&host, &before);
}

static void make_ari(struct xen_pci_addr addr, unsigned int next)
{
	uint8_t *raw = make_express(addr, 0, 0);

	put(raw, EXT_CAP, 4, 0x0001000e);
	raw[EXT_CAP + 5] = (uint8_t)next;
}

/* Functions 0, 3, 9 and 255 of one device; the last one's list goes back to 9. */
static void ari(void)
{
	static const uint8_t fn[] = {0, 3, 9, 255};
	static const uint8_t next[] = {3, 9, 255, 9};
	static const struct {
		unsigned int type, control2, devices;
	} ports[] = {
		{6, 0, 2},    {6, 0x20, 5},
		{4, 0x20, 5}, {6, 0xffff, 2}, /* gone: reads as all ones */
		{5, 0x20, 2},		      /* the upper end of a switch is no link to a device */
	};
	struct model_pci_function port = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000);

	begin(&host, &before);
	for (unsigned int p = 0; p < sizeof(ports) / sizeof(ports[0]); p++) {
		plug(port);
		make_express(port.addr, ports[p].type, ports[p].control2);
		for (unsigned int i = 0; i < 4; i++) {
			struct xen_pci_addr addr = {0, 1, fn[i]};

			plug(with_bar(addr, 0xe0000000 + i * 0x1000, 0x1000));
			make_ari(addr, next[i]);
		}
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_uint_eq(host.nr_devices, ports[p].devices);
		ck_assert_uint_eq(host.nr_conflicts, 0);
		empty(&host, &before);
	}
	finish(&host, &before);
}

/* Forge a physical function at 1:00.0 with 2 MiB BAR 0 ranges, 64-bit, for virtual functions. */
static uint8_t *plug_physfn(unsigned int control)
{
	struct xen_pci_addr addr = at(1, 0, 0);
	uint8_t *raw, *writable;

	plug(bridge(at(0, 1, 0), 1, 2, 0xe0000000, 0x1000000));
	plug(with_bar(addr, 0xe0000000, 0x1000));
	raw = make_express(addr, 0, 0);
	writable = model_pci_writable(addr);
	put(raw, EXT_CAP, 4, SRIOV_CAP << 20 | 0x0001ffff); /* some other capability first */
	put(raw, SRIOV_CAP, 4, 0x00010010);
	put(raw, SRIOV_CAP + 0x08, 2, control);
	put(raw, SRIOV_CAP + 0x0e, 2, 64);
	put(raw, SRIOV_CAP + 0x14, 2, 0x80);   /* first one: 1:10.0 */
	put(raw, SRIOV_CAP + 0x16, 2, 0x40);   /* then 1:18.0, 2:00.0, ... */
	put(raw, SRIOV_CAP + 0x1a, 2, 0x10ed); /* device ID */
	put(raw, SRIOV_CAP + 0x24, 4, 0xe0400000 | 4);
	put(writable, SRIOV_CAP + 0x24, 4, 0xfffff000);
	put(writable, SRIOV_CAP + 0x28, 4, 0xffffffff);
	put(raw, SRIOV_CAP + 0x30, 4, 0x1); /* BAR 3: I/O ports, which cannot be */
	put(writable, SRIOV_CAP + 0x30, 4, 0xfffc);
	return raw;
}

/* A virtual function answers, but its IDs read as all ones. */
static void plug_vf(unsigned int bus, unsigned int device)
{
	struct model_pci_function f = with_bar(at(bus, device, 0), 0, 0);

	plug(f);
	put(model_pci_raw(f.addr), 0, 4, 0xffffffff);
}

static void virtual_functions(void)
{
	struct picture scanned, now;
	struct xen_pci_dev *vf;
	unsigned int found;
	uint8_t *raw;

	begin(&host, &before);
	raw = plug_physfn(0);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_devices, 2);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "virtual functions' BAR 3: I/O ports"));
	ck_assert_uint_eq(raw[SRIOV_CAP + 0x26], 0x40); /* put back */
	take_picture(&scanned);
	/* The embedder enables four; the fourth is beyond the bridge's buses or does not answer. */
	put(raw, SRIOV_CAP + 0x10, 2, 4);
	put(raw, SRIOV_CAP + 0x08, 2, 9);
	plug_vf(1, 0x10);
	plug_vf(1, 0x18);
	plug_vf(2, 0x00);
	for (unsigned int round = 0; round < 2; round++) {
		ck_assert_int_eq(xen_pci_scan(&host, 0, &found), 0);
		ck_assert_uint_eq(found, 3);
		ck_assert_int_eq(xen_pci_scan(&host, 0, &found), 0);
		ck_assert_uint_eq(found, 0);
		for (unsigned int i = 0; i < 3; i++) {
			vf = xen_pci_find(&host, i < 2 ? at(1, 0x10 + i * 8, 0) : at(2, 0, 0));
			ck_assert(vf && vf->is_virtfn && vf->known_to_xen);
			ck_assert_uint_eq(vf->vendor, 0x1234);
			ck_assert_uint_eq(vf->device, 0x10ed);
			ck_assert_uint_eq(vf->class_code, 0x00ff00);
			ck_assert_uint_eq(vf->res[0].start, 0xe0400000 + i * 0x1000);
			ck_assert_uint_eq(vf->res[0].size, 0x1000);
			ck_assert(vf->res[0].flags & XEN_PCI_RES_CLAIMED);
			ck_assert(vf->res[0].flags & XEN_PCI_RES_ENABLED);
			ck_assert(vf->res[0].flags & XEN_PCI_RES_64BIT);
			ck_assert_uint_eq(vf->res[3].kind, XEN_PCI_RES_NONE);
			ck_assert_ptr_eq(vf->physfn, xen_pci_find(&host, at(1, 0, 0)));
			ck_assert(model_pci_known(vf->addr));
		}
		/* They go with their physical function, or one by one. */
		if (round == 0) {
			while ((vf = xen_pci_find_id(&host, NULL, 0x1234, 0x10ed)))
				xen_pci_remove(&host, vf);
			take_picture(&now);
			ck_assert(same_picture(&scanned, &now));
		}
	}
	xen_pci_remove(&host, xen_pci_find(&host, at(1, 0, 0)));
	ck_assert_uint_eq(host.nr_devices, 1);
	ck_assert(!model_pci_known(at(2, 0, 0)));
	finish(&host, &before);
}

static void enable_vfs(uint8_t *raw)
{
	put(raw, SRIOV_CAP + 0x10, 2, 2);
	put(raw, SRIOV_CAP + 0x08, 2, 9);
	plug_vf(1, 0x10);
	plug_vf(1, 0x18);
}

/* Whatever fails at a scan is there at the next one. */
static void virtual_functions_later(void)
{
	for (unsigned int kind = 0; kind < 2; kind++) {
		unsigned int nth, failed = 0;

		for (nth = 1; nth < 2000; nth++) {
			uint64_t first;
			uint8_t *raw;
			bool over;

			begin(&host, &before);
			raw = plug_physfn(0);
			ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
			enable_vfs(raw);
			first = kind ? model_calls(MODEL_ALLOC) : bench.nr;
			if (kind)
				model_fail(MODEL_ALLOC, nth, 0);
			else
				bench_fail(nth);
			failed += xen_pci_scan(&host, 0, NULL) != 0;
			model_fail(MODEL_ALLOC, 0, 0);
			bench_fail(0);
			over = (kind ? model_calls(MODEL_ALLOC) : bench.nr) - first < nth;
			ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
			ck_assert_uint_eq(host.nr_devices, 4);
			for (unsigned int i = 0; i < 2; i++) {
				struct xen_pci_dev *vf =
					xen_pci_find(&host, at(1, 0x10 + i * 8, 0));

				ck_assert(vf && vf->known_to_xen);
				ck_assert(vf->res[0].flags & XEN_PCI_RES_CLAIMED);
			}
			finish(&host, &before);
			if (over)
				break;
		}
		ck_assert_uint_gt(failed, 2);
		ck_assert_uint_lt(nth, 2000);
	}
}

static void senseless_vf_bars(void)
{
	static const struct {
		uint32_t low, high;
		bool refused;
		uint64_t second; /* where the second one's is */
	} table[] = {
		{0, 0, false, 0},			 /* never programmed */
		{0xe1400000, 0x20, false, 0x20e1401000}, /* not below the bridge */
		{0xe0400800, 0, true, 0},
		{0xe0400000, 0x100000, true, 0}, /* 2^52 and more */
		{0xfffff000, 0xfffff, true, 0},	 /* the second one lies behind it */
	};

	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct xen_pci_dev *vf;
		uint8_t *raw;

		begin(&host, &before);
		raw = plug_physfn(0);
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		enable_vfs(raw);
		put(raw, SRIOV_CAP + 0x24, 4, table[i].low | 4);
		put(raw, SRIOV_CAP + 0x28, 4, table[i].high);
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		vf = xen_pci_find(&host, at(1, 0x18, 0));
		ck_assert_ptr_nonnull(vf);
		ck_assert(!(vf->res[0].flags & XEN_PCI_RES_CLAIMED));
		ck_assert_int_eq(!!(vf->res[0].flags & XEN_PCI_RES_UNSET),
				 !table[i].refused && !table[i].second);
		ck_assert_uint_eq(vf->res[0].start, table[i].second);
		ck_assert_int_eq(vf->res[0].kind == XEN_PCI_RES_NONE, table[i].refused);
		finish(&host, &before);
	}
}

/* Enabled before anybody looked: they are found, but how large their BARs are cannot be known. */
static void enabled_before(void)
{
	uint8_t *raw;

	begin(&host, &before);
	raw = plug_physfn(9);
	put(raw, SRIOV_CAP + 0x10, 2, 1);
	plug_vf(1, 0x10);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_devices, 3);
	ck_assert_uint_eq(xen_pci_find(&host, at(1, 0x10, 0))->res[0].kind, XEN_PCI_RES_NONE);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_WARN), 1);
	finish(&host, &before);
}

static void many_virtual_functions(void)
{
	uint8_t *raw;

	begin(&host, &before);
	raw = plug_physfn(0);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	put(raw, SRIOV_CAP + 0x08, 2, 9);
	put(raw, SRIOV_CAP + 0x10, 2, 0xffff);
	put(raw, SRIOV_CAP + 0x14, 2, 1);
	put(raw, SRIOV_CAP + 0x16, 2, 0);
	bench.nr = 0;
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	put(raw, SRIOV_CAP + 0x16, 2, 1);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_lt(bench.nr, 1500);
	ck_assert_uint_eq(host.nr_devices, 2);
	finish(&host, &before);
}

/* Without the upper config space there is no SR-IOV and no harm. */
static void short_config(void)
{
	static const struct xen_pci_config shorter = {bench_read, bench_write, 256, NULL};

	begin(&host, &before);
	plug_physfn(0);
	host.config = &shorter;
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_devices, 2);
	ck_assert_ptr_null(xen_pci_find(&host, at(1, 0, 0))->sriov);
	ck_assert_uint_eq(xen_pci_find_ext_cap(xen_pci_find(&host, at(1, 0, 0)), 0x10), 0);
	finish(&host, &before);
}

/* What a host took for its functions it gives back with them. */
static void nothing_kept(void)
{
	uint64_t objects[2], bytes[2];

	begin(&host, &before);
	for (unsigned int round = 0; round < 2; round++) {
		enable_vfs(plug_physfn(0));
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		empty(&host, &before);
		objects[round] = model_allocs().objects;
		bytes[round] = model_allocs().bytes;
	}
	ck_assert_uint_eq(objects[0], objects[1]);
	ck_assert_uint_eq(bytes[0], bytes[1]);
	finish(&host, &before);
}

static void capability_loops(void)
{
	struct xen_pci_dev *dev;
	uint8_t *raw;

	begin(&host, &before);
	raw = plug_physfn(0);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	dev = xen_pci_find(&host, at(1, 0, 0));
	ck_assert_uint_eq(xen_pci_find_cap(dev, 0x10), EXP_CAP);
	ck_assert_uint_eq(xen_pci_find_cap(dev, 0x42), 0);
	ck_assert_uint_eq(xen_pci_find_ext_cap(dev, 0x10), SRIOV_CAP);
	put(raw, SRIOV_CAP, 4, EXT_CAP << 20 | 0x00010010); /* and back to the first */
	raw[EXP_CAP + 1] = EXP_CAP;
	bench.nr = 0;
	ck_assert_uint_eq(xen_pci_find_cap(dev, 0x42), 0);
	ck_assert_uint_lt(bench.nr, 64);
	ck_assert_uint_eq(xen_pci_find_ext_cap(dev, 0x42), 0);
	ck_assert_uint_lt(bench.nr, 1100);
	raw[0x34] = 0x10; /* into the header */
	ck_assert_uint_eq(xen_pci_find_cap(dev, 0x10), 0);
	raw[0x34] = 0xff;
	ck_assert_uint_eq(xen_pci_find_cap(dev, 0x10), 0);
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"a link has one device, whatever else answers", one_device_behind_a_link},
	{"ARI functions are found if the port forwards to them", ari},
	{"virtual functions are found, claimed and told to Xen", virtual_functions},
	{"virtual functions come at the next scan when one fails", virtual_functions_later},
	{"virtual functions' BARs that make no sense are not used", senseless_vf_bars},
	{"virtual functions enabled before the scan have no BARs", enabled_before},
	{"a device with 65535 virtual functions is not believed", many_virtual_functions},
	{"256 bytes of config space will do", short_config},
	{"a host gives back what it took for its functions", nothing_kept},
	{"capability lists that loop end", capability_loops},
};
UNIT_MAIN("pci-express", cases)
