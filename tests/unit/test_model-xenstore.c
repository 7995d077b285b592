/* SPDX-License-Identifier: MIT */
/*
 * The model's xenstore: nodes, rights, watches, transactions, quotas, over its ring and as other
 * domains without one. Errors are those of Xen 4.17's xenstored.
 */
#include "xs_test.h"

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

static const struct unit_case cases[] = {
	{"nodes are written, listed, read and removed", nodes},
	{"rights decide, and a guest owns what it makes", permissions},
	{"watches are told of what changes at and below", watches},
	{"no watch tells what may not be read", watches_and_permissions},
	{"a transaction is all or nothing, or EAGAIN", transactions},
	{"quotas bound what is not privileged", quotas},
};

UNIT_MAIN("model-xenstore", cases)
