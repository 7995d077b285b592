/* SPDX-License-Identifier: MIT */
/*
 * The model's xenstore, over its ring by a small client, and as other domains without one. Errors
 * are those of Xen 4.17's xenstored.
 */
#include <model/domain.h>
#include <model/xenstore.h>

#include "guest.h"

#define PAYLOAD XENSTORE_PAYLOAD_MAX

static struct model_xs_link store;
static unsigned int rings; /* events */
static char got[PAYLOAD + 1];
static struct xsd_sockmsg reply;

static void ring_event(void *arg)
{
	rings++;
}

static void begin(bool domu)
{
	const struct model_params params = {.domu = domu};

	guest_start(&params);
	model_xs_start();
	store = model_xs_link();
	ck_assert_int_eq(xen_evtchn_bind(store.port, 0, ring_event, NULL), 0);
}

static void finish(void)
{
	xen_evtchn_unbind(store.port);
	model_xs_stop();
	ck_assert(model_stop());
}

static void kick(void)
{
	struct evtchn_send op = {.port = store.port};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_send, &op), 0);
}

/* All of @len bytes; false when the other side takes no more. */
static bool put(const void *bytes, size_t len)
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

static bool take(void *bytes, size_t len)
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
static bool next(void)
{
	if (!take(&reply, sizeof(reply)))
		return false;
	ck_assert_uint_le(reply.len, PAYLOAD);
	ck_assert(take(got, reply.len));
	got[reply.len] = 0;
	return true;
}

static uint32_t last_id;

static bool say(uint32_t type, uint32_t tx, const void *payload, size_t len)
{
	const struct xsd_sockmsg header = {
		.type = type, .req_id = ++last_id, .tx_id = tx, .len = (uint32_t)len};

	return put(&header, sizeof(header)) && put(payload, len);
}

/* A request and its reply: NULL, or the error. */
static const char *ask(uint32_t type, uint32_t tx, const void *payload, size_t len)
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

static void expect_event(const char *path, const char *token)
{
	ck_assert_msg(next(), "no event for %s", path);
	ck_assert_uint_eq(reply.type, XS_WATCH_EVENT);
	ck_assert_uint_eq(reply.req_id, 0);
	ck_assert_str_eq(got, path);
	ck_assert_str_eq(got + strlen(path) + 1, token);
}

static void expect_nothing(void)
{
	ck_assert(!next());
}

static void nodes(void)
{
	begin(false);
	ck_assert_ptr_null(ASK_WRITE(0, "/a/b/c\0value"));
	ck_assert_ptr_null(ASK(XS_READ, 0, "/a/b/c"));
	ck_assert_str_eq(got, "value");
	ck_assert_uint_eq(reply.len, 5); /* no NUL behind it */
	ck_assert_ptr_null(ASK(XS_READ, 0, "/a/b"));
	ck_assert_uint_eq(reply.len, 0);
	ck_assert_ptr_null(ASK_WRITE(0, "/a/x\0"));
	ck_assert_ptr_null(ASK(XS_MKDIR, 0, "/a/x"));
	ck_assert_ptr_null(ASK(XS_MKDIR, 0, "/a/y"));
	ck_assert_ptr_null(ASK(XS_DIRECTORY, 0, "/a"));
	ck_assert_uint_eq(reply.len, 6);
	ck_assert_int_eq(memcmp(got, "b\0x\0y\0", 6), 0);
	ck_assert_str_eq(ASK(XS_READ, 0, "/nothing"), "ENOENT");
	ck_assert_ptr_null(ASK(XS_RM, 0, "/a/b"));
	ck_assert_str_eq(ASK(XS_READ, 0, "/a/b/c"), "ENOENT");
	ck_assert_ptr_null(ASK(XS_RM, 0, "/a/b"));
	ck_assert_str_eq(ASK(XS_RM, 0, "/a/b/c"), "ENOENT");
	ck_assert_str_eq(ASK(XS_RM, 0, "/"), "EINVAL");
	ck_assert_str_eq(ASK(XS_READ, 0, "/a//b"), "EINVAL");
	ck_assert_str_eq(ASK(XS_READ, 0, "/a/"), "EINVAL");
	ck_assert_str_eq(ASK(XS_READ, 0, "/a b"), "EINVAL");
	ck_assert_str_eq(ASK(XS_READ, 0, ""), "EINVAL");
	ck_assert_str_eq(ask(XS_READ, 0, "/a", 2), "EINVAL"); /* not terminated */
	ck_assert_str_eq(ask(99, 0, "/a", 3), "ENOSYS");
	/* Below its home, without a slash. */
	ck_assert_ptr_null(ASK_WRITE(0, "device/pci\0here"));
	ck_assert_str_eq(model_xs_read("/local/domain/0/device/pci"), "here");
	ck_assert_ptr_null(ASK(XS_GET_DOMAIN_PATH, 0, "5"));
	ck_assert_str_eq(got, "/local/domain/5");
	ck_assert_uint_gt(rings, 0);
	finish();
}

