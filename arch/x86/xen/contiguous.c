/* SPDX-License-Identifier: MIT */
/*
 * Machine-contiguous regions by XENMEM_exchange. Invariants: while Xen holds frames of a region, no
 * kernel mapping of its pages exists; before the call returns, every page is mapped to the frame
 * that the P2M gives it, whatever happened. The P2M is written from what Xen reports as exchanged
 * and from nothing else, so that it cannot disagree with the M2P, which Xen wrote. No locking: the
 * caller owns the pages.
 *
 * Zapped and restored are whole page tables where the regions are made of these (ptable.h), else
 * single entries.
 *
 * Memory: scratch of 24 bytes a page and 8 an output extent. Work is done in groups of up to
 * GROUP_PAGES pages, smaller ones when the port has no memory for that, but at least one region.
 * Multicalls of more entries than stand on the stack want scratch too, and do without.
 */
#include <xen/bucket.h>
#include <xen/contiguous.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "../../../lib/scratch.h"
#include "mmu-internal.h"
#include "ptable.h"

/* 8 MiB: four regions of order 9. Their scratch is one object of the port. */
#define GROUP_PAGES 2048U

/* Entries of a multicall: 64 KiB, a tenth of a millisecond in Xen before it looks up. */
#define MAX_CALLS 1024U
/* For fewer there is room on the stack. */
#define MIN_CALLS 32U

/* No domain may exchange more than this at once. */
#define MAX_ORDER 18

/* One exchange: the pages of some regions, as extents of in_order for extents of out_order. */
struct work {
	const pfn_t *region;
	unsigned int nr; /* regions */
	unsigned int order;
	unsigned int in_order, out_order;
	unsigned int address_bits;

	/* Scratch. */
	void *mem;
	size_t mem_size;
	pfn_t *pfn;		      /* every page */
	mfn_t *mfn;		      /* what to map it to */
	xen_pfn_t *in;		      /* MFNs to give */
	xen_pfn_t *out;		      /* PFNs, overwritten with the MFNs that come */
	struct multicall_entry *call; /* NULL: none */
	unsigned int nr_calls;
};

static size_t nr_pages(const struct work *work)
{
	return (size_t)work->nr << work->order;
}

static bool get_scratch(struct work *work)
{
	size_t pages = nr_pages(work);

	work->mem_size = (3 * pages + (pages >> work->out_order)) * sizeof(uint64_t);
	work->mem = xen_scratch_alloc(work->mem_size);
	if (!work->mem)
		return false;
	work->pfn = work->mem;
	work->mfn = (mfn_t *)(work->pfn + pages);
	work->in = (xen_pfn_t *)(work->mfn + pages);
	work->out = work->in + pages;

	work->nr_calls = pages < MAX_CALLS ? (unsigned int)pages : MAX_CALLS;
	work->call = NULL;
	if (work->nr_calls > MIN_CALLS)
		work->call = xen_scratch_alloc(work->nr_calls * sizeof(*work->call));
	return true;
}

static void put_scratch(struct work *work)
{
	xen_scratch_free(work->call, work->nr_calls * sizeof(*work->call));
	xen_scratch_free(work->mem, work->mem_size);
}

/* Map the pages from @at on to their frames in mfn[]. */
static int remap(const struct work *work, size_t at, size_t *done)
{
	size_t nr = nr_pages(work) - at;

	if (!work->call)
		return xen_mmu_remap(work->pfn + at, work->mfn + at, nr, done);
	return xen_mmu_remap_in(work->call, work->nr_calls, work->pfn + at, work->mfn + at, nr,
				XEN_PTE_KERNEL, done);
}

static void list_pages(struct work *work)
{
	size_t pages = nr_pages(work), i;

	for (i = 0; i < pages; i++) {
		work->pfn[i] =
			pfn_add(work->region[i >> work->order], i & ((1UL << work->order) - 1));
		work->mfn[i] = mk_mfn(XEN_INVALID_FRAME);
	}
	for (i = 0; i < pages >> work->in_order; i++)
		work->in[i] = mfn_x(xen_pfn_to_mfn(work->pfn[i << work->in_order]));
	for (i = 0; i < pages >> work->out_order; i++)
		work->out[i] = pfn_x(work->pfn[i << work->out_order]);
}

/*
 * One page that Xen did not map in its batch: once more, and if its frame is not a new one, as what
 * it may have been before, a page table, which the kernel may have mapped read-only.
 */
