/* SPDX-License-Identifier: MIT */
/*
 * The xenstore client and a xenstored that is slow or silent: each wait ends, and what was late
 * completes nothing later.
 */
#include <pthread.h>

#include "xenbus_test.h"

static void nobody_answers(void)
{
	uint64_t begun = xen_port_clock_ns();
	xen_xs_tx_t tx;

	watch_all(1);
	model_xs_write(HOME "/a", "old"); /* the last message before is an event */
	ck_assert_uint_eq(xen_xs_dispatch(), 1);
	model_xs_write(HOME "/b", "b");
	ck_assert_int_eq(xen_xs_begin(&tx), 0);
	model_xs_hold(true);
	ck_assert_int_eq(xs_error("a"), -XEN_ETIMEDOUT);
	ck_assert_uint_ge(xen_port_clock_ns() - begun, REPLY_TIME);
	ck_assert_uint_le(xen_port_clock_ns() - begun, REPLY_TIME + 2 * MS);
	expect_broken();
	/* From now on the ring is left alone, whoever fires. */
	say_message(XS_WATCH_EVENT, 0, 0, "a\0ffffffff", 11);
	model_event(store.port);
	ck_assert(!xen_xs_pending());
	ck_assert_uint_eq(store.page->rsp_prod - store.page->rsp_cons,
			  sizeof(struct xsd_sockmsg) + 11);
	ck_assert_int_eq(xen_xs_end(tx, false), -XEN_EIO);
	ck_assert_int_eq(xen_xs_reconnect(), -XEN_ETIMEDOUT); /* nor now */
	expect_broken();
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), features ? 1 : 2);
	model_xs_hold(false); /* answers the first request now */
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	ck_assert_str_eq(xs_value("b"), "b");
	ck_assert_int_eq(xs_error("c"), -XEN_ENOENT);
	ck_assert_uint_eq(model_xs_transactions(), 0);
	expect_health();
}

static void too_late(void)
{
	over_both(nobody_answers);
}

/* The request alone is longer than the ring: half of it is out when the time is over. */
static void half_a_request(void)
{
	static char value[1800];
	uint64_t hypercalls;

	memset(value, 'v', sizeof(value) - 1);
	model_xs_hold(true);
	hypercalls = model_hypercalls();
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "long", value), -XEN_ETIMEDOUT);
	ck_assert_uint_le(model_hypercalls() - hypercalls, 10); /* waiting makes none */
	ck_assert_uint_eq(store.page->req_prod - store.page->req_cons, XENSTORE_RING_SIZE);
	expect_broken();
	ck_assert_int_eq(xen_xs_reconnect(), -XEN_ETIMEDOUT);
	expect_broken();
	model_xs_hold(false);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	expect_health();
	/* It was completed, for what is begun cannot be taken back. */
	if (features)
		ck_assert_ptr_null(model_xs_read(HOME "/long"));
	else
		ck_assert_str_eq(model_xs_read(HOME "/long"), value);
}

static void half_sent(void)
{
	over_both(half_a_request);
}

static struct xsd_sockmsg first_request;

static void half_a_reply(void)
{
	struct xsd_sockmsg header = first_request = asked();

	header.type = XS_ERROR;
	header.len = 6;
	say(&header, sizeof(header));
	say("lat", 3);
}

static void other_half(void)
{
	say("e!\n", 3);
	say_message(XS_WRITE, first_request.req_id, 0, "again", 5);
	say_message(XS_ERROR, first_request.req_id + 1000, 0, "EIO", 4);
}

/* Its second half comes when the next reply is waited for. */
static void half_received(void)
{
	xs_begin();
	model_xs_features(0);
	model_xs_write(HOME "/a", "a");
	model_xs_hold(true);
	model_on_wait(step, NULL);
	misdeed = half_a_reply;
	ck_assert_int_eq(xs_error("a"), -XEN_ETIMEDOUT);
	misdeed = other_half;
	ck_assert_int_eq(xen_xs_reconnect(), -XEN_ETIMEDOUT); /* what it asks is not answered */
	meanwhile(NULL);
	model_xs_hold(false);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	ck_assert_str_eq(xs_value("a"), "a");
	expect_health();
	xs_finish();
}

