/* SPDX-License-Identifier: MIT */
/*
 * PIRQs of any kind bound to event channels, and released.
 * Invariant: what a struct xen_pirq records (mapped, port, enabled) is exactly what is to be
 * undone, so release is safe after any failure. Serialised by the caller for a device; the event
 * handler reads only what bind set before.
 */
#include <xen/evtchn.h>

#include "pirq-internal.h"

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
	return rc > 0 ? -XEN_EIO : rc;
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
