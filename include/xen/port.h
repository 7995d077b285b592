/* SPDX-License-Identifier: MIT */
/*
 * What the embedding kernel owes: the lower seam of the library beside hypercall.h. These are
 * link-time functions because there is one kernel an image. docs/porting.md goes through them one
 * by one with an example; arch/x86/xen/boot/ (a bare kernel) and tests/model/ (a process) are two
 * complete ports.
 *
 * Context: unless a function says otherwise it must be callable from any context the library is
 * called in: with interrupts off and from an interrupt handler. None may call back into the
 * library, but for look-ups that take no lock (xen_pfn_to_mfn(), xen_ranges_find()); and
 * xen_port_vm_*() may use sets of ranges of its own.
 *
 * Memory contract: every page that the port hands out is RAM of the domain that is mapped at
 * exactly one kernel virtual address, writable, and is not a page table, not granted and not
 * pinned. The library remaps that one address when it exchanges the page's frame.
 * Until xen_setup_memory() has returned, pages and objects come from PFNs that it does not move.
 * RAM is mapped linearly: xen_port_pfn_to_virt(pfn + 1) == xen_port_pfn_to_virt(pfn) + 4096 where
 * both are RAM.
 */
#ifndef XENDMA_XEN_PORT_H
#define XENDMA_XEN_PORT_H

#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * 2^@order pages with consecutive PFNs, the first PFN a multiple of 2^order, contents undefined.
 * NULL when there are none: the library copes. Must not sleep.
 */
void *xen_port_alloc_pages(unsigned int order);
void xen_port_free_pages(void *va, unsigned int order);

/* A zeroed object of @size bytes (1 byte to 64 KiB), aligned to 16, from 64 bytes on to 64: a cache
 * line. NULL when out of memory. */
void *xen_port_alloc(size_t size);
/* @obj may be NULL; @size as given to xen_port_alloc(). */
void xen_port_free(void *obj, size_t size);

/* The PFN behind a RAM address (direct map or xen_port_alloc*()). */
pfn_t xen_port_virt_to_pfn(const void *va);
/*
 * The kernel address of a RAM page, populated or the balloon's; NULL when @pfn is not RAM of this
 * domain (xen_p2m.ram; before xen_setup_memory() all PFNs that Xen populated).
 */
void *xen_port_pfn_to_virt(pfn_t pfn);

/*
 * The level-2 page-table entry that the 2 MiB of kernel addresses around @va hang from. NULL: not
 * told; always right, and costs time only.
 *
 * Where it holds all of these pages the library may take the last-level table out of that entry,
 * write to it and put it back: it clears the entry and restores it by mmu_update, and maps the
 * table's page with XEN_PTE_KERNEL and then read-only again. So entry and table lie in RAM as
 * above, except that their one mapping is read-only; nobody else changes them meanwhile, and who
 * walks the page tables finds those pages unmapped. A table that is pinned or hooked twice Xen
 * does not let go: its pages are then mapped one by one.
 */
const uint64_t *xen_port_l2_entry(const void *va);

/*
 * @nr pages of kernel address space with page tables present down to the last level and no page
 * mapped, for MMIO. NULL when there is no room. May sleep.
 */
void *xen_port_vm_alloc(size_t nr);
/* The library has unmapped the pages. May sleep. */
void xen_port_vm_free(void *va, size_t nr);

/* All-zero is unlocked. The port may use the words as it likes. */
struct xen_lock {
	uint64_t word[2];
};

/* Lock with local interrupts off; returns what unlock needs to restore them. Not recursive. */
unsigned long xen_port_lock(struct xen_lock *lock);
void xen_port_unlock(struct xen_lock *lock, unsigned long flags);

/*
 * A number below xen_port_nr_cpus() that tends to differ between CPUs that run at once. Only a
 * hint that spreads load: the caller may migrate after the call.
 */
unsigned int xen_port_cpu(void);
/* At least 1; constant from the first call on. */
unsigned int xen_port_nr_cpus(void);

/* Monotonic nanoseconds; 0 as long as there is no clock. */
uint64_t xen_port_clock_ns(void);

enum xen_port_log_level { XEN_LOG_ERROR, XEN_LOG_WARN, XEN_LOG_INFO, XEN_LOG_DEBUG };

/*
 * One line without newline. @fmt uses only %s %c %d %u %x %lu %lx %ld %llu %llx %zu %p %%, with
 * flags 0 and -, and width, and precision for %s.
 */
void xen_port_log(enum xen_port_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Sleep until @done(@arg) is true or xen_port_clock_ns() has reached @deadline (~0: for ever);
 * returns what @done said last. It is asked first of all, after every event and now and then
 * beside, for it may wait for what another CPU does; with events masked or not, as the kernel
 * likes. It takes locks of the library and makes hypercalls, but does not sleep. Not called from an
 * interrupt handler or with a lock held, and interrupts are on.
 */
bool xen_port_wait(bool (*done)(void *arg), void *arg, uint64_t deadline);

/* An invariant of the library is broken: report and stop the kernel. */
void xen_port_panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define XEN_ASSERT(cond)                                                                           \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0))                                                  \
			xen_port_panic("%s:%d: broken invariant: %s", __FILE__, __LINE__, #cond);  \
	} while (0)

#ifdef __cplusplus
}
#endif

#endif
