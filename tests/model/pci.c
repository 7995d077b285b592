/* SPDX-License-Identifier: MIT */
/*
 * Model PCI: each function is 4096 bytes of config space and as many of write masks, so that sizing
 * a BAR, opening a window or enabling a ROM works as in hardware: only implemented bits take a
 * write. Nothing decodes the ranges. Sizing a BAR while the function decodes it is a breach: on a
 * real bus it would answer at a wrong address. Model lock held, but for the functions of model.h.
 */
#include <string.h>

#include <model/internal.h>

#define NR_FUNCTIONS 256
#define COMMAND_BITS 0x0547 /* I/O, memory, master, parity, SERR, INTx off */
#define PM_CAP 0x40
#define MSI_CAP 0x50
#define MSIX_CAP 0x70
#define CAP_ID_PM 0x01
#define CAP_ID_MSI 0x05
#define CAP_ID_MSIX 0x11

struct function {
	bool plugged;
	struct xen_pci_addr addr;
	unsigned int io; /* BARs that are I/O ports, a bit each */
	uint8_t raw[XEN_PAGE_SIZE];
	uint8_t mask[XEN_PAGE_SIZE]; /* bits that a write changes */
};

static struct function functions[NR_FUNCTIONS];

static struct function *find(struct xen_pci_addr addr)
{
	for (unsigned int i = 0; i < NR_FUNCTIONS; i++) {
		struct function *f = &functions[i];

		if (f->plugged && f->addr.segment == addr.segment && f->addr.bus == addr.bus &&
		    f->addr.devfn == addr.devfn)
			return f;
	}
	return NULL;
}

static void put(uint8_t *at, unsigned int offset, unsigned int size, uint32_t value)
{
	memcpy(at + offset, &value, size); /* little endian, as config space */
}

static uint32_t get(const uint8_t *at, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	memcpy(&value, at + offset, size);
	return value;
}

static void add_bar(struct function *f, unsigned int index, const struct model_pci_bar *bar)
{
	unsigned int at = 0x10 + 4 * index;
	uint64_t bits = ~(bar->size - 1);
	uint32_t type = bar->io ? 1 : (bar->is64 ? 4u : 0) | (bar->prefetch ? 8u : 0);

	if (!bar->size)
		return;
	if (bar->size & (bar->size - 1) || bar->size < (bar->io ? 4 : 16) ||
	    bar->addr & (bar->size - 1))
		model_breach("model_pci_plug: BAR %u: bad size or address", index);
	if ((!bar->is64 && (bar->addr + bar->size - 1) >> 32) || (bar->is64 && index == 5))
		model_breach("model_pci_plug: BAR %u does not fit", index);
	f->io |= (bar->io ? 1u : 0) << index;
	put(f->raw, at, 4, (uint32_t)bar->addr | type);
	put(f->mask, at, 4, (uint32_t)bits & (bar->io ? ~3u : ~15u));
	if (bar->is64) {
		put(f->raw, at + 4, 4, (uint32_t)(bar->addr >> 32));
		put(f->mask, at + 4, 4, (uint32_t)(bits >> 32));
	}
}

static void add_rom(struct function *f, unsigned int at, const struct model_pci_bar *rom)
{
	if (!rom->size)
		return;
	if (rom->size & (rom->size - 1) || rom->size < 2048 || rom->addr & (rom->size - 1) ||
	    (rom->addr + rom->size - 1) >> 32)
		model_breach("model_pci_plug: ROM: bad size or address");
	put(f->raw, at, 4, (uint32_t)rom->addr);
	put(f->mask, at, 4, ((uint32_t) ~(rom->size - 1) & ~0x7ffu) | 1);
}

static void add_bridge(struct function *f, const struct model_pci_function *from)
{
	bool open = from->window_end >= from->window_start;
	bool pref = from->pref_end >= from->pref_start;
	uint32_t type = from->pref_is64 ? 1 : 0;

	f->raw[0x18] = from->addr.bus;
	f->raw[0x19] = from->secondary;
	f->raw[0x1a] = from->subordinate;
	memset(f->mask + 0x18, 0xff, 4);
	put(f->raw, 0x20, 2, open ? (uint32_t)(from->window_start >> 16) & 0xfff0 : 0xfff0);
	put(f->raw, 0x22, 2, open ? (uint32_t)(from->window_end >> 16) & 0xfff0 : 0);
	put(f->raw, 0x24, 2, type | (pref ? (uint32_t)(from->pref_start >> 16) & 0xfff0 : 0xfff0));
	put(f->raw, 0x26, 2, type | (pref ? (uint32_t)(from->pref_end >> 16) & 0xfff0 : 0));
	for (unsigned int at = 0x20; at < 0x28; at += 2)
		put(f->mask, at, 2, 0xfff0);
	if (from->pref_is64) {
		put(f->raw, 0x28, 4, pref ? (uint32_t)(from->pref_start >> 32) : 0);
		put(f->raw, 0x2c, 4, pref ? (uint32_t)(from->pref_end >> 32) : 0);
		memset(f->mask + 0x28, 0xff, 8);
	}
	put(f->mask, 0x3e, 2, 0x0fff);
}

