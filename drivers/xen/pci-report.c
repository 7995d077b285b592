/* SPDX-License-Identifier: MIT */
/*
 * Telling Xen about functions: its IOMMU contexts and MSI mapping exist only for functions that it
 * knows. PHYSDEVOP_pci_device_add where there is one, else the older calls, which know segment 0
 * only. A refusal is logged and leaves known_to_xen false. No lock: hypercalls only.
 */
#include "pci-internal.h"

#include <xen/hypercall.h>
#include <xen/port.h>

/* Function 8 and up of an ARI device: what would be the device number is part of the function. */
static bool is_extended(const struct xen_pci_dev *dev)
{
	return XEN_PCI_DEV(dev->addr.devfn) && dev->parent && xen_pci_ari_forwarding(dev->parent);
}

static int add_legacy(const struct xen_pci_dev *dev, bool extended)
{
	struct physdev_manage_pci_ext ext = {
		.bus = dev->addr.bus,
		.devfn = dev->addr.devfn,
		.is_extfn = extended,
		.is_virtfn = dev->is_virtfn,
	};
	struct physdev_manage_pci plain = {.bus = dev->addr.bus, .devfn = dev->addr.devfn};

	if (dev->addr.segment)
		return -XEN_ENOSYS;
	if (!extended && !dev->is_virtfn)
		return hypercall_physdev_op(PHYSDEVOP_manage_pci_add, &plain);
	if (dev->is_virtfn) {
		ext.physfn.bus = dev->physfn->addr.bus;
		ext.physfn.devfn = dev->physfn->addr.devfn;
	}
	return hypercall_physdev_op(PHYSDEVOP_manage_pci_add_ext, &ext);
}

void xen_pci_tell_added(struct xen_pci_dev *dev)
{
	struct physdev_pci_device_add add = {
		.seg = dev->addr.segment,
		.bus = dev->addr.bus,
		.devfn = dev->addr.devfn,
	};
	bool extended;
	int rc;

	if (!dev->host->tell_xen || dev->known_to_xen)
		return;
	extended = !dev->is_virtfn && is_extended(dev);
	if (extended)
		add.flags |= XEN_PCI_DEV_EXTFN;
	if (dev->is_virtfn) {
		add.flags |= XEN_PCI_DEV_VIRTFN;
		add.physfn.bus = dev->physfn->addr.bus;
		add.physfn.devfn = dev->physfn->addr.devfn;
	}
	rc = hypercall_physdev_op(PHYSDEVOP_pci_device_add, &add);
	if (rc == -XEN_ENOSYS)
		rc = add_legacy(dev, extended);
	dev->known_to_xen = !rc;
	if (rc)
		xen_port_log(XEN_LOG_ERROR,
			     "%04x:%02x:%02x.%u: Xen does not take the function: error %d",
			     dev->addr.segment, dev->addr.bus, XEN_PCI_DEV(dev->addr.devfn),
			     XEN_PCI_FN(dev->addr.devfn), rc);
}

void xen_pci_tell_removed(struct xen_pci_dev *dev)
{
	struct physdev_pci_device gone = {
		.seg = dev->addr.segment,
		.bus = dev->addr.bus,
		.devfn = dev->addr.devfn,
	};
	struct physdev_manage_pci plain = {.bus = dev->addr.bus, .devfn = dev->addr.devfn};
	int rc;

	if (!dev->known_to_xen)
		return;
	rc = hypercall_physdev_op(PHYSDEVOP_pci_device_remove, &gone);
	if (rc == -XEN_ENOSYS && !dev->addr.segment)
		rc = hypercall_physdev_op(PHYSDEVOP_manage_pci_remove, &plain);
	dev->known_to_xen = false;
	if (rc)
		xen_port_log(XEN_LOG_ERROR,
			     "%04x:%02x:%02x.%u: Xen does not let go of the function: error %d",
			     dev->addr.segment, dev->addr.bus, XEN_PCI_DEV(dev->addr.devfn),
			     XEN_PCI_FN(dev->addr.devfn), rc);
}
