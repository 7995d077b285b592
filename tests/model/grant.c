/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: the shared entries that a domain writes, lying in frames of Xen's own
 * that the domain may map, and beside each what Xen knows of its use. Entries are read once and
 * changed by compare-and-exchange, for their domain may write to them at any time. Model lock held.
 */
#include <stdio.h>
#include <string.h>

#include <model/domain-internal.h>

unsigned int grant_nr(const struct domain *d)
{
	return (unsigned int)(d->grants.nr_frames * GRANTS_A_FRAME);
}

grant_entry_v1_t *grant_entry(const struct domain *d, grant_ref_t ref)
{
	uint64_t mfn = d->grants.frame[ref / GRANTS_A_FRAME];

	return (grant_entry_v1_t *)(void *)frame_bytes(mfn) + ref % GRANTS_A_FRAME;
}

bool grant_in_use(const struct active_grant *act)
{
	return act->host_read || act->host_write || act->dev_read || act->dev_write;
}

static int grow(struct domain *d, unsigned int nr_frames)
{
	struct grant_table *table = &d->grants;

	for (; table->nr_frames < nr_frames; table->nr_frames++) {
		uint32_t mfn = frames_alloc(0, 64 + XEN_PAGE_SHIFT, false);

		if (mfn == NONE)
			return -XEN_ENOMEM;
		model.frames[mfn].owner = OWNER_SHARED;
		model.frames[mfn].domain = (uint8_t)d->index;
		memset(frame_bytes(mfn), 0, XEN_PAGE_SIZE);
		table->frame[table->nr_frames] = mfn;
	}
	return 0;
}

int grant_start(struct domain *d)
{
	d->grants = (struct grant_table){0};
	d->grants.active =
		model_reserve(GRANT_FRAMES_MAX * GRANTS_A_FRAME * sizeof(*d->grants.active));
	d->grants.maptrack = model_reserve(MAPTRACK_MAX * sizeof(*d->grants.maptrack));
	return grow(d, 1);
}

void grant_end(struct domain *d)
{
	for (unsigned int i = 0; i < d->grants.nr_frames; i++) {
		model.frames[d->grants.frame[i]].domain = 0;
		frame_free(d->grants.frame[i]);
	}
	d->grants.nr_frames = 0;
}

static unsigned int nr_maps(const struct domain *d)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < d->grants.end_handle; i++)
		nr += d->grants.maptrack[i].flags != 0;
	return nr;
}

unsigned int model_grant_maps(domid_t id)
{
	const struct domain *d;
	unsigned int nr;

	model_enter();
	d = domain_by_any_id(id);
	nr = d ? nr_maps(d) : 0;
	model_leave();
	return nr;
}

bool grant_stop(void)
{
	bool ok = true;

	for (unsigned int i = 0; i < MAX_DOMAINS; i++) {
		if (!domains[i].exists || domains[i].dying || !nr_maps(&domains[i]))
			continue;
		fprintf(stderr, "model_stop: domain %u has %u grants mapped\n", domains[i].id,
			nr_maps(&domains[i]));
		ok = false;
	}
	return ok;
}

