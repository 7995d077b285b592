/* SPDX-License-Identifier: MIT */
/*
 * The DMA API with its bounce pools and coherent memory, against flat memory: after every call CPU
 * and device see what they would see if a mapping were a copy, or the memory itself where it is
 * mapped as it lies. Devices write beside their buffers, calls fail, memory runs short.
 */
#include <xen/dma.h>
#include <xen/p2m.h>

#include "dma-oracle.h"
#include "fuzz.h"

#define MAX_OPS 64
#define MAX_COHERENT 6

enum op {
	MAP,
	MAP_SG,
	UNMAP,
	SYNC,
	CPU_WRITES,
	DEVICE_WRITES,
	DEVICE_STRAYS,
	COHERENT,
	TRIM,
	FAIL,
	SHORTAGE,
	SET_MASK,
	ODD,
	NR_OPS
};

static struct xen_dma_dev dev[NR_DEVS];

static struct coherent {
	void *va;
	dma_addr_t dma;
	size_t size;
	struct xen_dma_dev *dev;
} coherent[MAX_COHERENT];

static const uint64_t masks[] = {0xffffffff, 0xffffff,	   ~0ULL,  0xfffff,
				 0x1ffffff,  0xffffffffff, 0x1fff, 0x3ffffff};

/* Why a mapping may fail; and, when the device's own limits allow it, for want of memory only. */
static void check_refusal(const struct xen_dma_dev *d, int err, size_t largest)
{
	bool memory = err == -XEN_ENOMEM || err == -XEN_ENOSPC;

	FUZZ_CHECK(memory || err == -XEN_EINVAL || err == -XEN_E2BIG);
	FUZZ_CHECK(memory || largest > xen_dma_max_mapping_size(d));
}

static enum xen_dma_dir read_dir(unsigned int code)
{
	return (enum xen_dma_dir)(code % 3);
}

static void map(struct fuzz_input *in, struct xen_dma_dev *d, struct mapping *m)
{
	unsigned int code = fuzz_byte(in);
	size_t at = fuzz_number(in, 3) % ARENA, size = 1 + fuzz_number(in, code & 0x40 ? 3 : 2);
	unsigned int attrs = code & 0x80 ? XEN_DMA_ATTR_SKIP_SYNC : 0;
	enum xen_dma_dir dir = read_dir(code);
	dma_addr_t dma;

	size = size <= ARENA - at ? size : ARENA - at;
	if (oracle_is_mapped(at, size))
		return;
	if (code & 0x20)
		dma = xen_dma_map_single(d, oracle_arena + at, size, dir, attrs);
	else
		dma = xen_dma_map_page(d, xen_port_virt_to_pfn(oracle_arena), at, size, dir, attrs);
	if (xen_dma_mapping_error(dma)) {
		check_refusal(d, d->last_error, size);
		return;
	}
	oracle_begin(m, d, (unsigned int)(d - dev), dir, false);
	oracle_add_cpu(m, at, size);
	oracle_add_dma(m, dma, size);
	oracle_mapped(m);
}

static void map_sg(struct fuzz_input *in, struct xen_dma_dev *d, struct mapping *m)
{
	unsigned int code = fuzz_byte(in), nr = 1 + (code >> 4) % MAX_PIECES;
	size_t at = fuzz_number(in, 3) % ARENA, largest = 0;
	int rc;

	oracle_begin(m, d, (unsigned int)(d - dev), read_dir(code), true);
	memset(m->sg, 0xa5, sizeof(m->sg));
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int gap = fuzz_byte(in);
		size_t size = 1 + fuzz_number(in, 2);

		/* Often whole pages in a row, which may merge. */
		at = gap & 1 ? at + (gap << 4) : xen_pages_of(at) << XEN_PAGE_SHIFT;
		size = gap & 2 ? size : XEN_PAGE_SIZE;
		if (at + size > ARENA || oracle_is_mapped(at, size)) {
			m->live = false;
			return;
		}
		m->sg[i].pfn = xen_port_virt_to_pfn(oracle_arena);
		m->sg[i].offset = (uint32_t)at;
		m->sg[i].length = (uint32_t)size;
		oracle_add_cpu(m, at, size);
		largest = size > largest ? size : largest;
		at += size;
	}
	m->nents = nr;
	rc = xen_dma_map_sg(d, m->sg, nr, m->dir, 0);
	FUZZ_CHECK(rc && rc <= (int)nr);
	if (rc < 0) {
		if (d->limits.max_segment && largest > d->limits.max_segment)
			FUZZ_CHECK(rc < 0);
		else
			check_refusal(d, rc, largest);
		m->live = false;
		return;
	}
	for (int i = 0; i < rc; i++) {
		FUZZ_CHECK(!d->limits.max_segment || m->sg[i].dma_length <= d->limits.max_segment);
		oracle_add_dma(m, m->sg[i].dma_addr, m->sg[i].dma_length);
	}
	FUZZ_CHECK((unsigned int)rc == nr || !m->sg[rc].dma_length);
	oracle_mapped(m);
}

