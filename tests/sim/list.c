/* SPDX-License-Identifier: MIT */
/*
 * Scatterlists: each piece is a mapping of its own to the oracle, at the address that the list must
 * give it: in a run of pieces that the device reaches as they lie, or alone in a bounce buffer. A
 * list is mapped whole or not at all.
 */
#include "sim.h"

#include <xen/port.h>

/* Idle buffers, each once. */
static unsigned int gather(struct sim_cpu *cpu, struct list *list)
{
	unsigned int nr = 1 + (unsigned int)sim_below(cpu, MAX_PIECES);

	for (list->nr = 0; list->nr < nr; list->nr++) {
		struct mapping *m = free_mapping(cpu);
		struct buffer *buf = idle_buffer(cpu);
		struct xen_dma_sg *sg = &list->sg[list->nr];
		size_t pages;

		if (!m || !buf)
			break;
		*m = (struct mapping){.dev = list->dev, .buf = buf, .dir = list->dir, .list = list};
		choose_range(cpu, buf, &m->offset, &m->size);
		buf->map = m;
		pages = sim_once_in(cpu, 2) ? m->offset >> XEN_PAGE_SHIFT : 0;
		*sg = (struct xen_dma_sg){
			.pfn = pfn_add(xen_port_virt_to_pfn(buf->va), pages),
			.offset = (uint32_t)(m->offset - (pages << XEN_PAGE_SHIFT)),
			.length = (uint32_t)m->size,
		};
		list->piece[list->nr] = m;
	}
	return list->nr;
}

/* Nothing happened: neither to the buffers nor to what the device has. */
static void undo(struct list *list)
{
	for (unsigned int i = 0; i < list->nr; i++) {
		struct mapping *m = list->piece[i];

		same_bytes("a buffer after a list was not mapped", m->buf->va, m->buf->flat,
			   XEN_PAGE_SIZE << m->buf->order);
		m->buf->map = NULL;
		*m = (struct mapping){0};
	}
	list->dev = NULL;
}

static void check_failure(const struct list *list, int err)
{
	const struct xen_dma_limits *limits = &list->dev->dma.limits;
	bool feasible = true;

	for (unsigned int i = 0; i < list->nr; i++)
		if (list->piece[i]->size > xen_dma_max_mapping_size(&list->dev->dma) ||
		    (limits->max_segment && list->piece[i]->size > limits->max_segment))
			feasible = false;
	if (feasible)
		expect_error("map a list", err, -XEN_ENOSPC, -XEN_ENOMEM);
	else
		expect_error("map a list", err, -XEN_E2BIG, -XEN_EINVAL, -XEN_ENOSPC, -XEN_ENOMEM);
}

static void check_output(const struct xen_dma_limits *limits, const struct xen_dma_sg *sg)
{
	uint64_t last = sg->dma_addr + sg->dma_length - 1, boundary = limits->boundary_mask;

	sim_expect(last <= limits->mask &&
			   (!boundary || (sg->dma_addr | boundary) == (last | boundary)) &&
			   (!limits->max_segment || sg->dma_length <= limits->max_segment),
		   "a piece at %llx, %u bytes, is beyond the device's limits",
		   (unsigned long long)sg->dma_addr, sg->dma_length);
}

/* Walk the pieces along what the list says. */
static void check_list(struct sim_cpu *cpu, struct list *list, unsigned int nr_out)
{
	const struct xen_dma_sg *out = list->sg;
	uint32_t used = 0;

	for (unsigned int i = 0; i < list->nr; i++) {
		struct mapping *m = list->piece[i];
		dma_addr_t want;

		if (used == out->dma_length) {
			out++;
			used = 0;
		}
		sim_expect(out < list->sg + nr_out, "a list of %u ends before piece %u", nr_out, i);
		if (!used)
			check_output(&list->dev->dma.limits, out);
		m->dma = out->dma_addr + used;
		m->bounced = !direct_address(list->dev, m->buf, m->offset, m->size, &want);
		sim_expect(m->bounced ? !used && out->dma_length == m->size : m->dma == want,
			   "piece %u of a list is at %llx", i, (unsigned long long)m->dma);
		used += (uint32_t)m->size;
		sim_expect(used <= out->dma_length, "piece %u of a list is cut", i);
		mapping_begin(cpu, m);
	}
	sim_expect(out + 1 == list->sg + nr_out && used == out->dma_length,
		   "a list is longer than its pieces");
}

void op_map_list(struct sim_cpu *cpu)
{
	struct list *list = &cpu->list[sim_below(cpu, NR_LISTS)];
	int ret;

	if (list->dev)
		return;
	list->dev = any_device(cpu);
	list->dir = (enum xen_dma_dir)sim_below(cpu, 3);
	if (!gather(cpu, list)) {
		list->dev = NULL;
		return;
	}
	sim_note(cpu, "map a list of %llu, direction %llu, device %llu", list->nr, list->dir,
		 (unsigned)(list->dev - cpu->device), 0, 0);
	ret = xen_dma_map_sg(&list->dev->dma, list->sg, list->nr, list->dir, 0);
	if (ret > 0) {
		sim_count(lists);
		check_list(cpu, list, (unsigned int)ret);
		return;
	}
	check_failure(list, ret);
	undo(list);
}

void unmap_list(struct sim_cpu *cpu, struct list *list)
{
	unsigned int attrs = sim_once_in(cpu, 8) ? XEN_DMA_ATTR_SKIP_SYNC : 0;

	sim_note(cpu, "unmap a list of %llu, direction %llu, attributes %llu, device %llu",
		 list->nr, list->dir, attrs, (unsigned)(list->dev - cpu->device), 0);
	for (unsigned int i = 0; i < list->nr; i++)
		mapping_expect_unmap(list->piece[i], attrs);
	xen_dma_unmap_sg(&list->dev->dma, list->sg, list->nr, list->dir, attrs);
	for (unsigned int i = 0; i < list->nr; i++)
		mapping_end(list->piece[i]);
	list->dev = NULL;
}

void op_unmap_list(struct sim_cpu *cpu)
{
	struct list *list = &cpu->list[sim_below(cpu, NR_LISTS)];

	if (list->dev)
		unmap_list(cpu, list);
}

void op_sync_list(struct sim_cpu *cpu)
{
	struct list *list = &cpu->list[sim_below(cpu, NR_LISTS)];
	bool for_cpu = sim_once_in(cpu, 2);

	if (!list->dev)
		return;
	sim_note(cpu, "sync a list of %llu, direction %llu, for the CPU %llu", list->nr, list->dir,
		 for_cpu, 0, 0);
	for (unsigned int i = 0; i < list->nr; i++) {
		struct mapping *m = list->piece[i];
		uint8_t *flat = m->buf->flat + m->offset;

		if (m->bounced && for_cpu && m->dir != XEN_DMA_TO_DEVICE)
			memcpy(flat, m->seen, m->size);
		else if (m->bounced && !for_cpu && m->dir != XEN_DMA_FROM_DEVICE)
			memcpy(m->seen, flat, m->size);
	}
	if (for_cpu)
		xen_dma_sync_sg_for_cpu(&list->dev->dma, list->sg, list->nr, list->dir);
	else
		xen_dma_sync_sg_for_device(&list->dev->dma, list->sg, list->nr, list->dir);
	for (unsigned int i = 0; i < list->nr; i++) {
		struct mapping *m = list->piece[i];

		same_bytes("a buffer after a list's sync", m->buf->va, m->buf->flat,
			   XEN_PAGE_SIZE << m->buf->order);
		device_sees(cpu, "a piece after a list's sync", m->dma, m->seen, m->size);
	}
}
