/* SPDX-License-Identifier: MIT */
/* A small client of the model's xenstore, over its ring. */
#ifndef XENDMA_TESTS_UNIT_XS_TEST_H
#define XENDMA_TESTS_UNIT_XS_TEST_H

#include <model/domain.h>
#include <model/xenstore.h>

#include "guest.h"

#define PAYLOAD XENSTORE_PAYLOAD_MAX

static struct model_xs_link store;
static unsigned int rings; /* events */
static char got[PAYLOAD + 1];
static struct xsd_sockmsg reply;

static inline void ring_event(void *arg)
{
	rings++;
}

static inline void begin(bool domu)
{
	const struct model_params params = {.domu = domu};

	guest_start(&params);
	model_xs_start();
	store = model_xs_link();
	ck_assert_int_eq(xen_evtchn_bind(store.port, 0, ring_event, NULL), 0);
}

static inline void finish(void)
{
	xen_evtchn_unbind(store.port);
	model_xs_stop();
	ck_assert(model_stop());
}

static inline void kick(void)
{
	struct evtchn_send op = {.port = store.port};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_send, &op), 0);
}

/* All of @len bytes; false when the other side takes no more. */
static inline bool put(const void *bytes, size_t len)
{
	struct xenstore_domain_interface *ring = store.page;
	const char *at = bytes;

	for (unsigned int idle = 0; len && idle < 3;) {
		uint32_t prod = ring->req_prod;
		size_t room = XENSTORE_RING_SIZE - (prod - ring->req_cons), n;

		for (n = 0; n < room && n < len; n++)
			ring->req[MASK_XENSTORE_IDX(prod++)] = *at++;
		ring->req_prod = prod;
		len -= n;
		idle = n ? 0 : idle + 1;
		kick();
	}
	return !len;
}

static inline bool take(void *bytes, size_t len)
{
	struct xenstore_domain_interface *ring = store.page;
	char *at = bytes;

	for (unsigned int idle = 0; len && idle < 3;) {
		uint32_t cons = ring->rsp_cons;
		size_t n;

		for (n = 0; n < len && cons != ring->rsp_prod; n++)
			*at++ = ring->rsp[MASK_XENSTORE_IDX(cons++)];
		ring->rsp_cons = cons;
		len -= n;
		idle = n ? 0 : idle + 1;
		kick();
	}
	return !len;
}

/* The next message, NUL-terminated in got[]. */
static inline bool next(void)
{
	if (!take(&reply, sizeof(reply)))
		return false;
	ck_assert_uint_le(reply.len, PAYLOAD);
	ck_assert(take(got, reply.len));
	got[reply.len] = 0;
	return true;
}

static uint32_t last_id;

static inline bool say(uint32_t type, uint32_t tx, const void *payload, size_t len)
{
	const struct xsd_sockmsg header = {
		.type = type, .req_id = ++last_id, .tx_id = tx, .len = (uint32_t)len};

	return put(&header, sizeof(header)) && put(payload, len);
}

/* A request and its reply: NULL, or the error. */
static inline const char *ask(uint32_t type, uint32_t tx, const void *payload, size_t len)
{
	ck_assert(say(type, tx, payload, len));
	ck_assert(next());
	ck_assert_uint_eq(reply.req_id, last_id);
	ck_assert_uint_eq(reply.tx_id, tx);
	if (reply.type == XS_ERROR)
		return got;
	ck_assert_uint_eq(reply.type, type);
	return NULL;
}

#define ASK(type, tx, payload) ask(type, tx, payload, sizeof(payload))
#define ASK_WRITE(tx, path_and_value) ask(XS_WRITE, tx, path_and_value, sizeof(path_and_value) - 1)

static inline void expect_event(const char *path, const char *token)
{
	ck_assert_msg(next(), "no event for %s", path);
	ck_assert_uint_eq(reply.type, XS_WATCH_EVENT);
	ck_assert_uint_eq(reply.req_id, 0);
	ck_assert_str_eq(got, path);
	ck_assert_str_eq(got + strlen(path) + 1, token);
}

static inline void expect_nothing(void)
{
	ck_assert(!next());
}

static inline uint32_t start_tx(void)
{
	ck_assert_ptr_null(ASK(XS_TRANSACTION_START, 0, ""));
	return (uint32_t)strtoul(got, NULL, 10);
}

#endif
