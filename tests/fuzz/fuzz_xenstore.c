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

#include <model/xenstore.h>
#include <xen/evtchn.h>
#include <xen/xenbus.h>

#include "fuzz.h"

#define MAX_OPS 40
#define NR_WATCHES 3
#define SECOND 1000000000ULL
#define REQUEST_TIME (11 * SECOND) /* 10, and a step of the clock */

static struct {
	struct fuzz_input *in;
	struct model_xs_link link;
	uint32_t server_cons;	  /* up to where it has looked at requests */
	struct xsd_sockmsg asked; /* the last header there */
	bool right;  /* there may have been a right reply to this operation's request */
	bool astray; /* where messages begin is not known for sure */
	xen_xs_tx_t tx;
	struct xen_xs_watch watch[NR_WATCHES];
	bool set[NR_WATCHES];
} w;

/* The header of the newest request. */
static void look_at_requests(void)
{
	const struct xenstore_domain_interface *page = w.link.page;
	uint32_t at = w.server_cons;
	struct xsd_sockmsg header;

	while (page->req_prod - at >= sizeof(header) && page->req_prod - at <= XENSTORE_RING_SIZE) {
		for (size_t i = 0; i < sizeof(header); i++)
			((char *)&header)[i] = page->req[MASK_XENSTORE_IDX(at + i)];
		w.asked = header;
		at += (uint32_t)sizeof(header) + header.len;
	}
	w.server_cons = page->req_prod;
}

static void put(const void *bytes, size_t len)
{
	struct xenstore_domain_interface *page = w.link.page;
	uint32_t prod = page->rsp_prod;

	for (size_t i = 0; i < len; i++)
		page->rsp[MASK_XENSTORE_IDX(prod++)] = ((const char *)bytes)[i];
	page->rsp_prod = prod;
}

/* The payload from the input; the header claims @len of it, which need not be true. */
static void put_message(struct xsd_sockmsg header, const char *text, size_t nr)
{
	char bytes[256];

	put(&header, sizeof(header));
	for (size_t i = 0; i < nr && !text; i++)
		bytes[i] = (char)fuzz_byte(w.in);
	put(text ? text : bytes, nr);
}

static void reply(bool error)
{
	static const char *const names[] = {"ENOENT", "EACCES", "EAGAIN", "EQUOTA",
					    "EEXIST", "ENOSYS", "E",	  ""};
	struct xsd_sockmsg header;
	const char *text = NULL;
	size_t nr;

	look_at_requests();
	header = w.asked;
	w.right = true;
	if (error) {
		text = names[fuzz_below(w.in, 8)];
		header.type = XS_ERROR;
		nr = strlen(text) + 1;
	} else {
		nr = fuzz_byte(w.in);
	}
	header.len = (uint32_t)nr;
	put_message(header, text, nr);
}

/* Never the number of the last request. */
static void reply_to_another(void)
{
	struct xsd_sockmsg header;

	look_at_requests();
	header = w.asked;
	header.req_id -= 1 + fuzz_below(w.in, 3);
	header.len = fuzz_below(w.in, 20);
	put_message(header, NULL, header.len);
}

/* One field is wrong. */
static void wrong_reply(void)
{
	struct xsd_sockmsg header;
	size_t nr = fuzz_below(w.in, 20);

	look_at_requests();
	header = w.asked;
	header.len = (uint32_t)nr;
	switch (fuzz_below(w.in, 3)) {
	case 0:
		header.type ^= 1 + fuzz_byte(w.in);
		w.right |= header.type == XS_ERROR;
		break;
	case 1:
		header.tx_id ^= 1 + fuzz_byte(w.in);
		break;
	default:
		header.len ^= 1u << fuzz_below(w.in, 32);
		w.astray = true;
	}
	put_message(header, NULL, nr);
}

