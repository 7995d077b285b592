/* SPDX-License-Identifier: MIT */
/*
 * Set-up of a domain's memory after any memory map, with pages that may not move and calls that
 * fail: the layout is what the map says, page by page, or nothing has changed.
 */
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/setup.h>

#include "fuzz.h"

#define MACHINE_PAGES 16384
#define MIN_PAGES 32
#define MAX_PAGES 512
#define MAX_ENTRIES 24
#define MAX_PINNED 3
#define LOW_END (1ULL << 20) /* PFN of 4 GiB */

static struct xen_e820_entry map[XEN_E820_MAX];
static struct xen_setup_pinned pinned[MAX_PINNED];
static uint64_t storage[MACHINE_PAGES] __attribute__((aligned(4096)));
static uint64_t built[MAX_PAGES]; /* the builder's list */
static uint64_t moved_pages;

static struct xen_e820_entry read_entry(struct fuzz_input *in)
{
	static const uint32_t types[] = {XEN_E820_RESERVED, XEN_E820_RAM, XEN_E820_ACPI,
					 XEN_E820_UNUSABLE};
	unsigned int kind = fuzz_byte(in);
	struct xen_e820_entry entry = {.type = types[kind & 3]};

	entry.addr = fuzz_number(in, kind & 0x80 ? 8 : 2);
	entry.size = fuzz_number(in, kind & 0x40 ? 8 : 1);
	if (!(kind & 0x80))
		entry.addr = (entry.addr % (kind & 0x20 ? 4096 : 1024)) << XEN_PAGE_SHIFT;
	if (!(kind & 0x40))
		entry.size = (1 + entry.size) << XEN_PAGE_SHIFT;
	return entry;
}

/* Some RAM from 0 on, what the input puts over it, sanitized as a rule. */
static unsigned int read_map(struct fuzz_input *in)
{
	unsigned int kind = fuzz_byte(in), nr = 0, more = kind % MAX_ENTRIES;
	int rc;

	map[nr++] = (struct xen_e820_entry){0, (uint64_t)fuzz_byte(in) << 18, XEN_E820_RAM};
	while (more-- > 0)
		map[nr++] = read_entry(in);
	if (kind >= 240)
		return nr;
	rc = xen_e820_sanitize(map, nr, XEN_E820_MAX);
	FUZZ_CHECK(rc >= 0);
	return (unsigned int)rc;
}

static bool is_ram(const struct xen_setup_params *params, uint64_t pfn)
{
	for (unsigned int i = 0; i < params->nr_map; i++)
		if (pfn >= map[i].addr >> XEN_PAGE_SHIFT &&
		    pfn < (map[i].addr + map[i].size) >> XEN_PAGE_SHIFT)
			return map[i].type == XEN_E820_RAM;
	return false;
}

/* Up to where holes are identity; 0: nowhere. */
static uint64_t identity_end(const struct xen_setup_params *params)
{
	const struct xen_e820_entry *last = &params->map[params->nr_map - 1];
	uint64_t end;

	if (params->nr_map == 1 && last->type == XEN_E820_RAM && !last->addr)
		return 0;
	end = (last->addr + last->size) >> XEN_PAGE_SHIFT;
	return end > LOW_END ? end : LOW_END;
}

/* The kernel mapping follows, page by page. */
static void follow(pfn_t from, pfn_t to, uint64_t nr, void *arg)
{
	FUZZ_CHECK(arg == &moved_pages);
	moved_pages += nr;
	for (uint64_t i = 0; i < nr; i++) {
		pfn_t pfn[2] = {pfn_add(from, i), pfn_add(to, i)};
		mfn_t mfn[2] = {mk_mfn(XEN_INVALID_FRAME), xen_pfn_to_mfn(pfn[1])};

		FUZZ_CHECK(!xen_mmu_remap(pfn, mfn, 2, NULL));
	}
}

static void check_pfn(const struct xen_setup_params *params, const struct xen_setup_result *result,
		      uint64_t pfn)
{
	bool ram = is_ram(params, pfn);
	uint64_t mfn = mfn_x(xen_pfn_to_mfn(mk_pfn(pfn)));

	FUZZ_CHECK(xen_ranges_find(&xen_p2m.ram, pfn, NULL) == (ram && pfn < result->max_pfn));
	if (!ram)
		FUZZ_CHECK(mfn == (pfn < identity_end(params) ? pfn : XEN_INVALID_FRAME));
	else if (pfn < params->nr_pages)
		FUZZ_CHECK(mfn == built[pfn]);
	else if (pfn >= result->max_pfn)
		FUZZ_CHECK(mfn == XEN_INVALID_FRAME);
}

static void check_edges(const struct xen_setup_params *params,
			const struct xen_setup_result *result)
{
	for (unsigned int i = 0; i < params->nr_map; i++) {
		uint64_t start = map[i].addr >> XEN_PAGE_SHIFT;
		uint64_t end = (map[i].addr + map[i].size) >> XEN_PAGE_SHIFT;

		check_pfn(params, result, start);
		check_pfn(params, result, end - 1);
		check_pfn(params, result, end);
		if (start)
			check_pfn(params, result, start - 1);
	}
}

static uint64_t identity_pages(void)
{
	struct xen_range range = {0};
	uint64_t nr = 0;

	while (xen_ranges_first(&xen_p2m.identity, range.end, 1ULL << 63, &range))
		nr += range.end - range.start;
	return nr;
}

static bool more_ram_behind(const struct xen_setup_params *params, uint64_t pfn)
{
	for (unsigned int i = 0; i < params->nr_map; i++)
		if (map[i].type == XEN_E820_RAM &&
		    (map[i].addr + map[i].size) >> XEN_PAGE_SHIFT > pfn)
			return true;
	return false;
}

