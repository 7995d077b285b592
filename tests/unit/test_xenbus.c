/* SPDX-License-Identifier: MIT */
/*
 * The xenstore client when all is well: values, directories, transactions, device states. What
 * goes wrong is in test_xenbus-*.c.
 */
#include "xenbus_test.h"

#include "../../drivers/xen/xs-internal.h"

static void values(void)
{
	char value[8], longest[XENSTORE_PAYLOAD_MAX];

	xs_begin();
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a/b", "value"), 0);
	ck_assert_str_eq(model_xs_read(HOME "/a/b"), "value");
	ck_assert_str_eq(xs_value("a/b"), "value");
	ck_assert_str_eq(xs_value(HOME "/a/b"), "value");
	ck_assert_str_eq(xs_value("a"), "");
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a/b", ""), 0);
	ck_assert_str_eq(xs_value("a/b"), "");

	/* Room with the NUL, or none. */
	memset(value, 'x', sizeof(value));
	model_xs_write(HOME "/a/b", "1234567");
	ck_assert_int_eq(xen_xs_read(XEN_XS_NONE, "a/b", value, 7), -XEN_E2BIG);
	ck_assert_int_eq(xen_xs_read(XEN_XS_NONE, "a/b", value, 0), -XEN_E2BIG);
	ck_assert_int_eq(memcmp(value, "xxxxxxxx", 8), 0);
	ck_assert_int_eq(xen_xs_read(XEN_XS_NONE, "a/b", value, 8), 0);
	ck_assert_str_eq(value, "1234567");
	ck_assert_ptr_null(model_xs_request(0, XS_WRITE, 0, HOME "/a/b\0nul\0in", 25, NULL, NULL));
	ck_assert_int_eq(xen_xs_read(XEN_XS_NONE, "a/b", value, 8), -XEN_EINVAL);
	ck_assert_str_eq(value, "1234567");

	/* As much as one message holds, and one byte more. */
	memset(longest, 'y', sizeof(longest));
	longest[2000] = 0;
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a/b", longest), 0);
	ck_assert_str_eq(model_xs_read(HOME "/a/b"), longest);
	memset(longest, 'y', sizeof(longest));
	longest[XENSTORE_PAYLOAD_MAX - 4] = 0;
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a/b", longest), -XEN_ENOSPC); /* its quota */
	longest[XENSTORE_PAYLOAD_MAX - 4] = 'y';
	longest[XENSTORE_PAYLOAD_MAX - 3] = 0;
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a/b", longest), -XEN_E2BIG);

	ck_assert_int_eq(xen_xs_rm(XEN_XS_NONE, "a/b"), 0);
	ck_assert_int_eq(xs_error("a/b"), -XEN_ENOENT);
	ck_assert_int_eq(xen_xs_rm(XEN_XS_NONE, "a/b"), 0);
	ck_assert_int_eq(xen_xs_rm(XEN_XS_NONE, "a/b/c/d"), -XEN_ENOENT);
	ck_assert(!xen_xs_broken());
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	xs_finish();
}

static void paths(void)
{
	static const char *const bad[] = {"",	 "a//b",  "a/",	 "//", "a b",
					  "a.b", "a\x80", "/a/", "a\n"};
	static const char *const good[] = {"/", "/local", "a", "A-z_9/@", "aZ0", HOME};
	char path[XENSTORE_ABS_PATH_MAX + 2];
	uint32_t prod;

	xs_begin();
	prod = store.page->req_prod;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct xen_xs_watch watch = {.changed = NULL};

		ck_assert_int_eq(xs_error(bad[i]), -XEN_EINVAL);
		ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, bad[i], "x"), -XEN_EINVAL);
		ck_assert_int_eq(xen_xs_rm(XEN_XS_NONE, bad[i]), -XEN_EINVAL);
		ck_assert_int_eq(xen_xs_list(XEN_XS_NONE, bad[i], NULL, NULL), -XEN_EINVAL);
		strcpy(watch.path, bad[i]);
		ck_assert_int_eq(xen_xs_watch(&watch), -XEN_EINVAL);
	}
	ck_assert_uint_eq(store.page->req_prod, prod);
	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_int_ne(xs_error(good[i]), -XEN_EINVAL);
	memset(path, 'a', sizeof(path));
	path[XENSTORE_REL_PATH_MAX] = 0;
	ck_assert_int_eq(xs_error(path), -XEN_ENOENT);
	path[XENSTORE_REL_PATH_MAX] = 'a';
	path[XENSTORE_REL_PATH_MAX + 1] = 0;
	ck_assert_int_eq(xs_error(path), -XEN_E2BIG);
	path[XENSTORE_REL_PATH_MAX + 1] = 'a';
	path[0] = '/';
	path[XENSTORE_ABS_PATH_MAX] = 0;
	ck_assert_int_eq(xs_error(path), -XEN_ENOENT);
	path[XENSTORE_ABS_PATH_MAX] = 'a';
	path[XENSTORE_ABS_PATH_MAX + 1] = 0;
	ck_assert_int_eq(xs_error(path), -XEN_E2BIG);
	xs_finish();
}

