/* SPDX-License-Identifier: MIT */
/*
 * The scan: breadth first along the host's list, which grows at its end meanwhile, so there is no
 * recursion, and a bus is visited once whatever the bridges say. Invariant: the number of accesses
 * is bounded by the number of buses that bridges with sane, disjoint bus numbers can span. The
 * embedder serialises it for a host.
 */
#include "pci-internal.h"

#include <xen/port.h>

/* A function or two may fail; a dead accessor must not be asked for every function there could be.
 */
#define MAX_ERRORS 8

struct scan {
	struct xen_pci_host *host;
	uint64_t done[4]; /* buses */
	unsigned int found, errors;
	int rc; /* the first error */
};

/* Can the scan go on after @rc? */
static bool note_error(struct scan *scan, int rc)
{
	if (!rc)
		return true;
	if (!scan->rc)
		scan->rc = rc;
	return rc != -XEN_ENOMEM && ++scan->errors < MAX_ERRORS;
}

/* A function that a scan before this one found: what may have changed about it. */
static int revisit(struct xen_pci_dev *dev)
{
	int rc = 0;

	if (dev->header_type == PCI_HEADER_BRIDGE) {
		rc = xen_pci_refresh_windows(dev);
		if (!rc && !dev->followed)
			rc = xen_pci_read_buses(dev);
	}
	if (!rc)
		xen_pci_tell_added(dev);
	return rc;
}

/* Add @devfn unless it is in the tree. *@present: something answers. False: give the scan up. */
static bool scan_function(struct scan *scan, uint8_t bus, uint8_t devfn, struct xen_pci_dev *parent,
			  bool *present)
{
	struct xen_pci_addr addr = {scan->host->segment, bus, devfn};
	struct xen_pci_dev *dev = xen_pci_find(scan->host, addr);
	uint32_t id;
	int rc = xen_pci_read_id(scan->host, addr, &id);

	*present = !rc;
	if (rc == -XEN_ENODEV)
		return true;
	if (rc == -XEN_EAGAIN) {
		xen_port_log(XEN_LOG_INFO, "%04x:%02x:%02x.%u is not ready yet", addr.segment, bus,
			     XEN_PCI_DEV(devfn), XEN_PCI_FN(devfn));
		return true;
	}
	if (rc)
		return note_error(scan, rc);
	if (dev)
		return note_error(scan, revisit(dev));
	rc = xen_pci_add(scan->host, addr, parent, NULL);
	/* Malformed, and logged; or gone between two reads. */
	if (rc == -XEN_EINVAL || rc == -XEN_ENODEV || rc == -XEN_EAGAIN)
		return true;
	scan->found += !rc;
	return note_error(scan, rc);
}

static bool scan_device(struct scan *scan, uint8_t bus, unsigned int device,
			struct xen_pci_dev *parent)
{
	struct xen_pci_addr addr = {scan->host->segment, bus, XEN_PCI_DEVFN(device, 0)};
	bool present;
	uint32_t type;
	int rc;

	if (!scan_function(scan, bus, addr.devfn, parent, &present))
		return false;
	if (!present)
		return true;
	rc = xen_pci_config_read(scan->host, addr, PCI_HEADER_TYPE, 1, &type);
	if (rc)
		return note_error(scan, rc);
	if (!(type & PCI_HEADER_MULTIFUNCTION))
		return true;
	for (unsigned int fn = 1; fn < 8; fn++)
		if (!scan_function(scan, bus, XEN_PCI_DEVFN(device, fn), parent, &present))
			return false;
	return true;
}

/* The functions of an ARI device form a list of rising numbers. */
static bool scan_ari(struct scan *scan, uint8_t bus, struct xen_pci_dev *parent)
{
	struct xen_pci_addr addr = {scan->host->segment, bus, 0};

	for (;;) {
		struct xen_pci_dev *dev = xen_pci_find(scan->host, addr);
		uint8_t next = dev ? xen_pci_ari_next(dev) : 0;
		bool present;

		if (next <= addr.devfn)
			return true;
		addr.devfn = next;
		if (!scan_function(scan, bus, next, parent, &present))
			return false;
	}
}

static bool scan_bus(struct scan *scan, uint8_t bus, struct xen_pci_dev *parent)
{
	unsigned int nr_devices = parent && xen_pci_is_link(parent) ? 1 : 32;

	xen_pci_add_bus(scan->done, bus);
	for (unsigned int device = 0; device < nr_devices; device++)
		if (!scan_device(scan, bus, device, parent))
			return false;
	if (parent && xen_pci_ari_forwarding(parent))
		return scan_ari(scan, bus, parent);
	return true;
}

static struct xen_pci_dev *bridge_to(struct xen_pci_host *host, uint8_t bus)
{
	struct xen_pci_dev *dev = host->devices;

	while (dev && !(dev->followed && dev->secondary == bus))
		dev = dev->next;
	return dev;
}

/* Go on to what @dev leads to: virtual functions, the bus behind. False: give the scan up. */
static bool scan_below(struct scan *scan, struct xen_pci_dev *dev)
{
	if (dev->sriov && !note_error(scan, xen_pci_sriov_scan(dev, &scan->found)))
		return false;
	if (!dev->followed || xen_pci_test_bus(scan->done, dev->secondary))
		return true;
	return scan_bus(scan, dev->secondary, dev);
}

int xen_pci_scan(struct xen_pci_host *host, uint8_t bus, unsigned int *found)
{
	struct scan scan = {.host = host};
	struct xen_pci_dev *above = bridge_to(host, bus);
	bool go_on = !above || note_error(&scan, xen_pci_refresh_windows(above));

	xen_pci_add_bus(host->seen_buses, bus);
	go_on = go_on && scan_bus(&scan, bus, above);
	/* The list grows at its end while it is walked. */
	for (struct xen_pci_dev *dev = host->devices; dev && go_on; dev = dev->next)
		if (xen_pci_test_bus(scan.done, dev->addr.bus))
			go_on = scan_below(&scan, dev);
	if (found)
		*found = scan.found;
	return scan.rc;
}