/* Chain a capability at @at behind *@link. */
static void chain(struct function *f, unsigned int *link, unsigned int at, uint8_t id)
{
	f->raw[*link] = (uint8_t)at;
	f->raw[at] = id;
	*link = at + 1;
}

static void add_caps(struct function *f, const struct model_pci_function *from)
{
	unsigned int link = 0x34;

	chain(f, &link, PM_CAP, CAP_ID_PM);
	put(f->raw, PM_CAP + 2, 2, 0x0003);
	put(f->mask, PM_CAP + 4, 2, 0x0003);
	if (from->msi) { /* 64-bit address, one vector */
		chain(f, &link, MSI_CAP, CAP_ID_MSI);
		put(f->raw, MSI_CAP + 2, 2, 0x0080);
		put(f->mask, MSI_CAP + 2, 2, 0x0071);
		memset(f->mask + MSI_CAP + 4, 0xff, 10);
		f->mask[MSI_CAP + 4] = 0xfc;
	}
	if (from->msix_entries) {
		uint32_t table = from->msix_entries * 16;

		chain(f, &link, MSIX_CAP, CAP_ID_MSIX);
		put(f->raw, MSIX_CAP + 2, 2, from->msix_entries - 1);
		put(f->mask, MSIX_CAP + 2, 2, 0xc000);
		put(f->raw, MSIX_CAP + 4, 4, from->msix_bar);
		put(f->raw, MSIX_CAP + 8, 4, ((table + 0xfff) & ~0xfffu) | from->msix_bar);
	}
	put(f->raw, 0x06, 2, 0x0010); /* status: there is a list */
}

static void build(struct function *f, const struct model_pci_function *from)
{
	unsigned int nr_bars = from->bridge ? 2 : 6;
	uint32_t command = from->bridge ? 0x0007 : 0;

	memset(f, 0, sizeof(*f));
	f->addr = from->addr;
	put(f->raw, 0x00, 2, from->vendor);
	put(f->raw, 0x02, 2, from->device);
	put(f->raw, 0x08, 4, from->class_code << 8);
	f->raw[0x0e] = (uint8_t)((from->bridge ? 1 : 0) | (from->multifunction ? 0x80 : 0));
	for (unsigned int i = 0; i < nr_bars; i++) {
		add_bar(f, i, &from->bar[i]);
		if (from->bar[i].size && from->bar[i].addr)
			command |= from->bar[i].io ? 0x0001 : 0x0002;
	}
	add_rom(f, from->bridge ? 0x38 : 0x30, &from->rom);
	if (from->bridge)
		add_bridge(f, from);
	add_caps(f, from);
	put(f->raw, 0x04, 2, command); /* as firmware leaves it: decoding what has an address */
	put(f->mask, 0x04, 2, COMMAND_BITS);
	f->mask[0x0c] = 0xff;
	f->mask[0x3c] = 0xff;
	f->raw[0x3c] = from->interrupt_pin ? 11 : 0xff;
	f->raw[0x3d] = from->interrupt_pin;
	f->plugged = true;
}

void model_pci_plug(const struct model_pci_function *function)
{
	struct function *f;

	model_enter();
	f = find(function->addr);
	for (unsigned int i = 0; i < NR_FUNCTIONS && !f; i++)
		if (!functions[i].plugged)
			f = &functions[i];
	if (!f)
		model_breach("model_pci_plug: more than %d functions", NR_FUNCTIONS);
	build(f, function);
	model_leave();
}

void model_pci_unplug(struct xen_pci_addr addr)
{
	struct function *f;

	model_enter();
	f = find(addr);
	if (!f)
		model_breach("model_pci_unplug: nothing there");
	f->plugged = false;
	model_leave();
}

uint8_t *model_pci_raw(struct xen_pci_addr addr)
{
	struct function *f;

	model_enter();
	f = find(addr);
	model_leave();
	return f ? f->raw : NULL;
}

uint8_t *model_pci_writable(struct xen_pci_addr addr)
{
	struct function *f;

	model_enter();
	f = find(addr);
	model_leave();
	return f ? f->mask : NULL;
}

static void check_access(unsigned int offset, unsigned int size)
{
	if ((size != 1 && size != 2 && size != 4) || offset % size || offset + size > XEN_PAGE_SIZE)
		model_breach("config access of %u bytes at %x", size, offset);
}

