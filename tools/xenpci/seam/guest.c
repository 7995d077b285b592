/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory by way of libxenctrl and libxenforeignmemory. Xen's machine-to-physical table
 * is mapped by pieces of 2 MiB when they are first asked about, and stays mapped; a guest's pages
 * are mapped only while they are copied. One thread.
 */
#include "guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>
#include "base/memory.h"
#include "quiet.h"

#define M2P_PIECE_PAGES 512
#define M2P_PIECE ((uint64_t)M2P_PIECE_PAGES * GUEST_ENTRIES) /* entries */

struct guest {
	uint32_t domain;
	xc_interface *xc;
	xenforeignmemory_handle *memory;
	uint64_t max_mfn;
	xen_pfn_t *m2p_frame;	     /* the first frame of each piece; NULL until needed */
	const xen_pfn_t **m2p_piece; /* where it is mapped; NULL: not yet */
	size_t m2p_pieces;
};

static int failure(void)
{
	return errno > 0 ? -errno : -EIO;
}

struct guest *guest_open(uint32_t domain)
{
	struct guest *guest = memory_grow(NULL, 1, sizeof(*guest));

	*guest = (struct guest){.domain = domain};
	guest->xc = xc_interface_open(&quiet_logger, &quiet_logger, 0);
	if (!guest->xc)
		goto free_guest;
	guest->memory = xenforeignmemory_open(&quiet_logger, 0);
	if (!guest->memory)
		goto close_xc;
	return guest;

close_xc:
	xc_interface_close(guest->xc);
free_guest:
	free(guest);
	return NULL;
}

void guest_close(struct guest *guest)
{
	size_t i;

	if (!guest)
		return;
	for (i = 0; i < guest->m2p_pieces; i++)
		if (guest->m2p_piece[i])
			xenforeignmemory_unmap(guest->memory, (void *)guest->m2p_piece[i],
					       M2P_PIECE_PAGES);
	free(guest->m2p_piece);
	free(guest->m2p_frame);
	xenforeignmemory_close(guest->memory);
	xc_interface_close(guest->xc);
	free(guest);
}

int guest_info(struct guest *guest, struct guest_info *info)
{
	unsigned long max_mfn;
	xc_domaininfo_t domain;
	int count = xc_domain_getinfolist(guest->xc, guest->domain, 1, &domain);

	if (count < 0)
		return failure();
	if (!count || domain.domain != guest->domain)
		return -ESRCH;
	if (xc_maximum_ram_page(guest->xc, &max_mfn))
		return failure();
	*info = (struct guest_info){
		.pv = !(domain.flags & XEN_DOMINF_hvm_guest),
		.pages = domain.tot_pages,
		.shared_info = domain.shared_info_frame,
		.max_mfn = max_mfn,
	};
	guest->max_mfn = max_mfn;
	if (info->pv && xc_domain_get_guest_width(guest->xc, guest->domain, &info->width))
		return failure();
	return 0;
}

int guest_read(struct guest *guest, uint64_t mfn, void *page)
{
	xen_pfn_t frame = mfn;
	int err = 0;
	void *there =
		xenforeignmemory_map(guest->memory, guest->domain, PROT_READ, 1, &frame, &err);

	if (!there)
		return failure();
	if (!err)
		memcpy(page, there, GUEST_PAGE);
	xenforeignmemory_unmap(guest->memory, there, 1);
	return err ? -abs(err) : 0;
}

/* What Xen has as type XTAB is not a page of the domain's, or one of Xen's own that it shares. */
int guest_owns(struct guest *guest, const uint64_t *mfn, size_t count, bool *owns)
{
	DECLARE_HYPERCALL_BUFFER(xen_pfn_t, array);
	struct xen_domctl domctl = {
		.cmd = XEN_DOMCTL_getpageframeinfo3,
		.domain = (domid_t)guest->domain,
	};
	int err = 0;
	size_t i;

	array = xc_hypercall_buffer_alloc(guest->xc, array, GUEST_PAGE);
	if (!array)
		return -ENOMEM;
	memcpy(array, mfn, count * sizeof(*mfn));
	domctl.u.getpageframeinfo3.num = count;
	set_xen_guest_handle(domctl.u.getpageframeinfo3.array, array);
	if (xc_domctl(guest->xc, &domctl))
		err = failure();
	for (i = 0; i < count; i++)
		owns[i] = (array[i] & XEN_DOMCTL_PFINFO_LTAB_MASK) != XEN_DOMCTL_PFINFO_XTAB;
	xc_hypercall_buffer_free(guest->xc, array);
	return err;
}

static int list_m2p(struct guest *guest)
{
	size_t pieces = guest->max_mfn / M2P_PIECE + 1;

	guest->m2p_frame = memory_grow(NULL, pieces, sizeof(*guest->m2p_frame));
	if (xc_machphys_mfn_list(guest->xc, pieces, guest->m2p_frame)) {
		free(guest->m2p_frame);
		guest->m2p_frame = NULL;
		return failure();
	}
	guest->m2p_piece = memory_grow(NULL, pieces, sizeof(*guest->m2p_piece));
	memset(guest->m2p_piece, 0, pieces * sizeof(*guest->m2p_piece));
	guest->m2p_pieces = pieces;
	return 0;
}

static int map_piece(struct guest *guest, size_t piece)
{
	xen_pfn_t frame[M2P_PIECE_PAGES];
	size_t i;

	for (i = 0; i < M2P_PIECE_PAGES; i++)
		frame[i] = guest->m2p_frame[piece] + i;
	guest->m2p_piece[piece] = xenforeignmemory_map(guest->memory, DOMID_XEN, PROT_READ,
						       M2P_PIECE_PAGES, frame, NULL);
	return guest->m2p_piece[piece] ? 0 : failure();
}

int guest_m2p(struct guest *guest, uint64_t mfn, uint64_t *pfn)
{
	size_t piece = mfn / M2P_PIECE;
	int err;

	if (mfn > guest->max_mfn)
		return -ERANGE;
	err = guest->m2p_frame ? 0 : list_m2p(guest);
	if (!err && !guest->m2p_piece[piece])
		err = map_piece(guest, piece);
	if (err)
		return err;
	*pfn = guest->m2p_piece[piece][mfn % M2P_PIECE];
	return 0;
}
