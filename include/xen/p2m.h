/* SPDX-License-Identifier: MIT */
/*
 * P2M: from PFN to MFN and back, for a PV guest that keeps the table itself.
 *
 * The table is a flat array over the PFNs that may be RAM (start_info's list, extended when
 * needed) and, consulted only where the array says INVALID or ends, a set of identity ranges. So:
 *
 *   - RAM always wins over identity, by construction;
 *   - marking a range of any size, inside, across or beyond the array, costs O(log ranges);
 *   - the common look-up is one bound check and one load.
 *
 * An array entry is an MFN, or XEN_INVALID_FRAME, or an MFN with XEN_P2M_FOREIGN set: the page
 * belongs to another domain (a grant map).
 *
 * Beside the array stands the set of RAM ranges: the PFNs that are RAM or may become RAM by
 * ballooning. Identity is refused over them, whether populated now or not.
 *
 * There is one P2M an image. Context: look-ups are lock-free and may run anywhere. Setting an
 * entry is one store; two CPUs must not set the same entry at once. Marking locks by itself.
 * Initialisation and extension run before other CPUs use the table.
 */
#ifndef XENDMA_XEN_P2M_H
#define XENDMA_XEN_P2M_H

#include <xen/atomic.h>
#include <xen/ranges.h>
#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The bit in which Linux and the toolstack's readers expect it. */
#define XEN_P2M_FOREIGN (1ULL << 63)

struct xen_p2m {
	uint64_t *entry;     /* entry[pfn] */
	uint64_t nr;	     /* entries */
	const uint64_t *m2p; /* the hypervisor's machine_to_phys table, read-only */
	uint64_t m2p_nr;     /* MFNs that the table covers */
	/* Bit i: the table has entries for MFNs [i << 18, (i + 1) << 18): reading the others
	 * faults. */
	const uint64_t *m2p_present;
	struct xen_ranges identity;    /* counted */
	struct xen_ranges ram;	       /* exclusive; tag: a static string, for messages */
	struct arch_shared_info *arch; /* where the toolstack looks, once published */
	uint64_t *frame_list_list;     /* the toolstack's three-level view */
};

extern struct xen_p2m xen_p2m;

/*
 * Begin with the domain builder's list: @list has @nr entries and stays in use until extended.
 * Finds the M2P with XENMEM_machphys_mapping and XENMEM_machphys_mfn_list. Adds no RAM range.
 * -XEN_EINVAL: a list entry is no frame; -XEN_ENOMEM; what the hypervisor refused.
 */
int xen_p2m_init(uint64_t *list, uint64_t nr);

/* Forget the table: what was published is taken back, all memory returned to the port (the array
 * is the caller's). Nobody may use the P2M any more until the next xen_p2m_init(). */
void xen_p2m_fini(void);

/*
 * Move to a larger array: @storage has room for @nr entries (nr >= the current number, page
 * aligned, mapped); old entries are copied, new ones INVALID. The old array is the caller's again.
 * Republishes when published. Call before other CPUs run. -XEN_EINVAL; when published also
 * -XEN_ENOMEM. On error nothing was changed.
 */
int xen_p2m_extend(uint64_t *storage, uint64_t nr);

/* Out of line: the look-up in the identity ranges. */
mfn_t xen_p2m_lookup_identity(pfn_t pfn);

/* The frame behind @pfn: own RAM, a foreign page or identity; XEN_INVALID_FRAME if nothing is. */
static inline mfn_t xen_pfn_to_mfn(pfn_t pfn)
{
	if (__builtin_expect(pfn.frame < xen_p2m.nr, 1)) {
		uint64_t entry = xen_load(&xen_p2m.entry[pfn.frame]);

		if (__builtin_expect(!(entry & XEN_P2M_FOREIGN), 1)) /* INVALID has the bit too */
			return mk_mfn(entry);
		if (entry != XEN_INVALID_FRAME)
			return mk_mfn(entry & ~XEN_P2M_FOREIGN);
	}
	return xen_p2m_lookup_identity(pfn);
}

/* The array's own word for @pfn, XEN_INVALID_FRAME beyond its end: no identity, FOREIGN bit kept.
 */
