/* SPDX-License-Identifier: MIT */
/* Between the files of the model's xenstore. All under xs_lock(). */
#ifndef XENDMA_TESTS_MODEL_XS_H
#define XENDMA_TESTS_MODEL_XS_H

#include <model/domain-internal.h>
#include <model/xenstore.h>

#define XS_PERMS_MAX 16
#define XS_MAY_READ 1u
#define XS_MAY_WRITE 2u
#define XS_OWNS 4u
#define XS_MESSAGE_MAX (sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX)

struct xs_perm {
	domid_t id;
	unsigned int rights;
};

struct xs_node {
	uint32_t hash; /* of path */
	struct xs_node *next;
	char *value;
	size_t len;
	uint64_t generation; /* of the last change */
	unsigned int nr_perms;
	struct xs_perm perm[XS_PERMS_MAX]; /* [0]: the owner, and the rights of all others */
	char small[64];			   /* a value that fits */
	char path[];
};

/* Nodes in the order of their making; a node's parents are all there. */
struct xs_tree {
	struct xs_node *first, **end; /* @end: where the next one goes; NULL: at @first */
};

struct xs_watch {
	struct xs_watch *next;
	char *path, *token;
	bool relative;
};

/* The children of a node change when one comes or goes; only CHANGED is told to watches. */
enum xs_depth { XS_LOOKED, XS_CHILDREN, XS_CHANGED };

/* What a transaction saw or did; @generation is 0 for a node that was not there. */
struct xs_access {
	struct xs_access *next;
	char *path;
	uint64_t generation;
	enum xs_depth depth;
};

struct xs_transaction {
	struct xs_transaction *next;
	uint32_t id;
	struct xs_tree tree;
	struct xs_access *accesses;
};

/* A domain's, whether it came over a ring or not. */
struct xs_conn {
	struct xs_conn *next;
	domid_t id;
	bool privileged;
	struct xs_watch *watches;
	struct xs_transaction *transactions;
	uint32_t last_tx;
	/* The first domain's: */
	struct xenstore_domain_interface *page; /* the server's view */
	struct xenstore_domain_interface *ring; /* the same; NULL: given up */
	evtchn_port_t port;			/* the server's */
	bool notify;
	uint8_t in[XS_MESSAGE_MAX];
	size_t nr_in;
	uint8_t *out;
	size_t nr_out;
};

/* A request at work: @tree is the store or the transaction's. */
struct xs_call {
	struct xs_conn *conn;
	struct xs_transaction *tx;
	struct xs_tree *tree;
	char *arg[8]; /* the payload's strings */
	unsigned int nr_args;
	const char *data; /* what follows the first string */
	size_t data_len;
	char *reply;
	size_t reply_len;
};

struct xs_store {
	bool running, hold;
	domid_t server;
	struct xs_tree tree;
	uint64_t generation;
	struct xs_conn *conns;
	struct xs_conn *link; /* the first domain's */
	evtchn_port_t link_port;
	struct model_xs_quota quota;
	struct {
		uint32_t type;
		uint64_t nth;
		const char *error;
	} fail;
	unsigned int lose, conflict, trickle;
};
extern struct xs_store xs;

/* xs_tree.c */
struct xs_node *xs_find(const struct xs_tree *tree, const char *path);
struct xs_node *xs_add(struct xs_tree *tree, const char *path); /* bare */
void xs_set_value(struct xs_node *node, const char *value, size_t len);
/* With all below it. */
void xs_delete(struct xs_tree *tree, const char *path);
void xs_copy_node(struct xs_node *to, const struct xs_node *from);
void xs_copy_tree(struct xs_tree *to, const struct xs_tree *from);
void xs_free_tree(struct xs_tree *tree);
/* Is @path @above, or below it? */
bool xs_is_below(const char *path, const char *above);
/* "/" for a node directly below it; writes into @parent, XENSTORE_ABS_PATH_MAX + 1 bytes. */
void xs_parent(const char *path, char *parent);
/* What @conn may do with @node. */
unsigned int xs_rights(const struct xs_conn *conn, const struct xs_node *node);

/* xs_watch.c */
const char *xs_watch(struct xs_call *call);
const char *xs_unwatch(struct xs_call *call);
void xs_forget_watches(struct xs_conn *conn);
/* Of the newest watch: it is told once without a change. */
void xs_first_event(struct xs_conn *conn);
unsigned int xs_count_watches(const struct xs_conn *conn);
/* The node at @path has changed, or with all below it is about to be @gone. */
void xs_fire(const char *path, bool gone);

/* xs_transaction.c */
const char *xs_tx_start(struct xs_call *call);
const char *xs_tx_end(struct xs_call *call);
struct xs_transaction *xs_tx_find(struct xs_conn *conn, uint32_t id);
/* @path is looked at or about to change in this call: to be said before. */
void xs_tx_access(struct xs_call *call, const char *path, enum xs_depth depth);
void xs_tx_forget(struct xs_conn *conn);

/* xs_command.c: NULL or the error's name. */
const char *xs_execute(struct xs_conn *conn, uint32_t type, uint32_t tx, const char *payload,
		       size_t len, char *reply, size_t *reply_len);
/* Absolute and well-formed: into @path, XENSTORE_ABS_PATH_MAX + 1 bytes. False: EINVAL. */
bool xs_absolute(const struct xs_conn *conn, const char *name, char *path);

/* xenstore.c */
const char *xs_introduce(domid_t id);
const char *xs_release(domid_t id);

/* xs_ring.c */
void xs_send(struct xs_conn *conn, uint32_t type, uint32_t req_id, uint32_t tx, const void *payload,
	     size_t len);
void xs_ring_step(void *conn); /* an event came; takes the lock */
void xs_lock(void);
/* Lets the link go on, and tells the other side. */
void xs_unlock(void);
/* The link as at first: an empty ring, no watches, transactions, requests. */
void xs_begin_anew(struct xs_conn *conn);

struct xs_conn *xs_conn_of(domid_t id);

#endif
