/* SPDX-License-Identifier: MIT */
/*
 * A device's messages switched on and off by its capability, and its line off and on with them. For
 * messages that Xen maps for this domain; those of a backend are switched by its own domain.
 * Invariant: the capability is enabled, and INTx off, exactly while nr_messages is not 0.
 * Serialised by the caller for a device.
 */
#include "pirq-internal.h"

/* Set or clear the enable bit in the capability. */
static int switch_messages(const struct xen_pirq *pirq, bool on)
{
	const struct xen_pci_dev *dev = pirq->dev;
	uint32_t control;
	int rc;

	rc = xen_pci_config_read(dev->host, dev->addr, pirq->control, 2, &control);
	if (rc)
		return rc;
	control = on ? control | pirq->enable : control & ~(uint32_t)pirq->enable;
	/* Two bytes: Xen filters writes to this word and takes them in no other size. */
	return xen_pci_write(dev, pirq->control, 2, control);
}

int xen_pirq_enable(struct xen_pirq *pirq)
{
	struct xen_pci_dev *dev = pirq->dev;
	uint32_t command;
	int rc;

	if (!dev->nr_messages) {
		rc = xen_pci_config_read(dev->host, dev->addr, PCI_COMMAND, 2, &command);
		if (!rc)
			rc = switch_messages(pirq, true);
		if (!rc)
			rc = xen_pci_command(dev, XEN_PCI_COMMAND_INTX_DISABLE, 0);
		if (rc) {
			switch_messages(pirq, false);
			return rc;
		}
		dev->intx_was_on = !(command & XEN_PCI_COMMAND_INTX_DISABLE);
	}
	dev->nr_messages++;
	pirq->enabled = true;
	return 0;
}

void xen_pirq_disable(struct xen_pirq *pirq)
{
	struct xen_pci_dev *dev = pirq->dev;
	int rc;

	pirq->enabled = false;
	if (--dev->nr_messages)
		return;
	rc = switch_messages(pirq, false);
	if (!rc && dev->intx_was_on)
		rc = xen_pci_command(dev, 0, XEN_PCI_COMMAND_INTX_DISABLE);
	if (rc && rc != -XEN_ENODEV)
		xen_port_log(XEN_LOG_ERROR, "PIRQ %d: messages are not off: error %d", pirq->pirq,
			     rc);
}
