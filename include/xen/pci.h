/* SPDX-License-Identifier: MIT */
/*
 * PCI walker: finds functions and bridges over a config accessor, sizes their BARs, reads the
 * bridges' windows, marks every MMIO range identity in the P2M, and tells Xen about the functions.
 *
 * A config accessor (struct xen_pci_config) reads and writes config space: ports 0xcf8/0xcfc,
 * MMCFG, pcifront, or a model. A host (struct xen_pci_host) is one accessor, the root buses that
 * the embedder names and optional apertures (host-bridge windows from ACPI). Scanning builds a
 * tree: host -> functions -> the functions behind each bridge.
 *
 * A resource is one address range: a BAR, an expansion ROM, a bridge window, an aperture. Memory
 * resources are claimed in one registry: BARs may lie in windows and windows in windows and
 * apertures, but two BARs, or a BAR half in a window, are an error that names both.
 *
 * A ROM that is disabled is claimed as well: to read it, a driver sets its enable bit and expects
 * identity at the address that firmware gave it. But firmware may leave a stale address there, at
 * which nothing answers: such a ROM gives way to whatever else of its host lies there, whichever
 * came first, and is the one in conflict.
 *
 * What a device says is not trusted: header types, sizes, bus numbers and capability pointers are
 * checked; a bridge whose secondary bus is not above its own, or already seen, is not followed. A
 * scan makes a bounded number of accesses, whatever it reads.
 *
 * Sizing writes to the BARs; the function's decoding is off meanwhile (some microseconds) and all
 * is put back, also when the accessor fails midway. Host bridges (class 0600) keep decoding: on
 * many machines switching it off cuts the CPUs off from memory. A BAR that ignores writes (Xen
 * makes some functions read-only) is not sized and not claimed.
 *
 * Enabled SR-IOV virtual functions are found through their physical function's capability, where
 * the accessor reaches extended config space. Their BARs can be known only if the physical function
 * was added before they were enabled.
 *
 * Context: config accesses sleep where the accessor does (pcifront's: until the backend has
 * answered), so a driver for both makes none in its interrupt handler. Scanning and hot-plug may
 * sleep (they allocate, make hypercalls and access config space); one at a time for a host: the
 * embedder serialises. Different hosts may be scanned at once. The registry of claims is one for
 * all hosts and locks itself.
 */
#ifndef XENDMA_XEN_PCI_H
#define XENDMA_XEN_PCI_H

#include <xen/bucket.h>
#include <xen/ranges.h>
#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Segment, bus, device, function. */
struct xen_pci_addr {
	uint16_t segment;
	uint8_t bus;
	uint8_t devfn;
};

#define XEN_PCI_DEVFN(dev, fn) ((uint8_t)(((dev) << 3) | (fn)))
#define XEN_PCI_DEV(devfn) ((devfn) >> 3)
#define XEN_PCI_FN(devfn) ((devfn)&7)

/*
 * Access to config space. @offset is aligned to @size, which is 1, 2 or 4. Reading an absent
 * function gives all ones and 0. A non-zero return is a negative errno (pcifront: the backend
 * failed; *@value does not matter then).
 */
struct xen_pci_config {
	int (*read)(const struct xen_pci_config *config, struct xen_pci_addr addr,
		    unsigned int offset, unsigned int size, uint32_t *value);
	int (*write)(const struct xen_pci_config *config, struct xen_pci_addr addr,
		     unsigned int offset, unsigned int size, uint32_t value);
	unsigned int limit; /* bytes of config space reachable: 256 or 4096 */
	void *priv;
};

/* The MMCFG accessor: @base is the mapped window, whose first byte is bus @first_bus. */
struct xen_pci_mmcfg {
	struct xen_pci_config config;
	volatile uint8_t *base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
};
/* Fill @mmcfg's accessor; functions outside its segment and buses read as absent. */
void xen_pci_mmcfg_init(struct xen_pci_mmcfg *mmcfg, volatile void *base, uint16_t segment,
			uint8_t first_bus, uint8_t last_bus);

enum xen_pci_res_kind {
	XEN_PCI_RES_NONE,
	XEN_PCI_RES_BAR,
	XEN_PCI_RES_ROM,
	XEN_PCI_RES_WINDOW,	 /* non-prefetchable memory window of a bridge */
	XEN_PCI_RES_PREF_WINDOW, /* prefetchable */
	XEN_PCI_RES_APERTURE,	 /* of the host, given by the embedder */
};

