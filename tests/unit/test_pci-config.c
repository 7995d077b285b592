/* SPDX-License-Identifier: MIT */
/*
 * Config space: which accesses there are, headers that cannot be read, lists of capabilities that
 * lead nowhere, MMCFG by its widths.
 */
#include "../../drivers/xen/pci-internal.h"
#include "pci-bench.h"

static struct xen_pci_host host;
static struct picture before;

static struct xen_pci_dev *add(struct model_pci_function f)
{
	struct xen_pci_dev *dev = NULL;

	plug(f);
	ck_assert_int_eq(xen_pci_add(&host, f.addr, NULL, &dev), 0);
	return dev;
}

/* A config space that ends in the middle of a register. */
static void space_that_ends(void)
{
	static const struct xen_pci_config odd = {bench_read, bench_write, 258, NULL};
	static const struct {
		unsigned int offset, size;
		int rc;
	} table[] = {
		{256, 2, 0},	       {256, 1, 0},	      {257, 1, 0},
		{256, 4, -XEN_EINVAL}, {258, 1, -XEN_EINVAL}, {258, 2, -XEN_EINVAL},
		{254, 4, -XEN_EINVAL}, {0, 3, -XEN_EINVAL},   {~3u, 4, -XEN_EINVAL},
	};
	uint32_t value;

	begin(&host, &before);
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	host.config = &odd;
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ck_assert_int_eq(xen_pci_config_read(&host, at(0, 1, 0), table[i].offset,
						     table[i].size, &value),
				 table[i].rc);
		ck_assert_int_eq(xen_pci_config_write(&host, at(0, 1, 0), table[i].offset,
						      table[i].size, 0),
				 table[i].rc);
	}
	finish(&host, &before);
}

/* Each register of the header fails to be read: no function is made of what is left. */
static void header_reads_fail(void)
{
	begin(&host, &before);
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	for (unsigned int nth = 1; nth <= 4; nth++) {
		bench_fail(nth);
		ck_assert_int_eq(xen_pci_add(&host, at(0, 1, 0), NULL, NULL), -XEN_EIO);
		ck_assert_uint_eq(host.nr_devices, 0);
	}
	bench_fail(0);
	ck_assert_int_eq(xen_pci_add(&host, at(0, 1, 0), NULL, NULL), 0);
	finish(&host, &before);
}

/* What answers for a function that is not ready, and what is none. */
static void vendors(void)
{
	struct xen_pci_addr addr = at(0, 1, 0);
	uint8_t *raw;

	begin(&host, &before);
	plug(with_bar(addr, 0xe0000000, 0x1000));
	raw = model_pci_raw(addr);
	memcpy(raw, (uint8_t[]){1, 0, 0xff, 0xff}, 4);
	ck_assert_int_eq(xen_pci_add(&host, addr, NULL, NULL), -XEN_EAGAIN);
	memcpy(raw, (uint8_t[]){0, 0, 1, 0}, 4);
	ck_assert_int_eq(xen_pci_add(&host, addr, NULL, NULL), -XEN_ENODEV);
	memcpy(raw, (uint8_t[]){0xff, 0xff, 1, 0}, 4);
	ck_assert_int_eq(xen_pci_add(&host, addr, NULL, NULL), -XEN_ENODEV);
	memcpy(raw, (uint8_t[]){1, 0, 1, 0}, 4);
	ck_assert_int_eq(xen_pci_add(&host, addr, NULL, NULL), 0);
	finish(&host, &before);
}

static void pins_and_header_types(void)
{
	struct model_pci_function f = with_bar(at(0, 1, 0), 0xe0000000, 0x1000);
	struct xen_pci_dev *dev;
	uint8_t *raw;

	begin(&host, &before);
	f.interrupt_pin = 4;
	dev = add(f);
	ck_assert_uint_eq(dev->interrupt_pin, 4);
	xen_pci_remove(&host, dev);
	model_pci_raw(f.addr)[0x3d] = 5;
	ck_assert_int_eq(xen_pci_add(&host, f.addr, NULL, &dev), 0);
	ck_assert_uint_eq(dev->interrupt_pin, 0);
	xen_pci_remove(&host, dev);
	/* A CardBus bridge has one BAR and no ROM; above that there are no types. */
	memset(&f.bar, 0, sizeof(f.bar));
	f.bar[0] = (struct model_pci_bar){.addr = 0xe0000000, .size = 0x1000};
	plug(f);
	raw = model_pci_raw(f.addr);
	raw[0x0e] = 2;
	memset(raw + 0x30, 0xff, 4);
	ck_assert_int_eq(xen_pci_add(&host, f.addr, NULL, &dev), 0);
	ck_assert(dev->res[0].flags & XEN_PCI_RES_CLAIMED);
	ck_assert_uint_eq(dev->res[XEN_PCI_RES_ROM_INDEX].kind, XEN_PCI_RES_NONE);
	ck_assert_uint_eq(host.nr_conflicts, 0);
	xen_pci_remove(&host, dev);
	raw[0x0e] = 3;
	ck_assert_int_eq(xen_pci_add(&host, f.addr, NULL, NULL), -XEN_EINVAL);
	finish(&host, &before);
}

