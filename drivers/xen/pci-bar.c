/* SPDX-License-Identifier: MIT */
/*
 * What a function decodes: its BARs, expansion ROM and, for a bridge, its memory windows, turned
 * into resources. A BAR is sized by writing ones and reading which bits stuck. Invariants: whatever
 * fails, each register and the command word are written back to what they held; nothing is logged
 * or allocated while decoding is off, since the function may be the console. No lock.
 */
#include "pci-internal.h"

#include <xen/port.h>

#define BAR_IO 0x1u
#define BAR_TYPE 0x6u
#define BAR_TYPE_64 0x4u
#define BAR_TYPE_RESERVED 0x6u
#define BAR_PREFETCH 0x8u
#define BAR_FLAGS 0xfu
#define BAR_IO_FLAGS 0x3u
#define ROM_ADDRESS 0xfffff800u
#define ROM_ENABLE 0x1u

#define DECODING (XEN_PCI_COMMAND_IO | XEN_PCI_COMMAND_MEMORY)

void xen_pci_reject(struct xen_pci_resource *res, const char *why)
{
	char name[XEN_PCI_NAME_MAX];

	xen_pci_resource_name(res, name);
	if (xen_pci_may_log(res->dev->host))
		xen_port_log(XEN_LOG_ERROR, "%s: %s: not used", name, why);
	res->kind = XEN_PCI_RES_NONE;
	res->start = 0;
	res->size = 0;
	xen_pci_mark_conflict(res->dev->host, res);
}

/* Does the register take writes at all? Asked only when ones came back as what was there before. */
static int probe_ignored(const struct xen_pci_dev *dev, unsigned int offset,
			 struct xen_pci_probe *probe)
{
	uint32_t zero = 0;
	int rc = xen_pci_write(dev, offset, 4, 0);

	if (!rc)
		rc = xen_pci_config_read(dev->host, dev->addr, offset, 4, &zero);
	if (!rc)
		probe->ignored = zero == probe->orig;
	return rc;
}

/* @ones: what to write; @address: the bits that are address. */
static int probe_register(const struct xen_pci_dev *dev, unsigned int offset, uint32_t ones,
			  uint32_t address, struct xen_pci_probe *probe)
{
	uint32_t now;
	int rc, rc_restore;

	probe->ignored = false;
	probe->restored = false;
	rc = xen_pci_config_read(dev->host, dev->addr, offset, 4, &probe->orig);
	if (rc)
		return rc;
	rc = xen_pci_write(dev, offset, 4, ones);
	if (!rc)
		rc = xen_pci_config_read(dev->host, dev->addr, offset, 4, &probe->mask);
	if (!rc && probe->mask == probe->orig && probe->orig & address)
		rc = probe_ignored(dev, offset, probe);

	rc_restore = xen_pci_config_restore(dev->host, dev->addr, offset, 4, probe->orig);
	if (!rc)
		rc = rc_restore;
	if (!rc)
		rc = xen_pci_config_read(dev->host, dev->addr, offset, 4, &now);
	if (!rc)
		probe->restored = now == probe->orig;
	return rc;
}

static bool is_64bit(uint32_t bar)
{
	return !(bar & BAR_IO) && (bar & BAR_TYPE) == BAR_TYPE_64;
}

int xen_pci_probe_registers(const struct xen_pci_dev *dev, unsigned int offset, unsigned int nr,
			    struct xen_pci_probe *probe)
{
	bool upper = false;

	for (unsigned int i = 0; i < nr; i++) {
		int rc = probe_register(dev, offset + i * 4, 0xffffffff,
					upper ? 0xffffffff : ~BAR_FLAGS, &probe[i]);

		if (rc)
			return rc;
		upper = !upper && is_64bit(probe[i].orig);
	}
	return 0;
}

/*
 * The size that @mask (the address bits that stuck) means. They must be one run of ones that
 * reaches bit @top; that it ends below bit 63 is common in 64-bit BARs.
 */
static bool mask_to_size(uint64_t mask, unsigned int top, uint64_t *size)
{
	uint64_t low = mask & -mask;
	uint64_t beyond = mask + low; /* 0 when the run reaches bit 63 */

	*size = low;
	return !(beyond & (beyond - 1)) && (!beyond || beyond > 1ULL << top);
}

