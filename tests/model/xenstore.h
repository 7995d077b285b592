/* SPDX-License-Identifier: MIT */
/*
 * The model's xenstore: a tree with permissions, watches, transactions and quotas, served by
 * another domain over the real wire protocol (<xen/io/xs_wire.h>): a shared page and an event
 * channel. It answers as Xen 4.17's xenstored does; where several orders of replies are allowed it
 * answers at once, unless told to be slow.
 *
 * The test can look and act as any domain, without a ring: model_xs_request() and the short forms,
 * which act as domain 0. Paths that do not begin with '/' are below /local/domain/ID.
 */
#ifndef XENDMA_TESTS_MODEL_XENSTORE_H
#define XENDMA_TESTS_MODEL_XENSTORE_H

#include <xen/types.h>

#include <xen/event_channel.h>
#include <xen/io/xs_wire.h>

/* After model_start(): an empty store, in domain 0 or, where that is the first domain, in a domain
 * of its own. */
void model_xs_start(void);
/* Before model_stop(): the link is closed, everything forgotten. */
void model_xs_stop(void);

/* What the domain builder leaves for the first domain, connected. */
struct model_xs_link {
	struct xenstore_domain_interface *page; /* in the kernel's address space */
	mfn_t mfn;
	evtchn_port_t port;
};
struct model_xs_link model_xs_link(void);

/*
 * One request as domain @id: NULL with the reply's bytes in @reply (XENSTORE_PAYLOAD_MAX bytes; may
 * be NULL) and their number in *@reply_len (may be NULL), or the error's name. Outside
 * transactions: @tx is 0.
 */
const char *model_xs_request(domid_t id, uint32_t type, uint32_t tx, const void *payload,
			     size_t len, char *reply, size_t *reply_len);

/* Short forms, as domain 0. What cannot be done ends the test. */
void model_xs_write(const char *path, const char *value);
void model_xs_rm(const char *path);
/* Like "n1", "r0": the owner with the rights of all others, then those of one more domain. */
void model_xs_set_perms(const char *path, const char *first, const char *second);
/* NULL: no such node. Valid until the next call. */
const char *model_xs_read(const char *path);
/* How many watches the first domain has; nodes that domain @id owns; open transactions. */
unsigned int model_xs_watches(void);
unsigned int model_xs_nodes(domid_t id);
unsigned int model_xs_transactions(void);

struct model_xs_quota {
	unsigned int nodes, watches, transactions, value, perms;
	/* The error for nodes, values, permissions and transactions; watches give E2BIG. Other
	 * implementations than Xen's C one say EQUOTA. */
	const char *error;
};
/* Of every domain that is not privileged; by default 1000, 128, 10, 2048, 5, "ENOSPC". */
void model_xs_quota(const struct model_xs_quota *quota);

/* Faults, of the first domain's link: */
/* Request number @nth (1 = the next) of @type fails with @error. 0 turns it off. */
void model_xs_fail(uint32_t type, uint64_t nth, const char *error);
/* The next @nr watch events are lost; that many transactions end with EAGAIN. */
void model_xs_lose_events(unsigned int nr);
void model_xs_conflict(unsigned int nr);
/* Nothing is answered until it is turned off again. */
void model_xs_hold(bool hold);
/* At most @bytes are put into the ring for each event from the other side; 0: all that fit. */
void model_xs_trickle(unsigned int bytes);
/* xenstored dies, is started again and told of the domain: the tree stays; watches, transactions,
 * requests and replies under way are lost, the ring is empty and its indices are 0. */
void model_xs_restart(void);
/* What it says that it can do: XENSTORE_SERVER_FEATURE_*, at first both. The C xenstored of
 * Xen 4.17 says 0. */
void model_xs_features(uint32_t features);

#endif
