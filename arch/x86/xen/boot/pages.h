/* SPDX-License-Identifier: MIT */
/*
 * The page allocator's start of day: before boot_pages_init() pages come from early regions, lowest
 * first, and cannot be freed.
 */
#ifndef XENDMA_BOOT_PAGES_H
#define XENDMA_BOOT_PAGES_H

#include "internal.h"

/* Mapped pages that are free from the beginning on. At most two regions. */
void boot_early_add(uint64_t pfn, uint64_t nr);
/* @nr consecutive ones; NULL when no region has them. */
void *boot_early_alloc(uint64_t nr);

/* Begin, for PFNs below @limit. @state: @limit bytes, zeroed. What the early regions have left is
 * free memory then. */
void boot_pages_init(uint8_t *state, uint64_t limit);
/* Pages that are RAM but not the allocator's. */
void boot_pages_reserve(uint64_t pfn, uint64_t nr);
/* Add mapped, unused RAM, or what was reserved before. */
void boot_pages_add(uint64_t pfn, uint64_t nr);
/* RAM PFNs that somebody holds who may free them one by one (spare ones, for the balloon). */
void boot_pages_lend(uint64_t pfn, uint64_t nr);
/* Is anything known about this page: RAM, reserved or not? */
bool boot_page_known(uint64_t pfn);

/* A small number, not 0, that the owner of an allocated page may leave on it for ever. Read back:
 * 0 for a page from an early region, BOOT_PAGE_TAGS for one that is not tagged. */
#define BOOT_PAGE_TAGS 16
void boot_page_set_tag(const void *va, unsigned int tag);
unsigned int boot_page_tag(const void *va);

#endif
