/* SPDX-License-Identifier: MIT */
/*
 * One hypercall, through the page of stubs that Xen fills in when it loads the kernel. Arguments go
 * in rdi, rsi, rdx, r10, r8; Xen clobbers them and the instruction rcx and r11.
 */
#ifndef XENDMA_RAWCALL_H
#define XENDMA_RAWCALL_H

#include <xen/atomic.h>
#include <xen/types.h>

/* head.S: 32 bytes of code for each number. */
extern const char hypercall_page[];

/* Hypercalls made by all CPUs; only ever counted up. */
extern uint64_t xen_hypercall_count;

static inline long rawcall5(unsigned int nr, unsigned long a1, unsigned long a2, unsigned long a3,
			    unsigned long a4, unsigned long a5)
{
	register unsigned long r10 __asm__("r10") = a4;
	register unsigned long r8 __asm__("r8") = a5;
	long ret;

	xen_fetch_add(&xen_hypercall_count, 1);
	__asm__ volatile("call *%%rax"
			 : "=a"(ret), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
			 : "0"(hypercall_page + nr * 32UL)
			 : "rcx", "r11", "cc", "memory");
	return ret;
}

static inline long rawcall4(unsigned int nr, unsigned long a1, unsigned long a2, unsigned long a3,
			    unsigned long a4)
{
	return rawcall5(nr, a1, a2, a3, a4, 0);
}

static inline long rawcall3(unsigned int nr, unsigned long a1, unsigned long a2, unsigned long a3)
{
	return rawcall5(nr, a1, a2, a3, 0, 0);
}

static inline long rawcall2(unsigned int nr, unsigned long a1, unsigned long a2)
{
	return rawcall5(nr, a1, a2, 0, 0, 0);
}

static inline long rawcall1(unsigned int nr, unsigned long a1)
{
	return rawcall5(nr, a1, 0, 0, 0, 0);
}

#endif
