/* SPDX-License-Identifier: MIT */
/*
 * Contiguous regions made and undone, pages given to Xen and taken back, while calls fail, memory
 * runs short and pages are in use: after every operation no frame is lost, P2M, M2P and the kernel
 * mapping agree, and a page whose frame did not change has its content.
 */
#include <xen/balloon.h>
#include <xen/contiguous.h>
#include <xen/mmu.h>
#include <xen/p2m.h>

#include "fuzz.h"

#define NR_PAGES 256
#define NR_REGIONS 6
#define TOP_ORDER 5
#define MAX_OPS 48

enum op {
	GET,
	PUT,
	CREATE,
	DESTROY,
	USE,
	INFLATE,
	DEFLATE,
	FAIL,
	STOP_AFTER,
	RESERVE,
	ODD,
	NR_OPS
};
enum use { FREE_TO_USE, REFERENCED, PAGE_TABLE };

static struct region {
	bool used;
	pfn_t pfn;
	unsigned int order;
	enum use use; /* of the page at @place */
	unsigned int place;
} region[NR_REGIONS];

/* The error that was armed, once it came; more than one call never fails in one operation. */
static struct {
	enum model_call kind;
	int err;
	bool armed;
} fault;

static uint64_t *page(pfn_t pfn)
{
	return xen_port_pfn_to_virt(pfn);
}

static bool writable(const struct region *r, uint64_t i)
{
	return r->use != PAGE_TABLE || i != r->place;
}

/* What a page says whose frame is the one that it had. */
static void sign(const struct region *r)
{
	for (uint64_t i = 0; i < 1ULL << r->order; i++) {
		uint64_t pfn = pfn_x(r->pfn) + i;

		if (!writable(r, i))
			continue;
		page(mk_pfn(pfn))[0] = pfn;
		page(mk_pfn(pfn))[511] = ~pfn;
	}
}

/* Pages of @r, from its end on, that still say what they are. */
static uint64_t nr_signed(const struct region *r)
{
	uint64_t i = 1ULL << r->order, nr = 0;

	while (i-- > 0) {
		uint64_t pfn = pfn_x(r->pfn) + i;

		if (page(mk_pfn(pfn))[0] != pfn || page(mk_pfn(pfn))[511] != ~pfn)
			break;
		nr++;
	}
	return nr;
}

static bool is_contiguous(const struct region *r, unsigned int bits)
{
	uint64_t nr = 1ULL << r->order, mfn = mfn_x(xen_pfn_to_mfn(r->pfn));

	return xen_pfn_range_contiguous(r->pfn, nr) && !(mfn & (nr - 1)) &&
	       (!bits || mfn + nr <= (1ULL << bits) >> XEN_PAGE_SHIFT);
}

/* Is @err one that the header names, or the one that Xen was told to give? */
static bool documented(int err)
{
	return err == -XEN_ENOMEM || err == -XEN_EPERM || err == -XEN_EINVAL || err == -XEN_EBUSY ||
	       (err && err == fault.err);
}

static void set_pte(const struct region *r, uint64_t flags)
{
	pfn_t pfn = pfn_add(r->pfn, r->place);
	uint64_t pte = mfn_to_dma(xen_pfn_to_mfn(pfn)) | flags;

	FUZZ_CHECK(!hypercall_update_va_mapping((unsigned long)(uintptr_t)page(pfn), pte,
						UVMF_TLB_FLUSH | UVMF_ALL));
}

static void end_use(struct region *r)
{
	mfn_t mfn = xen_pfn_to_mfn(pfn_add(r->pfn, r->place));

	if (r->use == REFERENCED)
		model_page_ref(mfn, -1);
	if (r->use == PAGE_TABLE) {
		model_page_table(mfn, false);
		set_pte(r, XEN_PTE_KERNEL);
	}
	r->use = FREE_TO_USE;
}

