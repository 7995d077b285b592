/* SPDX-License-Identifier: MIT */
/*
 * Arrays of any size for the length of a call: small ones are the port's objects, larger ones its
 * pages. Contents undefined. Context as xen_port_alloc().
 */
#ifndef XENDMA_LIB_SCRATCH_H
#define XENDMA_LIB_SCRATCH_H

#include <xen/port.h>

#define XEN_SCRATCH_OBJECT_MAX (64UL << 10)

static inline unsigned int xen_scratch_order(size_t size)
{
	unsigned int order = 0;

	while ((XEN_PAGE_SIZE << order) < size)
		order++;
	return order;
}

static inline void *xen_scratch_alloc(size_t size)
{
	if (size <= XEN_SCRATCH_OBJECT_MAX)
		return xen_port_alloc(size);
	return xen_port_alloc_pages(xen_scratch_order(size));
}

static inline void xen_scratch_free(void *mem, size_t size)
{
	if (!mem)
		return;
	if (size <= XEN_SCRATCH_OBJECT_MAX)
		xen_port_free(mem, size);
	else
		xen_port_free_pages(mem, xen_scratch_order(size));
}

#endif