static char seen[256];
static unsigned int visits, most_visits;

static bool note(const char *name, void *arg)
{
	strcat(strcat(seen, name), " ");
	ck_assert_str_eq(arg, "arg");
	return ++visits < most_visits;
}

/* What is called may talk to xenstored. */
static bool remove_it(const char *name, void *arg)
{
	char path[64] = "a/";

	ck_assert_int_eq(xen_xs_rm(XEN_XS_NONE, strcat(path, name)), 0);
	return true;
}

static void directories(void)
{
	xs_begin();
	ck_assert_int_eq(xen_xs_list(XEN_XS_NONE, "a", note, "arg"), -XEN_ENOENT);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a", ""), 0);
	ck_assert_int_eq(xen_xs_list(XEN_XS_NONE, "a", note, "arg"), 0);
	ck_assert_uint_eq(visits, 0);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a/one", ""), 0);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a/two/below", ""), 0);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a/3", ""), 0);
	most_visits = 9;
	ck_assert_int_eq(xen_xs_list(XEN_XS_NONE, "a", note, "arg"), 0);
	ck_assert_str_eq(seen, "one two 3 ");
	seen[0] = 0;
	visits = 0;
	most_visits = 2;
	ck_assert_int_eq(xen_xs_list(XEN_XS_NONE, "a", note, "arg"), 0);
	ck_assert_str_eq(seen, "one two ");
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_xs_list(XEN_XS_NONE, "a", note, "arg"), -XEN_ENOMEM);
	ck_assert_int_eq(xen_xs_list(XEN_XS_NONE, "a", remove_it, NULL), 0);
	ck_assert_int_eq(xs_error("a/two/below"), -XEN_ENOENT);
	xs_finish();
}

static void transactions(void)
{
	static const struct model_xs_quota many_tx = {1000, 128, 20, 2048, 5, "EQUOTA"};
	xen_xs_tx_t tx, other, many[11];

	xs_begin();
	ck_assert_int_eq(xen_xs_begin(&tx), 0);
	ck_assert_uint_ne(tx, XEN_XS_NONE);
	ck_assert_int_eq(xen_xs_write(tx, "a", "1"), 0);
	ck_assert_int_eq(xs_error("a"), -XEN_ENOENT);
	ck_assert_int_eq(xen_xs_end(tx, true), 0);
	ck_assert_int_eq(xs_error("a"), -XEN_ENOENT);
	ck_assert_int_eq(xen_xs_begin(&tx), 0);
	ck_assert_int_eq(xen_xs_write(tx, "a", "1"), 0);
	ck_assert_int_eq(xen_xs_end(tx, false), 0);
	ck_assert_str_eq(xs_value("a"), "1");

	/* Its number is never good again. */
	ck_assert_int_eq(xen_xs_write(tx, "a", "2"), -XEN_EIO);
	ck_assert_int_eq(xen_xs_end(tx, false), -XEN_EIO);
	ck_assert_int_eq(xen_xs_end(XEN_XS_NONE, false), -XEN_EINVAL);
	ck_assert(!xen_xs_broken());

	/* Somebody else was faster. */
	ck_assert_int_eq(xen_xs_begin(&tx), 0);
	ck_assert_int_eq(xen_xs_begin(&other), 0);
	ck_assert_uint_ne(tx, other);
	ck_assert_int_eq(xen_xs_write(tx, "a", "2"), 0);
	ck_assert_int_eq(xen_xs_write(other, "a", "3"), 0);
	ck_assert_int_eq(xen_xs_end(other, false), 0);
	ck_assert_int_eq(xen_xs_end(tx, false), -XEN_EAGAIN);
	ck_assert_int_eq(xen_xs_end(tx, false), -XEN_EIO);
	ck_assert_str_eq(xs_value("a"), "3");

	/* Ten, were there no quota; and no handle comes twice. */
	model_xs_quota(&many_tx);
	for (unsigned int i = 0; i < 10; i++) {
		ck_assert_int_eq(xen_xs_begin(&many[i]), 0);
		ck_assert_uint_gt(many[i], i ? many[i - 1] : other);
	}
	ck_assert_int_eq(xen_xs_begin(&many[10]), -XEN_ENOSPC);
	ck_assert_uint_eq(many[10], XEN_XS_NONE);
	ck_assert_uint_eq(model_xs_transactions(), 10);
	for (unsigned int i = 0; i < 10; i++)
		ck_assert_int_eq(xen_xs_end(many[9 - i], i & 1), 0);
	ck_assert_uint_eq(model_xs_transactions(), 0);
	ck_assert_int_eq(xen_xs_begin(&tx), 0);
	ck_assert_uint_gt(tx, many[9]);
	ck_assert_int_eq(xen_xs_end(tx, true), 0);
	xs_finish();
}

