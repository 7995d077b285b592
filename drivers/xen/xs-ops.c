/* SPDX-License-Identifier: MIT */
/*
 * What can be asked of xenstored: values, directories, transactions. Each takes the turn for one
 * request and copies out what it needs of the reply. No state.
 */
#include "xs-internal.h"

#define TRIES 16

static struct xen_xs_part text(const char *s, size_t with_nul)
{
	struct xen_xs_part part = {s, xen_xs_length(s, XENSTORE_PAYLOAD_MAX) + with_nul};

	return part;
}

/* The reply without its last NUL, if it is text of less than @size bytes. */
static int copy_text(char *value, size_t size, size_t len)
{
	if (xen_xs_length(xen_xs.message.payload, len) < len)
		return -XEN_EINVAL;
	if (len >= size)
		return -XEN_E2BIG;
	__builtin_memcpy(value, xen_xs.message.payload, len + 1);
	return 0;
}

/* A request of @path and @more, whose reply does not matter. */
static int tell(uint32_t type, xen_xs_tx_t tx, const char *path, const char *more)
{
	const struct xen_xs_part part[] = {text(path, 1), text(more ? more : "", 0)};
	int rc = xen_xs_check_path(path);

	if (!rc)
		rc = xen_xs_take_turn();
	if (rc)
		return rc;
	rc = xen_xs_exchange(type, tx, part, more ? 2 : 1);
	xen_xs_end_turn();
	return rc;
}

int xen_xs_read(xen_xs_tx_t tx, const char *path, char *value, size_t size)
{
	const struct xen_xs_part part = text(path, 1);
	int rc = xen_xs_check_path(path);

	if (!rc)
		rc = xen_xs_take_turn();
	if (rc)
		return rc;
	rc = xen_xs_exchange(XS_READ, tx, &part, 1);
	if (!rc)
		rc = copy_text(value, size, xen_xs.reply_len);
	xen_xs_end_turn();
	return rc;
}

int xen_xs_write(xen_xs_tx_t tx, const char *path, const char *value)
{
	return tell(XS_WRITE, tx, path, value);
}

int xen_xs_rm(xen_xs_tx_t tx, const char *path)
{
	return tell(XS_RM, tx, path, NULL);
}

int xen_xs_read_uint(xen_xs_tx_t tx, const char *path, uint64_t max, uint64_t *out)
{
	char value[XEN_XS_VALUE_MAX];
	int rc = xen_xs_read(tx, path, value, sizeof(value));

	if (!rc && !xen_xs_parse_uint(value, 10, max, out))
		rc = -XEN_EINVAL;
	return rc == -XEN_E2BIG ? -XEN_EINVAL : rc;
}

/* Names with a NUL behind each, none empty or a path. */
static bool are_names(const char *names, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		bool first = !i || !names[i - 1];

		if (names[i] == '/' || (first && !names[i]))
			return false;
	}
	return !len || !names[len - 1];
}

/* A copy of the reply, for the turn must end before anybody is called with it. */
static int fetch_names(xen_xs_tx_t tx, const char *path, char **names, size_t *len)
{
	const struct xen_xs_part part = text(path, 1);
	int rc = xen_xs_take_turn();

	if (rc)
		return rc;
	*len = 0;
	*names = NULL;
	rc = xen_xs_exchange(XS_DIRECTORY, tx, &part, 1);
	if (rc || !xen_xs.reply_len)
		goto end;
	*len = xen_xs.reply_len;
	rc = -XEN_EINVAL;
	if (!are_names(xen_xs.message.payload, *len))
		goto end;
	rc = -XEN_ENOMEM;
	*names = xen_port_alloc(*len);
	if (!*names)
		goto end;
	__builtin_memcpy(*names, xen_xs.message.payload, *len);
	rc = 0;
end:
	xen_xs_end_turn();
	return rc;
}

int xen_xs_list(xen_xs_tx_t tx, const char *path, bool (*visit)(const char *name, void *arg),
		void *arg)
{
	char *names = NULL;
	size_t len = 0, at;
	int rc = xen_xs_check_path(path);

	if (!rc)
		rc = fetch_names(tx, path, &names, &len);
	if (rc)
		return rc;
	for (at = 0; at < len && visit(names + at, arg);)
		at += xen_xs_length(names + at, len) + 1;
	xen_port_free(names, len);
	return 0;
}

static int start(xen_xs_tx_t *tx)
{
	static const struct xen_xs_part nothing = {"", 1};
	unsigned int i;
	uint64_t id;
	int rc;

	for (i = 0; i < XEN_XS_TX_MAX && xen_xs.tx[i].handle; i++)
		;
	if (i == XEN_XS_TX_MAX)
		return -XEN_ENOSPC;
	rc = xen_xs_exchange(XS_TRANSACTION_START, XEN_XS_NONE, &nothing, 1);
	if (rc)
		return rc;
	/* Whatever it opened, it could not be closed again. */
	if (xen_xs_length(xen_xs.message.payload, xen_xs.reply_len) + 1 < xen_xs.reply_len ||
	    !xen_xs_parse_uint(xen_xs.message.payload, 10, UINT32_MAX, &id) || !id)
		return xen_xs_give_up("a transaction has no number");
	xen_xs.last_tx += xen_xs.last_tx == UINT32_MAX ? 2 : 1; /* 0 is none */
	xen_xs.tx[i].handle = *tx = xen_xs.last_tx;
	xen_xs.tx[i].id = (uint32_t)id;
	return 0;
}

int xen_xs_begin(xen_xs_tx_t *tx)
{
	int rc = xen_xs_take_turn();

	*tx = XEN_XS_NONE;
	if (rc)
		return rc;
	rc = start(tx);
	xen_xs_end_turn();
	return rc;
}

static void forget(xen_xs_tx_t tx)
{
	unsigned int i;

	for (i = 0; i < XEN_XS_TX_MAX; i++)
		if (xen_xs.tx[i].handle == tx)
			xen_xs.tx[i].handle = XEN_XS_NONE;
}

int xen_xs_end(xen_xs_tx_t tx, bool abort)
{
	const struct xen_xs_part part = {abort ? "F" : "T", 2};
	int rc = -XEN_EIO;

	if (!tx)
		return -XEN_EINVAL;
	/* However long others take: a transaction that is not ended is one fewer for all. */
	if (!xen_xs_force_turn())
		return rc;
	if (!xen_xs_broken())
		rc = xen_xs_exchange(XS_TRANSACTION_END, tx, &part, 1);
	forget(tx);
	xen_xs_end_turn();
	return rc;
}

int xen_xs_transaction(int (*body)(xen_xs_tx_t tx, void *arg), void *arg)
{
	int rc = -XEN_EAGAIN;
	unsigned int i;

	for (i = 0; i < TRIES && rc == -XEN_EAGAIN; i++) {
		xen_xs_tx_t tx;

		rc = xen_xs_begin(&tx);
		if (rc)
			return rc;
		rc = body(tx, arg);
		if (rc) {
			xen_xs_end(tx, true);
			return rc;
		}
		rc = xen_xs_end(tx, false);
	}
	return rc;
}
