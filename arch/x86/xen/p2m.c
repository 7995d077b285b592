/* SPDX-License-Identifier: MIT */
/*
 * P2M and M2P look-ups, RAM and identity marking. Invariants: no number is both in the RAM and in
 * the identity set; an array entry is a frame below 2^52, with or without the FOREIGN bit, or
 * INVALID. Locking: look-ups take none; mark_lock makes "is it free in the other set? then add it"
 * one step; array entries are single stores. The array itself moves only while one CPU runs.
 */
#include <xen/atomic.h>
#include <xen/hypercall.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "../../../lib/scratch.h"
#include "p2m-publish.h"

#define MAX_FRAME (1ULL << 52)

/* The M2P is mapped in pieces of 2 MiB. */
#define M2P_CHUNK_SHIFT 18

struct xen_p2m xen_p2m;

static struct xen_lock mark_lock;

static size_t present_bytes(uint64_t m2p_nr)
{
	uint64_t chunks = (m2p_nr + (1ULL << M2P_CHUNK_SHIFT) - 1) >> M2P_CHUNK_SHIFT;

	return (chunks + 63) / 64 * sizeof(uint64_t);
}

/*
 * The frames of the M2P's chunks, in a scratch array of *@size bytes with room for at most
 * @max_chunks of them; *@nr says how many the machine has.
 */
static int read_chunks(uint64_t max_chunks, xen_pfn_t **list, size_t *size, unsigned int *nr)
{
	struct xen_machphys_mfn_list arg;
	size_t bytes = XEN_PAGE_SIZE;
	int err;

	for (;; bytes *= 2) {
		xen_pfn_t *chunk = xen_scratch_alloc(bytes);

		if (!chunk)
			return -XEN_ENOMEM;
		arg.max_extents = (unsigned int)(bytes / sizeof(*chunk));
		arg.nr_extents = 0;
		set_xen_guest_handle(arg.extent_start, chunk);
		err = (int)hypercall_memory_op(XENMEM_machphys_mfn_list, &arg);
		if (!err && arg.nr_extents > arg.max_extents)
			err = -XEN_EINVAL;
		if (!err && (arg.nr_extents < arg.max_extents || arg.max_extents >= max_chunks)) {
			*list = chunk;
			*size = bytes;
			*nr = arg.nr_extents;
			return 0;
		}
		xen_scratch_free(chunk, bytes);
		if (err)
			return err;
	}
}

/* Find the M2P and learn which parts of it can be read: a chunk that is missing is reported with
 * the frame of the one before it. */
static int find_m2p(struct xen_p2m *p2m)
{
	struct xen_machphys_mapping map;
	uint64_t *present;
	xen_pfn_t *chunk;
	unsigned int nr, i;
	size_t size;
	int err;

	err = (int)hypercall_memory_op(XENMEM_machphys_mapping, &map);
	if (err)
		return err;
	if (map.v_end <= map.v_start || map.max_mfn >= MAX_FRAME)
		return -XEN_EINVAL;
	p2m->m2p = (const uint64_t *)map.v_start;
	p2m->m2p_nr = (map.v_end - map.v_start) / sizeof(uint64_t);
	if (p2m->m2p_nr > map.max_mfn + 1)
		p2m->m2p_nr = map.max_mfn + 1;

	err = read_chunks((p2m->m2p_nr >> M2P_CHUNK_SHIFT) + 1, &chunk, &size, &nr);
	if (err)
		return err;
	if (p2m->m2p_nr > (uint64_t)nr << M2P_CHUNK_SHIFT)
		p2m->m2p_nr = (uint64_t)nr << M2P_CHUNK_SHIFT;
	present = p2m->m2p_nr ? xen_scratch_alloc(present_bytes(p2m->m2p_nr)) : NULL;
	if (present) {
		__builtin_memset(present, 0, present_bytes(p2m->m2p_nr));
		for (i = 0; i < nr && (uint64_t)i << M2P_CHUNK_SHIFT < p2m->m2p_nr; i++)
			if (chunk[i] && (i == 0 || chunk[i] != chunk[i - 1]))
				present[i / 64] |= 1ULL << (i % 64);
		p2m->m2p_present = present;
	} else {
		err = p2m->m2p_nr ? -XEN_ENOMEM : -XEN_EINVAL;
	}
	xen_scratch_free(chunk, size);
	return err;
}

