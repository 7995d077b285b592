/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: between a frame of the acting domain, or a page granted to it, and another. A
 * granted side counts as mapped by the CPU while the copy lasts. Model lock held.
 */
#include <string.h>

#include <model/domain-internal.h>

struct side {
	struct domain *d;
	grant_ref_t ref;
	uint64_t mfn;
	bool granted, readonly;
};

static int find_domain(struct side *side, domid_t id, bool granted)
{
	if (id != DOMID_SELF && !granted)
		return GNTST_permission_denied;
	side->granted = granted;
	side->d = domain_by_any_id(id);
	return side->d ? GNTST_okay : GNTST_bad_domain;
}

static bool owned(const struct domain *d, uint64_t mfn)
{
	return frame_is(mfn, OWNER_DOMAIN, d->index) || frame_is(mfn, OWNER_SHARED, d->index);
}

static int acquire(struct side *side)
{
	domid_t to = domain_acting()->id;
	struct active_grant *act;
	bool fresh;
	int rc;

	if (side->ref >= grant_nr(side->d))
		return GNTST_bad_gntref;
	act = &side->d->grants.active[side->ref];
	fresh = !grant_in_use(act);
	if (!fresh &&
	    (act->to != to || (side->readonly ? act->host_read : act->host_write) == PIN_MAX))
		return GNTST_general_error;
	if (fresh || (!side->readonly && !act->host_write && !act->dev_write)) {
		rc = grant_set_status(side->d, side->ref, to, side->readonly, false);
		if (rc)
			return rc;
		side->mfn =
			__atomic_load_n(&grant_entry(side->d, side->ref)->frame, __ATOMIC_RELAXED);
		rc = !owned(side->d, side->mfn)	       ? GNTST_bad_page
		     : !fresh && act->mfn != side->mfn ? GNTST_general_error
						       : GNTST_okay;
	} else {
		side->mfn = act->mfn;
		rc = side->d->dying ? GNTST_bad_domain : GNTST_okay;
	}
	if (rc) {
		grant_reduce_status(side->d, side->ref, side->readonly);
		return rc;
	}
	act->to = to;
	act->mfn = (uint32_t)side->mfn;
	if (side->readonly)
		act->host_read++;
	else
		act->host_write++;
	return GNTST_okay;
}

static void release(const struct side *side)
{
	struct active_grant *act;

	if (!side->granted)
		return;
	act = &side->d->grants.active[side->ref];
	if (side->readonly)
		act->host_read--;
	else
		act->host_write--;
	grant_reduce_status(side->d, side->ref, side->readonly);
}

static int claim(struct side *side, const struct gnttab_copy_ptr *ptr)
{
	int rc = GNTST_okay;

	if (side->granted) {
		side->ref = ptr->u.ref;
		rc = acquire(side);
	} else {
		side->mfn = ptr->u.gmfn;
		if (!owned(side->d, side->mfn))
			rc = GNTST_bad_page;
	}
	if (rc || side->readonly)
		return rc;
	if (!frame_get_type(side->mfn, TYPE_WRITABLE)) {
		release(side);
		return GNTST_general_error;
	}
	frame_put_type(side->mfn); /* nobody else runs while the copy lasts */
	return GNTST_okay;
}

static int copy(const struct gnttab_copy *op)
{
	struct side from = {.readonly = true}, to = {0};
	int rc = find_domain(&from, op->source.domid, op->flags & GNTCOPY_source_gref);

	if (!rc)
		rc = find_domain(&to, op->dest.domid, op->flags & GNTCOPY_dest_gref);
	if (!rc)
		rc = claim(&from, &op->source);
	if (rc)
		return rc;
	rc = claim(&to, &op->dest);
	if (rc)
		goto release_from;
	if (op->source.offset + op->len > XEN_PAGE_SIZE ||
	    op->dest.offset + op->len > XEN_PAGE_SIZE)
		rc = GNTST_bad_copy_arg;
	else
		memmove(frame_bytes(to.mfn) + op->dest.offset,
			frame_bytes(from.mfn) + op->source.offset, op->len);
	release(&to);
release_from:
	release(&from);
	return rc;
}

void grant_copy(struct gnttab_copy *op)
{
	op->status = (int16_t)copy(op);
}
