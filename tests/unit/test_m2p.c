/* SPDX-License-Identifier: MIT */
/* M2P: reads of one with holes, and where it ends. */
#include <xen/hypercall.h>

#include "p2m_test.h"

/* Machine memory in [0, 1 GiB) and [3 GiB, 4 GiB): the M2P has nothing for what is between. */
static void m2p_holes(void)
{
	static const struct xen_e820_entry map[] = {
		{0, 0x40000000, XEN_E820_RAM},
		{0xc0000000, 0x40000000, XEN_E820_RAM},
	};
	static const struct model_params params = {.e820 = map, .nr_e820 = 2};
	static const uint64_t outside[] = {
		GIB_FRAMES,	     2 * GIB_FRAMES,	  3 * GIB_FRAMES - 1, 4 * GIB_FRAMES,
		16 * GIB_FRAMES - 1, 16 * GIB_FRAMES,	  (1ULL << 52) - 1,   1ULL << 52,
		XEN_P2M_FOREIGN,     XEN_P2M_FOREIGN | 5, ~0ULL - 1,	      ~0ULL,
	};
	uint64_t seven, eight;
	unsigned int i;

	model_start(&params);
	for (i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		ck_assert_uint_eq(to_pfn(outside[i]), XEN_INVALID_FRAME);
	for (i = 0; i < NR; i++)
		unit_expect(to_pfn(to_mfn(i)) == i);
	/* A frame that is free, and ones whose M2P entry the P2M does not confirm. */
	ck_assert_uint_eq(to_pfn(1), XEN_INVALID_FRAME);
	seven = to_mfn(7);
	eight = to_mfn(8);
	ck_assert_int_eq(xen_p2m_set(mk_pfn(7), mk_mfn(XEN_INVALID_FRAME), false), 0);
	ck_assert_int_eq(xen_p2m_set(mk_pfn(8), mk_mfn(eight), true), 0);
	ck_assert_uint_eq(to_pfn(seven), XEN_INVALID_FRAME);
	ck_assert_uint_eq(to_pfn(eight), XEN_INVALID_FRAME);
	ck_assert_int_eq(xen_p2m_set(mk_pfn(8), mk_mfn(seven), false), 0);
	ck_assert_uint_eq(to_pfn(seven), XEN_INVALID_FRAME);
	ck_assert_uint_eq(to_mfn(7), XEN_INVALID_FRAME);
	xen_p2m_fini();
	model_stop();
}

/* What the next init is told about the M2P: entries in its window, the highest frame, chunks, and
 * how often the list of these was read. */
static struct {
	uint64_t entries, max_mfn;
	unsigned int chunks, reads;
} m2p;

static void describe_m2p(struct model_lie_call *call)
{
	struct xen_machphys_mapping *map = call->arg;
	struct xen_machphys_mfn_list *list = call->arg;

	if (call->kind != MODEL_MEMORY_OP || !call->done)
		return;
	if (call->cmd == XENMEM_machphys_mapping) {
		map->v_end = map->v_start + m2p.entries * sizeof(uint64_t);
		map->max_mfn = m2p.max_mfn;
	} else if (call->cmd == XENMEM_machphys_mfn_list) {
		list->nr_extents = m2p.chunks < list->max_extents ? m2p.chunks : list->max_extents;
		for (unsigned int i = 0; i < list->nr_extents; i++)
			list->extent_start.p[i] = 1 + i / 2; /* each second is not there */
		m2p.reads++;
	}
}

static void init_with(uint64_t entries, uint64_t max_mfn, unsigned int chunks)
{
	m2p.entries = entries;
	m2p.max_mfn = max_mfn;
	m2p.chunks = chunks;
	m2p.reads = 0;
	model_lie(describe_m2p);
	ck_assert_int_eq(xen_p2m_init(model_mfn_list(), NR), 0);
	model_lie(NULL);
	for (uint64_t i = 0; i < (xen_p2m.m2p_nr + GIB_FRAMES - 1) / GIB_FRAMES; i++)
		unit_expect((xen_p2m.m2p_present[i / 64] >> i % 64 & 1) == (i % 2 == 0));
}

/* The M2P ends where its window, the highest frame or the chunks end. */
static void m2p_ends(void)
{
	static const struct {
		uint64_t entries, max_mfn;
		unsigned int chunks;
		uint64_t nr;
		unsigned int reads;
	} table[] = {
		{100, 4999, 1, 100, 1},
		{5000, 99, 1, 100, 1},
		{100, 100, 1, 100, 1},
		{100, 98, 200, 99, 1}, /* chunks that nobody needs */
		{64 * GIB_FRAMES, 100 * GIB_FRAMES, 70, 64 * GIB_FRAMES, 1},
		{5 * GIB_FRAMES, 100 * GIB_FRAMES, 3, 3 * GIB_FRAMES, 1},
		/* The first list that is asked for has room for 512. */
		{100, 99, 512, 100, 1},
		{511 * GIB_FRAMES + 1, 600 * GIB_FRAMES, 600, 511 * GIB_FRAMES + 1, 1},
		{512 * GIB_FRAMES + 5, 600 * GIB_FRAMES, 513, 512 * GIB_FRAMES + 5, 2},
		{600 * GIB_FRAMES, 600 * GIB_FRAMES, 600, 600 * GIB_FRAMES, 2},
	};

	model_start(&(struct model_params){.no_setup = true});
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		init_with(table[i].entries, table[i].max_mfn, table[i].chunks);
		ck_assert_uint_eq(xen_p2m.m2p_nr, table[i].nr);
		ck_assert_uint_eq(m2p.reads, table[i].reads);
		xen_p2m_fini();
	}
	/* What is behind the end is not read, though it is there. */
	init_with(model_mfn_list()[7], 4 * GIB_FRAMES, 1);
	ck_assert_uint_eq(xen_p2m.m2p_nr, model_mfn_list()[7]);
	ck_assert_uint_eq(to_pfn(model_mfn_list()[7]), XEN_INVALID_FRAME);
	xen_p2m_fini();
	ck_assert_int_eq(xen_p2m_init(model_mfn_list(), NR), 0);
	ck_assert_uint_eq(to_pfn(model_mfn_list()[7]), 7);
	stop();
}

static const struct unit_case cases[] = {
	{"M2P reads stay out of holes and bounds", m2p_holes},
	{"the M2P ends where it says, and is not read behind", m2p_ends},
};

UNIT_MAIN("m2p", cases)
