/* SPDX-License-Identifier: MIT */
/*
 * Operations on the shared page, one at a time. The reply is read once, field by field, into the
 * caller's own memory, and only what a reply may change: not a byte of the request comes back from
 * the page. An operation that is not answered in time breaks the channel: whatever its answer may
 * be, it comes to a page that nobody looks at any more. Everything here is done with the turn.
 */
#include "pcifront-internal.h"

static bool answered(void *arg)
{
	struct xen_pcifront *front = arg;

	if (!(xen_load_acquire(&front->info->flags) & XEN_PCIF_active))
		return true;
	/* What came was something else. Look again, for it may have come in between. */
	xen_front_rearm(front, false);
	return !(xen_load_acquire(&front->info->flags) & XEN_PCIF_active) ||
	       xen_load(&front->broken);
}

static void ask(struct xen_pci_sharedinfo *info, const struct xen_pci_op *op, unsigned int nr)
{
	xen_store(&info->op.cmd, op->cmd);
	xen_store(&info->op.err, 0);
	xen_store(&info->op.domain, op->domain);
	xen_store(&info->op.bus, op->bus);
	xen_store(&info->op.devfn, op->devfn);
	xen_store(&info->op.offset, op->offset);
	xen_store(&info->op.size, op->size);
	xen_store(&info->op.value, op->value);
	xen_store(&info->op.info, op->info);
	for (unsigned int i = 0; i < nr; i++) {
		xen_store(&info->op.msix_entries[i].vector, op->msix_entries[i].vector);
		xen_store(&info->op.msix_entries[i].entry, op->msix_entries[i].entry);
	}
	xen_wmb();
	__atomic_fetch_or(&info->flags, XEN_PCIF_active, __ATOMIC_SEQ_CST);
}

static void read_reply(const struct xen_pci_sharedinfo *info, struct xen_pci_op *op,
		       unsigned int nr)
{
	op->err = xen_load(&info->op.err);
	op->value = xen_load(&info->op.value);
	for (unsigned int i = 0; i < nr; i++)
		op->msix_entries[i].vector = xen_load(&info->op.msix_entries[i].vector);
}

/* With the turn. */
static int exchange(struct xen_pcifront *front, struct xen_pci_op *op, unsigned int nr)
{
	uint64_t deadline;
	int rc;

	if (!front->info || xen_load_acquire(&front->broken))
		return -XEN_EIO;
	xen_fetch_add(&front->stats.ops, 1);
	deadline = xen_port_clock_ns() + XEN_PCIFRONT_OP_NS;
	if (deadline > xen_load(&front->limit))
		deadline = xen_load(&front->limit);
	ask(front->info, op, nr);
	rc = xen_evtchn_notify(front->port);
	if (!rc && !xen_port_wait(answered, front, deadline))
		rc = -XEN_ETIMEDOUT;
	if (!rc && xen_load(&front->broken))
		return -XEN_EIO;
	if (rc) {
		xen_fetch_add(&front->stats.timeouts, rc == -XEN_ETIMEDOUT);
		front_log(front, XEN_LOG_ERROR,
			  "no answer to operation %u for %04x:%02x:%02x.%u: error %d", op->cmd,
			  op->domain, op->bus, XEN_PCI_DEV(op->devfn), XEN_PCI_FN(op->devfn), rc);
		xen_front_break(front);
		xen_store_release(&front->dirty, 1);
		return rc;
	}
	read_reply(front->info, op, nr);
	xen_front_rearm(front, true);
	return 0;
}

int xen_front_op(struct xen_pcifront *front, struct xen_pci_op *op, unsigned int nr)
{
	int rc;

	xen_front_take_turn(front);
	rc = exchange(front, op, nr);
	xen_front_end_turn(front);
	return rc;
}

void xen_front_begin_limit(struct xen_pcifront *front, uint64_t left)
{
	xen_store(&front->limit, xen_port_clock_ns() + left);
}

uint64_t xen_front_end_limit(struct xen_pcifront *front)
{
	uint64_t now = xen_port_clock_ns(), limit = xen_load(&front->limit);

	xen_store(&front->limit, FRONT_NEVER);
	return now < limit ? limit - now : 0;
}

int xen_front_error(struct xen_pcifront *front, int32_t err)
{
	switch (err) {
	case 0:
		return 0;
	case XEN_PCI_ERR_dev_not_found:
		return -XEN_ENODEV;
	case XEN_PCI_ERR_invalid_offset:
		return -XEN_EINVAL;
	case XEN_PCI_ERR_access_denied:
		return -XEN_EACCES;
	case XEN_PCI_ERR_not_implemented:
		return -XEN_ENOSYS;
	/* Linux's numbers, which are Xen's. */
	case -XEN_ENXIO:
	case -XEN_ENOMEM:
	case -XEN_EBUSY:
	case -XEN_ENODEV:
	case -XEN_EINVAL:
	case -XEN_ENOSPC:
		return err;
	case XEN_PCI_ERR_op_failed:
		return -XEN_EIO;
	default:
		if (err > 0)
			front_bad_reply(front);
		return -XEN_EIO;
	}
}
