/* SPDX-License-Identifier: MIT */
/*
 * Small objects: one free list for each power of two from 16 to 2048 bytes, filled a page at a
 * time; larger ones are pages. A page that was cut up stays with its size, and carries it as a tag,
 * so that freeing with a wrong size is noticed. One lock a list.
 */
#include "direct.h"
#include "pages.h"

#define MIN_SHIFT 4
#define MAX_SHIFT 11
#define MAX_SIZE (64UL << 10)

struct object {
	struct object *next;
};

static struct {
	struct xen_lock lock;
	struct object *free;
} lists[MAX_SHIFT + 1];

/* The smallest shift that holds @size, at least @min. */
static unsigned int shift_of(size_t size, unsigned int min)
{
	while (1UL << min < size)
		min++;
	return min;
}

static bool refill(unsigned int shift)
{
	char *page = xen_port_alloc_pages(0);
	unsigned long flags;
	size_t at;

	if (!page)
		return false;
	boot_page_set_tag(page, shift);
	flags = xen_port_lock(&lists[shift].lock);
	for (at = 0; at < XEN_PAGE_SIZE; at += 1UL << shift) {
		struct object *obj = (struct object *)(page + at);

		obj->next = lists[shift].free;
		lists[shift].free = obj;
	}
	xen_port_unlock(&lists[shift].lock, flags);
	return true;
}

static void *take(unsigned int shift)
{
	unsigned long flags = xen_port_lock(&lists[shift].lock);
	struct object *obj = lists[shift].free;

	if (obj)
		lists[shift].free = obj->next;
	xen_port_unlock(&lists[shift].lock, flags);
	return obj;
}

void *xen_port_alloc(size_t size)
{
	unsigned int shift;
	void *obj;

	if (!size || size > MAX_SIZE)
		return NULL;
	shift = shift_of(size, MIN_SHIFT);
	if (shift > MAX_SHIFT) {
		shift = shift_of(size, XEN_PAGE_SHIFT);
		obj = xen_port_alloc_pages(shift - XEN_PAGE_SHIFT);
	} else {
		while (!(obj = take(shift)) && refill(shift))
			;
	}
	if (obj)
		memset(obj, 0, 1UL << shift);
	return obj;
}

void xen_port_free(void *va, size_t size)
{
	unsigned int shift = shift_of(size, MIN_SHIFT);
	struct object *obj = va;
	unsigned long flags;
	unsigned int tag;

	if (!obj)
		return;
	if (shift > MAX_SHIFT) {
		xen_port_free_pages(va, shift_of(size, XEN_PAGE_SHIFT) - XEN_PAGE_SHIFT);
		return;
	}
	tag = boot_page_tag(va);
	if ((tag && tag != shift) || (uintptr_t)va % (1UL << shift))
		xen_port_panic("free of object %p with %lu bytes: not what was allocated", va,
			       size);
	flags = xen_port_lock(&lists[shift].lock);
	obj->next = lists[shift].free;
	lists[shift].free = obj;
	xen_port_unlock(&lists[shift].lock, flags);
}
