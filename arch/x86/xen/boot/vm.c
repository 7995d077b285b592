/* SPDX-License-Identifier: MIT */
/*
 * The window of kernel addresses for MMIO: first fit in a set of ranges of what is taken, one
 * unmapped page kept behind each piece. Page tables are made when first needed and stay. The set
 * locks itself; of two CPUs that want the same place one looks again.
 */
#include <xen/ranges.h>

#include "direct.h"

/* 64 GiB of addresses. */
#define WINDOW_PAGES (1UL << 24)

static struct xen_ranges used;

void *xen_port_vm_alloc(size_t nr)
{
	struct xen_range piece;
	uintptr_t va;
	uint64_t at;
	int err;

	if (!nr || nr >= WINDOW_PAGES)
		return NULL;
	do {
		at = 0;
		while (xen_ranges_first(&used, at, at + nr + 1, &piece))
			at = piece.end;
		if (at + nr + 1 > WINDOW_PAGES)
			return NULL;
		err = xen_ranges_insert(&used, at, at + nr + 1, NULL, NULL);
	} while (err == -XEN_EEXIST);
	if (err)
		return NULL;

	va = BOOT_VM_BASE + (at << XEN_PAGE_SHIFT);
	if (boot_make_tables(va, nr)) {
		xen_ranges_erase(&used, at, at + nr + 1);
		return NULL;
	}
	return (void *)va;
}

void xen_port_vm_free(void *va, size_t nr)
{
	uint64_t at = ((uintptr_t)va - BOOT_VM_BASE) >> XEN_PAGE_SHIFT;

	if (va && xen_ranges_erase(&used, at, at + nr + 1))
		xen_port_panic("free of addresses %p, %lu pages: not allocated", va, nr);
}
