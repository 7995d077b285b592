/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts: Xen owns the interrupt controllers and the MSI messages; a domain with a
 * device gets a PIRQ and binds it to an event channel.
 *
 *   line   a GSI, level triggered, possibly shared; needs an EOI after each event
 *   MSI    Xen writes the message into the device
 *   MSI-X  likewise, one entry at a time
 *
 * dom0 maps PIRQs itself (PHYSDEVOP_map_pirq); a domU gets the number from its backend and starts
 * at xen_pirq_bind().
 *
 * Context: setting up and tearing down may sleep and are serialised by the caller for a device;
 * xen_pirq_eoi() anywhere.
 */
#ifndef XENDMA_XEN_PIRQ_H
#define XENDMA_XEN_PIRQ_H

#include <xen/pci.h>
#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct xen_pirq {
	int pirq;	    /* Xen's number; -1: none */
	evtchn_port_t port; /* 0: not bound */
	bool needs_eoi;	    /* a line: Xen waits for it */
	bool mapped;	    /* this domain mapped it and must unmap */
	void (*handler)(void *arg);
	void *arg;
};

/* dom0: map @gsi, active low and level triggered when @level. */
int xen_pirq_map_gsi(struct xen_pirq *pirq, unsigned int gsi, bool level);

/* dom0: map MSI of @dev. Memory decode and the MSI capability are checked: -XEN_ENODEV. */
int xen_pirq_map_msi(struct xen_pirq *pirq, const struct xen_pci_dev *dev);

/* dom0: map MSI-X entry @entry of @dev. -XEN_ENODEV: no MSI-X, or its table's BAR unset;
 * -XEN_ERANGE: no such entry. */
int xen_pirq_map_msix(struct xen_pirq *pirq, const struct xen_pci_dev *dev, unsigned int entry);

/*
 * Bind to an event channel and have @handler called for it (xen_port_event_bind()). A line gets
 * its EOI after the handler returned. @pirq must stay where it is until unbound. On error nothing
 * is bound.
 */
int xen_pirq_bind(struct xen_pirq *pirq, bool shared, void (*handler)(void *arg), void *arg);

/* Close the channel and, when mapped here, unmap the PIRQ. Idempotent. */
void xen_pirq_release(struct xen_pirq *pirq);

#ifdef __cplusplus
}
#endif

#endif
