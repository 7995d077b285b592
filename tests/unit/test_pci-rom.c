/* SPDX-License-Identifier: MIT */
/*
 * Expansion ROMs: enabled ones are claimed like BARs, disabled ones where nothing else lies.
 */
#include "pci-bench.h"

static struct xen_pci_host host;
static struct picture before;

static struct model_pci_function with_rom(struct xen_pci_addr addr, uint64_t start, uint64_t size)
{
	struct model_pci_function f = with_bar(addr, 0, 0);

	f.rom = (struct model_pci_bar){.addr = start, .size = size};
	return f;
}

static void enable_rom(struct xen_pci_addr addr)
{
	model_pci_raw(addr)[4] |= XEN_PCI_COMMAND_MEMORY;
	model_pci_raw(addr)[0x30] |= 1;
}

static bool claimed(struct xen_pci_addr addr, unsigned int index)
{
	const struct xen_pci_dev *dev = xen_pci_find(&host, addr);
	unsigned int flags;

	ck_assert_ptr_nonnull(dev);
	flags = dev->res[index].flags;
	ck_assert(!(flags & XEN_PCI_RES_CLAIMED) != !(flags & XEN_PCI_RES_CONFLICT));
	return flags & XEN_PCI_RES_CLAIMED;
}

static bool rom_claimed(struct xen_pci_addr addr)
{
	return claimed(addr, XEN_PCI_RES_ROM_INDEX);
}

/* A BAR over half of a ROM: which of the two is claimed? */
static void against_a_bar(void)
{
	static const struct {
		uint8_t rom, bar; /* device numbers: the lower one is found first */
		bool enabled, rom_wins;
	} table[] = {
		{1, 2, false, false},
		{2, 1, false, false},
		{1, 2, true, true},
		{2, 1, true, false},
	};

	begin(&host, &before);
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct xen_pci_addr rom = at(0, table[i].rom, 0), bar = at(0, table[i].bar, 0);

		plug(with_rom(rom, 0xe8000000, 0x4000));
		plug(with_bar(bar, 0xe8002000, 0x2000));
		if (table[i].enabled)
			enable_rom(rom);
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert(rom_claimed(rom) == table[i].rom_wins);
		ck_assert(claimed(bar, 0) != table[i].rom_wins);
		ck_assert_uint_eq(host.nr_conflicts, 1);
		ck_assert(is_identity(0xe8002000) && is_nothing(0xe8004000));
		ck_assert(is_identity(0xe8000000) == table[i].rom_wins);
		empty(&host, &before);
	}
	finish(&host, &before);
}

static void says_so(void)
{
	begin(&host, &before);
	plug(with_rom(at(0, 1, 0), 0xe8000000, 0x4000));
	plug(with_bar(at(0, 2, 0), 0xe8002000, 0x2000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	ck_assert_str_eq(model_last_log(), "0000:00:01.0 ROM [0xe8000000-0xe8003fff] gives way to "
					   "0000:00:02.0 BAR 0 [0xe8002000-0xe8003fff]: not used");
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	finish(&host, &before);
}

/* One BAR that several ROMs lie under, one more that is beside it, and one that is enabled. */
static void several(void)
{
	begin(&host, &before);
	for (uint8_t i = 1; i <= 4; i++)
		plug(with_rom(at(0, i, 0), 0xe8000000 + i * 0x1000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	plug(with_bar(at(0, 5, 0), 0xe8000000, 0x4000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	for (uint8_t i = 1; i <= 4; i++)
		ck_assert(rom_claimed(at(0, i, 0)) == (i == 4));
	ck_assert(claimed(at(0, 5, 0), 0));
	ck_assert_uint_eq(host.nr_conflicts, 3);
	model_pci_unplug(at(0, 5, 0));
	xen_pci_remove(&host, xen_pci_find(&host, at(0, 5, 0)));
	ck_assert(is_nothing(0xe8001000) && is_identity(0xe8004000));
	/* Where one is enabled the BAR has nothing of it. */
	enable_rom(at(0, 4, 0));
	xen_pci_remove(&host, xen_pci_find(&host, at(0, 4, 0)));
	plug(with_bar(at(0, 6, 0), 0xe8004000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert(rom_claimed(at(0, 4, 0)) && !claimed(at(0, 6, 0), 0));
	finish(&host, &before);
}

/* Of two ROMs at one place the enabled one stays; of two disabled ones the first. */
static void against_a_rom(void)
{
	begin(&host, &before);
	for (unsigned int enabled = 0; enabled < 4; enabled++) {
		for (uint8_t i = 0; i < 2; i++) {
			plug(with_rom(at(0, i + 1, 0), 0xe8000000, 0x1000));
			if (enabled >> i & 1)
				enable_rom(at(0, i + 1, 0));
		}
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert(rom_claimed(at(0, 1, 0)) == (enabled != 2));
		ck_assert(rom_claimed(at(0, 2, 0)) == (enabled == 2));
		ck_assert_uint_eq(host.nr_conflicts, 1);
		ck_assert(is_identity(0xe8000000));
		empty(&host, &before);
	}
	finish(&host, &before);
}

/* The ROMs of other hosts are theirs. */
static void of_another_host(void)
{
	struct xen_pci_host other;

	begin(&host, &before);
	xen_pci_host_init(&other, &bench_config, 0, false);
	plug(with_rom(at(0, 1, 0), 0xe8000000, 0x1000));
	plug(with_bar(at(0x80, 1, 0), 0xe8000000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_int_eq(xen_pci_add_aperture(&other, 0xe8000000, 0x1000), -XEN_EEXIST);
	ck_assert_int_eq(xen_pci_scan(&other, 0x80, NULL), 0);
	ck_assert_uint_eq(other.nr_conflicts, 1);
	ck_assert(rom_claimed(at(0, 1, 0)));
	xen_pci_host_fini(&other);
	ck_assert(is_identity(0xe8000000));
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"a disabled ROM gives way to a BAR, whichever comes first", against_a_bar},
	{"a ROM that gives way is named, with what it gives way to", says_so},
	{"all that lie under a BAR give way, and no others", several},
	{"of two ROMs the enabled one stays", against_a_rom},
	{"another host's ROM does not give way", of_another_host},
};
UNIT_MAIN("pci-rom", cases)
