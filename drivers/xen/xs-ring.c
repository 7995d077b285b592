/* SPDX-License-Identifier: MIT */
/*
 * The ring: bytes out, bytes in, and where messages begin and end.
 *
 * Two of the four indices are ours; they are kept here, and that the page still has them shows that
 * nobody began anew. Xenstored's two are read once and must lie within the ring's size of ours. All
 * bytes are copied out before they are looked at. Whatever is wrong breaks the connection, and from
 * then on nothing is taken from the ring.
 *
 * Lock: xen_xs.lock, held by the caller throughout.
 */
#include "xs-internal.h"

#define HEADER sizeof(struct xsd_sockmsg)

struct xen_xs xen_xs;

void xen_xs_break(enum xen_xs_broken how, const char *why)
{
	struct xenstore_domain_interface *ring = xen_xs.ring;

	if (!xen_xs.broken)
		xen_port_log(XEN_LOG_ERROR,
			     "xenstore: %s; requests %u to %u, replies %u to %u, error %u", why,
			     xen_load(&ring->req_cons), xen_xs.req_prod, xen_xs.rsp_cons,
			     xen_load(&ring->rsp_prod), xen_load(&ring->error));
	xen_store(&xen_xs.broken, how);
}

static void tell_xenstored(void)
{
	/* Should that fail nothing will come back, and waits have an end. */
	xen_evtchn_notify(xen_xs.port);
}

bool xen_xs_indices_lie(void)
{
	struct xenstore_domain_interface *ring = xen_xs.ring;

	return xen_load(&ring->req_prod) != xen_xs.req_prod ||
	       xen_load(&ring->rsp_cons) != xen_xs.rsp_cons ||
	       xen_xs.req_prod - xen_load(&ring->req_cons) > XENSTORE_RING_SIZE ||
	       xen_load(&ring->rsp_prod) - xen_xs.rsp_cons > XENSTORE_RING_SIZE;
}

void xen_xs_adopt_indices(void)
{
	struct xenstore_domain_interface *ring = xen_xs.ring;

	xen_xs.req_prod = xen_load(&ring->req_cons);
	xen_xs.rsp_cons = xen_load(&ring->rsp_prod);
	xen_store(&ring->req_prod, xen_xs.req_prod);
	xen_store(&ring->rsp_cons, xen_xs.rsp_cons);
	xen_xs.to_send = xen_xs.sent = xen_xs.received = 0;
}

/* Out of the ring from rsp_cons on, each byte once; @to NULL: only skip. */
static void take(char *to, size_t n)
{
	size_t i;

	for (i = 0; i < n && to; i++)
		to[i] = xen_load(&xen_xs.ring->rsp[MASK_XENSTORE_IDX(xen_xs.rsp_cons + i)]);
	xen_xs.rsp_cons += (uint32_t)n;
}

static void put(const char *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		xen_store(&xen_xs.ring->req[MASK_XENSTORE_IDX(xen_xs.req_prod + i)], from[i]);
	xen_xs.req_prod += (uint32_t)n;
}

/* The header is there: what is it, and where does the payload go? */
static void begin_message(void)
{
	const struct xsd_sockmsg *in = &xen_xs.in, *asked = &xen_xs.message.header;

	xen_xs.into = NULL;
	if (in->len > XENSTORE_PAYLOAD_MAX)
		xen_xs_break(XEN_XS_GARBLED, "a message is longer than the protocol allows");
	else if (in->type == XS_WATCH_EVENT)
		xen_xs.into = xen_xs.event;
	else if (!xen_xs.asked || xen_xs.answered || in->req_id != asked->req_id)
		return; /* the reply to a request that was given up */
	else if (xen_xs.sent != xen_xs.to_send)
		xen_xs_break(XEN_XS_GARBLED, "a reply came before its request");
	else if (in->tx_id != asked->tx_id || (in->type != asked->type && in->type != XS_ERROR))
		xen_xs_break(XEN_XS_GARBLED, "a reply is not to what was asked");
	else
		xen_xs.into = xen_xs.message.payload;
}

