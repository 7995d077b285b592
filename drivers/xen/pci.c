/* SPDX-License-Identifier: MIT */
/*
 * The tree of functions: nodes are made, published and removed here. Invariants: a node stands
 * behind its parent in the host's list; each bus of seen_buses is a root bus or behind one bridge;
 * a node in the list has its resources claimed or counted as conflicts. The embedder serialises
 * all of it for a host.
 */
#include "pci-internal.h"

#include <xen/port.h>

static void remove_bus(uint64_t *set, uint8_t bus)
{
	set[bus >> 6] &= ~(1ULL << (bus & 63));
}

void xen_pci_host_init(struct xen_pci_host *host, const struct xen_pci_config *config,
		       uint16_t segment, bool tell_xen)
{
	*host = (struct xen_pci_host){
		.config = config,
		.segment = segment,
		.tell_xen = tell_xen,
	};
}

struct xen_pci_dev *xen_pci_find(struct xen_pci_host *host, struct xen_pci_addr addr)
{
	for (struct xen_pci_dev *dev = host->devices; dev; dev = dev->next)
		if (dev->addr.segment == addr.segment && dev->addr.bus == addr.bus &&
		    dev->addr.devfn == addr.devfn)
			return dev;
	return NULL;
}

struct xen_pci_dev *xen_pci_find_id(struct xen_pci_host *host, struct xen_pci_dev *from,
				    uint16_t vendor, uint16_t device)
{
	struct xen_pci_dev *dev = from ? from->next : host->devices;

	while (dev && (dev->vendor != vendor || dev->device != device))
		dev = dev->next;
	return dev;
}

bool xen_pci_is_below(const struct xen_pci_dev *dev, const struct xen_pci_dev *top)
{
	for (; dev; dev = dev->parent)
		if (dev == top || (dev->physfn && dev->physfn == top))
			return true;
	return false;
}

struct xen_pci_dev *xen_pci_new(struct xen_pci_host *host, struct xen_pci_addr addr,
				struct xen_pci_dev *parent)
{
	struct xen_pci_dev *dev = xen_port_alloc(sizeof(*dev));

	if (!dev)
		return NULL;
	dev->host = host;
	dev->parent = parent;
	dev->addr = addr;
	for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
		dev->res[i].dev = dev;
		dev->res[i].index = i < XEN_PCI_NR_BARS ? (uint8_t)i : 0;
	}
	return dev;
}

void xen_pci_free(struct xen_pci_dev *dev)
{
	xen_pci_unclaim_all(dev);
	if (dev->followed)
		remove_bus(dev->host->seen_buses, dev->secondary);
	xen_port_free(dev->sriov, sizeof(*dev->sriov));
	xen_port_free(dev, sizeof(*dev));
}

int xen_pci_publish(struct xen_pci_dev *dev)
{
	struct xen_pci_host *host = dev->host;
	struct xen_pci_dev **link = &host->devices;
	int rc = xen_pci_claim_all(dev);

	if (rc)
		return rc;
	while (*link)
		link = &(*link)->next;
	*link = dev;
	host->nr_devices++;
	xen_pci_tell_added(dev);
	return 0;
}

/* What is wrong with the bus numbers of @bridge? NULL: nothing. */
static const char *check_buses(const struct xen_pci_dev *bridge)
{
	const struct xen_pci_dev *up = bridge->parent;

	if (bridge->secondary <= bridge->addr.bus)
		return "its secondary bus is not above its own";
	if (bridge->subordinate < bridge->secondary)
		return "its subordinate bus is below its secondary";
	if (up && up->followed && bridge->subordinate > up->subordinate)
		return "its buses are not among those of the bridge above";
	if (xen_pci_test_bus(bridge->host->seen_buses, bridge->secondary))
		return "its secondary bus is taken";
	for (const struct xen_pci_dev *dev = bridge->host->devices; dev; dev = dev->next)
		if (dev != bridge && dev->followed && dev->parent == up &&
		    dev->addr.bus == bridge->addr.bus && dev->secondary <= bridge->subordinate &&
		    bridge->secondary <= dev->subordinate)
			return "its buses are among those of a neighbour";
	return NULL;
}

