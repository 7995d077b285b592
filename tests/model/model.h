/* SPDX-License-Identifier: MIT */
/*
 * The model hypervisor: Xen's semantics in a process, behind include/xen/hypercall.h, plus a port
 * (include/xen/port.h) over it. Not mocks: machine memory is a memfd, a guest page is a mapping of
 * its machine page at MODEL direct map + pfn * 4096, so that hypercall_update_va_mapping() really
 * remaps and an exchange really moves bytes; a stale mapping shows as corrupted data or a fault.
 *
 * One machine a process at a time, with one domain (dom0 or domU) that runs the code under test;
 * domain.h adds others. model_start() builds both,
 * model_stop() takes them down and returns false when anything was left unbalanced.
 *
 * A breach of Xen's rules by the code under test (wrong size, exchange of a mapped page that Xen
 * would refuse is NOT a breach but a refusal) prints the rule's name and aborts.
 */
#ifndef XENDMA_TESTS_MODEL_H
#define XENDMA_TESTS_MODEL_H

#include <xen/pci.h>
#include <xen/port.h>
#include <xen/setup.h>
#include <xen/types.h>

#include <xen/event_channel.h>

struct model_params {
	const struct xen_e820_entry *e820; /* machine map; NULL: 1 GiB RAM with a PC's low hole */
	unsigned int nr_e820;
	uint64_t nr_pages;    /* of the domain; default 4096 (16 MiB) */
	uint64_t max_pages;   /* the domain's limit (ballooning); default nr_pages */
	bool domu;	      /* not dom0: lower order limit, no physdev mapping, no machine map */
	bool contiguous;      /* give the domain contiguous MFNs; default scattered, high first */
	bool tables;	      /* the direct map has page tables that xen_port_l2_entry() shows */
	bool no_setup;	      /* do not call xen_p2m_init() and xen_p2m_ram_add() for the test */
	unsigned int nr_cpus; /* default 1 */
	unsigned int paddr_bits; /* what these can address; default 46 */
	bool intremap;		 /* an IOMMU remaps interrupts: multi-vector MSI works */
	uint64_t seed;		 /* scatter order; 0: a fixed default */
};

/* @params NULL: all defaults. Ends the test on any failure. */
void model_start(const struct model_params *params);
/*
 * True when model_check() holds, every frame is accounted for, no PTE is stale, and no event
 * channel, PIRQ, lock or address space is left. What does not balance is printed. Pages and objects
 * that the library holds in pools are the test's to judge: model_allocs().
 */
bool model_stop(void);

/* What the library holds of the port's memory now. */
struct model_allocs {
	uint64_t pages;	     /* by xen_port_alloc_pages() */
	uint64_t objects;    /* by xen_port_alloc() */
	uint64_t bytes;	     /* of these objects */
	uint64_t vm_pages;   /* by xen_port_vm_alloc() */
	uint64_t free_pages; /* that xen_port_alloc_pages() still has, in whatever pieces */
};
struct model_allocs model_allocs(void);

/* The domain builder's P2M list, in the domain's RAM: PFN n is in frame list[n]. The port does not
 * hand out its pages. Gone after model_stop(). */
uint64_t *model_mfn_list(void);
uint64_t model_nr_pages(void);

/* Kinds of calls that are counted and that can fail. */
enum model_call {
	MODEL_MEMORY_OP,
	MODEL_MMU_UPDATE,
	MODEL_UPDATE_VA_MAPPING,
	MODEL_MMUEXT_OP,
	MODEL_MULTICALL,
	MODEL_EVENT_CHANNEL_OP,
	MODEL_PHYSDEV_OP,
	MODEL_GRANT_TABLE_OP,
	MODEL_SCHED_OP,
	MODEL_CONSOLE_IO,
	MODEL_XEN_VERSION,
	MODEL_ALLOC_PAGES, /* xen_port_alloc_pages */
	MODEL_ALLOC,	   /* xen_port_alloc */
	MODEL_VM_ALLOC,	   /* xen_port_vm_alloc */
	MODEL_EXTENT,	   /* of exchange and reservation calls, what Xen does at once */
	MODEL_MMU_REQUEST, /* one of those of an mmu_update */
	MODEL_NR_CALLS
};
uint64_t model_calls(enum model_call kind);
/* Hypercalls of every kind (not the port's allocations); calls inside a multicall count once. */
uint64_t model_hypercalls(void);
/* From now on let call number @nth (1 = the next) of @kind fail once with @err (negative errno;
 * ignored for allocations). 0 turns it off. */