static void check_layout(const struct xen_setup_params *params,
			 const struct xen_setup_result *result)
{
	uint64_t spare = 0, moved = 0, populated;

	for (uint64_t pfn = 0; pfn < MACHINE_PAGES; pfn++)
		check_pfn(params, result, pfn);
	check_edges(params, result);
	for (uint64_t pfn = 0; pfn < params->nr_pages; pfn++)
		moved += !is_ram(params, pfn);
	for (uint64_t pfn = 0; pfn < result->max_pfn; pfn++)
		spare += is_ram(params, pfn) && xen_p2m_entry(mk_pfn(pfn)) == XEN_INVALID_FRAME;
	FUZZ_CHECK(result->ram_pages == params->nr_pages);
	FUZZ_CHECK(result->moved_pages == moved && moved_pages == moved);
	FUZZ_CHECK(result->spare_pages == spare);
	FUZZ_CHECK(spare + params->nr_pages <= params->max_pages);
	FUZZ_CHECK(spare + params->nr_pages == params->max_pages ||
		   !more_ram_behind(params, result->max_pfn));
	FUZZ_CHECK(result->identity_pages == identity_pages());
	FUZZ_CHECK(!xen_p2m_check(&populated, NULL) && populated == params->nr_pages);
}

static void check_unchanged(const struct xen_setup_params *params)
{
	FUZZ_CHECK(!moved_pages);
	FUZZ_CHECK(!xen_ranges_first(&xen_p2m.ram, 0, 1ULL << 63, NULL));
	FUZZ_CHECK(!xen_ranges_first(&xen_p2m.identity, 0, 1ULL << 63, NULL));
	FUZZ_CHECK(!memcmp(xen_p2m.entry, built, params->nr_pages * sizeof(built[0])));
	for (uint64_t pfn = params->nr_pages; pfn < xen_p2m.nr; pfn++)
		FUZZ_CHECK(xen_p2m.entry[pfn] == XEN_INVALID_FRAME);
}

/* Must a page move that may not? */
static bool pinned_in_hole(const struct xen_setup_params *params)
{
	for (unsigned int i = 0; i < params->nr_pinned; i++)
		for (uint64_t k = 0; k < pinned[i].nr; k++)
			if (!is_ram(params, pfn_x(pinned[i].start) + k))
				return true;
	return false;
}

static void set_up(struct fuzz_input *in, const struct xen_setup_params *params)
{
	static const enum model_call kinds[] = {MODEL_ALLOC, MODEL_MMU_UPDATE};
	uint64_t entries = 0, calls = model_hypercalls(), fails = fuzz_byte(in);
	struct xen_setup_result result = {0};
	int planned = xen_setup_plan(params, &entries), rc;
	bool fits = !planned && entries <= MACHINE_PAGES, refused;

	FUZZ_CHECK(planned <= 0 && model_hypercalls() == calls);
	FUZZ_CHECK(planned || entries >= params->nr_pages);
	if (!planned || planned == -XEN_EBUSY)
		FUZZ_CHECK(pinned_in_hole(params) == (planned == -XEN_EBUSY));
	if (fits)
		FUZZ_CHECK(!xen_p2m_extend(storage, entries));
	if (fails & 1)
		fuzz_fail(in, kinds, 2);
	refused = model.fail[MODEL_MMU_UPDATE].nth;
	rc = xen_setup_memory(params, &result);
	refused = refused && !model.fail[MODEL_MMU_UPDATE].nth;
	fails = fails & 1 && !model.fail[MODEL_ALLOC].nth && !model.fail[MODEL_MMU_UPDATE].nth;
	fuzz_fail_nothing();

	if (!rc) {
		FUZZ_CHECK(fits && result.max_pfn == entries);
		check_layout(params, &result);
	} else if (refused) {
		FUZZ_CHECK(result.moved_pages == moved_pages && !xen_p2m_check(NULL, NULL));
	} else {
		FUZZ_CHECK(planned ? rc == planned : rc == (fits ? -XEN_ENOMEM : -XEN_ERANGE));
		FUZZ_CHECK(planned || !fits || fails);
		check_unchanged(params);
	}
	FUZZ_CHECK(model_check());
}

void fuzz_one(struct fuzz_input *in)
{
	static const struct xen_e820_entry ram[] = {
		{0, (uint64_t)MACHINE_PAGES << XEN_PAGE_SHIFT, XEN_E820_RAM}};
	struct model_params machine = {
		.e820 = ram, .nr_e820 = 1, .contiguous = true, .no_setup = true};
	struct xen_setup_params params = {
		.map = map, .pinned = pinned, .moved = follow, .arg = &moved_pages};

	machine.nr_pages = MIN_PAGES + fuzz_below(in, MAX_PAGES - MIN_PAGES);
	params.nr_map = read_map(in);
	params.nr_pages = machine.nr_pages;
	params.max_pages = params.nr_pages + fuzz_number(in, 2);
	if (params.max_pages & 0x8000)
		params.max_pages = fuzz_number(in, 8);
	params.nr_pinned = fuzz_below(in, MAX_PINNED + 1);
	for (unsigned int i = 0; i < params.nr_pinned; i++)
		pinned[i] = (struct xen_setup_pinned){mk_pfn(fuzz_number(in, 2)), fuzz_byte(in),
						      "pinned"};
	moved_pages = 0;
	model_start(&machine);
	memcpy(built, model_mfn_list(), machine.nr_pages * sizeof(built[0]));
	FUZZ_CHECK(!xen_p2m_init(model_mfn_list(), machine.nr_pages));
	set_up(in, &params);
	/* The model compares with the P2M, so it goes first. */
	FUZZ_CHECK(model_stop());
	xen_p2m_fini();
	FUZZ_CHECK(!model_allocs().objects && !model_allocs().pages);
}