int xen_pci_read_buses(struct xen_pci_dev *bridge)
{
	uint32_t buses;
	const char *why;
	int rc;

	rc = xen_pci_config_read(bridge->host, bridge->addr, PCI_BUS_NUMBERS, 4, &buses);
	if (rc)
		return rc;
	bridge->secondary = (uint8_t)(buses >> 8);
	bridge->subordinate = (uint8_t)(buses >> 16);
	if (!bridge->secondary && !bridge->subordinate) /* nobody has set it up: not an error */
		return 0;
	why = check_buses(bridge);
	if (why && !xen_pci_may_log(bridge->host))
		return 0;
	if (why) {
		xen_port_log(XEN_LOG_ERROR,
			     "%04x:%02x:%02x.%u: bridge to buses %02x-%02x: %s: "
			     "not followed",
			     bridge->addr.segment, bridge->addr.bus,
			     XEN_PCI_DEV(bridge->addr.devfn), XEN_PCI_FN(bridge->addr.devfn),
			     bridge->secondary, bridge->subordinate, why);
		return 0;
	}
	bridge->followed = true;
	xen_pci_add_bus(bridge->host->seen_buses, bridge->secondary);
	return 0;
}

int xen_pci_read_id(const struct xen_pci_host *host, struct xen_pci_addr addr, uint32_t *id)
{
	int rc = xen_pci_config_read(host, addr, PCI_VENDOR, 4, id);

	if (rc)
		return rc;
	/* Vendor 1 is how a root port says that the function asked for a retry. */
	if (*id == 0xffff0001)
		return -XEN_EAGAIN;
	return (*id & 0xffff) == 0xffff || !(*id & 0xffff) ? -XEN_ENODEV : 0;
}

static int read_header(struct xen_pci_dev *dev)
{
	const struct xen_pci_host *host = dev->host;
	uint32_t class_code, type, line = 0;
	int rc;

	rc = xen_pci_config_read(host, dev->addr, PCI_REVISION, 4, &class_code);
	if (!rc)
		rc = xen_pci_config_read(host, dev->addr, PCI_HEADER_TYPE, 1, &type);
	if (!rc)
		rc = xen_pci_config_read(host, dev->addr, PCI_INTERRUPT_LINE, 2, &line);
	if (rc)
		return rc;
	dev->class_code = class_code >> 8;
	dev->header_type = type & ~PCI_HEADER_MULTIFUNCTION;
	dev->interrupt_line = (uint8_t)line;
	dev->interrupt_pin = line >> 8 <= 4 ? (uint8_t)(line >> 8) : 0;
	if (dev->header_type <= PCI_HEADER_CARDBUS)
		return 0;
	if (xen_pci_may_log(host))
		xen_port_log(XEN_LOG_ERROR,
			     "%04x:%02x:%02x.%u: header type %u is unknown: not used",
			     dev->addr.segment, dev->addr.bus, XEN_PCI_DEV(dev->addr.devfn),
			     XEN_PCI_FN(dev->addr.devfn), dev->header_type);
	return -XEN_EINVAL;
}

int xen_pci_add(struct xen_pci_host *host, struct xen_pci_addr addr, struct xen_pci_dev *parent,
		struct xen_pci_dev **out)
{
	struct xen_pci_dev *dev;
	uint32_t id;
	int rc;

	XEN_ASSERT(!parent || parent->host == host);
	if (xen_pci_find(host, addr))
		return -XEN_EEXIST;
	rc = xen_pci_read_id(host, addr, &id);
	if (rc)
		return rc;
	dev = xen_pci_new(host, addr, parent);
	if (!dev)
		return -XEN_ENOMEM;
	dev->vendor = (uint16_t)id;
	dev->device = (uint16_t)(id >> 16);
	rc = read_header(dev);
	if (!rc)
		rc = xen_pci_read_resources(dev);
	if (!rc && dev->header_type == PCI_HEADER_BRIDGE)
		rc = xen_pci_read_buses(dev);
	if (!rc && dev->header_type == PCI_HEADER_FUNCTION)
		rc = xen_pci_sriov_find(dev);
	if (!rc)
		rc = xen_pci_publish(dev);
	if (rc) {
		xen_pci_free(dev);
		return rc;
	}
	if (out)
		*out = dev;
	return 0;
}

void xen_pci_remove(struct xen_pci_host *host, struct xen_pci_dev *top)
{
	struct xen_pci_dev **link = &host->devices, *gone = NULL, *dev;

	/* Taken out front to back, which is outside in; so gone begins with the innermost. */
	while ((dev = *link)) {
		if (!xen_pci_is_below(dev, top)) {
			link = &dev->next;
			continue;
		}
		*link = dev->next;
		dev->next = gone;
		gone = dev;
		host->nr_devices--;
	}
	while ((dev = gone)) {
		gone = dev->next;
		xen_pci_tell_removed(dev);
		xen_pci_free(dev);
	}
}

void xen_pci_host_fini(struct xen_pci_host *host)
{
	while (host->devices)
		xen_pci_remove(host, host->devices);
	while (host->nr_apertures)
		xen_pci_unclaim(&host->aperture[--host->nr_apertures]);
	for (unsigned int i = 0; i < 4; i++)
		host->seen_buses[i] = 0;
}
