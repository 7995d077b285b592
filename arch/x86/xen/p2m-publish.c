/* SPDX-License-Identifier: MIT */
/*
 * The toolstack's view of the P2M: a tree of frame numbers, three levels with the array itself
 * (list of lists -> lists -> pages of the array), and the linear view (address and page table).
 * Invariants: when the view is published and p2m_generation is even, both describe xen_p2m.entry
 * and xen_p2m.nr; the pages of array and lists keep their frames (xen_p2m_in_table() is how an
 * exchange knows). No locking: publishing and moving happen while one CPU runs.
 */
#include <xen/atomic.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "p2m-publish.h"

#define PER_PAGE (XEN_PAGE_SIZE / sizeof(uint64_t))

/* The lists below the list of lists that are allocated: the first nr_lists. */
static unsigned int nr_lists;

static uint64_t array_pages(uint64_t nr)
{
	return xen_pages_of(nr * sizeof(uint64_t));
}

/* Lists that an array of @nr entries takes, 0 if the tree cannot hold it. */
static unsigned int lists_for(uint64_t nr)
{
	uint64_t lists = (array_pages(nr) + PER_PAGE - 1) / PER_PAGE;

	return lists <= PER_PAGE ? (unsigned int)lists : 0;
}

static mfn_t virt_to_mfn(const void *va)
{
	return mk_mfn(xen_p2m_entry(xen_port_virt_to_pfn(va)));
}

static uint64_t *list_page(unsigned int i)
{
	return xen_port_pfn_to_virt(xen_mfn_to_pfn(mk_mfn(xen_p2m.frame_list_list[i])));
}

/* A zeroed page whose frame the toolstack can be told. */
static uint64_t *new_page(void)
{
	uint64_t *page = xen_port_alloc_pages(0);

	if (page)
		__builtin_memset(page, 0, XEN_PAGE_SIZE);
	return page;
}

/* Pages that were got stay for the next try when a later one is missing. */
static int prepare(const uint64_t *array, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < array_pages(nr); i++)
		if (virt_to_mfn(array + i * PER_PAGE).frame & XEN_P2M_FOREIGN)
			return -XEN_EINVAL;
	if (!xen_p2m.frame_list_list)
		xen_p2m.frame_list_list = new_page();
	if (!xen_p2m.frame_list_list)
		return -XEN_ENOMEM;
	while (nr_lists < lists_for(nr)) {
		uint64_t *page = new_page();

		if (!page)
			return -XEN_ENOMEM;
		xen_store(&xen_p2m.frame_list_list[nr_lists], mfn_x(virt_to_mfn(page)));
		nr_lists++;
	}
	return 0;
}

int xen_p2m_publish_prepare(const uint64_t *array, uint64_t nr)
{
	return xen_p2m.arch ? prepare(array, nr) : 0;
}

/* An odd generation tells readers that what they read may be half changed. */
void xen_p2m_publish_begin(void)
{
	if (!xen_p2m.arch)
		return;
	xen_store(&xen_p2m.arch->p2m_generation, xen_p2m.arch->p2m_generation + 1);
	xen_wmb();
}

void xen_p2m_publish_end(void)
{
	struct arch_shared_info *arch = xen_p2m.arch;
	unsigned int nr = lists_for(xen_p2m.nr);
	uint64_t i;

	if (!arch)
		return;
	for (i = 0; nr && i < array_pages(xen_p2m.nr); i++)
		xen_store(&list_page((unsigned int)(i / PER_PAGE))[i % PER_PAGE],
			  mfn_x(virt_to_mfn(xen_p2m.entry + i * PER_PAGE)));
	xen_store(&arch->pfn_to_mfn_frame_list_list,
		  nr ? mfn_x(virt_to_mfn(xen_p2m.frame_list_list)) : XEN_INVALID_FRAME);
	xen_store(&arch->p2m_vaddr, (unsigned long)(uintptr_t)xen_p2m.entry);
	xen_store(&arch->max_pfn, xen_p2m.nr);
	xen_wmb();
	xen_store(&arch->p2m_generation, arch->p2m_generation + 1);
}

int xen_p2m_publish(struct arch_shared_info *arch, mfn_t cr3_mfn)
{
	int err = prepare(xen_p2m.entry, xen_p2m.nr);

	if (err)
		return err;
	xen_p2m.arch = arch;
	xen_p2m_publish_begin();
	xen_store(&arch->p2m_cr3, xen_pfn_to_cr3(mfn_x(cr3_mfn)));
	xen_p2m_publish_end();
	return 0;
}

void xen_p2m_unpublish(void)
{
	struct arch_shared_info *arch = xen_p2m.arch;

	if (arch) {
		xen_p2m_publish_begin();
		xen_store(&arch->pfn_to_mfn_frame_list_list, 0);
		xen_store(&arch->p2m_cr3, 0);
		xen_store(&arch->max_pfn, 0);
		xen_wmb();
		xen_store(&arch->p2m_generation, arch->p2m_generation + 1);
		xen_p2m.arch = NULL;
	}
	while (nr_lists)
		xen_port_free_pages(list_page(--nr_lists), 0);
	if (xen_p2m.frame_list_list)
		xen_port_free_pages(xen_p2m.frame_list_list, 0);
	xen_p2m.frame_list_list = NULL;
}

static bool overlap(const void *va, size_t size, const void *table, size_t table_size)
{
	uintptr_t a = (uintptr_t)va, b = (uintptr_t)table;

	return a < b + table_size && b < a + size;
}

bool xen_p2m_in_table(const void *va, size_t size)
{
	unsigned int i;

	if (overlap(va, size, xen_p2m.entry, array_pages(xen_p2m.nr) * XEN_PAGE_SIZE))
		return true;
	if (xen_p2m.frame_list_list && overlap(va, size, xen_p2m.frame_list_list, XEN_PAGE_SIZE))
		return true;
	for (i = 0; i < nr_lists; i++)
		if (overlap(va, size, list_page(i), XEN_PAGE_SIZE))
			return true;
	return false;
}
