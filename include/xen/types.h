/* SPDX-License-Identifier: MIT */
/*
 * Address and frame types of a Xen PV guest, and the error convention.
 *
 *   pfn_t        pseudo-physical frame number: the guest's own numbering of its pages, dense
 *                from 0. Says nothing about where the page is.
 *   mfn_t        machine frame number: where the page is.
 *   paddr_t      byte address made of a PFN and an offset.
 *   dma_addr_t   byte address made of an MFN and an offset: what a device puts on its bus.
 *
 * pfn_t and mfn_t are structures so that mixing them up does not compile.
 *
 *   extent       2^order frames, order 0 = one page of 4 KiB
 *   segment      one machine-contiguous piece of a bounce pool
 *   slot         2 KiB of a segment
 *   identity     a PFN whose MFN is the same number (MMIO and host-reserved ranges)
 *
 * Errors: functions that act return 0 or a negative errno with the numbers of Xen's public
 * <xen/errno.h> (-XEN_EINVAL, ...), whatever the embedding kernel's own numbers are. Predicates
 * return bool. Ranges are [start, start + nr) unless a header says otherwise.
 */
#ifndef XENDMA_XEN_TYPES_H
#define XENDMA_XEN_TYPES_H

#ifndef __XEN_INTERFACE_VERSION__
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h>
#include <xen/xen.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XEN_PAGE_SHIFT 12
#define XEN_PAGE_SIZE (1UL << XEN_PAGE_SHIFT)
#define XEN_PAGE_MASK (~(XEN_PAGE_SIZE - 1))

typedef struct {
	uint64_t frame;
} pfn_t;

typedef struct {
	uint64_t frame;
} mfn_t;

typedef uint64_t paddr_t;
typedef uint64_t dma_addr_t;

/* The numbers that mean "no frame". */
#define XEN_INVALID_FRAME (~0ULL)

static inline pfn_t mk_pfn(uint64_t frame)
{
	pfn_t pfn = {frame};
	return pfn;
}

static inline mfn_t mk_mfn(uint64_t frame)
{
	mfn_t mfn = {frame};
	return mfn;
}

static inline uint64_t pfn_x(pfn_t pfn)
{
	return pfn.frame;
}

static inline uint64_t mfn_x(mfn_t mfn)
{
	return mfn.frame;
}

static inline pfn_t pfn_add(pfn_t pfn, uint64_t nr)
{
	return mk_pfn(pfn.frame + nr);
}

static inline mfn_t mfn_add(mfn_t mfn, uint64_t nr)
{
	return mk_mfn(mfn.frame + nr);
}

static inline bool pfn_valid(pfn_t pfn)
{
	return pfn.frame != XEN_INVALID_FRAME;
}

static inline bool mfn_valid(mfn_t mfn)
{
	return mfn.frame != XEN_INVALID_FRAME;
}

static inline paddr_t pfn_to_paddr(pfn_t pfn)
{
	return pfn.frame << XEN_PAGE_SHIFT;
}

static inline pfn_t paddr_to_pfn(paddr_t paddr)
{
	return mk_pfn(paddr >> XEN_PAGE_SHIFT);
}

static inline dma_addr_t mfn_to_dma(mfn_t mfn)
{
	return mfn.frame << XEN_PAGE_SHIFT;
}

static inline mfn_t dma_to_mfn(dma_addr_t dma)
{
	return mk_mfn(dma >> XEN_PAGE_SHIFT);
}

/* Bytes [0, XEN_PAGE_SIZE) within a page, of either kind of address. */
static inline size_t xen_page_offset(uint64_t addr)
{
	return (size_t)(addr & (XEN_PAGE_SIZE - 1));
}

/* Number of pages that hold @bytes (no overflow for any @bytes up to 2^64 - 4096). */
static inline uint64_t xen_pages_of(uint64_t bytes)
{
	return (bytes + XEN_PAGE_SIZE - 1) >> XEN_PAGE_SHIFT;
}

#ifdef __cplusplus
}
#endif

#endif
