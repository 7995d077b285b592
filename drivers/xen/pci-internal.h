/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the PCI walker share: pci.c (tree), pci-scan.c, pci-bar.c (sizing, windows),
 * pci-resource.c (resources of functions), pci-name.c (what they are called), pci-claim.c (the
 * registry of claims), pci-config.c (accessors), pci-sriov.c (what PCI Express adds) and
 * pci-report.c (telling Xen).
 */
#ifndef XENDMA_DRIVERS_XEN_PCI_INTERNAL_H
#define XENDMA_DRIVERS_XEN_PCI_INTERNAL_H

#include <xen/pci.h>

/* Config space: header. */
#define PCI_VENDOR 0x00
#define PCI_COMMAND 0x04
#define PCI_STATUS 0x06
#define PCI_STATUS_CAPABILITIES 0x0010
#define PCI_REVISION 0x08 /* and class code above it */
#define PCI_HEADER_TYPE 0x0e
#define PCI_HEADER_MULTIFUNCTION 0x80
#define PCI_BAR 0x10
#define PCI_BUS_NUMBERS 0x18 /* bridge: primary, secondary, subordinate */
#define PCI_MEMORY_WINDOW 0x20
#define PCI_PREF_WINDOW 0x24
#define PCI_PREF_BASE_HIGH 0x28
#define PCI_PREF_LIMIT_HIGH 0x2c
#define PCI_ROM 0x30
#define PCI_BRIDGE_ROM 0x38
#define PCI_CAP_POINTER 0x34
#define PCI_CARDBUS_CAP_POINTER 0x14
#define PCI_INTERRUPT_LINE 0x3c

#define PCI_HEADER_FUNCTION 0
#define PCI_HEADER_BRIDGE 1
#define PCI_HEADER_CARDBUS 2

#define PCI_CLASS_HOST_BRIDGE 0x0600	      /* upper 16 of the 24 bits */
#define PCI_CLASS_SUBTRACTIVE_BRIDGE 0x060401 /* passes on what nobody claims */

/* Capabilities. */
#define PCI_CAP_MSI 0x05
#define PCI_CAP_EXPRESS 0x10
#define PCI_CAP_MSIX 0x11
#define PCI_EXT_CAP_ARI 0x0e
#define PCI_EXT_CAP_SRIOV 0x10

/* Addresses that a PC can have on its bus: 52 bits. */
#define PCI_ADDR_LIMIT (1ULL << 52)

/* One 32-bit base register: what it held, and what it held after ones were written. */
struct xen_pci_probe {
	uint32_t orig, mask;
	bool ignored;  /* it does not take writes */
	bool restored; /* it reads as before again */
};

/* Placed on a physical function that has the SR-IOV capability. */
struct xen_pci_sriov {
	uint16_t offset;			      /* of the capability */
	bool sized;				      /* res[] is known */
	struct xen_pci_resource res[XEN_PCI_NR_BARS]; /* of one virtual function; start unused */
};

/* pci-config.c: as the accessor's, with arguments checked and the value cut to @size. */
int xen_pci_config_read(const struct xen_pci_host *host, struct xen_pci_addr addr,
			unsigned int offset, unsigned int size, uint32_t *value);
int xen_pci_config_write(const struct xen_pci_host *host, struct xen_pci_addr addr,
			 unsigned int offset, unsigned int size, uint32_t value);
/* Write back what was there: tried again where the accessor fails. */
int xen_pci_config_restore(const struct xen_pci_host *host, struct xen_pci_addr addr,
			   unsigned int offset, unsigned int size, uint32_t value);

/* pci-bar.c: fill dev->res from the device; nothing is claimed. Accessor errors. */
int xen_pci_read_resources(struct xen_pci_dev *dev);
/* Read window @index (XEN_PCI_RES_WINDOW_INDEX or _PREF_INDEX) of bridge @dev into *@out; *@why is
 * NULL or says what is malformed. */
int xen_pci_read_window(struct xen_pci_dev *dev, unsigned int index, struct xen_pci_resource *out,
			const char **why);
/* Size @nr registers from @offset on; the caller has switched decoding off. */
int xen_pci_probe_registers(const struct xen_pci_dev *dev, unsigned int offset, unsigned int nr,
			    struct xen_pci_probe *probe);
/* Make a resource of the register pair @probe ([1] is not there when @last); *@used says how many
 * registers it took. NULL, or what is malformed. */
const char *xen_pci_decode_bar(const struct xen_pci_probe *probe, bool last,
			       struct xen_pci_resource *res, unsigned int *used);
