/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts by number: lines, as this domain or its backend names them, and the one
 * hypercall that makes a PIRQ, for lines and messages alike. Invariant: a failure leaves the PIRQ
 * cleared. Serialised by the caller for a device.
 */
#include "pirq-internal.h"

/* GSIs are 24-bit in ACPI; Xen knows what it really has. */
#define GSI_LIMIT (1u << 24)

/* What an interrupt line register says where there is none. */
#define LINE_UNKNOWN 0xff

int xen_pirq_map(struct xen_pirq *pirq, struct physdev_map_pirq *op)
{
	int rc = hypercall_physdev_op(PHYSDEVOP_map_pirq, op);

	if (rc)
		return rc < 0 ? rc : -XEN_EIO;
	if (op->pirq < 0)
		return -XEN_EIO;
	pirq->pirq = op->pirq;
	return 0;
}

int xen_pirq_map_gsi(struct xen_pirq *pirq, unsigned int gsi, bool level)
{
	struct physdev_setup_gsi setup = {
		.gsi = (int)gsi,
		.triggering = level,
		.polarity = level,
	};
	struct physdev_map_pirq op = {
		.domid = DOMID_SELF,
		.type = MAP_PIRQ_TYPE_GSI,
		.index = (int)gsi,
		.pirq = (int)gsi,
	};
	int rc;

	xen_pirq_clear(pirq);
	if (gsi >= GSI_LIMIT)
		return -XEN_ERANGE;
	rc = hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup);
	if (rc && rc != -XEN_EEXIST) /* as it is set up already */
		return rc < 0 ? rc : -XEN_EIO;
	return xen_pirq_map(pirq, &op);
}

int xen_pirq_from_backend(struct xen_pirq *pirq, int number)
{
	xen_pirq_clear(pirq);
	if (number < 0)
		return -XEN_EINVAL;
	pirq->pirq = number;
	return 0;
}

int xen_pirq_map_intx(struct xen_pirq *pirq, struct xen_pci_dev *dev)
{
	if (dev->host->pirqs && dev->interrupt_pin && dev->interrupt_line &&
	    dev->interrupt_line != LINE_UNKNOWN)
		return xen_pirq_from_backend(pirq, dev->interrupt_line);
	if (!dev->host->pirqs && dev->interrupt_pin && dev->interrupt_line != LINE_UNKNOWN)
		return xen_pirq_map_gsi(pirq, dev->interrupt_line, true);
	xen_pirq_clear(pirq);
	return -XEN_ENODEV;
}
