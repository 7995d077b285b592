/* SPDX-License-Identifier: MIT */
/*
 * The link to the first domain: requests come out of the ring a piece at a time, replies and watch
 * events queue up until there is room. The other side's indices are checked; what makes no sense
 * ends the link with an error in the page, as xenstored does.
 *
 * Lock: xs_lock(), taken by whoever enters the store. Events for the other side are sent when it is
 * released.
 */
#include <stdlib.h>
#include <string.h>

#include <model/xs.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void xs_lock(void)
{
	pthread_mutex_lock(&lock);
	if (!xs.running)
		model_breach("model: xenstore does not run");
}

static uint32_t load(const XENSTORE_RING_IDX *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

/* Nothing more is taken or given. */
static void close_link(struct xs_conn *conn, uint32_t error)
{
	conn->ring->error = error;
	conn->ring = NULL;
	conn->notify = true;
}

static void queue(struct xs_conn *conn, const void *bytes, size_t len)
{
	conn->out = realloc(conn->out, conn->nr_out + len);
	if (!conn->out)
		model_breach("model: no memory for xenstore");
	memcpy(conn->out + conn->nr_out, bytes, len);
	conn->nr_out += len;
}

void xs_send(struct xs_conn *conn, uint32_t type, uint32_t req_id, uint32_t tx, const void *payload,
	     size_t len)
{
	const struct xsd_sockmsg header = {
		.type = type, .req_id = req_id, .tx_id = tx, .len = (uint32_t)len};

	if (!conn->ring)
		return;
	queue(conn, &header, sizeof(header));
	if (len)
		queue(conn, payload, len);
}

static bool asked_to_fail(uint32_t type, const char **error)
{
	if (xs.fail.type != type || !xs.fail.nth || --xs.fail.nth)
		return false;
	*error = xs.fail.error;
	return true;
}

static void answer(struct xs_conn *conn)
{
	static char reply[XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg header;
	const char *error = NULL;
	size_t len = 0;

	memcpy(&header, conn->in, sizeof(header));
	if (!asked_to_fail(header.type, &error))
		error = xs_execute(conn, header.type, header.tx_id,
				   (const char *)conn->in + sizeof(header), header.len, reply,
				   &len);
	conn->nr_in = 0;
	if (error)
		xs_send(conn, XS_ERROR, header.req_id, header.tx_id, error, strlen(error) + 1);
	else
		xs_send(conn, header.type, header.req_id, header.tx_id, reply, len);
	if (!error && header.type == XS_WATCH)
		xs_first_event(conn);
}

/* How many bytes the request has as far as one knows; 0: more than any may have. */
static size_t wanted(const struct xs_conn *conn)
{
	struct xsd_sockmsg header;

	if (conn->nr_in < sizeof(header))
		return sizeof(header);
	memcpy(&header, conn->in, sizeof(header));
	return header.len > XENSTORE_PAYLOAD_MAX ? 0 : sizeof(header) + header.len;
}

/* Take what is there of one request; true when it is whole. */
static bool take(struct xs_conn *conn)
{
	struct xenstore_domain_interface *ring = conn->ring;
	uint32_t cons = ring->req_cons, prod = load(&ring->req_prod);

	if (prod - cons > XENSTORE_RING_SIZE) {
		close_link(conn, XENSTORE_ERROR_RINGIDX);
		return false;
	}
	while (cons != prod && conn->nr_in < wanted(conn))
		conn->in[conn->nr_in++] = (uint8_t)ring->req[MASK_XENSTORE_IDX(cons++)];
	if (cons != ring->req_cons) {
		__atomic_store_n(&ring->req_cons, cons, __ATOMIC_RELEASE);
		conn->notify = true;
	}
	if (!wanted(conn))
		close_link(conn, XENSTORE_ERROR_PROTO);
	return conn->nr_in >= sizeof(struct xsd_sockmsg) && conn->nr_in == wanted(conn);
}

static void give(struct xs_conn *conn)
{
	struct xenstore_domain_interface *ring = conn->ring;
	uint32_t prod = ring->rsp_prod, cons = load(&ring->rsp_cons);
	size_t nr = 0, room = XENSTORE_RING_SIZE - (prod - cons);

	if (prod - cons > XENSTORE_RING_SIZE) {
		close_link(conn, XENSTORE_ERROR_RINGIDX);
		return;
	}
	if (xs.trickle && room > xs.trickle)
		room = xs.trickle;
	while (nr < conn->nr_out && nr < room)
		ring->rsp[MASK_XENSTORE_IDX(prod++)] = (char)conn->out[nr++];
	if (!nr)
		return;
	memmove(conn->out, conn->out + nr, conn->nr_out - nr);
	conn->nr_out -= nr;
	__atomic_store_n(&ring->rsp_prod, prod, __ATOMIC_RELEASE);
	conn->notify = true;
}

void xs_begin_anew(struct xs_conn *conn)
{
	struct xenstore_domain_interface *page = conn->page;

	xs_forget_watches(conn);
	xs_tx_forget(conn);
	conn->nr_in = 0;
	conn->nr_out = 0;
	page->req_cons = page->req_prod = 0;
	page->rsp_cons = page->rsp_prod = 0;
	page->error = XENSTORE_ERROR_NONE;
	conn->ring = page;
	conn->notify = true;
}

static void run(struct xs_conn *conn)
{
	if (conn->page->server_features & XENSTORE_SERVER_FEATURE_RECONNECTION &&
	    load(&conn->page->connection) == XENSTORE_RECONNECT) {
		xs_begin_anew(conn);
		__atomic_store_n(&conn->page->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
	}
	while (conn->ring && take(conn))
		answer(conn);
	if (conn->ring)
		give(conn);
}

void xs_unlock(void)
{
	struct evtchn_send op = {0};
	domid_t before;

	if (xs.running && !xs.hold)
		run(xs.link);
	if (xs.running && xs.link->notify) {
		xs.link->notify = false;
		op.port = xs.link->port;
	}
	pthread_mutex_unlock(&lock);
	if (!op.port)
		return;
	before = model_act_as(xs.server);
	hypercall_event_channel_op(EVTCHNOP_send, &op);
	model_act_as(before);
}

/* An event: all is done on the way out. */
void xs_ring_step(void *conn)
{
	xs_lock();
	xs_unlock();
}
