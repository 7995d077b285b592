/* SPDX-License-Identifier: MIT */
/*
 * The guest's kernel address space: a direct map of PFNs followed by the area for MMIO, with one
 * PTE a page. A PTE that is set really maps the machine page there (the memfd at MFN * 4096) and
 * counts as a reference to it; one that is cleared leaves a page that faults. MMIO frames are pages
 * of a second memfd, one an MFN, so that a test can look at the registers.
 *
 * A changed PTE counts as stale until a TLB flush covers it; flushes do nothing else. Model lock
 * held.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <model/internal.h>

#include <xen/mmu.h>

#define VM_PAGES 65536	/* 256 MiB for MMIO */
#define MMIO_PAGES 8192 /* frames of it that have contents */
#define STALE 1u
#define LISTED 2u
#define GRANT 4u /* not of staleness: the PTE maps another domain's page by a grant */
#define PTE_CACHE (XEN_PTE_PWT | XEN_PTE_PCD | XEN_PTE_PAT)

void mmu_start(void)
{
	uint64_t pages, bytes;

	model.direct_pages = model.max_page;
	if (model.params.max_pages > model.direct_pages)
		model.direct_pages = model.params.max_pages;
	model.vm_pages = VM_PAGES;
	pages = model.direct_pages + model.vm_pages;
	bytes = pages << XEN_PAGE_SHIFT;
	model.space =
		mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (model.space == MAP_FAILED)
		model_breach("model: no address space for the direct map");
	model.pte = model_reserve(pages * sizeof(*model.pte));
	model.stale = model_reserve(pages);
	model.stale_list = model_reserve(pages * sizeof(*model.stale_list));
	model.nr_listed = 0;
	model.mmio = model_reserve(MMIO_PAGES * sizeof(*model.mmio));
	model.nr_mmio = 0;
	model.nr_iomem = 0;
	model.nr_stale = 0;
}

uint64_t mmu_page_of(const volatile void *va)
{
	uint64_t page = (uint64_t)((uintptr_t)va - (uintptr_t)model.space) >> XEN_PAGE_SHIFT;

	return page < model.direct_pages + model.vm_pages ? page : XEN_INVALID_FRAME;
}

bool mmu_present(uint64_t page)
{
	return model.pte[page] & XEN_PTE_PRESENT;
}

uint64_t model_pte(const volatile void *va)
{
	uint64_t page, pte;

	model_enter();
	page = mmu_page_of(va);
	pte = page == XEN_INVALID_FRAME ? 0 : model.pte[page];
	model_leave();
	return pte;
}

/* Put @nr pages of @fd (none if negative) at @page. */
static void place(uint64_t page, int fd, uint64_t offset, uint64_t nr, bool write)
{
	void *va = model.space + (page << XEN_PAGE_SHIFT);
	int prot = fd < 0 ? PROT_NONE : PROT_READ | (write ? PROT_WRITE : 0);
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;

	if (mmap(va, nr << XEN_PAGE_SHIFT, prot, flags | MAP_FIXED, fd,
		 (off_t)(offset << XEN_PAGE_SHIFT)) == MAP_FAILED)
		model_breach("model: out of mappings: vm.max_map_count allows 65530, so scatter "
			     "fewer pages");
}

void mmu_map_run(uint64_t page, uint64_t mfn, uint64_t nr)
{
	place(page, model.ram_fd, mfn, nr, true);
	model.direct_present += nr;
	for (uint64_t i = 0; i < nr; i++) {
		model.pte[page + i] = (mfn + i) << XEN_PAGE_SHIFT | XEN_PTE_KERNEL;
		model.frames[mfn + i].refs = 1;
		model.frames[mfn + i].types = 1;
		model.frames[mfn + i].type = TYPE_WRITABLE;
	}
}

static uint64_t pte_mfn(uint64_t pte)
{
	return (pte & XEN_PTE_FRAME_MASK) >> XEN_PAGE_SHIFT;
}

