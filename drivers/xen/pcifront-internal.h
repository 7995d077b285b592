/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the PCI frontend share: pcifront.c (life, what is due), pcifront-state.c (state
 * machine), pcifront-store.c (what it reads and writes in xenstore), pcifront-channel.c (page and
 * event channel), pcifront-op.c (operations on the page), pcifront-config.c (config accessor),
 * pcifront-irq.c (PIRQs), pcifront-devices.c (hosts and devices) and pcifront-error.c (error
 * reports of the backend).
 *
 * Who touches what: everything belongs to the thread that calls xen_pcifront_work(), but
 *   - the channel belongs to who has the turn (xen_front_take_turn()), which the serving thread
 * takes to change it; the event handler and waiters read port and info, which are there while they
 * may run;
 *   - dirty, own_changed, signalled, error_due, broken, limit, due and the statistics are single
 * words that anybody may read or set.
 */
#ifndef XENDMA_DRIVERS_XEN_PCIFRONT_INTERNAL_H
#define XENDMA_DRIVERS_XEN_PCIFRONT_INTERNAL_H

#include <xen/atomic.h>
#include <xen/bucket.h>
#include <xen/evtchn.h>
#include <xen/grant.h>
#include <xen/pcifront.h>
#include <xen/pirq.h>
#include <xen/port.h>
#include <xen/xenbus.h>

#include <xen/io/pciif.h>

#define FRONT_NEVER (~0ULL)

/* Where it stands; each says what it waits for. */
enum front_phase {
	FRONT_IDLE,	     /* a backend that can be connected to */
	FRONT_PUBLISHED,     /* the backend to bind */
	FRONT_CONNECTED,     /* the backend to want something */
	FRONT_RECONFIGURING, /* the backend to have taken and exported devices */
	FRONT_DRAINING,	     /* drivers to let go; then it closes */
	FRONT_CLOSING,	     /* the backend to let go of the page */
	FRONT_CLOSED,	     /* a time to try again, or a backend that starts anew */
};

/* What the backend says it exports. */
struct front_vdev {
	struct xen_pci_addr addr;
	bool closing; /* the tool takes it away */
	bool tried;   /* in this round of adding */
};

struct front_list {
	unsigned int nr, nr_roots;
	struct front_vdev vdev[XEN_PCIFRONT_MAX_DEVS];
	struct {
		uint16_t segment;
		uint8_t bus;
	} root[XEN_PCIFRONT_MAX_ROOTS];
};

struct xen_pcifront {
	unsigned int handle;
	const struct xen_pcifront_ops *ops;
	void *arg;

	/* In xenstore. */
	char path[32];		       /* our directory */
	char backend[XEN_XS_PATH_MAX]; /* the backend's; empty: unknown */
	domid_t backend_id;
	struct xen_xs_watch own, other; /* our node "backend"; the backend's "state" */
	bool own_watched, other_watched;
	enum xenbus_state state;       /* that we wrote, or found at the start */
	enum xenbus_state intended;    /* that we wanted to write last */
	enum xenbus_state other_state; /* as last read */

	/* The state machine. */
	enum front_phase phase;
	uint64_t deadline; /* of the phase */
	uint64_t retry;	   /* nothing before this time: xenstore failed, or a driver is busy */
	uint64_t next_connect, backoff;
	uint64_t connected_at; /* 0: not */
	uint64_t drain_until;  /* drivers may say no until then; 0: not asked yet */
	bool gone;	       /* draining: the backend does not answer any more */
	bool again;	       /* closing: to connect anew */
	uint64_t ask_again;    /* a driver did not let go in time: not asked before; 0: none did */
	uint64_t ask_wait;     /* how long that was from the last time */
	bool offered;	       /* Initialising was written to be connected anew */
	bool stopping;
	struct front_list list;
	struct xen_bucket log, cycles, errors;

	/* The channel. */
	struct xen_lock lock; /* of busy */
	bool busy;	      /* somebody has the turn */
	bool owed;	      /* an event of an answer is still to come; who has the turn */
	struct xen_pci_sharedinfo *info;
	grant_ref_t ref;
	evtchn_port_t port;
	uint32_t broken; /* no operation any more */
	uint64_t limit;	 /* when operations of the present step have to be over; FRONT_NEVER */

	uint32_t dirty, own_changed, signalled, error_due;
	uint64_t due;

	/* Devices: one host a segment. */
	struct xen_pci_config config;
	struct xen_pci_host host[XEN_PCIFRONT_MAX_ROOTS];
	unsigned int nr_hosts;
	struct xen_pcifront_stats stats;
};

