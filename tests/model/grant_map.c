/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_map_grant_ref and _unmap_grant_ref. Each mapping, by the CPU and by devices apart, is a
 * reference to the frame and, if it may write, a use of it as writable. Only the first domain has
 * page tables: for others a mapping by the CPU is the bookkeeping alone. Model lock held.
 */
#include <model/domain-internal.h>

static bool pin_overflows(const struct active_grant *act, uint32_t flags)
{
	bool ro = flags & GNTMAP_readonly;

	if ((flags & GNTMAP_host_map) && (ro ? act->host_read : act->host_write) == PIN_MAX)
		return true;
	return (flags & GNTMAP_device_map) && (ro ? act->dev_read : act->dev_write) == PIN_MAX;
}

static void pin(struct active_grant *act, uint32_t flags, int change)
{
	bool ro = flags & GNTMAP_readonly;
	uint16_t *host = ro ? &act->host_read : &act->host_write;
	uint16_t *dev = ro ? &act->dev_read : &act->dev_write;

	if (flags & GNTMAP_host_map)
		*host = (uint16_t)(*host + change);
	if (flags & GNTMAP_device_map)
		*dev = (uint16_t)(*dev + change);
}

/* One reference, for either kind of mapping. */
static bool get_frame(const struct domain *d, uint64_t mfn, bool write, bool dma)
{
	struct frame *frame = &model.frames[mfn];

	if (write && !frame_get_type(mfn, TYPE_WRITABLE))
		return false;
	frame->refs++;
	frame->grants++;
	frame->dma = (uint16_t)(frame->dma + (dma && d == &domains[0]));
	return true;
}

static void put_frame(const struct domain *d, uint64_t mfn, bool write, bool dma)
{
	struct frame *frame = &model.frames[mfn];

	frame->dma = (uint16_t)(frame->dma - (dma && d == &domains[0]));
	frame->grants--;
	if (write)
		frame_put_type(mfn);
	frame_put(mfn);
}

static bool owned(const struct domain *d, uint64_t mfn)
{
	return frame_is(mfn, OWNER_DOMAIN, d->index) || frame_is(mfn, OWNER_SHARED, d->index);
}

/* Let the grant count one more use of the kinds in @flags. */
static int claim(struct domain *rd, grant_ref_t ref, domid_t to, uint32_t flags)
{
	struct active_grant *act = &rd->grants.active[ref];
	bool readonly = flags & GNTMAP_readonly, fresh = !grant_in_use(act);
	int rc;

	if (!fresh && (act->to != to || pin_overflows(act, flags)))
		return GNTST_general_error;
	if (fresh || (!readonly && !act->host_write && !act->dev_write)) {
		rc = grant_set_status(rd, ref, to, readonly, true);
		if (rc)
			return rc;
	}
	if (fresh) {
		uint32_t frame = __atomic_load_n(&grant_entry(rd, ref)->frame, __ATOMIC_RELAXED);

		if (!owned(rd, frame)) {
			grant_reduce_status(rd, ref, readonly);
			return GNTST_bad_page;
		}
		act->to = to;
		act->mfn = frame;
	}
	pin(act, flags, 1);
	return GNTST_okay;
}

static void unclaim(struct domain *rd, grant_ref_t ref, uint32_t flags)
{
	pin(&rd->grants.active[ref], flags, -1);
	grant_reduce_status(rd, ref, flags & GNTMAP_readonly);
}

/* References for, and the mappings in, @flags. */
static int map_frame(const struct domain *d, const struct gnttab_map_grant_ref *op, uint64_t mfn)
{
	bool write = !(op->flags & GNTMAP_readonly), device = op->flags & GNTMAP_device_map;

	if (device && !get_frame(d, mfn, write, true))
		return GNTST_general_error;
	if (!(op->flags & GNTMAP_host_map))
		return GNTST_okay;
	if (!get_frame(d, mfn, write, false))
		goto undo_device;
	if (d != &domains[0])
		return GNTST_okay;
	/* A PTE by its machine address: the kernel's tables are not in memory here. */
	if (!(op->flags & GNTMAP_contains_pte) && mmu_grant_map(op->host_addr, mfn, write))
		return GNTST_okay;
	put_frame(d, mfn, write, false);
undo_device:
	if (device)
		put_frame(d, mfn, write, true);
	return GNTST_general_error;
}

