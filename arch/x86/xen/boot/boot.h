/* SPDX-License-Identifier: MIT */
/*
 * A bare 64-bit PV kernel around the library: start of day, direct map, traps, console, clock,
 * events, secondary CPUs, page allocator. It implements include/xen/port.h and calls boot_main().
 * Only the guest image links it.
 *
 * Address space: PFN n is mapped at BOOT_DIRECT_BASE + n * 4096, and nowhere else; the kernel
 * image is part of that map. Page 0 and holes are not mapped. MMIO goes to BOOT_VM_BASE, and
 * shared_info. Code and constants are read-only, all else cannot be run.
 *
 * Ends: boot_main() returns and the machine (of a control domain) or the domain is switched off;
 * the kernel cannot start and says why, with the failed verdict, and switches off; or it crashes:
 * any exception, a broken invariant, a misused allocator or lock. A crash prints its cause,
 * registers and the callers on the stack by name, and ends the domain at once; so does a fault
 * while that is being printed. A stack that overflows runs into an unmapped page and Xen, which
 * cannot deliver the fault on that stack, prints the registers and ends the domain.
 *
 * Interrupts: event upcalls run on the stack of what they interrupt, one level deep. CPU 0 gets all
 * ports but the timers and IPIs of other CPUs. Nothing is ever rescheduled or migrated. Events that
 * the library delays (xen/evtchn.h) are served while a CPU waits.
 */
#ifndef XENDMA_BOOT_H
#define XENDMA_BOOT_H

#define BOOT_DIRECT_BASE 0xffff880000000000
#define BOOT_VM_BASE 0xffffc00000000000
#define BOOT_MAX_CPUS 8

#ifndef __ASSEMBLY__

#include <stdarg.h>

#include <xen/port.h>
#include <xen/setup.h>
#include <xen/types.h>

/* The kernel's own program, on CPU 0, everything up. When it returns the domain powers off. */
void boot_main(void);

extern struct start_info *boot_start_info;
extern struct shared_info *boot_shared_info;
/* The kernel command line, NUL-terminated. */
extern const char *boot_cmdline;

/* Is this the control domain, with the machine's ports, firmware and console? Any other has what it
 * was given: two rings, to a console and to xenstore, and perhaps PCI devices. */
bool boot_has_machine(void);

/* The page with frame @mfn that the domain builder made and mapped, in the direct map: of a ring
 * that start_info names. NULL: there is none. */
void *boot_builder_page(uint64_t mfn);

/* What set-up found and did. */
extern struct xen_e820_entry boot_e820[XEN_E820_MAX]; /* sanitized */
extern unsigned int boot_nr_e820;
extern struct xen_setup_result boot_memory;
struct boot_moved {
	pfn_t from, to;
	uint64_t nr;
};
extern struct boot_moved boot_moved[XEN_E820_MAX];
extern unsigned int boot_nr_moved;

/* Console: whole lines reach Xen's console, or the domain's own, which waits for a slow reader but
 * not for ever: what is lost is counted. Formats as xen_port_log()'s. */
void boot_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void boot_vprintf(const char *fmt, va_list ap);
int boot_snprintf(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int boot_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

/* Wait, CPU idle, until @done(@arg) is true (looked at after every event) or @timeout_ns have
 * passed; returns what @done said last. Interrupts must be on. */
bool boot_wait(bool (*done)(void *arg), void *arg, uint64_t timeout_ns);
void boot_delay(uint64_t ns);

/* Start up to @max CPUs in all; returns how many run. They wait for work. */
unsigned int boot_start_cpus(unsigned int max);
/* CPUs that run, the first one included; xen_port_nr_cpus() is how many there could be. */
unsigned int boot_running_cpus(void);
/* Run @fn(@arg) on CPU @cpu (1 ..): returns at once. False: it has work. */
bool boot_run_on(unsigned int cpu, void (*fn)(void *arg), void *arg);
/* Has it finished, within @timeout_ns? */
bool boot_join(unsigned int cpu, uint64_t timeout_ns);

/* Read a word that may not be mapped; false if the access faulted. */
bool boot_peek(const volatile uint64_t *va, uint64_t *value);

/* Pages the page allocator has left. */
uint64_t boot_free_pages(void);

/* Hypercalls made since boot by all CPUs (a multicall counts once). */
uint64_t boot_hypercalls(void);

/* Power off; a crash is reported to Xen as one. */
void boot_poweroff(void) __attribute__((noreturn));
void boot_crash(void) __attribute__((noreturn));

#endif /* __ASSEMBLY__ */

#endif
