/* SPDX-License-Identifier: MIT */
/*
 * Watches: a change is told to whoever watches the node or one above it, if it may read it. Only
 * the first domain has a link over which it can be told; the others' watches are kept and counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <model/xs.h>

static bool special(const char *path)
{
	return path[0] == '@';
}

/* As the watcher named it. */
static const char *named(const struct xs_conn *conn, const struct xs_watch *watch, const char *path)
{
	char home[32];
	size_t len;

	if (!watch->relative)
		return path;
	len = (size_t)snprintf(home, sizeof(home), "/local/domain/%u/", conn->id);
	return strlen(path) > len ? path + len : path;
}

static void tell(struct xs_conn *conn, const struct xs_watch *watch, const char *path)
{
	static char payload[XENSTORE_PAYLOAD_MAX];
	const char *name = named(conn, watch, path);
	size_t len = strlen(name) + 1, token = strlen(watch->token) + 1;

	if (len + token > sizeof(payload))
		return;
	if (conn == xs.link && xs.lose) {
		xs.lose--;
		return;
	}
	memcpy(payload, name, len);
	memcpy(payload + len, watch->token, token);
	xs_send(conn, XS_WATCH_EVENT, 0, 0, payload, len + token);
}

/* Of a node that is not there the nearest one above decides. */
static bool may_see(const struct xs_conn *conn, const char *path)
{
	char at[XENSTORE_ABS_PATH_MAX + 1];
	const struct xs_node *node;

	if (special(path))
		return conn->privileged;
	strcpy(at, path);
	while ((node = xs_find(&xs.tree, at)) == NULL)
		xs_parent(at, at);
	return xs_rights(conn, node) & XS_MAY_READ;
}

void xs_fire(const char *path, bool gone)
{
	for (struct xs_conn *conn = xs.conns; conn; conn = conn->next) {
		if (!may_see(conn, path))
			continue;
		for (struct xs_watch *w = conn->watches; w; w = w->next) {
			if (xs_is_below(path, w->path) || !strcmp(path, w->path))
				tell(conn, w, path);
			else if (gone && xs_is_below(w->path, path) && xs_find(&xs.tree, w->path))
				tell(conn, w, w->path); /* it goes with what is above */
		}
	}
}

static struct xs_watch **find(struct xs_conn *conn, const char *path, const char *token)
{
	struct xs_watch **link = &conn->watches;

	while (*link && (strcmp((*link)->path, path) != 0 || strcmp((*link)->token, token) != 0))
		link = &(*link)->next;
	return link;
}

unsigned int xs_count_watches(const struct xs_conn *conn)
{
	unsigned int nr = 0;

	for (const struct xs_watch *w = conn->watches; w; w = w->next)
		nr++;
	return nr;
}

static bool path_of(const struct xs_call *call, char *path)
{
	if (special(call->arg[0])) {
		snprintf(path, XENSTORE_ABS_PATH_MAX + 1, "%s", call->arg[0]);
		return true;
	}
	return xs_absolute(call->conn, call->arg[0], path);
}

const char *xs_watch(struct xs_call *call)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_watch **link, *watch;

	if (call->nr_args != 2 || !path_of(call, path))
		return "EINVAL";
	if (special(path) && !call->conn->privileged)
		return "EACCES";
	link = find(call->conn, path, call->arg[1]);
	if (*link)
		return "EEXIST";
	if (!call->conn->privileged && xs_count_watches(call->conn) >= xs.quota.watches)
		return "E2BIG";
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return "ENOMEM";
	watch->path = strdup(path);
	watch->token = strdup(call->arg[1]);
	watch->relative = call->arg[0][0] != '/' && !special(path);
	*link = watch;
	return NULL; /* its first event follows the reply */
}

static void free_watch(struct xs_watch *watch)
{
	free(watch->path);
	free(watch->token);
	free(watch);
}

const char *xs_unwatch(struct xs_call *call)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_watch **link, *watch;

	if (call->nr_args != 2 || !path_of(call, path))
		return "EINVAL";
	link = find(call->conn, path, call->arg[1]);
	watch = *link;
	if (!watch)
		return "ENOENT";
	*link = watch->next;
	free_watch(watch);
	return NULL;
}

void xs_forget_watches(struct xs_conn *conn)
{
	while (conn->watches) {
		struct xs_watch *watch = conn->watches;

		conn->watches = watch->next;
		free_watch(watch);
	}
}

void xs_first_event(struct xs_conn *conn)
{
	const struct xs_watch *watch = conn->watches;

	while (watch && watch->next)
		watch = watch->next; /* the newest is the last */
	if (watch)
		tell(conn, watch, watch->path);
}
