/* SPDX-License-Identifier: MIT */
/*
 * Streaming mappings against flat memory. A direct mapping is the buffer itself; a bounce buffer is
 * a second piece of memory that begins as a copy and then changes only by what dma.h says: syncs,
 * the unmap, the device. Around each buffer are bytes that nothing may change, around each bounce
 * buffer, to whole slots, bytes that must be zero, or what a wild device wrote there itself.
 */
#include "sim.h"

#include <xen/port.h>

#define SLOT XEN_SWIOTLB_SLOT_SIZE

struct device *any_device(struct sim_cpu *cpu)
{
	return &cpu->device[sim_below(cpu, NR_DEVICES)];
}

struct mapping *free_mapping(struct sim_cpu *cpu)
{
	for (unsigned int i = 0; i < NR_MAPPINGS; i++)
		if (!cpu->mapping[i].dev)
			return &cpu->mapping[i];
	return NULL;
}

static struct mapping *live_mapping(struct sim_cpu *cpu)
{
	for (unsigned int tries = 0; tries < 8; tries++) {
		struct mapping *m = &cpu->mapping[sim_below(cpu, NR_MAPPINGS)];

		if (m->dev)
			return m;
	}
	return NULL;
}

/* Part of a buffer: mostly short, at times all of it. */
void choose_range(struct sim_cpu *cpu, const struct buffer *buf, size_t *offset, size_t *size)
{
	size_t bytes = XEN_PAGE_SIZE << buf->order, most = bytes;

	switch (sim_below(cpu, 8)) {
	case 0:
		*offset = 0;
		*size = bytes;
		return;
	case 1:
	case 2:
		break;
	case 3:
		most = XEN_PAGE_SIZE;
		break;
	default:
		most = 600;
	}
	*size = 1 + sim_below(cpu, most);
	*offset = sim_below(cpu, bytes - *size + 1);
}

bool direct_address(const struct device *dev, const struct buffer *buf, size_t offset, size_t size,
		    dma_addr_t *dma)
{
	size_t first = offset >> XEN_PAGE_SHIFT, last = (offset + size - 1) >> XEN_PAGE_SHIFT;
	const struct xen_dma_limits *limits = &dev->dma.limits;

	for (size_t i = first; i < last; i++)
		if (buf->frame[i] + 1 != buf->frame[i + 1])
			return false;
	*dma = (buf->frame[first] << XEN_PAGE_SHIFT) + xen_page_offset(offset);
	if (*dma + size - 1 > limits->mask)
		return false;
	return !limits->boundary_mask ||
	       (*dma | limits->boundary_mask) == ((*dma + size - 1) | limits->boundary_mask);
}

/* The rest of the first and last slot: zero, but for what the same wild device left. */
static void check_padding(struct sim_cpu *cpu, const struct mapping *m)
{
	dma_addr_t end = m->dma + m->size;
	size_t before = m->dma % SLOT, behind = (SLOT - end % SLOT) % SLOT;
	uint8_t *p = cpu->scratch;

	sim_expect(model_dma_read(m->dma - before, p, before) &&
			   model_dma_read(end, p + before, behind),
		   "no memory of ours around %llx", (unsigned long long)m->dma);
	for (size_t i = 0; i < before + behind; i++)
		sim_expect(!p[i] || (m->dev->wild && p[i] == m->dev->tag),
			   "stale data: the device finds %02x %zu bytes %s the buffer at %llx",
			   p[i], i < before ? before - i : i - before,
			   i < before ? "before" : "behind", (unsigned long long)m->dma);
}

static void check_bounce(const struct mapping *m)
{
	const struct xen_dma_limits *limits = &m->dev->dma.limits;
	uint64_t last = m->dma + m->size - 1, boundary = limits->boundary_mask;
	paddr_t paddr = pfn_to_paddr(xen_port_virt_to_pfn(m->buf->va)) + m->offset;

	sim_expect(last <= limits->mask && last >= m->dma,
		   "a bounce buffer at %llx, %zu bytes, is above %llx", (unsigned long long)m->dma,
		   m->size, (unsigned long long)limits->mask);
	sim_expect(!boundary || (m->dma | boundary) == (last | boundary),
		   "a bounce buffer at %llx, %zu bytes, crosses a boundary of %llx",
		   (unsigned long long)m->dma, m->size, (unsigned long long)boundary);
	sim_expect(!((m->dma ^ paddr) & limits->min_align_mask),
		   "a bounce buffer at %llx does not keep the bits %llx of %llx",
		   (unsigned long long)m->dma, (unsigned long long)limits->min_align_mask,
		   (unsigned long long)paddr);
	sim_expect(xen_swiotlb_is_bounce(m->dma) && xen_swiotlb_is_bounce(last),
		   "%llx, %zu bytes, is neither direct nor a bounce buffer",
		   (unsigned long long)m->dma, m->size);
}