#define XEN_PCI_RES_IO (1u << 0)       /* I/O ports: never identity */
#define XEN_PCI_RES_64BIT (1u << 1)    /* 64-bit register pair */
#define XEN_PCI_RES_PREFETCH (1u << 2) /* prefetchable */
#define XEN_PCI_RES_ENABLED (1u << 3)  /* decoded now (ROM: its enable bit) */
#define XEN_PCI_RES_UNSET (1u << 4)    /* address 0 or window closed: not claimed, not identity */
#define XEN_PCI_RES_CLAIMED (1u << 5)  /* in the registry and identity in the P2M */
#define XEN_PCI_RES_CONFLICT (1u << 6) /* malformed or in conflict: logged, not claimed */
/*
 * Beside CLAIMED, in hosts that allow it: RAM has PFNs of these numbers, so it is not identity. It
 * works all the same, through xen_mmio_map(): Xen asks for machine addresses and no PFN.
 */
#define XEN_PCI_RES_ALIAS (1u << 7)

struct xen_pci_dev;

struct xen_pci_resource {
	uint64_t start;			      /* bus address = machine address, bytes */
	uint64_t size;			      /* bytes; 0: not implemented, or malformed */
	struct xen_pci_dev *dev;	      /* NULL for an aperture */
	struct xen_pci_resource *next_window; /* private: claimed windows and apertures */
	uint8_t kind;			      /* enum xen_pci_res_kind */
	uint8_t index;			      /* BAR number 0..5 */
	uint16_t flags;			      /* XEN_PCI_RES_* */
};

#define XEN_PCI_NR_BARS 6
#define XEN_PCI_NR_RES 9 /* BARs 0..5, ROM, window, prefetchable window */
#define XEN_PCI_RES_ROM_INDEX 6
#define XEN_PCI_RES_WINDOW_INDEX 7
#define XEN_PCI_RES_PREF_INDEX 8

struct xen_pci_host;
struct xen_pci_sriov;
struct xen_pirq;
struct xen_pirq_source;

struct xen_pci_dev {
	struct xen_pci_host *host;
	struct xen_pci_dev *parent; /* the bridge above; NULL on a root bus */
	struct xen_pci_dev *next;   /* all functions of the host, in order of discovery */
	struct xen_pci_dev *physfn; /* of a virtual function: its physical function */
	struct xen_pci_addr addr;
	uint16_t vendor, device;
	uint32_t class_code; /* 24 bits: class, subclass, interface */
	uint8_t header_type; /* 0 function, 1 bridge, 2 CardBus; multi-function bit off */
	uint8_t secondary, subordinate; /* bridges */
	uint8_t interrupt_pin;		/* 0 none, 1 INTA .. 4 INTD */
	uint8_t interrupt_line;		/* as the firmware left it */
	bool known_to_xen;		/* PHYSDEVOP_pci_device_add succeeded */
	bool is_virtfn;			/* SR-IOV virtual function */
	bool followed;			/* a bridge whose bus numbers make sense */
	bool retry;		     /* private: its windows moved, conflicts are to be retried */
	struct xen_pci_sriov *sriov; /* private: what a physical function's VFs look like */
	uint16_t nr_messages;	     /* private to pirq.c: bound MSI and MSI-X PIRQs */
	struct xen_pirq *messages;   /* private to pirq.c: mapped MSI and MSI-X PIRQs */
	bool intx_was_on;	     /* private to pirq.c: give INTx back when they are gone */
	int msi_pirq;		     /* private to pirq.c: the first of the vectors of MSI; -1 */
	struct xen_pci_resource res[XEN_PCI_NR_RES];
};

#define XEN_PCI_MAX_APERTURES 8

struct xen_pci_host {
	const struct xen_pci_config *config;
	uint16_t segment;
	bool tell_xen; /* dom0: PHYSDEVOP_pci_device_add and _remove */
	/* Where resources may lie over RAM's PFNs: they are claimed with XEN_PCI_RES_ALIAS. */
	bool alias;
	const struct xen_pirq_source *pirqs; /* xen/pirq.h; NULL: Xen, as dom0 */
	struct xen_bucket *log;		     /* of lines about its functions; NULL: no limit */
	struct xen_pci_dev *devices;
	unsigned int nr_devices;
	struct xen_pci_resource aperture[XEN_PCI_MAX_APERTURES];
	unsigned int nr_apertures;
	unsigned int nr_conflicts; /* resources with XEN_PCI_RES_CONFLICT; each was logged */
	uint64_t seen_buses[4];	   /* one bit a bus: root buses and those behind bridges */
};

/* Begin with an empty tree. @config is kept until xen_pci_host_fini(). */
void xen_pci_host_init(struct xen_pci_host *host, const struct xen_pci_config *config,
		       uint16_t segment, bool tell_xen);