static void restore_one(const struct work *work, size_t i, bool new_frame)
{
	unsigned long va = (unsigned long)(uintptr_t)xen_port_pfn_to_virt(work->pfn[i]);
	uint64_t pte = mfn_to_dma(work->mfn[i]) | XEN_PTE_KERNEL;
	int err = xen_mmu_remap(work->pfn + i, work->mfn + i, 1, NULL);

	if (err && !new_frame)
		err = hypercall_update_va_mapping(va, pte & ~XEN_PTE_RW, UVMF_TLB_FLUSH | UVMF_ALL);
	if (err)
		xen_port_panic("contiguous: Xen does not map pfn %llx back: error %d",
			       (unsigned long long)pfn_x(work->pfn[i]), -err);
}

/* Map every page to its frame, in whatever state it is; the first @taken have new ones. */
static void restore_mappings(const struct work *work, size_t taken)
{
	size_t pages = nr_pages(work), at = 0, done;

	for (done = 0; done < pages; done++)
		work->mfn[done] = xen_pfn_to_mfn(work->pfn[done]);
	while (remap(work, at, &done)) {
		at += done;
		restore_one(work, at, at < taken);
		at++;
	}
}

/* Did Xen give what was asked for? Natural alignment, and below the address width. */
static bool as_asked(const struct work *work, uint64_t mfn)
{
	uint64_t size = 1ULL << work->out_order;
	uint64_t limit = work->address_bits ? (1ULL << work->address_bits) >> XEN_PAGE_SHIFT
					    : 1ULL << (64 - XEN_PAGE_SHIFT);

	return !(mfn & (size - 1)) && size <= limit && mfn <= limit - size;
}

/* Let the P2M follow the first @pages pages. Returns how many of these came as they were asked for.
 */
static size_t take_frames(const struct work *work, size_t pages)
{
	size_t good = pages, i;

	for (i = 0; i < pages; i++) {
		uint64_t base = work->out[i >> work->out_order];
		mfn_t mfn = mk_mfn(base + (i & ((1UL << work->out_order) - 1)));

		if (xen_p2m_set(work->pfn[i], mfn, false))
			xen_port_panic("contiguous: Xen gave frame %llx for pfn %llx",
				       (unsigned long long)mfn_x(mfn),
				       (unsigned long long)pfn_x(work->pfn[i]));
		if (good > i && !as_asked(work, base))
			good = i;
	}
	return good;
}

/* Xen does not say which page it is, nor why; the page allocator's author will want to know. */
static void report_refusal(const struct work *work, size_t at, size_t pages, int err)
{
	static struct xen_bucket lines = {.burst = 4, .interval = 1000000000};
	uint64_t pfn = pfn_x(work->pfn[at]);

	if (xen_bucket_take(&lines))
		xen_port_log(XEN_LOG_ERROR,
			     "contiguous: Xen does not exchange pfn %llx-%llx: error %d; a page is"
			     " mapped twice, a page table, pinned or granted",
			     (unsigned long long)pfn, (unsigned long long)(pfn + pages - 1), -err);
}

/* The page tables that map just these pages; false: there are none, or not for all. */
static bool find_tables(const struct work *work, struct xen_ptables *tables)
{
	size_t pages = nr_pages(work), i;

	tables->nr = 0;
	for (i = 0; i < pages; i += XEN_PTABLE_ENTRIES)
		if (work->order < XEN_PTABLE_ORDER || !xen_ptables_add(tables, work->pfn[i]))
			return false;
	return true;
}

/* Zap, exchange, restore. *@pages is how many pages, from the first on, have new frames. */
static int exchange(struct work *work, size_t *pages)
{
	struct xen_memory_exchange arg = {
		.in = {.extent_order = work->in_order, .domid = DOMID_SELF},
		.out = {.extent_order = work->out_order, .domid = DOMID_SELF},
	};
	unsigned int chunk = work->in_order > work->out_order ? work->in_order : work->out_order;
	size_t all = nr_pages(work), taken = 0;
	struct xen_ptables tables;
	bool by_table;
	int err;

	*pages = 0;
	list_pages(work);
	by_table = find_tables(work, &tables) && !xen_ptables_take(&tables);
	err = by_table ? 0 : remap(work, 0, NULL);
	if (err)
		goto restore;

	arg.in.nr_extents = all >> work->in_order;
	arg.out.nr_extents = all >> work->out_order;
	arg.out.mem_flags = XENMEMF_address_bits(work->address_bits);
	set_xen_guest_handle(arg.in.extent_start, work->in);
	set_xen_guest_handle(arg.out.extent_start, work->out);
	err = (int)hypercall_memory_op(XENMEM_exchange, &arg);

	if (arg.nr_exchanged > arg.in.nr_extents)
		xen_port_panic("contiguous: Xen exchanged %llu of %llu extents",
			       (unsigned long long)arg.nr_exchanged,
			       (unsigned long long)arg.in.nr_extents);
	/* Only whole chunks are exchanged. */
	taken = arg.nr_exchanged << work->in_order >> chunk << chunk;
	if (taken < all && !err)
		err = -XEN_ENOMEM;
	*pages = take_frames(work, taken) >> chunk << chunk;
	if (*pages < taken)
		err = -XEN_EFAULT;
	if (taken < all && (err == -XEN_EINVAL || err == -XEN_EBUSY))
		report_refusal(work, taken, 1UL << chunk, err);
restore:
	if (by_table)
		xen_ptables_put(&tables);
	else
		restore_mappings(work, taken);
	return err;
}

