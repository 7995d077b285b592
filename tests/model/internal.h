/* SPDX-License-Identifier: MIT */
/*
 * Between the model's own files. One machine a process, in `model`; everything that a hypercall
 * touches is under one lock (model_enter()), taken by hypercall.c and by the functions of model.h.
 */
#ifndef XENDMA_TESTS_MODEL_INTERNAL_H
#define XENDMA_TESTS_MODEL_INTERNAL_H

#include <pthread.h>
#include <stdarg.h>

#include <model/model.h>
#include <xen/hypercall.h>
#include <xen/port.h>

#define M2P_CHUNK_SHIFT 18 /* MFNs covered by 2 MiB of M2P */
#define M2P_CHUNK (1UL << M2P_CHUNK_SHIFT)
#define MAX_ORDER 18 /* of the machine's heap, as Xen's */
#define NR_ZONES 41  /* zone z: MFNs in [2^(z-1), 2^z) */
#define XEN_FRAMES_ORDER 10
#define XEN_FRAMES (1UL << XEN_FRAMES_ORDER)
#define NONE UINT32_MAX

/* A buddy allocator over numbers below 2^32: frames of the machine, PFNs of the port. */
struct buddy {
	uint32_t *next, *prev; /* of a free block, by its first number */
	uint8_t *order;	       /* of a free block, plus one; 0: no free block starts here */
	uint32_t head[NR_ZONES + 1][MAX_ORDER + 1];
	uint32_t orders[NR_ZONES + 1]; /* bit o: the zone has free blocks of that order */
	uint64_t zones;		       /* bit z: the zone has free blocks */
	uint64_t limit;		       /* numbers are below */
	bool high; /* hand out the upper half of a split block, else the lower */
	uint64_t nr_free;
};

void buddy_init(struct buddy *b, uint64_t limit, bool high);
/* Any range; merged with free buddies. */
void buddy_free(struct buddy *b, uint64_t start, uint64_t nr);
/* A block of 2^@order below 2^@bits, highest zone first; NONE if there is none. */
uint32_t buddy_alloc(struct buddy *b, unsigned int order, unsigned int bits);
uint64_t buddy_count(const struct buddy *b, unsigned int bits);

/* OWNER_SHARED: a page of Xen's own that a domain may map, such as its grant table. */
enum frame_owner { OWNER_FREE, OWNER_XEN, OWNER_DOMAIN, OWNER_SHARED };
/* What a frame is used as. Page tables are numbered by their level. */
enum frame_type { TYPE_NONE, TYPE_L1, TYPE_L2, TYPE_L3, TYPE_L4, TYPE_WRITABLE };

struct frame {
	uint8_t owner, type;
	uint8_t domain;	 /* of OWNER_DOMAIN and OWNER_SHARED: its index in domains[] */
	bool pinned;	 /* as a page table: one reference and one use of the type */
	uint16_t types;	 /* uses as @type: writable mappings, entries of a higher table, ... */
	uint16_t refs;	 /* mappings and other references, without the owner's own */
	uint16_t grants; /* of these, mappings of grants */
	uint16_t tables; /* of refs, entries of page tables of the level above */
	uint16_t dma;	 /* of grants, what devices of the first domain may reach */
};

struct model {
	bool running;
	struct model_params params;
	struct xen_e820_entry e820[XEN_E820_MAX];
	unsigned int nr_e820;

	/* The machine. */
	uint64_t max_page; /* one past the highest RAM frame */
	int ram_fd;
	uint8_t *ram; /* the model's own view of it */
	struct frame *frames;
	struct buddy heap;
	uint64_t *taken; /* blocks that model_reserve_below() took: start << 8 | order */
	unsigned int nr_taken;

	/* M2P: the model writes m2p, the guest reads m2p_ro. */
	uint64_t xen_frames; /* the first of XEN_FRAMES that are the hypervisor's own */
	uint64_t *m2p;
	const uint64_t *m2p_ro;
	uint64_t m2p_nr;    /* entries backed, whole chunks */
	uint64_t m2p_space; /* entries of address space */

	/* The domain. */
	uint64_t tot_pages, max_pages;
	uint64_t *mfn_list; /* in its RAM: */
	uint64_t list_pfn, list_pages;
	struct xen_e820_entry domain_map[XEN_E820_MAX]; /* by the toolstack */
	unsigned int nr_domain_map;			/* 0: it gave none */

	/* Kernel address space: direct map, then the area of xen_port_vm_alloc(). */
	uint8_t *space;
	uint64_t direct_pages, vm_pages;
	uint64_t *pte;		 /* one a page of the space */
	uint64_t direct_present; /* of the direct map's */
	uint8_t *stale;		 /* the PTE changed and no TLB flush has covered it yet */
	uint64_t nr_stale;
	uint32_t *stale_list; /* pages that became stale since the last flush of all */
	uint64_t nr_listed;
	uint64_t nr_tables; /* of the direct map's last level that are frames */
	uint64_t *l2_pfn;   /* of the table above for each GiB */
	int mmio_fd;
	uint64_t *mmio; /* MFN of each page of mmio_fd */
	unsigned int nr_mmio;
	struct xen_range iomem[16]; /* a domU's permissions */
	unsigned int nr_iomem;