static void begin_use(struct region *r, unsigned int how)
{
	mfn_t mfn;

	r->place = how >> 1 & ((1U << r->order) - 1);
	mfn = xen_pfn_to_mfn(pfn_add(r->pfn, r->place));
	if (how & 1) {
		set_pte(r, XEN_PTE_KERNEL & ~XEN_PTE_RW);
		model_page_table(mfn, true);
		r->use = PAGE_TABLE;
	} else {
		model_page_ref(mfn, 1);
		r->use = REFERENCED;
	}
}

static void get(struct region *r, unsigned int order)
{
	void *va = xen_port_alloc_pages(order);

	if (!va)
		return;
	*r = (struct region){true, xen_port_virt_to_pfn(va), order, FREE_TO_USE, 0};
	sign(r);
}

static void put(struct region *r)
{
	end_use(r);
	xen_port_free_pages(page(r->pfn), r->order);
	r->used = false;
}

/* The regions of one order, from @first on. */
static void create(unsigned int first, unsigned int bits)
{
	struct region *of[NR_REGIONS];
	pfn_t pfn[NR_REGIONS];
	unsigned int nr = 0, done = 99, order = region[first].order;
	bool in_use = false;
	int rc;

	for (unsigned int i = first; i < NR_REGIONS; i++) {
		if (!region[i].used || region[i].order != order)
			continue;
		of[nr] = &region[i];
		in_use |= region[i].use != FREE_TO_USE;
		pfn[nr++] = region[i].pfn;
	}
	rc = xen_contiguous_create(pfn, nr, order, bits, &done);
	FUZZ_CHECK(done <= nr && (done == nr) == !rc && (!rc || documented(rc)));
	FUZZ_CHECK(!in_use || rc);
	for (unsigned int i = 0; i < nr; i++) {
		if (i < done)
			FUZZ_CHECK(is_contiguous(of[i], bits) && of[i]->use == FREE_TO_USE);
		else
			FUZZ_CHECK(nr_signed(of[i]) == 1ULL << order);
		sign(of[i]);
	}
}

/* All of it, nothing, or, page by page, the first few. */
static void destroy(struct region *r)
{
	uint64_t nr = 1ULL << r->order, kept = 0;
	int rc = xen_destroy_contiguous_region(r->pfn, r->order);

	FUZZ_CHECK(!rc || documented(rc));
	FUZZ_CHECK(r->use == FREE_TO_USE || rc);
	for (uint64_t i = 0; i < nr; i++)
		kept += page(pfn_add(r->pfn, i))[0] == pfn_x(r->pfn) + i;
	FUZZ_CHECK(kept == nr_signed(r) && (rc || !kept));
	FUZZ_CHECK(r->use == FREE_TO_USE || nr - kept <= r->place);
	sign(r);
}

static void balloon(bool inflate, unsigned int nr)
{
	uint64_t before = xen_balloon_pages(), done = ~0ULL, now;
	int rc = inflate ? xen_balloon_inflate(nr, &done) : xen_balloon_deflate(nr, &done);

	now = xen_balloon_pages();
	FUZZ_CHECK(done <= nr && (done == nr) == !rc);
	FUZZ_CHECK(now == (inflate ? before + done : before - done));
	FUZZ_CHECK(!rc || documented(rc) || (!inflate && rc == -XEN_ENOENT));
}

/* Refused without a change. */
static void odd(unsigned int which, const struct region *r)
{
	static const struct {
		uint64_t pfn;
		unsigned int order, bits;
	} calls[] = {{20, 0, 12},   {20, 0, 64},	  {20, 19, 0},	       {NR_PAGES, 0, 0},
		     {~0ULL, 0, 0}, {NR_PAGES - 1, 1, 0}, {1ULL << 63, 1, 30}, {20, 9, 30}};
	pfn_t pfn = mk_pfn(calls[which % 8].pfn);
	unsigned int order = calls[which % 8].order, done = 99;
	int rc = xen_contiguous_create(&pfn, 1, order, calls[which % 8].bits, &done);

	FUZZ_CHECK((rc == -XEN_EINVAL || rc == -XEN_EPERM) && !done);
	if (which % 8 > 1)
		FUZZ_CHECK(xen_destroy_contiguous_region(pfn, order) == rc);
	if (r->used)
		FUZZ_CHECK(nr_signed(r) == 1ULL << r->order);
}

