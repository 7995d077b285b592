/* SPDX-License-Identifier: MIT */
/*
 * Transactions: each works on a copy of the tree and remembers what it looked at and what it
 * changed. It ends with EAGAIN when one of these nodes has changed in the store meanwhile; a node
 * counts as changed when a child comes or goes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <model/xs.h>

struct xs_transaction *xs_tx_find(struct xs_conn *conn, uint32_t id)
{
	struct xs_transaction *tx = conn->transactions;

	while (tx && tx->id != id)
		tx = tx->next;
	return tx;
}

void xs_tx_access(struct xs_call *call, const char *path, enum xs_depth depth)
{
	struct xs_access *access;

	if (!call->tx)
		return;
	for (access = call->tx->accesses; access; access = access->next)
		if (!strcmp(access->path, path))
			break;
	if (!access) {
		const struct xs_node *node = xs_find(&call->tx->tree, path);

		access = calloc(1, sizeof(*access));
		if (!access)
			model_breach("model: no memory for xenstore");
		access->path = strdup(path);
		access->generation = node ? node->generation : 0;
		access->next = call->tx->accesses;
		call->tx->accesses = access;
	}
	if (access->depth < depth)
		access->depth = depth;
}

const char *xs_tx_start(struct xs_call *call)
{
	struct xs_conn *conn = call->conn;
	struct xs_transaction *tx;
	unsigned int nr = 0;

	if (call->tx)
		return "EBUSY";
	for (tx = conn->transactions; tx; tx = tx->next)
		nr++;
	if (!conn->privileged && nr >= xs.quota.transactions)
		return xs.quota.error;
	tx = calloc(1, sizeof(*tx));
	if (!tx)
		return "ENOMEM";
	tx->id = ++conn->last_tx;
	xs_copy_tree(&tx->tree, &xs.tree);
	tx->next = conn->transactions;
	conn->transactions = tx;
	call->reply_len = (size_t)sprintf(call->reply, "%u", tx->id) + 1;
	return NULL;
}

static bool conflicts(const struct xs_transaction *tx)
{
	for (const struct xs_access *a = tx->accesses; a; a = a->next) {
		const struct xs_node *node = xs_find(&xs.tree, a->path);

		if ((node ? node->generation : 0) != a->generation)
			return true;
	}
	return false;
}

/* Accesses are kept newest first: a parent made for a child stands before it, so back to front. */
static void commit(const struct xs_transaction *tx, const struct xs_access *a)
{
	const struct xs_node *from;
	struct xs_node *to;

	if (!a)
		return;
	commit(tx, a->next);
	if (a->depth == XS_LOOKED)
		return;
	from = xs_find(&tx->tree, a->path);
	to = xs_find(&xs.tree, a->path);
	if (!from) {
		xs_delete(&xs.tree, a->path);
		return;
	}
	if (!to)
		to = xs_add(&xs.tree, a->path);
	xs_copy_node(to, from);
	to->generation = ++xs.generation;
}

/* Of what goes, before it goes; of what comes, when it is there. */
static void fire_all(const struct xs_transaction *tx, const struct xs_access *a, bool gone)
{
	if (!a)
		return;
	fire_all(tx, a->next, gone);
	if (a->depth == XS_CHANGED && gone == !xs_find(&tx->tree, a->path))
		xs_fire(a->path, gone);
}

static void free_tx(struct xs_transaction *tx)
{
	while (tx->accesses) {
		struct xs_access *access = tx->accesses;

		tx->accesses = access->next;
		free(access->path);
		free(access);
	}
	xs_free_tree(&tx->tree);
	free(tx);
}

const char *xs_tx_end(struct xs_call *call)
{
	struct xs_transaction **link = &call->conn->transactions, *tx = call->tx;
	const char *error = NULL;

	if (call->nr_args != 1 ||
	    (strcmp(call->arg[0], "T") != 0 && strcmp(call->arg[0], "F") != 0))
		return "EINVAL";
	if (!tx)
		return "ENOENT";
	while (*link != tx)
		link = &(*link)->next;
	*link = tx->next;
	if (call->arg[0][0] == 'T') {
		if (call->conn == xs.link && xs.conflict) {
			xs.conflict--;
			error = "EAGAIN";
		} else if (conflicts(tx)) {
			error = "EAGAIN";
		} else {
			fire_all(tx, tx->accesses, true);
			commit(tx, tx->accesses);
			fire_all(tx, tx->accesses, false);
		}
	}
	free_tx(tx);
	return error;
}

void xs_tx_forget(struct xs_conn *conn)
{
	while (conn->transactions) {
		struct xs_transaction *tx = conn->transactions;

		conn->transactions = tx->next;
		free_tx(tx);
	}
}
