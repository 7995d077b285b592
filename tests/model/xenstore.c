/* SPDX-License-Identifier: MIT */
/*
 * The model's xenstore as a whole: start and stop, the domains that it knows, the test's own view
 * of it, and the faults that a test asks for. Everything under xs_lock().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <model/xs.h>

#define LINK_PFN 2	    /* in the "kernel image", which the port does not hand out */
#define SERVER_DOMID 0x7000 /* where domain 0 is the first domain */

struct xs_store xs;

struct xs_conn *xs_conn_of(domid_t id)
{
	struct xs_conn *conn = xs.conns;

	while (conn && conn->id != id)
		conn = conn->next;
	return conn;
}

static struct xs_conn *new_conn(domid_t id)
{
	struct xs_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		model_breach("model: no memory for xenstore");
	conn->id = id;
	conn->privileged = id == 0;
	conn->next = xs.conns;
	xs.conns = conn;
	return conn;
}

static void free_conn(struct xs_conn *conn)
{
	struct xs_conn **link = &xs.conns;

	while (*link != conn)
		link = &(*link)->next;
	*link = conn->next;
	xs_forget_watches(conn);
	xs_tx_forget(conn);
	free(conn->out);
	free(conn);
}

const char *xs_introduce(domid_t id)
{
	if (!xs_conn_of(id))
		new_conn(id);
	xs_fire("@introduceDomain", false);
	return NULL;
}

const char *xs_release(domid_t id)
{
	struct xs_conn *conn = xs_conn_of(id);

	if (!conn)
		return "ENOENT";
	if (conn == xs.link || conn->privileged)
		return "EINVAL";
	free_conn(conn);
	xs_fire("@releaseDomain", false);
	return NULL;
}

/* What the toolstack and xenstored do when the domain is built. */
static void connect(void)
{
	struct evtchn_alloc_unbound alloc = {.dom = model_domid(), .remote_dom = xs.server};
	struct evtchn_bind_interdomain bind = {.remote_dom = alloc.dom};
	uint64_t mfn = model_mfn_list()[LINK_PFN];
	int rc;

	model_act_as(xs.server);
	rc = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
	bind.remote_port = alloc.port;
	if (!rc)
		rc = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind);
	model_act_as(DOMID_SELF);
	if (rc)
		model_breach("model_xs_start: no event channel: %d", rc);
	xs.link = xs_conn_of(alloc.dom);
	if (!xs.link)
		xs.link = new_conn(alloc.dom);
	xs.link->port = bind.local_port;
	xs.link_port = alloc.port;
	xs.link->page = xs.link->ring = (void *)frame_bytes(mfn);
	memset(xs.link->ring, 0, XEN_PAGE_SIZE);
	xs.link->ring->server_features =
		XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
}

void model_xs_start(void)
{
	struct xs_node *root;

	if (xs.running)
		model_breach("model_xs_start: it runs");
	memset(&xs, 0, sizeof(xs));
	xs.running = true;
	xs.quota = (struct model_xs_quota){1000, 128, 10, 2048, 5, "ENOSPC"};
	xs.server = model.params.domu ? 0 : SERVER_DOMID;
	if (!model_domain_exists(xs.server))
		model_domain_create(xs.server, true, 0);
	root = xs_add(&xs.tree, "/");
	xs_set_value(root, "", 0);
	root->nr_perms = 1;
	root->perm[0] = (struct xs_perm){0, XS_MAY_READ};
	root->generation = ++xs.generation;
	new_conn(0);
	connect();
	model_domain_on_event(xs.server, xs.link->port, xs_ring_step, xs.link);
}

struct model_xs_link model_xs_link(void)
{
	struct model_xs_link link;

	xs_lock();
	link.page = xen_port_pfn_to_virt(mk_pfn(LINK_PFN));
	link.mfn = mk_mfn(model_mfn_list()[LINK_PFN]);
	link.port = xs.link_port;
	xs_unlock();
	return link;
}

void model_xs_stop(void)
{
	struct evtchn_close op = {.port = model_xs_link().port};

	model_domain_on_event(xs.server, xs.link->port, NULL, NULL);
	hypercall_event_channel_op(EVTCHNOP_close, &op);
	xs_lock();
	while (xs.conns)
		free_conn(xs.conns);
	xs_free_tree(&xs.tree);
	xs.running = false;
	xs_unlock();
}

