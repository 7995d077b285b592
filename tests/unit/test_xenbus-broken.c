/* SPDX-License-Identifier: MIT */
/*
 * The xenstore client and a xenstored that says what it must not: it breaks the connection, if
 * that, and nothing else.
 */
#include "xenbus_test.h"

static void too_many_replies(void)
{
	store.page->rsp_prod += XENSTORE_RING_SIZE + 1;
}

static void replies_taken_back(void)
{
	store.page->rsp_prod--;
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

static void misdeeds_each(void)
{
	static void (*const all[])(void) = {
		too_many_replies,
		replies_taken_back,
		our_index_moved,
		our_other_index_moved,
		too_long,
		as_long_as_can_be,
		other_type,
		other_transaction,
		error_without_name,
		empty_error,
		event_without_token,
		event_without_end,
		empty_event,
		gave_up,
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

static void reply_before_request(void)
{
	say_message(XS_WRITE, asked().req_id, 0, "OK", 3);
}

/* While more of it is to be sent. */
static void requests_not_made(void)
{
	store.page->req_cons = store.page->req_prod + 1;
}

/* As when the ring is set back, and there would be room for the rest. */
static void set_back(void)
{
	store.page->req_prod--;
	store.page->req_cons = store.page->req_prod;
}

static void answered_early(void)
{
	static void (*const all[])(void) = {reply_before_request, requests_not_made, set_back};
	static char value[1800];

	memset(value, 'v', sizeof(value) - 1);
	xs_begin();
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t begun = xen_port_clock_ns();

		model_xs_hold(true);
		meanwhile(all[i]);
		ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "long", value), -XEN_EIO);
		ck_assert_uint_lt(xen_port_clock_ns() - begun, 10 * MS);
		meanwhile(NULL);
		expect_broken();
		model_xs_hold(false);
		ck_assert_int_eq(xen_xs_reconnect(), 0);
		expect_health();
	}
	xs_finish();
}

static void answered_twice(void)
{
	const struct xsd_sockmsg request = asked();

	say_message(XS_READ, request.req_id, 0, "first", 5);
	say_message(XS_READ, request.req_id, 0, "second", 6);
	store.page->req_cons = store.page->req_prod;
}

static void second_reply(void)
{
	xs_begin();
	model_xs_hold(true);
	meanwhile(answered_twice);
	ck_assert_str_eq(xs_value("a"), "first");
	meanwhile(NULL);
	model_xs_hold(false);
	expect_health();
	xs_finish();
}

/* The reply that reconnecting waits for, and what breaks the connection right behind it. */
static void mended_and_broken(void)
{
	say_message(asked().type, asked().req_id, 0, "OK", 3);
	as_long_as_can_be();
	store.page->req_cons = store.page->req_prod;
}

static void broken_again(void)
{
	xs_begin();
	watch_all(1);
	model_xs_features(0);
	model_xs_hold(true);
	meanwhile(mended_and_broken);
	ck_assert_int_eq(xen_xs_reconnect(), -XEN_EIO);
	meanwhile(NULL);
	expect_broken();
	model_xs_hold(false);
	model_xs_restart();
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	ck_assert_uint_eq(xen_xs_dispatch(), 1); /* the watch is back */
	expect_health();
	xs_finish();
}

/* A field that nobody said to mean anything is not looked at. */
static void error_field(void)
{
	xs_begin();
	model_xs_features(XENSTORE_SERVER_FEATURE_RECONNECTION);
	store.page->error = XENSTORE_ERROR_COMM;
	expect_health();
	store.page->error = 0;
	xs_finish();
}

static struct xsd_sockmsg first_request;

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

static const struct unit_case cases[] = {
	{"what cannot be breaks the connection at once", misdeeds},
	{"a reply to half a request breaks the connection", answered_early},
	{"the second reply to a request is nobody's", second_reply},
	{"a connection that breaks while it is mended is not mended", broken_again},
	{"the error field counts where it is offered", error_field},
	{"transactions without a good number", bad_numbers},
	{"lists of no names", bad_names},
};

UNIT_MAIN("xenbus-broken", cases)
