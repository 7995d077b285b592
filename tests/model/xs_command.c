/* SPDX-License-Identifier: MIT */
/*
 * The requests of xenstore's protocol, each against the store or a transaction's copy of it. Who
 * may not read the nearest node above a missing one does not learn that it is missing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <model/xs.h>

static bool is_path_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '/' || c == '@';
}

static bool well_formed(const char *path)
{
	char last = 0;
	size_t len;

	for (len = 0; path[len]; last = path[len++])
		if (!is_path_char(path[len]) || (path[len] == '/' && last == '/'))
			return false;
	return path[0] == '/' && len <= XENSTORE_ABS_PATH_MAX && (len == 1 || last != '/');
}

bool xs_absolute(const struct xs_conn *conn, const char *name, char *path)
{
	size_t len = strlen(name), start = 0;

	if (!len || len > (name[0] == '/' ? XENSTORE_ABS_PATH_MAX : XENSTORE_REL_PATH_MAX))
		return false;
	if (name[0] != '/')
		start = (size_t)sprintf(path, "/local/domain/%u/", conn->id);
	memcpy(path + start, name, len + 1);
	return well_formed(path);
}

static struct xs_node *nearest(const struct xs_tree *tree, const char *path)
{
	char at[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_node *node;

	strcpy(at, path);
	while ((node = xs_find(tree, at)) == NULL)
		xs_parent(at, at);
	return node;
}

/* The node at the first argument with @rights, its absolute name in @path; or the error. */
static const char *get(struct xs_call *call, unsigned int rights, char *path, struct xs_node **node)
{
	if (!call->nr_args || !xs_absolute(call->conn, call->arg[0], path))
		return "EINVAL";
	xs_tx_access(call, path, XS_LOOKED);
	*node = xs_find(call->tree, path);
	if (!*node)
		return xs_rights(call->conn, nearest(call->tree, path)) & rights ? "ENOENT"
										 : "EACCES";
	return (xs_rights(call->conn, *node) & rights) == rights ? NULL : "EACCES";
}

static const char *read_node(struct xs_call *call)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_node *node;
	const char *error = get(call, XS_MAY_READ, path, &node);

	if (error)
		return error;
	memcpy(call->reply, node->value, node->len);
	call->reply_len = node->len;
	return NULL;
}

static const char *directory(struct xs_call *call)
{
	char path[XENSTORE_ABS_PATH_MAX + 1], parent[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_node *node;
	const char *error = get(call, XS_MAY_READ, path, &node);

	if (error)
		return error;
	for (const struct xs_node *child = call->tree->first; child; child = child->next) {
		const char *name = strrchr(child->path, '/') + 1;

		xs_parent(child->path, parent);
		if (!name[0] || strcmp(parent, path) != 0)
			continue;
		if (call->reply_len + strlen(name) + 1 > XENSTORE_PAYLOAD_MAX)
			return "E2BIG";
		strcpy(call->reply + call->reply_len, name);
		call->reply_len += strlen(name) + 1;
	}
	return NULL;
}

static unsigned int owned(const struct xs_tree *tree, domid_t id)
{
	unsigned int nr = 0;

	for (const struct xs_node *node = tree->first; node; node = node->next)
		nr += node->perm[0].id == id;
	return nr;
}

unsigned int model_xs_nodes(domid_t id)
{
	unsigned int nr;

	xs_lock();
	nr = owned(&xs.tree, id);
	xs_unlock();
	return nr;
}

/* The node at @path and all that lacks above it. */
static const char *create(struct xs_call *call, const char *path, struct xs_node **made)
{
	char parent[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_node *above, *node;
	const char *error;

	xs_parent(path, parent);
	above = xs_find(call->tree, parent);
	if (!above) {
		xs_tx_access(call, parent, XS_CHILDREN);
		error = create(call, parent, &above);
		if (error)
			return error;
	} else if (!(xs_rights(call->conn, above) & XS_MAY_WRITE)) {
		return "EACCES";
	}
	if (!call->conn->privileged && owned(call->tree, call->conn->id) >= xs.quota.nodes)
		return xs.quota.error;
	xs_tx_access(call, parent, XS_CHILDREN);
	above->generation = ++xs.generation;
	node = xs_add(call->tree, path);
	xs_set_value(node, "", 0);
	node->nr_perms = above->nr_perms;
	memcpy(node->perm, above->perm, sizeof(node->perm));
	if (!call->conn->privileged)
		node->perm[0].id = call->conn->id;
	node->generation = ++xs.generation;
	*made = node;
	return NULL;
}

static void changed(struct xs_call *call, struct xs_node *node)
{
	node->generation = ++xs.generation;
	if (!call->tx)
		xs_fire(node->path, false);
}

static const char *write_node(struct xs_call *call)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_node *node = NULL;
	const char *error = get(call, XS_MAY_WRITE, path, &node);

	if (!call->conn->privileged && call->data_len > xs.quota.value)
		return xs.quota.error;
	if (error && !node && strcmp(error, "EINVAL") != 0) {
		xs_tx_access(call, path, XS_CHANGED);
		error = create(call, path, &node);
	}
	if (error)
		return error;
	xs_tx_access(call, path, XS_CHANGED);
	xs_set_value(node, call->data, call->data_len);
	changed(call, node);
	return NULL;
}

static const char *mkdir_node(struct xs_call *call)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_node *node = NULL;
	const char *error = get(call, XS_MAY_WRITE, path, &node);

	if (!error || node || !strcmp(error, "EINVAL"))
		return error; /* there already, and that is fine */
	xs_tx_access(call, path, XS_CHANGED);
	error = create(call, path, &node);
	if (!error)
		changed(call, node);
	return error;
}

