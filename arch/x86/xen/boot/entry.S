/* SPDX-License-Identifier: MIT */
/*
 * The ways from Xen into the running kernel: 32 exception vectors, the event upcall and the
 * failsafe callback. All arrive on the current stack, event upcalls masked, with this on top:
 *
 *     rcx, r11, [error code,] rip, cs, rflags, rsp, ss
 *
 * and are brought into one form, struct boot_regs, for boot_trap(). The way back is the iret
 * hypercall: it restores the upcall mask from rflags and delivers what came in meanwhile, with no
 * window between.
 */
#define __ASSEMBLY__ 1
#include <xen/xen.h>

#include "layout.h"

	.text

	.type boot_common, @function
boot_common:
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	call boot_trap
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	addq $16, %rsp		/* vector, error code */
	pushq $0		/* not from a system call */
	jmp hypercall_page + __HYPERVISOR_iret * 32
	.size boot_common, . - boot_common

.macro entry name, vector, has_error=0
	.globl \name
	.type \name, @function
\name:
	popq %rcx
	popq %r11
	.if !\has_error
	pushq $0
	.endif
	pushq $\vector
	jmp boot_common
	.size \name, . - \name
.endm

	.altmacro
.macro trap vector
	.if (\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17) || (\vector == 21)
	entry boot_trap_\vector, \vector, 1
	.else
	entry boot_trap_\vector, \vector, 0
	.endif
	.pushsection .rodata
	.quad boot_trap_\vector
	.popsection
.endm

	.pushsection .rodata
	.balign 8
	.globl boot_trap_entries
boot_trap_entries:
	.popsection

.set i, 0
.rept 32
	trap %i
	.set i, i + 1
.endr

	entry boot_event_entry, BOOT_VECTOR_EVENT

	/* Four data segment selectors lie between r11 and rip. */
	.globl boot_failsafe_entry
	.type boot_failsafe_entry, @function
boot_failsafe_entry:
	popq %rcx
	popq %r11
	addq $32, %rsp
	pushq $0
	pushq $BOOT_VECTOR_FAILSAFE
	jmp boot_common
	.size boot_failsafe_entry, . - boot_failsafe_entry

	.section .note.GNU-stack, "", @progbits
