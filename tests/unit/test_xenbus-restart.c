/* SPDX-License-Identifier: MIT */
/*
 * The xenstore client and a xenstored that begins anew: connections made, lost and made again.
 */
#include "xenbus_test.h"

static void other_type(void)
{
	say_message(XS_WRITE, asked().req_id, 0, "OK", 3);
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
	xen_xs_unwatch(&watched[1]); /* nothing to tell to anybody */
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

static void connect(void)
{
	store.page->connection = XENSTORE_CONNECTED;
}

static unsigned int counted;

static void count(void *arg)
{
	counted++;
}

static void beginnings(void)
{
	xen_xs_tx_t tx;

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

	/* What was broken, or open, ends with it. */
	for (unsigned int i = 0; i < 10; i++)
		ck_assert_int_eq(xen_xs_begin(&tx), 0);
	model_xs_restart();
	ck_assert(!xen_xs_pending());
	expect_broken();
	xen_xs_fini();
	ck_assert_int_eq(xen_xs_init(store.page, store.port), 0);
	ck_assert_int_eq(xen_xs_end(tx, true), -XEN_EIO);
	ck_assert_int_eq(xen_xs_begin(&tx), 0);
	ck_assert_int_eq(xen_xs_end(tx, true), 0);
	expect_health();
	xen_xs_fini();

	/* The port may be somebody else's now. */
	ck_assert_int_eq(xen_evtchn_bind(store.port, 0, count, NULL), 0);
	xen_xs_fini();
	counted = 0;
	model_event(store.port);
	ck_assert_uint_eq(counted, 1);
	xen_evtchn_unbind(store.port);

	/* Left in the ring by another life of the kernel. */
	say("rubbish", 7);
	ck_assert_int_eq(xen_xs_init(store.page, store.port), 0);
	expect_health();
	xen_xs_fini();
	model_xs_hold(true);
	say("rubbish", 7);
	ck_assert_int_eq(xen_xs_init(store.page, store.port), -XEN_ETIMEDOUT);
	ck_assert_uint_eq(store.page->rsp_prod - store.page->rsp_cons, 7); /* not ours to change */
	model_xs_hold(false);
	model_xs_features(0);
	say("rubbish", 7);
	store.page->req_prod = store.page->req_cons + 3;
	ck_assert_int_eq(xen_xs_init(store.page, store.port), 0);
	ck_assert(!xen_xs_pending());
	expect_health();
	xs_finish();
}

static void replies_ahead(void)
{
	store.page->rsp_prod += XENSTORE_RING_SIZE + 1;
}

static void requests_ahead(void)
{
	store.page->req_cons = store.page->req_prod + 1;
}

static void replies_untaken(void)
{
	store.page->rsp_cons--;
}

static void requests_unmade(void)
{
	store.page->req_prod--;
}

static void nothing(void)
{
}

/* The most that can be under way. */
static void all_full(void)
{
	static char filler[XENSTORE_RING_SIZE];
	const uint32_t header = sizeof(struct xsd_sockmsg);

	store.page->req_cons = store.page->req_prod - XENSTORE_RING_SIZE;
	say_message(XS_READ, 0, 0, filler, XENSTORE_RING_SIZE - header);
}

/* Any index that is not where it should be: the ring was set back. None: it was not. */
static void followed(void)
{
	static void (*const set_back[])(void) = {replies_ahead, requests_ahead, replies_untaken,
						 requests_unmade};
	static void (*const as_before[])(void) = {nothing, all_full};
	struct xenstore_domain_interface *page;
	uint32_t cons, prod;

	for (unsigned int i = 0; i < 6; i++) {
		xs_begin();
		page = store.page;
		model_xs_features(0);
		model_xs_hold(true);
		ck_assert_int_eq(xs_error("a"), -XEN_ETIMEDOUT);
		i < 4 ? set_back[i]() : as_before[i - 4]();
		cons = page->req_cons;
		prod = page->req_prod;
		ck_assert_int_eq(xen_xs_reconnect(), -XEN_ETIMEDOUT); /* its own request */
		if (i < 4) {
			ck_assert_uint_eq(page->req_prod, cons + sizeof(struct xsd_sockmsg) + 1);
			ck_assert_uint_eq(page->rsp_cons, page->rsp_prod);
		} else if (i == 4) {
			ck_assert_uint_eq(page->req_prod, prod + sizeof(struct xsd_sockmsg) + 1);
		} else {
			ck_assert_uint_eq(page->req_prod, prod); /* it is full */
		}
		model_xs_restart();
		model_xs_hold(false);
		ck_assert_int_eq(xen_xs_reconnect(), 0);
		expect_health();
		xs_finish();
	}
}

static uint64_t waited;

/* What follows nonsense, with pauses too short to be the end of it. */
static void talk(void *arg)
{
	waited += 1;
	if (waited == 1)
		other_type();
	if (waited == 50 || waited == 140 || waited == 230)
		say("\1\2\3\4\5\6\7", 7);
	if (waited == 300)
		model_xs_hold(false);
}

static void drained(void)
{
	uint64_t begun;

	xs_begin();
	model_xs_features(0);
	watch_all(1);
	model_xs_hold(true);
	model_on_wait(talk, NULL);
	ck_assert_int_eq(xs_error("a"), -XEN_EIO);
	begun = xen_port_clock_ns();
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	model_on_wait(NULL, NULL);
	/* The reply came at 300 ms; then there was silence for 100 ms, or the clock stood still. */
	ck_assert_uint_ge(xen_port_clock_ns() - begun, 398 * MS);
	ck_assert_uint_le(xen_port_clock_ns() - begun, 403 * MS);
	expect_health();

	/* More has come than the ring holds. */
	waited = 0;
	model_xs_hold(true);
	model_on_wait(talk, NULL);
	ck_assert_int_eq(xs_error("a"), -XEN_EIO);
	model_on_wait(NULL, NULL);
	model_xs_hold(false);
	for (unsigned int i = 0; i < 200; i++)
		model_xs_write(HOME "/a", "x");
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	expect_health();
	xs_finish();
}

/* Late first, and then senseless: that is one fault. */
static void late_nonsense(void)
{
	xs_begin();
	model_xs_features(0);
	model_xs_hold(true);
	ck_assert_int_eq(xs_error("a"), -XEN_ETIMEDOUT);
	say_message(XS_READ, 0, 0, "", UINT32_MAX);
	model_xs_hold(false);
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	expect_health();
	xs_finish();
}

static const struct unit_case cases[] = {
	{"a pause is taken for the start of a message", pause_is_a_boundary},
	{"XSA-115 322-326 330 414-421: a restart is survived", restart},
	{"a transaction ends with its connection", transaction_gone},
	{"a watch that is refused later is told and kept", watch_refused},
	{"xenstored dies while it is reconnected to", reconnecting_breaks},
	{"beginnings and ends", beginnings},
	{"a ring that was set back is followed", followed},
	{"after nonsense there is a pause", drained},
	{"late nonsense is one fault", late_nonsense},
};

UNIT_MAIN("xenbus-restart", cases)
