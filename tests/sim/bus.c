/* SPDX-License-Identifier: MIT */
/*
 * PCI functions are plugged and unplugged; the identity of every page of three MMIO areas (below
 * 4 GiB, across it, at 256 GiB) is counted. A BAR is claimed unless it lies over RAM or another's
 * bytes. MMIO is mapped uncached or write-combining, never cached, and for a device at itself.
 */
#include "sim.h"

#include <xen/mmu.h>
#include <xen/pci.h>

#define FOUR_GIB_PAGE (1ULL << 20)

void bus_start(struct sim_cpu *cpu)
{
	cpu->area[0] = 0xc0000 + cpu->number * 2 * AREA_PAGES;
	cpu->area[1] = (FOUR_GIB_PAGE << cpu->number) - AREA_PAGES / 2;
	cpu->area[2] = (1ULL << 26) + cpu->number * 2 * AREA_PAGES;
	for (unsigned int i = 0; sim.params.domu && i < NR_AREAS; i++)
		model_permit_iomem(mk_mfn(cpu->area[i]), AREA_PAGES);
	xen_pci_host_init(&cpu->host, &model_pci_config, (uint16_t)cpu->number, !sim.params.domu);
}

/* Count @bar's pages up or down. */
static void count(struct sim_cpu *cpu, const struct bar *bar, int by)
{
	uint64_t last = (bar->start + bar->size - 1) >> XEN_PAGE_SHIFT;

	for (uint64_t page = bar->start >> XEN_PAGE_SHIFT; page <= last; page++)
		for (unsigned int a = 0; a < NR_AREAS; a++)
			if (page - cpu->area[a] < AREA_PAGES)
				cpu->identity[a][page - cpu->area[a]] += (uint16_t)by;
}

static bool is_identity(const struct sim_cpu *cpu, uint64_t page)
{
	for (unsigned int a = 0; a < NR_AREAS; a++)
		if (page - cpu->area[a] < AREA_PAGES)
			return cpu->identity[a][page - cpu->area[a]];
	return false;
}

static void check_page(const struct sim_cpu *cpu, uint64_t page)
{
	bool is = is_identity(cpu, page);
	uint64_t there = mfn_x(xen_pfn_to_mfn(mk_pfn(page)));
	uint64_t back = pfn_x(xen_mfn_to_pfn(mk_mfn(page)));

	sim_expect(there == (is ? page : XEN_INVALID_FRAME), "MMIO page %llx is at %llx",
		   (unsigned long long)page, (unsigned long long)there);
	sim_expect(back == (is ? page : XEN_INVALID_FRAME), "MMIO frame %llx is at %llx",
		   (unsigned long long)page, (unsigned long long)back);
}

/* Inside and at both edges. */
static void check_identity(const struct sim_cpu *cpu, const struct bar *bar)
{
	uint64_t first = bar->start >> XEN_PAGE_SHIFT;
	uint64_t last = (bar->start + bar->size - 1) >> XEN_PAGE_SHIFT;

	if (first < sim.params.max_pages)
		return;
	check_page(cpu, first);
	check_page(cpu, last);
	check_page(cpu, first + (last - first) / 2);
	check_page(cpu, first - 1);
	check_page(cpu, last + 1);
}

/* Somewhere in an area, in a page that another BAR begins in, or over RAM. */
static struct bar any_bar(struct sim_cpu *cpu)
{
	struct bar bar = {.size = 16ULL << sim_below(cpu, 17)};
	const struct bar *other = &cpu->function[sim_below(cpu, NR_FUNCTIONS)].bar[0];
	uint64_t start = cpu->area[sim_below(cpu, NR_AREAS)], pages = AREA_PAGES;

	if (other->claimed && sim_once_in(cpu, 4)) {
		bar.size = 16ULL << sim_below(cpu, 7);
		start = other->start >> XEN_PAGE_SHIFT;
		pages = 1;
	}

	if (sim_once_in(cpu, 24)) {
		start = sim.params.max_pages / 2;
		pages = sim.params.max_pages - start;
	}
	bar.start = (start << XEN_PAGE_SHIFT) + sim_below(cpu, pages << XEN_PAGE_SHIFT);
	bar.start &= ~(bar.size - 1);
	if (bar.start < start << XEN_PAGE_SHIFT)
		bar.start += bar.size;
	if (bar.start + bar.size > (start + pages) << XEN_PAGE_SHIFT)
		bar.size = 0;
	return bar;
}

static bool in_the_way(const struct bar *a, const struct bar *b)
{
	return b->claimed && a->start < b->start + b->size && b->start < a->start + a->size;
}