/* A full ring of events, and half a request: xenstored takes more only when its events are gone. */
static void takes_when_rid(void *arg)
{
	if (store.page->rsp_prod == store.page->rsp_cons)
		model_xs_hold(false);
}

static void half_against_full(void)
{
	static char value[1800], filler[XENSTORE_RING_SIZE];
	const uint32_t header = sizeof(struct xsd_sockmsg);

	memset(value, 'v', sizeof(value) - 1);
	xs_begin();
	model_xs_features(0);
	model_xs_hold(true);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "long", value), -XEN_ETIMEDOUT);
	say_message(XS_READ, asked().req_id - 1, 0, filler, XENSTORE_RING_SIZE - header);
	model_on_wait(takes_when_rid, NULL);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	model_on_wait(NULL, NULL);
	ck_assert_str_eq(model_xs_read(HOME "/long"), value);
	expect_health();
	xs_finish();
}

/* One that works is mended: nobody looks at the ring meanwhile, and if it fails it is broken. */
static void look_away(void)
{
	uint32_t cons = store.page->rsp_cons;

	say_message(XS_WATCH_EVENT, 0, 0, "a\0ffffffff", 11);
	model_event(store.port);
	ck_assert_uint_eq(store.page->rsp_cons, cons);
}

static void mended_whole(void)
{
	xs_begin();
	watch_all(1);
	model_xs_hold(true);
	meanwhile(look_away);
	ck_assert_int_eq(xen_xs_reconnect(), -XEN_ETIMEDOUT);
	meanwhile(NULL);
	expect_broken();
	model_xs_hold(false);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	expect_health();
	xs_finish();
}

static uint64_t turn_began, turn_ended;

/* By the same thread, within its own request: the turn does not come. */
static void ask_within(void)
{
	turn_began = xen_port_clock_ns();
	ck_assert_int_eq(xs_error("b"), -XEN_ETIMEDOUT);
	turn_ended = xen_port_clock_ns();
}

static void no_turn(void)
{
	xs_begin();
	model_xs_hold(true);
	meanwhile(ask_within);
	ck_assert_int_eq(xs_error("a"), -XEN_ETIMEDOUT);
	meanwhile(NULL);
	ck_assert_uint_ge(turn_ended - turn_began, 30 * SECOND);
	ck_assert_uint_le(turn_ended - turn_began, 30 * SECOND + 2 * MS);
	model_xs_hold(false);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	expect_health();
	xs_finish();
}

#define NR_THREADS 4
#define ROUNDS 40

static bool stop;

static void sleep_a_little(void *arg)
{
	usleep(200);
}

static int one_more(xen_xs_tx_t tx, void *arg)
{
	uint64_t n = 0;
	char value[8];
	int rc = xen_xs_read_uint(tx, "count", 99999, &n);

	if (rc)
		return rc;
	snprintf(value, sizeof(value), "%u", (unsigned int)n + 1);
	return xen_xs_write(tx, "count", value);
}

/* Adds one, and says how often it knows that it did; what ended with the connection is not known.
 */
static void *add(void *arg)
{
	unsigned int *added = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		int rc = xen_xs_transaction(one_more, NULL);

		ck_assert(!rc || rc == -XEN_EIO || rc == -XEN_EAGAIN);
		*added += !rc;
		if (rc == -XEN_EIO)
			usleep(1000);
	}
	return NULL;
}

static void *mend(void *arg)
{
	while (!xen_load(&stop)) {
		xen_xs_pending();
		if (xen_xs_broken()) {
			int rc = xen_xs_reconnect();

			ck_assert(!rc || rc == -XEN_EIO); /* a restart meanwhile */
		}
		xen_xs_dispatch();
		usleep(500);
	}
	return NULL;
}

