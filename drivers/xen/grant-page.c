/* SPDX-License-Identifier: MIT */
/*
 * Granted pages, and the quarantine of those that the peer does not let go.
 *
 * The quarantine is a bit for each reference: the page is found again by the frame in the entry,
 * which is ours alone to write and stands as long as the grant. So nothing has to be allocated when
 * a page is freed. The table's lock guards the bits.
 */
#include "grant-internal.h"

#define BITS 64u

void *xen_grant_page(domid_t domid, grant_ref_t *ref, int *err)
{
	void *va = xen_port_alloc_pages(0);
	int rc = -XEN_ENOMEM;

	if (!va)
		goto fail;
	__builtin_memset(va, 0, XEN_PAGE_SIZE);
	rc = xen_grant_access(domid, xen_port_virt_to_pfn(va), false, ref);
	if (rc)
		goto free;
	if (err)
		*err = 0;
	return va;

free:
	xen_port_free_pages(va, 0);
fail:
	if (err)
		*err = rc;
	return NULL;
}

/* Was it empty before? */
static bool quarantine(grant_ref_t ref)
{
	uint64_t *word = &xen_grants.quarantine[ref / BITS], bit = 1ULL << ref % BITS;
	unsigned long flags = xen_port_lock(&xen_grants.lock);
	bool was_empty = !xen_grants.nr_quarantined;

	XEN_ASSERT(!(*word & bit));
	*word |= bit;
	xen_store(&xen_grants.nr_quarantined, xen_grants.nr_quarantined + 1);
	xen_port_unlock(&xen_grants.lock, flags);
	return was_empty;
}

void xen_grant_page_free(void *va, grant_ref_t ref)
{
	int rc = xen_grant_end(ref);

	if (rc && rc != -XEN_EBUSY)
		xen_port_panic("free of a granted page: %u is no grant", ref);
	if (!rc)
		xen_port_free_pages(va, 0);
	else if (quarantine(ref))
		xen_port_log(XEN_LOG_WARN, "grant %u: domain %u has the page mapped: quarantine",
			     ref, xen_grants.entry[ref].domid);
}

/* The page of a reference in quarantine. */
static void *page_of(grant_ref_t ref)
{
	pfn_t pfn = xen_mfn_to_pfn(mk_mfn(xen_grants.entry[ref].frame));
	void *va = pfn_valid(pfn) ? xen_port_pfn_to_virt(pfn) : NULL;

	XEN_ASSERT(va);
	return va;
}

/* Take the lowest reference from @from on out of the quarantine; false: there is none. */
static bool take(grant_ref_t from, grant_ref_t *ref)
{
	unsigned long flags = xen_port_lock(&xen_grants.lock);
	size_t i, nr = xen_grants.quarantine_size / sizeof(uint64_t);
	bool found = false;

	for (i = from / BITS; i < nr && !found && xen_grants.nr_quarantined; i++) {
		uint64_t bits = xen_grants.quarantine[i];

		if (i == from / BITS)
			bits &= ~0ULL << from % BITS;
		if (!bits)
			continue;
		found = true;
		*ref = (grant_ref_t)(i * BITS + (unsigned int)__builtin_ctzll(bits));
		xen_grants.quarantine[i] &= ~(bits & -bits);
		xen_store(&xen_grants.nr_quarantined, xen_grants.nr_quarantined - 1);
	}
	xen_port_unlock(&xen_grants.lock, flags);
	return found;
}

unsigned int xen_grant_reap(void)
{
	grant_ref_t next = 0, ref;

	while (take(next, &ref)) {
		void *va = page_of(ref);

		if (xen_grant_end(ref))
			quarantine(ref);
		else
			xen_port_free_pages(va, 0);
		next = ref + 1;
	}
	return xen_load(&xen_grants.nr_quarantined);
}

unsigned int xen_grant_kept(domid_t domid)
{
	unsigned long flags = xen_port_lock(&xen_grants.lock);
	size_t nr = xen_grants.quarantine_size / sizeof(uint64_t);
	unsigned int left = xen_grants.nr_quarantined, kept = 0;

	for (size_t i = 0; i < nr && left; i++) {
		for (uint64_t bits = xen_grants.quarantine[i]; bits; bits &= bits - 1) {
			unsigned int ref =
				(unsigned int)(i * BITS) + (unsigned int)__builtin_ctzll(bits);

			kept += xen_grants.entry[ref].domid == domid;
			left--;
		}
	}
	xen_port_unlock(&xen_grants.lock, flags);
	return kept;
}
