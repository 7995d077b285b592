/* SPDX-License-Identifier: MIT */
/*
 * Set-up of RAM by a memory map: every shape is laid out like its map, and its RAM moves out of the
 * holes.
 */
#include "setup_test.h"

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

static const struct unit_case cases[] = {
	{"every shape is laid out like its map", all_shapes},
	{"RAM ranges bear names, and set-up runs once", named_ranges},
	{"entries behind the map are not read", map_ends},
	{"moves are told to who asks", moves_untold},
};

UNIT_MAIN("setup", cases)
