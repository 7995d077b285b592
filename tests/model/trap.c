/* SPDX-License-Identifier: MIT */
/*
 * Pages whose every access is seen: they are out of reach, so an access faults; the page is then
 * opened for the one instruction, run with the trap flag, and closed behind it. No instruction is
 * emulated; only the size of its operand is read from it.
 *
 * A page is open for other threads as well while one steps over it: what they do there at that
 * moment is not seen. The list changes under a lock, the handlers only read it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <model/internal.h>

#define MAX_TRAPS 64
#define MAX_OPEN 2 /* a string move has two operands */
#define TRAP_FLAG 0x100
#define FAULT_WRITE 2

struct access {
	const struct trap *trap;
	size_t offset, size;
	bool write;
};

static struct trap traps[MAX_TRAPS]; /* unused without size */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before_us;
static _Thread_local struct access open[MAX_OPEN];
static _Thread_local unsigned int nr_open;

static const struct trap *find(uintptr_t addr)
{
	for (unsigned int i = 0; i < MAX_TRAPS; i++)
		if (traps[i].size && addr - (uintptr_t)traps[i].start < traps[i].size)
			return &traps[i];
	return NULL;
}

/* Operand bytes of a two-byte opcode (0x0f @op). */
static size_t size_0f(uint8_t op, bool f2, bool f3, bool wide, size_t word)
{
	switch (op) {
	case 0x10:
	case 0x11:
		return f3 ? 4 : f2 ? 8 : 16;
	case 0x6e:
	case 0x7e:
		return f3 || wide ? 8 : 4;
	case 0x12:
	case 0x13:
	case 0x16:
	case 0x17:
	case 0xd6:
		return 8;
	case 0xb0:
	case 0xb6:
	case 0xbe:
	case 0xc0:
		return 1;
	case 0xb7:
	case 0xbf:
		return 2;
	case 0xa3:
	case 0xab:
	case 0xb1:
	case 0xb3:
	case 0xba:
	case 0xbb:
	case 0xc1:
	case 0xc3:
		return word;
	default:
		return 16;
	}
}

/* Bytes that the instruction at @ip moves from or to memory. */
static size_t operand_size(const uint8_t *ip)
{
	bool small = false, f2 = false, f3 = false, wide = false;
	size_t word;

	for (;; ip++) {
		if (*ip == 0x66)
			small = true;
		else if (*ip == 0xf2)
			f2 = true;
		else if (*ip == 0xf3)
			f3 = true;
		else if (*ip != 0x2e && *ip != 0x3e && *ip != 0x64 && *ip != 0x65 && *ip != 0xf0)
			break;
	}
	if ((*ip & 0xf0) == 0x40)
		wide = *ip++ & 8;
	word = wide ? 8 : small ? 2 : 4;
	switch (*ip) {
	case 0x0f:
		return size_0f(ip[1], f2, f3, wide, word);
	case 0xc5:
		return ip[1] & 4 ? 32 : 16;
	case 0xc4:
		return ip[2] & 4 ? 32 : 16;
	case 0x62:
		return 64;
	case 0x63:
		return 4; /* sign-extended */
	case 0x80:
		return 1;
	case 0x83:
		return word;
	case 0xff:
		return (ip[1] >> 3 & 7) >= 2 ? 8 : word; /* calls, jumps, push */
	default:
		return *ip & 1 ? word : 1;
	}
}

static void protect(const struct trap *trap, int prot)
{
	if (mprotect(trap->start, trap->size, prot))
		model_breach("model: a trapped page cannot be opened or closed");
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	const struct trap *trap = find((uintptr_t)info->si_addr);
	struct access *access = &open[nr_open];

	if (!trap || nr_open == MAX_OPEN) {
		sigaction(sig, &before_us, NULL); /* theirs: it faults again */
		return;
	}
	nr_open++;
	access->trap = trap;
	access->offset = (size_t)((uint8_t *)info->si_addr - trap->start);
	access->size = operand_size((const uint8_t *)(uintptr_t)regs[REG_RIP]);
	access->write = regs[REG_ERR] & FAULT_WRITE;
	if (access->offset + access->size > trap->size)
		access->size = trap->size - access->offset;
	if (trap->before)
		trap->before(trap->arg, access->offset, access->size, access->write);
	protect(trap, PROT_READ | PROT_WRITE);
	regs[REG_EFL] |= TRAP_FLAG;
}

static void on_step(int sig, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
	while (nr_open) {
		struct access access = open[--nr_open];

		protect(access.trap, PROT_NONE);
		if (access.trap->after)
			access.trap->after(access.trap->arg, access.offset, access.size,
					   access.write);
	}
}

static void listen(void)
{
	struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct sigaction step = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	struct sigaction now;

	sigaction(SIGSEGV, NULL, &now);
	if (now.sa_sigaction == on_fault)
		return;
	before_us = now;
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGTRAP, &step, NULL);
}

void trap_add(const struct trap *trap)
{
	unsigned int i = 0;

	pthread_mutex_lock(&lock);
	listen();
	while (i < MAX_TRAPS && traps[i].size)
		i++;
	if (i == MAX_TRAPS)
		model_breach("model: more than %d trapped areas", MAX_TRAPS);
	traps[i] = *trap;
	protect(trap, PROT_NONE);
	pthread_mutex_unlock(&lock);
}

bool trap_remove(const void *start)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < MAX_TRAPS; i++) {
		if (!traps[i].size || traps[i].start != start)
			continue;
		protect(&traps[i], PROT_READ | PROT_WRITE);
		traps[i].size = 0;
		found = true;
	}
	pthread_mutex_unlock(&lock);
	return found;
}

bool trap_covers(const void *page)
{
	return find((uintptr_t)page) != NULL;
}

void trap_start(void)
{
	memset(traps, 0, sizeof(traps));
}
