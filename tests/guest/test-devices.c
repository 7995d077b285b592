/* SPDX-License-Identifier: MIT */
/*
 * Scenarios edu and stale: a real DMA engine of 28 bits works on pages that it cannot reach, and
 * what it does not write stays as it was. The device's own view is had by letting it read.
 */
#include "scenario.h"

#include <xen/p2m.h>

#include "boot.h"
#include "pages.h"
#include "text.h"
#include "verdict.h"

static struct xen_pci_dev *first_edu(void)
{
	return guest_find_device(NULL, EDU_VENDOR, EDU_DEVICE);
}

/* From page @from through the device to page @to, which must not be touched beside the data. */
static void check_round_trip(struct edu *edu, uint8_t *from, uint8_t *to, size_t offset,
			     size_t length)
{
	int err;

	pattern_fill(from, XEN_PAGE_SIZE, length);
	__builtin_memset(to, 0xa5, XEN_PAGE_SIZE);
	err = edu_transfer(edu, from + offset, length, XEN_DMA_TO_DEVICE);
	check(!err, "%lu bytes to the device: %d", length, err);
	if (!err)
		err = edu_transfer(edu, to + offset, length, XEN_DMA_FROM_DEVICE);
	if (!check(!err, "%lu bytes from the device: %d", length, err))
		return;
	check(!__builtin_memcmp(to + offset, from + offset, length),
	      "%lu bytes at offset %lu came back changed", length, offset);
	check(bytes_verify(to, offset, 0xa5) == offset, "bytes before the data have changed");
	check(bytes_verify(to + offset + length, XEN_PAGE_SIZE - offset - length, 0xa5) ==
		      XEN_PAGE_SIZE - offset - length,
	      "bytes behind the data have changed");
	check(pattern_verify(from, XEN_PAGE_SIZE, length) == XEN_PAGE_SIZE,
	      "the source has changed");
}

static void check_mode(enum edu_interrupt mode, uint8_t *from, uint8_t *to)
{
	static const struct {
		size_t offset, length;
	} cases[] = {
		{0, EDU_TRANSFER_MAX}, {1, EDU_TRANSFER_MAX}, {100, 1}, {2047, 3}, {3072, 512}};
	static struct edu edu;
	const char *name = mode == EDU_MSI ? "MSI" : "INTx";
	unsigned int i;
	int err = edu_open(&edu, first_edu(), mode);

	if (err && mode == EDU_MSI && !boot_has_machine()) {
		note("no MSI from this backend (%d)", err);
		return;
	}
	if (!check(!err, "edu with %s: %d", name, err))
		return;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		check_round_trip(&edu, from, to, cases[i].offset, cases[i].length);
	check(edu.interrupts == 2 * ARRAY_LEN(cases), "%u %s interrupts for %lu transfers",
	      edu.interrupts, name, 2 * ARRAY_LEN(cases));
	note("%s: %u transfers, %u interrupts", name, 2 * (unsigned int)ARRAY_LEN(cases),
	     edu.interrupts);
	edu_close(&edu);
}

void scenario_edu(void)
{
	uint8_t *from = pages_above(0, MFN_ABOVE_28_BITS);
	uint8_t *to = pages_above(0, MFN_ABOVE_28_BITS);

	if (!check(from && to, "no pages above 256 MiB of the machine"))
		goto free;
	note("pages at MFN 0x%lx and 0x%lx, the device reaches 0x%llx", mfn_x(virt_to_mfn(from)),
	     mfn_x(virt_to_mfn(to)), EDU_MASK >> XEN_PAGE_SHIFT);
	check_mode(EDU_MSI, from, to);
	check_mode(EDU_INTX, from, to);
	check_mode(EDU_MSI, from, to); /* and back: nothing of INTx is left behind */
free:
	if (from)
		xen_port_free_pages(from, 0);
	if (to)
		xen_port_free_pages(to, 0);
}

#define SECRETS 8
#define SECRET_BYTE 0x5e

/* Lets other data pass through the pool, so that its slots are not clean. */
static void pass_secrets(struct edu *edu, uint8_t *page)
{
	dma_addr_t dma[SECRETS];
	unsigned int i, nr;

	__builtin_memset(page, SECRET_BYTE, XEN_PAGE_SIZE);
	for (nr = 0; nr < SECRETS; nr++) {
		dma[nr] = xen_dma_map_single(&edu->dma, page, XEN_PAGE_SIZE, XEN_DMA_TO_DEVICE, 0);
		if (!check(!xen_dma_mapping_error(dma[nr]), "mapping %u: %d", nr,
			   edu->dma.last_error))
			break;
		check(xen_swiotlb_is_bounce(dma[nr]), "a page above 256 MiB did not bounce");
	}
	for (i = 0; i < nr; i++)
		xen_dma_unmap(&edu->dma, dma[i], XEN_PAGE_SIZE, XEN_DMA_TO_DEVICE, 0);
}

/* Reads with the device's eyes @length bytes at @dma into @out, low coherent memory at @out_dma. */
static bool device_view(struct edu *edu, dma_addr_t dma, size_t length, dma_addr_t out_dma)
{
	int err = edu_transfer_mapped(edu, dma, length, XEN_DMA_TO_DEVICE);

	if (!err)
		err = edu_transfer_mapped(edu, out_dma, length, XEN_DMA_FROM_DEVICE);
	return check(!err, "the device's own look: %d", err);
}

