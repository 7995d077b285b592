/* SPDX-License-Identifier: MIT */
/*
 * The xenstore client and a xenstored that is slow, dead, new, or not one at all. It may cost the
 * connection and a deadline, and nothing else; what was late completes nothing later.
 */
#include "xenbus_test.h"

/* With reconnection on offer, and without. */
static uint32_t features;

static void over_both(void (*test)(void))
{
	static const uint32_t both[] = {
		XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR, 0};

	for (unsigned int i = 0; i < 2; i++) {
		features = both[i];
		xs_begin();
		model_xs_features(features);
		test();
		xs_finish();
	}
}

/* It works, and so do new watches. */
static void expect_health(void)
{
	struct xen_xs_watch watch = {.path = "health"};

	ck_assert(!xen_xs_broken());
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "health", "good"), 0);
	ck_assert_str_eq(xs_value("health"), "good");
	ck_assert_int_eq(xen_xs_watch(&watch), 0);
	ck_assert(xen_xs_pending());
	xen_xs_unwatch(&watch);
}

static void expect_broken(void)
{
	struct xen_xs_watch watch = {.path = "health"};
	uint64_t now = xen_port_clock_ns();
	xen_xs_tx_t tx;

	ck_assert(xen_xs_broken());
	ck_assert_int_eq(xs_error("health"), -XEN_EIO);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "health", "bad"), -XEN_EIO);
	ck_assert_int_eq(xen_xs_rm(XEN_XS_NONE, "health"), -XEN_EIO);
	ck_assert_int_eq(xen_xs_list(XEN_XS_NONE, "health", NULL, NULL), -XEN_EIO);
	ck_assert_int_eq(xen_xs_begin(&tx), -XEN_EIO);
	ck_assert_int_eq(xen_xs_watch(&watch), -XEN_EIO);
	ck_assert_int_eq(xen_xenbus_read_state("health"), XenbusStateUnknown);
	ck_assert_uint_eq(xen_xs_dispatch(), 0);
	ck_assert_uint_eq(xen_port_clock_ns(), now); /* and nobody waited */
}

/* xenstored's side of the ring by hand, while the model's holds still. */
static void say(const void *bytes, size_t len)
{
	struct xenstore_domain_interface *ring = store.page;
	uint32_t prod = ring->rsp_prod;

	for (size_t i = 0; i < len; i++)
		ring->rsp[MASK_XENSTORE_IDX(prod++)] = ((const char *)bytes)[i];
	ring->rsp_prod = prod;
}

static void say_message(uint32_t type, uint32_t req_id, uint32_t tx, const char *payload,
			uint32_t len)
{
	const struct xsd_sockmsg header = {type, req_id, tx, len};

	say(&header, sizeof(header));
	if (len <= XENSTORE_RING_SIZE)
		say(payload, len);
}

/* The request that stands in the ring. */
static struct xsd_sockmsg asked(void)
{
	const struct xenstore_domain_interface *ring = store.page;
	struct xsd_sockmsg header;
	uint32_t cons = ring->req_cons;

	for (size_t i = 0; i < sizeof(header); i++)
		((char *)&header)[i] = ring->req[MASK_XENSTORE_IDX(cons++)];
	return header;
}

static void too_many_replies(void)
{
	store.page->rsp_prod += XENSTORE_RING_SIZE + 1;
}

static void replies_taken_back(void)
{
	store.page->rsp_prod--;
}

static void requests_not_made(void)
{
	store.page->req_cons = store.page->req_prod + 1;
	store.page->rsp_prod--; /* when all is sent nobody looks at that */
}

static void our_index_moved(void)
{
	store.page->rsp_cons++;
}

static void our_other_index_moved(void)
{
	store.page->req_prod--;
}

static void too_long(void)
{
	say_message(XS_READ, asked().req_id, 0, "", XENSTORE_PAYLOAD_MAX + 1);
}

static void as_long_as_can_be(void)
{
	say_message(XS_WATCH_EVENT, 0, 0, "", UINT32_MAX);
}

