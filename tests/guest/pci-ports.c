/* SPDX-License-Identifier: MIT */
/*
 * Config space over the port pair 0xcf8 (address) and 0xcfc (data). Xen catches dom0's accesses
 * and makes them one after the other; between our own two steps no other CPU may come in, hence
 * the lock. Boot has given the kernel the privilege for port instructions.
 */
#include "host.h"

#include <xen/port.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE (1u << 31)

static struct xen_lock ports_lock;

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static uint32_t in_sized(uint16_t port, unsigned int size)
{
	uint32_t value = 0;

	if (size == 1)
		__asm__ volatile("inb %1, %b0" : "+a"(value) : "Nd"(port) : "memory");
	else if (size == 2)
		__asm__ volatile("inw %1, %w0" : "+a"(value) : "Nd"(port) : "memory");
	else
		__asm__ volatile("inl %1, %0" : "+a"(value) : "Nd"(port) : "memory");
	return value;
}

static void out_sized(uint16_t port, unsigned int size, uint32_t value)
{
	if (size == 1)
		__asm__ volatile("outb %b0, %1" : : "a"(value), "Nd"(port) : "memory");
	else if (size == 2)
		__asm__ volatile("outw %w0, %1" : : "a"(value), "Nd"(port) : "memory");
	else
		out32(port, value);
}

static bool reachable(struct xen_pci_addr addr, unsigned int offset, unsigned int size)
{
	return addr.segment == 0 && offset + size <= 256;
}

static void select_register(struct xen_pci_addr addr, unsigned int offset)
{
	out32(CONFIG_ADDRESS, CONFIG_ENABLE | (uint32_t)addr.bus << 16 | (uint32_t)addr.devfn << 8 |
				      (offset & 0xfc));
}

static int ports_read(const struct xen_pci_config *config, struct xen_pci_addr addr,
		      unsigned int offset, unsigned int size, uint32_t *value)
{
	unsigned long flags;

	*value = ~0u >> (32 - 8 * size);
	if (!reachable(addr, offset, size))
		return 0;
	flags = xen_port_lock(&ports_lock);
	select_register(addr, offset);
	*value = in_sized((uint16_t)(CONFIG_DATA + (offset & 3)), size);
	xen_port_unlock(&ports_lock, flags);
	return 0;
}

static int ports_write(const struct xen_pci_config *config, struct xen_pci_addr addr,
		       unsigned int offset, unsigned int size, uint32_t value)
{
	unsigned long flags;

	if (!reachable(addr, offset, size))
		return 0;
	flags = xen_port_lock(&ports_lock);
	select_register(addr, offset);
	out_sized((uint16_t)(CONFIG_DATA + (offset & 3)), size, value);
	xen_port_unlock(&ports_lock, flags);
	return 0;
}

const struct xen_pci_config pci_ports_config = {
	.read = ports_read,
	.write = ports_write,
	.limit = 256,
};