/* A line that another domain can bring about. */
#define front_log(front, level, fmt, ...)                                                          \
	do {                                                                                       \
		if (xen_bucket_take(&(front)->log))                                                \
			xen_port_log(level, "pci %u: " fmt, (front)->handle, ##__VA_ARGS__);       \
	} while (0)

static inline void front_bad_reply(struct xen_pcifront *front)
{
	xen_fetch_add(&front->stats.bad_replies, 1);
}

/* --- pcifront-state.c ------------------------------------------------------------------------- */

/* Do one thing that is due. False: nothing was, or it has to wait. */
bool xen_front_step(struct xen_pcifront *front);
/* Have drivers let go, then close. */
void xen_front_drain(struct xen_pcifront *front, bool gone, bool again);
/* Without a word to anybody: devices and channel are gone. */
void xen_front_drop(struct xen_pcifront *front);

/* --- pcifront-store.c: errors of xenstore -------------------------------------------------- */

/* @dir/@name, with @index behind it unless that is negative. -XEN_E2BIG */
int xen_front_key(char key[XEN_XS_PATH_MAX], const char *dir, const char *name, int index);
/* Our own nodes: which backend it is, and the state if it is another one than before (*@replaced:
 * it is, and there was one before: the device is a new one). -XEN_ENOENT: the toolstack has removed
 * the device; -XEN_EINVAL: what they say makes no sense. */
int xen_front_read_own(struct xen_pcifront *front, bool *replaced);
int xen_front_read_other(struct xen_pcifront *front);
int xen_front_write_state(struct xen_pcifront *front, enum xenbus_state state);
/* What the backend needs to know, and state Initialised, at once. */
int xen_front_publish(struct xen_pcifront *front);
/* The nodes of it. Errors do not matter: the toolstack removes them with the directory. */
void xen_front_withdraw(struct xen_pcifront *front);
/* The backend, which may be another one next time. */
void xen_front_forget(struct xen_pcifront *front);
void xen_front_unwatch(struct xen_pcifront *front);

/* --- pcifront-list.c ----------------------------------------------------------------------- */

/* Into front->list. -XEN_EINVAL: it makes no sense. */
int xen_front_read_list(struct xen_pcifront *front);

/* --- pcifront-channel.c -------------------------------------------------------------------- */

void xen_front_take_turn(struct xen_pcifront *front);
bool xen_front_try_turn(void *front); /* also for a wait */
void xen_front_end_turn(struct xen_pcifront *front);
/* With a fresh page. Errors of xen_grant_page(), xen_evtchn_alloc_unbound(), xen_evtchn_bind(). */
int xen_front_open(struct xen_pcifront *front);
/* No operation from now on. */
void xen_front_break(struct xen_pcifront *front);
/* Waits for an operation under way. Harmless when closed. */
void xen_front_close(struct xen_pcifront *front);
/* The event, if one came, was seen to; @useful: there was something to it. With the turn. */
void xen_front_rearm(struct xen_pcifront *front, bool useful);

/* --- pcifront-op.c ------------------------------------------------------------------------- */

/*
 * Do @op; its err, value and, for MSI-X, the first @nr vectors are replaced by what was answered.
 * 0: something was; op->err says what. -XEN_EIO: there is no channel; -XEN_ETIMEDOUT: the channel
 * is broken now.
 */
int xen_front_op(struct xen_pcifront *front, struct xen_pci_op *op, unsigned int nr);
/* Operations of anybody end by @left from now, or break the channel. */
void xen_front_begin_limit(struct xen_pcifront *front, uint64_t left);
/* Without limit again; what remains of it. */
uint64_t xen_front_end_limit(struct xen_pcifront *front);
/* Negative errno of ours for an error of the protocol; Linux's backend also passes its own on. */
int xen_front_error(struct xen_pcifront *front, int32_t err);

/* --- pcifront-config.c, pcifront-irq.c ----------------------------------------------------- */

void xen_front_config_init(struct xen_pcifront *front);
extern const struct xen_pirq_source xen_front_pirqs;
static inline struct xen_pcifront *front_of(const struct xen_pci_host *host)
{
	return host->config->priv;
}

/* --- pcifront-devices.c -------------------------------------------------------------------- */

/* Add what is in front->list and not in a tree. */
void xen_front_add_devices(struct xen_pcifront *front);
/* Remove what is not wanted according to it, or @all. -XEN_EBUSY: a driver does not let go; not
 * with @gone. */
int xen_front_remove_devices(struct xen_pcifront *front, bool all, bool gone);
struct xen_pci_dev *xen_front_find(struct xen_pcifront *front, struct xen_pci_addr addr);

/* --- pcifront-error.c ---------------------------------------------------------------------- */

/* Answer the backend's report, if there is one. */
void xen_front_serve_error(struct xen_pcifront *front);

#endif
