/* SPDX-License-Identifier: MIT */
/*
 * The machine and its domain: memory map, machine memory (a sparse memfd that holds every frame at
 * its machine address), the M2P with real holes, the heap, and the domain as the builder leaves
 * it: frames, P2M list, direct map. Built once by model_start(), taken down by model_stop().
 *
 * Limit: a page that is not contiguous with its neighbours costs one mapping of the process, of
 * which Linux allows 65,530. So the domain's pages are scattered singly up to 16,384 pages, and in
 * blocks of growing size beyond.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <model/internal.h>

#define MAX_SCATTERED 16384
#define XEN_LOWEST 2 /* frames at address 0 that Xen keeps */
#define DEFAULT_PAGES 4096
#define DEFAULT_PADDR_BITS 46
#define LIST_PFN 16 /* below it: the "kernel image" */
#define LOW_HOLE_PFN 0x9f
#define ABOVE_HOLE_PFN 0x100
#define DEFAULT_SEED 0x2545f4914f6cdd1dULL
#define MAX_RESERVED 128
#define M2P_PIECE 16384UL
#define MAX_HEAP 65536 /* bytes of a reservation that is cheaper than a mapping of its own */

struct model model;

static const struct xen_e820_entry default_map[] = {
	{0x00000000, 0x0009fc00, XEN_E820_RAM},	     {0x0009fc00, 0x00000400, XEN_E820_RESERVED},
	{0x000f0000, 0x00010000, XEN_E820_RESERVED}, {0x00100000, 0x3ff00000, XEN_E820_RAM},
	{0xfec00000, 0x00001000, XEN_E820_RESERVED}, {0xfffc0000, 0x00040000, XEN_E820_RESERVED},
};

/* What model_reserve() gave and nobody released: machine_stop() does. */
static struct {
	void *start;
	uint64_t bytes;
} reserved[MAX_RESERVED];
static unsigned int nr_reserved;

void *model_reserve(uint64_t bytes)
{
	void *p;

	bytes = bytes ? bytes : 1;
	p = bytes <= MAX_HEAP ? calloc(1, bytes)
			      : mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!p || p == MAP_FAILED || nr_reserved == MAX_RESERVED)
		model_breach("model: no address space for %llu bytes", (unsigned long long)bytes);
	reserved[nr_reserved].start = p;
	reserved[nr_reserved++].bytes = bytes;
	return p;
}

void model_release(void *p)
{
	unsigned int i = 0;

	while (i < nr_reserved && reserved[i].start != p)
		i++;
	if (i == nr_reserved)
		model_breach("model_release: %p is not reserved", p);
	if (reserved[i].bytes <= MAX_HEAP)
		free(p);
	else
		munmap(p, reserved[i].bytes);
	reserved[i] = reserved[--nr_reserved];
}

static int new_memfd(const char *name, uint64_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		model_breach("model: cannot make %s of %llu bytes", name,
			     (unsigned long long)bytes);
	return fd;
}

static void *view(int fd, uint64_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (p == MAP_FAILED)
		model_breach("model: cannot map machine memory");
	return p;
}

bool machine_ram_entry(unsigned int i, uint64_t *start, uint64_t *end)
{
	const struct xen_e820_entry *e = &model.e820[i];

	*start = xen_pages_of(e->addr);
	*end = (e->addr + e->size) >> XEN_PAGE_SHIFT;
	return e->type == XEN_E820_RAM && *start < *end;
}

bool machine_is_ram(uint64_t mfn)
{
	uint64_t start, end;

	for (unsigned int i = 0; i < model.nr_e820; i++)
		if (machine_ram_entry(i, &start, &end) && mfn >= start && mfn < end)
			return true;
	return false;
}

static void read_map(void)
{
	const struct xen_e820_entry *map = model.params.e820;
	unsigned int nr = model.params.nr_e820;
	uint64_t start, end;

	if (!map) {
		map = default_map;
		nr = sizeof(default_map) / sizeof(default_map[0]);
	}
	if (nr > XEN_E820_MAX)
		model_breach("model_start: %u map entries", nr);
	memcpy(model.e820, map, nr * sizeof(*map));
	model.nr_e820 = nr;
	model.max_page = 0;
	for (unsigned int i = 0; i < nr; i++)
		if (machine_ram_entry(i, &start, &end) && end > model.max_page)
			model.max_page = end;
	if (!model.max_page || model.max_page > 1ULL << 31)
		model_breach("model_start: RAM ends at frame %llx",
			     (unsigned long long)model.max_page);
}

bool model_m2p_chunk_present(uint64_t chunk)
{
	uint64_t start, end;

	for (unsigned int i = 0; i < model.nr_e820; i++)
		if (machine_ram_entry(i, &start, &end) && start < (chunk + 1) << M2P_CHUNK_SHIFT &&
		    end > chunk << M2P_CHUNK_SHIFT)
			return true;
	return false;
}