static void other_type(void)
{
	say_message(XS_WRITE, asked().req_id, 0, "OK", 3);
}

static void other_transaction(void)
{
	say_message(XS_READ, asked().req_id, 1, "v", 1);
}

static void error_without_name(void)
{
	say_message(XS_ERROR, asked().req_id, 0, "ENOENT", 6);
}

static void empty_error(void)
{
	say_message(XS_ERROR, asked().req_id, 0, "", 0);
}

static void event_without_token(void)
{
	say_message(XS_WATCH_EVENT, 0, 0, "path", 5);
}

static void event_without_end(void)
{
	say_message(XS_WATCH_EVENT, 0, 0, "path\0token", 10);
}

static void empty_event(void)
{
	say_message(XS_WATCH_EVENT, 0, 0, "", 0);
}

static void gave_up(void)
{
	store.page->error = XENSTORE_ERROR_COMM;
}

static void (*misdeed)(void);

/* Once, while a reply is waited for. */
static void step(void *arg)
{
	void (*now)(void) = misdeed;

	misdeed = NULL;
	if (now)
		now();
}

static void misdeeds_each(void)
{
	static void (*const all[])(void) = {
		too_many_replies,      replies_taken_back, requests_not_made, our_index_moved,
		our_other_index_moved, too_long,	   as_long_as_can_be, other_type,
		other_transaction,     error_without_name, empty_error,	      event_without_token,
		event_without_end,     empty_event,	   gave_up,
	};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		unsigned int lines = model_log_lines(XEN_LOG_ERROR);
		uint64_t begun = xen_port_clock_ns();

		if (all[i] == gave_up && !features)
			continue; /* nobody said that the field means anything */
		model_xs_hold(true);
		misdeed = all[i];
		model_on_wait(step, NULL);
		ck_assert_msg(xs_error("a") == -XEN_EIO, "misdeed %u", i);
		ck_assert_uint_lt(xen_port_clock_ns() - begun, 10 * MS);
		model_on_wait(NULL, NULL);
		expect_broken();
		ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), lines + 1);
		store.page->error = 0;
		model_xs_hold(false);
		if (!features)
			model_xs_restart(); /* or the half of a message remains */
		ck_assert_msg(!xen_xs_reconnect(), "misdeed %u", i);
		expect_health();
		ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), lines + 1);
	}
}

static void misdeeds(void)
{
	over_both(misdeeds_each);
}

/* Nonsense that is followed by silence, from one that cannot reconnect. */
static void pause_is_a_boundary(void)
{
	xs_begin();
	model_xs_features(0);
	model_xs_hold(true);
	misdeed = other_type;
	model_on_wait(step, NULL);
	ck_assert_int_eq(xs_error("a"), -XEN_EIO);
	model_on_wait(NULL, NULL);
	say("\1\2\3\4\5\6\7", 7);
	model_xs_hold(false); /* answers the request, behind all this */
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	expect_health();
	xs_finish();
}

static void nobody_answers(void)
{
	uint64_t begun = xen_port_clock_ns();
	xen_xs_tx_t tx;

	model_xs_write(HOME "/a", "old");
	model_xs_write(HOME "/b", "b");
	ck_assert_int_eq(xen_xs_begin(&tx), 0);
	model_xs_hold(true);
	ck_assert_int_eq(xs_error("a"), -XEN_ETIMEDOUT);
	ck_assert_uint_ge(xen_port_clock_ns() - begun, REPLY_TIME);
	ck_assert_uint_le(xen_port_clock_ns() - begun, REPLY_TIME + 2 * MS);
	expect_broken();
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

	memset(value, 'v', sizeof(value) - 1);
	model_xs_hold(true);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "long", value), -XEN_ETIMEDOUT);
	ck_assert_uint_eq(store.page->req_prod - store.page->req_cons, XENSTORE_RING_SIZE);
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

static void reply_before_request(void)
{
	say_message(XS_WRITE, asked().req_id, 0, "OK", 3);
}

