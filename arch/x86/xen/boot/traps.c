/* SPDX-License-Identifier: MIT */
/*
 * Trap table and dispatch: events to event.c, faults of marked instructions to their fixup, all
 * else to the crash report. Exceptions are entered with events masked. No state after start.
 */
#include <xen/hypercall.h>
#include <xen/callback.h>

#include "../rawcall.h"
#include "cpu.h"

#define VECTOR_DEBUG 1
#define VECTOR_BREAKPOINT 3
#define VECTOR_GP 13
#define VECTOR_PAGE_FAULT 14

#define TRAP_MASK_EVENTS 4

extern const struct boot_fixup boot_fixups_start[], boot_fixups_end[];

static const char *const vector_name[] = {
	"divide error",
	"debug",
	"NMI",
	"breakpoint",
	"overflow",
	"bound range",
	"invalid opcode",
	"no FPU",
	"double fault",
	"coprocessor overrun",
	"invalid TSS",
	"segment not present",
	"stack fault",
	"general protection",
	"page fault",
	"spurious",
	"FPU error",
	"alignment check",
	"machine check",
	"SIMD error",
	"virtualization",
	"control protection",
	[BOOT_VECTOR_FAILSAFE] = "failsafe callback: bad segment on return to the kernel",
};

static void register_callback(unsigned int type, const void *entry)
{
	struct callback_register reg = {.type = (uint16_t)type, .address = (uintptr_t)entry};
	long err = rawcall2(__HYPERVISOR_callback_op, CALLBACKOP_register, (unsigned long)&reg);

	if (err)
		xen_port_panic("Xen refused callback type %u: %ld", type, err);
}

void boot_trap_table(struct trap_info table[33])
{
	unsigned int i;

	memset(table, 0, 33 * sizeof(*table));
	for (i = 0; i < 32; i++) {
		table[i].vector = (uint8_t)i;
		/* Privilege level 1: the kernel may use the software form, int3. */
		table[i].flags = TRAP_MASK_EVENTS | (i == VECTOR_BREAKPOINT);
		table[i].cs = FLAT_KERNEL_CS;
		table[i].address = boot_trap_entries[i];
	}
}

void boot_traps_init(void)
{
	static struct trap_info table[33];
	long err;

	boot_trap_table(table);
	err = rawcall1(__HYPERVISOR_set_trap_table, (unsigned long)table);
	if (err)
		xen_port_panic("Xen refused the trap table: %ld", err);
	register_callback(CALLBACKTYPE_event, boot_event_entry);
	register_callback(CALLBACKTYPE_failsafe, boot_failsafe_entry);
}

static bool fixup(struct boot_regs *regs)
{
	const struct boot_fixup *f;

	for (f = boot_fixups_start; f < boot_fixups_end; f++) {
		if (f->at == regs->rip) {
			regs->rip = f->to;
			return true;
		}
	}
	return false;
}

void boot_trap(struct boot_regs *regs)
{
	const char *name = NULL;

	if (regs->vector == BOOT_VECTOR_EVENT) {
		boot_event_upcall();
		return;
	}
	if ((regs->vector == VECTOR_PAGE_FAULT || regs->vector == VECTOR_GP) && fixup(regs))
		return;
	if (regs->vector < sizeof(vector_name) / sizeof(vector_name[0]))
		name = vector_name[regs->vector];
	boot_crash_report(regs, "%s (vector %lu)", name ? name : "reserved", regs->vector);
}

bool boot_peek(const volatile uint64_t *va, uint64_t *value)
{
	uint64_t word;
	bool ok = true;

	__asm__ volatile("1: movq (%[va]), %[word]\n"
			 "   jmp 3f\n"
			 "2: xorl %k[ok], %k[ok]\n"
			 "   xorl %k[word], %k[word]\n"
			 "3:\n"
			 ".pushsection .fixups, \"a\"\n"
			 ".quad 1b, 2b\n"
			 ".popsection"
			 : [word] "=&r"(word), [ok] "+r"(ok)
			 : [va] "r"(va)
			 : "memory", "cc");
	if (ok)
		*value = word;
	return ok;
}
