/* SPDX-License-Identifier: MIT */
/*
 * PIRQs of passed-through functions: the backend's domain maps them for us when it is asked to
 * switch messages on. What a former user of the function left switched on is switched off first: a
 * backend that says so, or fails without a reason, is asked to and then asked again, once. That
 * PIRQs are positive and unique is checked by the caller (pirq-message.c). No state.
 */
#include "pcifront-internal.h"

/* What Linux's backend says where MSI-X is on already: its EALREADY. */
#define ALREADY (-114)

static void fill(struct xen_pci_op *op, const struct xen_pci_dev *dev, uint32_t cmd,
		 unsigned int nr)
{
	op->cmd = cmd;
	op->err = 0;
	op->domain = dev->addr.segment;
	op->bus = dev->addr.bus;
	op->devfn = dev->addr.devfn;
	op->offset = 0;
	op->size = 0;
	op->value = nr;
	op->info = nr;
}

static void disable(struct xen_pci_dev *dev, bool msix)
{
	struct xen_pcifront *front = front_of(dev->host);
	struct xen_pci_op op;
	int rc;

	fill(&op, dev, msix ? XEN_PCI_OP_disable_msix : XEN_PCI_OP_disable_msi, 0);
	rc = xen_front_op(front, &op, 0);
	if (!rc)
		rc = xen_front_error(front, op.err);
	/* Of a backend that is gone, or has taken the function back, nothing else can be said. */
	if (rc && rc != -XEN_ENODEV && !xen_load(&front->broken))
		front_log(front, XEN_LOG_ERROR, "%04x:%02x:%02x.%u: messages are not off: error %d",
			  dev->addr.segment, dev->addr.bus, XEN_PCI_DEV(dev->addr.devfn),
			  XEN_PCI_FN(dev->addr.devfn), rc);
}

/* May it be that messages are on? */
static bool may_be_on(int32_t err)
{
	return err == ALREADY || err == XEN_PCI_ERR_op_failed;
}

static int enable_msi(struct xen_pci_dev *dev, unsigned int nr, int *first)
{
	uint32_t cmd = nr > 1 ? XEN_PCI_OP_enable_multi_msi : XEN_PCI_OP_enable_msi;
	struct xen_pcifront *front = front_of(dev->host);
	struct xen_pci_op op;
	int rc;

	for (unsigned int i = 0; i < 2; i++) {
		fill(&op, dev, cmd, nr);
		rc = xen_front_op(front, &op, 0);
		if (rc)
			return rc;
		if (!may_be_on(op.err) || i)
			break;
		disable(dev, false);
	}
	if (op.err)
		return xen_front_error(front, op.err);
	*first = op.value <= INT32_MAX ? (int)op.value : -1;
	if (*first <= 0)
		front_bad_reply(front);
	return 0;
}

/* With the operation in @op, which is large. */
static int ask_msix(struct xen_pcifront *front, struct xen_pci_dev *dev, const uint16_t *entry,
		    unsigned int nr, struct xen_pci_op *op)
{
	int rc;

	for (unsigned int i = 0; i < 2; i++) {
		fill(op, dev, XEN_PCI_OP_enable_msix, nr);
		for (unsigned int j = 0; j < nr; j++)
			op->msix_entries[j] = (struct xen_msix_entry){.entry = entry[j]};
		rc = xen_front_op(front, op, nr);
		if (rc)
			return rc;
		if (!may_be_on(op->err) || i)
			break;
		disable(dev, true);
	}
	if (op->err)
		return xen_front_error(front, op->err);
	return op->value ? -XEN_ENOSPC : 0; /* so many there are, and none is on */
}

static int enable_msix(struct xen_pci_dev *dev, const uint16_t *entry, unsigned int nr, int *pirq)
{
	struct xen_pcifront *front = front_of(dev->host);
	struct xen_pci_op op;
	int rc;

	XEN_ASSERT(nr <= SH_INFO_MAX_VEC);
	rc = ask_msix(front, dev, entry, nr, &op);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < nr; i++) {
		pirq[i] = op.msix_entries[i].vector;
		if (!pirq[i])
			front_bad_reply(front);
	}
	return 0;
}

const struct xen_pirq_source xen_front_pirqs = {
	.enable_msi = enable_msi,
	.enable_msix = enable_msix,
	.disable = disable,
};
