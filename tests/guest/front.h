/* SPDX-License-Identifier: MIT */
/*
 * What a domain without the machine has to be served: its connection to xenstore and its PCI
 * frontend, which may come (the first device is attached), lose all devices and get others.
 *
 * Context: CPU 0, outside interrupts. Nothing is served by itself: guest_front_serve() has to be
 * called, and is by guest_front_wait().
 */
#ifndef XENDMA_GUEST_FRONT_H
#define XENDMA_GUEST_FRONT_H

#include <xen/pcifront.h>

/*
 * Connect to xenstore, and to the PCI backend if there is one; wait until its devices are there,
 * and as many of each kind as the command line expects. False after a verdict that says why.
 */
bool guest_front_start(void);
/* In order: devices, frontend, xenstore. */
void guest_front_stop(void);

/* NULL: no device was attached yet. */
struct xen_pcifront *guest_front(void);

/* Who is told of devices that come and go, from within guest_front_serve(); contracts as in
 * xen/pcifront.h. NULL: nobody, and all may go. */
struct guest_front_client {
	void (*added)(struct xen_pci_dev *dev);
	int (*removing)(struct xen_pci_dev *dev, bool gone);
};
void guest_front_set_client(const struct guest_front_client *client);

/* Do what is due. */
void guest_front_serve(void);
/* Serve until @done(@arg) or @timeout_ns have passed; returns what @done said last. */
bool guest_front_wait(bool (*done)(void *arg), void *arg, uint64_t timeout_ns);

#endif