static void answered_early(void)
{
	static char value[1800];

	memset(value, 'v', sizeof(value) - 1);
	xs_begin();
	model_xs_hold(true);
	misdeed = reply_before_request;
	model_on_wait(step, NULL);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "long", value), -XEN_EIO);
	model_on_wait(NULL, NULL);
	expect_broken();
	model_xs_hold(false);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	expect_health();
	xs_finish();
}

static struct xsd_sockmsg first_request;

static void half_a_reply(void)
{
	struct xsd_sockmsg header = first_request = asked();

	header.len = 6;
	say(&header, sizeof(header));
	say("lat", 3);
}

static void other_half(void)
{
	say("e!\n", 3);
	model_xs_hold(false);
	say_message(XS_READ, first_request.req_id, 0, "again", 5);
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
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	model_on_wait(NULL, NULL);
	ck_assert_str_eq(xs_value("a"), "a");
	expect_health();
	xs_finish();
}

static unsigned int fired[3];
static struct xen_xs_watch watch[3];

static void fire(struct xen_xs_watch *which)
{
	++fired[which - watch];
}

static void watch_all(unsigned int nr)
{
	memset(fired, 0, sizeof(fired));
	for (unsigned int i = 0; i < nr; i++) {
		watch[i] = (struct xen_xs_watch){.changed = fire};
		watch[i].path[0] = (char)('a' + i);
		ck_assert_int_eq(xen_xs_watch(&watch[i]), 0);
	}
	ck_assert_uint_eq(xen_xs_dispatch(), nr);
}

static void restarted(void)
{
	xen_xs_tx_t old, tx;

	watch_all(2);
	ck_assert_int_eq(xen_xs_begin(&old), 0);
	model_xs_restart();
	ck_assert(!xen_xs_pending()); /* is a look at the ring */
	expect_broken();
	model_xs_write(HOME "/a", "unseen");
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	ck_assert_uint_eq(model_xs_watches(), 2);
	ck_assert_uint_eq(xen_xs_dispatch(), 2);
	ck_assert_uint_eq(fired[0], 2);
	ck_assert_uint_eq(fired[1], 2);

	/* xenstored counts from the start; the old one is not the new one. */
	ck_assert_int_eq(xen_xs_begin(&tx), 0);
	ck_assert_int_eq(xen_xs_write(old, "a", "old"), -XEN_EIO);
	ck_assert_int_eq(xen_xs_end(old, true), -XEN_EIO);
	ck_assert_int_eq(xen_xs_write(tx, "a", "new"), 0);
	ck_assert_int_eq(xen_xs_end(tx, false), 0);
	ck_assert_str_eq(xs_value("a"), "new");
	ck_assert_uint_eq(xen_xs_dispatch(), 1);

	/* One that is not broken begins anew as well. */
	ck_assert_int_eq(xen_xs_begin(&tx), 0);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	ck_assert_int_eq(xen_xs_end(tx, true), -XEN_EIO);
	ck_assert_uint_eq(model_xs_transactions(), 0);
	ck_assert_uint_eq(model_xs_watches(), 2);
	ck_assert_uint_eq(xen_xs_dispatch(), 2);

	/* In mid-request. */
	model_xs_hold(true);
	misdeed = model_xs_restart;
	model_on_wait(step, NULL);
	ck_assert_int_eq(xs_error("a"), -XEN_EIO);
	model_on_wait(NULL, NULL);
	expect_broken();
	xen_xs_unwatch(&watch[1]); /* nothing to tell to anybody */
	model_xs_hold(false);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	ck_assert_uint_eq(model_xs_watches(), 1);
	ck_assert_uint_eq(xen_xs_dispatch(), 1);
	expect_health();
}

static void restart(void)
{
	over_both(restarted);
}

static int restart_within(xen_xs_tx_t tx, void *arg)
{
	ck_assert_int_eq(xen_xs_write(tx, "a", "1"), 0);
	model_xs_restart();
	ck_assert(!xen_xs_pending());
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	return xen_xs_write(tx, "b", "1");
}

