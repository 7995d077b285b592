/* SPDX-License-Identifier: MIT */
/*
 * Memory at start of day: from what Xen's domain builder left to a kernel with all its RAM mapped,
 * laid out like the memory map, and given to the page allocator.
 *
 * Xen maps the first megabytes of the domain's pages (the bootstrap region): image, P2M list,
 * start_info, page tables, a stack, and at least 512 KiB behind them, the first early region. It
 * pays for a second one, anywhere under RAM of the memory map, that holds the larger P2M and the
 * page allocator's table. Nothing of the two is ever moved; other pages may be, by
 * xen_setup_memory(). One CPU, upcalls masked. What cannot go on ends in boot_refuse().
 */
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/setup.h>

#include "direct.h"
#include "pages.h"

/* Early pages beyond what is computed: nodes of range sets, first page tables. */
#define EARLY_SLACK 64
/* RAM PFNs in all that are kept for the balloon, as a multiple of the pages at start. */
#define MAX_GROWTH 4
/* Pages that must be left for the kernel's program: 8 MiB. */
#define MIN_FREE 2048

struct xen_e820_entry boot_e820[XEN_E820_MAX];
unsigned int boot_nr_e820;
struct xen_setup_result boot_memory;
struct boot_moved boot_moved[XEN_E820_MAX];
unsigned int boot_nr_moved;

static struct xen_setup_pinned pinned[4];
static uint64_t bootstrap_end; /* PFN behind what Xen mapped */

static uint64_t kib(uint64_t pages)
{
	return pages * (XEN_PAGE_SIZE / 1024);
}

static void pin(unsigned int i, uint64_t start, uint64_t end, const char *name)
{
	pinned[i].start = mk_pfn(start);
	pinned[i].nr = end - start;
	pinned[i].name = name;
}

/* Called before the P2M is set up, too: what it placed is in PFNs that never move. */
void *boot_builder_page(uint64_t mfn)
{
	uint64_t pfn, word;

	if (!mfn || !boot_peek(&machine_to_phys_mapping[mfn], &pfn) ||
	    pfn >= boot_start_info->nr_pages ||
	    (boot_pte((uintptr_t)boot_direct(pfn)) & XEN_PTE_FRAME_MASK) != mfn << XEN_PAGE_SHIFT ||
	    !boot_peek(boot_direct(pfn), &word))
		return NULL;
	return boot_direct(pfn);
}

/* What the domain builder placed behind the image ends with one page of stack. */
static void find_bootstrap(void)
{
	uint64_t image = boot_direct_pfn(boot_image_start);
	uint64_t image_end = boot_direct_pfn(boot_image_end);
	uint64_t data_end = boot_direct_pfn((void *)boot_start_info->pt_base) +
			    boot_start_info->nr_pt_frames + 1;

	bootstrap_end = data_end;
	while (boot_pte((uintptr_t)boot_direct(bootstrap_end)) & XEN_PTE_PRESENT)
		bootstrap_end++;
	pin(0, image, image_end, "the kernel image");
	pin(1, image_end, data_end, "the domain builder's data");
	pin(2, data_end, bootstrap_end, "early memory");
	boot_early_add(data_end, bootstrap_end - data_end);
}

static void read_e820(void)
{
	bool machine = boot_has_machine();
	int err = xen_e820_read(machine, boot_e820, &boot_nr_e820);

	if (err == -XEN_ENOSYS && !machine) {
		boot_e820[0].addr = 0;
		boot_e820[0].size = boot_start_info->nr_pages << XEN_PAGE_SHIFT;
		boot_e820[0].type = XEN_E820_RAM;
		boot_nr_e820 = 1;
		err = 0;
	}
	if (err)
		boot_refuse("Xen gave no memory map: error %d", err);
	err = xen_e820_sanitize(boot_e820, boot_nr_e820, XEN_E820_MAX);
	if (err <= 0)
		boot_refuse("the memory map is unusable: error %d", err);
	boot_nr_e820 = (unsigned int)err;
}