static bool to_be_claimed(const struct sim_cpu *cpu, const struct bar *bar)
{
	if (bar->start >> XEN_PAGE_SHIFT < sim.params.max_pages)
		return false;
	for (unsigned int f = 0; f < NR_FUNCTIONS; f++)
		for (unsigned int i = 0; i < XEN_PCI_NR_BARS; i++)
			if (in_the_way(bar, &cpu->function[f].bar[i]))
				return false;
	return true;
}

/* What must become of the function's BARs. */
static void judge(struct sim_cpu *cpu, struct function *f, bool added)
{
	for (unsigned int i = 0; i < XEN_PCI_NR_BARS; i++) {
		struct bar *bar = &f->bar[i];

		if (!bar->size)
			continue;
		bar->claimed = added && to_be_claimed(cpu, bar);
		if (bar->claimed)
			count(cpu, bar, 1);
		if (!added)
			continue;
		sim_expect(f->dev->res[i].start == bar->start && f->dev->res[i].size == bar->size,
			   "BAR %u at %llx, %llx bytes, is taken for one at %llx, %llx bytes", i,
			   (unsigned long long)bar->start, (unsigned long long)bar->size,
			   (unsigned long long)f->dev->res[i].start,
			   (unsigned long long)f->dev->res[i].size);
		sim_expect(bar->claimed == !!(f->dev->res[i].flags & XEN_PCI_RES_CLAIMED),
			   "BAR %u at %llx, %llx bytes, must %sbe claimed", i,
			   (unsigned long long)bar->start, (unsigned long long)bar->size,
			   bar->claimed ? "" : "not ");
	}
	for (unsigned int i = 0; i < XEN_PCI_NR_BARS; i++)
		if (f->bar[i].size)
			check_identity(cpu, &f->bar[i]);
}

void op_plug(struct sim_cpu *cpu)
{
	unsigned int n = (unsigned int)sim_below(cpu, NR_FUNCTIONS);
	struct function *f = &cpu->function[n];
	struct model_pci_function plug = {.vendor = 0x1234, .device = 0x11e8, .class_code = 0xff00};
	int err;

	if (f->dev)
		return;
	*f = (struct function){.addr = {(uint16_t)cpu->number, 0, XEN_PCI_DEVFN(n + 1, 0)}};
	plug.addr = f->addr;
	for (unsigned int i = 0; i < XEN_PCI_NR_BARS; i++) {
		struct bar bar = any_bar(cpu);
		bool low = bar.start + bar.size <= 1ULL << 32;
		bool is64 = !low || sim_once_in(cpu, 2);

		if (!bar.size || (is64 && i == XEN_PCI_NR_BARS - 1) || sim_once_in(cpu, 3))
			continue;
		f->bar[i] = bar;
		plug.bar[i] = (struct model_pci_bar){
			.addr = bar.start, .size = bar.size, .is64 = is64, .prefetch = is64};
		i += is64;
	}
	model_pci_plug(&plug);
	may_fail(cpu);
	sim_note(cpu, "plug device %llu, its first BAR at %llx, %llx bytes", n + 1, f->bar[0].start,
		 f->bar[0].size, 0, 0);
	err = xen_pci_add(&cpu->host, f->addr, NULL, &f->dev);
	if (err) {
		f->dev = NULL;
		model_pci_unplug(f->addr);
		expect_error("add a function", err, -XEN_ENOMEM);
	}
	judge(cpu, f, !err);
	if (err)
		memset(f->bar, 0, sizeof(f->bar));
	else
		sim_count(bars);
	if (!err && !sim.params.domu)
		sim_expect(f->dev->known_to_xen == model_pci_known(f->addr),
			   "Xen and we do not agree on a function");
}

static void unplug(struct sim_cpu *cpu, struct function *f)
{
	struct bar bar[XEN_PCI_NR_BARS];

	xen_pci_remove(&cpu->host, f->dev);
	sim_expect(!model_pci_known(f->addr), "Xen knows a function that was removed");
	model_pci_unplug(f->addr);
	memcpy(bar, f->bar, sizeof(bar));
	*f = (struct function){0};
	for (unsigned int i = 0; i < XEN_PCI_NR_BARS; i++)
		if (bar[i].claimed)
			count(cpu, &bar[i], -1);
	for (unsigned int i = 0; i < XEN_PCI_NR_BARS; i++)
		if (bar[i].size)
			check_identity(cpu, &bar[i]);
}

