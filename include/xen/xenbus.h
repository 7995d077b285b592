/* SPDX-License-Identifier: MIT */
/*
 * Xenstore client: the shared tree through which domains and the toolstack configure devices, and
 * the device states (xenbus) on top of it.
 *
 * Requests go over a ring in a shared page, one at a time; replies and watch events come back.
 * xenstored is trusted to serve but not to be alive or well-formed: every reply's type, id and
 * length is checked, every wait has a deadline, and after a time-out or a malformed message the
 * connection counts as broken until xen_xs_reconnect() succeeded: a late reply never completes a
 * later request. Values written by other domains are parsed defensively (xen_xs_parse_*).
 *
 * A watch holds at most one pending event: a peer that writes in a loop costs no memory. Events may
 * be lost (xenstored drops them when short of memory): who waits for a change looks again when its
 * time is over.
 *
 * A new xenstored: a live update keeps everything, and nothing is seen of it here. Otherwise
 * watches, transactions and requests under way are gone. A xenstored that offers reconnection
 * (oxenstored; the C one of Xen 4.17 does not) begins anew when asked. One that does not has to be
 * told of the domain by the toolstack (XS_INTRODUCE), which sets the indices of the ring back: that
 * is noticed at the next look at the ring, and breaks the connection. After a time-out with such a
 * xenstored reconnecting means to go on behind the reply that was late.
 *
 * Errors beside those named: what xenstored answers (-XEN_ENOENT, -XEN_EACCES, -XEN_ENOSPC for any
 * quota, ...; -XEN_EINVAL for a name that is not known here), -XEN_EIO: broken connection;
 * -XEN_ETIMEDOUT: no reply within 10 s (it may have been done even so), or no turn within 30 s;
 * -XEN_E2BIG: path or value too long for the protocol; -XEN_EINVAL: malformed path.
 *
 * Context: functions that talk to xenstored sleep (xen_port_wait()); not from interrupts. Several
 * threads may call at once: they take turns.
 */
#ifndef XENDMA_XEN_XENBUS_H
#define XENDMA_XEN_XENBUS_H

#include <xen/types.h>

#include <xen/event_channel.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XEN_XS_PATH_MAX 256  /* longest path that the library uses, with the NUL */
#define XEN_XS_VALUE_MAX 256 /* longest value that it reads, with the NUL */

/*
 * Connect to the ring at @ring (mapped for good) with event channel @port. Nothing is asked yet:
 * xenstored need not run. -XEN_EBUSY: connected; -XEN_ETIMEDOUT: the ring is being connected, and
 * that does not end; what xen_evtchn_bind() refuses. On error @ring and @port are not used further.
 */
int xen_xs_init(struct xenstore_domain_interface *ring, evtchn_port_t port);
/* Ends the watches that are left. Nobody uses anything else of this header meanwhile or later. */
void xen_xs_fini(void);
/*
 * Mend a broken connection, or begin anew one that is not: transactions are gone (-XEN_EIO),
 * watches are set again and each fires once. On -XEN_EIO and -XEN_ETIMEDOUT it is still broken: try
 * later. Other errors are what xenstored said to the first watch that it refused; all else is as it
 * should be.
 */
int xen_xs_reconnect(void);
/* Is it broken? From any context; who waits for a watch waits for this as well. */
bool xen_xs_broken(void);

/* A transaction; 0 (XEN_XS_NONE): none. */
typedef uint32_t xen_xs_tx_t;
#define XEN_XS_NONE 0

/* -XEN_ENOSPC: too many are open (10 here, and xenstored's quota). */
int xen_xs_begin(xen_xs_tx_t *tx);
/* However it ends, @tx is gone. -XEN_EAGAIN: somebody else wrote: begin again. */
int xen_xs_end(xen_xs_tx_t tx, bool abort);
/* Run @body in a transaction, again on -XEN_EAGAIN up to 16 times; its error aborts and is what is
 * returned. */
int xen_xs_transaction(int (*body)(xen_xs_tx_t tx, void *arg), void *arg);

/* The value of @path, NUL-terminated, at most @size bytes with the NUL. A value that is longer or
 * has a NUL inside: -XEN_E2BIG, -XEN_EINVAL. On error @value is as it was. */
int xen_xs_read(xen_xs_tx_t tx, const char *path, char *value, size_t size);
int xen_xs_write(xen_xs_tx_t tx, const char *path, const char *value);
int xen_xs_rm(xen_xs_tx_t tx, const char *path);
/* Call @visit for each child's name; it returns false to stop, and may talk to xenstored. A node
 * without children has none to visit. -XEN_E2BIG: more names than one reply holds; -XEN_EINVAL:
 * they are no names; -XEN_ENOMEM. */
int xen_xs_list(xen_xs_tx_t tx, const char *path, bool (*visit)(const char *name, void *arg),
		void *arg);

/* Strict parsing: the whole string, digits of @base (2 to 16) only, no sign, no blank, no prefix,
 * no overflow, at most @max. On false *@out is as it was. */
bool xen_xs_parse_uint(const char *value, unsigned int base, uint64_t max, uint64_t *out);
/* read + parse, decimal. -XEN_EINVAL: no number, or above @max. */
int xen_xs_read_uint(xen_xs_tx_t tx, const char *path, uint64_t max, uint64_t *out);

/* Watches of a node and all below it. The caller keeps the structure in place, and its path as it
 * is, until unwatched. @changed is called from xen_xs_dispatch(), not from an interrupt; it may
 * call everything here, also end this watch. */
struct xen_xs_watch {
	char path[XEN_XS_PATH_MAX];
	void (*changed)(struct xen_xs_watch *watch);
	void *arg;
	struct xen_xs_watch *next; /* private, as is what follows */
	uint32_t serial;
	bool pending, due;
};
/* Fires once at once, as xenstored does. -XEN_EBUSY: it is watched; -XEN_E2BIG: @path is not
 * terminated; -XEN_ENOSPC or -XEN_E2BIG: xenstored's quota. */
int xen_xs_watch(struct xen_xs_watch *watch);
/* Always succeeds, and is not called again. By the thread that dispatches, or while none does. */
void xen_xs_unwatch(struct xen_xs_watch *watch);

/* Call the handlers of watches with a pending event; returns how many. For the one thread that
 * serves the devices; xen_xs_pending() says (from anywhere) whether there is something to do. */
unsigned int xen_xs_dispatch(void);
bool xen_xs_pending(void);

/* Device states. @path is a device's directory ("device/pci/0"). A missing or malformed state, or
 * none to be had, reads as XenbusStateUnknown. */
enum xenbus_state xen_xenbus_read_state(const char *path);
/* -XEN_ENOENT: there is no state to change, for the toolstack has removed the device, and none is
 * made; -XEN_EINVAL: no such state; else as xen_xs_transaction(). */
int xen_xenbus_write_state(const char *path, enum xenbus_state state);
/* "Connected", ...; "no state" for any other number. */
const char *xen_xenbus_state_name(enum xenbus_state state);

#ifdef __cplusplus
}
#endif

#endif
