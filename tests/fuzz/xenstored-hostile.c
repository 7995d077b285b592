/* SPDX-License-Identifier: MIT */
/*
 * A xenstored that does what the input says: raw bytes, indices, fields of the page, replies and
 * events that are nearly right, or nothing. It keeps account of what the client may believe.
 */
#include "xenstored-hostile.h"

#include <string.h>

#define SECOND 1000000000ULL

struct xenstored xenstored;

/* The header of the newest request. */
static void look_at_requests(void)
{
	const struct xenstore_domain_interface *page = xenstored.link.page;
	uint32_t at = xenstored.cons;
	struct xsd_sockmsg header;

	while (page->req_prod - at >= sizeof(header) && page->req_prod - at <= XENSTORE_RING_SIZE) {
		for (size_t i = 0; i < sizeof(header); i++)
			((char *)&header)[i] = page->req[MASK_XENSTORE_IDX(at + i)];
		xenstored.asked = header;
		at += (uint32_t)sizeof(header) + header.len;
	}
	xenstored.cons = page->req_prod;
}

static void put(const void *bytes, size_t len)
{
	struct xenstore_domain_interface *page = xenstored.link.page;
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
		bytes[i] = (char)fuzz_byte(xenstored.in);
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
	header = xenstored.asked;
	xenstored.right = true;
	if (error) {
		text = names[fuzz_below(xenstored.in, 8)];
		header.type = XS_ERROR;
		nr = strlen(text) + 1;
	} else {
		nr = fuzz_byte(xenstored.in);
	}
	header.len = (uint32_t)nr;
	put_message(header, text, nr);
}

/* Never the number of the last request. */
static void reply_to_another(void)
{
	struct xsd_sockmsg header;

	look_at_requests();
	header = xenstored.asked;
	header.req_id -= 1 + fuzz_below(xenstored.in, 3);
	header.len = fuzz_below(xenstored.in, 20);
	put_message(header, NULL, header.len);
}

/* One field is wrong. */
static void wrong_reply(void)
{
	struct xsd_sockmsg header;
	size_t nr = fuzz_below(xenstored.in, 20);

	look_at_requests();
	header = xenstored.asked;
	header.len = (uint32_t)nr;
	switch (fuzz_below(xenstored.in, 3)) {
	case 0:
		header.type ^= 1 + fuzz_byte(xenstored.in);
		xenstored.right |= header.type == XS_ERROR;
		break;
	case 1:
		header.tx_id ^= 1 + fuzz_byte(xenstored.in);
		break;
	default:
		header.len ^= 1u << fuzz_below(xenstored.in, 32);
		xenstored.astray = true;
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
	unsigned int which = fuzz_below(xenstored.in, 8);
	struct xsd_sockmsg header = {XS_WATCH_EVENT, 0, 0, (uint32_t)lens[which]};

	put_message(header, payloads[which], lens[which]);
}

static void index_lies(void)
{
	struct xenstore_domain_interface *page = xenstored.link.page;
	uint32_t by = (uint32_t)fuzz_number(xenstored.in, fuzz_below(xenstored.in, 2) ? 4 : 1);

	xenstored.astray = true; /* old bytes may be new ones now */
	switch (fuzz_below(xenstored.in, 5)) {
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
	struct xenstore_domain_interface *page = xenstored.link.page;
	unsigned int value = fuzz_byte(xenstored.in);

	switch (fuzz_below(xenstored.in, 3)) {
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
	size_t nr = 1 + fuzz_below(xenstored.in, sizeof(bytes));

	for (size_t i = 0; i < nr; i++)
		bytes[i] = (char)fuzz_byte(xenstored.in);
	xenstored.astray = true;
	put(bytes, nr);
}

static void good_for_once(void)
{
	xenstored.right = true;
	model_xs_hold(false);
	model_xs_hold(true);
}

void xenstored_act(void *arg)
{
	if (!fuzz_more(xenstored.in)) {
		model_clock_advance(SECOND);
		return;
	}
	switch (fuzz_below(xenstored.in, 12)) {
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
		xenstored.link.page->req_cons = xenstored.link.page->req_prod;
		break;
	case 10:
		good_for_once();
		break;
	default:
		model_clock_advance(SECOND);
		model_event(xenstored.link.port);
	}
}
