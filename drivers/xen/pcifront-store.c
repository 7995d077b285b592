/* SPDX-License-Identifier: MIT */
/*
 * What the frontend reads and writes in xenstore. Our own directory is the toolstack's, and names
 * the backend; what is under the backend's path is the backend's, so it is parsed strictly, and
 * what does not parse is left out with a log line. Lists are read in a transaction, so that none is
 * seen while the tool moves entries up. Invariant: backend is empty or a path below the directory
 * of domain backend_id, watched when other_watched.
 */
#include "pcifront-internal.h"

struct text {
	char *at;
	size_t left; /* with the NUL */
	bool cut;
};

static void put(struct text *text, const char *s)
{
	for (; *s; s++) {
		if (text->left < 2) {
			text->cut = true;
			return;
		}
		*text->at++ = *s;
		text->left--;
	}
	*text->at = 0;
}

static void put_number(struct text *text, uint64_t number)
{
	char digits[21], *at = digits + sizeof(digits) - 1;

	*at = 0;
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put(text, at);
}

int xen_front_key(char key[XEN_XS_PATH_MAX], const char *dir, const char *name, int index)
{
	struct text text = {key, XEN_XS_PATH_MAX, false};

	put(&text, dir);
	put(&text, "/");
	put(&text, name);
	if (index >= 0)
		put_number(&text, (uint64_t)index);
	return text.cut ? -XEN_E2BIG : 0;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool begins_with(const char *s, const char *start)
{
	while (*start && *s == *start) {
		s++;
		start++;
	}
	return !*start;
}

static void own_changed(struct xen_xs_watch *watch)
{
	struct xen_pcifront *front = watch->arg;

	xen_store(&front->own_changed, 1);
	xen_store_release(&front->dirty, 1);
}

static void other_changed(struct xen_xs_watch *watch)
{
	struct xen_pcifront *front = watch->arg;

	xen_store_release(&front->dirty, 1);
}

static int set_watch(struct xen_pcifront *front, struct xen_xs_watch *watch, const char *dir,
		     const char *name, void (*changed)(struct xen_xs_watch *watch))
{
	int rc = xen_front_key(watch->path, dir, name, -1);

	watch->changed = changed;
	watch->arg = front;
	return rc ? rc : xen_xs_watch(watch);
}

void xen_front_forget(struct xen_pcifront *front)
{
	if (front->other_watched)
		xen_xs_unwatch(&front->other);
	front->other_watched = false;
	front->backend[0] = 0;
}

void xen_front_unwatch(struct xen_pcifront *front)
{
	xen_front_forget(front);
	if (front->own_watched)
		xen_xs_unwatch(&front->own);
	front->own_watched = false;
}

/* What our directory says of the backend. -XEN_EINVAL: nothing that makes sense. */
static int read_backend(const struct xen_pcifront *front, char path[XEN_XS_PATH_MAX], domid_t *id)
{
	char key[XEN_XS_PATH_MAX], home[40];
	struct text text = {home, sizeof(home), false};
	uint64_t number;
	int rc = xen_front_key(key, front->path, "backend", -1);

	if (!rc)
		rc = xen_xs_read(XEN_XS_NONE, key, path, XEN_XS_PATH_MAX);
	if (!rc)
		rc = xen_front_key(key, front->path, "backend-id", -1);
	if (!rc)
		rc = xen_xs_read_uint(XEN_XS_NONE, key, DOMID_FIRST_RESERVED - 1, &number);
	if (rc)
		return rc == -XEN_E2BIG ? -XEN_EINVAL : rc;
	put(&text, "/local/domain/");
	put_number(&text, number);
	put(&text, "/");
	if (!begins_with(path, home))
		return -XEN_EINVAL;
	*id = (domid_t)number;
	return 0;
}

/* The state in directory @dir; one that is not there or no state is XenbusStateUnknown. */
static int read_state(const char *dir, enum xenbus_state *state)
{
	char key[XEN_XS_PATH_MAX];
	uint64_t number = XenbusStateUnknown;
	int rc = xen_front_key(key, dir, "state", -1);

	if (!rc)
		rc = xen_xs_read_uint(XEN_XS_NONE, key, XenbusStateReconfigured, &number);
	if (rc && rc != -XEN_ENOENT && rc != -XEN_EINVAL)
		return rc;
	*state = (enum xenbus_state)number;
	return 0;
}

/* Which of our own states is what was found there, if it is not another's: a write that was not
 * confirmed may have been done. */
static bool is_ours(const struct xen_pcifront *front, enum xenbus_state state)
{
	return state == front->state || state == front->intended;
}

int xen_front_read_own(struct xen_pcifront *front, bool *replaced)
{
	char path[XEN_XS_PATH_MAX];
	enum xenbus_state state;
	domid_t id;
	int rc;

	*replaced = false;
	if (!front->own_watched) {
		rc = set_watch(front, &front->own, front->path, "backend", own_changed);
		if (rc)
			return rc;
		front->own_watched = true;
	}
	xen_store(&front->own_changed, 0);
	rc = read_backend(front, path, &id);
	if (!rc)
		rc = read_state(front->path, &state);
	if (rc)
		goto error;
	/* Another state than we wrote: the tool has removed the device and made it anew. */
	*replaced = front->backend[0] && (!same(path, front->backend) || id != front->backend_id ||
					  !is_ours(front, state));
	if (front->backend[0])
		return 0;
	front->backend_id = id;
	front->state = front->intended = state;
	__builtin_memcpy(front->backend, path, sizeof(front->backend));
	rc = set_watch(front, &front->other, front->backend, "state", other_changed);
	if (rc)
		goto forget;
	front->other_watched = true;
	return 0;

forget:
	front->backend[0] = 0;
error:
	if (rc != -XEN_ENOENT)
		xen_store(&front->own_changed, 1); /* to be read again */
	return rc;
}

int xen_front_read_other(struct xen_pcifront *front)
{
	return read_state(front->backend, &front->other_state);
}

/* A device that is not there any more is to be looked for. */
static int wrote(struct xen_pcifront *front, int rc)
{
	if (!rc)
		front->state = front->intended;
	if (rc == -XEN_ENOENT)
		xen_store(&front->own_changed, 1);
	return rc;
}

int xen_front_write_state(struct xen_pcifront *front, enum xenbus_state state)
{
	front->intended = state;
	return wrote(front, xen_xenbus_write_state(front->path, state));
}

/* --- publishing ---------------------------------------------------------------------------- */

static int write_number(xen_xs_tx_t tx, const char *dir, const char *name, uint64_t number)
{
	char key[XEN_XS_PATH_MAX], value[24];
	struct text text = {value, sizeof(value), false};
	int rc = xen_front_key(key, dir, name, -1);

	put_number(&text, number);
	return rc ? rc : xen_xs_write(tx, key, value);
}

static int publish(xen_xs_tx_t tx, void *arg)
{
	const struct xen_pcifront *front = arg;
	char key[XEN_XS_PATH_MAX], value[XEN_XS_VALUE_MAX];
	int rc = xen_front_key(key, front->path, "state", -1);

	/* What is written would make the directory anew if the tool has just removed it. */
	if (!rc)
		rc = xen_xs_read(tx, key, value, sizeof(value));
	if (!rc)
		rc = write_number(tx, front->path, "pci-op-ref", front->ref);
	if (!rc)
		rc = write_number(tx, front->path, "event-channel", front->port);
	if (!rc)
		rc = write_number(tx, front->path, "magic", XEN_PCI_MAGIC[0] - '0');
	if (!rc)
		rc = write_number(tx, front->path, "state", XenbusStateInitialised);
	return rc;
}

int xen_front_publish(struct xen_pcifront *front)
{
	front->intended = XenbusStateInitialised;
	return wrote(front, xen_xs_transaction(publish, front));
}

void xen_front_withdraw(struct xen_pcifront *front)
{
	static const char *const names[] = {"pci-op-ref", "event-channel", "magic"};
	char key[XEN_XS_PATH_MAX];

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!xen_front_key(key, front->path, names[i], -1))
			xen_xs_rm(XEN_XS_NONE, key);
}
