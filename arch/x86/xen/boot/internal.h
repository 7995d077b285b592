/* SPDX-License-Identifier: MIT */
/*
 * What the files of this directory share with one another and with nobody else.
 */
#ifndef XENDMA_BOOT_INTERNAL_H
#define XENDMA_BOOT_INTERNAL_H

#include "boot.h"
#include "layout.h"

/* --- assembly and linker script ----------------------------------------------------------------
 */
extern char boot_image_start[], boot_image_end[];
extern char boot_text_start[], boot_text_end[];
extern char boot_rodata_start[], boot_data_start[];
extern char boot_stack_guard[], boot_stack[];
extern const uintptr_t boot_trap_entries[32];
extern const char boot_event_entry[], boot_failsafe_entry[];

/* --- traps.c, crash.c: the interrupted state, lowest address first -----------------------------
 */
struct boot_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error, rip;
	uint64_t cs; /* bits 32..39: the upcall mask at the time */
	uint64_t rflags, rsp, ss;
};

/* Where an access that may fault goes on when it did; made by boot_peek(). */
struct boot_fixup {
	uintptr_t at, to;
};

void boot_start(struct start_info *si) __attribute__((noreturn));
void boot_traps_init(void);
void boot_trap(struct boot_regs *regs);
/* The table for Xen, with the empty entry that ends it. */
void boot_trap_table(struct trap_info table[33]);

/* Report and shut down. @regs NULL: called from C, not from a trap. */
void boot_crash_report(const struct boot_regs *regs, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
bool boot_crashing(void);
/* End the domain, SHUTDOWN_*. */
void boot_shutdown(unsigned int reason) __attribute__((noreturn));
/* The name of the function around @addr and the distance from its start; NULL: not code. */
const char *boot_symbol(uintptr_t addr, uintptr_t *offset);

/* --- event.c -----------------------------------------------------------------------------------
 */
void boot_event_upcall(void);

/* --- start.c, memory.c -------------------------------------------------------------------------
 */
/* The kernel cannot run here: one line that says why, the failed verdict, power off. */
void boot_refuse(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void boot_memory_init(void);
/* Needs boot_shared_info. */
void boot_memory_publish(void);

/* --- console.c ---------------------------------------------------------------------------------
 */
void boot_console_write(const char *text);
/* What has no newline yet too, and out of the domain. */
void boot_console_flush(void);

/* --- console-ring.c ----------------------------------------------------------------------------
 */
/* Needs traps. Where the domain builder made no ring, what is written is lost. */
void boot_console_ring_init(void);
void boot_console_ring_write(const char *text, size_t length);
/* Wait until the other side has taken all, within its time. */
void boot_console_ring_drain(void);

/* --- string.c ----------------------------------------------------------------------------------
 */
void *memcpy(void *dest, const void *src, size_t size);
void *memmove(void *dest, const void *src, size_t size);
void *memset(void *dest, int c, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *s);

#endif
