/* SPDX-License-Identifier: MIT */
/*
 * Set-up of RAM by a memory map: moves out of holes, what is refused, and what failures leave.
 */
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

static void follow_move(pfn_t from, pfn_t to, uint64_t nr, void *arg)
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
static struct xen_setup_params start(const struct shape *shape)
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
static void stop(bool balanced)
{
	bool ok = model_stop();

	ck_assert(ok || !balanced);
	xen_p2m_fini();
	free(storage);
	ck_assert_uint_eq(model_allocs().objects, 0);
}

static uint32_t type_at(uint64_t pfn)
{
	unsigned int i;

	for (i = 0; i < XEN_E820_MAX && clean[i].size; i++)
		if (pfn >= clean[i].addr >> 12 && pfn < (clean[i].addr + clean[i].size) >> 12)
			return clean[i].type;
	return 0;
}

/* Every PFN up to 4 GiB, and the edges of every entry, against what the map says. */
static void check_pfn(uint64_t pfn, const struct shape *shape)
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

static void check_layout(const struct shape *shape, const struct xen_setup_result *result)
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

static void all_shapes(void)
{
	unsigned int i;

	for (i = 0; i < NR_OF(shapes); i++) {
		const struct shape *shape = &shapes[i];
		struct xen_setup_result result;
		struct xen_setup_params params;
		uint64_t nr = 0, calls;

		memset(clean, 0, sizeof(clean));
		params = start(shape);
		calls = model_hypercalls();
		ck_assert_msg(!xen_setup_plan(&params, &nr), "%s", shape->name);
		ck_assert_msg(nr == shape->max_pfn, "%s: max_pfn %llx", shape->name,
			      (unsigned long long)nr);
		ck_assert_uint_eq(model_hypercalls(), calls);
		ck_assert_int_eq(xen_p2m_extend(storage, nr), 0);
		ck_assert_int_eq(xen_setup_memory(&params, &result), 0);
		check_layout(shape, &result);
		/* Identity costs a node a range, whatever its size. */
		ck_assert_uint_le(xen_p2m.identity.nr_nodes, 24);
		ck_assert(!follow || model_check());
		stop(follow);
	}
}

static void named_ranges(void)
{
	const struct shape *shape = &shapes[1];
	struct xen_setup_params params = start(shape);
	struct xen_setup_result result;
	struct xen_range range;

	ck_assert_int_eq(xen_p2m_extend(storage, shape->max_pfn), 0);
	ck_assert_int_eq(xen_setup_memory(&params, &result), 0);
	ck_assert(xen_ranges_find(&xen_p2m.ram, 0x200, &range));
	ck_assert_str_eq(range.tag, "RAM");
	ck_assert(xen_ranges_find(&xen_p2m.ram, 0x3060, &range));
	ck_assert_str_eq(range.tag, "moved RAM");
	ck_assert(xen_ranges_find(&xen_p2m.ram, 0x3061, &range));
	ck_assert_str_eq(range.tag, "spare RAM");
	/* Moved RAM ends where the last moved page lies, though more is spare elsewhere. */
	ck_assert_str_eq(shapes[7].name, "spare RAM in two places");
	stop(true);
	params = start(&shapes[7]);
	ck_assert_int_eq(xen_p2m_extend(storage, shapes[7].max_pfn), 0);
	ck_assert_int_eq(xen_setup_memory(&params, &result), 0);
	ck_assert(xen_ranges_find(&xen_p2m.ram, 0x75f, &range));
	ck_assert_str_eq(range.tag, "moved RAM");
	ck_assert(xen_ranges_find(&xen_p2m.ram, 0x760, &range));
	ck_assert_str_eq(range.tag, "spare RAM");
	/* Twice is once too often. */
	ck_assert_int_eq(xen_setup_memory(&params, &result), -XEN_EINVAL);
	ck_assert(xen_ranges_find(&xen_p2m.ram, 0x200, NULL));
	stop(true);
}

/* Nothing at all may have changed. */
static void refused(struct xen_setup_params *params, int err, uint64_t calls)
{
	struct xen_setup_result result;
	uint64_t pfn;

	ck_assert_int_eq(xen_setup_memory(params, &result), err);
	ck_assert_uint_eq(model_calls(MODEL_MMU_UPDATE), calls);
	ck_assert_uint_eq(moved_pages, 0);
	ck_assert(!xen_ranges_first(&xen_p2m.ram, 0, UINT64_MAX, NULL));
	ck_assert(!xen_ranges_first(&xen_p2m.identity, 0, UINT64_MAX, NULL));
	for (pfn = 0; pfn < params->nr_pages; pfn++)
		unit_expect(xen_p2m_entry(mk_pfn(pfn)) == model_mfn_list()[pfn]);
}

