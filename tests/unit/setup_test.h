/* SPDX-License-Identifier: MIT */
/*
 * What the tests of set-up share: machines by their memory maps, started with room for their P2M,
 * and the layout that must come of each.
 */
#ifndef XENDMA_TESTS_UNIT_SETUP_TEST_H
#define XENDMA_TESTS_UNIT_SETUP_TEST_H

#include <string.h>

#include <model/model.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>
#include <xen/setup.h>

#include "unit.h"

#define RAM XEN_E820_RAM
#define RES XEN_E820_RESERVED
#define GIB (1ULL << 30)
#define NR_OF(a) (sizeof(a) / sizeof((a)[0]))

/* A PC of 2 GiB and one of 6 GiB, and machines that are less tidy. */
static const struct xen_e820_entry pc[] = {
	{0, 0x9fc00, RAM},
	{0x9fc00, 0x400, RES},
	{0xf0000, 0x10000, RES},
	{0x100000, 0x7fedf000 - 0x100000, RAM},
	{0x7fedf000, 0x121000, RES},
	{0xb0000000, 0x10000000, RES},
	{0xfed1c000, 0x4000, RES},
	{0xfffc0000, 0x40000, RES},
	{0x100000000, 0x100000000, RAM},
	{0xfd00000000, 0x300000000, RES},
};
static const struct xen_e820_entry ragged[] = {
	{0, 0x9f000, RAM},	   {0x100000, 0x300000, RAM},	{0x420000, 0x1000, XEN_E820_ACPI},
	{0x480000, 0x80000, RAM},  {0x501000, 0x1000, RAM},	{0x503000, 0x2000, XEN_E820_NVS},
	{0x600000, 0x400000, RAM}, {0x40000000, 0x800000, RAM}, {0x80000000, 0x30000000, RAM},
};
static const struct xen_e820_entry plain[] = {{0, GIB, RAM}};

struct shape {
	const char *name;
	const struct xen_e820_entry *map;
	unsigned int nr_map;
	uint64_t nr_pages, max_pages;
	uint64_t moved, spare, max_pfn;
};

static const struct shape shapes[] = {
	{"small dom0 on a PC", pc, NR_OF(pc), 0x3000, 0x3000, 0x61, 0, 0x3061},
	{"dom0 of 768 MiB that may grow", pc, NR_OF(pc), 0x3000, 0x4000, 0x61, 0x1000, 0x4061},
	{"dom0 below the low hole", pc, NR_OF(pc), 0x80, 0x80, 0, 0, 0x80},
	{"dom0 that may grow across the low hole", pc, NR_OF(pc), 0x80, 0x100, 0, 0x80, 0x161},
	{"many holes", ragged, NR_OF(ragged), 0x900, 0xa00, 0x1e0, 0x100, 0x401e0},
	{"more is asked for than the map has", ragged, NR_OF(ragged), 0x40, ~0ULL >> 12, 0,
	 0x9f - 0x40 + 0x300 + 0x80 + 1 + 0x400 + 0x800 + 0x30000, 0xb0000},
	{"a domU's map without holes", plain, 1, 0x1000, 0x1800, 0, 0x800, 0x1800},
	/* -m 6G, dom0_mem=4G: half of dom0 lies under the PCI hole. */
	{"spare RAM in two places", ragged, NR_OF(ragged), 0x580, 0x980, 0x160, 0x400, 0x40160},
	{"6 GiB machine, 4 GiB dom0", pc, NR_OF(pc), 0x100000, 0x100400, 0x80182, 0x400, 0x180582},
};

static struct xen_e820_entry clean[XEN_E820_MAX];
static uint64_t *storage;
static uint64_t moved_pages;
static bool follow; /* the kernel mapping follows, page by page */

static inline void follow_move(pfn_t from, pfn_t to, uint64_t nr, void *arg)
{
	uint64_t i;

	ck_assert_ptr_eq(arg, &follow);
	ck_assert_uint_gt(nr, 0);
	moved_pages += nr;
	for (i = 0; follow && i < nr; i++) {
		pfn_t pfn[2] = {pfn_add(from, i), pfn_add(to, i)};
		mfn_t mfn[2] = {mk_mfn(XEN_INVALID_FRAME), xen_pfn_to_mfn(pfn[1])};

		unit_expect(xen_mmu_remap(pfn, mfn, 2, NULL) == 0);
	}
}