static void end_reply(size_t len)
{
	xen_xs.reply_len = len;
	xen_xs.error = 0;
	if (xen_xs.in.type == XS_ERROR) {
		if (xen_xs_length(xen_xs.message.payload, len) == len) {
			xen_xs_break(XEN_XS_GARBLED, "an error has no name");
			return;
		}
		xen_xs.error = xen_xs_error(xen_xs.message.payload);
	}
	xen_xs.answered = true;
}

static void end_message(void)
{
	size_t len = xen_xs.in.len;

	xen_xs.received = 0;
	if (!xen_xs.into)
		return;
	xen_xs.into[len] = 0;
	if (xen_xs.into != xen_xs.event)
		end_reply(len);
	else if (!xen_xs_event(xen_xs.event, len))
		xen_xs_break(XEN_XS_GARBLED, "a watch event has no token");
}

/* One step: more of the header or of the payload, of @nr bytes that are there. */
static void take_some(size_t nr)
{
	bool header = xen_xs.received < HEADER;
	size_t at = header ? xen_xs.received : xen_xs.received - HEADER;
	size_t n = (header ? HEADER : xen_xs.in.len) - at;
	char *to = header ? (char *)&xen_xs.in : xen_xs.into;

	if (n > nr)
		n = nr;
	take(to ? to + at : NULL, n);
	xen_xs.received += n;
	if (header && xen_xs.received == HEADER)
		begin_message();
	if (xen_xs.received >= HEADER && xen_xs.received == HEADER + xen_xs.in.len)
		end_message();
}

/* xenstored says that it gave up, if it is one that does say so. */
static bool gave_up(void)
{
	const struct xenstore_domain_interface *ring = xen_xs.ring;

	return xen_load(&ring->server_features) & XENSTORE_SERVER_FEATURE_ERROR &&
	       xen_load(&ring->error) != XENSTORE_ERROR_NONE;
}

/*
 * Move an index of ours in the page. Xenstored may set it back at any moment; what would be written
 * over that again would have it take old requests for new ones.
 */
static void publish(XENSTORE_RING_IDX *index, uint32_t was, uint32_t is)
{
	if (__atomic_compare_exchange_n(index, &was, is, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		tell_xenstored();
	else
		xen_xs_break(XEN_XS_GARBLED, "xenstored began anew");
}

void xen_xs_receive(void)
{
	struct xenstore_domain_interface *ring = xen_xs.ring;
	uint32_t prod = xen_load_acquire(&ring->rsp_prod), had = xen_xs.rsp_cons;

	if (gave_up())
		xen_xs_break(XEN_XS_GARBLED, "xenstored gave the connection up");
	else if (xen_load(&ring->rsp_cons) != had || xen_load(&ring->req_prod) != xen_xs.req_prod)
		xen_xs_break(XEN_XS_GARBLED, "xenstored began anew");
	else if (prod - had > XENSTORE_RING_SIZE)
		xen_xs_break(XEN_XS_GARBLED, "more replies than the ring holds");
	while (xen_xs.broken != XEN_XS_GARBLED && xen_xs.rsp_cons != prod)
		take_some(prod - xen_xs.rsp_cons);
	if (xen_xs.rsp_cons == had)
		return;
	publish(&ring->rsp_cons, had, xen_xs.rsp_cons);
}

void xen_xs_transmit(void)
{
	struct xenstore_domain_interface *ring = xen_xs.ring;
	size_t n = xen_xs.to_send - xen_xs.sent, room;
	uint32_t cons, had = xen_xs.req_prod;

	/* No byte is written before its place is known to be free. */
	cons = xen_load_acquire(&ring->req_cons);
	if (xen_xs.req_prod - cons > XENSTORE_RING_SIZE) {
		xen_xs_break(XEN_XS_GARBLED, "more requests taken than were made");
		return;
	}
	room = XENSTORE_RING_SIZE - (xen_xs.req_prod - cons);
	if (n > room)
		n = room;
	if (!n)
		return;
	put((const char *)&xen_xs.message + xen_xs.sent, n);
	xen_xs.sent += n;
	publish(&ring->req_prod, had, xen_xs.req_prod);
}