static unsigned int runs;
static int body_error;

static int count_up(xen_xs_tx_t tx, void *arg)
{
	uint64_t n = 0;
	char value[2] = "0";

	runs++;
	xen_xs_read_uint(tx, "count", 8, &n);
	value[0] = (char)('1' + n);
	ck_assert_int_eq(xen_xs_write(tx, "count", value), 0);
	return body_error;
}

static void retried(void)
{
	xs_begin();
	ck_assert_int_eq(xen_xs_transaction(count_up, NULL), 0);
	ck_assert_uint_eq(runs, 1);
	model_xs_conflict(15);
	ck_assert_int_eq(xen_xs_transaction(count_up, NULL), 0);
	ck_assert_uint_eq(runs, 1 + 16);
	ck_assert_str_eq(xs_value("count"), "2"); /* what did not succeed left nothing */
	model_xs_conflict(16);
	ck_assert_int_eq(xen_xs_transaction(count_up, NULL), -XEN_EAGAIN);
	ck_assert_uint_eq(runs, 1 + 16 + 16);
	body_error = -XEN_EAGAIN; /* the body's own errors are final */
	ck_assert_int_eq(xen_xs_transaction(count_up, NULL), -XEN_EAGAIN);
	ck_assert_uint_eq(runs, 1 + 16 + 16 + 1);
	ck_assert_str_eq(xs_value("count"), "2");
	model_xs_fail(XS_TRANSACTION_START, 1, "ENOSPC");
	ck_assert_int_eq(xen_xs_transaction(count_up, NULL), -XEN_ENOSPC);
	ck_assert_uint_eq(model_xs_transactions(), 0);
	xs_finish();
}

/* What other domains may not do is not relied upon, and what this one may not do is an error. */
static void rights(void)
{
	xs_begin();
	model_xs_write("/local/domain/0/backend/pci/1/0/state", "4");
	model_xs_set_perms("/local/domain/0/backend/pci/1/0/state", "n0", "r1");
	model_xs_write("/local/domain/0/backend/pci/1/0/secret", "s");
	model_xs_set_perms("/local/domain/0/backend/pci/1/0/secret", "n0", NULL);
	ck_assert_int_eq(xen_xenbus_read_state("/local/domain/0/backend/pci/1/0"),
			 XenbusStateConnected);
	ck_assert_int_eq(xs_error("/local/domain/0/backend/pci/1/0/secret"), -XEN_EACCES);
	ck_assert_int_eq(xs_error("/local/domain/0/backend/pci/1/0/secret/none"), -XEN_EACCES);
	ck_assert_int_eq(xen_xenbus_write_state("/local/domain/0/backend/pci/1/0",
						XenbusStateClosed),
			 -XEN_EACCES);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "/local/domain/2/x", ""), -XEN_EACCES);
	ck_assert_int_eq(xen_xs_rm(XEN_XS_NONE, "/local"), -XEN_EACCES);
	ck_assert_str_eq(model_xs_read("/local/domain/0/backend/pci/1/0/state"), "4");
	ck_assert_uint_eq(model_xs_transactions(), 0);
	ck_assert(!xen_xs_broken());
	xs_finish();
}

