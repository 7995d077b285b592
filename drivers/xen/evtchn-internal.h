/* SPDX-License-Identifier: MIT */
/*
 * Between the event channel files: what a bound port is, and what the two ABIs do for it.
 */
#ifndef XENDMA_XEN_EVTCHN_INTERNAL_H
#define XENDMA_XEN_EVTCHN_INTERNAL_H

#include <xen/atomic.h>
#include <xen/evtchn.h>
#include <xen/hypercall.h>
#include <xen/port.h>

/* Why a port is masked. */
#define EVTCHN_MASK_UNBOUND (1u << 0) /* it has no handler */
#define EVTCHN_MASK_USER (1u << 1)
#define EVTCHN_MASK_EOI (1u << 2) /* the handler was called, and the work is not done */

struct evtchn_port {
	void (*handler)(void *arg); /* NULL: not bound; read without the lock */
	void *arg;		    /* written before the handler */
	struct xen_lock lock;	    /* for all that follows but claims */
	struct evtchn_port *next;   /* of those delayed; evtchn_delayed_lock */
	uint64_t due;		    /* when a delayed one is unmasked; 0: it is not delayed */
	uint32_t delay;		    /* the last one, ns */
	uint32_t claims; /* deliveries begun and not done; the first of them does them all */
	evtchn_port_t number;
	uint16_t cpu; /* that Xen notifies; read without the lock */
	uint8_t masked;
	uint8_t flags;
};

struct evtchn_abi {
	unsigned int nr_ports;
	/* Make room for @port. -XEN_ENOMEM, or what Xen refuses. */
	int (*prepare)(evtchn_port_t port);
	void (*mask)(evtchn_port_t port);
	void (*unmask)(evtchn_port_t port);
	void (*clear)(evtchn_port_t port);
	bool (*upcall)(unsigned int id, unsigned int budget);
};

extern const struct evtchn_abi xen_evtchn_2l, xen_evtchn_fifo;

struct evtchn {
	const struct evtchn_abi *abi;
	struct shared_info *shared;
	struct xen_evtchn_cpu *cpu;
	unsigned int nr_cpus;
	struct xen_lock lock; /* growing: ports and FIFO's array */
	unsigned int nr_bound;
};
extern struct evtchn xen_evtchn;

/* NULL: never bound. */
struct evtchn_port *xen_evtchn_find(evtchn_port_t port);
/* Call the handler; false when there was none to call. */
bool xen_evtchn_deliver(evtchn_port_t port);
/* One reason more or less, port locked. */
void xen_evtchn_mask_for(struct evtchn_port *p, unsigned int reason);
void xen_evtchn_unmask_for(struct evtchn_port *p, unsigned int reason);
/* Port locked: take it out of those delayed. */
void xen_evtchn_undelay(struct evtchn_port *p);
/* EVTCHNOP_unmask: unmasks, and notifies when the port is pending. */
void xen_evtchn_unmask_by_xen(evtchn_port_t port);

void xen_evtchn_2l_init(void);
void xen_evtchn_fifo_init(void);
void xen_evtchn_eoi_init(void);

#endif