/* Add a host-bridge window [start, start + size) bytes and mark it identity. -XEN_EINVAL: empty or
 * above 2^52; -XEN_ENOSPC: table full; -XEN_EEXIST: RAM or a claim is in the way (logged with both
 * ranges); -XEN_ENOMEM. Nothing is added on error. */
int xen_pci_add_aperture(struct xen_pci_host *host, uint64_t start, uint64_t size);

/*
 * Scan bus @bus (a root bus, or the bus behind a bridge in the tree) and everything below it:
 * functions are added, their memory resources claimed and marked identity, and Xen is told.
 * Functions already in the tree are left alone, so the same call finds what was hot-plugged; but
 * bridges' windows are read again, and where they moved the claims behind them are looked over.
 * *@found (may be NULL) counts new functions. A resource in conflict is logged and not claimed
 * (nr_conflicts); a function that Xen does not accept stays with known_to_xen false, logged, and
 * is offered again by the next scan; a malformed function is logged and passed over.
 * -XEN_ENOMEM; the first accessor error (the scan goes on past the function that it hit, unless
 * many fail). What was added stays.
 */
int xen_pci_scan(struct xen_pci_host *host, uint8_t bus, unsigned int *found);

/*
 * Add one function (hot-plug, pcifront); what lies behind a bridge is found by scanning its
 * secondary bus. @parent is the bridge above, NULL on a root bus. *@dev (may be NULL) is the new
 * node. -XEN_ENODEV: nothing answers; -XEN_EAGAIN: it is still starting up, try later;
 * -XEN_EEXIST: in the tree; -XEN_EINVAL: malformed header; -XEN_ENOMEM; accessor errors. Nothing
 * is added on error.
 */
int xen_pci_add(struct xen_pci_host *host, struct xen_pci_addr addr, struct xen_pci_dev *parent,
		struct xen_pci_dev **dev);

/*
 * Remove a function, its virtual functions and, for a bridge, all below it, innermost first: Xen
 * told, identity cleared, nodes freed. Makes no config access: it may be gone already. PIRQs of it
 * must have been released. What Xen refuses is logged, and so are pages that stay identity for want
 * of memory.
 */
void xen_pci_remove(struct xen_pci_host *host, struct xen_pci_dev *dev);

/* Remove everything, apertures too. */
void xen_pci_host_fini(struct xen_pci_host *host);

struct xen_pci_dev *xen_pci_find(struct xen_pci_host *host, struct xen_pci_addr addr);
/* First function with these IDs behind @from (NULL: from the start). */
struct xen_pci_dev *xen_pci_find_id(struct xen_pci_host *host, struct xen_pci_dev *from,
				    uint16_t vendor, uint16_t device);

/*
 * The resource that claims byte @addr most closely (BAR before window before aperture); NULL if
 * none. For messages and maps.
 */
const struct xen_pci_resource *xen_pci_resource_at(struct xen_pci_host *host, uint64_t addr);

/*
 * Does claimed BAR or ROM @res share a 4 KiB page with one of another function? *@other (may be
 * NULL) is then the first such. Whoever may map the one reaches the other, so they must not be
 * given to different domains.
 */
bool xen_pci_shares_page(const struct xen_pci_resource *res, const struct xen_pci_resource **other);

/* "0000:00:04.0 BAR 0" and the like, at most XEN_PCI_NAME_MAX bytes with the NUL. */
#define XEN_PCI_NAME_MAX 40
void xen_pci_resource_name(const struct xen_pci_resource *res, char name[XEN_PCI_NAME_MAX]);

/* Config access to a function; value all ones on error. */
uint32_t xen_pci_read(const struct xen_pci_dev *dev, unsigned int offset, unsigned int size);
int xen_pci_write(const struct xen_pci_dev *dev, unsigned int offset, unsigned int size,
		  uint32_t value);
/* Offset of capability @id, 0 if absent; errors, loops and pointers outside the space end the
 * search. */
unsigned int xen_pci_find_cap(const struct xen_pci_dev *dev, uint8_t id);
/* The same in extended space (PCI Express), 0 when unreachable. */
unsigned int xen_pci_find_ext_cap(const struct xen_pci_dev *dev, uint16_t id);

/* Set and clear bits of the command register (memory decode, bus master, INTx disable). */
int xen_pci_command(const struct xen_pci_dev *dev, uint16_t set, uint16_t clear);
#define XEN_PCI_COMMAND_IO 0x0001
#define XEN_PCI_COMMAND_MEMORY 0x0002
#define XEN_PCI_COMMAND_MASTER 0x0004
#define XEN_PCI_COMMAND_INTX_DISABLE 0x0400

#ifdef __cplusplus
}
#endif

#endif
