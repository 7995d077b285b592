/* SPDX-License-Identifier: MIT */
/*
 * Opening, notifying and closing channels: Xen's calls with their answers checked. No state here.
 */
#include "evtchn-internal.h"

static int op(int cmd, void *arg)
{
	int rc = hypercall_event_channel_op(cmd, arg);

	return rc > 0 ? -XEN_EIO : rc;
}

int xen_evtchn_alloc_unbound(domid_t remote, evtchn_port_t *port)
{
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = remote};
	int rc = op(EVTCHNOP_alloc_unbound, &alloc);

	if (!rc)
		*port = alloc.port;
	return rc;
}

int xen_evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
	struct evtchn_bind_interdomain bind = {.remote_dom = remote, .remote_port = remote_port};
	int rc = op(EVTCHNOP_bind_interdomain, &bind);

	if (!rc)
		*port = bind.local_port;
	return rc;
}

int xen_evtchn_notify(evtchn_port_t port)
{
	struct evtchn_send send = {.port = port};

	return op(EVTCHNOP_send, &send);
}

void xen_evtchn_close(evtchn_port_t port)
{
	struct evtchn_close close = {.port = port};
	int rc;

	xen_evtchn_unbind(port);
	rc = op(EVTCHNOP_close, &close);
	if (rc)
		xen_port_log(XEN_LOG_ERROR, "event port %u does not close: error %d", port, rc);
}
