/* SPDX-License-Identifier: MIT */
/*
 * Event channels: how Xen and other domains interrupt this one, and how it notifies them.
 *
 * A port is a channel's number in this domain. Each bound port has a handler, called in interrupt
 * context, on one CPU at a time. The embedding kernel calls xen_evtchn_upcall() from its event
 * upcall, with events masked; everything else is done here, over the 2-level ABI (shared_info bits,
 * 4096 ports) or, where Xen has it and the kernel asks for it, the FIFO ABI (queues, 131072 ports).
 *
 * Storms: the peer of a channel decides how often it fires. A handler of an untrusted peer is bound
 * with XEN_EVTCHN_LATE_EOI: the port stays masked from the call of the handler until
 * xen_evtchn_eoi(), so the peer cannot interrupt again before the work is done; a spurious event,
 * reported so in the eoi, delays the unmasking, doubling from 50 us up to 50 ms until one is not
 * spurious. (Delays are served by xen_evtchn_poll().)
 *
 * An embedder that has an event layer of its own defines the functions of this header itself and
 * does not pull these objects out of the archive.
 *
 * Context: unless said otherwise any. xen_evtchn_unbind() and xen_evtchn_close() wait for a handler
 * that runs on another CPU: not from an interrupt handler, and with no lock held that it may want.
 */
#ifndef XENDMA_XEN_EVTCHN_H
#define XENDMA_XEN_EVTCHN_H

#include <xen/types.h>

#include <xen/event_channel.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What events need of each CPU. */
struct xen_evtchn_cpu {
	struct vcpu_info *info; /* set by the embedder: the CPU's own, mapped for good */
	/* private: */
	struct evtchn_fifo_control_block *control;
	evtchn_port_t head[EVTCHN_FIFO_MAX_QUEUES];
	evtchn_port_t next;
};

/*
 * Begin on 2-level with @shared mapped and every port masked. @cpu[i] is CPU i's, zero but for its
 * info, and stays in place; @nr of them. CPU 0 calls this before anything else of this header; what
 * was bound before, in another life of the kernel, is forgotten.
 */
void xen_evtchn_init(struct shared_info *shared, struct xen_evtchn_cpu *cpu, unsigned int nr);

/*
 * Change over to FIFO, on CPU 0, before others run and before any port is opened (what is pending
 * would be lost). There is no way back. -XEN_ENOSYS: Xen has no FIFO; -XEN_ENOMEM; -XEN_EBUSY: a
 * port is bound. On error 2-level goes on.
 */
int xen_evtchn_fifo_enable(void);
/* Other CPUs, before they are started; with 2-level it does nothing. Memory, or what Xen refuses.
 */
int xen_evtchn_fifo_cpu(unsigned int cpu);

/* The upcall on CPU @cpu, events masked. Handles what is pending, at most @budget handlers
 * (0: no limit); true when it stopped for the budget and must be called again: it goes on where it
 * stopped, and Xen's pending flag of the CPU is set. */
bool xen_evtchn_upcall(unsigned int cpu, unsigned int budget);

#define XEN_EVTCHN_LATE_EOI (1u << 0)

/*
 * Have @handler(@arg) called for the open port @port, on the CPU that Xen notifies for it (0 until
 * moved, but for timers and IPIs), from now on: the port is unmasked, and what came before counts.
 * -XEN_EBUSY: it has a handler; -XEN_EINVAL: no such port, or it is not open; -XEN_ENOMEM; what
 * Xen refuses; -XEN_EIO: Xen says what cannot be.
 */
int xen_evtchn_bind(evtchn_port_t port, unsigned int flags, void (*handler)(void *arg), void *arg);
/* Mask the port and wait until its handler is not running; it will not be called again. Does not
 * close the channel. Without a handler nothing happens. */
void xen_evtchn_unbind(evtchn_port_t port);
/* Late end: the work for the event is done; @spurious: there was none. Once for each call of the
 * handler; it may be the handler that calls it. */
void xen_evtchn_eoi(evtchn_port_t port, bool spurious);
/* Serve unmaskings that are due; returns the time (xen_port_clock_ns()) of the next one, ~0: none.
 */
uint64_t xen_evtchn_poll(void);

/* Of a bound port; another reason to be masked (a late eoi to come) stands beside this one. Events
 * that come meanwhile are one event afterwards. */
void xen_evtchn_mask(evtchn_port_t port);
void xen_evtchn_unmask(evtchn_port_t port);
/* Have Xen notify CPU @cpu for the bound port @port, and handle it there. -XEN_EINVAL: not bound,
 * no such CPU, or the kind of channel cannot be moved. */
int xen_evtchn_move(evtchn_port_t port, unsigned int cpu);

/* Channels. Errors are Xen's. */
int xen_evtchn_alloc_unbound(domid_t remote, evtchn_port_t *port);
int xen_evtchn_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port);
int xen_evtchn_notify(evtchn_port_t port);
/* Unbinds the handler first if there is one. That Xen does not close it is logged. */
void xen_evtchn_close(evtchn_port_t port);

#ifdef __cplusplus
}
#endif

#endif