/* How many RAM PFNs to keep: what the domain may grow to, the map has, and tables are worth. */
static uint64_t max_pages(void)
{
	uint64_t nr = boot_start_info->nr_pages, ram = 0, max = nr * MAX_GROWTH;
	domid_t self = DOMID_SELF;
	long limit = hypercall_memory_op(XENMEM_maximum_reservation, &self);
	unsigned int i;

	for (i = 0; i < boot_nr_e820; i++)
		if (boot_e820[i].type == XEN_E820_RAM)
			ram += boot_e820[i].size >> XEN_PAGE_SHIFT;
	if (limit > 0 && (uint64_t)limit < max)
		max = (uint64_t)limit;
	if (ram < max)
		max = ram;
	return max > nr ? max : nr;
}

/* @nr populated PFNs behind the bootstrap region that the map calls RAM; 0 when there are none. */
static uint64_t find_run(uint64_t nr)
{
	unsigned int i;

	for (i = 0; i < boot_nr_e820; i++) {
		uint64_t start = boot_e820[i].addr >> XEN_PAGE_SHIFT;
		uint64_t end = start + (boot_e820[i].size >> XEN_PAGE_SHIFT);

		if (boot_e820[i].type != XEN_E820_RAM)
			continue;
		if (start < bootstrap_end)
			start = bootstrap_end;
		if (end > boot_start_info->nr_pages)
			end = boot_start_info->nr_pages;
		if (start < end && end - start >= nr)
			return start;
	}
	return 0;
}

/* The second early region, for tables that speak of @entries PFNs. */
static void add_early(uint64_t entries)
{
	uint64_t nr =
		xen_pages_of(entries * sizeof(uint64_t)) + xen_pages_of(entries) + EARLY_SLACK;
	uint64_t start = find_run(nr);
	int err;

	if (!start)
		boot_refuse("too little memory: %lu KiB given, no run of %lu KiB free for tables",
			    kib(boot_start_info->nr_pages), kib(nr));
	err = boot_direct_map(start, nr);
	if (err)
		boot_refuse("cannot map early memory: error %d", err);
	boot_early_add(start, nr);
	pin(3, start, start + nr, "early tables");
}

static void extend_p2m(uint64_t entries)
{
	uint64_t *storage;
	int err;

	if (entries <= xen_p2m.nr)
		return;
	storage = boot_early_alloc(xen_pages_of(entries * sizeof(*storage)));
	err = storage ? xen_p2m_extend(storage, entries) : -XEN_ENOMEM;
	if (err)
		boot_refuse("cannot extend the P2M to %lu entries: error %d", entries, err);
}

static void note_moved(pfn_t from, pfn_t to, uint64_t nr, void *arg)
{
	uint64_t pfn;

	for (pfn = pfn_x(from); pfn < pfn_x(from) + nr && pfn < bootstrap_end; pfn++) {
		int err = boot_set_pte((uintptr_t)boot_direct(pfn), 0);

		if (err)
			boot_refuse("cannot unmap pfn %lx, which moved: error %d", pfn, err);
	}
	if (boot_nr_moved == XEN_E820_MAX)
		boot_refuse("memory moved in more than %u pieces", XEN_E820_MAX);
	boot_moved[boot_nr_moved++] = (struct boot_moved){from, to, nr};
}

/* Map a run of RAM PFNs and give the allocator what is populated and nobody's. */
static int adopt(uint64_t start, uint64_t end)
{
	int err = boot_direct_map(start, end - start);

	while (!err && start < end) {
		uint64_t pfn = start;

		while (pfn < end && !boot_page_known(pfn) && xen_p2m_is_own_ram(mk_pfn(pfn)))
			pfn++;
		if (pfn > start)
			boot_pages_add(start, pfn - start);
		start = pfn > start ? pfn : start + 1;
	}
	return err;
}

/* RAM PFNs without a frame: page tables now, frames when the balloon deflates. */
static int prepare_spare(uint64_t start, uint64_t end)
{
	int err = boot_make_tables((uintptr_t)boot_direct(start), end - start);
	uint64_t pfn;

	for (pfn = start; !err && pfn < end; pfn++)
		if (!boot_page_known(pfn))
			boot_pages_lend(pfn, 1);
	return err;
}

