/* SPDX-License-Identifier: MIT */
/*
 * BARs of functions: every kind, at the edges of the address space, from devices that change their
 * answers; decoding stays as it was.
 */
#include "pci-bench.h"

static struct xen_pci_host host;
static struct picture before;

static void kinds_of_bars(void)
{
	struct model_pci_function f = {
		.addr = at(0, 4, 0),
		.vendor = 0x8086,
		.device = 0x10d3,
		.class_code = 0x020000,
		.bar = {{.addr = 0xfebc0000, .size = 0x20000},
			{.addr = 0xc000, .size = 32, .io = true},
			{.addr = 0x800000000, .size = 0x400000000, .is64 = true, .prefetch = true},
			{0},
			{.addr = 0, .size = 0x4000},
			{.addr = 0xfebf0000, .size = 16}},
		.rom = {.addr = 0xfeb80000, .size = 0x40000},
		.interrupt_pin = 2,
	};
	static const struct {
		unsigned int kind, flags;
		uint64_t start, size;
	} want[XEN_PCI_NR_RES] = {
		{XEN_PCI_RES_BAR, XEN_PCI_RES_ENABLED | XEN_PCI_RES_CLAIMED, 0xfebc0000, 0x20000},
		{XEN_PCI_RES_BAR, XEN_PCI_RES_ENABLED | XEN_PCI_RES_IO, 0xc000, 32},
		{XEN_PCI_RES_BAR,
		 XEN_PCI_RES_ENABLED | XEN_PCI_RES_CLAIMED | XEN_PCI_RES_64BIT |
			 XEN_PCI_RES_PREFETCH,
		 0x800000000, 0x400000000},
		{XEN_PCI_RES_NONE, 0, 0, 0},
		{XEN_PCI_RES_BAR, XEN_PCI_RES_ENABLED | XEN_PCI_RES_UNSET, 0, 0x4000},
		{XEN_PCI_RES_BAR, XEN_PCI_RES_ENABLED | XEN_PCI_RES_CLAIMED, 0xfebf0000, 16},
		{XEN_PCI_RES_ROM, XEN_PCI_RES_CLAIMED, 0xfeb80000, 0x40000},
	};
	uint8_t raw[4096];
	struct xen_pci_dev *dev;

	begin(&host, &before);
	plug(f);
	memcpy(raw, model_pci_raw(f.addr), sizeof(raw));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_int_eq(memcmp(raw, model_pci_raw(f.addr), sizeof(raw)), 0);
	ck_assert_uint_eq(bench.nr_off, 1);
	dev = xen_pci_find(&host, f.addr);
	ck_assert_ptr_nonnull(dev);
	ck_assert_ptr_eq(dev, xen_pci_find_id(&host, NULL, 0x8086, 0x10d3));
	ck_assert_ptr_null(xen_pci_find_id(&host, dev, 0x8086, 0x10d3));
	ck_assert_uint_eq(dev->class_code, 0x020000);
	ck_assert_uint_eq(dev->interrupt_pin, 2);
	ck_assert_uint_eq(dev->interrupt_line, 11);
	ck_assert(dev->known_to_xen && model_pci_known(f.addr));
	for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
		ck_assert_uint_eq(dev->res[i].kind, want[i].kind);
		ck_assert_uint_eq(dev->res[i].flags, want[i].flags);
		ck_assert_uint_eq(dev->res[i].start, want[i].start);
		ck_assert_uint_eq(dev->res[i].size, want[i].size);
		if (want[i].flags & XEN_PCI_RES_CLAIMED)
			ck_assert(all_identity(want[i].start, want[i].size));
	}
	ck_assert(is_nothing(0xfeb80000 - 1) && is_nothing(0xfebc0000 + 0x20000));
	ck_assert(is_nothing(0x800000000 - 1) && is_nothing(0xc00000000));
	ck_assert(is_nothing(0xfebf0000 - 1) && is_nothing(0xfebf1000));
	ck_assert_uint_eq(host.nr_conflicts, 0);
	xen_pci_remove(&host, dev);
	ck_assert(!model_pci_known(f.addr));
	ck_assert(is_nothing(0xfebc0000) && is_nothing(0x800000000));
	finish(&host, &before);
}

