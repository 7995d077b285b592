/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts: PIRQs mapped, bound to event channels, and the device's message capability
 * switched on and off with them. Invariant: what a struct xen_pirq records (mapped, port, enabled)
 * is exactly what is to be undone, so release is safe after any failure. Where an MSI-X table lies
 * comes from the resources cached by the scan; what the device says now is checked against them.
 * Serialised by the caller for a device; the event handler reads only what bind set before.
 */
#include "pci-internal.h"

#include <xen/evtchn.h>
#include <xen/hypercall.h>
#include <xen/pirq.h>
#include <xen/port.h>

#define MSI_CONTROL 0x02
#define MSI_ENABLE 0x0001
#define MSIX_CONTROL 0x02
#define MSIX_ENABLE 0x8000
#define MSIX_NR_MASK 0x07ff
#define MSIX_TABLE 0x04
#define MSIX_BAR_MASK 0x7
#define MSIX_ENTRY_SIZE 16
#define MSIX_CAP_SIZE 12

/* GSIs are 24-bit in ACPI; Xen knows what it really has. */
#define GSI_LIMIT (1u << 24)

static void clear(struct xen_pirq *pirq)
{
	*pirq = (struct xen_pirq){.pirq = -1};
}

/* PHYSDEVOP_map_pirq, with its answer checked. */
static int map(struct xen_pirq *pirq, struct physdev_map_pirq *op)
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

	clear(pirq);
	if (gsi >= GSI_LIMIT)
		return -XEN_ERANGE;
	rc = hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup);
	if (rc && rc != -XEN_EEXIST) /* as it is set up already */
		return rc < 0 ? rc : -XEN_EIO;
	return map(pirq, &op);
}

/* Would Xen, asked for this message, break one that is mapped? */
static bool is_taken(const struct xen_pci_dev *dev, uint16_t enable, unsigned int entry)
{
	const struct xen_pirq *other;

	for (other = dev->messages; other; other = other->next)
		if (other->enable != enable || other->entry == entry)
			return true;
	return false;
}

/* Message @entry of the capability whose control word at @control has the bit @enable. */
static int map_message(struct xen_pirq *pirq, struct xen_pci_dev *dev, unsigned int control,
		       uint16_t enable, unsigned int entry, uint64_t table_base)
{
	struct physdev_map_pirq op = {
		.domid = DOMID_SELF,
		.type = MAP_PIRQ_TYPE_MSI_SEG,
		.index = -1,
		.pirq = -1,
		.bus = (int)((uint32_t)dev->addr.segment << 16 | dev->addr.bus),
		.devfn = dev->addr.devfn,
		.entry_nr = (int)entry,
		.table_base = table_base,
	};
	int rc;

	if (is_taken(dev, enable, entry))
		return -XEN_EBUSY;
	rc = map(pirq, &op);
	if (rc)
		return rc;
	pirq->mapped = true;
	pirq->control = (uint16_t)control;
	pirq->enable = enable;
	pirq->entry = (uint16_t)entry;
	pirq->dev = dev;
	pirq->next = dev->messages;
	dev->messages = pirq;
	return 0;
}

static void forget_message(struct xen_pirq *pirq)
{
	struct xen_pirq **link = &pirq->dev->messages;

	while (*link != pirq) {
		XEN_ASSERT(*link);
		link = &(*link)->next;
	}
	*link = pirq->next;
}

/* Xen reaches the MSI-X table through memory decoding, and wants it for MSI of any kind. */
static bool decodes_memory(const struct xen_pci_dev *dev)
{
	uint32_t command;

	/* A virtual function has no decode bit of its own: its physical function's counts. */
	if (dev->is_virtfn)
		return true;
	return !xen_pci_config_read(dev->host, dev->addr, PCI_COMMAND, 2, &command) &&
	       command != 0xffff && command & XEN_PCI_COMMAND_MEMORY;
}

int xen_pirq_map_msi(struct xen_pirq *pirq, struct xen_pci_dev *dev)
{
	unsigned int pos;

	clear(pirq);
	pos = xen_pci_find_cap(dev, PCI_CAP_MSI);
	if (!pos || !decodes_memory(dev))
		return -XEN_ENODEV;
	return map_message(pirq, dev, pos + MSI_CONTROL, MSI_ENABLE, 0, 0);
}

