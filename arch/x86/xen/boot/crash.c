/* SPDX-License-Identifier: MIT */
/*
 * The end of a run that went wrong: say what, where and how one got there, then tell Xen at once.
 *
 * Everything that looks like a return address on the stack is listed: an address in the kernel's
 * text with a call instruction before it. Leftovers of earlier calls may be among them; missing
 * ones may not. Nothing here takes a lock or waits. A fault within the report, or a second CPU that
 * crashes meanwhile, shuts down on the spot.
 */
#include <xen/hypercall.h>

#include "cpu.h"

#define STACK_WORDS 512
#define MAX_CALLERS 24

/* Generated from the linked kernel (mk/guest.mk): code symbols by address. */
struct boot_symbol_entry {
	uint32_t addr; /* low half: the image lies in one 4 GiB */
	uint32_t name; /* from boot_symbol_names */
};
extern const uint32_t boot_nr_symbols;
extern const struct boot_symbol_entry boot_symbols[];
extern const char boot_symbol_names[];

static unsigned int crashes;

bool boot_crashing(void)
{
	return xen_load(&crashes) != 0;
}

void boot_shutdown(unsigned int reason)
{
	struct sched_shutdown arg = {.reason = reason};

	boot_console_flush();
	for (;;)
		hypercall_sched_op(SCHEDOP_shutdown, &arg);
}

void boot_crash(void)
{
	boot_shutdown(SHUTDOWN_crash);
}

static bool is_text(uintptr_t addr)
{
	return addr >= (uintptr_t)boot_text_start && addr < (uintptr_t)boot_text_end;
}

const char *boot_symbol(uintptr_t addr, uintptr_t *offset)
{
	uint32_t low = 0, high = boot_nr_symbols;
	uint32_t at = (uint32_t)addr;

	if (!is_text(addr) || !high || at < boot_symbols[0].addr)
		return NULL;
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (boot_symbols[mid].addr <= at)
			low = mid;
		else
			high = mid;
	}
	*offset = at - boot_symbols[low].addr;
	return boot_symbol_names + boot_symbols[low].name;
}

static void print_address(const char *what, uintptr_t addr)
{
	uintptr_t offset = 0;
	const char *name = boot_symbol(addr, &offset);

	if (name)
		boot_printf("  %s %016lx %s+0x%lx\n", what, addr, name, offset);
	else
		boot_printf("  %s %016lx\n", what, addr);
}

/* Does a call instruction end at @addr: E8 rel32, or FF /2 with or without displacement? */
static bool follows_call(uintptr_t addr)
{
	const uint8_t *p = (const uint8_t *)addr;
	unsigned int len;

	if (!is_text(addr) || !is_text(addr - 7))
		return false;
	if (p[-5] == 0xe8)
		return true;
	for (len = 2; len <= 7; len++)
		if (p[-(int)len] == 0xff && (p[1 - (int)len] & 0x38) == 0x10)
			return true;
	return false;
}

static void print_stack(uintptr_t sp)
{
	unsigned int i, callers = 0;
	uint64_t word;

	boot_printf("stack at %016lx, return addresses on it:\n", sp);
	for (i = 0; i < STACK_WORDS && callers < MAX_CALLERS; i++) {
		if (!boot_peek((const uint64_t *)(sp & ~7UL) + i, &word))
			break;
		if (follows_call(word)) {
			print_address("  ", word);
			callers++;
		}
	}
}

static void print_regs(const struct boot_regs *r)
{
	print_address("rip", r->rip);
	boot_printf("  rax %016lx rbx %016lx rcx %016lx\n", r->rax, r->rbx, r->rcx);
	boot_printf("  rdx %016lx rsi %016lx rdi %016lx\n", r->rdx, r->rsi, r->rdi);
	boot_printf("  rbp %016lx rsp %016lx r8  %016lx\n", r->rbp, r->rsp, r->r8);
	boot_printf("  r9  %016lx r10 %016lx r11 %016lx\n", r->r9, r->r10, r->r11);
	boot_printf("  r12 %016lx r13 %016lx r14 %016lx\n", r->r12, r->r13, r->r14);
	boot_printf("  r15 %016lx rflags %08lx cs %04lx ss %04lx events %s\n", r->r15, r->rflags,
		    r->cs & 0xffff, r->ss, (r->cs >> 32) & 0xff ? "masked" : "on");
	boot_printf("  error code %04lx cr2 %016lx\n", r->error, boot_this_cpu()->info->arch.cr2);
}

static void report(const struct boot_regs *regs, const char *fmt, va_list ap)
{
	if (xen_fetch_add(&crashes, 1))
		boot_crash();
	boot_printf("\n*** xendma guest crash on CPU %u: ", boot_this_cpu()->id);
	boot_vprintf(fmt, ap);
	boot_printf("\n");
	if (regs)
		print_regs(regs);
	print_stack(regs ? regs->rsp : (uintptr_t)__builtin_frame_address(0));
	boot_crash();
}

void boot_crash_report(const struct boot_regs *regs, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(regs, fmt, ap);
	va_end(ap);
	__builtin_unreachable();
}

void xen_port_panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(NULL, fmt, ap);
	va_end(ap);
	__builtin_unreachable();
}
