/* SPDX-License-Identifier: MIT */
/*
 * What a resource is called in messages. Pure: it reads the resource and its function's address,
 * takes no lock and cannot fail; XEN_PCI_NAME_MAX bounds the longest name.
 */
#include "pci-internal.h"

static char *put_string(char *to, const char *s)
{
	while (*s)
		*to++ = *s++;
	return to;
}

static char *put_hex(char *to, unsigned int value, unsigned int digits)
{
	while (digits-- > 0)
		*to++ = "0123456789abcdef"[value >> (digits * 4) & 15];
	return to;
}

void xen_pci_resource_name(const struct xen_pci_resource *res, char name[XEN_PCI_NAME_MAX])
{
	static const char *const kinds[] = {
		[XEN_PCI_RES_NONE] = "no resource",
		[XEN_PCI_RES_BAR] = "BAR ",
		[XEN_PCI_RES_ROM] = "ROM",
		[XEN_PCI_RES_WINDOW] = "window",
		[XEN_PCI_RES_PREF_WINDOW] = "prefetchable window",
		[XEN_PCI_RES_APERTURE] = "aperture ",
	};

	if (res->dev) {
		const struct xen_pci_addr *addr = &res->dev->addr;

		name = put_hex(name, addr->segment, 4);
		*name++ = ':';
		name = put_hex(name, addr->bus, 2);
		*name++ = ':';
		name = put_hex(name, XEN_PCI_DEV(addr->devfn), 2);
		*name++ = '.';
		name = put_hex(name, XEN_PCI_FN(addr->devfn), 1);
		*name++ = ' ';
	}
	name = put_string(name, kinds[res->kind]);
	if (res->kind == XEN_PCI_RES_BAR || res->kind == XEN_PCI_RES_APERTURE)
		name = put_hex(name, res->index, 1);
	*name = '\0';
}
