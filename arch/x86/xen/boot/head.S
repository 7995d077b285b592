/* SPDX-License-Identifier: MIT */
/*
 * What Xen needs to load the kernel (ELF notes) and its first instructions.
 *
 * Xen enters at boot_entry with rsi = start_info, on a stack and page tables of its own making, the
 * kernel's image at its link address. Interrupts (event upcalls) are masked.
 */
#define __ASSEMBLY__ 1
#include <xen/elfnote.h>

#include "boot.h"
#include "layout.h"

.macro note type
	.pushsection .note.xen, "a", @note
	.balign 4
	.long 4		/* name size */
	.long 9f - 8f
	.long \type
	.asciz "Xen"
8:
.endm

.macro endnote
9:
	.balign 4
	.popsection
.endm

.macro note_text type, text
	note \type
	.asciz "\text"
	endnote
.endm

.macro note_word type, value
	note \type
	.quad \value
	endnote
.endm

note_text XEN_ELFNOTE_GUEST_OS, "xendma"
note_text XEN_ELFNOTE_GUEST_VERSION, "1"
note_text XEN_ELFNOTE_XEN_VERSION, "xen-3.0"
note_text XEN_ELFNOTE_LOADER, "generic"
note_text XEN_ELFNOTE_PAE_MODE, "yes"
note_word XEN_ELFNOTE_VIRT_BASE, BOOT_DIRECT_BASE
note_word XEN_ELFNOTE_PADDR_OFFSET, 0
note_word XEN_ELFNOTE_ENTRY, boot_entry
note_word XEN_ELFNOTE_HYPERCALL_PAGE, hypercall_page
note_text XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb"
/* Bit numbers of <xen/features.h>: pae_pgdir_above_4gb (4), dom0 (11). */
note_word XEN_ELFNOTE_SUPPORTED_FEATURES, ((1 << 4) | (1 << 11))

	.text
	.globl boot_entry
	.type boot_entry, @function
boot_entry:
	cld
	leaq boot_stack + BOOT_STACK_SIZE(%rip), %rsp
	xorl %ebp, %ebp
	movq %rsi, %rdi
	call boot_start
	ud2
	.size boot_entry, . - boot_entry

	.section .text.hypercall_page, "ax", @progbits
	.balign 4096
	.globl hypercall_page
	.type hypercall_page, @function
hypercall_page:
	.skip 4096, 0xcc
	.size hypercall_page, . - hypercall_page

	.section .bss.stack, "aw", @nobits
	.balign 4096
	/* Unmapped at start of day: growing out of the stack faults. */
	.globl boot_stack_guard
boot_stack_guard:
	.skip 4096
	.globl boot_stack
boot_stack:
	.skip BOOT_STACK_SIZE

	.section .note.GNU-stack, "", @progbits