void model_fail(enum model_call kind, uint64_t nth, int err);
/* When the failure that model_fail() asked for happens, ask for this one: a roll-back fails too. */
void model_fail_then(enum model_call kind, uint64_t nth, int err);
/* How many failures that were asked for happened since model_start(), and what model_calls() was
 * when the last one did. */
struct model_failures {
	unsigned int nr;
	uint64_t calls[MODEL_NR_CALLS];
};
struct model_failures model_failures(void);
/* Let every XENMEM_exchange stop after @nr of its extents (the larger kind, where in and out
 * differ) with -ENOMEM; ~0 turns it off. */
void model_exchange_stops_after(uint64_t nr);

/*
 * A hypervisor that is not as it should be: @lie is shown each hypercall that is done, alone or in
 * a multicall, before (it may change what is asked) and after (it may change what is answered).
 * NULL ends it.
 */
struct model_lie_call {
	enum model_call kind;
	unsigned long cmd; /* the first argument */
	void *arg;	   /* the second */
	bool done;	   /* this is after */
	long rc;	   /* then: what it returns */
	void *third;	   /* the third argument */
};
void model_lie(void (*lie)(struct model_lie_call *call));

/* Frames free for allocation below 2^@bits. model_reserve_below() takes them away (a full zone)
 * and gives back what it took before; 0 takes none. */
uint64_t model_free_frames(unsigned int bits);
void model_reserve_below(unsigned int bits);

/* What a device sees: machine memory by machine address. False, nothing done, when part of the
 * range is not RAM that belongs to the domain. */
bool model_dma_read(dma_addr_t addr, void *buf, size_t size);
bool model_dma_write(dma_addr_t addr, const void *buf, size_t size);

/* An extra reference to a frame of the domain (a grant, a second mapping), or its end: @change is
 * +1 or -1. With references beside the kernel's mapping Xen refuses to exchange it. */
void model_page_ref(mfn_t mfn, int change);
/* Make a frame of the domain a pinned page table (not mapped writable), or ordinary again. */
void model_page_table(mfn_t mfn, bool set);

/* The PTE behind a kernel address, 0 if not mapped: what Xen made of it, cache bits included. */
uint64_t model_pte(const volatile void *va);
/* PTEs that were present, were changed, and have not been flushed from every CPU's TLB since. */
uint64_t model_stale_ptes(void);

/* The contents of an MMIO frame, as a device would see its registers: an own mapping of the page
 * that the guest maps. Pages keep what is written; nothing reacts. */
void *model_mmio(mfn_t mfn);
/* domU: allow it to map the frames (dom0 may map all that is not RAM). It then counts as a domain
 * with devices: exchange up to order 12. */
void model_permit_iomem(mfn_t mfn, uint64_t nr);
/* Give the domain a memory map of its own, the machine's, for XENMEM_memory_map (e820_host). */
void model_give_map(void);
/* What the stock tool gives a PV domain otherwise: RAM from 0 up to the domain's limit. */
void model_give_flat_map(void);

/* P2M and M2P bijective, every frame of the domain in the P2M once, kernel mappings agree with the
 * P2M, frame count as Xen's. Prints the first fault. */
bool model_check(void);

/* Fire event @port: calls the handler bound with xen_evtchn_bind(). */
void model_event(evtchn_port_t port);

