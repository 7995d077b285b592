/* SPDX-License-Identifier: MIT */
/*
 * Config space: checked access through a host's accessor, the MMCFG accessor, and the capability
 * lists. A value read is never trusted to end a loop: each list search has a bound that no
 * well-formed list reaches. No state, no lock.
 */
#include "pci-internal.h"

#define RESTORE_TRIES 4

/* Capabilities are 4 bytes apart at least, so no list has more. */
#define MAX_CAPS ((256 - 0x40) / 4)
#define MAX_EXT_CAPS ((4096 - 256) / 4)

static bool access_ok(const struct xen_pci_config *config, unsigned int offset, unsigned int size)
{
	unsigned int limit = config->limit < 4096 ? config->limit : 4096;

	if (size != 1 && size != 2 && size != 4)
		return false;
	return !(offset & (size - 1)) && offset < limit && limit - offset >= size;
}

static uint32_t all_ones(unsigned int size)
{
	return size == 1 ? 0xff : size == 2 ? 0xffff : 0xffffffff;
}

int xen_pci_config_read(const struct xen_pci_host *host, struct xen_pci_addr addr,
			unsigned int offset, unsigned int size, uint32_t *value)
{
	const struct xen_pci_config *config = host->config;
	int rc = -XEN_EINVAL;

	if (access_ok(config, offset, size))
		rc = config->read(config, addr, offset, size, value);
	if (rc)
		*value = 0xffffffff;
	*value &= all_ones(size);
	return rc;
}

int xen_pci_config_write(const struct xen_pci_host *host, struct xen_pci_addr addr,
			 unsigned int offset, unsigned int size, uint32_t value)
{
	const struct xen_pci_config *config = host->config;

	if (!access_ok(config, offset, size))
		return -XEN_EINVAL;
	return config->write(config, addr, offset, size, value & all_ones(size));
}

int xen_pci_config_restore(const struct xen_pci_host *host, struct xen_pci_addr addr,
			   unsigned int offset, unsigned int size, uint32_t value)
{
	int rc = 0;

	for (unsigned int i = 0; i < RESTORE_TRIES; i++) {
		rc = xen_pci_config_write(host, addr, offset, size, value);
		if (!rc)
			break;
	}
	return rc;
}

uint32_t xen_pci_read(const struct xen_pci_dev *dev, unsigned int offset, unsigned int size)
{
	uint32_t value;

	xen_pci_config_read(dev->host, dev->addr, offset, size, &value);
	return value;
}

int xen_pci_write(const struct xen_pci_dev *dev, unsigned int offset, unsigned int size,
		  uint32_t value)
{
	return xen_pci_config_write(dev->host, dev->addr, offset, size, value);
}

int xen_pci_command(const struct xen_pci_dev *dev, uint16_t set, uint16_t clear)
{
	uint32_t old, new;
	int rc;

	rc = xen_pci_config_read(dev->host, dev->addr, PCI_COMMAND, 2, &old);
	if (rc)
		return rc;
	if (old == 0xffff) /* reserved bits are set: nothing is there */
		return -XEN_ENODEV;
	new = (old | set) & ~(uint32_t)clear;
	return new == old ? 0 : xen_pci_write(dev, PCI_COMMAND, 2, new);
}

unsigned int xen_pci_find_cap(const struct xen_pci_dev *dev, uint8_t id)
{
	unsigned int pos =
		dev->header_type == PCI_HEADER_CARDBUS ? PCI_CARDBUS_CAP_POINTER : PCI_CAP_POINTER;

	if (!(xen_pci_read(dev, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES))
		return 0;
	pos = xen_pci_read(dev, pos, 1);
	for (unsigned int i = 0; i < MAX_CAPS; i++) {
		uint32_t head;

		pos &= ~3u;
		if (pos < 0x40)
			return 0;
		head = xen_pci_read(dev, pos, 2);
		if ((head & 0xff) == 0xff)
			return 0;
		if ((head & 0xff) == id)
			return pos;
		pos = head >> 8;
	}
	return 0;
}

unsigned int xen_pci_find_ext_cap(const struct xen_pci_dev *dev, uint16_t id)
{
	unsigned int pos = 0x100;

	/* Some bridges answer for a conventional function's missing space with a copy of the
	 * first 256 bytes: only PCI Express has the list. */
	if (dev->host->config->limit <= pos || !xen_pci_find_cap(dev, PCI_CAP_EXPRESS))
		return 0;
	for (unsigned int i = 0; i < MAX_EXT_CAPS; i++) {
		uint32_t head = xen_pci_read(dev, pos, 4);

		if (!head || head == 0xffffffff)
			return 0;
		if ((head & 0xffff) == id)
			return pos;
		pos = (head >> 20) & ~3u;
		if (pos < 0x100)
			return 0;
	}
	return 0;
}

static volatile uint8_t *mmcfg_register(const struct xen_pci_config *config,
					struct xen_pci_addr addr, unsigned int offset)
{
	const struct xen_pci_mmcfg *mmcfg = config->priv;

	if (addr.segment != mmcfg->segment || addr.bus < mmcfg->first_bus ||
	    addr.bus > mmcfg->last_bus)
		return NULL;
	return mmcfg->base + ((uint64_t)(addr.bus - mmcfg->first_bus) << 20) +
	       ((uint64_t)addr.devfn << 12) + offset;
}

static int mmcfg_read(const struct xen_pci_config *config, struct xen_pci_addr addr,
		      unsigned int offset, unsigned int size, uint32_t *value)
{
	volatile uint8_t *reg = mmcfg_register(config, addr, offset);

	*value = 0xffffffff;
	if (!access_ok(config, offset, size))
		return -XEN_EINVAL;
	if (!reg)
		return 0;
	if (size == 1)
		*value = *reg;
	else if (size == 2)
		*value = *(volatile uint16_t *)reg;
	else
		*value = *(volatile uint32_t *)reg;
	return 0;
}

static int mmcfg_write(const struct xen_pci_config *config, struct xen_pci_addr addr,
		       unsigned int offset, unsigned int size, uint32_t value)
{
	volatile uint8_t *reg = mmcfg_register(config, addr, offset);

	if (!access_ok(config, offset, size))
		return -XEN_EINVAL;
	if (!reg)
		return 0;
	if (size == 1)
		*reg = (uint8_t)value;
	else if (size == 2)
		*(volatile uint16_t *)reg = (uint16_t)value;
	else
		*(volatile uint32_t *)reg = value;
	return 0;
}

void xen_pci_mmcfg_init(struct xen_pci_mmcfg *mmcfg, volatile void *base, uint16_t segment,
			uint8_t first_bus, uint8_t last_bus)
{
	mmcfg->config.read = mmcfg_read;
	mmcfg->config.write = mmcfg_write;
	mmcfg->config.limit = 4096;
	mmcfg->config.priv = mmcfg;
	mmcfg->base = base;
	mmcfg->segment = segment;
	mmcfg->first_bus = first_bus;
	mmcfg->last_bus = last_bus;
}
