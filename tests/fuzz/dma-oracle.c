/* SPDX-License-Identifier: MIT */
/*
 * The flat memory of dma-oracle.h. Bytes of data are 1 to 0xbf; a device that writes beside its
 * buffer writes its own number above that: so whose data stands in the rest of a slot can be told.
 */
#include <xen/contiguous.h>
#include <xen/p2m.h>

#include "dma-oracle.h"
#include "fuzz.h"

#define STRAY 0xf0
#define SLOT XEN_SWIOTLB_SLOT_SIZE

struct mapping oracle_mapping[MAX_MAPPINGS];
uint8_t *oracle_arena;

static uint8_t flat[ARENA];

static uint8_t byte_of(uint8_t seed, size_t i)
{
	return (uint8_t)(1 + (seed * 31u + i) % 0xbf);
}

void oracle_start(void)
{
	memset(oracle_mapping, 0, sizeof(oracle_mapping));
	oracle_arena = xen_port_alloc_pages(5);
	FUZZ_CHECK(oracle_arena);
	for (size_t i = 0; i < ARENA; i++)
		flat[i] = byte_of((uint8_t)(i >> 12), i);
	memcpy(oracle_arena, flat, ARENA);
}

void oracle_stop(void)
{
	xen_port_free_pages(oracle_arena, 5);
}

void oracle_begin(struct mapping *m, struct xen_dma_dev *dev, unsigned int which,
		  enum xen_dma_dir dir, bool is_sg)
{
	m->live = true;
	m->is_sg = is_sg;
	m->dev = dev;
	m->dir = dir;
	m->which = which;
	m->size = 0;
	m->nr_cpu = 0;
	m->nr_dma = 0;
}

void oracle_add_cpu(struct mapping *m, size_t at, size_t size)
{
	m->cpu[m->nr_cpu].at = at;
	m->cpu[m->nr_cpu++].size = size;
	m->size += size;
}

void oracle_add_dma(struct mapping *m, dma_addr_t addr, size_t size)
{
	m->dma[m->nr_dma].addr = addr;
	m->dma[m->nr_dma].size = size;
	m->dma[m->nr_dma++].bounced = xen_swiotlb_is_bounce(addr);
}

/* Where byte @at of the mapping is in the arena; *@run is for how many bytes that goes on. */
static size_t cpu_place(const struct mapping *m, size_t at, size_t *run)
{
	unsigned int i = 0;

	for (; at >= m->cpu[i].size; i++)
		at -= m->cpu[i].size;
	if (*run > m->cpu[i].size - at)
		*run = m->cpu[i].size - at;
	return m->cpu[i].at + at;
}

/* The same for the device; the number of the piece. */
static unsigned int dma_place(const struct mapping *m, size_t at, size_t *run, dma_addr_t *addr)
{
	unsigned int i = 0;

	for (; at >= m->dma[i].size; i++)
		at -= m->dma[i].size;
	if (*run > m->dma[i].size - at)
		*run = m->dma[i].size - at;
	*addr = m->dma[i].addr + at;
	return i;
}

/* Run by run of [at, at + size), in the arena and on the device's side. */
struct walk {
	const struct mapping *m;
	size_t at, left, run, cpu;
	dma_addr_t addr;
	bool bounced;
};

static bool next_run(struct walk *walk)
{
	walk->at += walk->run;
	walk->left -= walk->run;
	if (!walk->left)
		return false;
	walk->run = walk->left;
	walk->cpu = cpu_place(walk->m, walk->at, &walk->run);
	walk->bounced = walk->m->dma[dma_place(walk->m, walk->at, &walk->run, &walk->addr)].bounced;
	return true;
}

static struct walk walk_of(const struct mapping *m, size_t at, size_t size)
{
	return (struct walk){.m = m, .at = at, .left = size};
}

static void check_view(const struct mapping *m)
{
	struct walk walk = walk_of(m, 0, m->size);
	static uint8_t seen[ARENA];

	while (next_run(&walk)) {
		const uint8_t *want = walk.bounced ? m->view + walk.at : flat + walk.cpu;

		FUZZ_CHECK(model_dma_read(walk.addr, seen, walk.run));
		FUZZ_CHECK(!memcmp(seen, want, walk.run));
	}
}

void oracle_check(void)
{
	FUZZ_CHECK(!memcmp(oracle_arena, flat, ARENA));
	for (unsigned int i = 0; i < MAX_MAPPINGS; i++)
		if (oracle_mapping[i].live)
			check_view(&oracle_mapping[i]);
}

static dma_addr_t slots_start(const struct mapping *m, unsigned int piece)
{
	return m->dma[piece].addr & ~(SLOT - 1);
}

static dma_addr_t slots_end(const struct mapping *m, unsigned int piece)
{
	return (m->dma[piece].addr + m->dma[piece].size + SLOT - 1) & ~(SLOT - 1);
}

/* The rest of the slots is zero, or what this very device strayed into. */
static void check_padding(const struct mapping *m, unsigned int piece)
{
	dma_addr_t ends[][2] = {
		{slots_start(m, piece), m->dma[piece].addr},
		{m->dma[piece].addr + m->dma[piece].size, slots_end(m, piece)},
	};
	uint8_t seen[SLOT];

	for (unsigned int end = 0; end < 2; end++) {
		size_t size = ends[end][1] - ends[end][0];

		FUZZ_CHECK(model_dma_read(ends[end][0], seen, size));
		for (size_t i = 0; i < size; i++)
			FUZZ_CHECK(!seen[i] || seen[i] == STRAY + m->which);
	}
}