const char *model_xs_request(domid_t id, uint32_t type, uint32_t tx, const void *payload,
			     size_t len, char *reply, size_t *reply_len)
{
	static char own[XENSTORE_PAYLOAD_MAX];
	const char *error;
	size_t own_len;

	if (len > XENSTORE_PAYLOAD_MAX)
		model_breach("model_xs_request: %zu bytes", len);
	xs_lock();
	if (!xs_conn_of(id))
		new_conn(id);
	error = xs_execute(xs_conn_of(id), type, tx, payload, len, reply ? reply : own,
			   reply_len ? reply_len : &own_len);
	xs_unlock();
	return error;
}

static void must(const char *function, const char *path, const char *error)
{
	if (error)
		model_breach("%s: %s: %s", function, path, error);
}

void model_xs_write(const char *path, const char *value)
{
	char payload[XENSTORE_PAYLOAD_MAX];
	int len = snprintf(payload, sizeof(payload), "%s%c%s", path, 0, value);

	if (len < 0 || (size_t)len >= sizeof(payload))
		model_breach("model_xs_write: too long");
	must("model_xs_write", path,
	     model_xs_request(0, XS_WRITE, 0, payload, (size_t)len, NULL, NULL));
}

void model_xs_rm(const char *path)
{
	must("model_xs_rm", path,
	     model_xs_request(0, XS_RM, 0, path, strlen(path) + 1, NULL, NULL));
}

void model_xs_set_perms(const char *path, const char *first, const char *second)
{
	char payload[XENSTORE_PAYLOAD_MAX];
	int len = snprintf(payload, sizeof(payload), "%s%c%s%c", path, 0, first, 0);

	if (second && len > 0)
		len += snprintf(payload + len, sizeof(payload) - (size_t)len, "%s%c", second, 0);
	must("model_xs_set_perms", path,
	     model_xs_request(0, XS_SET_PERMS, 0, payload, (size_t)len, NULL, NULL));
}

const char *model_xs_read(const char *path)
{
	static char value[XENSTORE_PAYLOAD_MAX + 1];
	size_t len;

	if (model_xs_request(0, XS_READ, 0, path, strlen(path) + 1, value, &len))
		return NULL;
	value[len] = 0;
	return value;
}

unsigned int model_xs_watches(void)
{
	unsigned int nr;

	xs_lock();
	nr = xs_count_watches(xs.link);
	xs_unlock();
	return nr;
}

unsigned int model_xs_transactions(void)
{
	unsigned int nr = 0;

	xs_lock();
	for (const struct xs_transaction *tx = xs.link->transactions; tx; tx = tx->next)
		nr++;
	xs_unlock();
	return nr;
}

void model_xs_quota(const struct model_xs_quota *quota)
{
	xs_lock();
	xs.quota = *quota;
	xs_unlock();
}

void model_xs_fail(uint32_t type, uint64_t nth, const char *error)
{
	xs_lock();
	xs.fail.type = type;
	xs.fail.nth = nth;
	xs.fail.error = error;
	xs_unlock();
}

void model_xs_lose_events(unsigned int nr)
{
	xs_lock();
	xs.lose = nr;
	xs_unlock();
}

void model_xs_conflict(unsigned int nr)
{
	xs_lock();
	xs.conflict = nr;
	xs_unlock();
}

void model_xs_hold(bool hold)
{
	xs_lock();
	xs.hold = hold;
	xs_unlock();
}

void model_xs_trickle(unsigned int bytes)
{
	xs_lock();
	xs.trickle = bytes;
	xs_unlock();
}

void model_xs_features(uint32_t features)
{
	xs_lock();
	xs.link->page->server_features = features;
	xs_unlock();
}

void model_xs_restart(void)
{
	xs_lock();
	for (struct xs_conn *conn = xs.conns; conn; conn = conn->next) {
		xs_forget_watches(conn);
		xs_tx_forget(conn);
	}
	xs_begin_anew(xs.link);
	xs_unlock();
}