int grant_set_status(struct domain *d, grant_ref_t ref, domid_t to, bool readonly, bool map)
{
	const struct active_grant *act = &d->grants.active[ref];
	uint32_t *raw = (uint32_t *)(void *)grant_entry(d, ref);
	uint32_t seen = __atomic_load_n(raw, __ATOMIC_ACQUIRE), next;
	uint16_t mask = GTF_type_mask | (map ? GTF_sub_page : 0);

	do {
		uint16_t flags = (uint16_t)seen;

		if (!grant_in_use(act) &&
		    ((flags & mask) != GTF_permit_access || (domid_t)(seen >> 16) != to))
			return GNTST_general_error;
		if (!readonly && (flags & GTF_readonly))
			return GNTST_general_error;
		next = seen | GTF_reading | (readonly ? 0 : GTF_writing);
	} while (!__atomic_compare_exchange_n(raw, &seen, next, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	return GNTST_okay;
}

void grant_reduce_status(struct domain *d, grant_ref_t ref, bool readonly)
{
	const struct active_grant *act = &d->grants.active[ref];
	uint16_t clear = grant_in_use(act) ? 0 : GTF_reading;

	if (!readonly && !act->host_write && !act->dev_write)
		clear |= GTF_writing;
	__atomic_fetch_and(&grant_entry(d, ref)->flags, (uint16_t)~clear, __ATOMIC_RELEASE);
}

static long setup_table(struct gnttab_setup_table *op, unsigned int count)
{
	struct domain *d;

	if (count != 1)
		return -XEN_EINVAL;
	if (!op)
		return -XEN_EFAULT;
	d = domain_by_any_id(op->dom);
	op->status = GNTST_okay;
	if (!d)
		op->status = GNTST_bad_domain;
	else if (!domain_may_target(d))
		op->status = GNTST_permission_denied;
	else if (op->nr_frames > GRANT_FRAMES_MAX || grow(d, op->nr_frames))
		op->status = GNTST_general_error;
	for (unsigned int i = 0; !op->status && i < op->nr_frames; i++) {
		if (op->frame_list.p)
			op->frame_list.p[i] = d->grants.frame[i];
		else
			op->status = GNTST_bad_virt_addr;
	}
	return 0;
}

static long query_size(struct gnttab_query_size *op, unsigned int count)
{
	const struct domain *d;

	if (count != 1)
		return -XEN_EINVAL;
	if (!op)
		return -XEN_EFAULT;
	d = domain_by_any_id(op->dom);
	if (!d) {
		op->status = GNTST_bad_domain;
	} else if (!domain_may_target(d)) {
		op->status = GNTST_permission_denied;
	} else {
		op->nr_frames = d->grants.nr_frames;
		op->max_nr_frames = GRANT_FRAMES_MAX;
		op->status = GNTST_okay;
	}
	return 0;
}

static long set_version(struct gnttab_set_version *op)
{
	uint32_t asked;

	if (!op)
		return -XEN_EFAULT;
	asked = op->version;
	op->version = 1;
	if (asked == 2)
		model_breach("GNTTABOP_set_version: version 2 is not to be used");
	return asked == 1 ? 0 : -XEN_EINVAL;
}

static long get_version(struct gnttab_get_version *op)
{
	const struct domain *d;

	if (!op)
		return -XEN_EFAULT;
	d = domain_by_any_id(op->dom);
	if (!d)
		return -XEN_ESRCH;
	if (!domain_may_target(d))
		return -XEN_EPERM;
	op->version = 1;
	return 0;
}

int do_grant_table_op(unsigned int cmd, void *arg, unsigned int count)
{
	if ((int)count < 0 || cmd > 0xfff)
		return -XEN_EINVAL;
	switch (cmd) {
	case GNTTABOP_setup_table:
		return (int)setup_table(arg, count);
	case GNTTABOP_query_size:
		return (int)query_size(arg, count);
	case GNTTABOP_set_version:
		return (int)set_version(arg);
	case GNTTABOP_get_version:
		return (int)get_version(arg);
	case GNTTABOP_map_grant_ref:
	case GNTTABOP_unmap_grant_ref:
	case GNTTABOP_copy:
		break;
	case GNTTABOP_unmap_and_replace:
	case GNTTABOP_transfer:
	case GNTTABOP_get_status_frames:
	case GNTTABOP_swap_grant_ref:
	case GNTTABOP_cache_flush:
		model_breach("grant_table_op: command %u is not to be used", cmd);
	default:
		return -XEN_ENOSYS;
	}
	if (count && !arg)
		return -XEN_EFAULT;
	for (unsigned int i = 0; i < count; i++) {
		if (cmd == GNTTABOP_map_grant_ref)
			grant_map((struct gnttab_map_grant_ref *)arg + i);
		else if (cmd == GNTTABOP_unmap_grant_ref)
			grant_unmap((struct gnttab_unmap_grant_ref *)arg + i);
		else
			grant_copy((struct gnttab_copy *)arg + i);
	}
	return 0;
}

static const struct domain *owner(const char *function, domid_t id, grant_ref_t ref)
{
	const struct domain *d = domain_by_any_id(id);

	if (!d || ref >= grant_nr(d))
		model_breach("%s: domain %u has no reference %u", function, id, ref);
	return d;
}

grant_ref_t model_grant(domid_t id, domid_t to, unsigned int page, bool readonly)
{
	uint32_t frame = (uint32_t)mfn_x(model_domain_mfn(id, page));
	const struct domain *d;
	grant_ref_t ref;

	model_enter();
	d = owner("model_grant", id, 0);
	for (ref = GNTTAB_NR_RESERVED_ENTRIES; ref < grant_nr(d); ref++)
		if (!grant_entry(d, ref)->flags)
			break;
	if (ref == grant_nr(d))
		model_breach("model_grant: the table is full");
	grant_entry(d, ref)->domid = to;
	grant_entry(d, ref)->frame = frame;
	__atomic_store_n(&grant_entry(d, ref)->flags,
			 (uint16_t)(GTF_permit_access | (readonly ? GTF_readonly : 0)),
			 __ATOMIC_RELEASE);
	model_leave();
	return ref;
}

grant_entry_v1_t *model_grant_entry(domid_t id, grant_ref_t ref)
{
	grant_entry_v1_t *entry;

	model_enter();
	entry = grant_entry(owner("model_grant_entry", id, ref), ref);
	model_leave();
	return entry;
}

bool model_grant_end(domid_t id, grant_ref_t ref)
{
	grant_entry_v1_t *entry = model_grant_entry(id, ref);
	uint16_t flags = __atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE);

	do {
		if (flags & (GTF_reading | GTF_writing))
			return false;
	} while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	return true;
}