	uint64_t exchange_stop;
	void (*lie)(struct model_lie_call *call);
	uint64_t calls[MODEL_NR_CALLS];
	uint64_t hypercalls;
	struct {
		uint64_t nth;
		int err;
	} fail[MODEL_NR_CALLS];
	struct {
		enum model_call kind;
		uint64_t nth;
		int err;
	} then; /* to be asked for when one of the above happens */
	struct model_failures failures;
};
extern struct model model;

/* hypercall.c */
void model_enter(void);
void model_leave(void); /* then delivers events that are due */
/* Count a call of @kind; true when it has to fail, with *@err the error. */
bool model_counts(enum model_call kind, long *err);

/* breach.c: a broken rule or a broken test ends the process, with the log printed. */
void model_breach(const char *rule, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* log.c */
void model_log_reset(void);
/* One number of all that was logged and of all hypercalls with their answers since model_start(),
 * in their order: the same course gives the same number. */
uint64_t model_trace(void);
void model_trace_add(uint64_t what);
void model_log_dump(void);
void model_console(const char *line);
void model_vlog(enum xen_port_log_level level, const char *fmt, va_list ap);

/* machine.c */
/* Zero pages on demand; until released or the machine stops. */
void *model_reserve(uint64_t bytes);
void model_release(void *p);
bool model_m2p_chunk_present(uint64_t chunk);
bool machine_is_ram(uint64_t mfn);
/* Whole pages of RAM in entry @i of the map: [*start, *end); false if there are none. */
bool machine_ram_entry(unsigned int i, uint64_t *start, uint64_t *end);
/* DMA of a device: false when part of the range is not the domain's, nor granted to it for this. */
bool machine_dma(uint64_t addr, void *buf, size_t size, bool write);
void machine_start(void);
void machine_stop(void);

/* frames.c */
bool frame_is_domains(uint64_t mfn);
/* A block for the domain or, not @assign, for nobody yet; NONE. Contents are somebody else's. */
uint32_t frames_alloc(unsigned int order, unsigned int bits, bool assign);
void frames_assign(uint64_t mfn, unsigned int order);
/* Take a page from the domain for exchange or release: -XEN_EINVAL when it has references. */
int frame_steal(uint64_t mfn);
void frame_unsteal(uint64_t mfn);
void frame_free(uint64_t mfn);
void frames_free_block(uint64_t mfn, unsigned int order);
bool frame_is(uint64_t mfn, enum frame_owner owner, unsigned int domain);
/* Begin or end one use as @type; false when it is used as something else. References are apart. */
bool frame_get_type(uint64_t mfn, enum frame_type type);
void frame_put_type(uint64_t mfn);
/* End of a reference. The frame of a dead domain goes back to the heap with the last one. */
void frame_put(uint64_t mfn);

/* pgtable.c: frames as page tables. */
int pgtable_pin(uint64_t mfn, enum frame_type type);
int pgtable_unpin(uint64_t mfn);
/* MMU_NORMAL_PT_UPDATE and MMU_PT_UPDATE_PRESERVE_AD. */
int pgtable_update(uint64_t ptr, uint64_t val, bool preserve_ad);
/* The contents of a frame become, or no longer are, a page table of that level. */
int pgtable_validate(uint64_t mfn, enum frame_type type);
void pgtable_devalidate(uint64_t mfn, enum frame_type type);

/* tables.c: the direct map's own. */
void tables_start(void);
bool tables_cover(uint64_t page);
/* The word of the last-level table that maps @page, which is covered; NULL: the table is out. */
uint64_t *tables_word(uint64_t page);
/* An entry of frame @mfn, a table, is another one now. */
void tables_changed(uint64_t mfn);

/* One hypercall a function, lock held, arguments as in hypercall.h. */
long do_memory_op(unsigned int cmd, void *arg);
long memory_exchange(struct xen_memory_exchange *exch);
long memory_map(unsigned int cmd, void *arg);
unsigned int memory_max_order(void);
int do_mmu_update(struct mmu_update *req, unsigned int count, unsigned int *done, domid_t domid);
int do_update_va_mapping(unsigned long va, uint64_t pte, unsigned long flags);
int do_mmuext_op(struct mmuext_op *op, unsigned int count, unsigned int *done, domid_t domid);
int do_event_channel_op(int cmd, void *arg);
int do_physdev_op(int cmd, void *arg);
int do_grant_table_op(unsigned int cmd, void *arg, unsigned int count);
long do_sched_op(int cmd, void *arg);
int do_console_io(int cmd, int count, char *buffer);
long do_xen_version(int cmd, void *arg);

/* mmu.c */
void mmu_start(void);
uint64_t mmu_page_of(const volatile void *va); /* index into pte[], NONE outside */
bool mmu_present(uint64_t page);
void *mmu_mmio_view(uint64_t mfn); /* another mapping of an MMIO frame, for munmap() */
void mmu_map_run(uint64_t page, uint64_t mfn, uint64_t nr); /* start of day */
int mmu_set_pte(uint64_t page, uint64_t pte);
/* The table that maps @page says @pte now and has taken its references. */
void mmu_show(uint64_t page, uint64_t pte);
/* On every CPU. */
void mmu_flush_page(uint64_t page);
void mmu_flush_all(void);
/* Take the references of a last-level PTE that is present; Xen may correct its cache bits. */
int mmu_get_pte(uint64_t *pte);
void mmu_put_pte(uint64_t pte);
/* Grant mappings: the PTE's references are the grant's. False: @va has no page table. */
bool mmu_grant_map(uint64_t va, uint64_t mfn, bool write);
/* GNTST_*: is the PTE the grant's? Then it is cleared and all is flushed. */
int mmu_grant_unmap(uint64_t va, uint64_t mfn, bool write);

/* port.c, object.c, lock.c */
void port_start(void);
uint64_t port_keep_page(void);	      /* the PFN of one that is handed out no more */
bool port_page_is_free(uint64_t pfn); /* given back, and not handed out again */
void object_start(void);
void object_count(struct model_allocs *allocs);
void lock_reset(void);
void lock_forget(const void *start, size_t size);
unsigned int lock_depth(void); /* of this thread */
unsigned int locks_held(void);

/* domain.c */
domid_t model_domid(void); /* of the domain that this thread acts as */
bool domain_first_acts(void);
bool domain_is_privileged(void); /* that which this thread acts as */
bool domain_is(domid_t id);	 /* is there one? */
bool domain_is_first(domid_t id);
bool domain_is_dead(unsigned int index);
void domain_lost_frame(unsigned int index); /* a dead one's */

/* argument.c: is what a hypercall is given memory of the guest? Else a breach. */
void argument_check(const struct multicall_entry *call);
void argument_range(const char *what, const void *start, uint64_t size, bool write);

/*
 * trap.c: pages whose every access is seen. @before is called while the page is untouched (a read
 * will find what is put there by another mapping), @after when the access has been made.
 */
struct trap {
	uint8_t *start;
	size_t size; /* whole pages */
	void (*before)(void *arg, size_t offset, size_t size, bool write);
	void (*after)(void *arg, size_t offset, size_t size, bool write);
	void *arg;
};
void trap_add(const struct trap *trap);
/* False: there was none. */
bool trap_remove(const void *start);
bool trap_covers(const void *page);
void trap_start(void);
void shared_start(void);

/* device.c: the guest has mapped a frame of MMIO, or is about to unmap it. */
void device_mapped(void *va, uint64_t mfn);
void device_unmapped(void *va);
void model_device_start(void);
/* Of the function: its command register, BAR 0, interrupt line; are its messages on? */
uint32_t model_pci_command(struct xen_pci_addr addr);
bool model_pci_bar(struct xen_pci_addr addr, uint64_t *start, uint64_t *size);
unsigned int model_pci_line(struct xen_pci_addr addr);
bool model_pci_message_on(uint32_t sbdf, bool msix);
/* Raise the event bound to it: was there one? */
bool physdev_message(uint32_t sbdf, bool msix, unsigned int entry);
bool physdev_line(unsigned int gsi);

/* event.c, physdev.c, pci.c */
/* May Xen set up a message of this function? 0 or Xen's error. */
int model_pci_message_ok(uint32_t sbdf, bool msix, unsigned int entry);
void event_start(void);
void event_deliver(void);
bool event_in_handler(void);
bool event_stop(void);
/* Bind or unbind a PIRQ for EVTCHNOP_bind_pirq; -errno. */
int physdev_bind(uint32_t pirq, evtchn_port_t port);
/* The device asserts the PIRQ: does Xen send the event now? A line waits for its EOI. */
bool physdev_fire(uint32_t pirq);
void event_raise(evtchn_port_t port);
/* The PIRQ behind @port is taken away: the port stays open and nothing comes. */
void event_forget_pirq(evtchn_port_t port);
void physdev_start(void);
uint32_t physdev_sbdf(uint32_t segment, uint32_t bus, uint32_t devfn);
/* A PIRQ that a message of the function is mapped to; -1. */
int physdev_message_of(uint32_t sbdf);
void physdev_pci_start(void);
bool physdev_pci_known(uint32_t sbdf);
int physdev_pci_op(int cmd, void *arg); /* _pci_* and _manage_pci_* */
bool physdev_stop(void);

#endif