/* Which calls may fail: not those that map a page table back, which may be tried once only. */
static void arm(struct fuzz_input *in)
{
	static const enum model_call kinds[] = {MODEL_MEMORY_OP, MODEL_ALLOC, MODEL_ALLOC_PAGES,
						MODEL_MULTICALL, MODEL_UPDATE_VA_MAPPING};
	unsigned int nr = 5;

	for (unsigned int i = 0; i < NR_REGIONS; i++)
		if (region[i].used && region[i].use == PAGE_TABLE)
			nr = 3;
	fault.kind = kinds[fuzz_below(in, nr)];
	fault.err = fuzz_error(in);
	fault.armed = true;
	model_fail(fault.kind, 1 + fuzz_byte(in), fault.err);
}

static void disarm(void)
{
	fuzz_fail_nothing();
	memset(&fault, 0, sizeof(fault));
}

static void use_region(struct fuzz_input *in, enum op op, unsigned int slot)
{
	static const uint8_t widths[] = {0, 13, 16, 20, 24, 25, 26, 32, 63};
	struct region *r = &region[slot];

	if (!r->used) {
		get(r, fuzz_below(in, TOP_ORDER + 1));
		return;
	}
	switch (op) {
	case CREATE:
		create(slot, widths[fuzz_below(in, sizeof(widths))]);
		break;
	case DESTROY:
		destroy(r);
		break;
	case USE:
		if (r->use == FREE_TO_USE)
			begin_use(r, fuzz_byte(in));
		else
			end_use(r);
		break;
	default:
		put(r);
	}
}

static bool any_in_use(void)
{
	for (unsigned int i = 0; i < NR_REGIONS; i++)
		if (region[i].used && region[i].use != FREE_TO_USE)
			return true;
	return false;
}

static void step(struct fuzz_input *in)
{
	unsigned int code = fuzz_byte(in), slot = (code >> 4) % NR_REGIONS;
	enum op op = (code & 15) % NR_OPS;

	switch (op) {
	case INFLATE:
	case DEFLATE:
		balloon(op == INFLATE, fuzz_below(in, 96));
		break;
	case FAIL:
		arm(in);
		return; /* for the next one */
	case STOP_AFTER:
		model_exchange_stops_after(code & 0x80 ? ~0ULL : fuzz_below(in, 40));
		break;
	case RESERVE:
		model_reserve_below(code & 0x80 ? 0 : 13 + fuzz_below(in, 15));
		break;
	case ODD:
		odd(code >> 4, &region[slot]);
		break;
	default:
		use_region(in, op, slot);
	}
	disarm();
	FUZZ_CHECK(!model_stale_ptes() && !xen_p2m_check(NULL, NULL));
	FUZZ_CHECK(any_in_use() || model_check()); /* which wants each frame mapped, no more */
}

void fuzz_one(struct fuzz_input *in)
{
	static const struct xen_e820_entry map[] = {{0, 64ULL << 20, XEN_E820_RAM}};
	struct model_params params = {.e820 = map, .nr_e820 = 1, .nr_pages = NR_PAGES};

	params.domu = fuzz_byte(in) & 1;
	model_start(&params);
	memset(region, 0, sizeof(region));
	disarm();
	for (unsigned int i = 0; i < MAX_OPS && fuzz_more(in); i++)
		step(in);
	disarm();
	model_exchange_stops_after(~0ULL);
	model_reserve_below(0);
	for (unsigned int i = 0; i < NR_REGIONS; i++)
		if (region[i].used)
			put(&region[i]);
	FUZZ_CHECK(!xen_balloon_deflate(xen_balloon_pages(), NULL));
	xen_balloon_fini();
	FUZZ_CHECK(!model_allocs().pages);
	FUZZ_CHECK(model_stop());
	xen_p2m_fini();
	FUZZ_CHECK(!model_allocs().objects);
}
