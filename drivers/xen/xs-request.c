/* SPDX-License-Identifier: MIT */
/*
 * One request at a time: the turn, the message, the wait for its reply. A reply that does not come
 * in time breaks the connection; as each request has a number of its own, the late reply matches
 * none.
 */
#include "xs-internal.h"

#define REPLY_NS 10000000000ULL /* a loaded xenstored takes its time */
#define TURN_NS 30000000000ULL

uint64_t xen_xs_deadline(void)
{
	return xen_port_clock_ns() + REPLY_NS;
}

static bool get_turn(void *arg)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	bool free = !xen_xs.turn;

	xen_xs.turn = true;
	xen_port_unlock(&xen_xs.lock, flags);
	return free;
}

bool xen_xs_force_turn(void)
{
	return xen_xs.ring && xen_port_wait(get_turn, NULL, ~0ULL);
}

int xen_xs_take_turn(void)
{
	if (!xen_xs.ring)
		return -XEN_EIO;
	if (!xen_port_wait(get_turn, NULL, xen_port_clock_ns() + TURN_NS))
		return -XEN_ETIMEDOUT;
	if (!xen_xs_broken())
		return 0;
	xen_xs_end_turn();
	return -XEN_EIO;
}

void xen_xs_end_turn(void)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);

	xen_xs.turn = false;
	xen_port_unlock(&xen_xs.lock, flags);
}

/* xenstored's number of a transaction; false if it was one of another connection. */
static bool find_tx(xen_xs_tx_t tx, uint32_t *id)
{
	unsigned int i;

	*id = XEN_XS_NONE;
	for (i = 0; i < XEN_XS_TX_MAX && tx; i++) {
		if (xen_xs.tx[i].handle != tx)
			continue;
		*id = xen_xs.tx[i].id;
		return true;
	}
	return !tx;
}

static int compose(uint32_t type, uint32_t tx, const struct xen_xs_part *part, unsigned int nr)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (part[i].len > XENSTORE_PAYLOAD_MAX - len)
			return -XEN_E2BIG;
		__builtin_memcpy(xen_xs.message.payload + len, part[i].data, part[i].len);
		len += part[i].len;
	}
	xen_xs.message.header.type = type;
	xen_xs.message.header.req_id = ++xen_xs.req_id;
	xen_xs.message.header.tx_id = tx;
	xen_xs.message.header.len = (uint32_t)len;
	xen_xs.to_send = sizeof(xen_xs.message.header) + len;
	return 0;
}

/* For a wait: until there is a reply or none can come any more. */
static bool is_over(void *arg)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	bool over;

	if (!xen_xs.broken) {
		xen_xs_transmit();
		xen_xs_receive();
	}
	over = xen_xs.answered || xen_xs.broken;
	xen_port_unlock(&xen_xs.lock, flags);
	return over;
}

static void begin_asking(void)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);

	xen_xs.sent = 0;
	xen_xs.answered = false;
	xen_xs.asked = true;
	xen_port_unlock(&xen_xs.lock, flags);
}

static int end_asking(void)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	int rc = -XEN_EIO;

	if (xen_xs.answered) {
		rc = xen_xs.error;
	} else if (!xen_xs.broken) {
		xen_xs_break(XEN_XS_LATE, "no reply in time");
		rc = -XEN_ETIMEDOUT;
	}
	xen_xs.asked = false;
	if (xen_xs.into == xen_xs.message.payload)
		xen_xs.into = NULL; /* the rest of it is nobody's */
	xen_port_unlock(&xen_xs.lock, flags);
	return rc;
}

int xen_xs_exchange(uint32_t type, xen_xs_tx_t tx, const struct xen_xs_part *part, unsigned int nr)
{
	uint32_t id;
	int rc;

	if (!find_tx(tx, &id))
		return -XEN_EIO;
	rc = compose(type, id, part, nr);
	if (rc)
		return rc;
	begin_asking();
	xen_port_wait(is_over, NULL, xen_xs_deadline());
	return end_asking();
}

int xen_xs_give_up(const char *why)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);

	xen_xs_break(XEN_XS_LATE, why);
	xen_port_unlock(&xen_xs.lock, flags);
	return -XEN_EIO;
}
