/* SPDX-License-Identifier: MIT */
/*
 * Page tables: the direct map of RAM and the window for MMIO.
 *
 * A PV kernel may read its page tables but changes them through Xen only; Xen takes a page as a
 * table when nobody maps it writable. So a new table is filled first, then its one mapping in the
 * direct map is made read-only, then it is hooked, and it stays a table for ever.
 */
#ifndef XENDMA_BOOT_DIRECT_H
#define XENDMA_BOOT_DIRECT_H

#include "internal.h"

/* Address in the direct map of @pfn, and back; says nothing about whether it is mapped. */
static inline void *boot_direct(uint64_t pfn)
{
	return (void *)(BOOT_DIRECT_BASE + (pfn << XEN_PAGE_SHIFT));
}

static inline uint64_t boot_direct_pfn(const void *va)
{
	return ((uintptr_t)va - BOOT_DIRECT_BASE) >> XEN_PAGE_SHIFT;
}

/*
 * The entry for @va in the table of @level (1: the PTE ... 4), to be read only. NULL when a table
 * on the way is missing, unless @create; then -XEN_ENOMEM or what Xen refused in *@err.
 */
const uint64_t *boot_walk(uintptr_t va, unsigned int level, bool create, int *err);

/* The PTE of @va, 0 when there is none. */
uint64_t boot_pte(uintptr_t va);

/*
 * Make the direct map of PFNs [pfn, pfn + nr) complete: each with a frame in the P2M is mapped
 * writable, tables are present for all of it. Start of day. 0, -XEN_ENOMEM, or Xen's refusal.
 */
int boot_direct_map(uint64_t pfn, uint64_t nr);

/* Page tables, without pages, for [va, va + nr pages). */
int boot_make_tables(uintptr_t va, uint64_t nr);

/* Set and clear bits in the PTEs that are present in [start, end). Start of day. */
int boot_protect(uintptr_t start, uintptr_t end, uint64_t set, uint64_t clear);

/* Set the PTE of one page; its tables exist. */
int boot_set_pte(uintptr_t va, uint64_t pte);

#endif