static void states(void)
{
	static const char *const odd[] = {"", "9", "10", "-1", " 4", "4 ", "04x", "four"};
	char deep[XEN_XS_PATH_MAX + 1];

	xs_begin();
	ck_assert_int_eq(xen_xenbus_read_state("device/pci/0"), XenbusStateUnknown);
	ck_assert_int_eq(xen_xenbus_write_state("device/pci/0", XenbusStateClosed), -XEN_ENOENT);
	ck_assert_int_eq(xs_error("device"), -XEN_ENOENT); /* not made */
	model_xs_write(HOME "/device/pci/0/state", "1");
	for (int state = XenbusStateUnknown; state <= XenbusStateReconfigured; state++) {
		ck_assert_int_eq(xen_xenbus_write_state("device/pci/0", state), 0);
		ck_assert_int_eq(xen_xenbus_read_state("device/pci/0"), state);
		ck_assert_str_ne(xen_xenbus_state_name(state), "no state");
	}
	ck_assert_str_eq(model_xs_read(HOME "/device/pci/0/state"), "8");
	ck_assert_str_eq(xen_xenbus_state_name(XenbusStateConnected), "Connected");
	ck_assert_str_eq(xen_xenbus_state_name(9), "no state");
	ck_assert_str_eq(xen_xenbus_state_name(-1), "no state");
	ck_assert_int_eq(xen_xenbus_write_state("device/pci/0", 9), -XEN_EINVAL);
	ck_assert_int_eq(xen_xenbus_write_state("device/pci/0", -1), -XEN_EINVAL);
	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		model_xs_write(HOME "/device/pci/0/state", odd[i]);
		ck_assert_int_eq(xen_xenbus_read_state("device/pci/0"), XenbusStateUnknown);
	}
	/* Odd or too long, it is replaced. */
	ck_assert_int_eq(xen_xenbus_write_state("device/pci/0", XenbusStateClosing), 0);
	memset(deep, 'x', sizeof(deep));
	deep[XEN_XS_PATH_MAX] = 0;
	model_xs_write(HOME "/device/pci/0/state", deep);
	ck_assert_int_eq(xen_xenbus_write_state("device/pci/0", XenbusStateClosing), 0);
	ck_assert_str_eq(model_xs_read(HOME "/device/pci/0/state"), "5");
	model_xs_conflict(3);
	ck_assert_int_eq(xen_xenbus_write_state("device/pci/0", XenbusStateClosed), 0);
	ck_assert_str_eq(model_xs_read(HOME "/device/pci/0/state"), "6");

	/* The longest directory that has room for its state. */
	deep[XEN_XS_PATH_MAX - sizeof("/state")] = 0;
	ck_assert_int_eq(xen_xenbus_write_state(deep, XenbusStateClosed), -XEN_ENOENT);
	deep[XEN_XS_PATH_MAX - sizeof("/state")] = 'x';
	deep[XEN_XS_PATH_MAX - sizeof("/state") + 1] = 0;
	ck_assert_int_eq(xen_xenbus_write_state(deep, XenbusStateClosed), -XEN_E2BIG);
	ck_assert_int_eq(xen_xenbus_read_state(deep), XenbusStateUnknown);
	xs_finish();
}

static void quotas(void)
{
	static const char *const errors[] = {"ENOSPC", "EQUOTA"};
	struct xen_xs_watch watch[3] = {{.path = "a"}, {.path = "b"}, {.path = "c"}};
	xen_xs_tx_t tx[3];

	xs_begin();
	for (unsigned int i = 0; i < 2; i++) {
		const struct model_xs_quota quota = {4, 2, 2, 10, 2, errors[i]};

		model_xs_quota(&quota);
		ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a/b/c", "0123456789"), 0);
		ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "a/b/c", "01234567890"), -XEN_ENOSPC);
		ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "d", ""), -XEN_ENOSPC);
		ck_assert_int_eq(xen_xs_begin(&tx[0]), 0);
		ck_assert_int_eq(xen_xs_begin(&tx[1]), 0);
		ck_assert_int_eq(xen_xs_begin(&tx[2]), -XEN_ENOSPC);
		ck_assert_int_eq(xen_xs_end(tx[0], true), 0);
		ck_assert_int_eq(xen_xs_end(tx[1], true), 0);
		ck_assert_int_eq(xen_xs_watch(&watch[0]), 0);
		ck_assert_int_eq(xen_xs_watch(&watch[1]), 0);
		ck_assert_int_eq(xen_xs_watch(&watch[2]), -XEN_E2BIG);
		xen_xs_unwatch(&watch[2]); /* was not set */
		xen_xs_unwatch(&watch[1]);
		ck_assert_int_eq(xen_xs_watch(&watch[2]), 0);
		xen_xs_unwatch(&watch[2]);
		xen_xs_unwatch(&watch[0]);
		ck_assert_int_eq(xen_xs_rm(XEN_XS_NONE, "a"), 0);
	}
	ck_assert(!xen_xs_broken());
	xs_finish();
}

static int note_number(xen_xs_tx_t tx, void *arg)
{
	*(xen_xs_tx_t *)arg = tx;
	return xen_xs_write(tx, HOME "/x", "1");
}

/* Numbers of transactions come to their end; the one that means none is passed over. */
static void numbers_end(void)
{
	xen_xs_tx_t tx = XEN_XS_NONE;

	xs_begin();
	xen_xs.last_tx = UINT32_MAX - 1;
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(xen_xs_transaction(note_number, &tx), 0);
		ck_assert_uint_ne(tx, XEN_XS_NONE);
	}
	ck_assert_uint_eq(model_xs_transactions(), 0);
	xs_finish();
}

static const struct unit_case cases[] = {
	{"values are written, read and removed", values},
	{"paths are judged before they are sent", paths},
	{"children are listed", directories},
	{"transactions take effect whole or not at all", transactions},
	{"a transaction that conflicts is run again", retried},
	{"none of 2^32 transactions is none", numbers_end},
	{"XSA-57 175 178: rights decide, and their errors are told", rights},
	{"device states are read, written and named", states},
	{"XSA-115 322-326 330 414-421: quotas are errors and "
	 "no more",
	 quotas},
};

UNIT_MAIN("xenbus", cases)