/* Page of mmio_fd that holds MMIO frame @mfn. */
static uint64_t mmio_page(uint64_t mfn)
{
	for (unsigned int i = 0; i < model.nr_mmio; i++)
		if (model.mmio[i] == mfn)
			return i;
	if (model.nr_mmio == MMIO_PAGES)
		model_breach("model: more than %d MMIO frames", MMIO_PAGES);
	model.mmio[model.nr_mmio++] = mfn;
	if (ftruncate(model.mmio_fd, (off_t)((uint64_t)model.nr_mmio << XEN_PAGE_SHIFT)))
		model_breach("model: cannot extend MMIO");
	return model.nr_mmio - 1;
}

void *mmu_mmio_view(uint64_t mfn)
{
	uint64_t page = mmio_page(mfn);
	void *va = mmap(NULL, XEN_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, model.mmio_fd,
			(off_t)(page << XEN_PAGE_SHIFT));

	if (va == MAP_FAILED)
		model_breach("model: cannot map MMIO");
	return va;
}

void *model_mmio(mfn_t mfn)
{
	void *va;

	model_enter();
	va = mmu_mmio_view(mfn_x(mfn));
	model_leave();
	return va;
}

void model_permit_iomem(mfn_t mfn, uint64_t nr)
{
	model_enter();
	if (model.nr_iomem == sizeof(model.iomem) / sizeof(model.iomem[0]))
		model_breach("model_permit_iomem: table full");
	model.iomem[model.nr_iomem++] =
		(struct xen_range){.start = mfn_x(mfn), .end = mfn_x(mfn) + nr};
	model_leave();
}

static bool iomem_permitted(uint64_t mfn)
{
	if (!model.params.domu)
		return mfn < 1ULL << (model.params.paddr_bits - XEN_PAGE_SHIFT);
	for (unsigned int i = 0; i < model.nr_iomem; i++)
		if (mfn >= model.iomem[i].start && mfn < model.iomem[i].end)
			return true;
	return false;
}

/* Xen has no frame there, or keeps it for I/O: everything that is not RAM. */
static int get_mmio(uint64_t mfn, uint64_t *pte)
{
	if (!iomem_permitted(mfn))
		return mfn == pte_mfn(~0ULL) ? -XEN_EINVAL : -XEN_EPERM;
	/* MMIO is never cacheable: write-back becomes UC, write-through and write-protect UC-. */
	switch (*pte & PTE_CACHE) {
	case 0:
		*pte |= XEN_PTE_PWT | XEN_PTE_PCD;
		break;
	case XEN_PTE_PWT:
		*pte |= XEN_PTE_PCD;
		break;
	case XEN_PTE_PWT | XEN_PTE_PAT:
		*pte = (*pte | XEN_PTE_PCD) & ~XEN_PTE_PAT;
		break;
	}
	return 0;
}

static int get_ram(uint64_t mfn, uint64_t pte)
{
	bool shared = frame_is(mfn, OWNER_SHARED, 0);

	if (!shared && !frame_is_domains(mfn))
		return -XEN_EBUSY;
	if ((pte & XEN_PTE_RW) && !frame_get_type(mfn, TYPE_WRITABLE))
		return -XEN_EBUSY;
	if (shared && (pte & PTE_CACHE)) {
		if (pte & XEN_PTE_RW)
			frame_put_type(mfn);
		return -XEN_EACCES;
	}
	model.frames[mfn].refs++;
	return 0;
}

int mmu_get_pte(uint64_t *pte)
{
	uint64_t mfn = pte_mfn(*pte);

	if ((*pte & PTE_CACHE) && model.params.domu && !model.nr_iomem)
		return -XEN_EINVAL; /* cache modes are for domains with devices */
	return machine_is_ram(mfn) ? get_ram(mfn, *pte) : get_mmio(mfn, pte);
}

void mmu_put_pte(uint64_t pte)
{
	uint64_t mfn = pte_mfn(pte);

	if (!(pte & XEN_PTE_PRESENT) || !machine_is_ram(mfn))
		return;
	if (pte & XEN_PTE_RW)
		frame_put_type(mfn);
	frame_put(mfn);
}

/* A flush of everything must not cost more than what there is to flush: stale pages are listed. */
static void make_stale(uint64_t page)
{
	if (!(model.stale[page] & LISTED))
		model.stale_list[model.nr_listed++] = (uint32_t)page;
	model.nr_stale += !(model.stale[page] & STALE);
	model.stale[page] |= STALE | LISTED;
}

