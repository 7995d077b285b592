/* SPDX-License-Identifier: MIT */
/*
 * Last-level page-table entries, changed by update_va_mapping in multicalls. Invariants: RAM is
 * mapped cacheable and MMIO never is; a batch ends in one flush of the domain's TLBs. A batch
 * stands on the stack, so that restoring a mapping cannot fail for want of memory. No locking: the
 * caller owns the addresses.
 */
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "mmu-internal.h"

/* Calls in a multicall on the stack: 2 KiB. */
#define BATCH 32

#define MAX_MADDR (1ULL << 52)

struct batch {
	struct multicall_entry *call;
	unsigned int nr, room;
	size_t done; /* entries of earlier multicalls, all of which took effect */
};

static void batch_init(struct batch *batch, struct multicall_entry *call, unsigned int room)
{
	batch->call = call;
	batch->room = room;
	batch->nr = 0;
	batch->done = 0;
}

static int batch_run(struct batch *batch)
{
	unsigned int nr = batch->nr, i;
	int err;

	batch->nr = 0;
	if (!nr)
		return 0;
	err = hypercall_multicall(batch->call, nr);
	if (err)
		return err;
	for (i = 0; i < nr; i++) {
		err = (int)batch->call[i].result;
		if (err)
			return err;
		batch->done++;
	}
	return 0;
}

static int batch_add(struct batch *batch, unsigned long va, uint64_t pte, bool last)
{
	struct multicall_entry *call = &batch->call[batch->nr++];

	call->op = __HYPERVISOR_update_va_mapping;
	call->result = 0;
	call->args[0] = va;
	call->args[1] = pte;
	call->args[2] = last ? UVMF_TLB_FLUSH | UVMF_ALL : UVMF_NONE;
	return last || batch->nr == batch->room ? batch_run(batch) : 0;
}

int xen_mmu_remap_in(struct multicall_entry *call, unsigned int room, const pfn_t *pfn,
		     const mfn_t *mfn, size_t nr, uint64_t flags, size_t *done)
{
	struct batch batch;
	int err = 0;
	size_t i;

	batch_init(&batch, call, room);
	for (i = 0; i < nr && !err; i++) {
		void *va = xen_port_pfn_to_virt(pfn[i]);
		uint64_t pte = mfn_valid(mfn[i]) ? mfn_to_dma(mfn[i]) | flags : 0;

		if (va) {
			err = batch_add(&batch, (unsigned long)(uintptr_t)va, pte, i + 1 == nr);
			continue;
		}
		err = batch_run(&batch);
		if (!err)
			err = -XEN_EINVAL;
	}
	if (done)
		*done = batch.done;
	return err;
}

int xen_mmu_remap(const pfn_t *pfn, const mfn_t *mfn, size_t nr, size_t *done)
{
	struct multicall_entry call[BATCH];

	return xen_mmu_remap_in(call, BATCH, pfn, mfn, nr, XEN_PTE_KERNEL, done);
}

uint64_t xen_cache_pte_bits(enum xen_cache_mode mode)
{
	return mode == XEN_CACHE_WC ? XEN_PTE_PAT : XEN_PTE_PCD | XEN_PTE_PWT;
}

/* Map @nr pages at @va to the frames from @mfn on with @flags, or to nothing if @flags is 0. */
static int map_pages(unsigned long va, mfn_t mfn, size_t nr, uint64_t flags, size_t *done)
{
	struct multicall_entry call[BATCH];
	struct batch batch;
	int err = 0;
	size_t i;

	batch_init(&batch, call, BATCH);
	for (i = 0; i < nr && !err; i++)
		err = batch_add(&batch, va + i * XEN_PAGE_SIZE,
				flags ? mfn_to_dma(mfn_add(mfn, i)) | flags : 0, i + 1 == nr);
	*done = batch.done;
	return err;
}

static bool is_own_ram(mfn_t mfn)
{
	pfn_t pfn = xen_mfn_to_pfn(mfn);

	return pfn_valid(pfn) && xen_p2m_is_own_ram(pfn);
}

/* By frame or by page of ours, whichever are fewer: what a BAR claims to be has no limit. */
static bool has_own_ram(mfn_t mfn, uint64_t nr)
{
	uint64_t i;

	if (nr <= xen_p2m.nr) {
		for (i = 0; i < nr; i++)
			if (is_own_ram(mfn_add(mfn, i)))
				return true;
		return false;
	}
	for (i = 0; i < xen_p2m.nr; i++)
		if (xen_p2m_entry(mk_pfn(i)) - mfn_x(mfn) < nr) /* no others' page's: bit 63 */
			return true;
	return false;
}

/* Back to unmapped addresses. Ones that Xen does not unmap are never used again. */
static void unmap_pages(void *va, size_t nr)
{
	size_t done;
	int err = map_pages((unsigned long)(uintptr_t)va, mk_mfn(0), nr, 0, &done);

	if (err)
		xen_port_log(XEN_LOG_ERROR, "mmu: MMIO at %p stays mapped: error %d", va, -err);
	else
		xen_port_vm_free(va, nr);
}

volatile void *xen_mmio_map(uint64_t maddr, size_t size, enum xen_cache_mode mode, int *err)
{
	uint64_t flags = XEN_PTE_KERNEL | xen_cache_pte_bits(mode);
	uint64_t end;
	mfn_t mfn = dma_to_mfn(maddr);
	size_t nr, done;
	int error = -XEN_EINVAL;
	char *va;

	if (!size || __builtin_add_overflow(maddr, size, &end) || end > MAX_MADDR)
		goto fail;
	nr = xen_pages_of(xen_page_offset(maddr) + size);
	if (has_own_ram(mfn, nr))
		goto fail;

	error = -XEN_ENOMEM;
	va = xen_port_vm_alloc(nr);
	if (!va)
		goto fail;
	error = map_pages((unsigned long)(uintptr_t)va, mfn, nr, flags, &done);
	if (error)
		goto unmap;
	if (err)
		*err = 0;
	return va + xen_page_offset(maddr);

unmap:
	/* Entries behind the failed one may have taken effect too. */
	unmap_pages(va, nr);
fail:
	if (err)
		*err = error;
	return NULL;
}

void xen_mmio_unmap(volatile void *va, size_t size)
{
	size_t offset = xen_page_offset((uintptr_t)va);

	if (va && size)
		unmap_pages((char *)(uintptr_t)va - offset, xen_pages_of(offset + size));
}