static void pinned(void)
{
	static const struct {
		uint64_t start, nr;
		int err;
	} table[] = {
		{0x100, 0x1000, 0},    {0x9f, 1, -XEN_EBUSY},
		{0xff, 2, -XEN_EBUSY}, {0x80, 0x20, -XEN_EBUSY},
		{0x80, 0x1f, 0},       {0x10, 0x2000, -XEN_EBUSY},
		{0xa0, 0, 0},	       {~0ULL, 2, -XEN_EINVAL},
	};
	struct xen_setup_pinned pins[2] = {{{0x100}, 0x40, "kernel"}, {{0}, 0, "initrd"}};
	struct xen_setup_params params = start(&shapes[0]);
	unsigned int i;
	uint64_t nr;

	ck_assert_int_eq(xen_p2m_extend(storage, shapes[0].max_pfn), 0);
	params.pinned = pins;
	params.nr_pinned = 2;
	for (i = 0; i < NR_OF(table); i++) {
		pins[1].start = mk_pfn(table[i].start);
		pins[1].nr = table[i].nr;
		ck_assert_int_eq(xen_setup_plan(&params, &nr), table[i].err);
		if (table[i].err)
			refused(&params, table[i].err, 0);
		if (table[i].err != -XEN_EBUSY)
			continue;
		/* The message names both. */
		ck_assert_ptr_nonnull(strstr(model_last_log(), "initrd"));
		ck_assert_ptr_nonnull(strstr(model_last_log(), "9f-ff"));
	}
	stop(true);
}

static void bad_params(void)
{
	struct xen_setup_params params = start(&shapes[0]);
	struct xen_setup_params good = params;
	struct xen_e820_entry saved;

	/* The P2M is too small as the builder left it. */
	refused(&params, -XEN_ERANGE, 0);
	ck_assert_int_eq(xen_p2m_extend(storage, shapes[0].max_pfn), 0);
	params.max_pages = params.nr_pages - 1;
	refused(&params, -XEN_EINVAL, 0);
	params = good;
	params.nr_map = 2; /* RAM below 640 KiB only */
	refused(&params, -XEN_ENOSPC, 0);
	params.nr_map = 0;
	refused(&params, -XEN_ENOSPC, 0);
	params = good;
	saved = clean[1];
	clean[1].addr += 8;
	refused(&params, -XEN_EINVAL, 0);
	clean[1] = clean[2];
	clean[2] = saved;
	refused(&params, -XEN_EINVAL, 0);
	clean[2] = clean[1];
	clean[1] = saved;
	/* A page to move has no frame. */
	xen_p2m_set(mk_pfn(0xa1), mk_mfn(XEN_INVALID_FRAME), false);
	ck_assert_int_eq(xen_setup_memory(&params, &(struct xen_setup_result){0}), -XEN_EINVAL);
	xen_p2m_set(mk_pfn(0xa1), mk_mfn(model_mfn_list()[0xa1]), false);
	refused(&(struct xen_setup_params){.map = clean}, -XEN_EINVAL, 0);
	stop(true);
}

static void no_memory(void)
{
	struct xen_setup_params params = start(&shapes[4]);
	struct xen_setup_result result;
	unsigned int nth;

	ck_assert_int_eq(xen_p2m_extend(storage, shapes[4].max_pfn), 0);
	for (nth = 1; nth < 100; nth++) {
		/* Without the nodes that earlier rounds left. */
		xen_ranges_fini(&xen_p2m.ram);
		xen_ranges_fini(&xen_p2m.identity);
		model_fail(MODEL_ALLOC, nth, 0);
		if (!xen_setup_memory(&params, &result))
			break;
		model_fail(MODEL_ALLOC, nth, 0);
		xen_ranges_fini(&xen_p2m.ram);
		xen_ranges_fini(&xen_p2m.identity);
		refused(&params, -XEN_ENOMEM, 0);
	}
	ck_assert_uint_gt(nth, 10);
	ck_assert_uint_lt(nth, 100);
	model_fail(MODEL_ALLOC, 0, 0);
	check_layout(&shapes[4], &result);
	stop(true);
}