static const char *rm_node(struct xs_call *call)
{
	char path[XENSTORE_ABS_PATH_MAX + 1], parent[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_node *node = NULL, *above;
	const char *error = get(call, XS_MAY_WRITE, path, &node);

	if (error && (node || strcmp(error, "ENOENT") != 0))
		return error;
	if (!strcmp(path, "/"))
		return "EINVAL";
	xs_parent(path, parent);
	above = xs_find(call->tree, parent);
	if (!node) /* what is not there need not be removed, if its parent is */
		return above ? NULL : "ENOENT";
	for (node = call->tree->first; node; node = node->next)
		if (xs_is_below(node->path, path))
			xs_tx_access(call, node->path,
				     strcmp(node->path, path) ? XS_CHILDREN : XS_CHANGED);
	xs_tx_access(call, parent, XS_CHILDREN);
	above->generation = ++xs.generation;
	if (!call->tx)
		xs_fire(path, true);
	xs_delete(call->tree, path);
	return NULL;
}

static const char *get_perms(struct xs_call *call)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_node *node;
	const char *error = get(call, XS_MAY_READ, path, &node);

	for (unsigned int i = 0; !error && i < node->nr_perms; i++)
		call->reply_len +=
			(size_t)sprintf(call->reply + call->reply_len, "%c%u",
					"nrwb"[node->perm[i].rights & 3], node -> perm[i].id) +
			1;
	return error;
}

static bool parse_perm(const char *text, struct xs_perm *perm)
{
	const char *kind = strchr("nrwb", text[0]);
	char *end;
	unsigned long id = strtoul(text + 1, &end, 10);

	if (!text[0] || !kind || *end || end == text + 1 || id > 0x7fff)
		return false;
	*perm = (struct xs_perm){(domid_t)id, (unsigned int)(kind - "nrwb")};
	return true;
}

static const char *set_perms(struct xs_call *call)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_perm perm[XS_PERMS_MAX];
	unsigned int nr = call->nr_args - 1;
	struct xs_node *node;
	const char *error;

	if (call->nr_args < 2)
		return "EINVAL";
	if (nr > XS_PERMS_MAX || (!call->conn->privileged && nr > xs.quota.perms))
		return xs.quota.error;
	for (unsigned int i = 0; i < nr; i++)
		if (!parse_perm(call->arg[i + 1], &perm[i]))
			return "EINVAL";
	error = get(call, XS_MAY_WRITE | XS_OWNS, path, &node);
	if (error)
		return error;
	if (!call->conn->privileged && perm[0].id != node->perm[0].id)
		return "EPERM";
	xs_tx_access(call, path, XS_CHANGED);
	node->nr_perms = nr;
	memcpy(node->perm, perm, nr * sizeof(perm[0]));
	changed(call, node);
	return NULL;
}

