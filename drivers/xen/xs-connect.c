/* SPDX-License-Identifier: MIT */
/*
 * The connection: its beginning and end, its event, and beginning it anew.
 *
 * Anew is done in one of two ways. Where xenstored offers it, the connection field of the page asks
 * for it, and all is as at first. Where not, what was begun is completed (the rest of a request
 * that xenstored has half of is still in the buffer) and what comes in is thrown away up to a
 * pause, which then is the start of a message; or, if the indices are not where we left them,
 * xenstored has begun anew by itself and we follow.
 *
 * Locks: the turn for all but the event's handler, xen_xs.lock as xs-internal.h says.
 */
#include "xs-internal.h"

#define QUIET_NS 100000000ULL /* a message that is under way does not pause for so long */

bool xen_xs_broken(void)
{
	return xen_load(&xen_xs.broken) != XEN_XS_FINE;
}

/* Has xenstored done anything since the last event, whether or not it was noticed meanwhile? */
static bool has_moved(void)
{
	uint32_t cons = xen_load(&xen_xs.ring->req_cons);
	bool moved = cons != xen_xs.seen.req_cons || xen_xs.rsp_cons != xen_xs.seen.rsp_cons;

	xen_xs.seen.req_cons = cons;
	xen_xs.seen.rsp_cons = xen_xs.rsp_cons;
	return moved;
}

/* Late end: however often xenstored fires, the CPU does other things between. */
static void ring_event(void *arg)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	bool spurious;

	if (!xen_xs.broken)
		xen_xs_receive();
	spurious = !has_moved();
	xen_port_unlock(&xen_xs.lock, flags);
	xen_evtchn_eoi(xen_xs.port, spurious);
}

static bool can_reconnect(void)
{
	return xen_load(&xen_xs.ring->server_features) & XENSTORE_SERVER_FEATURE_RECONNECTION;
}

static bool is_connected(void *arg)
{
	return xen_load_acquire(&xen_xs.ring->connection) == XENSTORE_CONNECTED;
}

/* xenstored empties the ring and forgets all; meanwhile it alone touches the page. */
static int start_anew(void)
{
	xen_store_release(&xen_xs.ring->connection, XENSTORE_RECONNECT);
	xen_evtchn_notify(xen_xs.port);
	return xen_port_wait(is_connected, NULL, xen_xs_deadline()) ? 0 : -XEN_ETIMEDOUT;
}

static void adopt(void)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);

	xen_xs_adopt_indices();
	xen_port_unlock(&xen_xs.lock, flags);
}

static bool indices_lie(void)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	bool lie = xen_xs_indices_lie();

	xen_port_unlock(&xen_xs.lock, flags);
	return lie;
}

/* Throw away what has come in; was there nothing, and for long enough? @since: the last time. */
static bool is_quiet(uint64_t *since)
{
	struct xenstore_domain_interface *ring = xen_xs.ring;
	uint32_t prod = xen_load(&ring->rsp_prod);
	uint64_t now = xen_port_clock_ns();

	if (prod == xen_xs.rsp_cons)
		return now - *since >= QUIET_NS;
	xen_xs.rsp_cons = prod;
	xen_store_release(&ring->rsp_cons, prod);
	xen_evtchn_notify(xen_xs.port);
	*since = now;
	return false;
}

/* For a wait: all is out, and what comes in begins with a message. */
static bool is_settled(void *since)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	bool settled = true;

	xen_xs_transmit();
	if (xen_xs.broken == XEN_XS_LATE)
		xen_xs_receive();
	if (xen_xs.broken == XEN_XS_GARBLED)
		settled = is_quiet(since);
	settled &= xen_xs.sent == xen_xs.to_send;
	xen_port_unlock(&xen_xs.lock, flags);
	return settled;
}

static int resynchronise(void)
{
	uint64_t since = xen_port_clock_ns();

	if (indices_lie()) {
		adopt();
		return 0;
	}
	return xen_port_wait(is_settled, &since, xen_xs_deadline()) ? 0 : -XEN_ETIMEDOUT;
}

static void mend(void)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);

	if (xen_xs.broken == XEN_XS_GARBLED)
		xen_xs.received = 0;
	xen_store(&xen_xs.broken, XEN_XS_FINE);
	__builtin_memset(xen_xs.tx, 0, sizeof(xen_xs.tx));
	xen_port_unlock(&xen_xs.lock, flags);
}

/* From here on nobody else takes from the ring. */
static void stop(void)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);

	if (!xen_xs.broken)
		xen_store(&xen_xs.broken, XEN_XS_LATE);
	xen_port_unlock(&xen_xs.lock, flags);
}

int xen_xs_reconnect(void)
{
	static const struct xen_xs_part nothing = {"", 1};
	bool anew;
	int rc;

	if (!xen_xs_force_turn())
		return -XEN_EIO;
	stop();
	anew = can_reconnect();
	rc = anew ? start_anew() : resynchronise();
	if (rc)
		goto end;
	if (anew)
		adopt();
	mend();
	if (!anew) /* an old one does not know that; then it must do without */
		rc = xen_xs_exchange(XS_RESET_WATCHES, XEN_XS_NONE, &nothing, 1);
	if (!xen_xs_broken())
		rc = xen_xs_rewatch();
	if (xen_xs_broken() && rc != -XEN_ETIMEDOUT)
		rc = -XEN_EIO; /* whatever was said before: not all watches are set */
end:
	xen_xs_end_turn();
	return rc;
}

/* What an earlier life of the kernel left in the ring goes. */
static int begin_clean(void)
{
	struct xenstore_domain_interface *ring = xen_xs.ring;
	int rc = 0;

	/* The toolstack may have connected the domain late: xenstored is about to come. */
	if (can_reconnect() && !xen_port_wait(is_connected, NULL, xen_xs_deadline()))
		return -XEN_ETIMEDOUT;
	if (can_reconnect() && (xen_load(&ring->req_prod) != xen_load(&ring->req_cons) ||
				xen_load(&ring->rsp_prod) != xen_load(&ring->rsp_cons)))
		rc = start_anew();
	if (!rc)
		adopt();
	return rc;
}

int xen_xs_init(struct xenstore_domain_interface *ring, evtchn_port_t port)
{
	int rc;

	if (xen_xs.ring)
		return -XEN_EBUSY;
	xen_xs.ring = ring;
	xen_xs.port = port;
	xen_xs.broken = XEN_XS_FINE;
	__builtin_memset(xen_xs.tx, 0, sizeof(xen_xs.tx));
	rc = begin_clean();
	if (!rc)
		rc = xen_evtchn_bind(port, XEN_EVTCHN_LATE_EOI, ring_event, NULL);
	if (rc)
		xen_xs.ring = NULL;
	return rc;
}

void xen_xs_fini(void)
{
	if (!xen_xs.ring)
		return;
	while (xen_xs.watches)
		xen_xs_unwatch(xen_xs.watches);
	xen_evtchn_unbind(xen_xs.port);
	xen_xs.ring = NULL;
}