/* The pointer counts if the status register says so, and leads behind the header. */
static void capability_lists(void)
{
	struct xen_pci_dev *dev;
	uint8_t *raw;

	begin(&host, &before);
	dev = add(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	raw = model_pci_raw(dev->addr);
	raw[0x06] |= 0x10;
	raw[0x34] = 0x40;
	memcpy(raw + 0x40, (uint8_t[]){0x05, 0x00}, 2);
	ck_assert_uint_eq(xen_pci_find_cap(dev, 0x05), 0x40);
	raw[0x06] &= ~0x10;
	ck_assert_uint_eq(xen_pci_find_cap(dev, 0x05), 0);
	raw[0x06] |= 0x10;
	raw[0x34] = 0x28; /* within the header */
	memcpy(raw + 0x28, (uint8_t[]){0x05, 0x00}, 2);
	ck_assert_uint_eq(xen_pci_find_cap(dev, 0x05), 0);
	finish(&host, &before);
}

static void extended_lists(void)
{
	struct xen_pci_dev *dev;
	uint8_t *raw;

	begin(&host, &before);
	dev = add(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	raw = model_pci_raw(dev->addr);
	/* Of a function without PCI Express nothing is believed up there. */
	memcpy(raw + 0x100, (uint8_t[]){0x10, 0x00, 0x01, 0x05}, 4);
	ck_assert_uint_eq(xen_pci_find_ext_cap(dev, 0x10), 0);
	raw[0x06] |= 0x10;
	raw[0x34] = 0x40;
	memcpy(raw + 0x40, (uint8_t[]){0x10, 0x00}, 2);
	ck_assert_uint_eq(xen_pci_find_ext_cap(dev, 0x10), 0x100);
	/* Its next one, at 50h, is none. */
	memcpy(raw + 0x50, (uint8_t[]){0x0e, 0x00, 0x01, 0x00}, 4);
	ck_assert_uint_eq(xen_pci_find_ext_cap(dev, 0x0e), 0);
	/* Nothing there, and a function that is gone. */
	memset(raw + 0x100, 0, 4);
	ck_assert_uint_eq(xen_pci_find_ext_cap(dev, 0), 0);
	memset(raw + 0x100, 0xff, 4);
	ck_assert_uint_eq(xen_pci_find_ext_cap(dev, 0xffff), 0);
	finish(&host, &before);
}

static void mmcfg_widths(void)
{
	static uint32_t space[2 << 18]; /* buses 2 and 3 */
	struct xen_pci_addr addr = {7, 2, XEN_PCI_DEVFN(1, 0)};
	uint8_t *raw = (uint8_t *)space + (1 << 15);
	struct xen_pci_mmcfg mmcfg;
	struct xen_pci_host h;
	uint32_t value;

	xen_pci_mmcfg_init(&mmcfg, space, 7, 2, 3);
	xen_pci_host_init(&h, &mmcfg.config, 7, false);
	ck_assert_int_eq(xen_pci_config_write(&h, addr, 0, 4, 0x44332211), 0);
	ck_assert_mem_eq(raw, ((uint8_t[]){0x11, 0x22, 0x33, 0x44}), 4);
	ck_assert_int_eq(xen_pci_config_write(&h, addr, 0, 2, 0xbbaa), 0);
	ck_assert_mem_eq(raw, ((uint8_t[]){0xaa, 0xbb, 0x33, 0x44}), 4);
	ck_assert_int_eq(xen_pci_config_write(&h, addr, 3, 1, 0xcc), 0);
	ck_assert_mem_eq(raw, ((uint8_t[]){0xaa, 0xbb, 0x33, 0xcc}), 4);
	ck_assert_int_eq(xen_pci_config_read(&h, addr, 0, 4, &value), 0);
	ck_assert_uint_eq(value, 0xcc33bbaa);
	ck_assert_int_eq(xen_pci_config_read(&h, addr, 2, 2, &value), 0);
	ck_assert_uint_eq(value, 0xcc33);
	ck_assert_int_eq(xen_pci_config_read(&h, addr, 1, 1, &value), 0);
	ck_assert_uint_eq(value, 0xbb);
	addr.bus = 3;
	ck_assert_int_eq(xen_pci_config_write(&h, addr, 0, 1, 0x77), 0);
	ck_assert_uint_eq(raw[1 << 20], 0x77);
}

static const struct unit_case cases[] = {
	{"accesses end where the space ends", space_that_ends},
	{"without all of the header there is no function", header_reads_fail},
	{"a function that is not ready is no function yet", vendors},
	{"pins and header types are those that there are", pins_and_header_types},
	{"capabilities are looked for behind the header", capability_lists},
	{"extended capabilities are PCI Express's", extended_lists},
	{"MMCFG is accessed as wide as it is asked for", mmcfg_widths},
};

UNIT_MAIN("pci-config", cases)
