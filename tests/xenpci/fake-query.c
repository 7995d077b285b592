/* SPDX-License-Identifier: MIT */
/*
 * What Xen knows of the machine, and a guest's memory: 512 pages whose P2M is a linear list, in
 * frames whose numbers say what is in them.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>

#include "world.h"
#include "xenpci/seam/guest.h"
#include "xenpci/seam/hv-query.h"

enum { FRAME_SHARED = 1, FRAME_L4, FRAME_L3, FRAME_L2, FRAME_L1, FRAME_LEAF, FRAME_RAM = 0x100 };

#define ADDRESS 0xffffc90000000000ULL

struct guest {
	uint32_t domain;
};

ssize_t hv_memory_map(struct hv *hv, struct hv_range *range, size_t max)
{
	int err = world_call(hv);

	if (err)
		return err;
	range[0] = (struct hv_range){0, 0x7fffffff, HV_RAM};
	return 1;
}

ssize_t hv_reserved(struct hv *hv, uint32_t sbdf, struct hv_range *range, size_t max)
{
	int err = world_call(hv);

	return err ? err : 0;
}

int hv_free_below(struct hv *hv, unsigned int bits, uint64_t *bytes)
{
	*bytes = 1ULL << 30;
	return world_call(hv);
}

int hv_can_assign(struct hv *hv, uint32_t domain, uint32_t sbdf)
{
	const struct world_domain *target = world_domain(domain);
	int err = world_call(hv);

	if (err)
		return err;
	return world.iommu && target && target->passthrough ? 0 : -EOPNOTSUPP;
}

struct guest *guest_open(uint32_t domain)
{
	struct guest *guest;

	errno = EIO;
	if (world_call(&world))
		return NULL;
	guest = calloc(1, sizeof(*guest));
	guest->domain = domain;
	return guest;
}

void guest_close(struct guest *guest)
{
	free(guest);
}

int guest_info(struct guest *guest, struct guest_info *info)
{
	const struct world_domain *domain = world_domain(guest->domain);

	if (!domain)
		return -ESRCH;
	*info = (struct guest_info){.pv = domain->pv,
				    .width = 8,
				    .pages = GUEST_ENTRIES,
				    .shared_info = FRAME_SHARED,
				    .max_mfn = 0xffff};
	return world_call(guest);
}

static void write_page(uint64_t mfn, uint64_t *entry)
{
	struct arch_shared_info *arch = &((struct shared_info *)entry)->arch;
	unsigned int i;

	switch (mfn) {
	case FRAME_SHARED:
		arch->max_pfn = GUEST_ENTRIES;
		arch->p2m_cr3 = FRAME_L4 << 12;
		arch->p2m_vaddr = ADDRESS;
		break;
	case FRAME_LEAF:
		for (i = 0; i < GUEST_ENTRIES; i++)
			entry[i] = FRAME_RAM + i;
		break;
	default: /* a table: the next frame, at the address's place */
		entry[ADDRESS >> (12 + 9 * (FRAME_L1 - mfn)) & 511] = (mfn + 1) << 12 | 0x67;
	}
}

int guest_read(struct guest *guest, uint64_t mfn, void *page)
{
	int err = world_call(guest);

	if (err)
		return err;
	memset(page, 0, GUEST_PAGE);
	write_page(mfn, page);
	return 0;
}

int guest_owns(struct guest *guest, const uint64_t *mfn, size_t count, bool *owns)
{
	size_t i;

	for (i = 0; i < count; i++)
		owns[i] = mfn[i] <= FRAME_LEAF ||
			  (mfn[i] >= FRAME_RAM && mfn[i] < FRAME_RAM + GUEST_ENTRIES);
	return world_call(guest);
}

int guest_m2p(struct guest *guest, uint64_t mfn, uint64_t *pfn)
{
	*pfn = mfn - FRAME_RAM;
	return 0;
}