static void edges_of_the_address_space(void)
{
	static const struct {
		uint64_t start, size;
		bool is64;
	} bars[] = {
		{0xfffff000, 0x1000, false},	       /* ends at 2^32: reads as all ones */
		{0xfffff000, 0x1000, true},	       /* likewise */
		{1ULL << 32, 0x1000, true},	       /* begins there */
		{1ULL << 32, 1ULL << 32, true},	       /* no size bit in the low half */
		{1ULL << 40, 1ULL << 34, true},	       /* far away */
		{(1ULL << 52) - 0x1000, 0x1000, true}, /* the last page that there is */
		{1ULL << 51, 1ULL << 51, true},	       /* half of everything */
		{0x80000000, 0x80000000, false},       /* the largest 32-bit BAR */
		{0x100000000 - 0x10000000, 0x10000000, false},
	};

	begin(&host, &before);
	for (unsigned int i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
		struct model_pci_function f = with_bar(at(0, 1, 0), bars[i].start, bars[i].size);
		struct xen_pci_resource *res;

		f.bar[0].is64 = bars[i].is64;
		plug(f);
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		res = &host.devices->res[0];
		ck_assert_uint_eq(res->start, bars[i].start);
		ck_assert_uint_eq(res->size, bars[i].size);
		ck_assert(res->flags & XEN_PCI_RES_CLAIMED);
		ck_assert(all_identity(res->start, res->size));
		ck_assert(is_nothing(res->start - 1));
		ck_assert(is_nothing(res->start + res->size));
		empty(&host, &before);
	}
	finish(&host, &before);
}

static void beyond_the_address_space(void)
{
	static const uint64_t starts[] = {1ULL << 52, 1ULL << 62, ~0xfffULL};

	begin(&host, &before);
	for (unsigned int i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		plug(with_bar(at(0, 1, 0), starts[i], 0x1000));
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_uint_eq(host.devices->res[0].kind, XEN_PCI_RES_NONE);
		ck_assert_uint_eq(host.nr_conflicts, 1);
		ck_assert_ptr_nonnull(strstr(model_last_log(), "0000:00:01.0 BAR 0: beyond"));
		empty(&host, &before);
	}
	finish(&host, &before);
}

static void window_beyond_the_address_space(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000);
	uint8_t *raw;

	begin(&host, &before);
	b.pref_is64 = true;
	b.pref_start = 0x800000000;
	b.pref_end = 0x8ffffffff;
	for (unsigned int high = 0xfffff; high <= 0x100000; high++) {
		plug(b);
		raw = model_pci_raw(b.addr);
		memcpy(raw + 0x2c, &high, 4); /* upper half of the limit */
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_uint_eq(host.nr_conflicts, high == 0x100000);
		ck_assert(is_identity(1ULL << 50) == (high == 0xfffff));
		empty(&host, &before);
	}
	ck_assert_ptr_nonnull(strstr(model_last_log(), "beyond 52 address bits"));
	finish(&host, &before);
}

/* A device that answers otherwise while it is sized, by what it is told to leave out. */
static uint32_t twist[0x34];

static int twisted_read(const struct xen_pci_config *config, struct xen_pci_addr addr,
			unsigned int offset, unsigned int size, uint32_t *value)
{
	int rc = bench_read(config, addr, offset, size, value);

	if (offset < sizeof(twist) / sizeof(twist[0]) && *value >= 0xf0000000)
		*value ^= twist[offset];
	return rc;
}