static void restart_in_transaction(void)
{
	ck_assert_int_eq(xen_xs_transaction(restart_within, NULL), -XEN_EIO);
	ck_assert_int_eq(xs_error("a"), -XEN_ENOENT);
	ck_assert_int_eq(xs_error("b"), -XEN_ENOENT);
	ck_assert_uint_eq(model_xs_transactions(), 0);
	expect_health();
}

static void transaction_gone(void)
{
	over_both(restart_in_transaction);
}

static void refused_again(void)
{
	watch_all(3);
	model_xs_restart();
	model_xs_fail(XS_WATCH, 2, "ENOMEM");
	ck_assert_int_eq(xen_xs_reconnect(), -XEN_ENOMEM);
	ck_assert_uint_eq(model_xs_watches(), 2);
	ck_assert_uint_eq(xen_xs_dispatch(), 3);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	ck_assert_uint_eq(model_xs_watches(), 3);
	expect_health();
}

static void watch_refused(void)
{
	over_both(refused_again);
}

static void dies_again(void)
{
	watch_all(2);
	model_xs_restart();
	model_on_wait(step, NULL);
	misdeed = model_xs_restart; /* when the wait for it begins, if there is one */
	model_xs_hold(true);
	ck_assert_int_eq(xen_xs_reconnect(), features ? -XEN_ETIMEDOUT : -XEN_EIO);
	model_on_wait(NULL, NULL);
	expect_broken();
	model_xs_hold(false);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	ck_assert_uint_eq(model_xs_watches(), 2);
	expect_health();
}

static void reconnecting_breaks(void)
{
	over_both(dies_again);
}

static void bad_numbers(void)
{
	static const char *const bad[] = {"0", "", "x", "4294967296", "-1", "1x"};
	xen_xs_tx_t tx = 7;

	xs_begin();
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		model_xs_hold(true);
		model_on_wait(step, NULL);
		misdeed = NULL;
		store.page->rsp_prod = store.page->rsp_cons;
		/* The reply stands there before the request: the next number is known. */
		ck_assert_int_eq(xs_error("a"), -XEN_ETIMEDOUT);
		first_request = asked();
		model_on_wait(NULL, NULL);
		model_xs_hold(false);
		ck_assert_int_eq(xen_xs_reconnect(), 0);
		model_xs_hold(true);
		say_message(XS_TRANSACTION_START, first_request.req_id + 1, 0, bad[i],
			    (uint32_t)strlen(bad[i]) + 1);
		ck_assert_int_eq(xen_xs_begin(&tx), -XEN_EIO);
		ck_assert_uint_eq(tx, XEN_XS_NONE);
		expect_broken();
		model_xs_hold(false);
		ck_assert_int_eq(xen_xs_reconnect(), 0);
	}
	xs_finish();
}

static bool no_visit(const char *name, void *arg)
{
	ck_abort_msg("'%s'", name);
}

static const char *listing;
static uint32_t listing_len;

static void list_by_hand(void)
{
	say_message(XS_DIRECTORY, asked().req_id, 0, listing, listing_len);
	store.page->req_cons = store.page->req_prod; /* taken */
}

static void bad_names(void)
{
	static const struct {
		const char *text;
		uint32_t len;
	} bad[] = {{"a\0b", 3}, {"", 1},     {"a\0\0b", 5}, {"a/b", 4},
		   {"/", 2},	{"a\0/", 4}, {"..\0/x", 6}};

	xs_begin();
	model_xs_hold(true);
	model_on_wait(step, NULL);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		listing = bad[i].text;
		listing_len = bad[i].len;
		misdeed = list_by_hand;
		ck_assert_int_eq(xen_xs_list(XEN_XS_NONE, "a", no_visit, NULL), -XEN_EINVAL);
		ck_assert(!xen_xs_broken());
	}
	model_on_wait(NULL, NULL);
	model_xs_hold(false);
	expect_health();
	xs_finish();
}

