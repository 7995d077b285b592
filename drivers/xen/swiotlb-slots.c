/* SPDX-License-Identifier: MIT */
/*
 * The slot allocator of bounce pools: a buddy system over the slots of each segment, with one set
 * of free lists an area, by order, for all of its segments. A segment is aligned to its size in
 * machine space, so a block of 2^o slots is too: that is all there is to machine-space alignment
 * and boundaries. What a request does not need of its block goes back at once as smaller blocks,
 * so a mapping holds exactly the slots that it touches.
 *
 * Blocks that are freed wait unmerged in a small stack for the next request of their size: a busy
 * device neither splits nor merges. A request that finds nothing has them merged first.
 *
 * Invariants: the first slot of a listed block has its order in free_order, every other slot has
 * NOT_IN_LIST; two free buddies never stand in the lists side by side. The caller holds the lock.
 */
#include "swiotlb-internal.h"

static void list_add(struct xen_swiotlb_area *area, struct xen_swiotlb_slot *slot,
		     unsigned int order)
{
	slot->free_order = (uint8_t)order;
	slot->next = area->free[order];
	if (slot->next)
		slot->next->link = &slot->next;
	slot->link = &area->free[order];
	area->free[order] = slot;
	area->avail |= 1u << order;
}

static void list_del(struct xen_swiotlb_area *area, struct xen_swiotlb_slot *slot)
{
	unsigned int order = slot->free_order;

	*slot->link = slot->next;
	if (slot->next)
		slot->next->link = slot->link;
	slot->free_order = NOT_IN_LIST;
	if (!area->free[order])
		area->avail &= ~(1u << order);
}

/* Free an aligned block, joined with its free buddies. */
static void give_block(struct xen_swiotlb_segment *seg, unsigned int index, unsigned int order)
{
	unsigned int top = seg->order + PAGE_SLOT_ORDER;

	while (order < top) {
		struct xen_swiotlb_slot *buddy = &seg->slot[index ^ (1u << order)];

		if (buddy->free_order != order)
			break;
		list_del(seg->area, buddy);
		index &= ~(1u << order);
		order++;
	}
	list_add(seg->area, &seg->slot[index], order);
}

/* Free any run, as the fewest aligned blocks. */
static void give_run(struct xen_swiotlb_segment *seg, unsigned int index, unsigned int count)
{
	while (count) {
		unsigned int order = 31 - (unsigned int)__builtin_clz(count);

		if (index && (unsigned int)__builtin_ctz(index) < order)
			order = (unsigned int)__builtin_ctz(index);
		give_block(seg, index, order);
		index += 1u << order;
		count -= 1u << order;
	}
}

void xen_swiotlb_slots_give(struct xen_swiotlb_segment *seg, struct xen_swiotlb_slot *head,
			    unsigned int count)
{
	seg->used -= count;
	if (!seg->used)
		seg->idle_since = xen_port_clock_ns();
	for (unsigned int i = 0; i < count; i++)
		xen_store(&head[i].head, NO_HEAD);
	give_run(seg, head->index, count);
}

/* Merge what waits in the stacks, which are set up thus. */
void xen_swiotlb_slots_flush(struct xen_swiotlb_area *area)
{
	for (unsigned int order = 0; order < NR_SLOT_ORDERS; order++) {
		struct xen_swiotlb_slot *slot = area->cache[order].top;

		area->cache[order].top = NULL;
		area->cache[order].room = order < SMALL_ORDERS ? CACHE_SMALL : CACHE_LARGE;
		while (slot) {
			struct xen_swiotlb_slot *next = slot->next;

			xen_swiotlb_slots_give(swiotlb_segment_of(slot), slot, 1u << order);
			slot = next;
		}
	}
}

static struct xen_swiotlb_slot *take_block(struct xen_swiotlb_area *area, unsigned int order)
{
	struct xen_swiotlb_slot *slot;
	unsigned int fits;

	fits = area->avail >> order;
	if (!fits) {
		xen_swiotlb_slots_flush(area);
		fits = area->avail >> order;
		if (!fits)
			return NULL;
	}
	fits = order + (unsigned int)__builtin_ctz(fits);
	slot = area->free[fits];
	list_del(area, slot);
	while (fits > order) {
		fits--;
		list_add(area, slot + (1u << fits), fits);
	}
	return slot;
}

/* @count slots, the first at @lead in an aligned block of 2^@order; NULL: the area has no such. */
struct xen_swiotlb_slot *xen_swiotlb_slots_take(struct xen_swiotlb_area *area, unsigned int order,
						unsigned int lead, unsigned int count)
{
	struct xen_swiotlb_slot *slot = take_block(area, order);
	struct xen_swiotlb_segment *seg;
	unsigned int behind;

	if (!slot)
		return NULL;
	seg = swiotlb_segment_of(slot);
	seg->used += count;
	behind = (1u << order) - lead - count;
	if (unlikely(behind))
		give_run(seg, slot->index + lead + count, behind);
	if (unlikely(lead))
		give_run(seg, slot->index, lead);
	return slot + lead;
}

void xen_swiotlb_slots_attach(struct xen_swiotlb_area *area, struct xen_swiotlb_segment *seg)
{
	seg->area = area;
	seg->next = area->segments;
	area->segments = seg;
	list_add(area, &seg->slot[0], seg->order + PAGE_SLOT_ORDER);
}

void xen_swiotlb_slots_detach(struct xen_swiotlb_segment *seg)
{
	struct xen_swiotlb_segment **link = &seg->area->segments;

	XEN_ASSERT(!seg->used && seg->slot[0].free_order == seg->order + PAGE_SLOT_ORDER);
	while (*link != seg)
		link = &(*link)->next;
	*link = seg->next;
	list_del(seg->area, &seg->slot[0]);
}

bool xen_swiotlb_slots_move(struct xen_swiotlb_area *from, struct xen_swiotlb_area *to,
			    unsigned int order)
{
	struct xen_swiotlb_segment *seg;
	unsigned int top;

	if (!(from->avail >> order))
		return false;
	top = 31 - (unsigned int)__builtin_clz(from->avail);
	seg = swiotlb_segment_of(from->free[top]);
	if (swiotlb_slots_of(seg) != 1u << top)
		return false;
	xen_swiotlb_slots_detach(seg);
	xen_swiotlb_slots_attach(to, seg);
	return true;
}