int xen_p2m_init(uint64_t *list, uint64_t nr)
{
	struct xen_p2m p2m = {.entry = list, .nr = nr};
	uint64_t i;
	int err;

	for (i = 0; i < nr; i++)
		if (list[i] >= MAX_FRAME)
			return -XEN_EINVAL;
	err = find_m2p(&p2m);
	if (err)
		return err;
	xen_p2m = p2m;
	return 0;
}

void xen_p2m_fini(void)
{
	xen_p2m_unpublish();
	xen_ranges_fini(&xen_p2m.identity);
	xen_ranges_fini(&xen_p2m.ram);
	xen_scratch_free((void *)xen_p2m.m2p_present, present_bytes(xen_p2m.m2p_nr));
	xen_p2m = (struct xen_p2m){0};
}

int xen_p2m_extend(uint64_t *storage, uint64_t nr)
{
	uint64_t i;
	int err;

	if (nr < xen_p2m.nr || xen_page_offset((uintptr_t)storage) || !storage)
		return -XEN_EINVAL;
	err = xen_p2m_publish_prepare(storage, nr);
	if (err)
		return err;
	xen_p2m_publish_begin();
	if (storage != xen_p2m.entry)
		__builtin_memcpy(storage, xen_p2m.entry, xen_p2m.nr * sizeof(*storage));
	for (i = xen_p2m.nr; i < nr; i++)
		storage[i] = XEN_INVALID_FRAME;
	xen_p2m.entry = storage;
	xen_p2m.nr = nr;
	xen_p2m_publish_end();
	return 0;
}

mfn_t xen_p2m_lookup_identity(pfn_t pfn)
{
	if (xen_ranges_find(&xen_p2m.identity, pfn_x(pfn), NULL))
		return mk_mfn(pfn_x(pfn));
	return mk_mfn(XEN_INVALID_FRAME);
}

bool xen_p2m_populated(pfn_t pfn, uint64_t nr)
{
	const uint64_t *entry, *end, *e;
	uint64_t seen = 0;

	if (pfn_x(pfn) >= xen_p2m.nr || nr > xen_p2m.nr - pfn_x(pfn))
		return false;
	entry = e = &xen_p2m.entry[pfn_x(pfn)];
	end = entry + nr;
	/* Own pages four a step: of a large bounce it is most of what the copy does not cost. */
	for (const uint64_t *fours = e + (nr & ~3ULL); e != fours; e += 4)
		seen |= xen_load(&e[0]) | xen_load(&e[1]) | xen_load(&e[2]) | xen_load(&e[3]);
	for (; e != end; e++)
		seen |= xen_load(e);
	if (__builtin_expect(!(seen & XEN_P2M_FOREIGN), 1)) /* INVALID has the bit too */
		return true;
	while (entry != end && xen_load(entry) != XEN_INVALID_FRAME)
		entry++;
	return entry == end;
}

static bool m2p_readable(uint64_t mfn)
{
	uint64_t chunk = mfn >> M2P_CHUNK_SHIFT;

	return mfn < xen_p2m.m2p_nr && (xen_p2m.m2p_present[chunk / 64] >> (chunk % 64) & 1);
}

pfn_t xen_mfn_to_pfn(mfn_t mfn)
{
	uint64_t frame = mfn_x(mfn);

	if (m2p_readable(frame)) {
		pfn_t pfn = mk_pfn(xen_load(&xen_p2m.m2p[frame]));

		if (xen_p2m_entry(pfn) == frame && frame != XEN_INVALID_FRAME)
			return pfn;
	}
	/* Where the array has something else, the number is not identity after all. */
	if (xen_p2m_entry(mk_pfn(frame)) == XEN_INVALID_FRAME &&
	    mfn_valid(xen_p2m_lookup_identity(mk_pfn(frame))))
		return mk_pfn(frame);
	return mk_pfn(XEN_INVALID_FRAME);
}

