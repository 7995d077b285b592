/* SPDX-License-Identifier: MIT */
/*
 * The ring to xenstored and its event: full, in pieces, filled with anything, each byte read once,
 * and woken for nothing.
 */
#include "xenbus_test.h"

/* All that the ring holds, and the longest message there is. */
static void full_ring(void)
{
	static char event[XENSTORE_PAYLOAD_MAX];
	const struct xsd_sockmsg longest = {XS_WATCH_EVENT, 0, 0, XENSTORE_PAYLOAD_MAX};
	const uint32_t payload = XENSTORE_RING_SIZE - sizeof(longest);
	uint64_t hypercalls;

	memset(event, 'p', sizeof(event));
	event[900] = event[1000] = 0;
	xs_begin();
	say_message(XS_WATCH_EVENT, 0, 0, event, payload - (payload - 1001));
	say_message(XS_WATCH_EVENT, 0, 0, event, 0);
	store.page->rsp_prod -= sizeof(longest); /* the ring is nearly full */
	ck_assert(!xen_xs_pending());
	event[payload - 1] = 0;
	say_message(XS_WATCH_EVENT, 0, 0, event, payload);
	ck_assert_uint_eq(store.page->rsp_prod - store.page->rsp_cons, XENSTORE_RING_SIZE);
	ck_assert(!xen_xs_pending());
	ck_assert_uint_eq(store.page->rsp_prod, store.page->rsp_cons);
	ck_assert(!xen_xs_broken());
	say(&longest, sizeof(longest));
	for (size_t at = 0; at < sizeof(event); at += 1024) {
		ck_assert(!xen_xs_pending());
		say(event + at, 1024);
	}
	ck_assert(!xen_xs_pending());
	expect_health();
	/* To look costs nothing where there is nothing. */
	hypercalls = model_hypercalls();
	for (unsigned int i = 0; i < 100; i++)
		ck_assert(!xen_xs_pending());
	ck_assert_uint_eq(model_hypercalls(), hypercalls);
	xs_finish();
}

static void trickles(void)
{
	static char value[1900], back[2000];
	xen_xs_tx_t tx;

	memset(value, 'v', sizeof(value) - 1);
	xs_begin();
	for (unsigned int bytes = 1; bytes < 40; bytes++) {
		model_xs_trickle(bytes);
		ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "long", value), 0);
		if (bytes == 1)
			ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a", ""), 0);
		memset(back, 0, sizeof(back));
		ck_assert_int_eq(xen_xs_read(XEN_XS_NONE, "long", back, sizeof(back)), 0);
		ck_assert_str_eq(back, value);
		value[bytes]++;
		/* Headers in pieces: what is not there yet is not taken from the one before. */
		ck_assert_int_eq(xen_xs_begin(&tx), 0);
		ck_assert_int_eq(xen_xs_write(tx, "a", "b"), 0);
		ck_assert_str_eq(xs_value("a"), bytes > 1 ? "b" : "");
		ck_assert_int_eq(xen_xs_end(tx, false), 0);
		ck_assert_int_eq(xs_error("none"), -XEN_ENOENT);
	}
	expect_health();
	xs_finish();
}

/* Every byte of the ring is read once, and once only. */
static void read_once(void)
{
	uint32_t at;

	xs_begin();
	model_xs_write(HOME "/a", "a value of some length");
	at = store.page->rsp_prod;
	model_shared_watch(store.page, XENSTORE_RING_SIZE, XENSTORE_RING_SIZE);
	ck_assert_str_eq(xs_value("a"), "a value of some length");
	for (; at < store.page->rsp_prod; at++)
		ck_assert_uint_eq(model_shared_reads(store.page,
						     XENSTORE_RING_SIZE + MASK_XENSTORE_IDX(at)),
				  1);
	model_shared_unwatch(store.page);
	xs_finish();
}

static void random_ring(void)
{
	uint64_t rng = unit_seed();

	model_xs_hold(true);
	for (unsigned int round = 0; round < 300; round++) {
		uint64_t begun = xen_port_clock_ns();
		size_t len = unit_random(&rng) % 200;

		if (xen_xs_broken()) {
			model_xs_hold(false);
			if (!features)
				model_xs_restart();
			ck_assert_int_eq(xen_xs_reconnect(), 0);
			model_xs_hold(true);
		}
		for (size_t i = 0; i < len; i++) {
			/* Plausible now and then. */
			char byte =
				round & 1 ? (char)unit_random(&rng)
					  : "\0\0\0\0\0\0\0\0\2\4\x0f\x10"[unit_random(&rng) % 12];

			say(&byte, 1);
		}
		if (round % 7 == 0)
			store.page->rsp_prod += (uint32_t)(unit_random(&rng) % 2000);
		if (round % 11 == 0)
			store.page->req_cons = (uint32_t)unit_random(&rng);
		ck_assert_int_lt(xs_error("a"), 0);
		ck_assert_uint_le(xen_port_clock_ns() - begun, REPLY_TIME + 2 * MS);
		xen_xs_dispatch();
	}
	model_xs_hold(false);
	if (!features)
		model_xs_restart();
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	expect_health();
}

static void random_bytes(void)
{
	over_both(random_ring);
}

/* An event for nothing, over and over: the port rests in between, and nothing is overlooked. */
static void storm(void)
{
	xs_begin();
	watch_all(1);
	ck_assert(!is_masked());
	for (unsigned int i = 0; i < 1000; i++)
		model_event(store.port);
	ck_assert(is_masked());
	model_clock_advance(50000);
	xen_evtchn_poll();
	ck_assert(is_masked()); /* it was pending: once more for nothing */
	model_clock_advance(100000);
	xen_evtchn_poll();
	ck_assert(!is_masked());
	for (unsigned int i = 0; i < 1000; i++)
		model_event(store.port);
	ck_assert(is_masked());
	model_xs_write(HOME "/a", "x");
	model_clock_advance(50 * MS);
	xen_evtchn_poll();
	ck_assert_uint_eq(store.page->rsp_prod, store.page->rsp_cons);
	ck_assert(xen_xs_pending());
	model_clock_advance(50 * MS);
	xen_evtchn_poll();
	ck_assert(!is_masked());
	xs_finish();
}

static void take_the_request(void)
{
	store.page->req_cons = store.page->req_prod;
	model_event(store.port);
	ck_assert(!is_masked()); /* it had a reason */
	model_event(store.port);
	ck_assert(is_masked());
}

static void events_with_reason(void)
{
	xs_begin();
	watch_all(1);
	for (unsigned int i = 0; i < 100; i++) {
		model_xs_write(HOME "/a", "x");
		ck_assert(!is_masked());
		ck_assert_str_eq(xs_value("a"), "x");
		ck_assert(!is_masked());
	}
	model_xs_hold(true);
	meanwhile(take_the_request);
	ck_assert_int_eq(xs_error("a"), -XEN_ETIMEDOUT);
	meanwhile(NULL);
	model_xs_hold(false);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	xs_finish();
}

static const struct unit_case cases[] = {
	{"a full ring and the longest message are fine", full_ring},
	{"messages come and go in pieces", trickles},
	{"XSA-155 39 86: the ring's bytes are read once", read_once},
	{"random bytes and indices do no harm", random_bytes},
	{"events for nothing are answered ever later", storm},
	{"events with a reason are answered at once", events_with_reason},
};

UNIT_MAIN("xenbus-ring", cases)
