/* SPDX-License-Identifier: MIT */
/*
 * Error reports of the backend (PCI AER), one at a time beside the operations: read once from the
 * page, shown to the device's driver, answered. Reports of functions that we do not have, or of
 * kinds that there are not, are answered with a refusal. The backend decides how often it reports:
 * there is a limit to it. Serving thread only; nothing is held while the driver is asked.
 */
#include "pcifront-internal.h"

static const uint8_t kinds[] = {
	[XEN_PCI_OP_aer_detected] = XEN_PCIFRONT_DETECTED,
	[XEN_PCI_OP_aer_mmio] = XEN_PCIFRONT_MMIO,
	[XEN_PCI_OP_aer_slotreset] = XEN_PCIFRONT_SLOT_RESET,
	[XEN_PCI_OP_aer_resume] = XEN_PCIFRONT_RESUME,
};

static struct xen_pci_dev *find(struct xen_pcifront *front, const struct xen_pcie_aer_op *op)
{
	if (op->domain > 0xffff || op->bus > 0xff || op->devfn > 0xff)
		return NULL;
	return xen_front_find(front, (struct xen_pci_addr){(uint16_t)op->domain, (uint8_t)op->bus,
							   (uint8_t)op->devfn});
}

static enum xen_pcifront_verdict judge(struct xen_pcifront *front, const struct xen_pcie_aer_op *op)
{
	struct xen_pci_dev *dev = find(front, op);
	enum xen_pcifront_verdict verdict;

	if (!dev || op->cmd < XEN_PCI_OP_aer_detected || op->cmd > XEN_PCI_OP_aer_slotreset) {
		front_bad_reply(front);
		front_log(front, XEN_LOG_ERROR,
			  "error report %u of the backend is for nothing that is here", op->cmd);
		return XEN_PCIFRONT_DISCONNECT;
	}
	if (!front->ops->error)
		return XEN_PCIFRONT_DISCONNECT;
	verdict = front->ops->error(front, dev, (enum xen_pcifront_error)kinds[op->cmd]);
	XEN_ASSERT(verdict >= XEN_PCIFRONT_NONE && verdict <= XEN_PCIFRONT_RECOVERED);
	return verdict;
}

void xen_front_serve_error(struct xen_pcifront *front)
{
	struct xen_pci_sharedinfo *info = front->info;
	struct xen_pcie_aer_op op;

	if (!info || xen_load(&front->broken))
		return;
	if (xen_front_try_turn(front)) { /* else who has the turn does it */
		xen_front_rearm(front, false);
		xen_front_end_turn(front);
	}
	if (!xen_load(&front->error_due) || !xen_bucket_take(&front->errors))
		return;
	xen_store(&front->error_due, 0);
	if (!(xen_load_acquire(&info->flags) & XEN_PCIB_active))
		return;
	op = (struct xen_pcie_aer_op){
		.cmd = xen_load(&info->aer_op.cmd),
		.domain = xen_load(&info->aer_op.domain),
		.bus = xen_load(&info->aer_op.bus),
		.devfn = xen_load(&info->aer_op.devfn),
	};
	xen_store(&info->aer_op.err, (int32_t)judge(front, &op));
	xen_wmb();
	__atomic_fetch_and(&info->flags, ~(uint32_t)XEN_PCIB_active, __ATOMIC_SEQ_CST);
	/* Not delivered: the backend finds it when it looks, or gives up. */
	xen_evtchn_notify(front->port);
}