static void trickles(void)
{
	static char value[1900], back[2000];

	memset(value, 'v', sizeof(value) - 1);
	xs_begin();
	for (unsigned int bytes = 1; bytes < 40; bytes++) {
		model_xs_trickle(bytes);
		ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "long", value), 0);
		memset(back, 0, sizeof(back));
		ck_assert_int_eq(xen_xs_read(XEN_XS_NONE, "long", back, sizeof(back)), 0);
		ck_assert_str_eq(back, value);
		value[bytes]++;
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
	uint64_t hypercalls;

	xs_begin();
	watch_all(1);
	hypercalls = model_hypercalls();
	for (unsigned int i = 0; i < 100000; i++)
		model_event(store.port);
	ck_assert_uint_le(model_hypercalls() - hypercalls, 10);
	model_xs_write(HOME "/a", "x");
	model_clock_advance(50 * MS);
	xen_evtchn_poll();
	ck_assert_uint_eq(store.page->rsp_prod, store.page->rsp_cons);
	ck_assert(xen_xs_pending());
	xs_finish();
}

static void connect(void)
{
	store.page->connection = XENSTORE_CONNECTED;
}

static void beginnings(void)
{
	xs_prepare(1);
	ck_assert_int_eq(xen_xs_reconnect(), -XEN_EIO);
	ck_assert_int_eq(xs_error("a"), -XEN_EIO);
	ck_assert(!xen_xs_pending());
	ck_assert_uint_eq(xen_xs_dispatch(), 0);
	xen_xs_fini();
	ck_assert_int_eq(xen_xs_init(store.page, store.port + 1), -XEN_EINVAL);
	ck_assert_int_eq(xs_error("a"), -XEN_EIO);

	/* The toolstack has not connected the ring yet. */
	model_xs_hold(true);
	store.page->connection = XENSTORE_RECONNECT;
	ck_assert_int_eq(xen_xs_init(store.page, store.port), -XEN_ETIMEDOUT);
	model_on_wait(step, NULL);
	misdeed = connect;
	ck_assert_int_eq(xen_xs_init(store.page, store.port), 0);
	model_on_wait(NULL, NULL);
	model_xs_hold(false);
	expect_health();
	ck_assert_int_eq(xen_xs_init(store.page, store.port), -XEN_EBUSY);
	xen_xs_fini();
	xen_xs_fini();

	/* Left in the ring by another life of the kernel. */
	say("rubbish", 7);
	ck_assert_int_eq(xen_xs_init(store.page, store.port), 0);
	expect_health();
	xen_xs_fini();
	model_xs_hold(true);
	say("rubbish", 7);
	ck_assert_int_eq(xen_xs_init(store.page, store.port), -XEN_ETIMEDOUT);
	model_xs_hold(false);
	model_xs_features(0);
	say("rubbish", 7);
	ck_assert_int_eq(xen_xs_init(store.page, store.port), 0);
	expect_health();
	xs_finish();
}

static const struct unit_case cases[] = {
	{"what cannot be breaks the connection at once", misdeeds},
	{"a pause is taken for the start of a message", pause_is_a_boundary},
	{"a late reply completes nothing", too_late},
	{"half a request is completed or forgotten", half_sent},
	{"a reply to half a request breaks the connection", answered_early},
	{"the second half of a late reply completes nothing", half_received},
	{"XSA-115 322-326 330 414-421: a restart is survived", restart},
	{"a transaction ends with its connection", transaction_gone},
	{"a watch that is refused later is told and kept", watch_refused},
	{"xenstored dies while it is reconnected to", reconnecting_breaks},
	{"transactions without a good number", bad_numbers},
	{"lists of no names", bad_names},
	{"messages come and go in pieces", trickles},
	{"the ring's bytes are read once", read_once},
	{"random bytes and indices do no harm", random_bytes},
	{"events for nothing are answered ever later", storm},
	{"beginnings and ends", beginnings},
};

UNIT_MAIN("xenbus-broken", cases)
