/* SPDX-License-Identifier: MIT */
/*
 * The last-level page-table entries that the library itself changes: zapping and restoring the
 * kernel's mapping of its RAM around an exchange, and mapping MMIO.
 *
 * A PV page-table entry holds a machine address. MMIO is mapped uncached or write-combining, never
 * cacheable; Xen checks that the domain may map the frames.
 *
 * Context: anywhere, except xen_mmio_map() and xen_mmio_unmap(), which may sleep in the port.
 */
#ifndef XENDMA_XEN_MMU_H
#define XENDMA_XEN_MMU_H

#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XEN_PTE_PRESENT (1ULL << 0)
#define XEN_PTE_RW (1ULL << 1)
#define XEN_PTE_USER (1ULL << 2)
#define XEN_PTE_PWT (1ULL << 3)
#define XEN_PTE_PCD (1ULL << 4)
#define XEN_PTE_ACCESSED (1ULL << 5)
#define XEN_PTE_DIRTY (1ULL << 6)
#define XEN_PTE_PAT (1ULL << 7)
#define XEN_PTE_NX (1ULL << 63)
#define XEN_PTE_FRAME_MASK 0x000ffffffffff000ULL

/* Kernel data: present, writable, accessed, dirty, no execute. */
#define XEN_PTE_KERNEL                                                                             \
	(XEN_PTE_PRESENT | XEN_PTE_RW | XEN_PTE_ACCESSED | XEN_PTE_DIRTY | XEN_PTE_NX)

enum xen_cache_mode {
	XEN_CACHE_UC, /* uncached: registers */
	XEN_CACHE_WC, /* write-combining: frame buffers, prefetchable memory */
};

/* PTE bits of a cache mode under Xen's fixed PAT (Xen public xen.h: PAT entry 4 is WC in
 * X86 PAT 0x050100070406, so PAT|0|0 -> entry 4, PCD|PWT -> entry 3 = UC). */
uint64_t xen_cache_pte_bits(enum xen_cache_mode mode);

/*
 * Map @size bytes of MMIO at machine address @maddr (any alignment, size > 0). The result points
 * at the first byte; NULL with *@err (may be NULL) = -XEN_EINVAL (wraps, zero size, above 2^52,
 * or RAM of this domain), -XEN_ENOMEM, or what Xen refused (-XEN_EPERM: no permission).
 */
volatile void *xen_mmio_map(uint64_t maddr, size_t size, enum xen_cache_mode mode, int *err);
/* Undo; the same address and size. What Xen does not unmap, here or after a mapping that failed by
 * halves, is logged and its addresses are never used again. */
void xen_mmio_unmap(volatile void *va, size_t size);

/*
 * Point the kernel mapping of each of @nr RAM pages at @mfn[i]; XEN_INVALID_FRAME unmaps. In
 * multicall batches, one TLB flush of all CPUs at the end. @pfn[i] must have a kernel address
 * (-XEN_EINVAL). Takes no memory. 0 or the first error; entries before *@done (may be NULL) took
 * effect, entry *@done did not, and of those behind it some may have: asking for the same once more
 * is harmless, and so is going back.
 */
int xen_mmu_remap(const pfn_t *pfn, const mfn_t *mfn, size_t nr, size_t *done);

#ifdef __cplusplus
}
#endif

#endif
