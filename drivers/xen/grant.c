/* SPDX-License-Identifier: MIT */
/*
 * The grant table: setting it up, growing it, granting and ending grants.
 *
 * Invariant: an entry is on the free list exactly when its flags are 0 and it is not being filled
 * or ended; only we write entries, but for the two flags by which Xen says that a grant is in use.
 * The lock guards the list and the size; filling and ending an entry take no lock: the entry is its
 * caller's.
 */
#include <xen/mmu.h>

#include "grant-internal.h"

#define ENTRIES_A_FRAME (XEN_PAGE_SIZE / sizeof(grant_entry_v1_t))
#define IN_USE (GTF_reading | GTF_writing)
/* What setup_table is told about at once. */
#define FRAMES_LIMIT 1024u

struct xen_grants xen_grants;

int xen_grant_error(int16_t status)
{
	switch (status) {
	case GNTST_okay:
		return 0;
	case GNTST_bad_domain:
		return -XEN_ESRCH;
	case GNTST_bad_gntref:
	case GNTST_bad_handle:
	case GNTST_bad_dev_addr:
	case GNTST_bad_page:
		return -XEN_EINVAL;
	case GNTST_bad_virt_addr:
		return -XEN_EFAULT;
	case GNTST_permission_denied:
		return -XEN_EPERM;
	case GNTST_eagain:
		return -XEN_EAGAIN;
	case GNTST_no_device_space:
	case GNTST_no_space:
		return -XEN_ENOSPC;
	default:
		return -XEN_EIO;
	}
}

bool xen_grant_is_ref(grant_ref_t ref)
{
	return ref >= GNTTAB_NR_RESERVED_ENTRIES &&
	       ref < xen_load(&xen_grants.nr_frames) * ENTRIES_A_FRAME;
}

static void put_free(grant_ref_t ref)
{
	xen_grants.entry[ref].frame = xen_grants.free;
	xen_grants.free = ref;
	xen_grants.nr_free++;
}

/* Map frame number @nr of the table and put its entries on the free list. */
static int add_frame(unsigned int nr, uint64_t mfn)
{
	char *va = (char *)xen_grants.entry + nr * XEN_PAGE_SIZE;
	grant_ref_t first = (grant_ref_t)(nr * ENTRIES_A_FRAME), ref;
	int rc = hypercall_update_va_mapping((uintptr_t)va,
					     mfn_to_dma(mk_mfn(mfn)) | XEN_PTE_KERNEL, UVMF_INVLPG);

	if (rc)
		return rc < 0 ? rc : -XEN_EIO;
	xen_store(&xen_grants.nr_frames, nr + 1);
	for (ref = first + ENTRIES_A_FRAME; ref-- > first;)
		if (ref >= GNTTAB_NR_RESERVED_ENTRIES && !xen_grants.entry[ref].flags)
			put_free(ref);
	return 0;
}

/* To @frames in all. */
static int grow(unsigned int frames)
{
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = frames};
	xen_pfn_t *list = xen_port_alloc(frames * sizeof(*list));
	int rc;

	if (!list)
		return -XEN_ENOMEM;
	set_xen_guest_handle(setup.frame_list, list);
	rc = hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	if (!rc)
		rc = xen_grant_error(setup.status);
	else if (rc > 0)
		rc = -XEN_EIO;
	while (!rc && xen_grants.nr_frames < frames)
		rc = add_frame(xen_grants.nr_frames, list[xen_grants.nr_frames]);
	xen_port_free(list, frames * sizeof(*list));
	return rc;
}

static int query(unsigned int *frames, unsigned int *max)
{
	struct gnttab_set_version version = {.version = 1};
	struct gnttab_query_size size = {.dom = DOMID_SELF};
	int rc = hypercall_grant_table_op(GNTTABOP_query_size, &size, 1);

	if (!rc)
		rc = xen_grant_error(size.status);
	if (!rc)
		rc = hypercall_grant_table_op(GNTTABOP_set_version, &version, 1);
	if (!rc && (version.version != 1 || !size.max_nr_frames))
		rc = -XEN_EIO;
	*frames = size.nr_frames;
	*max = size.max_nr_frames < FRAMES_LIMIT ? size.max_nr_frames : FRAMES_LIMIT;
	return rc > 0 ? -XEN_EIO : rc;
}