/* Give *@res its range, unless that cannot be. */
static const char *set_range(struct xen_pci_resource *res, uint64_t start, uint64_t mask,
			     unsigned int top)
{
	uint64_t size;

	if (!mask) {
		res->kind = XEN_PCI_RES_NONE;
		res->flags = 0;
		return NULL;
	}
	if (!mask_to_size(mask, top, &size))
		return "size is not a power of two";
	if (start & (size - 1))
		return "address is not a multiple of its size";
	if (start >= PCI_ADDR_LIMIT || size > PCI_ADDR_LIMIT - start)
		return "beyond 52 address bits";
	res->start = start;
	res->size = size;
	if (!start)
		res->flags |= XEN_PCI_RES_UNSET;
	return NULL;
}

static const char *decode_io(const struct xen_pci_probe *probe, struct xen_pci_resource *res)
{
	res->flags |= XEN_PCI_RES_IO;
	if ((probe->mask ^ probe->orig) & BAR_IO_FLAGS)
		return "changes its type";
	return set_range(res, probe->orig & ~BAR_IO_FLAGS, probe->mask & ~BAR_IO_FLAGS, 15);
}

static const char *decode_memory(const struct xen_pci_probe *probe, bool is64,
				 struct xen_pci_resource *res)
{
	uint64_t start = probe->orig & ~BAR_FLAGS;
	uint64_t mask = probe->mask & ~BAR_FLAGS;

	if ((probe->mask ^ probe->orig) & BAR_FLAGS)
		return "changes its type";
	if (is64) {
		start |= (uint64_t)probe[1].orig << 32;
		mask |= (uint64_t)probe[1].mask << 32;
		res->flags |= XEN_PCI_RES_64BIT;
	}
	if (probe->orig & BAR_PREFETCH)
		res->flags |= XEN_PCI_RES_PREFETCH;
	return set_range(res, start, mask, 31);
}

static const char *check_probe(const struct xen_pci_probe *probe)
{
	if (probe->ignored)
		return "ignores writes and cannot be sized";
	return probe->restored ? NULL : "does not keep its value";
}

const char *xen_pci_decode_bar(const struct xen_pci_probe *probe, bool last,
			       struct xen_pci_resource *res, unsigned int *used)
{
	bool io = probe->orig & BAR_IO, is64 = is_64bit(probe->orig);
	const char *why;

	*used = is64 && !last ? 2 : 1;
	res->kind = XEN_PCI_RES_BAR;
	if (probe->orig == 0xffffffff)
		return "reads as all ones";
	if (!io && (probe->orig & BAR_TYPE) == BAR_TYPE_RESERVED)
		return "reserved type";
	if (is64 && last)
		return "64-bit BAR in the last slot";
	why = check_probe(probe);
	if (!why && is64)
		why = check_probe(probe + 1);
	if (why)
		return why;
	return io ? decode_io(probe, res) : decode_memory(probe, is64, res);
}

static const char *decode_rom(const struct xen_pci_probe *probe, struct xen_pci_resource *res)
{
	const char *why = check_probe(probe);

	res->kind = XEN_PCI_RES_ROM;
	if (probe->orig == 0xffffffff)
		return "reads as all ones";
	if (why)
		return why;
	return set_range(res, probe->orig & ROM_ADDRESS, probe->mask & ROM_ADDRESS, 31);
}

/* Registers of each header type. */
struct layout {
	uint8_t nr_bars, rom;
};

static const struct layout layouts[] = {
	[PCI_HEADER_FUNCTION] = {XEN_PCI_NR_BARS, PCI_ROM},
	[PCI_HEADER_BRIDGE] = {2, PCI_BRIDGE_ROM},
	[PCI_HEADER_CARDBUS] = {1, 0},
};

/* Everything that needs decoding off, and nothing else. */
static int probe_all(const struct xen_pci_dev *dev, const struct layout *layout, uint32_t command,
		     struct xen_pci_probe *bar, struct xen_pci_probe *rom)
{
	bool off = command & DECODING && dev->class_code >> 8 != PCI_CLASS_HOST_BRIDGE;
	int rc = 0, rc_restore = 0;

	if (off)
		rc = xen_pci_write(dev, PCI_COMMAND, 2, command & ~DECODING);
	if (!rc)
		rc = xen_pci_probe_registers(dev, PCI_BAR, layout->nr_bars, bar);
	if (!rc && layout->rom)
		rc = probe_register(dev, layout->rom, ROM_ADDRESS, ROM_ADDRESS, rom);
	if (off)
		rc_restore = xen_pci_config_restore(dev->host, dev->addr, PCI_COMMAND, 2, command);
	return rc ? rc : rc_restore;
}

