/* SPDX-License-Identifier: MIT */
/*
 * Scenario mmio: every mapping of device memory is UC or WC in the page table itself and points at
 * the right frames; RAM of ours is not to be had that way; what was unmapped is gone.
 */
#include "scenario.h"

#include <xen/mmu.h>

#include "boot.h"
#include "pages.h"
#include "reckon.h"
#include "verdict.h"

#define CACHE_BITS (XEN_PTE_PWT | XEN_PTE_PCD | XEN_PTE_PAT)
/* By Xen's PAT, 0x050100070406 from entry 0 up: entry 3 is uncached, entry 4 write-combining. */
#define UC_BITS (XEN_PTE_PWT | XEN_PTE_PCD)
#define WC_BITS XEN_PTE_PAT
#define MOST_BYTES (64 * XEN_PAGE_SIZE)

static void check_mapping(const struct xen_pci_resource *res, enum xen_cache_mode mode)
{
	size_t size = res->size < MOST_BYTES ? res->size : MOST_BYTES;
	uint64_t pte = 0, want = mode == XEN_CACHE_UC ? UC_BITS : WC_BITS;
	char name[XEN_PCI_NAME_MAX];
	volatile uint8_t *va;
	size_t at;
	int err = 0;

	xen_pci_resource_name(res, name);
	va = xen_mmio_map(res->start, size, mode, &err);
	if (!check(va, "%s cannot be mapped (%d)", name, err))
		return;
	check(xen_page_offset((uintptr_t)va) == xen_page_offset(res->start),
	      "%s: the mapping begins elsewhere in its page", name);
	for (at = 0; at < size; at += XEN_PAGE_SIZE) {
		uint64_t frame = (res->start + at) >> XEN_PAGE_SHIFT;

		check(pages_pte(va + at, &pte), "%s: byte 0x%lx is not mapped", name, at);
		check((pte & XEN_PTE_FRAME_MASK) >> XEN_PAGE_SHIFT == frame,
		      "%s: byte 0x%lx is mapped by PTE 0x%lx", name, at, pte);
		check((pte & CACHE_BITS) == want && want,
		      "%s: PTE 0x%lx has the wrong cacheability", name, pte);
	}
	xen_mmio_unmap(va, size);
	check(!pages_pte(va, &pte), "%s: still mapped by PTE 0x%lx", name, pte);
}

/* A frame buffer is memory: what is written through one kind of mapping is read by the other. */
static void check_frame_buffer(const struct xen_pci_resource *res)
{
	volatile uint64_t *wc, *uc;
	uint64_t saved[64];
	unsigned int i;
	int err = 0;

	wc = xen_mmio_map(res->start, sizeof(saved), XEN_CACHE_WC, &err);
	uc = xen_mmio_map(res->start, sizeof(saved), XEN_CACHE_UC, &err);
	if (!check(wc && uc, "the frame buffer cannot be mapped twice (%d)", err))
		goto out;
	for (i = 0; i < 64; i++)
		saved[i] = uc[i];
	for (i = 0; i < 64; i++)
		wc[i] = 0x0123456789abcdef * (i + 1);
	__asm__ volatile("sfence" : : : "memory");
	for (i = 0; i < 64; i++)
		check(uc[i] == 0x0123456789abcdef * (i + 1), "word %u of the frame buffer is 0x%lx",
		      i, uc[i]);
	for (i = 0; i < 64; i++)
		uc[i] = saved[i];
out:
	if (wc)
		xen_mmio_unmap(wc, sizeof(saved));
	if (uc)
		xen_mmio_unmap(uc, sizeof(saved));
}

static void check_refusals(void)
{
	void *page = xen_port_alloc_pages(0);
	int err = 0;

	if (check(page, "no page")) {
		check(!xen_mmio_map(mfn_to_dma(virt_to_mfn(page)), 1, XEN_CACHE_UC, &err) &&
			      err == -XEN_EINVAL,
		      "RAM of ours was mapped as MMIO (%d)", err);
		xen_port_free_pages(page, 0);
	}
	check(!xen_mmio_map(0xfee00000, 0, XEN_CACHE_UC, &err) && err == -XEN_EINVAL,
	      "no bytes were mapped (%d)", err);
	check(!xen_mmio_map(~0ULL - 10, 100, XEN_CACHE_UC, &err) && err == -XEN_EINVAL,
	      "a range that wraps was mapped (%d)", err);
	check(!xen_mmio_map(1ULL << 52, 1, XEN_CACHE_UC, &err) && err == -XEN_EINVAL,
	      "an address above 2^52 was mapped (%d)", err);
}

void scenario_mmio(void)
{
	const struct xen_pci_dev *dev;
	unsigned int i, nr = 0;

	for (dev = guest_next_device(NULL); dev; dev = guest_next_device(dev)) {
		for (i = 0; i < XEN_PCI_NR_BARS; i++) {
			const struct xen_pci_resource *res = &dev->res[i];

			if (!res->size || !(res->flags & XEN_PCI_RES_CLAIMED))
				continue;
			check_mapping(res, XEN_CACHE_UC);
			check_mapping(res, XEN_CACHE_WC);
			nr++;
			if (dev->class_code >> 16 == 3 && res->flags & XEN_PCI_RES_PREFETCH)
				check_frame_buffer(res);
		}
	}
	check_refusals();
	note("%u BARs, each mapped UC and WC", nr);
}