static void unmap(struct mapping *m, unsigned int attrs)
{
	if (m->is_sg)
		xen_dma_unmap_sg(m->dev, m->sg, m->nents, m->dir, attrs);
	else
		xen_dma_unmap(m->dev, m->dma[0].addr, m->size, m->dir, attrs);
	oracle_unmapped(m, attrs & XEN_DMA_ATTR_SKIP_SYNC);
}

static void sync(struct fuzz_input *in, struct mapping *m)
{
	bool for_cpu = fuzz_byte(in) & 1;
	size_t at = 0, size = m->size;

	if (m->is_sg && for_cpu) {
		xen_dma_sync_sg_for_cpu(m->dev, m->sg, m->nents, m->dir);
	} else if (m->is_sg) {
		xen_dma_sync_sg_for_device(m->dev, m->sg, m->nents, m->dir);
	} else {
		at = fuzz_number(in, 3) % m->size;
		size = 1 + fuzz_number(in, 2) % (m->size - at);
		if (for_cpu)
			xen_dma_sync_for_cpu(m->dev, m->dma[0].addr + at, size, m->dir);
		else
			xen_dma_sync_for_device(m->dev, m->dma[0].addr + at, size, m->dir);
	}
	oracle_synced(m, at, size, for_cpu);
}

static void free_coherent(struct coherent *c)
{
	uint8_t seen[16];

	FUZZ_CHECK(model_dma_read(c->dma + c->size - 16, seen, 16));
	FUZZ_CHECK(!memcmp(seen, &c->dma, 8) && !memcmp(seen + 8, &c->va, 8));
	xen_dma_free_coherent(c->dev, c->va, c->size, c->dma);
	c->va = NULL;
}

static void use_coherent(struct fuzz_input *in, struct xen_dma_dev *d, struct coherent *c)
{
	uint64_t rounded = XEN_PAGE_SIZE, mask = d->limits.coherent_mask;

	if (c->va) {
		free_coherent(c);
		return;
	}
	c->size = 16 + fuzz_number(in, 2);
	c->dev = d;
	c->va = xen_dma_alloc_coherent(d, c->size, &c->dma);
	if (!c->va) {
		FUZZ_CHECK(d->last_error == -XEN_ENOMEM || d->last_error == -XEN_EPERM ||
			   d->last_error == -XEN_EINVAL || d->last_error == -XEN_EBUSY);
		return;
	}
	while (rounded < c->size)
		rounded *= 2;
	FUZZ_CHECK(!(c->dma & (rounded - 1)) && c->dma + rounded - 1 <= mask);
	for (size_t i = 0; i < c->size; i++)
		FUZZ_CHECK(!((uint8_t *)c->va)[i]);
	memcpy((uint8_t *)c->va + c->size - 16, &c->dma, 8);
	memcpy((uint8_t *)c->va + c->size - 8, &c->va, 8);
}

