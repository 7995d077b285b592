/* SPDX-License-Identifier: MIT */
/*
 * What the parts of physical interrupts share, from the top down: pirq.c (binding, release),
 * pirq-switch.c (messages on and off), pirq-message.c (MSI and MSI-X), pirq-line.c (lines).
 */
#ifndef XENDMA_DRIVERS_XEN_PIRQ_INTERNAL_H
#define XENDMA_DRIVERS_XEN_PIRQ_INTERNAL_H

#include <xen/hypercall.h>
#include <xen/pirq.h>
#include <xen/port.h>

#include "pci-internal.h"

static inline void xen_pirq_clear(struct xen_pirq *pirq)
{
	*pirq = (struct xen_pirq){.pirq = -1};
}

/* pirq-line.c: PHYSDEVOP_map_pirq, with its answer checked. */
int xen_pirq_map(struct xen_pirq *pirq, struct physdev_map_pirq *op);

/* pirq-switch.c: the first message of a device takes it off its line, the last gives it back. */
int xen_pirq_enable(struct xen_pirq *pirq);
void xen_pirq_disable(struct xen_pirq *pirq);

/* pirq-message.c: of a mapped message. What Xen or the backend refuses is logged. */
void xen_pirq_unmap(struct xen_pirq *pirq);
/* Its channel does not close: it stays mapped, and is forgotten. */
void xen_pirq_abandon(struct xen_pirq *pirq);

#endif