/* By writing to the file: touching each page of a mapping would cost a fault a page. */
static void fill_ones(int fd, uint64_t offset, uint64_t bytes)
{
	static uint8_t ones[M2P_PIECE];

	memset(ones, 0xff, sizeof(ones));
	for (uint64_t at = 0; at < bytes; at += sizeof(ones))
		if (pwrite(fd, ones, sizeof(ones), (off_t)(offset + at)) != sizeof(ones))
			model_breach("model: cannot fill the M2P");
}

/* Behind the last frame the M2P never changes: made once, mapped into every machine's. */
static void map_tail(const void *view, uint64_t from, uint64_t end)
{
	static int fd = -1;

	if (fd < 0) {
		fd = new_memfd("m2p-tail", M2P_CHUNK * sizeof(uint64_t));
		fill_ones(fd, 0, M2P_CHUNK * sizeof(uint64_t));
	}
	if (from < end && mmap((uint8_t *)(uintptr_t)view + from, end - from, PROT_READ,
			       MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		model_breach("model: cannot map the M2P");
}

/* Every M2P chunk that has no RAM stays without memory, in the guest's view also without access. */
static void build_m2p(void)
{
	uint64_t chunks = (model.max_page + M2P_CHUNK - 1) >> M2P_CHUNK_SHIFT;
	size_t bytes = M2P_CHUNK * sizeof(uint64_t);
	uint64_t used = (model.max_page * sizeof(uint64_t) + M2P_PIECE - 1) & ~(M2P_PIECE - 1);
	int fd = new_memfd("m2p", chunks * bytes);
	uint8_t *ro;

	model.m2p_nr = chunks << M2P_CHUNK_SHIFT;
	model.m2p_space = 4 * model.m2p_nr;
	model.m2p = view(fd, chunks * bytes, PROT_READ | PROT_WRITE);
	ro = mmap(NULL, model.m2p_space * sizeof(uint64_t), PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ro == MAP_FAILED)
		model_breach("model: no address space for the M2P");
	for (uint64_t i = 0; i < chunks; i++) {
		if (!model_m2p_chunk_present(i))
			continue;
		fill_ones(fd, i * bytes, used - i * bytes < bytes ? used - i * bytes : bytes);
		if (mmap(ro + i * bytes, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
			 (off_t)(i * bytes)) == MAP_FAILED)
			model_breach("model: cannot map the M2P");
	}
	close(fd);
	map_tail(model.m2p, used, chunks * bytes);
	map_tail(ro, used, chunks * bytes);
	model.m2p_ro = (const uint64_t *)(const void *)ro;
}

static void xen_keeps(uint64_t mfn, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		model.frames[mfn + i].owner = OWNER_XEN;
}

/* Xen itself has the lowest frames of all and a block as high as there is one. */
static void build_heap(void)
{
	uint64_t start, end;

	buddy_init(&model.heap, model.max_page, true);
	for (unsigned int i = 0; i < model.nr_e820; i++) {
		if (!machine_ram_entry(i, &start, &end))
			continue;
		for (; start < end && start < XEN_LOWEST; start++)
			xen_keeps(start, 1);
		buddy_free(&model.heap, start, end - start);
	}
	model.xen_frames = buddy_alloc(&model.heap, XEN_FRAMES_ORDER, NR_ZONES);
	if (model.xen_frames == NONE)
		model_breach("model_start: no RAM for the hypervisor");
	xen_keeps(model.xen_frames, XEN_FRAMES);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Shuffle blocks of 2^@order until no block follows its predecessor in the machine. */
static void scatter(uint64_t *mfn, uint64_t nr, unsigned int order)
{
	uint64_t state = model.params.seed ? model.params.seed : DEFAULT_SEED;

	for (uint64_t i = nr; i > 1; i--) {
		uint64_t j = next_random(&state) % i, t = mfn[i - 1];

		mfn[i - 1] = mfn[j];
		mfn[j] = t;
	}
	for (unsigned int pass = 0; nr > 3 && pass < 64; pass++) {
		bool again = false;

		for (uint64_t i = 1; i < nr; i++) {
			uint64_t j = next_random(&state) % nr, t = mfn[i];

			if (mfn[i] != mfn[i - 1] + (1ULL << order))
				continue;
			mfn[i] = mfn[j];
			mfn[j] = t;
			again = true;
		}
		if (!again)
			break;
	}
}

static void build_domain(void)
{
	uint64_t nr = model.params.nr_pages, blocks;
	unsigned int order = 0;
	uint64_t *first;

	while (nr >> order > MAX_SCATTERED)
		order++;
	if (model.params.contiguous)
		order = 9;
	blocks = nr >> order;
	first = model_reserve((blocks + 1) * sizeof(*first));
	model.mfn_list = model_reserve(nr * sizeof(*model.mfn_list) + XEN_PAGE_SIZE);
	for (uint64_t i = 0; i < blocks; i++) {
		first[i] = buddy_alloc(&model.heap, order, NR_ZONES);
		if (first[i] == NONE)
			model_breach("model_start: the machine is too small for %llu pages",
				     (unsigned long long)nr);
	}
	if (!model.params.contiguous)
		scatter(first, blocks, order);
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t block = i >> order, offset = i & ((1ULL << order) - 1);
		uint64_t mfn = block < blocks ? first[block] + offset
					      : buddy_alloc(&model.heap, 0, NR_ZONES);

		if (mfn == NONE)
			model_breach("model_start: the machine is too small");
		model.mfn_list[i] = mfn;
		model.frames[mfn] = (struct frame){.owner = OWNER_DOMAIN};
		model.m2p[mfn] = i;
	}
	model_release(first);
	model.tot_pages = nr;
}

static void map_domain(void)
{
	uint64_t nr = model.params.nr_pages, run;

	for (uint64_t i = 0; i < nr; i += run) {
		for (run = 1; i + run < nr; run++)
			if (model.mfn_list[i + run] != model.mfn_list[i] + run)
				break;
		mmu_map_run(i, model.mfn_list[i], run);
	}
}

/* Ascending addresses for `contiguous`: the heap hands blocks out from the top down. */
static void sort_blocks(void)
{
	uint64_t nr = model.params.nr_pages, *list = model.mfn_list;

	if (!model.params.contiguous)
		return;
	for (uint64_t gap = nr / 2; gap; gap /= 2)
		for (uint64_t i = gap; i < nr; i++) {
			uint64_t v = list[i], j = i;

			for (; j >= gap && list[j - gap] > v; j -= gap)
				list[j] = list[j - gap];
			list[j] = v;
		}
	for (uint64_t i = 0; i < nr; i++)
		model.m2p[list[i]] = i;
}

/* The builder's list lies in the domain's own RAM, clear of a PC's hole below 1 MiB. */
static void place_list(void)
{
	uint64_t *built = model.mfn_list, bytes = model.params.nr_pages * sizeof(*built);

	model.list_pages = xen_pages_of(bytes);
	model.list_pfn = LIST_PFN + model.list_pages <= LOW_HOLE_PFN ? LIST_PFN : ABOVE_HOLE_PFN;
	if (model.list_pfn + model.list_pages > model.params.nr_pages)
		model_breach("model_start: no room for the P2M list");
	model.mfn_list = (uint64_t *)(void *)(model.space + (model.list_pfn << XEN_PAGE_SHIFT));
	memcpy(model.mfn_list, built, bytes);
	model_release(built);
}

void machine_start(void)
{
	struct model_params *p = &model.params;

	if (!p->nr_pages)
		p->nr_pages = DEFAULT_PAGES;
	if (p->max_pages < p->nr_pages)
		p->max_pages = p->nr_pages;
	if (!p->nr_cpus)
		p->nr_cpus = 1;
	if (!p->paddr_bits)
		p->paddr_bits = DEFAULT_PADDR_BITS;
	read_map();
	model.max_pages = p->max_pages;
	model.ram_fd = new_memfd("ram", model.max_page << XEN_PAGE_SHIFT);
	model.ram = view(model.ram_fd, model.max_page << XEN_PAGE_SHIFT, PROT_READ | PROT_WRITE);
	model.mmio_fd = new_memfd("mmio", 0);
	model.frames = model_reserve(model.max_page * sizeof(*model.frames));
	model.taken = model_reserve(model.max_page * sizeof(*model.taken));
	build_m2p();
	build_heap();
	build_domain();
	sort_blocks();
	mmu_start();
	map_domain();
	place_list();
}

void machine_stop(void)
{
	while (nr_reserved)
		model_release(reserved[0].start);
	munmap(model.ram, model.max_page << XEN_PAGE_SHIFT);
	munmap(model.space, (model.direct_pages + model.vm_pages) << XEN_PAGE_SHIFT);
	munmap(model.m2p, model.m2p_nr * sizeof(uint64_t));
	munmap((void *)(uintptr_t)model.m2p_ro, model.m2p_space * sizeof(uint64_t));
	close(model.ram_fd);
	close(model.mmio_fd);
}

uint64_t *model_mfn_list(void)
{
	return model.mfn_list;
}

uint64_t model_nr_pages(void)
{
	return model.params.nr_pages;
}