int xen_grant_init(unsigned int frames)
{
	unsigned int max, had;
	int rc;

	if (xen_grants.entry)
		return -XEN_EBUSY;
	rc = query(&had, &max);
	if (rc)
		return rc;
	if (frames < had)
		frames = had;
	if (!frames)
		frames = 1;
	if (frames > max)
		frames = max;

	__builtin_memset(&xen_grants, 0, sizeof(xen_grants));
	xen_grants.max_frames = max;
	xen_grants.quarantine_size = max * ENTRIES_A_FRAME / 8;
	xen_grants.quarantine = xen_port_alloc(xen_grants.quarantine_size);
	if (!xen_grants.quarantine)
		return -XEN_ENOMEM;
	xen_grants.entry = xen_port_vm_alloc(max);
	rc = xen_grants.entry ? grow(frames) : -XEN_ENOMEM;
	if (rc)
		xen_grant_fini();
	return rc;
}

void xen_grant_fini(void)
{
	unsigned int used = xen_grant_used(), i;
	int rc = 0;

	if (used)
		xen_port_log(XEN_LOG_WARN, "grant table: %u grants are left, %u pages lost", used,
			     xen_grants.nr_quarantined);
	for (i = 0; i < xen_grants.nr_frames && !rc; i++)
		rc = hypercall_update_va_mapping((uintptr_t)xen_grants.entry + i * XEN_PAGE_SIZE, 0,
						 UVMF_INVLPG | UVMF_ALL);
	if (rc)
		xen_port_log(XEN_LOG_ERROR, "grant table at %p stays mapped: error %d",
			     (void *)xen_grants.entry, rc);
	else if (xen_grants.entry)
		xen_port_vm_free(xen_grants.entry, xen_grants.max_frames);
	xen_port_free(xen_grants.quarantine, xen_grants.quarantine_size);
	__builtin_memset(&xen_grants, 0, sizeof(xen_grants));
}

static int take_free(grant_ref_t *ref)
{
	unsigned long flags = xen_port_lock(&xen_grants.lock);
	int rc = 0;

	if (!xen_grants.free && xen_grants.nr_frames < xen_grants.max_frames)
		rc = grow(xen_grants.nr_frames + 1);
	if (!rc && !xen_grants.free)
		rc = -XEN_ENOSPC;
	if (!rc) {
		*ref = xen_grants.free;
		xen_grants.free = xen_grants.entry[*ref].frame;
		xen_grants.nr_free--;
	}
	xen_port_unlock(&xen_grants.lock, flags);
	return rc;
}

int xen_grant_access(domid_t domid, pfn_t pfn, bool readonly, grant_ref_t *ref)
{
	uint16_t flags = (uint16_t)(GTF_permit_access | (readonly ? GTF_readonly : 0));
	grant_entry_v1_t *entry;
	uint64_t frame;
	int rc;

	if (!xen_p2m_is_own_ram(pfn))
		return -XEN_EINVAL;
	frame = mfn_x(xen_pfn_to_mfn(pfn));
	if (frame > UINT32_MAX)
		return -XEN_ERANGE;
	rc = take_free(ref);
	if (rc)
		return rc;
	entry = &xen_grants.entry[*ref];
	entry->frame = (uint32_t)frame;
	entry->domid = domid;
	xen_store_release(&entry->flags, flags);
	return 0;
}

int xen_grant_end(grant_ref_t ref)
{
	grant_entry_v1_t *entry;
	unsigned long irq;
	uint16_t flags;

	if (!xen_grant_is_ref(ref))
		return -XEN_EINVAL;
	entry = &xen_grants.entry[ref];
	flags = xen_load(&entry->flags);
	do {
		if ((flags & GTF_type_mask) != GTF_permit_access)
			return -XEN_EINVAL;
		if (flags & IN_USE)
			return -XEN_EBUSY;
	} while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	irq = xen_port_lock(&xen_grants.lock);
	put_free(ref);
	xen_port_unlock(&xen_grants.lock, irq);
	return 0;
}

bool xen_grant_in_use(grant_ref_t ref)
{
	return xen_grant_is_ref(ref) && xen_load(&xen_grants.entry[ref].flags) & IN_USE;
}

unsigned int xen_grant_used(void)
{
	unsigned long flags = xen_port_lock(&xen_grants.lock);
	unsigned int nr = (unsigned int)(xen_grants.nr_frames * ENTRIES_A_FRAME);

	nr -= nr ? GNTTAB_NR_RESERVED_ENTRIES + xen_grants.nr_free : 0;
	xen_port_unlock(&xen_grants.lock, flags);
	return nr;
}