static void refused_midway(void)
{
	unsigned int nth;

	/* 0x1e0 pages in runs and batches of 64. */
	for (nth = 1; nth < 100; nth++) {
		struct xen_setup_params params = start(&shapes[4]);
		struct xen_setup_result result;
		uint64_t populated;
		int err;

		ck_assert_int_eq(xen_p2m_extend(storage, shapes[4].max_pfn), 0);
		model_fail(MODEL_MMU_UPDATE, nth, -XEN_EPERM);
		err = xen_setup_memory(&params, &result);
		ck_assert(err == 0 || err == -XEN_EPERM);
		ck_assert_uint_eq(result.moved_pages, moved_pages);
		ck_assert(!err || result.moved_pages < shapes[4].moved);
		ck_assert_int_eq(xen_p2m_check(&populated, NULL), 0);
		ck_assert_uint_eq(populated, shapes[4].nr_pages);
		ck_assert(model_check());
		stop(true);
		if (!err)
			break;
	}
	ck_assert_uint_gt(nth, 9);
	ck_assert_uint_lt(nth, 100);
}

static bool is_identity(uint64_t pfn)
{
	return mfn_x(xen_pfn_to_mfn(mk_pfn(pfn))) == pfn;
}

/* Entries behind the map's number are nothing to set-up. */
static void map_ends(void)
{
	struct xen_setup_params params = start(&shapes[0]);
	struct xen_setup_result result;
	uint64_t nr = 77, end = clean[params.nr_map - 1].addr + clean[params.nr_map - 1].size;

	clean[params.nr_map] = (struct xen_e820_entry){end + 0x1000, 0x1000, RAM};
	ck_assert_int_eq(xen_p2m_extend(storage, shapes[0].max_pfn), 0);
	ck_assert_int_eq(xen_setup_memory(&params, &result), 0);
	ck_assert(is_identity((end >> 12) - 1));
	ck_assert(!is_identity(end >> 12));
	stop(true);
	/* The RAM below 640 KiB only, though more stands behind it. */
	params = start(&shapes[0]);
	params.nr_map = 3;
	ck_assert_uint_eq(clean[3].type, RAM);
	ck_assert_int_eq(xen_setup_plan(&params, &nr), -XEN_ENOSPC);
	ck_assert_uint_eq(nr, 77);
	stop(true);
	/* A hole that ends the map goes to 4 GiB, whatever stands behind it. */
	params = start(&shapes[4]);
	clean[params.nr_map] = (struct xen_e820_entry){0xb8000000, 0x1000, RAM};
	ck_assert_int_eq(xen_p2m_extend(storage, shapes[4].max_pfn), 0);
	ck_assert_int_eq(xen_setup_memory(&params, &result), 0);
	ck_assert(is_identity(0xb8000));
	memset(clean, 0, sizeof(clean));
	stop(true);
}

/* Nobody needs to be told of moves; of none nobody is. */
static void moves_untold(void)
{
	struct xen_setup_params params = start(&shapes[8]);
	struct xen_setup_result result;

	params.moved = NULL;
	ck_assert_int_eq(xen_p2m_extend(storage, shapes[8].max_pfn), 0);
	ck_assert_int_eq(xen_setup_memory(&params, &result), 0);
	ck_assert_uint_eq(result.moved_pages, shapes[8].moved);
	stop(false);
}

/* Xen says that it did more or less of a batch than it was asked to, and returns success. */
static unsigned int told;

static void lie_done(struct model_lie_call *call)
{
	if (call->kind == MODEL_MMU_UPDATE && call->done)
		*(unsigned int *)call->third = told;
}

static void wrong_count(void)
{
	static const struct {
		unsigned int told, moved;
	} table[] = {{65, 64}, {~0u, 64}, {63, 63}, {0, 0}};

	for (unsigned int i = 0; i < NR_OF(table); i++) {
		struct xen_setup_params params = start(&shapes[4]);
		struct xen_setup_result result;

		ck_assert_int_eq(xen_p2m_extend(storage, shapes[4].max_pfn), 0);
		told = table[i].told;
		model_lie(lie_done);
		ck_assert_int_eq(xen_setup_memory(&params, &result), -XEN_EINVAL);
		model_lie(NULL);
		ck_assert_uint_eq(result.moved_pages, table[i].moved);
		ck_assert_uint_eq(moved_pages, table[i].moved);
		/* What it did and does not own up to stands in the M2P alone. */
		stop(false);
	}
}

static const struct unit_case cases[] = {
	{"every shape is laid out like its map", all_shapes},
	{"RAM ranges bear names, and set-up runs once", named_ranges},
	{"a pinned range under a hole is refused by name, nothing changed", pinned},
	{"bad parameters and too little RAM are refused, nothing changed", bad_params},
	{"without memory nothing is changed", no_memory},
	{"a refusal in mid-way leaves the tables consistent", refused_midway},
	{"entries behind the map are not read", map_ends},
	{"moves are told to who asks", moves_untold},
	{"a count of moves that cannot be is refused", wrong_count},
};

UNIT_MAIN("setup", cases)
