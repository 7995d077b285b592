/* SPDX-License-Identifier: MIT */
/*
 * Between the files of the xenstore client.
 *
 * Who has the turn alone talks to xenstored: composes a message, waits for its reply and reads it,
 * reconnects, changes the list of watches. The lock guards what is also touched by whoever receives
 * (the event's handler, those that wait, dispatch): the ring, what comes in, the flags of watches.
 */
#ifndef XENDMA_XEN_XS_INTERNAL_H
#define XENDMA_XEN_XS_INTERNAL_H

#include <xen/atomic.h>
#include <xen/evtchn.h>
#include <xen/port.h>
#include <xen/xenbus.h>

#define XEN_XS_TX_MAX 10 /* transactions at once; as many as xenstored allows */

enum xen_xs_broken {
	XEN_XS_FINE,
	XEN_XS_LATE,	/* a reply did not come in time */
	XEN_XS_GARBLED, /* where the next message begins is not known */
};

struct xen_xs {
	struct xen_lock lock;
	struct xenstore_domain_interface *ring; /* NULL: not connected */
	evtchn_port_t port;
	uint32_t req_prod, rsp_cons; /* what stands in the page, unless xenstored changed it */
	/* What the page had when the last event was handled. */
	struct {
		uint32_t req_cons, rsp_cons;
	} seen;
	enum xen_xs_broken broken;
	bool turn; /* somebody has it */

	/* The message on its way out; its reply takes the place of the payload. */
	struct {
		struct xsd_sockmsg header;
		char payload[XENSTORE_PAYLOAD_MAX + 1];
	} message;
	size_t to_send, sent; /* bytes, with the header */
	uint32_t req_id;
	bool asked;    /* a reply is waited for */
	bool answered; /* and is there: */
	int error;
	size_t reply_len; /* bytes of message.payload, a NUL behind them */

	/* The message on its way in. */
	struct xsd_sockmsg in;
	size_t received; /* bytes, with the header */
	char *into;	 /* where its payload goes; NULL: nowhere */
	char event[XENSTORE_PAYLOAD_MAX + 1];

	struct xen_xs_watch *watches;
	uint32_t serial; /* of the newest watch */

	/* Of this connection; handles are never used again, xenstored's numbers are. */
	struct {
		xen_xs_tx_t handle; /* 0: free */
		uint32_t id;
	} tx[XEN_XS_TX_MAX];
	xen_xs_tx_t last_tx;
};
extern struct xen_xs xen_xs;

struct xen_xs_part {
	const void *data;
	size_t len;
};

/* xs-ring.c, locked */
/* Take in what is there. */
void xen_xs_receive(void);
/* Put out what there is room for. */
void xen_xs_transmit(void);
/* Nothing was sent or received yet: the ring is empty from here on. */
void xen_xs_adopt_indices(void);
/* Did xenstored begin anew, or say nonsense? Then none of the indices is worth anything. */
bool xen_xs_indices_lie(void);
void xen_xs_break(enum xen_xs_broken how, const char *why);

/* xs-request.c */
/* -XEN_EIO: broken or not connected; -XEN_ETIMEDOUT. */
int xen_xs_take_turn(void);
/* Also when broken, if connected. Waits for as long as it takes: each turn comes to an end. */
bool xen_xs_force_turn(void);
void xen_xs_end_turn(void);
/* With the turn: a request of these parts and its reply, in message.payload and reply_len. */
int xen_xs_exchange(uint32_t type, xen_xs_tx_t tx, const struct xen_xs_part *part, unsigned int nr);
/* The reply makes no sense: breaks the connection, -XEN_EIO. */
int xen_xs_give_up(const char *why);
uint64_t xen_xs_deadline(void);

/* xs-watch.c */
/* A watch event, locked: false if it is malformed. @payload[@len] is 0. */
bool xen_xs_event(const char *payload, size_t len);
/* With the turn: tell xenstored of all watches again, and fire each. The first error. */
int xen_xs_rewatch(void);

/* xs-parse.c */
size_t xen_xs_length(const char *text, size_t most);
int xen_xs_check_path(const char *path);
/* The error that a reply of this text stands for. */
int xen_xs_error(const char *name);

#endif
