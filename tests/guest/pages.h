/* SPDX-License-Identifier: MIT */
/*
 * Pages with properties, and what the scenarios ask about memory.
 *
 * Pages come from the port's allocator and go back with xen_port_free_pages().
 */
#ifndef XENDMA_GUEST_PAGES_H
#define XENDMA_GUEST_PAGES_H

#include <xen/port.h>
#include <xen/types.h>

/* The first frame that a 28-bit device cannot reach: 256 MiB. */
#define MFN_ABOVE_28_BITS 0x10000

/* 2^@order pages, each with an MFN of at least @min. NULL: not found among what is free. */
void *pages_above(unsigned int order, uint64_t min);

/* Have @nr pages from @va on such MFNs? */
bool pages_are_above(const void *va, uint64_t nr, uint64_t min);

/* Two pages, neighbours in the kernel's eyes but not in the machine. NULL: could not be had. */
void *pages_scattered_pair(void);

mfn_t virt_to_mfn(const void *va);

/* The PTE that maps @va, read from the page tables themselves. False: none. */
bool pages_pte(const volatile void *va, uint64_t *pte);

/* How many frames the domain has, by Xen's count. */
uint64_t pages_owned(void);

/* Checks that Xen's count is still @owned and that the whole P2M agrees with the M2P. */
bool check_frames(uint64_t owned, const char *when);

/* Bytes that depend on @seed and on their place. */
void pattern_fill(void *va, size_t size, uint64_t seed);
/* Offset of the first byte that is not the pattern's; @size when all are. */
size_t pattern_verify(const void *va, size_t size, uint64_t seed);

/* The same for one value all over. */
size_t bytes_verify(const void *va, size_t size, uint8_t value);

#endif