static const char *about_domain(struct xs_call *call, uint32_t type)
{
	char *end;
	unsigned long id;

	if (!call->nr_args)
		return "EINVAL";
	id = strtoul(call->arg[0], &end, 10);
	if (*end || end == call->arg[0] || id >= DOMID_FIRST_RESERVED)
		return "EINVAL";
	switch (type) {
	case XS_GET_DOMAIN_PATH:
		call->reply_len = (size_t)sprintf(call->reply, "/local/domain/%lu", id) + 1;
		return NULL;
	case XS_IS_DOMAIN_INTRODUCED:
		strcpy(call->reply, xs_conn_of((domid_t)id) ? "T" : "F");
		call->reply_len = 2;
		return NULL;
	case XS_INTRODUCE:
		if (!call->conn->privileged)
			return "EACCES";
		if (call->nr_args != 3)
			return "EINVAL";
		return xs_introduce((domid_t)id);
	default:
		return call->conn->privileged ? xs_release((domid_t)id) : "EACCES";
	}
}

static const char *dispatch(struct xs_call *call, uint32_t type)
{
	switch (type) {
	case XS_READ:
		return read_node(call);
	case XS_DIRECTORY:
		return directory(call);
	case XS_WRITE:
		return write_node(call);
	case XS_MKDIR:
		return mkdir_node(call);
	case XS_RM:
		return rm_node(call);
	case XS_GET_PERMS:
		return get_perms(call);
	case XS_SET_PERMS:
		return set_perms(call);
	case XS_WATCH:
		return xs_watch(call);
	case XS_UNWATCH:
		return xs_unwatch(call);
	case XS_RESET_WATCHES:
		xs_forget_watches(call->conn);
		xs_tx_forget(call->conn);
		return NULL;
	case XS_TRANSACTION_START:
		return xs_tx_start(call);
	case XS_TRANSACTION_END:
		return xs_tx_end(call);
	case XS_GET_DOMAIN_PATH:
	case XS_IS_DOMAIN_INTRODUCED:
	case XS_INTRODUCE:
	case XS_RELEASE:
		return about_domain(call, type);
	case XS_CONTROL:
		return call->conn->privileged ? "ENOSYS" : "EACCES";
	default:
		return "ENOSYS";
	}
}

/* The payload's strings; what is not terminated belongs to the value of a write alone. */
static bool split(struct xs_call *call, char *text, size_t len, uint32_t type)
{
	size_t at = 0;

	while (at < len) {
		const char *end = memchr(text + at, 0, len - at);

		if (!end)
			return type == XS_WRITE && call->nr_args;
		if (call->nr_args < sizeof(call->arg) / sizeof(call->arg[0]))
			call->arg[call->nr_args] = text + at;
		call->nr_args++;
		at = (size_t)(end - text) + 1;
		if (call->nr_args == 1) {
			call->data = end + 1;
			call->data_len = len - at;
			if (type == XS_WRITE)
				return true;
		}
	}
	return type != XS_WRITE && call->nr_args <= sizeof(call->arg) / sizeof(call->arg[0]);
}

const char *xs_execute(struct xs_conn *conn, uint32_t type, uint32_t tx, const char *payload,
		       size_t len, char *reply, size_t *reply_len)
{
	static char text[XENSTORE_PAYLOAD_MAX + 1];
	struct xs_call call = {.conn = conn, .tree = &xs.tree, .reply = reply};
	const char *error;

	memcpy(text, payload, len);
	text[len] = 0;
	*reply_len = 0;
	if (!split(&call, text, len, type))
		return "EINVAL";
	if (tx) {
		call.tx = xs_tx_find(conn, tx);
		if (!call.tx)
			return "ENOENT";
		call.tree = &call.tx->tree;
	}
	error = dispatch(&call, type);
	if (error)
		return error;
	if (!call.reply_len && type != XS_READ && type != XS_DIRECTORY && type != XS_GET_PERMS) {
		strcpy(reply, "OK");
		call.reply_len = 3;
	}
	*reply_len = call.reply_len;
	return NULL;
}