static void check_disjoint(const struct mapping *m, unsigned int piece)
{
	for (unsigned int i = 0; i < MAX_MAPPINGS; i++) {
		const struct mapping *other = &oracle_mapping[i];

		for (unsigned int k = 0; other->live && k < other->nr_dma; k++)
			if (other->dma[k].bounced && (other != m || k != piece))
				FUZZ_CHECK(slots_end(m, piece) <= slots_start(other, k) ||
					   slots_end(other, k) <= slots_start(m, piece));
	}
}

static void check_limits(const struct mapping *m, unsigned int piece, size_t at)
{
	const struct xen_dma_limits *l = &m->dev->limits;
	dma_addr_t first = m->dma[piece].addr, last = first + m->dma[piece].size - 1;
	size_t run = 1;
	paddr_t paddr;

	FUZZ_CHECK(last >= first && last <= l->mask);
	FUZZ_CHECK(!l->boundary_mask || !((first ^ last) & ~l->boundary_mask));
	if (!m->dma[piece].bounced)
		return;
	paddr = pfn_to_paddr(xen_port_virt_to_pfn(oracle_arena)) + cpu_place(m, at, &run);
	FUZZ_CHECK(!((first ^ paddr) & l->min_align_mask));
}

/* What the device can reach as it lies is mapped so. */
static void check_bounced(const struct mapping *m, unsigned int piece, size_t at)
{
	size_t run = m->dma[piece].size, cpu = cpu_place(m, at, &run);
	uint64_t pfn = pfn_x(xen_port_virt_to_pfn(oracle_arena)) + (cpu >> XEN_PAGE_SHIFT);
	uint64_t pages = xen_pages_of(xen_page_offset(cpu) + run);
	dma_addr_t first = mfn_to_dma(xen_pfn_to_mfn(mk_pfn(pfn))) | xen_page_offset(cpu);
	dma_addr_t last = first + run - 1;
	uint64_t boundary = m->dev->limits.boundary_mask;
	bool direct = xen_pfn_range_contiguous(mk_pfn(pfn), pages) && last <= m->dev->limits.mask &&
		      (!boundary || !((first ^ last) & ~boundary));

	FUZZ_CHECK(m->dma[piece].bounced ? !direct && run == m->dma[piece].size
					 : direct && m->dma[piece].addr == first);
}

void oracle_mapped(struct mapping *m)
{
	struct walk walk = walk_of(m, 0, m->size);
	size_t at = 0;

	for (unsigned int i = 0; i < m->nr_dma; i++) {
		FUZZ_CHECK(m->dma[i].size);
		check_limits(m, i, at);
		check_bounced(m, i, at);
		if (m->dma[i].bounced) {
			check_disjoint(m, i);
			check_padding(m, i);
		}
		at += m->dma[i].size;
	}
	FUZZ_CHECK(at == m->size);
	/* The device finds the original, whatever the direction. */
	while (next_run(&walk))
		memcpy(m->view + walk.at, flat + walk.cpu, walk.run);
}

void oracle_synced(struct mapping *m, size_t at, size_t size, bool for_cpu)
{
	struct walk walk = walk_of(m, at, size);

	while (next_run(&walk)) {
		if (!walk.bounced)
			continue;
		if (for_cpu && m->dir != XEN_DMA_TO_DEVICE)
			memcpy(flat + walk.cpu, m->view + walk.at, walk.run);
		if (!for_cpu && m->dir != XEN_DMA_FROM_DEVICE)
			memcpy(m->view + walk.at, flat + walk.cpu, walk.run);
	}
}

void oracle_unmapped(struct mapping *m, bool skip_sync)
{
	if (!skip_sync)
		oracle_synced(m, 0, m->size, true);
	m->live = false;
}

bool oracle_is_mapped(size_t at, size_t size)
{
	for (unsigned int i = 0; i < MAX_MAPPINGS; i++) {
		const struct mapping *m = &oracle_mapping[i];

		for (unsigned int k = 0; m->live && k < m->nr_cpu; k++)
			if (m->cpu[k].at < at + size && at < m->cpu[k].at + m->cpu[k].size)
				return true;
	}
	return false;
}

bool oracle_has_mappings(const struct xen_dma_dev *dev)
{
	for (unsigned int i = 0; i < MAX_MAPPINGS; i++)
		if (oracle_mapping[i].live && oracle_mapping[i].dev == dev)
			return true;
	return false;
}

void oracle_cpu_writes(size_t at, size_t size, uint8_t seed)
{
	at %= ARENA;
	for (size_t i = at; i < ARENA && i < at + size; i++)
		oracle_arena[i] = flat[i] = byte_of(seed, i);
}

void oracle_device_writes(struct mapping *m, size_t at, size_t size, uint8_t seed)
{
	static uint8_t data[ARENA];
	struct walk walk;

	at %= m->size;
	size = size < m->size - at ? size : m->size - at;
	for (size_t i = 0; i < size; i++)
		data[i] = byte_of(seed, i);
	walk = walk_of(m, at, size);
	while (next_run(&walk)) {
		FUZZ_CHECK(model_dma_write(walk.addr, data + (walk.at - at), walk.run));
		memcpy(walk.bounced ? m->view + walk.at : flat + walk.cpu, data + (walk.at - at),
		       walk.run);
	}
}

void oracle_device_strays(struct mapping *m, uint8_t piece)
{
	unsigned int i = piece % m->nr_dma;
	dma_addr_t start = slots_start(m, i), end = m->dma[i].addr + m->dma[i].size;
	uint8_t data[SLOT];

	if (!m->dma[i].bounced)
		return;
	memset(data, (int)(STRAY + m->which), sizeof(data));
	FUZZ_CHECK(model_dma_write(start, data, m->dma[i].addr - start));
	FUZZ_CHECK(model_dma_write(end, data, slots_end(m, i) - end));
}
