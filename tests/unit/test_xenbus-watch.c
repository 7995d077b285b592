/* SPDX-License-Identifier: MIT */
/*
 * Watches of the xenstore client: events become flags, flags become calls; what is not ours, comes
 * late or too often costs nothing.
 */
#include <pthread.h>

#include "xenbus_test.h"

struct seen {
	struct xen_xs_watch watch;
	unsigned int calls;
	const char *tell; /* a path to write when called */
	struct seen *end; /* a watch to end when called */
};

static void changed(struct xen_xs_watch *watch)
{
	struct seen *seen = watch->arg;

	seen->calls++;
	if (seen->tell)
		ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, seen->tell, "again"), 0);
	if (seen->end)
		xen_xs_unwatch(&seen->end->watch);
}

static int set(struct seen *seen, const char *path)
{
	memset(seen, 0, sizeof(*seen));
	strcpy(seen->watch.path, path);
	seen->watch.changed = changed;
	seen->watch.arg = seen;
	return xen_xs_watch(&seen->watch);
}

static void coalesced(void)
{
	struct seen a, b;

	xs_begin();
	ck_assert(!xen_xs_pending());
	ck_assert_uint_eq(xen_xs_dispatch(), 0);
	ck_assert_int_eq(set(&a, "a"), 0);
	ck_assert(xen_xs_pending()); /* each fires once */
	ck_assert_uint_eq(xen_xs_dispatch(), 1);
	ck_assert(!xen_xs_pending());
	ck_assert_int_eq(set(&b, "a/b"), 0);
	ck_assert_int_eq(xen_xs_watch(&b.watch), -XEN_EBUSY);
	ck_assert_uint_eq(xen_xs_dispatch(), 1);
	ck_assert_uint_eq(a.calls, 1);
	ck_assert_uint_eq(b.calls, 1);
	for (unsigned int i = 0; i < 10; i++)
		model_xs_write(HOME "/a/b", "x");
	model_xs_write(HOME "/other", "x");
	ck_assert_uint_eq(xen_xs_dispatch(), 2);
	ck_assert_uint_eq(a.calls, 2);
	ck_assert_uint_eq(b.calls, 2);
	model_xs_write(HOME "/a", "x");
	ck_assert_uint_eq(xen_xs_dispatch(), 1);
	ck_assert_uint_eq(b.calls, 2);
	model_xs_rm(HOME "/a");
	ck_assert_uint_eq(xen_xs_dispatch(), 2);
	ck_assert_uint_eq(xen_xs_dispatch(), 0);
	xen_xs_unwatch(&a.watch);
	model_xs_write(HOME "/a", "x");
	ck_assert_uint_eq(xen_xs_dispatch(), 0);
	xen_xs_unwatch(&a.watch);
	ck_assert_int_eq(xen_xs_watch(&a.watch), 0);
	ck_assert_uint_eq(xen_xs_dispatch(), 1);
	ck_assert_uint_eq(model_xs_watches(), 2);
	xs_finish(); /* ends those that are left */
}

static void from_handlers(void)
{
	struct seen a, b, c;

	xs_begin();
	ck_assert_int_eq(set(&a, "a"), 0);
	ck_assert_int_eq(set(&b, "b"), 0);
	ck_assert_int_eq(set(&c, "c"), 0);
	ck_assert_uint_eq(xen_xs_dispatch(), 3);
	/* What becomes pending while handlers run waits for the next time: no handler holds up. */
	a.tell = "a";
	model_xs_write(HOME "/a", "x");
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_uint_eq(xen_xs_dispatch(), 1);
	ck_assert_uint_eq(a.calls, 4);
	ck_assert(xen_xs_pending());
	a.tell = NULL;
	ck_assert_uint_eq(xen_xs_dispatch(), 1);
	/* A watch that is ended is not called, though its event had come; nor is its memory
	 * touched. */
	model_xs_write(HOME "/a", "x");
	model_xs_write(HOME "/b", "x");
	model_xs_write(HOME "/c", "x");
	c.end = &a; /* the newest is called first */
	b.end = &b;
	ck_assert_uint_eq(xen_xs_dispatch(), 2);
	ck_assert_uint_eq(a.calls, 5);
	ck_assert_uint_eq(b.calls, 2);
	ck_assert_uint_eq(c.calls, 2);
	memset(&a, 0xee, sizeof(a));
	memset(&b, 0xee, sizeof(b));
	model_xs_write(HOME "/a", "x");
	ck_assert_uint_eq(xen_xs_dispatch(), 0);
	ck_assert_uint_eq(model_xs_watches(), 1);
	xs_finish();
}

