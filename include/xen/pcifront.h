/* SPDX-License-Identifier: MIT */
/*
 * PCI frontend: the devices that another domain's backend (pciback) passes through to this one.
 *
 * One frontend is one xenstore device, "device/pci/N". Its backend exports virtual devices on one
 * or more root buses; each root's segment is a struct xen_pci_host (xen/pci.h) whose config
 * accessor and interrupts go through the backend, so a passed-through device is used like any
 * other: xen_pci_read(), xen_mmio_map(), xen_pirq_map_msi() and so on.
 *
 * Evented: interrupts and watches only note that something happened. xen_pcifront_work(), called by
 * the one thread that serves the frontend, does what is due: connects, adds devices, has drivers
 * let go of them, answers the backend's error reports, reconnects, closes. Each step has a
 * deadline; a step that takes too long breaks the channel, and the frontend connects anew with a
 * fresh page.
 *
 * A frontend stays when the toolstack removes its directory (after the last device was detached)
 * and serves what is made there anew. What was lost (a backend that died, an operation without an
 * answer) is offered again after a time that doubles from 1 s to 64 s, for ever: some backends come
 * back to an offer, others only when their domain or the toolstack makes them. An event of xenstore
 * that got lost is made up for within 3 s.
 *
 * Config accesses may be made by any thread; they take turns. An access sleeps until the backend
 * has answered, at most XEN_PCIFRONT_OP_NS; then the channel is broken: the page is given up (to
 * quarantine if the backend has it mapped still), so a late answer completes nothing.
 *
 * The backend is not trusted: its replies are read once, and PIRQs that it names must be positive,
 * different from each other and from those of other messages (one in any other use Xen refuses to
 * bind). It can withhold service, not corrupt us. How often it can have something logged, devices
 * reconfigured or errors reported is limited.
 *
 * Without e820_host a domain may have RAM at PFNs with the numbers of a BAR's frames: such a BAR is
 * claimed with XEN_PCI_RES_ALIAS (xen/pci.h). Messages: a driver asks for all that it wants at once
 * (xen/pirq.h).
 *
 * Protocol: docs/pci-xenstore.md.
 */
#ifndef XENDMA_XEN_PCIFRONT_H
#define XENDMA_XEN_PCIFRONT_H

#include <xen/pci.h>
#include <xen/types.h>

#include <xen/io/xenbus.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XEN_PCIFRONT_OP_NS 5000000000ULL    /* one operation on the shared page */
#define XEN_PCIFRONT_STEP_NS 10000000000ULL /* one step of the state machine */
#define XEN_PCIFRONT_MAX_DEVS 256
#define XEN_PCIFRONT_MAX_ROOTS 8

struct xen_pcifront;

/* What a device's driver is told of an error (PCI AER), and what it answers: the values of the
 * protocol. */
enum xen_pcifront_error {
	XEN_PCIFRONT_DETECTED,
	XEN_PCIFRONT_MMIO,
	XEN_PCIFRONT_SLOT_RESET,
	XEN_PCIFRONT_RESUME
};
enum xen_pcifront_verdict {
	XEN_PCIFRONT_NONE = 1,
	XEN_PCIFRONT_CAN_RECOVER,
	XEN_PCIFRONT_NEED_RESET,
	XEN_PCIFRONT_DISCONNECT,
	XEN_PCIFRONT_RECOVERED
};

/* All called from xen_pcifront_work() or _stop(), which they may not call. added and removing are
 * not NULL. */
struct xen_pcifront_ops {
	/* @dev is in the tree, BARs claimed and identity: a driver may bind to it. */
	void (*added)(struct xen_pcifront *front, struct xen_pci_dev *dev);
	/*
	 * @dev is to be taken away; @gone: the backend does not answer any more. The driver lets
	 * go: DMA ended, PIRQs released, BARs unmapped. 0: done; the frontend then switches bus
	 * mastering off, removes @dev from the tree and tells the backend. -XEN_EBUSY: not yet; it
	 * is asked again by the next work. XEN_PCIFRONT_STEP_NS later the tool gives up; from then
	 * on the driver is asked once after 1 s, 2 s and so on up to 64 s, and until it lets go
	 * there is no other hot-plug. With @gone it must let go: the answer is not looked at.
	 */
	int (*removing)(struct xen_pcifront *front, struct xen_pci_dev *dev, bool gone);
	/* NULL: XEN_PCIFRONT_DISCONNECT is answered. */
	enum xen_pcifront_verdict (*error)(struct xen_pcifront *front, struct xen_pci_dev *dev,
					   enum xen_pcifront_error what);
};

struct xen_pcifront_stats {
	unsigned int nr_devs;	 /* in the tree now */
	uint64_t added, removed; /* devices, since the start */
	uint64_t ops, timeouts;	 /* operations; those without an answer in time */
	uint64_t bad_replies;	 /* answers that made no sense */
	uint64_t connects;	 /* times connected */
};

/*
 * Begin with "device/pci/@handle". Allocated by the library; serves at once: call
 * xen_pcifront_work() until xen_pcifront_state() is XenbusStateConnected. xen_xs_init() and
 * xen_grant_init() come before. -XEN_ENOENT: no such device in xenstore; -XEN_EINVAL: it names no
 * backend; -XEN_ENOMEM; errors of xenstore. NULL with *@err on error.
 */
struct xen_pcifront *xen_pcifront_start(unsigned int handle, const struct xen_pcifront_ops *ops,
					void *arg, int *err);
void *xen_pcifront_arg(const struct xen_pcifront *front);

/* Is there something to do, now or (time in *@due, may be NULL; ~0: none) later? From anywhere. */
bool xen_pcifront_pending(const struct xen_pcifront *front, uint64_t *due);
/* Do it. May sleep, at most some XEN_PCIFRONT_STEP_NS and a second for each device that comes,
 * beside what the calls of ops take. (Watches are served by xen_xs_dispatch(), which the thread
 * calls first.) */
void xen_pcifront_work(struct xen_pcifront *front);

/* Our own state as the backend sees it; XenbusStateClosed after the backend closed or broke for
 * good. */
enum xenbus_state xen_pcifront_state(const struct xen_pcifront *front);
struct xen_pcifront_stats xen_pcifront_stats(const struct xen_pcifront *front);

/* The hosts, one a segment, for finding devices; NULL after the last. */
struct xen_pci_host *xen_pcifront_host(struct xen_pcifront *front, unsigned int i);

/* Orderly close: devices are taken away (removing() as above, refusals end at the deadline and then
 * with gone), state Closed, all memory freed or in quarantine, watches ended. @front is gone. */
void xen_pcifront_stop(struct xen_pcifront *front);

#ifdef __cplusplus
}
#endif

#endif