static void permissions(void)
{
	static const char others[] = "/own";
	char answer[PAYLOAD];

	begin(true);
	model_xs_write("/local/domain/1", "");
	model_xs_set_perms("/local/domain/1", "n1", NULL);
	model_xs_write("/secret/deep", "x");
	model_xs_set_perms("/secret", "n0", NULL);
	model_xs_set_perms("/secret/deep", "n0", "r1");
	ck_assert_str_eq(ASK(XS_READ, 0, "/secret"), "EACCES");
	ck_assert_ptr_null(ASK(XS_READ, 0, "/secret/deep"));
	ck_assert_str_eq(ASK_WRITE(0, "/secret/deep\0y"), "EACCES");
	ck_assert_str_eq(ASK_WRITE(0, "/secret/new\0y"), "EACCES");
	ck_assert_str_eq(ASK(XS_READ, 0, "/secret/none"), "EACCES"); /* not even that */
	ck_assert_str_eq(ASK(XS_RM, 0, "/secret/deep"), "EACCES");
	ck_assert_str_eq(ASK(XS_MKDIR, 0, "/new"), "EACCES");
	ck_assert_ptr_null(ASK_WRITE(0, "mine/a\0b"));
	ck_assert_ptr_null(ASK(XS_GET_PERMS, 0, "mine/a"));
	ck_assert_str_eq(got, "n1");
	ck_assert_str_eq(ASK(XS_SET_PERMS, 0, "mine/a\0n0"), "EPERM");
	ck_assert_str_eq(ASK(XS_SET_PERMS, 0, "mine/a\0q1"), "EINVAL");
	ck_assert_str_eq(ASK(XS_SET_PERMS, 0, "mine/a"), "EINVAL");
	ck_assert_str_eq(ASK(XS_SET_PERMS, 0, "/secret/deep\0n1"), "EACCES");
	ck_assert_ptr_null(ASK(XS_SET_PERMS, 0, "mine/a\0n1\0r7\0b8"));
	ck_assert_ptr_null(ASK(XS_GET_PERMS, 0, "mine/a"));
	ck_assert_int_eq(memcmp(got, "n1\0r7\0b8\0", 9), 0);
	ck_assert_str_eq(ASK(XS_WATCH, 0, "@introduceDomain\0t"), "EACCES");
	ck_assert_str_eq(ASK(XS_INTRODUCE, 0,
			     "7\0"
			     "1\0"
			     "1"),
			 "EACCES");
	/* Another domain. */
	ck_assert_ptr_null(
		model_xs_request(7, XS_READ, 0, "/local/domain/1/mine/a", 23, answer, NULL));
	ck_assert_str_eq(model_xs_request(7, XS_WRITE, 0, "/local/domain/1/mine/a\0z", 24, NULL,
					  NULL),
			 "EACCES");
	ck_assert_ptr_null(
		model_xs_request(8, XS_WRITE, 0, "/local/domain/1/mine/a\0z", 24, NULL, NULL));
	ck_assert_str_eq(model_xs_request(9, XS_MKDIR, 0, others, sizeof(others), NULL, NULL),
			 "EACCES");
	finish();
}