static unsigned int inner;

static void dispatches(struct xen_xs_watch *watch)
{
	inner += xen_xs_dispatch();
}

/* One that handles others in its handler loses none of them. */
static void nested(void)
{
	struct xen_xs_watch outer = {.path = "outer", .changed = dispatches};
	struct seen a, b;

	xs_begin();
	ck_assert_int_eq(set(&a, "a"), 0);
	ck_assert_int_eq(set(&b, "b"), 0);
	ck_assert_int_eq(xen_xs_watch(&outer), 0); /* the newest is called first */
	ck_assert_uint_eq(xen_xs_dispatch() + inner, 3);
	ck_assert_uint_eq(a.calls, 1);
	ck_assert_uint_eq(b.calls, 1);
	xs_finish();
}

static void writer_loop(void)
{
	struct model_allocs before, now;
	struct seen a, b;

	xs_begin();
	ck_assert_int_eq(set(&a, "a"), 0);
	ck_assert_int_eq(set(&b, "a/peer"), 0);
	xen_xs_dispatch();
	before = model_allocs();
	for (unsigned int i = 0; i < 100000; i++) {
		model_xs_write(HOME "/a/peer", i & 1 ? "1" : "2");
		/* The ring is emptied as it fills: xenstored has nothing to queue either. */
		unit_expect(store.page->rsp_prod == store.page->rsp_cons);
		unit_expect(i % 1000 || xen_xs_dispatch() <= 2);
		model_clock_advance(20000);
		xen_evtchn_poll();
	}
	now = model_allocs();
	ck_assert_mem_eq(&now, &before, sizeof(now));
	xen_xs_dispatch();
	ck_assert_uint_le(a.calls, 103);
	ck_assert_uint_ge(a.calls, 100);
	ck_assert_str_eq(xs_value("a/peer"), "1");
	ck_assert(!xen_xs_broken());
	xs_finish();
}

/* Others may write between request and reply: the reply is found among the events. */
static bool writing;

static void *write_often(void *arg)
{
	unsigned int i = 0;

	while (xen_load(&writing)) {
		model_xs_write(HOME "/a", i++ & 1 ? "x" : "y");
		usleep(10);
	}
	return NULL;
}

static void sleep_a_little(void *arg)
{
	usleep(500); /* time does not fly while others work */
}

static void replies_among_events(void)
{
	pthread_t thread;
	struct seen a;

	xs_begin();
	model_on_wait(sleep_a_little, NULL);
	ck_assert_int_eq(set(&a, "a"), 0);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "b", "mine"), 0);
	model_xs_trickle(50);
	writing = true;
	ck_assert_int_eq(pthread_create(&thread, NULL, write_often, NULL), 0);
	for (unsigned int i = 0; i < 300; i++) {
		unit_expect(!strcmp(xs_value("b"), "mine"));
		xen_xs_dispatch();
	}
	xen_store(&writing, false);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	model_xs_trickle(0);
	ck_assert(!xen_xs_broken());
	xs_finish();
}

/* Who waits for a change looks again when its time is over. */
static bool is_four(void *arg)
{
	xen_xs_dispatch();
	return *(enum xenbus_state *)arg == XenbusStateConnected;
}

static enum xenbus_state state;

static void lost(void)
{
	struct seen a;

	xs_begin();
	model_xs_write(HOME "/peer/state", "1");
	ck_assert_int_eq(set(&a, "peer/state"), 0);
	xen_xs_dispatch();
	model_xs_lose_events(3);
	model_xs_write(HOME "/peer/state", "2");
	model_xs_write(HOME "/peer/state", "3");
	model_xs_write(HOME "/peer/state", "4");
	ck_assert(!xen_xs_pending());
	ck_assert(!xen_port_wait(is_four, &state, xen_port_clock_ns() + SECOND));
	ck_assert_uint_eq(a.calls, 1);
	ck_assert_int_eq(xen_xenbus_read_state("peer"), XenbusStateConnected);
	/* The next one comes. */
	model_xs_write(HOME "/peer/state", "5");
	ck_assert_uint_eq(xen_xs_dispatch(), 1);

	/* The first of all, which is made up here if the watch was there already. */
	xen_xs_unwatch(&a.watch);
	model_xs_lose_events(1);
	ck_assert_int_eq(set(&a, "peer/state"), 0);
	ck_assert_uint_eq(xen_xs_dispatch(), 0);
	ck_assert_int_eq(xen_xs_reconnect(), 0); /* after which each fires */
	ck_assert_uint_eq(xen_xs_dispatch(), 1);
	xs_finish();
}

