/* SPDX-License-Identifier: MIT */
/*
 * Ways to crash, one a word. Each function's name is what the report must mention.
 */
#include "kernel.h"

#define NOINLINE __attribute__((noinline))

bool kernel_word_is(const char *word)
{
	const char *given = boot_cmdline;

	while (*word && *word == *given) {
		word++;
		given++;
	}
	return !*word && (!*given || *given == ' ');
}

static NOINLINE void crash_by_write(volatile int *p)
{
	*p = 1;
}

static NOINLINE void crash_by_division(void)
{
	uint32_t low = 1, high = 0;

	__asm__ volatile("divl %2" : "+a"(low), "+d"(high) : "r"(0) : "cc");
}

static NOINLINE void crash_by_opcode(void)
{
	__builtin_trap();
}

static NOINLINE void crash_by_text_write(void)
{
	*(volatile char *)(uintptr_t)crash_by_opcode = 0;
}

static NOINLINE void crash_by_running_data(void)
{
	static char ret[] = {(char)0xc3};

	((void (*)(void))(uintptr_t)ret)();
	__asm__ volatile("");
}

static NOINLINE void crash_by_assertion(void)
{
	XEN_ASSERT(boot_free_pages() == 0);
}

static NOINLINE void crash_by_double_lock(void)
{
	static struct xen_lock lock;

	xen_port_lock(&lock);
	xen_port_lock(&lock);
}

static NOINLINE void crash_by_double_free(void)
{
	void *page = xen_port_alloc_pages(0);

	xen_port_free_pages(page, 0);
	xen_port_free_pages(page, 0);
}

static NOINLINE unsigned int crash_by_recursion(volatile unsigned int depth)
{
	volatile char frame[512];

	frame[0] = (char)depth;
	return depth ? crash_by_recursion(depth + 1) + (unsigned int)frame[0] : 0;
}

static void crash_on_other_cpu(void *arg)
{
	crash_by_write(arg);
}

static void crash_cpu1(void)
{
	if (boot_start_cpus(2) == 2 && boot_run_on(1, crash_on_other_cpu, (void *)0x10))
		boot_join(1, 10000000000ULL);
}

void kernel_crash(void)
{
	if (kernel_word_is("write"))
		crash_by_write((volatile int *)0x10);
	else if (kernel_word_is("division"))
		crash_by_division();
	else if (kernel_word_is("opcode"))
		crash_by_opcode();
	else if (kernel_word_is("text-write"))
		crash_by_text_write();
	else if (kernel_word_is("running-data"))
		crash_by_running_data();
	else if (kernel_word_is("assertion"))
		crash_by_assertion();
	else if (kernel_word_is("double-lock"))
		crash_by_double_lock();
	else if (kernel_word_is("double-free"))
		crash_by_double_free();
	else if (kernel_word_is("recursion"))
		crash_by_recursion(1);
	else if (kernel_word_is("other-cpu"))
		crash_cpu1();
	boot_printf("xendma: 0 passed, 1 failed, 0 skipped\n");
}