static void watches(void)
{
	begin(false);
	ck_assert_ptr_null(ASK(XS_WATCH, 0, "/dev\0token"));
	expect_event("/dev", "token"); /* each watch is told once for nothing */
	ck_assert_str_eq(ASK(XS_WATCH, 0, "/dev\0token"), "EEXIST");
	ck_assert_ptr_null(ASK(XS_WATCH, 0, "/dev/deep/er\0two"));
	expect_event("/dev/deep/er", "two");
	ck_assert_str_eq(ASK(XS_WATCH, 0, "/dev"), "EINVAL");
	ck_assert_uint_eq(model_xs_watches(), 2);
	model_xs_write("/dev/deep/er", "1");
	expect_event("/dev/deep/er", "token");
	expect_event("/dev/deep/er", "two");
	model_xs_write("/devices", "1"); /* no part of it */
	expect_nothing();
	model_xs_set_perms("/dev/deep", "n0", NULL);
	expect_event("/dev/deep", "token");
	model_xs_rm("/dev/deep");
	expect_event("/dev/deep", "token");
	expect_event("/dev/deep/er", "two"); /* it went with what was above */
	ck_assert_str_eq(ASK(XS_UNWATCH, 0, "/dev\0other"), "ENOENT");
	ck_assert_ptr_null(ASK(XS_UNWATCH, 0, "/dev\0token"));
	model_xs_write("/dev/deep", "1");
	expect_nothing();
	ck_assert_ptr_null(ASK(XS_WATCH, 0, "device\0rel"));
	expect_event("device", "rel");
	model_xs_write("/local/domain/0/device/x", "1");
	expect_event("device/x", "rel");
	ck_assert_ptr_null(ASK(XS_WATCH, 0, "@introduceDomain\0in"));
	expect_event("@introduceDomain", "in");
	ck_assert_ptr_null(model_xs_request(0, XS_INTRODUCE, 0,
					    "9\0"
					    "1\0"
					    "1",
					    6, NULL, NULL));
	expect_event("@introduceDomain", "in");
	ck_assert_ptr_null(ASK(XS_IS_DOMAIN_INTRODUCED, 0, "9"));
	ck_assert_str_eq(got, "T");
	ck_assert_ptr_null(ASK(XS_RELEASE, 0, "9"));
	ck_assert_str_eq(ASK(XS_RELEASE, 0, "9"), "ENOENT");
	ck_assert_ptr_null(ASK(XS_RESET_WATCHES, 0, ""));
	ck_assert_uint_eq(model_xs_watches(), 0);
	finish();
}

/* What one may not read, one is not told of. */
static void watches_and_permissions(void)
{
	begin(true);
	ck_assert_ptr_null(ASK(XS_WATCH, 0, "/dev\0t"));
	expect_event("/dev", "t");
	model_xs_write("/dev", "");
	expect_event("/dev", "t");
	model_xs_set_perms("/dev", "n0", NULL);
	model_xs_write("/dev/a", "secret");
	expect_nothing();
	model_xs_set_perms("/dev/a", "n0", "r1");
	expect_event("/dev/a", "t");
	finish();
}

static uint32_t start_tx(void)
{
	ck_assert_ptr_null(ASK(XS_TRANSACTION_START, 0, ""));
	return (uint32_t)strtoul(got, NULL, 10);
}