static void threads_take_turns(void)
{
	unsigned int added[NR_THREADS] = {0}, sum = 0;
	pthread_t thread[NR_THREADS], mender;
	uint64_t count;

	xs_begin_on(NR_THREADS);
	model_on_wait(sleep_a_little, NULL);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "count", "0"), 0);
	watch_all(2);
	ck_assert_int_eq(pthread_create(&mender, NULL, mend, NULL), 0);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, add, &added[i]), 0);
	for (unsigned int i = 0; i < 5; i++) {
		usleep(2000);
		model_xs_restart();
	}
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
		sum += added[i];
	}
	xen_store(&stop, true);
	ck_assert_int_eq(pthread_join(mender, NULL), 0);
	xen_xs_pending(); /* the last restart may not have been noticed */
	if (xen_xs_broken())
		ck_assert_int_eq(xen_xs_reconnect(), 0);
	/* Each that was confirmed is there, and of those cut off at most all. */
	ck_assert_int_eq(xen_xs_read_uint(XEN_XS_NONE, "count", 99999, &count), 0);
	ck_assert_uint_ge(count, sum);
	ck_assert_uint_le(count, NR_THREADS * ROUNDS);
	ck_assert_uint_gt(sum, 0);
	ck_assert_uint_eq(model_xs_transactions(), 0);
	xs_finish();
}

/* A reply that nobody waits for is not even judged. */
static void late_and_wrong(void)
{
	uint64_t begun;

	xs_begin();
	model_xs_features(0);
	model_xs_hold(true);
	ck_assert_int_eq(xs_error("a"), -XEN_ETIMEDOUT);
	say_message(XS_WRITE, asked().req_id, 7, "OK", 3);
	model_xs_hold(false);
	begun = xen_port_clock_ns();
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	ck_assert_uint_lt(xen_port_clock_ns() - begun, 10 * MS); /* there was nothing to drain */
	expect_health();
	xs_finish();
}

static void reply_and_more(void)
{
	const struct xsd_sockmsg event = {XS_WATCH_EVENT, 0, 0, 11};

	say_message(XS_READ, asked().req_id, 0, "v", 1);
	say(&event, sizeof(event));
	say("a\0", 2);
	store.page->req_cons = store.page->req_prod;
}

/* What follows the reply is not lost with it. */
static void half_an_event(void)
{
	char token[9];

	xs_begin();
	watch_all(1);
	snprintf(token, sizeof(token), "%08x", watched[0].serial);
	model_xs_hold(true);
	meanwhile(reply_and_more);
	ck_assert_str_eq(xs_value("a"), "v");
	meanwhile(NULL);
	ck_assert(!xen_xs_pending());
	say(token, sizeof(token));
	ck_assert(xen_xs_pending());
	model_xs_hold(false);
	expect_health();
	xs_finish();
}

static uint32_t sent;

/* The handler sees it first; then there is room again. */
static void break_and_make_room(void)
{
	say_message(XS_WATCH_EVENT, 0, 0, "", UINT32_MAX);
	model_event(store.port);
	ck_assert(xen_xs_broken());
	sent = store.page->req_prod;
	store.page->req_cons = sent;
}

static void nothing_is_sent(void)
{
	static char value[1800];

	memset(value, 'v', sizeof(value) - 1);
	xs_begin();
	model_xs_hold(true);
	meanwhile(break_and_make_room);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "long", value), -XEN_EIO);
	meanwhile(NULL);
	ck_assert_uint_eq(store.page->req_prod, sent);
	model_xs_hold(false);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	expect_health();
	xs_finish();
}

static const struct unit_case cases[] = {
	{"a late reply completes nothing", too_late},
	{"half a request is completed or forgotten", half_sent},
	{"the second half of a late reply completes nothing", half_received},
	{"half a request goes out when what came is taken", half_against_full},
	{"nobody looks at the ring while it is mended", mended_whole},
	{"a late reply is not judged", late_and_wrong},
	{"half an event behind a reply is not lost", half_an_event},
	{"nothing is sent over a broken connection", nothing_is_sent},
	{"who does not get a turn does not wait for ever", no_turn},
	{"threads take turns, through restarts", threads_take_turns},
};

UNIT_MAIN("xenbus-late", cases)