void op_unplug(struct sim_cpu *cpu)
{
	unsigned int n = (unsigned int)sim_below(cpu, NR_FUNCTIONS);

	if (!cpu->function[n].dev)
		return;
	faults_end(); /* for want of a node pages may stay identity */
	sim_note(cpu, "unplug device %llu", n + 1, 0, 0, 0, 0);
	unplug(cpu, &cpu->function[n]);
}

void bus_stop(struct sim_cpu *cpu)
{
	for (unsigned int n = 0; n < NR_FUNCTIONS; n++)
		if (cpu->function[n].dev)
			unplug(cpu, &cpu->function[n]);
	xen_pci_host_fini(&cpu->host);
}

static uint64_t any_mmio(struct sim_cpu *cpu, size_t *size)
{
	uint64_t area = cpu->area[sim_below(cpu, NR_AREAS)] << XEN_PAGE_SHIFT;

	*size = 1 + sim_below(cpu, 2 * XEN_PAGE_SIZE);
	return area + sim_below(cpu, (AREA_PAGES << XEN_PAGE_SHIFT) - *size);
}

/* A peer's BAR is mapped at itself, and nothing else is. */
void op_identity(struct sim_cpu *cpu)
{
	struct device *dev = any_device(cpu);
	size_t size;
	uint64_t addr = any_mmio(cpu, &size), last = addr + size - 1;
	uint64_t boundary = dev->dma.limits.boundary_mask;
	bool is = true;
	dma_addr_t dma;
	int err;

	sim_note(cpu, "map MMIO at %llx, %llu bytes, for device %llu", addr, size,
		 (unsigned)(dev - cpu->device), 0, 0);
	for (uint64_t page = addr >> XEN_PAGE_SHIFT; page <= last >> XEN_PAGE_SHIFT; page++) {
		check_page(cpu, page);
		is &= is_identity(cpu, page);
	}
	dma = xen_dma_map_page(&dev->dma, paddr_to_pfn(addr), xen_page_offset(addr), size,
			       XEN_DMA_BIDIRECTIONAL, XEN_DMA_ATTR_MMIO);
	err = !is							   ? -XEN_EFAULT
	      : last > dev->dma.limits.mask				   ? -XEN_ERANGE
	      : boundary && addr / (boundary + 1) != last / (boundary + 1) ? -XEN_EINVAL
									   : 0;
	if (err) {
		sim_expect(dma == XEN_DMA_ERROR, "MMIO at %llx is mapped",
			   (unsigned long long)addr);
		expect_error("map MMIO", dev->dma.last_error, err);
		return;
	}
	sim_expect(dma == addr, "MMIO at %llx is mapped at %llx", (unsigned long long)addr,
		   (unsigned long long)dma);
	xen_dma_unmap(&dev->dma, dma, size, XEN_DMA_BIDIRECTIONAL, XEN_DMA_ATTR_MMIO);
}

/* For the CPU. A frame that is our RAM is refused. */
void op_mmio(struct sim_cpu *cpu)
{
	const struct buffer *buf = &cpu->buffer[sim_below(cpu, NR_BUFFERS)];
	enum xen_cache_mode mode = sim_once_in(cpu, 2) ? XEN_CACHE_WC : XEN_CACHE_UC;
	uint64_t want = mode == XEN_CACHE_WC ? XEN_PTE_PAT : XEN_PTE_PCD | XEN_PTE_PWT, pte;
	size_t size;
	uint64_t addr = any_mmio(cpu, &size);
	volatile uint8_t *va;
	int err;

	sim_note(cpu, "map MMIO at %llx, %llu bytes, for the CPU, cache mode %llu", addr, size,
		 mode, 0, 0);
	if (buf->va) {
		va = xen_mmio_map(buf->frame[0] << XEN_PAGE_SHIFT, 1, mode, &err);
		sim_expect(!va && err == -XEN_EINVAL, "our RAM is mapped as MMIO: error %d", err);
	}
	va = xen_mmio_map(addr, size, mode, &err);
	if (!va) {
		expect_error("map MMIO", err, -XEN_ENOMEM);
		return;
	}
	faults_end(); /* what Xen does not unmap stays */
	for (uint64_t last = addr + size - 1, at = addr; at <= last; at += XEN_PAGE_SIZE) {
		pte = model_pte(va + (at - addr));
		sim_expect((pte & XEN_PTE_FRAME_MASK) == (at & XEN_PAGE_MASK) &&
				   (pte & (XEN_PTE_PAT | XEN_PTE_PCD | XEN_PTE_PWT)) == want,
			   "MMIO at %llx has the PTE %llx", (unsigned long long)at,
			   (unsigned long long)pte);
	}
	xen_mmio_unmap(va, size);
}