static struct maptrack *new_handle(struct domain *d, uint32_t *handle)
{
	struct grant_table *table = &d->grants;

	for (unsigned int i = 0; i < MAPTRACK_MAX; i++) {
		uint32_t next = (table->last_handle + i) % MAPTRACK_MAX;

		if (table->maptrack[next].flags)
			continue;
		table->last_handle = next + 1;
		if (table->end_handle <= next)
			table->end_handle = next + 1;
		*handle = next;
		return &table->maptrack[next];
	}
	return NULL;
}

static int map(struct domain *d, struct gnttab_map_grant_ref *op)
{
	struct maptrack *track;
	struct domain *rd;
	uint32_t handle;
	int rc;

	if (!(op->flags & (GNTMAP_device_map | GNTMAP_host_map)))
		return GNTST_bad_gntref;
	rd = domain_by_id(op->dom);
	if (!rd)
		return GNTST_bad_domain;
	track = new_handle(d, &handle);
	if (!track)
		return GNTST_no_space;
	if (op->ref >= grant_nr(rd))
		return GNTST_bad_gntref;
	rc = claim(rd, op->ref, d->id, op->flags);
	if (rc)
		return rc;
	rc = map_frame(d, op, rd->grants.active[op->ref].mfn);
	if (rc) {
		unclaim(rd, op->ref, op->flags);
		return rc;
	}
	*track = (struct maptrack){.flags = op->flags, .owner = rd->id, .ref = op->ref};
	op->dev_bus_addr = (uint64_t)rd->grants.active[op->ref].mfn << XEN_PAGE_SHIFT;
	op->handle = handle;
	return GNTST_okay;
}

void grant_map(struct gnttab_map_grant_ref *op)
{
	op->status = (int16_t)map(domain_acting(), op);
}

/* The mappings of kinds @kinds end; what they are is @flags. */
static void end(const struct domain *d, struct domain *rd, grant_ref_t ref, uint32_t kinds,
		uint32_t flags)
{
	uint64_t mfn = rd->grants.active[ref].mfn;
	bool write = !(flags & GNTMAP_readonly);

	unclaim(rd, ref, kinds | (flags & GNTMAP_readonly));
	if (kinds & GNTMAP_device_map)
		put_frame(d, mfn, write, true);
	if (kinds & GNTMAP_host_map)
		put_frame(d, mfn, write, false);
}

static int unmap(struct domain *d, const struct gnttab_unmap_grant_ref *op)
{
	struct maptrack *track;
	struct domain *rd;
	uint32_t kinds = 0;
	uint64_t mfn;
	int rc;

	if (op->handle >= MAPTRACK_MAX || !d->grants.maptrack[op->handle].flags)
		return GNTST_bad_handle;
	track = &d->grants.maptrack[op->handle];
	rd = domain_by_id(track->owner); /* a dead one is there as long as this mapping is */
	mfn = rd->grants.active[track->ref].mfn;
	if (op->dev_bus_addr && (track->flags & GNTMAP_device_map)) {
		if (op->dev_bus_addr != mfn << XEN_PAGE_SHIFT)
			return GNTST_bad_dev_addr;
		kinds |= GNTMAP_device_map;
	}
	if (op->host_addr && (track->flags & GNTMAP_host_map)) {
		rc = d == &domains[0] ? mmu_grant_unmap(op->host_addr, mfn,
							!(track->flags & GNTMAP_readonly))
				      : GNTST_okay;
		if (rc)
			return rc;
		kinds |= GNTMAP_host_map;
	}
	track->flags &= ~kinds;
	end(d, rd, track->ref, kinds, track->flags);
	if (!(track->flags & (GNTMAP_device_map | GNTMAP_host_map)))
		track->flags = 0;
	return GNTST_okay;
}

void grant_unmap(struct gnttab_unmap_grant_ref *op)
{
	op->status = (int16_t)unmap(domain_acting(), op);
}

void grant_release_mappings(struct domain *d)
{
	for (uint32_t handle = 0; handle < d->grants.end_handle; handle++) {
		struct maptrack *track = &d->grants.maptrack[handle];
		uint32_t kinds = track->flags & (GNTMAP_device_map | GNTMAP_host_map);

		if (kinds)
			end(d, domain_by_id(track->owner), track->ref, kinds, track->flags);
		track->flags = 0;
	}
}