static void event(void)
{
	static const char *const payloads[] = {"a\0"
					       "00000001",
					       "b\0"
					       "00000002",
					       "\0"
					       "00000003",
					       "a\0"
					       "ffffffff",
					       "a\0other",
					       "a\0",
					       "a",
					       ""};
	static const size_t lens[] = {11, 11, 10, 11, 8, 3, 2, 1};
	unsigned int which = fuzz_below(w.in, 8);
	struct xsd_sockmsg header = {XS_WATCH_EVENT, 0, 0, (uint32_t)lens[which]};

	put_message(header, payloads[which], lens[which]);
}

static void index_lies(void)
{
	struct xenstore_domain_interface *page = w.link.page;
	uint32_t by = (uint32_t)fuzz_number(w.in, fuzz_below(w.in, 2) ? 4 : 1);

	w.astray = true; /* old bytes may be new ones now */
	switch (fuzz_below(w.in, 5)) {
	case 0:
		page->rsp_prod += by;
		break;
	case 1:
		page->rsp_cons += by;
		break;
	case 2:
		page->req_prod += by;
		break;
	case 3:
		page->req_cons += by;
		break;
	default:
		page->req_prod = page->req_cons = page->rsp_prod = page->rsp_cons = 0;
	}
}

static void field(void)
{
	struct xenstore_domain_interface *page = w.link.page;
	unsigned int value = fuzz_byte(w.in);

	switch (fuzz_below(w.in, 3)) {
	case 0:
		page->server_features = value & 7;
		break;
	case 1:
		page->connection = value & 3;
		break;
	default:
		page->error = value & 3;
	}
}

static void raw(void)
{
	char bytes[64];
	size_t nr = 1 + fuzz_below(w.in, sizeof(bytes));

	for (size_t i = 0; i < nr; i++)
		bytes[i] = (char)fuzz_byte(w.in);
	w.astray = true;
	put(bytes, nr);
}

static void good_for_once(void)
{
	w.right = true;
	model_xs_hold(false);
	model_xs_hold(true);
}

/* xenstored's turn, while the client waits. */
static void act(void *arg)
{
	if (!fuzz_more(w.in)) {
		model_clock_advance(SECOND);
		return;
	}
	switch (fuzz_below(w.in, 12)) {
	case 0:
	case 1:
		reply(false);
		break;
	case 2:
		reply(true);
		break;
	case 3:
		reply_to_another();
		break;
	case 4:
		wrong_reply();
		break;
	case 5:
		event();
		break;
	case 6:
		index_lies();
		break;
	case 7:
		field();
		break;
	case 8:
		raw();
		break;
	case 9:
		w.link.page->req_cons = w.link.page->req_prod;
		break;
	case 10:
		good_for_once();
		break;
	default:
		model_clock_advance(SECOND);
		model_event(w.link.port);
	}
}

static bool visit(const char *name, void *arg)
{
	FUZZ_CHECK(*name && !strchr(name, '/'));
	return ++*(unsigned int *)arg < 5;
}

static void changed(struct xen_xs_watch *watch)
{
	FUZZ_CHECK(watch >= w.watch && watch < w.watch + NR_WATCHES && w.set[watch - w.watch]);
}

static int read_value(void)
{
	char value[32];
	size_t size = fuzz_below(w.in, sizeof(value) + 1);
	int rc;

	memset(value, 'x', sizeof(value));
	rc = xen_xs_read(w.tx, "a/b", value, size);
	FUZZ_CHECK(rc || strnlen(value, size) < size);
	for (size_t i = rc ? 0 : strlen(value) + 1; i < sizeof(value); i++)
		FUZZ_CHECK(value[i] == 'x');
	return rc;
}

static int read_number(void)
{
	uint64_t number = 1000;
	int rc = xen_xs_read_uint(w.tx, "n", 99, &number);

	FUZZ_CHECK(rc ? number == 1000 : number <= 99);
	return rc;
}

static int list(void)
{
	unsigned int visits = 0;
	int rc = xen_xs_list(w.tx, "a", visit, &visits);

	FUZZ_CHECK(visits <= 5 && (!rc || !visits));
	return rc;
}