/* In steps of 2 MiB, so that what one step maps can hold the tables of the next. */
static void for_ram(int (*step)(uint64_t start, uint64_t end))
{
	const uint64_t stride = 512;
	struct xen_range ram = {0};
	int err = 0;

	while (xen_ranges_first(&xen_p2m.ram, ram.end, XEN_INVALID_FRAME >> 1, &ram)) {
		uint64_t pfn = ram.start ? ram.start : 1; /* PFN 0 is nobody's */

		while (pfn < ram.end && !err) {
			uint64_t end = (pfn | (stride - 1)) + 1;

			end = end < ram.end ? end : ram.end;
			err = step(pfn, end);
			pfn = end;
		}
	}
	if (err == -XEN_ENOMEM)
		boot_refuse("too little memory: %lu KiB given do not hold the page tables",
			    kib(boot_start_info->nr_pages));
	if (err)
		boot_refuse("cannot map RAM: error %d", err);
}

/* Code cannot be written, data cannot be run, PFN 0 and the stack's guard are not there. */
static void protect(void)
{
	uintptr_t text = (uintptr_t)boot_image_start, rodata = (uintptr_t)boot_rodata_start;
	uintptr_t data = (uintptr_t)boot_data_start;
	uintptr_t end = (uintptr_t)boot_direct(bootstrap_end);
	int err;

	err = boot_protect(BOOT_DIRECT_BASE, text, XEN_PTE_NX, 0);
	err = err ? err : boot_protect(text, rodata, 0, XEN_PTE_RW);
	err = err ? err : boot_protect(rodata, data, XEN_PTE_NX, XEN_PTE_RW);
	err = err ? err : boot_protect(data, end, XEN_PTE_NX, 0);
	err = err ? err : boot_set_pte(BOOT_DIRECT_BASE, 0);
	err = err ? err : boot_set_pte((uintptr_t)boot_stack_guard, 0);
	if (err)
		boot_refuse("cannot protect the kernel image: error %d", err);
}

/* The builder's P2M list and stack are free once the larger array is in use. */
static void release_list(uint64_t *list)
{
	if (xen_p2m.entry == list)
		return;
	boot_pages_add(boot_direct_pfn(list),
		       xen_pages_of(boot_start_info->nr_pages * sizeof(*list)));
}

void boot_memory_init(void)
{
	uint64_t *list = (uint64_t *)boot_start_info->mfn_list;
	struct xen_setup_params params = {
		.map = boot_e820,
		.nr_pages = boot_start_info->nr_pages,
		.pinned = pinned,
		.nr_pinned = 3,
		.moved = note_moved,
	};
	uint64_t entries;
	uint8_t *state;
	int err;

	find_bootstrap();
	err = xen_p2m_init(list, boot_start_info->nr_pages);
	if (err)
		boot_refuse("cannot use the P2M list: error %d", err);
	read_e820();
	params.nr_map = boot_nr_e820;
	params.max_pages = max_pages();
	err = xen_setup_plan(&params, &entries);
	if (err)
		boot_refuse("the memory map does not suit this domain: error %d", err);
	add_early(entries);
	params.nr_pinned = 4;
	extend_p2m(entries);
	state = boot_early_alloc(xen_pages_of(entries));
	if (!state)
		boot_refuse("too little memory for the page allocator");
	memset(state, 0, entries);

	err = xen_setup_memory(&params, &boot_memory);
	if (err)
		boot_refuse("cannot lay out the memory: error %d", err);
	boot_pages_init(state, entries);
	boot_pages_reserve(pfn_x(pinned[0].start), pinned[0].nr + pinned[1].nr);
	protect();
	for_ram(adopt);
	for_ram(prepare_spare);
	release_list(list);
	if (boot_free_pages() < MIN_FREE)
		boot_refuse("too little memory: %lu KiB given, %lu KiB free, %u KiB needed",
			    kib(boot_start_info->nr_pages), kib(boot_free_pages()),
			    (unsigned int)kib(MIN_FREE));
}

void boot_memory_publish(void)
{
	uint64_t root = boot_pte(boot_start_info->pt_base) & XEN_PTE_FRAME_MASK;
	int err = xen_p2m_publish(&boot_shared_info->arch, dma_to_mfn(root));

	if (err)
		boot_refuse("cannot publish the P2M: error %d", err);
}
