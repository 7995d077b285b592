/* SPDX-License-Identifier: MIT */
/*
 * Watches: a list in the callers' structures, each with a serial number as its token. An event sets
 * a flag and no more, so however often a node changes it costs nothing; dispatch calls the handlers
 * later, without the lock. Events of watches that are not there any more are dropped.
 *
 * The lock guards list and flags. Set, end and dispatch come from one thread at a time (xenbus.h),
 * so a watch whose handler runs does not go away under it.
 */
#include "xs-internal.h"

#define TOKEN_LEN 8 /* hexadecimal digits of a serial number */

static void make_token(uint32_t serial, char token[TOKEN_LEN])
{
	unsigned int i;

	for (i = 0; i < TOKEN_LEN; i++)
		token[i] = "0123456789abcdef"[serial >> (28 - 4 * i) & 0xf];
}

bool xen_xs_event(const char *payload, size_t len)
{
	size_t path = xen_xs_length(payload, len);
	struct xen_xs_watch *watch;
	uint64_t serial;

	/* Path, token, both with a NUL; xenstored may say more behind them. */
	if (path == len || xen_xs_length(payload + path + 1, len - path - 1) == len - path - 1)
		return false;
	if (!xen_xs_parse_uint(payload + path + 1, 16, UINT32_MAX, &serial))
		return true; /* of an earlier life of the kernel */
	for (watch = xen_xs.watches; watch; watch = watch->next) {
		if (watch->serial != serial)
			continue;
		watch->pending = true;
	}
	return true;
}

/* With the turn. */
static int tell(uint32_t type, const struct xen_xs_watch *watch)
{
	char token[TOKEN_LEN + 1] = "";
	const struct xen_xs_part part[] = {
		{watch->path, xen_xs_length(watch->path, sizeof(watch->path)) + 1},
		{token, sizeof(token)},
	};

	make_token(watch->serial, token);
	return xen_xs_exchange(type, XEN_XS_NONE, part, 2);
}

static void fire(struct xen_xs_watch *watch)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);

	watch->pending = true;
	xen_port_unlock(&xen_xs.lock, flags);
}

static bool is_set(const struct xen_xs_watch *watch)
{
	const struct xen_xs_watch *other;

	for (other = xen_xs.watches; other && other != watch; other = other->next)
		;
	return other;
}

/* The event that follows at once may come before the reply: first the list. */
static int add(struct xen_xs_watch *watch)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	int rc = 0;

	if (is_set(watch)) {
		rc = -XEN_EBUSY;
	} else {
		watch->serial = ++xen_xs.serial;
		watch->pending = watch->due = false;
		watch->next = xen_xs.watches;
		xen_xs.watches = watch;
	}
	xen_port_unlock(&xen_xs.lock, flags);
	return rc;
}

/* False: it was not there. */
static bool take_out(struct xen_xs_watch *watch)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	struct xen_xs_watch **link = &xen_xs.watches;
	bool found;

	while (*link && *link != watch)
		link = &(*link)->next;
	found = *link;
	if (found)
		*link = watch->next;
	xen_port_unlock(&xen_xs.lock, flags);
	return found;
}

int xen_xs_watch(struct xen_xs_watch *watch)
{
	int rc;

	if (xen_xs_length(watch->path, sizeof(watch->path)) == sizeof(watch->path))
		return -XEN_E2BIG;
	rc = xen_xs_check_path(watch->path);
	if (!rc)
		rc = xen_xs_take_turn();
	if (rc)
		return rc;
	rc = add(watch);
	if (rc)
		goto end;
	rc = tell(XS_WATCH, watch);
	if (rc ==
	    -XEN_EEXIST) { /* left by an earlier life of the kernel: it will not fire by itself */
		fire(watch);
		rc = 0;
	}
	if (rc)
		take_out(watch);
end:
	xen_xs_end_turn();
	return rc;
}

void xen_xs_unwatch(struct xen_xs_watch *watch)
{
	if (!xen_xs_force_turn())
		return;
	/* Refused, or broken: reconnecting sets what is in the list, and this is not. */
	if (take_out(watch) && !xen_xs_broken())
		tell(XS_UNWATCH, watch);
	xen_xs_end_turn();
}

int xen_xs_rewatch(void)
{
	struct xen_xs_watch *watch;
	int rc, first = 0;

	for (watch = xen_xs.watches; watch; watch = watch->next) {
		rc = tell(XS_WATCH, watch);
		if (xen_xs_broken())
			return rc;
		if (rc && rc != -XEN_EEXIST && !first) /* that one was not lost */
			first = rc;
		fire(watch);
	}
	return first;
}

static void receive(void)
{
	if (xen_xs.ring && !xen_xs.broken)
		xen_xs_receive();
}

/* What is pending now is due; what becomes pending meanwhile waits for the next dispatch. */
static void begin_dispatch(void)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	struct xen_xs_watch *watch;

	receive();
	for (watch = xen_xs.watches; watch; watch = watch->next) {
		watch->due |= watch->pending;
		watch->pending = false;
	}
	xen_port_unlock(&xen_xs.lock, flags);
}

static struct xen_xs_watch *next_due(void)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	struct xen_xs_watch *watch = xen_xs.watches;

	while (watch && !watch->due)
		watch = watch->next;
	if (watch)
		watch->due = false;
	xen_port_unlock(&xen_xs.lock, flags);
	return watch;
}

unsigned int xen_xs_dispatch(void)
{
	struct xen_xs_watch *watch;
	unsigned int nr = 0;

	begin_dispatch();
	while ((watch = next_due()) != NULL) {
		watch->changed(watch);
		nr++;
	}
	return nr;
}

bool xen_xs_pending(void)
{
	unsigned long flags = xen_port_lock(&xen_xs.lock);
	const struct xen_xs_watch *watch;

	receive();
	for (watch = xen_xs.watches; watch && !watch->pending && !watch->due;)
		watch = watch->next;
	xen_port_unlock(&xen_xs.lock, flags);
	return watch;
}
