/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts: lines mapped, PIRQs of any kind bound to event channels and released.
 * Invariant: what a struct xen_pirq records (mapped, port, enabled) is exactly what is to be
 * undone, so release is safe after any failure. Serialised by the caller for a device; the event
 * handler reads only what bind set before.
 */
#include <xen/evtchn.h>

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
		if (pirq->mapped)
			xen_pirq_abandon(pirq);
	}
	pirq->port = 0;
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
	rc = pirq->control ? xen_pirq_enable(pirq) : 0;
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
	if (pirq->enabled)
		xen_pirq_disable(pirq);
	if (pirq->port) {
		xen_evtchn_unbind(pirq->port);
		close_port(pirq);
	}
	if (pirq->mapped)
		xen_pirq_unmap(pirq);
	xen_pirq_clear(pirq);
}