static int toggle_tx(void)
{
	int rc;

	if (!w.tx)
		return xen_xs_begin(&w.tx);
	rc = xen_xs_end(w.tx, fuzz_below(w.in, 2));
	w.tx = XEN_XS_NONE;
	return rc;
}

static int toggle_watch(void)
{
	unsigned int i = fuzz_below(w.in, NR_WATCHES);
	int rc = 0;

	if (w.set[i]) {
		xen_xs_unwatch(&w.watch[i]);
		w.right = true; /* whether it was answered is not known */
	} else {
		rc = xen_xs_watch(&w.watch[i]);
	}
	w.set[i] = !w.set[i] && !rc;
	return rc;
}

static int write_long(void)
{
	static char value[3000];

	memset(value, 'v', sizeof(value) - 1);
	return xen_xs_write(w.tx, "a", value + fuzz_below(w.in, sizeof(value)));
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
		return xen_xs_rm(w.tx, "a");
	}
}

static void step(struct fuzz_input *in)
{
	unsigned int what = fuzz_below(in, 12);
	uint64_t begun = xen_port_clock_ns();
	bool anew;
	int rc;

	w.right = false;
	if (what < 8) {
		rc = operation(what);
		FUZZ_CHECK(rc <= 0 && rc > -200);
		FUZZ_CHECK(rc || w.right || w.astray);
		FUZZ_CHECK(rc != -XEN_ETIMEDOUT || xen_xs_broken());
		FUZZ_CHECK(xen_port_clock_ns() - begun <= REQUEST_TIME);
		return;
	}
	if (what < 10) {
		anew = w.link.page->server_features & XENSTORE_SERVER_FEATURE_RECONNECTION;
		rc = xen_xs_reconnect();
		if (anew && !rc)
			w.astray = false;
		FUZZ_CHECK((rc != -XEN_ETIMEDOUT && rc) || xen_xs_broken() == !!rc);
		FUZZ_CHECK(xen_port_clock_ns() - begun <= (2 + NR_WATCHES) * REQUEST_TIME);
		return;
	}
	act(NULL);
	xen_xs_pending();
	FUZZ_CHECK(xen_xs_dispatch() <= NR_WATCHES);
	FUZZ_CHECK((unsigned int)xen_xenbus_read_state("d") <= XenbusStateReconfigured);
}

/* It behaves from now on, and so must the client. */
static void settle(void)
{
	struct xenstore_domain_interface *page = w.link.page;
	unsigned int nr = 0;
	char value[8];

	model_on_wait(NULL, NULL);
	page->server_features = XENSTORE_SERVER_FEATURE_RECONNECTION;
	page->connection = XENSTORE_CONNECTED;
	model_xs_hold(false);
	FUZZ_CHECK(!xen_xs_reconnect());
	FUZZ_CHECK(!xen_xs_broken());
	for (unsigned int i = 0; i < NR_WATCHES; i++)
		nr += w.set[i];
	FUZZ_CHECK(model_xs_watches() == nr && xen_xs_dispatch() == nr);
	FUZZ_CHECK(model_xs_transactions() == 0);
	FUZZ_CHECK(!w.tx || xen_xs_end(w.tx, true) == -XEN_EIO);
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

	memset(&w, 0, sizeof(w));
	w.in = in;
	model_start(&params);
	before = model_allocs();
	model_xs_start();
	w.link = model_xs_link();
	if (fuzz_below(in, 2))
		model_xs_features(0);
	parse(in);
	for (unsigned int i = 0; i < NR_WATCHES; i++) {
		w.watch[i].changed = changed;
		w.watch[i].path[0] = (char)('a' + i);
	}
	FUZZ_CHECK(!xen_xs_init(w.link.page, w.link.port));
	model_xs_hold(true);
	model_on_wait(act, NULL);
	for (unsigned int i = 0; i < MAX_OPS && fuzz_more(in); i++)
		step(in);
	settle();
	xen_xs_fini();
	model_xs_stop();
	FUZZ_CHECK(fuzz_same_allocs(&before));
	FUZZ_CHECK(model_stop());
}