/* Log @why and make *@res nothing. */
void xen_pci_reject(struct xen_pci_resource *res, const char *why);

/* pci-claim.c: -XEN_EEXIST: in conflict, which was logged; -XEN_ENOMEM. */
int xen_pci_claim(struct xen_pci_resource *res);
/* Harmless when not claimed. */
void xen_pci_unclaim(struct xen_pci_resource *res);
/* Its halves, for a claim that is about to be replaced. */
void xen_pci_unregister(struct xen_pci_resource *res);
void xen_pci_clear_identity(const struct xen_pci_resource *res);
/* Does a window of the bridge above, if there is one, hold @res? */
bool xen_pci_reachable(const struct xen_pci_resource *res);
void xen_pci_log_unreachable(const struct xen_pci_resource *res);

/* pci-resource.c */
/* Claim what @dev has to claim; conflicts are counted. -XEN_ENOMEM: nothing of it is claimed. */
int xen_pci_claim_all(struct xen_pci_dev *dev);
/* Undo it, and forget its conflicts. */
void xen_pci_unclaim_all(struct xen_pci_dev *dev);
/* Read the windows of bridge @dev again and, where one moved, claim anew what that concerns. */
int xen_pci_refresh_windows(struct xen_pci_dev *dev);

/* Does @res go into the registry? */
static inline bool xen_pci_claimable(const struct xen_pci_resource *res)
{
	return res->kind != XEN_PCI_RES_NONE && res->size &&
	       !(res->flags & (XEN_PCI_RES_IO | XEN_PCI_RES_UNSET));
}

static inline bool xen_pci_test_bus(const uint64_t *set, uint8_t bus)
{
	return set[bus >> 6] >> (bus & 63) & 1;
}

static inline void xen_pci_add_bus(uint64_t *set, uint8_t bus)
{
	set[bus >> 6] |= 1ULL << (bus & 63);
}

/* One line about a function of @host? What a function is made of may be another domain's doing. */
static inline bool xen_pci_may_log(const struct xen_pci_host *host)
{
	return xen_bucket_take(host->log);
}

static inline void xen_pci_mark_conflict(struct xen_pci_host *host, struct xen_pci_resource *res)
{
	if (!(res->flags & XEN_PCI_RES_CONFLICT))
		host->nr_conflicts++;
	res->flags |= XEN_PCI_RES_CONFLICT;
}

static inline void xen_pci_clear_conflict(struct xen_pci_host *host, struct xen_pci_resource *res)
{
	if (res->flags & XEN_PCI_RES_CONFLICT)
		host->nr_conflicts--;
	res->flags &= ~XEN_PCI_RES_CONFLICT;
}

/* pci.c: is @dev @top, behind it, or a virtual function of such a one? */
bool xen_pci_is_below(const struct xen_pci_dev *dev, const struct xen_pci_dev *top);
/* A node that is in no list yet. NULL: no memory. */
struct xen_pci_dev *xen_pci_new(struct xen_pci_host *host, struct xen_pci_addr addr,
				struct xen_pci_dev *parent);
void xen_pci_free(struct xen_pci_dev *dev);
/* Claim, append to the tree, tell Xen. -XEN_ENOMEM: nothing happened. */
int xen_pci_publish(struct xen_pci_dev *dev);
/* Read the bus numbers of a bridge and, if they make sense, follow it from now on. */
int xen_pci_read_buses(struct xen_pci_dev *bridge);
/* 0 if a function answers at @addr with IDs @id; -XEN_ENODEV, -XEN_EAGAIN; accessor errors. */
int xen_pci_read_id(const struct xen_pci_host *host, struct xen_pci_addr addr, uint32_t *id);

/* pci-sriov.c: look for the capability. Accessor errors, -XEN_ENOMEM. */
int xen_pci_sriov_find(struct xen_pci_dev *dev);
/* Add the virtual functions that are enabled now and not in the tree. */
int xen_pci_sriov_scan(struct xen_pci_dev *physfn, unsigned int *found);
/* Does @bridge reach functions 8 and up of the one device behind it (ARI)? */
bool xen_pci_ari_forwarding(const struct xen_pci_dev *bridge);
/* Can there be but one device behind @bridge (a PCI Express link)? */
bool xen_pci_is_link(const struct xen_pci_dev *bridge);
/* The function that ARI function @devfn names next; 0: none. */
uint8_t xen_pci_ari_next(const struct xen_pci_dev *dev);

/* pci-report.c */
void xen_pci_tell_added(struct xen_pci_dev *dev);
void xen_pci_tell_removed(struct xen_pci_dev *dev);

#endif
