/* SPDX-License-Identifier: MIT */
/*
 * The balloon: pages out, in, and in where there were none. Whatever failed, it holds as many pages
 * as it said, none of which has a frame or a mapping.
 */
#include <xen/balloon.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "faults.h"

#define NR 512
#define SPARE 64
#define PAGES 130 /* three rounds of its own, five of mappings */

static const struct model_params growing = {.nr_pages = NR, .max_pages = NR + SPARE};
static uint64_t table[NR + SPARE] __attribute__((aligned(4096)));
static uint64_t moved; /* by the last call */

/* A P2M that reaches over the spare pages. */
static void prepare(void)
{
	require(!xen_p2m_extend(table, NR + SPARE));
}

static void holds(uint64_t pages)
{
	struct xen_range piece = {0};
	uint64_t held = 0;

	require(xen_balloon_pages() == pages);
	while (xen_balloon_query(mk_pfn(piece.end), ~0ULL, &piece)) {
		held += piece.end - piece.start;
		for (uint64_t pfn = piece.start; pfn < piece.end; pfn++) {
			require(xen_p2m_entry(mk_pfn(pfn)) == XEN_INVALID_FRAME);
			require(!model_pte(xen_port_pfn_to_virt(mk_pfn(pfn))));
		}
	}
	require(held == pages);
}

static void out(void)
{
	int err = returned("xen_balloon_inflate", xen_balloon_inflate(PAGES, &moved));

	require(err ? moved < PAGES : moved == PAGES);
}

static void undo_out(void)
{
	holds(moved);
	require(!xen_balloon_deflate(moved, NULL));
	holds(0);
}

static void prepare_out(void)
{
	prepare();
	require(!xen_balloon_inflate(PAGES, NULL));
}

static void in(void)
{
	int err = returned("xen_balloon_deflate", xen_balloon_deflate(PAGES, &moved));

	require(err ? moved < PAGES : moved == PAGES);
}

static void undo_in(void)
{
	holds(PAGES - moved);
	require(!xen_balloon_inflate(moved, NULL));
	holds(PAGES);
}

static void finish_in(void)
{
	require(!xen_balloon_deflate(PAGES, NULL));
	xen_balloon_fini();
}

/* PFNs that were never populated: pages of the port without their frames. */
static pfn_t spare;

static void take_spare(void)
{
	static pfn_t pfn[PAGES];
	static mfn_t none[PAGES];
	static xen_pfn_t extent[PAGES];
	struct xen_memory_reservation arg = {.nr_extents = PAGES, .domid = DOMID_SELF};

	for (unsigned int i = 0; i < PAGES; i++) {
		void *va = xen_port_alloc_pages(0);

		require(va);
		pfn[i] = xen_port_virt_to_pfn(va);
		require(pfn_x(pfn[i]) == pfn_x(pfn[0]) + i);
		none[i] = mk_mfn(XEN_INVALID_FRAME);
		extent[i] = mfn_x(xen_pfn_to_mfn(pfn[i]));
		require(!xen_p2m_set(pfn[i], none[i], false));
	}
	spare = pfn[0];
	require(!xen_mmu_remap(pfn, none, PAGES, NULL));
	set_xen_guest_handle(arg.extent_start, extent);
	require(hypercall_memory_op(XENMEM_decrease_reservation, &arg) == PAGES);
}

static void prepare_grow(void)
{
	prepare();
	take_spare();
}

static bool added;

static void grow(void)
{
	moved = 0;
	added = !returned("xen_balloon_add_spare", xen_balloon_add_spare(spare, PAGES));
	if (added)
		in();
}

static void undo_grow(void)
{
	holds(added ? PAGES - moved : 0);
	if (!added)
		require(!xen_balloon_add_spare(spare, PAGES));
	require(!xen_balloon_deflate(PAGES - moved, NULL));
	holds(0);
	take_spare();
}

static void finish_grow(void)
{
	require(!xen_balloon_add_spare(spare, PAGES));
	require(!xen_balloon_deflate(PAGES, NULL));
	xen_balloon_fini();
}

#define PANICS                                                                                     \
	.panics = {"balloon: Xen does not undo a mapping",                                         \
		   "balloon: Xen does not take a frame back"}

const struct scenario balloon_scenarios[] = {
	{SCENARIO("balloon-out", &growing, prepare, out, undo_out, xen_balloon_fini), PANICS},
	{SCENARIO("balloon-in", &growing, prepare_out, in, undo_in, finish_in), PANICS},
	{SCENARIO("balloon-grow", &growing, prepare_grow, grow, undo_grow, finish_grow), PANICS},
	{0},
};