/* Start the machine of a shape, with room for its P2M. */
static inline struct xen_setup_params start(const struct shape *shape)
{
	struct xen_setup_params params = {
		.map = clean,
		.nr_pages = shape->nr_pages,
		.max_pages = shape->max_pages,
		.moved = follow_move,
		.arg = &follow,
	};
	struct model_params model = {
		.e820 = shape->map,
		.nr_e820 = shape->nr_map,
		.nr_pages = shape->nr_pages,
		.no_setup = true,
	};
	int nr;

	model_start(&model);
	memcpy(clean, shape->map, shape->nr_map * sizeof(clean[0]));
	nr = xen_e820_sanitize(clean, shape->nr_map, XEN_E820_MAX);
	unit_expect(nr > 0);
	params.nr_map = (unsigned int)nr;
	unit_expect(!xen_p2m_init(model_mfn_list(), shape->nr_pages));
	unit_expect(!posix_memalign((void **)&storage, 4096, (shape->max_pfn + 1) * 8));
	moved_pages = 0;
	follow = shape->nr_pages < 0x10000;
	return params;
}

/* The model compares with the P2M, so it goes first. */
static inline void stop(bool balanced)
{
	bool ok = model_stop();

	ck_assert(ok || !balanced);
	xen_p2m_fini();
	free(storage);
	ck_assert_uint_eq(model_allocs().objects, 0);
}

static inline uint32_t type_at(uint64_t pfn)
{
	unsigned int i;

	for (i = 0; i < XEN_E820_MAX && clean[i].size; i++)
		if (pfn >= clean[i].addr >> 12 && pfn < (clean[i].addr + clean[i].size) >> 12)
			return clean[i].type;
	return 0;
}

/* Every PFN up to 4 GiB, and the edges of every entry, against what the map says. */
static inline void check_pfn(uint64_t pfn, const struct shape *shape)
{
	bool ram = type_at(pfn) == RAM, machine = shape->map != plain;
	uint64_t mfn = mfn_x(xen_pfn_to_mfn(mk_pfn(pfn)));

	if (!ram)
		unit_expect(mfn == (machine ? pfn : XEN_INVALID_FRAME));
	else if (pfn >= shape->max_pfn)
		unit_expect(mfn == XEN_INVALID_FRAME);
	else
		unit_expect(xen_ranges_find(&xen_p2m.ram, pfn, NULL));
	unit_expect(ram || !xen_ranges_find(&xen_p2m.ram, pfn, NULL));
}

static inline void check_layout(const struct shape *shape, const struct xen_setup_result *result)
{
	uint64_t populated, pfn, spare = 0, identity = 0;
	struct xen_range piece = {0};
	unsigned int i;

	unit_expect(result->ram_pages == shape->nr_pages);
	unit_expect(result->moved_pages == shape->moved && moved_pages == shape->moved);
	unit_expect(result->spare_pages == shape->spare);
	unit_expect(result->max_pfn == shape->max_pfn);
	while (xen_ranges_first(&xen_p2m.identity, piece.end, UINT64_MAX, &piece))
		identity += piece.end - piece.start;
	unit_expect(result->identity_pages == identity);
	unit_expect(!xen_p2m_check(&populated, NULL));
	unit_expect(populated == shape->nr_pages);
	for (pfn = 0; pfn < shape->max_pfn; pfn++)
		spare += type_at(pfn) == RAM && xen_p2m_entry(mk_pfn(pfn)) == XEN_INVALID_FRAME;
	unit_expect(spare == shape->spare);
	for (pfn = 0; pfn < 1 << 20; pfn += pfn < 0x1000 ? 1 : 61)
		check_pfn(pfn, shape);
	for (i = 0; i < XEN_E820_MAX && clean[i].size; i++) {
		uint64_t from = clean[i].addr >> 12, to = from + (clean[i].size >> 12);

		if (from)
			check_pfn(from - 1, shape);
		check_pfn(from, shape);
		check_pfn(to - 1, shape);
		if (i + 1 < XEN_E820_MAX && clean[i + 1].size)
			check_pfn(to, shape);
	}
}

#endif
