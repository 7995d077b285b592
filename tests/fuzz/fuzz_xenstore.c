/* SPDX-License-Identifier: MIT */
/*
 * The xenstore client against a xenstored that does what the input says: raw bytes, indices, fields
 * of the page, replies and events that are nearly right, or nothing. What must hold: nothing out of
 * bounds, an end within the deadlines, success only where there was a reply of the right number,
 * and, once xenstored is good again, a reconnection that leaves everything in order. Beside it the
 * parser of numbers against an oracle.
 */
#include <errno.h>
#include <stdlib.h>

#include <xen/evtchn.h>
#include <xen/xenbus.h>

#include "xenstored-hostile.h"

#define MAX_OPS 40
#define NR_WATCHES 3
#define SECOND 1000000000ULL
#define REQUEST_TIME (11 * SECOND) /* 10, and a step of the clock */

static struct {
	xen_xs_tx_t tx;
	struct xen_xs_watch watch[NR_WATCHES];
	bool set[NR_WATCHES];
} client;

static bool visit(const char *name, void *arg)
{
	FUZZ_CHECK(*name && !strchr(name, '/'));
	return ++*(unsigned int *)arg < 5;
}

static void changed(struct xen_xs_watch *watch)
{
	FUZZ_CHECK(watch >= client.watch && watch < client.watch + NR_WATCHES &&
		   client.set[watch - client.watch]);
}

static int read_value(void)
{
	char value[32];
	size_t size = fuzz_below(xenstored.in, sizeof(value) + 1);
	int rc;

	memset(value, 'x', sizeof(value));
	rc = xen_xs_read(client.tx, "a/b", value, size);
	FUZZ_CHECK(rc || strnlen(value, size) < size);
	for (size_t i = rc ? 0 : strlen(value) + 1; i < sizeof(value); i++)
		FUZZ_CHECK(value[i] == 'x');
	return rc;
}

static int read_number(void)
{
	uint64_t number = 1000;
	int rc = xen_xs_read_uint(client.tx, "n", 99, &number);

	FUZZ_CHECK(rc ? number == 1000 : number <= 99);
	return rc;
}

static int list(void)
{
	unsigned int visits = 0;
	int rc = xen_xs_list(client.tx, "a", visit, &visits);

	FUZZ_CHECK(visits <= 5 && (!rc || !visits));
	return rc;
}

static int toggle_tx(void)
{
	int rc;

	if (!client.tx)
		return xen_xs_begin(&client.tx);
	rc = xen_xs_end(client.tx, fuzz_below(xenstored.in, 2));
	client.tx = XEN_XS_NONE;
	return rc;
}

static int toggle_watch(void)
{
	unsigned int i = fuzz_below(xenstored.in, NR_WATCHES);
	int rc = 0;

	if (client.set[i]) {
		xen_xs_unwatch(&client.watch[i]);
		xenstored.right = true; /* whether it was answered is not known */
	} else {
		rc = xen_xs_watch(&client.watch[i]);
	}
	client.set[i] = !client.set[i] && !rc;
	return rc;
}

static int write_long(void)
{
	static char value[3000];

	memset(value, 'v', sizeof(value) - 1);
	return xen_xs_write(client.tx, "a", value + fuzz_below(xenstored.in, sizeof(value)));
}

/* Of one request each. */
static int operation(unsigned int which)
{
	switch (which) {
	case 0:
	case 1:
		return read_value();
	case 2:
		return read_number();
	case 3:
		return list();
	case 4:
		return toggle_tx();
	case 5:
		return toggle_watch();
	case 6:
		return write_long();
	default:
		return xen_xs_rm(client.tx, "a");
	}
}