/* Only a device without mappings; a width that the machine cannot serve is refused. */
static void set_mask(struct fuzz_input *in, struct xen_dma_dev *d)
{
	uint64_t mask = masks[fuzz_below(in, 8)], before = d->limits.mask;
	int rc;

	if (oracle_has_mappings(d))
		return;
	rc = xen_dma_set_mask(d, mask);
	FUZZ_CHECK(!rc || rc == -XEN_EIO);
	FUZZ_CHECK(d->limits.mask == (rc ? before : mask));
}

/* Refused, or harmless, whatever the state. */
static void odd(unsigned int which, struct xen_dma_dev *d)
{
	pfn_t pfn = xen_port_virt_to_pfn(oracle_arena);
	struct xen_dma_sg sg = {.pfn = pfn, .offset = 0, .length = which & 1};
	dma_addr_t dma;

	dma = xen_dma_map_page(d, pfn, which, 0, XEN_DMA_TO_DEVICE, 0);
	FUZZ_CHECK(dma == XEN_DMA_ERROR && d->last_error == -XEN_EINVAL);
	dma = xen_dma_map_page(d, pfn, ~0ULL - which, 1 + which, XEN_DMA_TO_DEVICE, 0);
	FUZZ_CHECK(dma == XEN_DMA_ERROR && d->last_error == -XEN_EINVAL);
	dma = xen_dma_map_page(d, mk_pfn(1ULL << 40), which, 1, XEN_DMA_TO_DEVICE, 0);
	FUZZ_CHECK(dma == XEN_DMA_ERROR);
	FUZZ_CHECK(d->last_error == -XEN_EFAULT || xen_dma_max_mapping_size(d) == 0);
	dma = xen_dma_map_page(d, pfn, 0, 1, XEN_DMA_TO_DEVICE, XEN_DMA_ATTR_MMIO);
	FUZZ_CHECK(dma == XEN_DMA_ERROR && d->last_error == -XEN_EFAULT);
	FUZZ_CHECK(xen_dma_map_sg(d, &sg, which & 1, (enum xen_dma_dir)3, 0) == -XEN_EINVAL);
	FUZZ_CHECK(!xen_swiotlb_is_bounce(XEN_DMA_ERROR) && !xen_swiotlb_is_bounce(0));
}

static void shortage(struct fuzz_input *in)
{
	unsigned int code = fuzz_byte(in);

	if (code & 1)
		model_reserve_below(code & 2 ? 0 : 13 + (code >> 2) % 15);
	else
		model_exchange_stops_after(code & 2 ? ~0ULL : code >> 2);
}

static void on_mapping(struct fuzz_input *in, enum op op, struct mapping *m)
{
	switch (op) {
	case UNMAP:
		unmap(m, fuzz_byte(in) & 1 ? XEN_DMA_ATTR_SKIP_SYNC : 0);
		break;
	case SYNC:
		sync(in, m);
		break;
	case DEVICE_WRITES:
		oracle_device_writes(m, fuzz_number(in, 3), fuzz_number(in, 2), fuzz_byte(in));
		break;
	default:
		oracle_device_strays(m, fuzz_byte(in));
	}
}

static void step(struct fuzz_input *in)
{
	static const enum model_call kinds[] = {MODEL_ALLOC, MODEL_ALLOC_PAGES, MODEL_MEMORY_OP,
						MODEL_MULTICALL, MODEL_UPDATE_VA_MAPPING};
	unsigned int code = fuzz_byte(in), which = code >> 4;
	enum op op = (code & 15) % NR_OPS;
	struct xen_dma_dev *d = &dev[which % NR_DEVS];
	struct mapping *m = &oracle_mapping[which % MAX_MAPPINGS];

	if (m->live && (op == MAP || op == MAP_SG))
		op = UNMAP;
	switch (op) {
	case MAP:
		map(in, d, m);
		break;
	case MAP_SG:
		map_sg(in, d, m);
		break;
	case CPU_WRITES:
		oracle_cpu_writes(fuzz_number(in, 3), fuzz_number(in, 2), fuzz_byte(in));
		break;
	case COHERENT:
		use_coherent(in, d, &coherent[which % MAX_COHERENT]);
		break;
	case TRIM:
		model_clock_advance(which * 1000);
		if (which & 1)
			xen_coherent_trim(0);
		else
			xen_swiotlb_trim(which * 500);
		break;
	case FAIL:
		fuzz_fail_nothing(); /* one at a time */
		fuzz_fail(in, kinds, 5);
		break;
	case SHORTAGE:
		shortage(in);
		break;
	case SET_MASK:
		set_mask(in, d);
		break;
	case ODD:
		odd(which, d);
		break;
	default:
		if (m->live)
			on_mapping(in, op, m);
	}
	oracle_check();
	for (unsigned int i = 0; i < NR_DEVS; i++)
		FUZZ_CHECK(!xen_dma_debug_breaches(&dev[i]));
}