static inline uint64_t xen_p2m_entry(pfn_t pfn)
{
	return pfn.frame < xen_p2m.nr ? xen_load(&xen_p2m.entry[pfn.frame]) : XEN_INVALID_FRAME;
}

/* Is @pfn populated with RAM of this domain's own? */
static inline bool xen_p2m_is_own_ram(pfn_t pfn)
{
	return !(xen_p2m_entry(pfn) & XEN_P2M_FOREIGN); /* INVALID has the bit too */
}

/* Has each of the @nr > 0 pages from @pfn on a frame in the array, this domain's or another's? */
bool xen_p2m_populated(pfn_t pfn, uint64_t nr);

/*
 * The PFN that has @mfn: by the hypervisor's M2P, believed only if the P2M agrees, else by
 * identity; XEN_INVALID_FRAME for a frame that is not this domain's (a foreign page is not found
 * this way). Never faults, whatever @mfn.
 */
pfn_t xen_mfn_to_pfn(mfn_t mfn);

/*
 * Set the array entry of @pfn: @mfn may be XEN_INVALID_FRAME; @foreign sets XEN_P2M_FOREIGN.
 * Does not touch the M2P or any mapping. -XEN_ERANGE: beyond the array; -XEN_EINVAL: @mfn is
 * neither a frame (below 2^52) nor invalid.
 */
int xen_p2m_set(pfn_t pfn, mfn_t mfn, bool foreign);

/* Declare [pfn, pfn + nr) RAM (populated or to be ballooned in). -XEN_EEXIST: overlaps RAM or
 * identity, named in @conflict (tag is a string; may be NULL); -XEN_ENOMEM; -XEN_EINVAL: empty, or
 * beyond 2^52 (here and below). */
int xen_p2m_ram_add(pfn_t pfn, uint64_t nr, const char *name, struct xen_range *conflict);
/* The reverse, of any part. -XEN_ENOENT: part of it was not RAM; -XEN_ENOMEM: a range would be
 * split; -XEN_EINVAL. Nothing is changed on error. */
int xen_p2m_ram_remove(pfn_t pfn, uint64_t nr);

/*
 * Make [pfn, pfn + nr) translate to itself. Ranges may overlap other identity ranges (a BAR in a
 * bridge window in a host hole): each number stays identity until every one is removed.
 * -XEN_EEXIST: RAM is in the way, named in @conflict (tag is a string; may be NULL).
 * -XEN_ENOMEM; -XEN_EINVAL; -XEN_ERANGE: 2^32 - 1 ranges cover a part of it already. Nothing is
 * changed on error.
 */
int xen_p2m_identity_add(pfn_t pfn, uint64_t nr, struct xen_range *conflict);
/* -XEN_ENOENT: part of it was not identity; -XEN_ENOMEM: a range would be split; -XEN_EINVAL.
 * Nothing is changed on error. */
int xen_p2m_identity_remove(pfn_t pfn, uint64_t nr);

/*
 * Show the table to the toolstack through @arch (in the mapped shared_info): the three-level
 * frame list, max_pfn, and the linear view (p2m_vaddr, p2m_cr3, p2m_generation) for which @cr3_mfn
 * is the top-level page table that maps the array at its address. Pages for the list come from the
 * port and stay allocated. The array must lie where xen_port_virt_to_pfn() knows it. Above 2^27
 * entries (512 GiB) the frame list cannot hold them: the linear view alone is published.
 * -XEN_ENOMEM; -XEN_EINVAL: a page of the array is no RAM of ours.
 */
int xen_p2m_publish(struct arch_shared_info *arch, mfn_t cr3_mfn);

/* Does [va, va + size) touch the array or the published lists? Their frames must not change: an
 * exchange of such pages is refused. */
bool xen_p2m_in_table(const void *va, size_t size);

/*
 * Look the whole table over: each populated entry's M2P points back and no MFN stands twice.
 * *@populated (may be NULL) receives the number of own frames. -XEN_EFAULT at the first fault,
 * with *@bad set and a line logged. O(array); takes no lock: for quiet moments and tests.
 */
int xen_p2m_check(uint64_t *populated, pfn_t *bad);

#ifdef __cplusplus
}
#endif

#endif
