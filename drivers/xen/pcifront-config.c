/* SPDX-License-Identifier: MIT */
/*
 * Config accesses through the backend. A backend answers narrow reads of wider registers with what
 * lies beside them (Linux's does): the value is cut to the size that was asked for. No state.
 */
#include "pcifront-internal.h"

static void fill(struct xen_pci_op *op, struct xen_pci_addr addr, uint32_t cmd, unsigned int offset,
		 unsigned int size, uint32_t value)
{
	op->cmd = cmd;
	op->err = 0;
	op->domain = addr.segment;
	op->bus = addr.bus;
	op->devfn = addr.devfn;
	op->offset = (int32_t)offset;
	op->size = (int32_t)size;
	op->value = value;
	op->info = 0;
}

static int access(const struct xen_pci_config *config, struct xen_pci_op *op)
{
	struct xen_pcifront *front = config->priv;
	int rc = xen_front_op(front, op, 0);

	return rc ? rc : xen_front_error(front, op->err);
}

static int config_read(const struct xen_pci_config *config, struct xen_pci_addr addr,
		       unsigned int offset, unsigned int size, uint32_t *value)
{
	struct xen_pci_op op;
	int rc;

	fill(&op, addr, XEN_PCI_OP_conf_read, offset, size, 0);
	*value = ~0u;
	rc = access(config, &op);
	if (rc)
		return rc == -XEN_ENODEV ? 0 : rc; /* as of a bus where nobody answers */
	*value = size < 4 ? op.value & ((1u << size * 8) - 1) : op.value;
	return 0;
}

static int config_write(const struct xen_pci_config *config, struct xen_pci_addr addr,
			unsigned int offset, unsigned int size, uint32_t value)
{
	struct xen_pci_op op;
	int rc;

	fill(&op, addr, XEN_PCI_OP_conf_write, offset, size, value);
	rc = access(config, &op);
	return rc == -XEN_ENODEV ? 0 : rc;
}

void xen_front_config_init(struct xen_pcifront *front)
{
	front->config = (struct xen_pci_config){
		.read = config_read,
		.write = config_write,
		.limit = 4096,
		.priv = front,
	};
}
