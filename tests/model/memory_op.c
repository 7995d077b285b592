/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_*: the domain's reservation, memory maps and the M2P's place. As in Xen, the reservation
 * calls never fail: they return how many extents they did. Model lock held.
 */
#include <string.h>

#include <model/internal.h>

/* Address width of a reservation, 0 if Xen refuses it. */
static unsigned int width(const struct xen_memory_reservation *r)
{
	unsigned int bits = XENMEMF_get_address_bits(r->mem_flags);

	if (!bits || model.max_page <= 1ULL << (bits > XEN_PAGE_SHIFT ? bits - XEN_PAGE_SHIFT : 0))
		return 64 + XEN_PAGE_SHIFT;
	return bits > XEN_PAGE_SHIFT ? bits : 0;
}

static long add_pages(unsigned int cmd, const struct xen_memory_reservation *r)
{
	xen_pfn_t *list = r->extent_start.p;
	unsigned int bits = width(r);
	uint64_t i;
	long err;

	if (!bits || (cmd == XENMEM_populate_physmap && !list))
		return 0;
	for (i = 0; i < r->nr_extents; i++) {
		uint32_t mfn = NONE;

		if (!model_counts(MODEL_EXTENT, &err))
			mfn = frames_alloc(r->extent_order, bits, true);
		if (mfn == NONE)
			break;
		for (uint64_t k = 0; cmd == XENMEM_populate_physmap && k < 1ULL << r->extent_order;
		     k++)
			model.m2p[mfn + k] = list[i] + k;
		if (list)
			list[i] = mfn;
	}
	return (long)i;
}

/*
 * Xen takes the owner's claim to the page away even while it is mapped and frees it with the last
 * mapping. A guest that leaves such a mapping cannot be told from one that lost a page, so here it
 * is a breach.
 */
static bool remove_page(uint64_t mfn)
{
	if (!frame_is_domains(mfn))
		return false;
	if (frame_steal(mfn))
		model_breach("XENMEM_decrease_reservation: frame %llx is still mapped or used",
			     (unsigned long long)mfn);
	frame_free(mfn);
	model.tot_pages--;
	return true;
}

static long remove_pages(const struct xen_memory_reservation *r)
{
	const xen_pfn_t *list = r->extent_start.p;
	uint64_t i;
	long err;

	if (!list)
		return 0;
	for (i = 0; i < r->nr_extents; i++) {
		if (model_counts(MODEL_EXTENT, &err))
			break;
		for (uint64_t k = 0; k < 1ULL << r->extent_order; k++)
			if (!remove_page(list[i] + k))
				return (long)i;
	}
	return (long)i;
}

/* What Xen can keep in the number of a call that it interrupts. */
#define MOST_EXTENTS (UINT32_MAX >> 6)

static long reservation(unsigned int cmd, const struct xen_memory_reservation *r)
{
	if (!r || r->nr_extents > MOST_EXTENTS)
		return 0;
	if (r->domid != DOMID_SELF || r->extent_order > memory_max_order())
		return 0;
	if (cmd == XENMEM_decrease_reservation)
		return remove_pages(r);
	return add_pages(cmd, r);
}

static long machphys_mfn_list(struct xen_machphys_mfn_list *list)
{
	uint64_t chunks = model.m2p_nr >> M2P_CHUNK_SHIFT;
	xen_pfn_t last = 0;
	unsigned int i;

	for (i = 0; i < list->max_extents && i < chunks; i++) {
		/* One of Xen's frames for each; a hole repeats the one before. */
		if (model_m2p_chunk_present(i))
			last = model.xen_frames + i % XEN_FRAMES;
		list->extent_start.p[i] = last;
	}
	list->nr_extents = i;
	return 0;
}

static long machphys_mapping(struct xen_machphys_mapping *mapping)
{
	mapping->v_start = (xen_ulong_t)(uintptr_t)model.m2p_ro;
	mapping->v_end = (xen_ulong_t)(uintptr_t)(model.m2p_ro + model.m2p_space);
	mapping->max_mfn = (model.params.domu ? model.m2p_space : model.max_page) - 1;
	return 0;
}

static long domain_map_op(struct xen_memory_map *map)
{
	if (!map)
		return -XEN_EFAULT;
	if (!model.nr_domain_map)
		return -XEN_ENOSYS; /* the toolstack gave none */
	if (map->nr_entries > model.nr_domain_map)
		map->nr_entries = model.nr_domain_map;
	if (map->nr_entries && !map->buffer.p)
		return -XEN_EFAULT;
	if (map->nr_entries)
		memcpy(map->buffer.p, model.domain_map,
		       map->nr_entries * sizeof(model.domain_map[0]));
	return 0;
}

static long machine_map_op(struct xen_memory_map *map)
{
	if (model.params.domu)
		return -XEN_EPERM;
	if (!map)
		return -XEN_EFAULT;
	if (map->buffer.p && map->nr_entries < model.nr_e820 + 1)
		return -XEN_EINVAL; /* Xen wants one entry more than there are */
	if (map->nr_entries > model.nr_e820 || !map->buffer.p)
		map->nr_entries = model.nr_e820;
	if (map->buffer.p)
		memcpy(map->buffer.p, model.e820, map->nr_entries * sizeof(model.e820[0]));
	return 0;
}

static long domain_number(unsigned int cmd, const struct xen_memory_domain *domain)
{
	if (domain->domid != DOMID_SELF && domain->domid != model_domid())
		return -XEN_ESRCH;
	return (long)(cmd == XENMEM_current_reservation ? model.tot_pages : model.max_pages);
}

long do_memory_op(unsigned int cmd, void *arg)
{
	switch (cmd) {
	case XENMEM_maximum_ram_page:
		return (long)model.max_page;
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return reservation(cmd, arg);
	case XENMEM_memory_map:
		return domain_map_op(arg);
	case XENMEM_machine_memory_map:
		return machine_map_op(arg);
	default:
		if (!arg)
			return -XEN_EFAULT;
	}
	switch (cmd) {
	case XENMEM_exchange:
		return memory_exchange(arg);
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
		return domain_number(cmd, arg);
	case XENMEM_machphys_mapping:
		return machphys_mapping(arg);
	case XENMEM_machphys_mfn_list:
		return machphys_mfn_list(arg);
	default:
		return -XEN_ENOSYS;
	}
}

void model_give_map(void)
{
	memcpy(model.domain_map, model.e820, sizeof(model.e820));
	model.nr_domain_map = model.nr_e820;
}

void model_give_flat_map(void)
{
	model.domain_map[0] = (struct xen_e820_entry){
		.size = model.max_pages << XEN_PAGE_SHIFT,
		.type = XEN_E820_RAM,
	};
	model.nr_domain_map = 1;
}