static int config_read(const struct xen_pci_config *config, struct xen_pci_addr addr,
		       unsigned int offset, unsigned int size, uint32_t *value)
{
	struct function *f;

	check_access(offset, size);
	model_enter();
	f = find(addr);
	*value = f ? get(f->raw, offset, size) : 0xffffffffu >> (32 - 8 * size);
	model_leave();
	return 0;
}

/* A BAR, or an enabled ROM, that is being sized while the function decodes it. */
static bool sized_while_decoding(const struct function *f, unsigned int offset, uint32_t value)
{
	bool bridge = (f->raw[0x0e] & 0x7f) == 1;
	uint32_t command = get(f->raw, 0x04, 2);
	unsigned int rom = bridge ? 0x38 : 0x30, end = bridge ? 0x18 : 0x28;

	if (get(f->raw, 0x0a, 2) == 0x0600)
		return false; /* a host bridge: its decoding is not to be switched off */
	if (offset == rom)
		return (value & 1) && (value >> 11) == ~0u >> 11 && (command & 0x0002);
	if (offset < 0x10 || offset >= end || value != ~0u || !get(f->mask, offset, 4))
		return false;
	return command & (f->io & (1u << (offset - 0x10) / 4) ? 0x0001 : 0x0002);
}

static int config_write(const struct xen_pci_config *config, struct xen_pci_addr addr,
			unsigned int offset, unsigned int size, uint32_t value)
{
	struct function *f;

	check_access(offset, size);
	model_enter();
	f = find(addr);
	if (f) {
		uint32_t old = get(f->raw, offset, size), mask = get(f->mask, offset, size);

		if (size == 4 && sized_while_decoding(f, offset, value))
			model_breach("%02x:%02x.%x: register %02x sized while decoding", addr.bus,
				     XEN_PCI_DEV(addr.devfn), XEN_PCI_FN(addr.devfn), offset);
		put(f->raw, offset, size, (old & ~mask) | (value & mask));
	}
	model_leave();
	return 0;
}

const struct xen_pci_config model_pci_config = {
	.read = config_read,
	.write = config_write,
	.limit = XEN_PAGE_SIZE,
};

static unsigned int find_cap(const struct function *f, uint8_t id)
{
	unsigned int at = f->raw[0x34] & 0xfc;

	for (unsigned int i = 0; i < 48 && at >= 0x40; i++) {
		if (f->raw[at] == id)
			return at;
		at = f->raw[at + 1] & 0xfc;
	}
	return 0;
}

static struct function *of(uint32_t sbdf)
{
	const struct xen_pci_addr addr = {(uint16_t)(sbdf >> 16), (uint8_t)(sbdf >> 8),
					  (uint8_t)sbdf};

	return find(addr);
}

int model_pci_message_ok(uint32_t sbdf, bool msix, unsigned int entry)
{
	const struct function *f = of(sbdf);
	unsigned int cap = f ? find_cap(f, msix ? CAP_ID_MSIX : CAP_ID_MSI) : 0;

	if (!cap)
		return -XEN_ENODEV;
	if (!msix)
		return 0;
	if (entry > (get(f->raw, cap + 2, 2) & 0x7ff))
		return -XEN_EINVAL;
	return get(f->raw, 0x04, 2) & 0x0002 ? 0 : -XEN_ENXIO; /* the table must be reachable */
}

bool model_pci_message_on(uint32_t sbdf, bool msix)
{
	const struct function *f = of(sbdf);
	unsigned int cap = f ? find_cap(f, msix ? CAP_ID_MSIX : CAP_ID_MSI) : 0;

	if (!cap)
		return false;
	/* MSI-X: on, and not masked as a whole. */
	return msix ? (get(f->raw, cap + 2, 2) & 0xc000) == 0x8000 : get(f->raw, cap + 2, 2) & 1;
}

uint32_t model_pci_command(struct xen_pci_addr addr)
{
	const struct function *f = find(addr);

	return f ? get(f->raw, 0x04, 2) : 0;
}

unsigned int model_pci_line(struct xen_pci_addr addr)
{
	const struct function *f = find(addr);

	return f ? f->raw[0x3c] : 0xff;
}

bool model_pci_bar(struct xen_pci_addr addr, uint64_t *start, uint64_t *size)
{
	const struct function *f = find(addr);
	uint64_t mask, base;

	if (!f || !get(f->mask, 0x10, 4))
		return false;
	base = get(f->raw, 0x10, 4);
	mask = ~0ULL << 32 | get(f->mask, 0x10, 4);
	if (base & 4) {
		base |= (uint64_t)get(f->raw, 0x14, 4) << 32;
		mask = (uint64_t)get(f->mask, 0x14, 4) << 32 | (uint32_t)mask;
	}
	*start = base & ~15ULL;
	*size = ~(mask & ~15ULL) + 1;
	return true;
}