/* Only a grant's unmap may take its mapping away: Xen would lose count of the owner's page. */
static void check_no_grant(uint64_t page)
{
	if (model.stale[page] & GRANT)
		model_breach("a granted page is unmapped without GNTTABOP_unmap_grant_ref");
}

/* Of the address space, without references. Did the old PTE count as a mapping of its own? */
static bool show(uint64_t page, uint64_t pte, bool grant)
{
	uint64_t mfn = pte_mfn(pte), old = model.pte[page];
	bool present = pte & XEN_PTE_PRESENT, ram = present && machine_is_ram(mfn);
	bool counted = (old & XEN_PTE_PRESENT) && !(model.stale[page] & GRANT);
	void *va = model.space + (page << XEN_PAGE_SHIFT);

	device_unmapped(va);
	if (!present)
		place(page, -1, 0, 1, false);
	else
		place(page, ram ? model.ram_fd : model.mmio_fd, ram ? mfn : mmio_page(mfn), 1,
		      pte & XEN_PTE_RW);
	if (present && !ram)
		device_mapped(va, mfn);
	if (page < model.direct_pages)
		model.direct_present += (present && !grant) - counted;
	model.pte[page] = pte;
	if (old & XEN_PTE_PRESENT)
		make_stale(page);
	model.stale[page] = (uint8_t)((model.stale[page] & ~GRANT) | (grant ? GRANT : 0));
	return counted;
}

void mmu_show(uint64_t page, uint64_t pte)
{
	if (model.pte[page] == pte)
		return;
	check_no_grant(page);
	show(page, pte, false);
}

static bool table_is_out(uint64_t page)
{
	return tables_cover(page) && !tables_word(page);
}

/* @page now has @pte, whose references are taken; those of the old one end. */
static void install(uint64_t page, uint64_t pte, bool grant)
{
	uint64_t old = model.pte[page];
	bool counted = show(page, pte, grant);

	if (tables_cover(page))
		*tables_word(page) = pte;
	if (counted)
		mmu_put_pte(old);
}

int mmu_set_pte(uint64_t page, uint64_t pte)
{
	int rc;

	if (table_is_out(page))
		return -XEN_EINVAL;
	if (pte & XEN_PTE_PRESENT) {
		rc = mmu_get_pte(&pte);
		if (rc)
			return rc;
	}
	check_no_grant(page);
	install(page, pte, false);
	return 0;
}

void mmu_flush_page(uint64_t page)
{
	model.nr_stale -= model.stale[page] & STALE;
	model.stale[page] &= (uint8_t)~STALE;
}

void mmu_flush_all(void)
{
	while (model.nr_listed)
		model.stale[model.stale_list[--model.nr_listed]] &= GRANT;
	model.nr_stale = 0;
}

bool mmu_grant_map(uint64_t va, uint64_t mfn, bool write)
{
	/* NOLINTNEXTLINE: the guest's address is a number here */
	uint64_t page = mmu_page_of((const void *)va);

	if (page == XEN_INVALID_FRAME || table_is_out(page))
		return false;
	check_no_grant(page);
	install(page,
		mfn << XEN_PAGE_SHIFT | XEN_PTE_PRESENT | XEN_PTE_ACCESSED | XEN_PTE_DIRTY |
			(write ? XEN_PTE_RW : 0),
		true);
	return true;
}

int mmu_grant_unmap(uint64_t va, uint64_t mfn, bool write)
{
	/* NOLINTNEXTLINE: the guest's address is a number here */
	uint64_t page = mmu_page_of((const void *)va);

	if (page == XEN_INVALID_FRAME || pte_mfn(model.pte[page]) != mfn ||
	    (model.pte[page] & (XEN_PTE_PRESENT | XEN_PTE_RW)) !=
		    (XEN_PTE_PRESENT | (write ? XEN_PTE_RW : 0)))
		return GNTST_general_error;
	if (!(model.stale[page] & GRANT))
		model_breach("GNTTABOP_unmap_grant_ref: a mapping that is not the grant's");
	install(page, 0, false);
	mmu_flush_all();
	return GNTST_okay;
}

uint64_t model_stale_ptes(void)
{
	uint64_t nr;

	model_enter();
	nr = model.nr_stale;
	model_leave();
	return nr;
}
