/* SPDX-License-Identifier: MIT */
/*
 * The link to the model's xenstore: messages in pieces, senseless ones, faults on demand.
 */
#include "xs_test.h"

/* Messages longer than the ring, and in crumbs. */
static void long_messages(void)
{
	static char payload[PAYLOAD];

	begin(false);
	memcpy(payload, "/long", 6);
	memset(payload + 6, 'x', sizeof(payload) - 6);
	ck_assert_ptr_null(ask(XS_WRITE, 0, payload, sizeof(payload)));
	model_xs_trickle(7);
	ck_assert_ptr_null(ASK(XS_READ, 0, "/long"));
	ck_assert_uint_eq(reply.len, sizeof(payload) - 6);
	ck_assert_int_eq(memcmp(got, payload + 6, reply.len), 0);
	model_xs_trickle(0);
	ck_assert_ptr_null(ASK(XS_READ, 0, "/long"));
	finish();
}

static void link_errors(void)
{
	const struct xsd_sockmsg huge = {.type = XS_READ, .len = PAYLOAD + 1};

	begin(false);
	ck_assert(put(&huge, sizeof(huge)));
	ck_assert_uint_eq(store.page->error, XENSTORE_ERROR_PROTO);
	ck_assert(!say(XS_READ, 0, got, 1024)); /* nobody reads any more */
	model_xs_restart();
	ck_assert_uint_eq(store.page->error, XENSTORE_ERROR_NONE);
	ck_assert_ptr_null(ASK(XS_DIRECTORY, 0, "/"));
	store.page->req_prod += XENSTORE_RING_SIZE + 1;
	kick();
	ck_assert_uint_eq(store.page->error, XENSTORE_ERROR_RINGIDX);
	finish();
}

static void faults(void)
{
	uint32_t tx;

	begin(false);
	model_xs_fail(XS_WRITE, 2, "EIO");
	ck_assert_ptr_null(ASK_WRITE(0, "/a\0"
					"1"));
	ck_assert_str_eq(ASK_WRITE(0, "/a\0"
				      "2"),
			 "EIO");
	ck_assert_str_eq(model_xs_read("/a"), "1");
	ck_assert_ptr_null(ASK_WRITE(0, "/a\0"
					"3"));
	ck_assert_ptr_null(ASK(XS_WATCH, 0, "/a\0t"));
	expect_event("/a", "t");
	model_xs_lose_events(1);
	model_xs_write("/a", "lost");
	expect_nothing();
	model_xs_write("/a", "seen");
	expect_event("/a", "t");
	model_xs_hold(true);
	ck_assert(say(XS_READ, 0, "/a", 3));
	expect_nothing();
	model_xs_hold(false);
	ck_assert(next());
	ck_assert_str_eq(got, "seen");
	tx = start_tx();
	ck_assert_ptr_null(ASK_WRITE(tx, "/a\0undone"));
	model_xs_restart();
	ck_assert_str_eq(ASK(XS_TRANSACTION_END, tx, "T"), "ENOENT");
	ck_assert_uint_eq(model_xs_watches(), 0);
	model_xs_write("/a", "unwatched");
	expect_nothing();
	ck_assert_ptr_null(ASK(XS_READ, 0, "/a"));
	ck_assert_str_eq(got, "unwatched");
	finish();
}

static void reconnection(void)
{
	uint32_t tx;

	begin(false);
	store.page->connection = XENSTORE_RECONNECT;
	model_xs_features(0);
	kick();
	ck_assert_uint_eq(store.page->connection, XENSTORE_RECONNECT); /* not offered */
	store.page->connection = XENSTORE_CONNECTED;
	model_xs_features(XENSTORE_SERVER_FEATURE_RECONNECTION);
	ck_assert_ptr_null(ASK(XS_WATCH, 0, "/a\0t"));
	expect_event("/a", "t");
	tx = start_tx();
	model_xs_hold(true);
	ck_assert(say(XS_READ, 0, "/a", 3));
	ck_assert(put("half of a header", 7));
	store.page->connection = XENSTORE_RECONNECT;
	kick();
	ck_assert_uint_eq(store.page->connection, XENSTORE_RECONNECT); /* when it has time */
	model_xs_hold(false);
	ck_assert_uint_eq(store.page->connection, XENSTORE_CONNECTED);
	ck_assert_uint_eq(store.page->req_prod, store.page->req_cons);
	ck_assert_uint_eq(store.page->rsp_prod, store.page->rsp_cons);
	ck_assert_uint_eq(model_xs_watches() + model_xs_transactions(), 0);
	expect_nothing();
	ck_assert_str_eq(ASK(XS_TRANSACTION_END, tx, "T"), "ENOENT");

	/* Also when it had given up. */
	store.page->req_prod += XENSTORE_RING_SIZE + 1;
	kick();
	ck_assert_uint_eq(store.page->error, XENSTORE_ERROR_RINGIDX);
	store.page->connection = XENSTORE_RECONNECT;
	kick();
	ck_assert_uint_eq(store.page->error, XENSTORE_ERROR_NONE);
	ck_assert_ptr_null(ASK(XS_DIRECTORY, 0, "/"));
	finish();
}

static void unknown_write(void *arg)
{
	model_xs_write("/no//path", "");
}

static void misuse(void)
{
	begin(false);
	ck_assert(model_expect_breach(unknown_write, NULL, "model_xs_write: /no//path: EINVAL"));
	finish();
}

static const struct unit_case cases[] = {
	{"messages come in pieces", long_messages},
	{"what makes no sense ends the link", link_errors},
	{"B 115,322-326,330,414-421: faults on demand", faults},
	{"the link is begun anew when asked", reconnection},
	{"the test's own mistakes are breaches", misuse},
};

UNIT_MAIN("model-xs-link", cases)