/* Where the scan saw the table's BAR; 0 when the table is not inside a claimed memory BAR. */
static uint64_t table_base(const struct xen_pci_dev *dev, unsigned int pos, unsigned int nr)
{
	const struct xen_pci_resource *bar;
	uint32_t table;

	if (xen_pci_config_read(dev->host, dev->addr, pos + MSIX_TABLE, 4, &table))
		return 0;
	if ((table & MSIX_BAR_MASK) >= XEN_PCI_NR_BARS)
		return 0;
	bar = &dev->res[table & MSIX_BAR_MASK];
	table &= ~MSIX_BAR_MASK;
	if (bar->kind != XEN_PCI_RES_BAR || !(bar->flags & XEN_PCI_RES_CLAIMED))
		return 0;
	if (table >= bar->size || bar->size - table < (uint64_t)nr * MSIX_ENTRY_SIZE)
		return 0;
	return bar->start;
}

int xen_pirq_map_msix(struct xen_pirq *pirq, struct xen_pci_dev *dev, unsigned int entry)
{
	unsigned int pos, nr;
	uint32_t control;
	uint64_t base;
	int rc;

	clear(pirq);
	pos = xen_pci_find_cap(dev, PCI_CAP_MSIX);
	if (!pos || pos + MSIX_CAP_SIZE > 256 || !decodes_memory(dev))
		return -XEN_ENODEV;
	rc = xen_pci_config_read(dev->host, dev->addr, pos + MSIX_CONTROL, 2, &control);
	if (rc)
		return rc;
	nr = (control & MSIX_NR_MASK) + 1;
	if (entry >= nr)
		return -XEN_ERANGE;
	base = table_base(dev, pos, nr);
	if (!base)
		return -XEN_ENODEV;
	return map_message(pirq, dev, pos + MSIX_CONTROL, MSIX_ENABLE, entry, base);
}

int xen_pirq_from_backend(struct xen_pirq *pirq, int number)
{
	clear(pirq);
	if (number < 0)
		return -XEN_EINVAL;
	pirq->pirq = number;
	return 0;
}

static void event(void *arg)
{
	struct xen_pirq *pirq = arg;
	struct physdev_eoi eoi = {.irq = (uint32_t)pirq->pirq};

	pirq->handler(pirq->arg);
	if (pirq->needs_eoi)
		hypercall_physdev_op(PHYSDEVOP_eoi, &eoi);
}

static int query_eoi(struct xen_pirq *pirq)
{
	struct physdev_irq_status_query query = {.irq = (uint32_t)pirq->pirq};
	int rc = hypercall_physdev_op(PHYSDEVOP_irq_status_query, &query);

	pirq->needs_eoi = query.flags & XENIRQSTAT_needs_eoi;
	return rc;
}

static void close_port(struct xen_pirq *pirq)
{
	struct evtchn_close close = {.port = pirq->port};
	int rc = hypercall_event_channel_op(EVTCHNOP_close, &close);

	if (rc) {
		xen_port_log(XEN_LOG_ERROR, "PIRQ %d: port %u does not close: error %d", pirq->pirq,
			     pirq->port, rc);
		/* What is still bound stays mapped. */
		if (pirq->mapped)
			forget_message(pirq);
		pirq->mapped = false;
	}
	pirq->port = 0;
}

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

/* The first message takes the device off its line. */
static int enable(struct xen_pirq *pirq)
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

/* The last gives it back. */
static void disable(struct xen_pirq *pirq)
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

int xen_pirq_bind(struct xen_pirq *pirq, bool shared, void (*handler)(void *arg), void *arg)
{
	struct evtchn_bind_pirq op = {.pirq = (uint32_t)pirq->pirq};
	int rc;

	if (pirq->pirq < 0 || !handler)
		return -XEN_EINVAL;
	if (pirq->port)
		return -XEN_EBUSY;
	op.flags = shared ? BIND_PIRQ__WILL_SHARE : 0;
	rc = hypercall_event_channel_op(EVTCHNOP_bind_pirq, &op);
	if (rc)
		return rc < 0 ? rc : -XEN_EIO;
	if (!op.port)
		return -XEN_EIO;
	pirq->port = op.port;
	pirq->handler = handler;
	pirq->arg = arg;
	rc = query_eoi(pirq);
	if (rc)
		goto close;
	rc = xen_evtchn_bind(pirq->port, 0, event, pirq);
	if (rc)
		goto close;
	rc = pirq->control ? enable(pirq) : 0;
	if (rc)
		goto unbind;
	return 0;

unbind:
	xen_evtchn_unbind(pirq->port);
close:
	close_port(pirq);
	return rc;
}

void xen_pirq_release(struct xen_pirq *pirq)
{
	struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = pirq->pirq};
	int rc;

	if (pirq->enabled)
		disable(pirq);
	if (pirq->port) {
		xen_evtchn_unbind(pirq->port);
		close_port(pirq);
	}
	if (pirq->mapped) {
		rc = hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap);
		if (rc)
			xen_port_log(XEN_LOG_ERROR, "PIRQ %d does not unmap: error %d", pirq->pirq,
				     rc);
		forget_message(pirq);
	}
	clear(pirq);
}