static void transactions(void)
{
	uint32_t tx;

	begin(false);
	model_xs_write("/a/one", "1");
	ck_assert_ptr_null(ASK(XS_WATCH, 0, "/a\0t"));
	expect_event("/a", "t");
	tx = start_tx();
	ck_assert_uint_gt(tx, 0);
	ck_assert_ptr_null(ASK_WRITE(tx, "/a/two\0"
					 "2"));
	ck_assert_ptr_null(ASK(XS_RM, tx, "/a/one"));
	ck_assert_ptr_null(ASK(XS_READ, tx, "/a/two"));
	ck_assert_ptr_null(model_xs_read("/a/two")); /* not yet */
	ck_assert_str_eq(model_xs_read("/a/one"), "1");
	ck_assert_str_eq(ASK(XS_TRANSACTION_START, tx, ""), "EBUSY");
	ck_assert_str_eq(ASK(XS_TRANSACTION_END, tx, "X"), "EINVAL");
	model_xs_write("/elsewhere", "no conflict");
	/* The events come before the reply: they are queued when it happens. */
	ck_assert(say(XS_TRANSACTION_END, tx, "T", 2));
	expect_event("/a/one", "t");
	expect_event("/a/two", "t");
	ck_assert(next());
	ck_assert_uint_eq(reply.type, XS_TRANSACTION_END);
	ck_assert_str_eq(model_xs_read("/a/two"), "2");
	ck_assert_ptr_null(model_xs_read("/a/one"));
	ck_assert_str_eq(ASK(XS_TRANSACTION_END, tx, "T"), "ENOENT");
	ck_assert_str_eq(ASK(XS_READ, 77, "/a/two"), "ENOENT");

	tx = start_tx(); /* what was read has changed */
	ck_assert_ptr_null(ASK(XS_READ, tx, "/a/two"));
	model_xs_write("/a/two", "3");
	expect_event("/a/two", "t");
	ck_assert_str_eq(ASK(XS_TRANSACTION_END, tx, "T"), "EAGAIN");
	tx = start_tx(); /* what was missing has come */
	ck_assert_str_eq(ASK(XS_READ, tx, "/a/three"), "ENOENT");
	model_xs_write("/a/three", "3");
	expect_event("/a/three", "t");
	ck_assert_str_eq(ASK(XS_TRANSACTION_END, tx, "T"), "EAGAIN");
	tx = start_tx(); /* what was listed has a new child */
	ck_assert_ptr_null(ASK(XS_DIRECTORY, tx, "/a"));
	model_xs_write("/a/four", "4");
	expect_event("/a/four", "t");
	ck_assert_str_eq(ASK(XS_TRANSACTION_END, tx, "T"), "EAGAIN");
	tx = start_tx(); /* given up */
	ck_assert_ptr_null(ASK_WRITE(tx, "/a/two\0"
					 "9"));
	ck_assert_ptr_null(ASK(XS_TRANSACTION_END, tx, "F"));
	ck_assert_str_eq(model_xs_read("/a/two"), "3");
	model_xs_conflict(1);
	tx = start_tx();
	ck_assert_str_eq(ASK(XS_TRANSACTION_END, tx, "T"), "EAGAIN");
	ck_assert_uint_eq(model_xs_transactions(), 0);
	finish();
}

static void quotas(void)
{
	static const struct model_xs_quota small = {.nodes = 3,
						    .watches = 2,
						    .transactions = 1,
						    .value = 8,
						    .perms = 2,
						    .error = "EQUOTA"};

	begin(true);
	model_xs_write("/local/domain/1", "");
	model_xs_set_perms("/local/domain/1", "n1", NULL);
	model_xs_quota(&small);
	ck_assert_uint_eq(model_xs_nodes(1), 1);
	ck_assert_ptr_null(ASK_WRITE(0, "a/b\0"
					"12345678"));
	ck_assert_str_eq(ASK_WRITE(0, "a/b\0"
				      "123456789"),
			 "EQUOTA");
	ck_assert_str_eq(ASK(XS_MKDIR, 0, "c"), "EQUOTA");
	ck_assert_ptr_null(ASK(XS_RM, 0, "a/b"));
	ck_assert_ptr_null(ASK(XS_MKDIR, 0, "c"));
	ck_assert_str_eq(ASK(XS_SET_PERMS, 0, "c\0n1\0r2\0r3"), "EQUOTA");
	for (char i = '0'; i < '2'; i++) {
		const char payload[] = {'/', i, 0, 't', 0};

		ck_assert_ptr_null(ask(XS_WATCH, 0, payload, 5));
		ck_assert(next());
	}
	ck_assert_str_eq(ASK(XS_WATCH, 0, "/2\0t"), "E2BIG");
	start_tx();
	ck_assert_str_eq(ASK(XS_TRANSACTION_START, 0, ""), "EQUOTA");
	model_xs_write("/local/domain/1/d", "0 has no quota");
	finish();
}

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
	{"nodes are written, listed, read and removed", nodes},
	{"rights decide, and a guest owns what it makes", permissions},
	{"watches are told of what changes at and below", watches},
	{"no watch tells what may not be read", watches_and_permissions},
	{"a transaction is all or nothing, or EAGAIN", transactions},
	{"quotas bound what is not privileged", quotas},
	{"messages come in pieces", long_messages},
	{"what makes no sense ends the link", link_errors},
	{"B 115,322-326,330,414-421: faults on demand", faults},
	{"the test's own mistakes are breaches", misuse},
};

UNIT_MAIN("model-xenstore", cases)