/* Are all pages of the region ours to exchange? */
static bool region_ok(pfn_t pfn, unsigned int order)
{
	uint64_t nr = 1ULL << order, i;
	const void *va = xen_port_pfn_to_virt(pfn);

	for (i = 0; i < nr; i++)
		if (!xen_p2m_is_own_ram(pfn_add(pfn, i)) || !xen_port_pfn_to_virt(pfn_add(pfn, i)))
			return false;
	return !xen_p2m_in_table(va, nr << XEN_PAGE_SHIFT);
}

/* Regions for the next group, with scratch for them in @work; 0 when there is no memory. */
static unsigned int next_group(struct work *work, unsigned int left)
{
	unsigned int most = GROUP_PAGES >> work->order;

	most = most ? most : 1;
	for (work->nr = left < most ? left : most; work->nr; work->nr /= 2)
		if (get_scratch(work))
			break;
	return work->nr;
}

int xen_contiguous_create(const pfn_t *pfn, unsigned int nr, unsigned int order,
			  unsigned int address_bits, unsigned int *done)
{
	struct work work = {.order = order, .out_order = order, .address_bits = address_bits};
	unsigned int at = 0, i;
	int err = 0;

	if (done)
		*done = 0;
	if (address_bits != XEN_ANY_ADDRESS_BITS && (address_bits < 13 || address_bits > 63))
		return -XEN_EINVAL;
	if (order > MAX_ORDER)
		return -XEN_EPERM;
	for (i = 0; i < nr; i++)
		if (!region_ok(pfn[i], order))
			return -XEN_EINVAL;

	while (at < nr && !err) {
		size_t pages;

		work.region = pfn + at;
		if (!next_group(&work, nr - at)) {
			err = -XEN_ENOMEM;
			break;
		}
		err = exchange(&work, &pages);
		put_scratch(&work);
		at += (unsigned int)(pages >> order);
	}
	if (done)
		*done = at;
	return err;
}

int xen_create_contiguous_region(pfn_t pfn, unsigned int order, unsigned int address_bits,
				 dma_addr_t *dma)
{
	int err = xen_contiguous_create(&pfn, 1, order, address_bits, NULL);

	if (!err && dma)
		*dma = mfn_to_dma(xen_pfn_to_mfn(pfn));
	return err;
}

int xen_destroy_contiguous_region(pfn_t pfn, unsigned int order)
{
	struct work work = {.region = &pfn, .nr = 1, .order = order};
	size_t pages;
	int err;

	if (order > MAX_ORDER)
		return -XEN_EPERM;
	if (!region_ok(pfn, order))
		return -XEN_EINVAL;
	if (!get_scratch(&work))
		return -XEN_ENOMEM;

	/* As one extent Xen needs all the new frames before it takes the old ones; page by page it
	 * needs one. */
	work.in_order = xen_pfn_range_contiguous(pfn, 1ULL << order) ? order : 0;
	err = exchange(&work, &pages);
	if (err == -XEN_ENOMEM && work.in_order) {
		work.in_order = 0;
		err = exchange(&work, &pages);
	}
	put_scratch(&work);
	return err;
}

bool xen_pfn_range_contiguous(pfn_t pfn, uint64_t nr)
{
	uint64_t first = xen_p2m_entry(pfn), i;

	for (i = 0; i < nr; i++) {
		uint64_t entry = xen_p2m_entry(pfn_add(pfn, i));

		if ((entry & XEN_P2M_FOREIGN) || entry != first + i)
			return false;
	}
	return true;
}
