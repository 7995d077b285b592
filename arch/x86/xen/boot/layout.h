/* SPDX-License-Identifier: MIT */
/*
 * Sizes that assembly, the linker script and C share.
 */
#ifndef XENDMA_BOOT_LAYOUT_H
#define XENDMA_BOOT_LAYOUT_H

/* Of each CPU, bytes; an unmapped page lies below. */
#define BOOT_STACK_SIZE 32768

/* Numbers behind the CPU's exception vectors for the two other ways into the kernel. */
#define BOOT_VECTOR_EVENT 32
#define BOOT_VECTOR_FAILSAFE 33

#endif
