/* SPDX-License-Identifier: MIT */
/*
 * BARs whose bits are set one by one: what can be one is one, all else is refused by name, and what
 * decodes nothing is not switched off.
 */
#include "pci-bench.h"

static struct xen_pci_host host;
static struct picture before;

/* Two registers as they are and as they take writes, what becomes of them, and why not. */
struct odd {
	unsigned int at; /* 0x10, or 0x30 for the ROM */
	uint32_t value[2], writable[2];
	uint64_t size;
	const char *why;
};

static const struct odd table[] = {
	{0x10, {0}, {0}, 0, NULL},
	{0x10, {0x8}, {0}, 0, NULL},
	{0x14, {0x8}, {0}, 0, NULL}, /* behind a register that is none of 64 bits */
	{0x10, {0xe0000000}, {0xfffff000}, 0x1000, NULL},
	{0x10, {0x80000000}, {0x80000000}, 0x80000000, NULL},
	/* The address bits that stick are one run that reaches the top. */
	{0x10, {0x40000000}, {0x7ffff000}, 0, "power of two"},
	{0x10, {0x0e000000}, {0x0ffff000}, 0, "power of two"},
	{0x10, {0xe0000000}, {0xffff7000}, 0, "power of two"},
	{0x10, {0xc001}, {0xfff0}, 16, NULL},
	{0x10, {0xc001}, {0xfffffff0}, 16, NULL},
	{0x10, {0x4001}, {0x7ff0}, 0, "power of two"},
	/* Nothing is there, whatever it takes. */
	{0x10, {0xffffffff}, {0xffffffff}, 0, "all ones"},
	{0x10, {0xfff00000}, {0}, 0, "ignores writes"},
	{0x10, {0xe0000006}, {0xfffff000}, 0, "reserved type"},
	/* 64 bits: both halves count. */
	{0x10, {0x4, 0x40}, {0xfffff000, 0xffffffff}, 0x1000, NULL},
	{0x10, {0xe0000004, 0x1}, {0xfff00000, 0}, 0, "ignores writes"},
	{0x24, {0xe0000004, 0}, {0xfffff000, 0}, 0, "last slot"},
	{0x30, {0xffffffff}, {0xffffffff}, 0, "all ones"},
	{0x30, {0xe0000000}, {0xfffff801}, 0x800, NULL},
	{0x30, {0xfff00000}, {0}, 0, "ignores writes"},
};

static void registers_one_by_one(void)
{
	begin(&host, &before);
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct odd *odd = &table[i];
		unsigned int index = odd->at == 0x30 ? XEN_PCI_RES_ROM_INDEX : (odd->at - 0x10) / 4;
		struct model_pci_function f = with_bar(at(0, 1, 0), 0, 0);
		unsigned int errors = model_log_lines(XEN_LOG_ERROR);
		const struct xen_pci_resource *res;
		struct xen_pci_dev *dev;

		f.bar[0].is64 = f.bar[0].prefetch = false;
		plug(f);
		memcpy(model_pci_raw(f.addr) + odd->at, odd->value, odd->value[1] ? 8 : 4);
		memcpy(model_pci_writable(f.addr) + odd->at, odd->writable, odd->value[1] ? 8 : 4);
		ck_assert_int_eq(xen_pci_add(&host, f.addr, NULL, &dev), 0);
		res = &dev->res[index];
		ck_assert_msg(res->size == odd->size, "row %u: size %llx", i,
			      (unsigned long long)res->size);
		ck_assert_msg(host.nr_conflicts == (odd->why ? 1 : 0), "row %u: %u conflicts", i,
			      host.nr_conflicts);
		ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), errors + (odd->why ? 1 : 0));
		if (odd->why)
			ck_assert_msg(strstr(model_last_log(), odd->why), "row %u: %s", i,
				      model_last_log());
		if (!odd->size) {
			ck_assert_uint_eq(res->kind, XEN_PCI_RES_NONE);
			ck_assert_uint_eq(res->start, 0);
		}
		if (!odd->size && !odd->why)
			ck_assert_uint_eq(res->flags, 0);
		/* And the register is as it was. */
		ck_assert_mem_eq(model_pci_raw(f.addr) + odd->at, odd->value, 4);
		empty(&host, &before);
	}
	finish(&host, &before);
}

/* Which commands the function was given. */
static unsigned int nr_commands;

static int count_commands(const struct xen_pci_config *config, struct xen_pci_addr addr,
			  unsigned int offset, unsigned int size, uint32_t value)
{
	nr_commands += offset == 4;
	return bench_write(config, addr, offset, size, value);
}

static const struct xen_pci_config counting = {bench_read, count_commands, 4096, NULL};

static void what_is_off_stays_alone(void)
{
	struct xen_pci_addr addr = at(0, 1, 0);
	struct xen_pci_dev *dev;

	begin(&host, &before);
	host.config = &counting;
	plug(with_bar(addr, 0xe0000000, 0x1000));
	model_pci_raw(addr)[4] = 4; /* a master that decodes nothing */
	ck_assert_int_eq(xen_pci_add(&host, addr, NULL, &dev), 0);
	ck_assert_uint_eq(nr_commands, 0);
	ck_assert(!(dev->res[0].flags & XEN_PCI_RES_ENABLED));
	xen_pci_remove(&host, dev);
	model_pci_raw(addr)[4] = 6;
	ck_assert_int_eq(xen_pci_add(&host, addr, NULL, &dev), 0);
	ck_assert_uint_eq(nr_commands, 2); /* off and on, once each */
	ck_assert_uint_eq(model_pci_raw(addr)[4], 6);
	ck_assert(dev->res[0].flags & XEN_PCI_RES_ENABLED);
	finish(&host, &before);
}

/* A BAR takes the ones and then nothing more: what it was cannot be put back. */
static int keep_ones(const struct xen_pci_config *config, struct xen_pci_addr addr,
		     unsigned int offset, unsigned int size, uint32_t value)
{
	if (offset == 0x10 && value != 0xffffffff)
		return -XEN_EPERM;
	return bench_write(config, addr, offset, size, value);
}

static const struct xen_pci_config keeping = {bench_read, keep_ones, 4096, NULL};

static void not_put_back(void)
{
	begin(&host, &before);
	host.config = &keeping;
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	ck_assert_int_eq(xen_pci_add(&host, at(0, 1, 0), NULL, NULL), -XEN_EPERM);
	ck_assert_uint_eq(host.nr_devices, 0);
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"every odd BAR is refused by name", registers_one_by_one},
	{"what decodes nothing is not switched off", what_is_off_stays_alone},
	{"a BAR that cannot be put back is an error", not_put_back},
};

UNIT_MAIN("pci-odd", cases)