int xen_p2m_set(pfn_t pfn, mfn_t mfn, bool foreign)
{
	uint64_t entry = mfn_x(mfn);

	if (pfn_x(pfn) >= xen_p2m.nr)
		return -XEN_ERANGE;
	if (mfn_valid(mfn)) {
		if (entry >= MAX_FRAME)
			return -XEN_EINVAL;
		if (foreign)
			entry |= XEN_P2M_FOREIGN;
	}
	xen_store(&xen_p2m.entry[pfn_x(pfn)], entry);
	return 0;
}

/* The end of [pfn, pfn + nr); 0 if it wraps, or goes beyond what has an address. */
static uint64_t range_end(pfn_t pfn, uint64_t nr)
{
	uint64_t end;

	return __builtin_add_overflow(pfn_x(pfn), nr, &end) || end > MAX_FRAME ? 0 : end;
}

int xen_p2m_ram_add(pfn_t pfn, uint64_t nr, const char *name, struct xen_range *conflict)
{
	uint64_t end = range_end(pfn, nr);
	unsigned long flags = xen_port_lock(&mark_lock);
	struct xen_range found;
	int err;

	if (xen_ranges_first(&xen_p2m.identity, pfn_x(pfn), end, &found)) {
		found.tag = "identity";
		if (conflict)
			*conflict = found;
		err = -XEN_EEXIST;
	} else {
		err = xen_ranges_insert(&xen_p2m.ram, pfn_x(pfn), end, name, conflict);
	}
	xen_port_unlock(&mark_lock, flags);
	return err;
}

int xen_p2m_ram_remove(pfn_t pfn, uint64_t nr)
{
	return xen_ranges_erase(&xen_p2m.ram, pfn_x(pfn), range_end(pfn, nr));
}

int xen_p2m_identity_add(pfn_t pfn, uint64_t nr, struct xen_range *conflict)
{
	uint64_t end = range_end(pfn, nr);
	unsigned long flags = xen_port_lock(&mark_lock);
	struct xen_range found;
	int err;

	if (xen_ranges_first(&xen_p2m.ram, pfn_x(pfn), end, &found)) {
		if (conflict)
			*conflict = found;
		err = -XEN_EEXIST;
	} else {
		err = xen_ranges_cover(&xen_p2m.identity, pfn_x(pfn), end);
	}
	xen_port_unlock(&mark_lock, flags);
	return err;
}

int xen_p2m_identity_remove(pfn_t pfn, uint64_t nr)
{
	return xen_ranges_uncover(&xen_p2m.identity, pfn_x(pfn), range_end(pfn, nr));
}

int xen_p2m_check(uint64_t *populated, pfn_t *bad)
{
	uint64_t pfn, nr = 0;

	for (pfn = 0; pfn < xen_p2m.nr; pfn++) {
		uint64_t entry = xen_p2m_entry(mk_pfn(pfn));
		uint64_t back;

		if (entry & XEN_P2M_FOREIGN) /* or INVALID */
			continue;
		/* An MFN that stood twice could point back to one of its PFNs only. */
		back = m2p_readable(entry) ? xen_load(&xen_p2m.m2p[entry]) : XEN_INVALID_FRAME;
		if (back != pfn) {
			xen_port_log(XEN_LOG_ERROR, "p2m: pfn %llx has mfn %llx, whose pfn is %llx",
				     (unsigned long long)pfn, (unsigned long long)entry,
				     (unsigned long long)back);
			if (bad)
				*bad = mk_pfn(pfn);
			return -XEN_EFAULT;
		}
		nr++;
	}
	if (populated)
		*populated = nr;
	return 0;
}
