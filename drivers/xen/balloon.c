/* SPDX-License-Identifier: MIT */
/*
 * Balloon. Invariants: a PFN in the set has no frame in the P2M and no kernel mapping, and belongs
 * to the balloon alone; a page leaves the set before the port gets it and enters it before it loses
 * its frame, so that a query never misses one. Locking: balloon.lock covers a batch of pages,
 * hypercalls included; queries take no lock.
 */
#include <xen/atomic.h>
#include <xen/balloon.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>

/* Pages in one hypercall: 1.5 KiB of stack. */
#define BATCH 64U

static struct {
	struct xen_ranges set; /* exclusive, no tags */
	uint64_t pages;	       /* in it */
	struct xen_lock lock;
} balloon;

/* Pages of one round. */
struct batch {
	pfn_t pfn[BATCH];
	mfn_t mfn[BATCH];
	xen_pfn_t extent[BATCH];
	unsigned int nr;
};

static int set_add(pfn_t pfn, uint64_t nr)
{
	int err = xen_ranges_insert(&balloon.set, pfn_x(pfn), pfn_x(pfn) + nr, NULL, NULL);

	if (!err)
		xen_store(&balloon.pages, balloon.pages + nr);
	return err;
}

/*
 * Only for the first page of a piece, or for pages in the reverse order of their adding: then the
 * set has the nodes that it needs.
 */
static void set_remove(pfn_t pfn)
{
	int err = xen_ranges_erase(&balloon.set, pfn_x(pfn), pfn_x(pfn) + 1);

	XEN_ASSERT(!err);
	xen_store(&balloon.pages, balloon.pages - 1);
}

static void set_p2m(pfn_t pfn, mfn_t mfn)
{
	if (xen_p2m_set(pfn, mfn, false))
		xen_port_panic("balloon: frame %llx for pfn %llx", (unsigned long long)mfn_x(mfn),
			       (unsigned long long)pfn_x(pfn));
}

/* Map pages [from, nr) of the batch as .mfn says, which must succeed: it is how a failure is
 * undone.
 */
static void must_remap(const struct batch *batch, unsigned int from)
{
	int err = xen_mmu_remap(batch->pfn + from, batch->mfn + from, batch->nr - from, NULL);

	if (err)
		xen_port_panic("balloon: Xen does not undo a mapping: error %d", -err);
}

/*
 * XENMEM_decrease_reservation or XENMEM_populate_physmap on .extent[from, nr). Returns up to which
 * index it went, with *@err why not to the end.
 */
static unsigned int change_reservation(struct batch *batch, unsigned int cmd, unsigned int from,
				       int *err)
{
	struct xen_memory_reservation arg = {
		.nr_extents = batch->nr - from,
		.domid = DOMID_SELF,
	};
	long ret;

	set_xen_guest_handle(arg.extent_start, batch->extent + from);
	ret = hypercall_memory_op(cmd, &arg);
	if (ret < 0 || (unsigned long)ret > batch->nr - from) {
		*err = ret < 0 ? (int)ret : -XEN_EINVAL;
		return from;
	}
	/* Xen does not say why it stopped: for want of memory, or the page was not to be had. */
	*err = 0;
	if (from + ret < batch->nr)
		*err = cmd == XENMEM_populate_physmap ? -XEN_ENOMEM : -XEN_EINVAL;
	return from + (unsigned int)ret;
}

/* Fill the batch with pages of the port, which the balloon owns from then on. */
static int take_pages(struct batch *batch, unsigned int most)
{
	for (batch->nr = 0; batch->nr < most; batch->nr++) {
		void *va = xen_port_alloc_pages(0);
		pfn_t pfn;

		if (!va)
			return -XEN_ENOMEM;
		pfn = xen_port_virt_to_pfn(va);
		if (set_add(pfn, 1)) {
			xen_port_free_pages(va, 0);
			return -XEN_ENOMEM;
		}
		/* Xen does not clear what a living domain gives back: the next would read it. */
		__builtin_memset(va, 0, XEN_PAGE_SIZE);
		batch->pfn[batch->nr] = pfn;
		batch->mfn[batch->nr] = mk_mfn(XEN_INVALID_FRAME);
		batch->extent[batch->nr] = mfn_x(xen_pfn_to_mfn(pfn));
	}
	return 0;
}

/* Give pages [from, nr) back to the port, frames and mappings as they were. */
static void return_pages(struct batch *batch, unsigned int from)
{
	unsigned int i;

	for (i = from; i < batch->nr; i++) {
		batch->mfn[i] = mk_mfn(batch->extent[i]);
		set_p2m(batch->pfn[i], batch->mfn[i]);
	}
	must_remap(batch, from);
	for (i = batch->nr; i > from; i--) {
		set_remove(batch->pfn[i - 1]);
		xen_port_free_pages(xen_port_pfn_to_virt(batch->pfn[i - 1]), 0);
	}
}

/* One round: up to @most pages. Adds to *@done how many went. */
static int inflate_batch(unsigned int most, uint64_t *done)
{
	struct batch batch;
	unsigned int i, gone = 0;
	int short_of, err;

	short_of = take_pages(&batch, most);
	if (!batch.nr)
		return short_of;
	err = xen_mmu_remap(batch.pfn, batch.mfn, batch.nr, NULL);
	if (!err) {
		for (i = 0; i < batch.nr; i++)
			set_p2m(batch.pfn[i], mk_mfn(XEN_INVALID_FRAME));
		gone = change_reservation(&batch, XENMEM_decrease_reservation, 0, &err);
	}
	if (gone < batch.nr)
		return_pages(&batch, gone);
	*done += gone;
	return err ? err : short_of;
}