static void step(struct fuzz_input *in)
{
	unsigned int what = fuzz_below(in, 12);
	uint64_t begun = xen_port_clock_ns();
	bool anew;
	int rc;

	xenstored.right = false;
	if (what < 8) {
		rc = operation(what);
		FUZZ_CHECK(rc <= 0 && rc > -200);
		FUZZ_CHECK(rc || xenstored.right || xenstored.astray);
		FUZZ_CHECK(rc != -XEN_ETIMEDOUT || xen_xs_broken());
		FUZZ_CHECK(xen_port_clock_ns() - begun <= REQUEST_TIME);
		return;
	}
	if (what < 10) {
		anew = xenstored.link.page->server_features & XENSTORE_SERVER_FEATURE_RECONNECTION;
		rc = xen_xs_reconnect();
		if (anew && !rc)
			xenstored.astray = false;
		FUZZ_CHECK((rc != -XEN_ETIMEDOUT && rc) || xen_xs_broken() == !!rc);
		FUZZ_CHECK(xen_port_clock_ns() - begun <= (2 + NR_WATCHES) * REQUEST_TIME);
		return;
	}
	xenstored_act(NULL);
	xen_xs_pending();
	FUZZ_CHECK(xen_xs_dispatch() <= NR_WATCHES);
	FUZZ_CHECK((unsigned int)xen_xenbus_read_state("d") <= XenbusStateReconfigured);
}

/* It behaves from now on, and so must the client. */
static void settle(void)
{
	struct xenstore_domain_interface *page = xenstored.link.page;
	unsigned int nr = 0;
	char value[8];

	model_on_wait(NULL, NULL);
	page->server_features = XENSTORE_SERVER_FEATURE_RECONNECTION;
	page->connection = XENSTORE_CONNECTED;
	model_xs_hold(false);
	FUZZ_CHECK(!xen_xs_reconnect());
	FUZZ_CHECK(!xen_xs_broken());
	for (unsigned int i = 0; i < NR_WATCHES; i++)
		nr += client.set[i];
	FUZZ_CHECK(model_xs_watches() == nr && xen_xs_dispatch() == nr);
	FUZZ_CHECK(model_xs_transactions() == 0);
	FUZZ_CHECK(!client.tx || xen_xs_end(client.tx, true) == -XEN_EIO);
	FUZZ_CHECK(!xen_xs_write(XEN_XS_NONE, "/end", "well"));
	FUZZ_CHECK(!xen_xs_read(XEN_XS_NONE, "/end", value, sizeof(value)));
	FUZZ_CHECK(!strcmp(value, "well"));
}

/* A string from the input against the C library's idea of it. */
static void parse(struct fuzz_input *in)
{
	unsigned int base = 2 + fuzz_below(in, 15);
	uint64_t max = fuzz_number(in, 8), out = 7, want;
	char text[24] = "", *end;
	size_t len = fuzz_below(in, sizeof(text));
	bool digits, good;

	for (size_t i = 0; i < len; i++)
		text[i] = (char)fuzz_byte(in);
	digits = text[0] && strspn(text, "0123456789abcdefABCDEF") == strlen(text);
	errno = 0;
	want = strtoull(text, &end, (int)base);
	good = digits && !*end && !errno && want <= max;
	FUZZ_CHECK(xen_xs_parse_uint(text, base, max, &out) == good);
	FUZZ_CHECK(out == (good ? want : 7));
}

void fuzz_one(struct fuzz_input *in)
{
	static const struct xen_e820_entry map[] = {{0, 64ULL << 20, XEN_E820_RAM}};
	static const struct model_params params = {.e820 = map, .nr_e820 = 1, .nr_pages = 256};
	struct model_allocs before;

	memset(&client, 0, sizeof(client));
	xenstored = (struct xenstored){.in = in};
	model_start(&params);
	before = model_allocs();
	model_xs_start();
	xenstored.link = model_xs_link();
	if (fuzz_below(in, 2))
		model_xs_features(0);
	parse(in);
	for (unsigned int i = 0; i < NR_WATCHES; i++) {
		client.watch[i].changed = changed;
		client.watch[i].path[0] = (char)('a' + i);
	}
	FUZZ_CHECK(!xen_xs_init(xenstored.link.page, xenstored.link.port));
	model_xs_hold(true);
	model_on_wait(xenstored_act, NULL);
	for (unsigned int i = 0; i < MAX_OPS && fuzz_more(in); i++)
		step(in);
	settle();
	xen_xs_fini();
	model_xs_stop();
	FUZZ_CHECK(fuzz_same_allocs(&before));
	FUZZ_CHECK(model_stop());
}