static void decode_all(struct xen_pci_dev *dev, const struct layout *layout, uint32_t command,
		       const struct xen_pci_probe *bar, const struct xen_pci_probe *rom)
{
	struct xen_pci_resource *res;
	unsigned int used, needed;
	const char *why;

	for (unsigned int i = 0; i < layout->nr_bars; i += used) {
		res = &dev->res[i];
		why = xen_pci_decode_bar(&bar[i], i + 1 == layout->nr_bars, res, &used);
		needed = res->flags & XEN_PCI_RES_IO ? XEN_PCI_COMMAND_IO : XEN_PCI_COMMAND_MEMORY;
		if (why)
			xen_pci_reject(res, why);
		else if (res->size && command & needed)
			res->flags |= XEN_PCI_RES_ENABLED;
	}
	if (!layout->rom)
		return;
	res = &dev->res[XEN_PCI_RES_ROM_INDEX];
	why = decode_rom(rom, res);
	if (why)
		xen_pci_reject(res, why);
	else if (res->size && rom->orig & ROM_ENABLE && command & XEN_PCI_COMMAND_MEMORY)
		res->flags |= XEN_PCI_RES_ENABLED;
}

/* Base and limit are the upper 12 bits of 16 each, in MiB; below them the type. */
static const char *decode_window(uint32_t reg, uint32_t base_high, uint32_t limit_high,
				 struct xen_pci_resource *res)
{
	uint64_t base = (uint64_t)(reg & 0xfff0) << 16;
	uint64_t limit = (reg & 0xfff00000) | 0xfffff;
	unsigned int type = reg & 0xf;

	if (type != (reg >> 16 & 0xf) || type > (res->kind == XEN_PCI_RES_PREF_WINDOW))
		return "reserved type";
	if (type) {
		base |= (uint64_t)base_high << 32;
		limit |= (uint64_t)limit_high << 32;
		res->flags |= XEN_PCI_RES_64BIT;
	}
	/* A window from 0 is what an unprogrammed or missing one reads as. */
	if (!base || base > limit) {
		res->flags |= XEN_PCI_RES_UNSET;
		return NULL;
	}
	if (limit >= PCI_ADDR_LIMIT)
		return "beyond 52 address bits";
	res->start = base;
	res->size = limit - base + 1;
	return NULL;
}

int xen_pci_read_window(struct xen_pci_dev *dev, unsigned int index, struct xen_pci_resource *out,
			const char **why)
{
	const struct xen_pci_host *host = dev->host;
	bool pref = index == XEN_PCI_RES_PREF_INDEX;
	unsigned int offset = pref ? PCI_PREF_WINDOW : PCI_MEMORY_WINDOW;
	uint32_t reg, command, base_high = 0, limit_high = 0;
	int rc;

	*out = (struct xen_pci_resource){
		.dev = dev,
		.kind = pref ? XEN_PCI_RES_PREF_WINDOW : XEN_PCI_RES_WINDOW,
		.flags = pref ? XEN_PCI_RES_PREFETCH : 0,
	};
	rc = xen_pci_config_read(host, dev->addr, offset, 4, &reg);
	if (!rc)
		rc = xen_pci_config_read(host, dev->addr, PCI_COMMAND, 2, &command);
	if (!rc && pref)
		rc = xen_pci_config_read(host, dev->addr, PCI_PREF_BASE_HIGH, 4, &base_high);
	if (!rc && pref)
		rc = xen_pci_config_read(host, dev->addr, PCI_PREF_LIMIT_HIGH, 4, &limit_high);
	if (rc)
		return rc;
	*why = decode_window(reg, base_high, limit_high, out);
	if (command & XEN_PCI_COMMAND_MEMORY)
		out->flags |= XEN_PCI_RES_ENABLED;
	return 0;
}

int xen_pci_read_resources(struct xen_pci_dev *dev)
{
	const struct layout *layout = &layouts[dev->header_type];
	struct xen_pci_probe bar[XEN_PCI_NR_BARS], rom;
	uint32_t command;
	int rc;

	rc = xen_pci_config_read(dev->host, dev->addr, PCI_COMMAND, 2, &command);
	if (!rc)
		rc = probe_all(dev, layout, command, bar, &rom);
	if (rc)
		return rc;
	decode_all(dev, layout, command, bar, &rom);
	if (dev->header_type != PCI_HEADER_BRIDGE)
		return 0;
	for (unsigned int i = XEN_PCI_RES_WINDOW_INDEX; i < XEN_PCI_NR_RES; i++) {
		const char *why;

		rc = xen_pci_read_window(dev, i, &dev->res[i], &why);
		if (rc)
			return rc;
		if (why)
			xen_pci_reject(&dev->res[i], why);
	}
	return 0;
}