/* @m is filled but for .seen; the library has just made it. */
void mapping_begin(struct sim_cpu *cpu, struct mapping *m)
{
	uint8_t *flat = m->buf->flat + m->offset;

	m->buf->map = m;
	m->dev->live++;
	sim_count(maps);
	m->seen = flat;
	if (m->bounced) {
		sim_count(bounced);
		check_bounce(m);
		claim(m->dma, m->size, "a bounce buffer");
		m->seen = malloc(m->size);
		memcpy(m->seen, flat, m->size);
		check_padding(cpu, m);
	}
	device_sees(cpu, "a new mapping", m->dma, m->seen, m->size);
}

/* What the unmap will do to the buffer. From here on the slots may be anybody's. */
void mapping_expect_unmap(struct mapping *m, bool skip_sync)
{
	if (!m->bounced)
		return;
	if (!skip_sync && m->dir != XEN_DMA_TO_DEVICE)
		memcpy(m->buf->flat + m->offset, m->seen, m->size);
	unclaim(m->dma, m->size);
}

void mapping_end(struct mapping *m)
{
	same_bytes("a buffer after unmap", m->buf->va, m->buf->flat,
		   XEN_PAGE_SIZE << m->buf->order);
	if (m->bounced)
		free(m->seen);
	m->buf->map = NULL;
	m->dev->live--;
	*m = (struct mapping){0};
}

void op_map(struct sim_cpu *cpu)
{
	struct mapping *m = free_mapping(cpu);
	struct buffer *buf = idle_buffer(cpu);
	struct device *dev = any_device(cpu);
	unsigned int attrs = sim_once_in(cpu, 8) ? XEN_DMA_ATTR_SKIP_SYNC : 0;
	dma_addr_t want;

	if (!m || !buf)
		return;
	*m = (struct mapping){.dev = dev, .buf = buf};
	choose_range(cpu, buf, &m->offset, &m->size);
	m->dir = (enum xen_dma_dir)sim_below(cpu, 3);
	m->bounced = !direct_address(dev, buf, m->offset, m->size, &want);
	sim_note(cpu, "map %llu bytes from %llu of %p, direction %llu, device %llu", m->size,
		 m->offset, (uintptr_t)buf->va, m->dir, (unsigned)(dev - cpu->device));
	if (sim_once_in(cpu, 2))
		m->dma = xen_dma_map_single(&dev->dma, buf->va + m->offset, m->size, m->dir, attrs);
	else
		m->dma = xen_dma_map_page(&dev->dma, xen_port_virt_to_pfn(buf->va), m->offset,
					  m->size, m->dir, attrs);
	if (!xen_dma_mapping_error(m->dma)) {
		sim_expect(m->bounced || m->dma == want, "mapped directly at %llx, not at %llx",
			   (unsigned long long)m->dma, (unsigned long long)want);
		mapping_begin(cpu, m);
		return;
	}
	sim_count(maps_failed);
	sim_expect(m->bounced, "a direct mapping failed: %d", dev->dma.last_error);
	if (m->size > xen_dma_max_mapping_size(&dev->dma))
		expect_error("map", dev->dma.last_error, -XEN_E2BIG, -XEN_EINVAL, -XEN_ENOSPC,
			     -XEN_ENOMEM);
	else
		expect_error("map", dev->dma.last_error, -XEN_ENOSPC, -XEN_ENOMEM);
	*m = (struct mapping){0};
}

void unmap_one(struct sim_cpu *cpu, struct mapping *m)
{
	unsigned int attrs = sim_once_in(cpu, 8) ? XEN_DMA_ATTR_SKIP_SYNC : 0;

	sim_note(cpu, "unmap %llx, %llu bytes, direction %llu, attributes %llu, device %llu",
		 m->dma, m->size, m->dir, attrs, (unsigned)(m->dev - cpu->device));
	mapping_expect_unmap(m, attrs);
	xen_dma_unmap(&m->dev->dma, m->dma, m->size, m->dir, attrs);
	mapping_end(m);
}

void op_unmap(struct sim_cpu *cpu)
{
	struct mapping *m = live_mapping(cpu);

	if (m && m->list)
		unmap_list(cpu, m->list);
	else if (m)
		unmap_one(cpu, m);
}

static void part_of(struct sim_cpu *cpu, const struct mapping *m, size_t *at, size_t *size)
{
	if (sim_once_in(cpu, 4)) {
		*at = 0;
		*size = m->size;
		return;
	}
	*size = 1 + sim_below(cpu, m->size);
	*at = sim_below(cpu, m->size - *size + 1);
}

void op_sync_cpu(struct sim_cpu *cpu)
{
	struct mapping *m = live_mapping(cpu);
	size_t at, size;

	if (!m)
		return;
	part_of(cpu, m, &at, &size);
	sim_note(cpu, "sync for the CPU %llx + %llu, %llu bytes of %llu, direction %llu", m->dma,
		 at, size, m->size, m->dir);
	if (m->bounced && m->dir != XEN_DMA_TO_DEVICE)
		memcpy(m->buf->flat + m->offset + at, m->seen + at, size);
	xen_dma_sync_for_cpu(&m->dev->dma, m->dma + at, size, m->dir);
	same_bytes("a buffer after a sync", m->buf->va, m->buf->flat,
		   XEN_PAGE_SIZE << m->buf->order);
}

