/* SPDX-License-Identifier: MIT */
/*
 * Physical interrupts: Xen owns the interrupt controllers and the MSI messages; a domain with a
 * device gets a PIRQ and binds it to an event channel.
 *
 *   line   a GSI, level triggered, possibly shared between domains; needs an EOI after each event
 *   MSI    Xen writes the message into the device; binding switches MSI on, releasing off
 *   MSI-X  likewise, one entry at a time; on while any entry is bound
 *
 * While a device uses messages its INTx is switched off. Whether an event needs an EOI is what Xen
 * says (PHYSDEVOP_irq_status_query).
 *
 * dom0 maps PIRQs itself (PHYSDEVOP_map_pirq). In a domU the backend of a passed-through device
 * does (struct xen_pirq_source, set by xen/pcifront.h in the device's host): the same functions map
 * them there, so that a driver need not know where it runs.
 *
 * One PIRQ has one event channel in a domain: a line that several devices share is mapped and bound
 * once, and the handler asks each.
 *
 * Context: setting up and tearing down may sleep and are serialised by the caller for a device.
 * Handlers run in interrupt context.
 */
#ifndef XENDMA_XEN_PIRQ_H
#define XENDMA_XEN_PIRQ_H

#include <xen/pci.h>
#include <xen/types.h>

#include <xen/event_channel.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XEN_PIRQ_MAX_MSI 32	  /* vectors of MSI of one function */
#define XEN_PIRQ_MAX_MESSAGES 128 /* entries of MSI-X mapped at once: a backend takes no more */

/*
 * Where the PIRQs of a host's functions come from if this domain may not map them: the backend.
 * Errors are those of the xen_pirq_map_*() that calls; all may sleep. What they return is checked
 * by the caller.
 */
struct xen_pirq_source {
	/* Switch @nr vectors of MSI on. *@first: the first of as many consecutive PIRQs. */
	int (*enable_msi)(struct xen_pci_dev *dev, unsigned int nr, int *first);
	/* Switch MSI-X on with these @nr entries and no others. @pirq[i]: of @entry[i]. */
	int (*enable_msix)(struct xen_pci_dev *dev, const uint16_t *entry, unsigned int nr,
			   int *pirq);
	/* Take all of them back. */
	void (*disable)(struct xen_pci_dev *dev, bool msix);
};

struct xen_pirq {
	int pirq;	    /* Xen's number; -1: none */
	evtchn_port_t port; /* 0: not bound */
	bool needs_eoi;	    /* Xen waits for an EOI after each event */
	bool mapped;	    /* this domain mapped it and must unmap */
	bool enabled;	    /* messages of @dev are switched on for it */
	uint16_t control;   /* config offset of the capability's control word; 0: not a message */
	uint16_t enable;    /* enable bit in there */
	uint16_t entry;	    /* MSI-X: number of the entry */
	struct xen_pci_dev *dev;     /* of a message mapped here */
	struct xen_pirq *next;	     /* of @dev's messages mapped here */
	bool given;		     /* a message that a backend named */
	struct xen_pirq *next_given; /* of all such */
	void (*handler)(void *arg);
	void *arg;
};

/*
 * Each of the functions that map fills the whole of @pirq, whatever was in it: release first what
 * is in use. On error nothing is mapped, and releasing it is harmless. -XEN_EIO: Xen's answer or
 * the config space makes no sense.
 *
 * A message that is mapped must stay where it is until released. Mapping is refused with -XEN_EBUSY
 * where Xen would take another message of the device away from its user: MSI beside MSI-X, MSI or
 * an MSI-X entry a second time.
 */

/*
 * dom0: map @gsi, active low and level triggered when @level, else active high and edge triggered.
 * -XEN_ERANGE: no such number; -XEN_EIO; or what Xen refused. The mapping stays when released: Xen
 * takes the right to map a GSI away with the mapping, so it could never be used again.
 */
int xen_pirq_map_gsi(struct xen_pirq *pirq, unsigned int gsi, bool level);

/*
 * Map the line of @dev: in dom0 its interrupt line register as a GSI, as xen_pirq_map_gsi(); else
 * the PIRQ of that number, which the toolstack mapped. -XEN_ENODEV: it has none.
 */
int xen_pirq_map_intx(struct xen_pirq *pirq, struct xen_pci_dev *dev);

/* Map MSI of @dev. -XEN_ENODEV: no MSI, or memory decode is off; -XEN_EBUSY; -XEN_EIO; accessor
 * errors; or what Xen refused. @dev must stay in the tree until @pirq is released (the same for
 * MSI-X). */
int xen_pirq_map_msi(struct xen_pirq *pirq, struct xen_pci_dev *dev);

/* Map MSI-X entry @entry of @dev. -XEN_ENODEV: no MSI-X, memory decode is off, or its table's
 * BAR is not claimed or too small; -XEN_ERANGE: no such entry; -XEN_EBUSY; -XEN_EIO; accessor
 * errors; or what Xen refused. */
int xen_pirq_map_msix(struct xen_pirq *pirq, struct xen_pci_dev *dev, unsigned int entry);

/*
 * Map several, all or none; @pirq is an array of @nr pointers. MSI: that many vectors, a power of
 * two up to XEN_PIRQ_MAX_MSI; vector i is @pirq[i]'s; Xen unmaps them when the last is released.
 * MSI-X: @entry[i] is @pirq[i]'s. A backend has to be asked for all entries that a driver wants at
 * once: another one later is -XEN_EBUSY until all are released. -XEN_ERANGE: too many, or what the
 * device does not have; -XEN_EOPNOTSUPP (MSI): no interrupt remapping; -XEN_ENOSYS (MSI): not known
 * to the backend; and as above.
 */
int xen_pirq_map_msi_many(struct xen_pirq *const *pirq, struct xen_pci_dev *dev, unsigned int nr);
int xen_pirq_map_msix_many(struct xen_pirq *const *pirq, struct xen_pci_dev *dev,
			   const uint16_t *entry, unsigned int nr);

/* A line's number, got elsewhere: not mapped here. -XEN_EINVAL: negative. */
int xen_pirq_from_backend(struct xen_pirq *pirq, int number);

/*
 * Bind to an event channel and have @handler called for it (xen_evtchn_bind()), then switch the
 * device's messages on. The EOI, where Xen wants one, is sent after the handler returned. @shared:
 * a line that other domains may bind too. @pirq must stay where it is until released.
 * -XEN_EINVAL: no PIRQ or no handler; -XEN_EBUSY: bound already, or another domain does not share;
 * -XEN_EEXIST: the PIRQ has a channel; -XEN_EIO: Xen's answer makes no sense; what else Xen
 * refused; what xen_evtchn_bind() says; accessor errors. On error nothing is bound.
 */
int xen_pirq_bind(struct xen_pirq *pirq, bool shared, void (*handler)(void *arg), void *arg);

/*
 * Switch the messages off, close the channel and, when mapped here, unmap the PIRQ: as far as each
 * was done, so it may be called after any error and any number of times. When it returns the
 * handler is not running. What Xen or the device refuses is logged and
 * stays as it is; with a channel that does not close, its PIRQ stays mapped.
 */
void xen_pirq_release(struct xen_pirq *pirq);

#ifdef __cplusplus
}
#endif

#endif