static void changed_while_sized(void)
{
	static const struct xen_pci_config twisted = {twisted_read, bench_write, 4096, NULL};
	static const struct {
		unsigned int offset;
		uint32_t value, twist;
		unsigned int bar;
		const char *why;
	} table[] = {
		{0x10, 0xe000080c, 0x800, 0, "BAR 0: address is not a multiple"},
		{0x10, 0xe000000c, 0x8, 0, "BAR 0: changes its type"},
		{0x1c, 0xe9000006, 0, 3, "BAR 3: reserved type"},
		{0x18, 0xc001, 0x2, 2, "BAR 2: changes its type"},
		{0x30, 0xe8000800, 0x800, XEN_PCI_RES_ROM_INDEX, "ROM: address is not a multiple"},
	};
	struct model_pci_function f = with_bar(at(0, 1, 0), 0xe0000000, 0x1000);

	begin(&host, &before);
	host.config = &twisted;
	f.bar[2] = (struct model_pci_bar){.addr = 0xc000, .size = 0x100, .io = true};
	f.bar[3] = (struct model_pci_bar){.addr = 0xe9000000, .size = 0x1000};
	f.rom = (struct model_pci_bar){.addr = 0xe8000000, .size = 0x1000};
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		plug(f);
		memset(twist, 0, sizeof(twist));
		memcpy(model_pci_raw(f.addr) + table[i].offset, &table[i].value, 4);
		twist[table[i].offset] = table[i].twist;
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_uint_eq(host.devices->res[table[i].bar].kind, XEN_PCI_RES_NONE);
		ck_assert_uint_eq(host.nr_conflicts, 1);
		ck_assert_msg(strstr(model_last_log(), table[i].why), "%u: %s", i,
			      model_last_log());
		empty(&host, &before);
	}
	finish(&host, &before);
}

/* Each kind of BAR counts as enabled by its own bit of the command register. */
static void enabled_by_kind(void)
{
	struct model_pci_function f = with_bar(at(0, 1, 0), 0xe0000000, 0x1000);

	begin(&host, &before);
	f.bar[2] = (struct model_pci_bar){.addr = 0xc000, .size = 0x100, .io = true};
	f.rom = (struct model_pci_bar){.addr = 0xe8000000, .size = 0x1000};
	for (unsigned int command = 0; command < 4; command++) {
		plug(f);
		model_pci_raw(f.addr)[4] = (uint8_t)command;
		model_pci_raw(f.addr)[0x30] |= 1;
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_uint_eq(!!(host.devices->res[0].flags & XEN_PCI_RES_ENABLED),
				  command >> 1);
		ck_assert_uint_eq(!!(host.devices->res[XEN_PCI_RES_ROM_INDEX].flags &
				     XEN_PCI_RES_ENABLED),
				  command >> 1);
		ck_assert_uint_eq(!!(host.devices->res[2].flags & XEN_PCI_RES_ENABLED),
				  command & 1);
		empty(&host, &before);
	}
	finish(&host, &before);
}

static void host_bridges_keep_decoding(void)
{
	struct model_pci_function f = with_bar(at(0, 0, 0), 0xe0000000, 0x1000000);

	f.class_code = 0x060000;
	begin(&host, &before);
	plug(f);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(bench.nr_off, 0);
	ck_assert_uint_eq(host.devices->res[0].size, 0x1000000);
	ck_assert(all_identity(0xe0000000, 0x1000000));
	finish(&host, &before);
}

static void ignores_writes(void)
{
	struct model_pci_function f = with_bar(at(0, 3, 0), 0x4c0000000, 0x1000);

	f.rom = (struct model_pci_bar){.addr = 0xd0000000, .size = 0x10000};
	f.class_code = 0x060000; /* so that the model lets it be sized while it decodes */
	begin(&host, &before);
	plug(f);
	memset(model_pci_writable(f.addr), 0, 4096);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "ignores writes"));
	ck_assert(is_nothing(0x4c0000000) && is_nothing(0xd0000000));
	ck_assert_uint_eq(host.devices->res[XEN_PCI_RES_ROM_INDEX].size, 0);
	ck_assert_uint_eq(host.nr_conflicts, 2);
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"every kind of BAR is found, and put back as it was", kinds_of_bars},
	{"XSA-476: BARs at the edges of 32 and 52 bits are whole and go whole",
	 edges_of_the_address_space},
	{"a BAR beyond 52 bits is refused", beyond_the_address_space},
	{"a window beyond 52 bits is refused", window_beyond_the_address_space},
	{"a BAR that changes while it is sized is refused", changed_while_sized},
	{"a BAR is enabled by the bit of its kind", enabled_by_kind},
	{"a host bridge is sized without switching it off", host_bridges_keep_decoding},
	{"a BAR that ignores writes is not used", ignores_writes},
};

UNIT_MAIN("pci-bar", cases)