void op_sync_device(struct sim_cpu *cpu)
{
	struct mapping *m = live_mapping(cpu);
	size_t at, size;

	if (!m)
		return;
	part_of(cpu, m, &at, &size);
	sim_note(cpu, "sync for the device %llx + %llu, %llu bytes of %llu, direction %llu", m->dma,
		 at, size, m->size, m->dir);
	if (m->bounced && m->dir != XEN_DMA_FROM_DEVICE)
		memcpy(m->seen + at, m->buf->flat + m->offset + at, size);
	xen_dma_sync_for_device(&m->dev->dma, m->dma + at, size, m->dir);
	device_sees(cpu, "a mapping after a sync", m->dma, m->seen, m->size);
}

/* Beside its buffer, in the same slots. */
static void write_beside(const struct mapping *m)
{
	dma_addr_t end = m->dma + m->size;
	uint8_t junk[64];
	size_t before = m->dma % SLOT, behind = (SLOT - end % SLOT) % SLOT;

	memset(junk, m->dev->tag, sizeof(junk));
	before = before < sizeof(junk) ? before : sizeof(junk);
	behind = behind < sizeof(junk) ? behind : sizeof(junk);
	sim_expect(model_dma_write(m->dma - before, junk, before) &&
			   model_dma_write(end, junk, behind),
		   "no memory of ours around %llx", (unsigned long long)m->dma);
}

void op_device_write(struct sim_cpu *cpu)
{
	struct mapping *m = live_mapping(cpu);
	size_t at, size;

	if (!m || m->dir == XEN_DMA_TO_DEVICE)
		return;
	part_of(cpu, m, &at, &size);
	sim_note(cpu, "the device writes %llu bytes at %llx + %llu, direction %llu", size, m->dma,
		 at, m->dir, 0);
	fill(cpu, m->seen + at, size);
	sim_expect(model_dma_write(m->dma + at, m->seen + at, size),
		   "the device finds no memory of ours at %llx", (unsigned long long)m->dma);
	if (m->bounced && m->dev->wild)
		write_beside(m);
}

void op_device_read(struct sim_cpu *cpu)
{
	struct mapping *m = live_mapping(cpu);

	if (!m)
		return;
	sim_note(cpu, "the device reads %llu bytes at %llx", m->size, m->dma, 0, 0, 0);
	device_sees(cpu, "a mapping", m->dma, m->seen, m->size);
	if (m->bounced)
		check_padding(cpu, m);
}

/* Anywhere in a buffer, around the mapping too. */
void op_cpu_write(struct sim_cpu *cpu)
{
	struct buffer *buf = &cpu->buffer[sim_below(cpu, NR_BUFFERS)];
	size_t at, size;

	if (!buf->va)
		return;
	choose_range(cpu, buf, &at, &size);
	sim_note(cpu, "the CPU writes %llu bytes from %llu of %p", size, at, (uintptr_t)buf->va, 0,
		 0);
	fill(cpu, buf->flat + at, size);
	memcpy(buf->va + at, buf->flat + at, size);
}

/* A sync that leaves its mapping is cut; an unmap of no mapping's first byte does nothing. */
void op_misuse(struct sim_cpu *cpu)
{
	struct mapping *m = live_mapping(cpu);
	uint64_t before, behind;

	if (!m || !m->bounced || m->dev->debug)
		return;
	before = sim_below(cpu, m->dma % SLOT + 1);
	behind = sim_below(cpu, 3 * SLOT);
	sim_note(cpu, "sync %llu before to %llu behind %llx, %llu bytes; unmap beside", before,
		 behind, m->dma, m->size, 0);
	if (m->dir != XEN_DMA_TO_DEVICE)
		memcpy(m->buf->flat + m->offset, m->seen, m->size);
	xen_dma_sync_for_cpu(&m->dev->dma, m->dma - before, before + m->size + behind, m->dir);
	same_bytes("a buffer after a sync that leaves its mapping", m->buf->va, m->buf->flat,
		   XEN_PAGE_SIZE << m->buf->order);
	xen_dma_sync_for_device(&m->dev->dma, m->dma - before, before + m->size + behind, m->dir);
	if (m->dir != XEN_DMA_FROM_DEVICE)
		memcpy(m->seen, m->buf->flat + m->offset, m->size);
	device_sees(cpu, "a mapping after a sync that leaves it", m->dma, m->seen, m->size);
	check_padding(cpu, m);
	if (m->size > 1)
		sim_expect(!xen_swiotlb_unmap_single(m->dma + 1, m->size - 1, m->dir, false),
			   "unmapped from its second byte on");
	same_bytes("a buffer after a wrong unmap", m->buf->va, m->buf->flat,
		   XEN_PAGE_SIZE << m->buf->order);
}
