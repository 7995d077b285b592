/* SPDX-License-Identifier: MIT */
/*
 * Grants: letting another domain map a page of ours (granting), and mapping pages of another
 * (mapping). Grant table version 1.
 *
 * What is granted is a whole page, zeroed when it was got with xen_grant_page(). A grant is ended
 * only when the peer no longer uses it, by one atomic compare-and-exchange on its flags; a page
 * whose grant cannot be ended is never freed: it goes to quarantine, where xen_grant_reap() tries
 * again. The peer can thus cost us memory but not integrity (XSA-396). Freeing takes no memory, so
 * it cannot fail.
 *
 * Context: any, except xen_grant_init() and xen_grant_fini(), which may sleep and stand alone.
 */
#ifndef XENDMA_XEN_GRANT_H
#define XENDMA_XEN_GRANT_H

#include <xen/types.h>

#include <xen/grant_table.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Set the table up (@frames pages or what Xen has already, grown as needed up to Xen's maximum) and
 * map it through xen_port_vm_alloc(). References that are in use, from another life of the kernel,
 * stay so. -XEN_ENOSYS: Xen has no grants; -XEN_EBUSY: set up already; -XEN_ENOMEM; Xen's refusal.
 */
int xen_grant_init(unsigned int frames);
/* Grants that are left stay with their peers, pages in quarantine are lost: both are logged. */
void xen_grant_fini(void);

/*
 * Let @domid map the frame of @pfn. *@ref is the grant. The page must stay as it is until the grant
 * is ended: not freed, not exchanged. -XEN_ENOSPC: the table is full and as large as may be;
 * -XEN_ENOMEM, or what Xen refuses: it does not grow; -XEN_EINVAL: not own RAM; -XEN_ERANGE: its
 * frame is above 16 TiB. On error nothing is granted.
 */
int xen_grant_access(domid_t domid, pfn_t pfn, bool readonly, grant_ref_t *ref);
/* End it. -XEN_EBUSY: the peer has it mapped: the grant stands. -XEN_EINVAL: no such grant. */
int xen_grant_end(grant_ref_t ref);

/* Does the peer use it now? false: no such grant. What it does next is another question: only
 * ending it decides. */
bool xen_grant_in_use(grant_ref_t ref);

/* A zeroed page of the port, granted. NULL with *@err (may be NULL): -XEN_ENOMEM, or as
 * xen_grant_access(). */
void *xen_grant_page(domid_t domid, grant_ref_t *ref, int *err);
/* End the grant of xen_grant_page() and free the page, or put both into quarantine: neither may be
 * used again. That a quarantine begins is logged. */
void xen_grant_page_free(void *va, grant_ref_t ref);
/* Try quarantined pages again; returns how many remain. */
unsigned int xen_grant_reap(void);

/* Quarantined pages that @domid keeps. One domain's are no reason to refuse another. */
unsigned int xen_grant_kept(domid_t domid);

/* Grants in use, quarantined pages among them. */
unsigned int xen_grant_used(void);

struct xen_grant_map {
	grant_ref_t ref;       /* in */
	void *va;	       /* in: kernel address to map at, from xen_port_vm_alloc() */
	bool readonly;	       /* in */
	bool device;	       /* in: also a mapping for devices */
	grant_handle_t handle; /* out */
	dma_addr_t dma;	       /* out: bus address, if device */
	int err;	       /* out: of this element; 0: it is mapped */
};

/*
 * Map @nr grants of @domid. 0 or the first element's error; each element has its own, and those
 * that succeeded stay mapped: unmap them. -XEN_EAGAIN: the owner's page is not there now, try
 * again; -XEN_ESRCH: no such domain; -XEN_EINVAL: no such grant, or not for us; -XEN_EFAULT: the
 * address; -XEN_ENOSPC: out of handles; -XEN_EPERM; -XEN_EIO: the rest.
 */
int xen_grant_map(domid_t domid, struct xen_grant_map *map, unsigned int nr);
/* Unmap the elements whose err is 0, which it sets to -XEN_ENOENT: so each success is unmapped
 * exactly once. 0 or the first error; elements that Xen refused to unmap stay mapped, with err 0.
 */
int xen_grant_unmap(struct xen_grant_map *map, unsigned int nr);

#ifdef __cplusplus
}
#endif

#endif