static void left_over(void)
{
	struct seen a;

	xs_begin();
	model_xs_fail(XS_WATCH, 1, "EEXIST");
	ck_assert_int_eq(set(&a, "a"), 0);
	ck_assert_uint_eq(xen_xs_dispatch(), 1);
	/* Nor is a watch there that xenstored refused. */
	xen_xs_unwatch(&a.watch);
	model_xs_fail(XS_WATCH, 1, "ENOMEM");
	ck_assert_int_eq(set(&a, "a"), -XEN_ENOMEM);
	ck_assert_uint_eq(xen_xs_dispatch(), 0);
	ck_assert_int_eq(xen_xs_watch(&a.watch), 0);
	/* One that xenstored does not end is not heard of any more. */
	model_xs_fail(XS_UNWATCH, 1, "EIO");
	xen_xs_unwatch(&a.watch);
	ck_assert_uint_eq(model_xs_watches(), 1);
	model_xs_write(HOME "/a", "x");
	ck_assert(!xen_xs_pending());
	ck_assert(!xen_xs_broken());
	ck_assert_int_eq(xen_xs_reconnect(), 0);
	xs_finish();
}

static void not_terminated(void)
{
	struct xen_xs_watch watch = {.changed = changed};

	xs_begin();
	memset(watch.path, 'a', sizeof(watch.path));
	ck_assert_int_eq(xen_xs_watch(&watch), -XEN_E2BIG);
	watch.path[sizeof(watch.path) - 1] = 0;
	ck_assert_int_eq(xen_xs_watch(&watch), 0);
	xs_finish();
}

static void said(const char *payload, uint32_t len)
{
	say_message(XS_WATCH_EVENT, 0, 0, payload, len);
	xen_xs_pending();
}

/* Path and token, in whatever length; only ours count. */
static void tokens(void)
{
	static const struct {
		const char *payload;
		uint32_t len;
		bool ours;
	} all[] = {
		{"a\0@", 11, true},
		{"\0@", 10, true},
		{"any/other/path\0@", 24, true},
		{"a\0@\0more", 16, true},
		{"a\0"
		 "0@",
		 12, true}, /* the same number */
		{"a\0other", 8, false},
		{"a\0", 3, false},
		{"a\0"
		 "1@",
		 12, false},
		{"a\0"
		 "ffffffff",
		 11, false},
	};
	uint32_t serial;
	struct seen a;

	xs_begin();
	ck_assert_int_eq(set(&a, "a"), 0);
	xen_xs_dispatch();
	serial = a.watch.serial;
	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char payload[64] = {0};
		const char *at = memchr(all[i].payload, '@', all[i].len);
		size_t head = at ? (size_t)(at - all[i].payload) : all[i].len;

		memcpy(payload, all[i].payload, head);
		if (at) {
			snprintf(payload + head, 9, "%08x", serial);
			memcpy(payload + head + 8, at + 1, all[i].len - head - 8);
		}
		said(payload, all[i].len);
		ck_assert_msg(!xen_xs_broken() && xen_xs_dispatch() == all[i].ours, "event %u", i);
	}
	xs_finish();
}

static const struct unit_case cases[] = {
	{"events are coalesced for each watch", coalesced},
	{"handlers may talk to xenstored, and end watches", from_handlers},
	{"a handler that dispatches loses no event", nested},
	{"XSA-349: a writer in a loop costs no memory", writer_loop},
	{"replies are found among events", replies_among_events},
	{"XSA-115 322-326 330 414-421: lost events are "
	 "survived",
	 lost},
	{"watches that were there, are refused, or stay", left_over},
	{"a path that does not end is refused", not_terminated},
	{"tokens tell what an event is for", tokens},
};

UNIT_MAIN("xenbus-watch", cases)