/* All slots that the mapping occupies, as the device sees them: the original's bytes or zeros. */
static void check_no_leak(struct edu *edu, dma_addr_t dma, size_t size)
{
	dma_addr_t first = dma & ~(dma_addr_t)(XEN_SWIOTLB_SLOT_SIZE - 1);
	dma_addr_t end =
		(dma + size + XEN_SWIOTLB_SLOT_SIZE - 1) & ~(dma_addr_t)(XEN_SWIOTLB_SLOT_SIZE - 1);
	dma_addr_t out_dma, at;
	uint8_t *out = xen_dma_alloc_coherent(&edu->dma, XEN_PAGE_SIZE, &out_dma);
	size_t i;

	if (!check(out, "no coherent memory (%d)", edu->dma.last_error))
		return;
	for (at = first; at < end; at += XEN_SWIOTLB_SLOT_SIZE) {
		if (!device_view(edu, at, XEN_SWIOTLB_SLOT_SIZE, out_dma))
			break;
		for (i = 0; i < XEN_SWIOTLB_SLOT_SIZE; i++) {
			uint8_t want = at + i >= dma && at + i < dma + size ? 0xa5 : 0;

			if (!check(out[i] == want,
				   "the device sees 0x%02x at %ld of the mapping, not 0x%02x",
				   out[i], (long)(at + i - dma), want))
				break;
		}
	}
	xen_dma_free_coherent(&edu->dma, out, XEN_PAGE_SIZE, out_dma);
}

/* The device writes 3 bytes into a mapping of @size bytes at @buffer. */
static void check_three_bytes(struct edu *edu, uint8_t *area, size_t offset, size_t size,
			      uint8_t *secret)
{
	static const uint8_t three[3] = {0x11, 0x22, 0x33};
	const size_t area_size = 4 * XEN_PAGE_SIZE, at = offset + 1000;
	dma_addr_t dma;
	int err;

	pass_secrets(edu, secret);
	__builtin_memset(area, 0xa5, area_size);
	__builtin_memcpy(secret, three, 3);
	err = edu_transfer(edu, secret, 3, XEN_DMA_TO_DEVICE);
	if (!check(!err, "3 bytes to the device: %d", err))
		return;
	dma = xen_dma_map_single(&edu->dma, area + offset, size, XEN_DMA_FROM_DEVICE, 0);
	if (!check(!xen_dma_mapping_error(dma), "%lu bytes: %d", size, edu->dma.last_error))
		return;
	err = edu_transfer_mapped(edu, dma + 1000, 3, XEN_DMA_FROM_DEVICE);
	check(!err, "3 bytes from the device: %d", err);
	xen_dma_unmap(&edu->dma, dma, size, XEN_DMA_FROM_DEVICE, 0);
	check(bytes_verify(area, at, 0xa5) == at, "byte %ld before the 3 has changed",
	      (long)bytes_verify(area, at, 0xa5) - (long)at);
	check(!__builtin_memcmp(area + at, three, 3), "the 3 bytes are not the device's");
	check(bytes_verify(area + at + 3, area_size - at - 3, 0xa5) == area_size - at - 3,
	      "byte %lu behind the 3 has changed",
	      bytes_verify(area + at + 3, area_size - at - 3, 0xa5));

	/* And what could the device have read, had it wanted to? */
	__builtin_memset(area, 0xa5, area_size);
	pass_secrets(edu, secret);
	dma = xen_dma_map_single(&edu->dma, area + offset, size, XEN_DMA_FROM_DEVICE, 0);
	if (!check(!xen_dma_mapping_error(dma), "%lu bytes: %d", size, edu->dma.last_error))
		return;
	check_no_leak(edu, dma, size);
	xen_dma_unmap(&edu->dma, dma, size, XEN_DMA_FROM_DEVICE, 0);
	check(bytes_verify(area, area_size, 0xa5) == area_size,
	      "a transfer of nothing changed the buffer");
}

/* Mappings that fill their slots, that leave some behind, and that must keep their offset. */
static void check_placements(struct edu *edu, uint8_t *area, uint8_t *secret)
{
	static const struct xen_dma_limits keep_offset = {
		.mask = EDU_MASK,
		.min_align_mask = XEN_PAGE_SIZE - 1,
	};
	int err;

	check_three_bytes(edu, area, XEN_PAGE_SIZE, XEN_PAGE_SIZE, secret);
	check_three_bytes(edu, area, XEN_PAGE_SIZE + 123, XEN_PAGE_SIZE, secret);
	check_three_bytes(edu, area, XEN_PAGE_SIZE + 123, 3000, secret);
	xen_dma_dev_fini(&edu->dma);
	err = xen_dma_dev_init(&edu->dma, edu->name, &xen_swiotlb_dma_ops, &keep_offset);
	if (check(!err, "xen_dma_dev_init: %d", err))
		check_three_bytes(edu, area, XEN_PAGE_SIZE + 123, 3000, secret);
}

void scenario_stale(void)
{
	static struct edu edu;
	uint8_t *area = pages_above(2, MFN_ABOVE_28_BITS);
	uint8_t *secret = pages_above(0, MFN_ABOVE_28_BITS);
	int err;

	if (!check(area && secret, "no pages above 256 MiB of the machine"))
		goto free;
	err = edu_open(&edu, first_edu(), EDU_MSI);
	if (!check(!err, "edu: %d", err))
		goto free;
	check_placements(&edu, area, secret);
	edu_close(&edu);
free:
	if (area)
		xen_port_free_pages(area, 2);
	if (secret)
		xen_port_free_pages(secret, 0);
}