/* Where Xen and the event layer of the domain meet. */
struct shared_info *model_shared_info(void);
/* Of CPU @cpu; NULL: the domain has not given it one. */
struct evtchn_fifo_control_block *model_fifo_control(unsigned int cpu);

/* EOIs that Xen got for a PIRQ since it was mapped; PIRQs that are mapped. */
uint64_t model_pirq_eois(int pirq);
unsigned int model_pirqs(void);

/* Which CPU the calling thread is, for xen_port_cpu(); 0 until told. */
void model_set_cpu(unsigned int cpu);

/* Time for xen_port_clock_ns(): runs only when told to. */
void model_clock_advance(uint64_t ns);
/* From now on each look at it finds it @ns later than the last one; 0: it stands again. */
void model_clock_run(uint64_t ns);
/* What the rest of the world does while the domain waits (xen_port_wait()), once each millisecond
 * that passes meanwhile. NULL: nothing, but other threads may run. */
void model_on_wait(void (*step)(void *arg), void *arg);

/* Log lines that the library wrote since the start, per level; the text of the last one. */
unsigned int model_log_lines(enum xen_port_log_level level);
const char *model_last_log(void);

/*
 * Run @fn, which must end in xen_port_panic(): true and the message in model_last_log() if it
 * does. (setjmp: what @fn held stays held; stop and start the model afterwards.)
 */
bool model_expect_panic(void (*fn)(void *arg), void *arg);

/*
 * Run @fn, which must break a rule, in a process of its own: true if the rule's name (what a breach
 * prints) begins with @rule. What else happened instead is printed.
 */
bool model_expect_breach(void (*fn)(void *arg), void *arg, const char *rule);

/*
 * Memory shared with another domain that does what it likes with it: bytes [@offset,
 * @offset + @size) of the page at @page (mapped in the kernel's address space) may be read once.
 * To read a byte a second time is a breach, "shared memory ...", until the other side is said to
 * have written it anew. Bytes that nobody asked to have watched are free.
 */
void model_shared_watch(void *page, size_t offset, size_t size);
/* The other side has written them: they may be read, once, again. */
void model_shared_renew(void *page, size_t offset, size_t size);
/* How often a byte of a watched page has been read since it was watched or renewed. */
unsigned int model_shared_reads(void *page, size_t offset);
/* Stop watching the page; necessary before it is freed or unmapped. */
void model_shared_unwatch(void *page);

/*
 * Model PCI: config space of functions given by the test, with real BAR sizing semantics.
 */
struct model_pci_bar {
	uint64_t addr; /* initial address */
	uint64_t size; /* power of two; 0: none */
	bool io, is64, prefetch;
};
struct model_pci_function {
	struct xen_pci_addr addr;
	uint16_t vendor, device;
	uint32_t class_code;
	struct model_pci_bar bar[6];
	struct model_pci_bar rom;
	bool multifunction;
	uint8_t interrupt_pin;
	/* A bridge: */
	bool bridge;
	uint8_t secondary, subordinate;
	uint64_t window_start, window_end; /* [start, end]; end < start: closed */
	uint64_t pref_start, pref_end;
	bool pref_is64;
	/* Capabilities: */
	bool msi;
	unsigned int msix_entries; /* 0: none; table in bar msix_bar at offset 0 */
	uint8_t msix_bar;
};
/* Plug and unplug. Plugging at an address taken replaces it. */
void model_pci_plug(const struct model_pci_function *function);
void model_pci_unplug(struct xen_pci_addr addr);
extern const struct xen_pci_config model_pci_config;
/* Raw config bytes of a plugged function, for hostile devices (4096 bytes); NULL if absent. */
uint8_t *model_pci_raw(struct xen_pci_addr addr);
/* Which bits of each byte a config write changes, likewise: to forge a BAR of an odd size. */
uint8_t *model_pci_writable(struct xen_pci_addr addr);
/* Is the function known to Xen (PHYSDEVOP_pci_device_add)? */
bool model_pci_known(struct xen_pci_addr addr);

#endif