int xen_balloon_inflate(uint64_t nr, uint64_t *done)
{
	uint64_t gone = 0;
	int err = 0;

	while (gone < nr && !err) {
		unsigned int most = nr - gone < BATCH ? (unsigned int)(nr - gone) : BATCH;
		unsigned long flags = xen_port_lock(&balloon.lock);

		err = inflate_batch(most, &gone);
		xen_port_unlock(&balloon.lock, flags);
	}
	if (done)
		*done = gone;
	return err;
}

/* The lowest @most pages that the balloon holds. */
static int lowest_pages(struct batch *batch, unsigned int most)
{
	struct xen_range piece = {0};
	uint64_t pfn;

	batch->nr = 0;
	while (batch->nr < most && xen_ranges_first(&balloon.set, piece.end, UINT64_MAX, &piece)) {
		for (pfn = piece.start; pfn < piece.end && batch->nr < most; pfn++) {
			/* A frame for a page that cannot be mapped would be in the way. */
			if (!xen_port_pfn_to_virt(mk_pfn(pfn)))
				return batch->nr ? 0 : -XEN_EINVAL;
			batch->pfn[batch->nr] = mk_pfn(pfn);
			batch->extent[batch->nr] = pfn;
			batch->nr++;
		}
	}
	return batch->nr ? 0 : -XEN_ENOENT;
}

/* Undo the populating of pages [from, nr), whose mappings are in any state. */
static void give_back(struct batch *batch, unsigned int from)
{
	unsigned int i;
	int err;

	for (i = from; i < batch->nr; i++) {
		batch->mfn[i] = mk_mfn(XEN_INVALID_FRAME);
		set_p2m(batch->pfn[i], batch->mfn[i]);
	}
	must_remap(batch, from);
	change_reservation(batch, XENMEM_decrease_reservation, from, &err);
	if (err)
		xen_port_panic("balloon: Xen does not take a frame back: error %d", -err);
}

static int deflate_batch(unsigned int most, uint64_t *done)
{
	struct batch batch;
	size_t mapped = 0, i;
	int err, map_err = 0;

	err = lowest_pages(&batch, most);
	if (err)
		return err;
	batch.nr = change_reservation(&batch, XENMEM_populate_physmap, 0, &err);
	for (i = 0; i < batch.nr; i++) {
		batch.mfn[i] = mk_mfn(batch.extent[i]);
		set_p2m(batch.pfn[i], batch.mfn[i]);
	}
	if (batch.nr)
		map_err = xen_mmu_remap(batch.pfn, batch.mfn, batch.nr, &mapped);
	if (map_err)
		give_back(&batch, (unsigned int)mapped);
	for (i = 0; i < mapped; i++) {
		set_remove(batch.pfn[i]);
		xen_port_free_pages(xen_port_pfn_to_virt(batch.pfn[i]), 0);
	}
	*done += mapped;
	return map_err ? map_err : err;
}

int xen_balloon_deflate(uint64_t nr, uint64_t *done)
{
	uint64_t back = 0;
	int err = 0;

	while (back < nr && !err) {
		unsigned int most = nr - back < BATCH ? (unsigned int)(nr - back) : BATCH;
		unsigned long flags = xen_port_lock(&balloon.lock);

		err = deflate_batch(most, &back);
		xen_port_unlock(&balloon.lock, flags);
	}
	if (done)
		*done = back;
	return err;
}

/* Is all of [pfn, pfn + nr) in RAM ranges? */
static bool is_ram(uint64_t pfn, uint64_t nr)
{
	uint64_t end = pfn + nr;
	struct xen_range ram;

	while (pfn < end) {
		if (!xen_ranges_find(&xen_p2m.ram, pfn, &ram))
			return false;
		pfn = ram.end;
	}
	return true;
}

int xen_balloon_add_spare(pfn_t pfn, uint64_t nr)
{
	unsigned long flags;
	int err;

	if (!nr || pfn_x(pfn) >= xen_p2m.nr || nr > xen_p2m.nr - pfn_x(pfn) ||
	    !is_ram(pfn_x(pfn), nr))
		return -XEN_EINVAL;
	flags = xen_port_lock(&balloon.lock);
	if (xen_p2m_entry(pfn) != XEN_INVALID_FRAME ||
	    xen_p2m_entry(pfn_add(pfn, nr - 1)) != XEN_INVALID_FRAME)
		err = -XEN_EINVAL;
	else
		err = set_add(pfn, nr);
	xen_port_unlock(&balloon.lock, flags);
	return err;
}

bool xen_balloon_query(pfn_t pfn, uint64_t nr, struct xen_range *out)
{
	uint64_t end = nr > UINT64_MAX - pfn_x(pfn) ? UINT64_MAX : pfn_x(pfn) + nr;

	return xen_ranges_first(&balloon.set, pfn_x(pfn), end, out);
}

uint64_t xen_balloon_pages(void)
{
	return xen_load(&balloon.pages);
}

void xen_balloon_fini(void)
{
	xen_ranges_fini(&balloon.set);
	xen_store(&balloon.pages, 0);
}