static void start(struct fuzz_input *in, const struct model_params *params)
{
	static const char *const names[NR_DEVS] = {"one", "two", "three"};
	static const uint64_t boundaries[] = {0, 0, 0xffff, 0xfff, 0x3fff, 0xffffffff};
	static const uint64_t aligns[] = {0, 0, 0xfff, 0x1ff, 0x7fff, 0xffff};
	static const uint64_t segments[] = {0, 0, 4096, 65536, 1, 1500};
	unsigned int code = fuzz_byte(in);
	struct xen_swiotlb_config config = {
		.max_segment_order = XEN_SWIOTLB_MIN_SEGMENT_ORDER + (code & 3),
		.max_bytes = 0x40000 << (code >> 2 & 1),
		.initial_bytes = code & 8 ? 0x10000 : 0,
	};

	model_start(params);
	memset(coherent, 0, sizeof(coherent));
	oracle_start();
	FUZZ_CHECK(!xen_swiotlb_configure(&config));
	for (unsigned int i = 0; i < NR_DEVS; i++) {
		unsigned int kind = fuzz_byte(in), more = fuzz_byte(in);
		struct xen_dma_limits limits = {
			.mask = masks[kind & 7],
			.coherent_mask = kind & 8 ? masks[kind >> 4 & 7] : 0,
			.max_segment = segments[more % 6],
			.boundary_mask = boundaries[(more >> 3) % 6],
			.min_align_mask = aligns[(more >> 5) % 6],
		};

		FUZZ_CHECK(!xen_dma_dev_init(&dev[i], names[i], &xen_swiotlb_dma_ops, &limits));
	}
	if (code & 0x80)
		FUZZ_CHECK(!xen_dma_debug_enable(&dev[0]));
}

void fuzz_one(struct fuzz_input *in)
{
	static const struct xen_e820_entry ram[] = {{0, 64ULL << 20, XEN_E820_RAM}};
	struct model_params params = {.e820 = ram, .nr_e820 = 1, .nr_pages = 320};
	struct model_allocs before;

	params.contiguous = fuzz_byte(in) & 1;
	start(in, &params);
	before = model_allocs();
	for (unsigned int i = 0; i < MAX_OPS && fuzz_more(in); i++)
		step(in);

	fuzz_fail_nothing();
	model_exchange_stops_after(~0ULL);
	model_reserve_below(0);
	for (unsigned int i = 0; i < MAX_MAPPINGS; i++)
		if (oracle_mapping[i].live)
			unmap(&oracle_mapping[i], 0);
	for (unsigned int i = 0; i < MAX_COHERENT; i++)
		if (coherent[i].va)
			free_coherent(&coherent[i]);
	oracle_check();
	for (unsigned int i = 0; i < NR_DEVS; i++) {
		FUZZ_CHECK(!xen_swiotlb_mappings_of(dev[i].limits.user));
		xen_dma_dev_fini(&dev[i]);
		FUZZ_CHECK(!xen_dma_debug_breaches(&dev[i]));
	}
	FUZZ_CHECK(!xen_swiotlb_fini());
	xen_coherent_trim(0);
	oracle_stop();
	FUZZ_CHECK(model_allocs().pages == before.pages - ARENA / XEN_PAGE_SIZE);
	FUZZ_CHECK(model_stop());
	xen_p2m_fini();
	FUZZ_CHECK(!model_allocs().objects);
}
