/* SPDX-License-Identifier: MIT */
/*
 * The model's XENMEM_exchange: refused and done as by Xen. After each case the frame table has to
 * balance.
 */
#include "guest.h"

static uint64_t *mfns;

static void start(const struct model_params *params)
{
	mfns = guest_start(params);
}

/* An exchange of @nr extents of @in_order from PFN @pfn on for @bits wide extents of @out_order. */
struct trade {
	uint64_t pfn, nr;
	unsigned int in_order, out_order, bits;
	struct xen_memory_exchange exch;
	xen_pfn_t in[1024], out[1024];
};

static void prepare(struct trade *t, uint64_t pfn, unsigned int pages, unsigned int in_order,
		    unsigned int out_order, unsigned int bits)
{
	memset(t, 0, sizeof(*t));
	t->pfn = pfn;
	t->nr = pages;
	for (unsigned int i = 0; i < pages >> in_order; i++)
		t->in[i] = mfns[pfn + ((uint64_t)i << in_order)];
	for (unsigned int i = 0; i < pages >> out_order; i++)
		t->out[i] = pfn + ((uint64_t)i << out_order);
	t->exch.in.nr_extents = pages >> in_order;
	t->exch.in.extent_order = in_order;
	t->exch.in.domid = DOMID_SELF;
	t->exch.out.nr_extents = pages >> out_order;
	t->exch.out.extent_order = out_order;
	t->exch.out.domid = DOMID_SELF;
	t->exch.out.mem_flags = XENMEMF_address_bits(bits);
	set_xen_guest_handle(t->exch.in.extent_start, t->in);
	set_xen_guest_handle(t->exch.out.extent_start, t->out);
	t->out_order = out_order;
	t->in_order = in_order;
	t->bits = bits;
}

static void unmap_all(const struct trade *t)
{
	for (uint64_t i = 0; i < t->nr; i++)
		ck_assert_int_eq(guest_unmap(guest_va(t->pfn + i)), 0);
}

/* Map again what the domain has now: for the first @done pages what came out. */
static void map_all(const struct trade *t, uint64_t done)
{
	for (uint64_t i = 0; i < t->nr; i++) {
		if (i < done)
			mfns[t->pfn + i] =
				t->out[i >> t->out_order] + (i & ((1ULL << t->out_order) - 1));
		ck_assert_int_eq(guest_map(guest_va(t->pfn + i), mfns[t->pfn + i]), 0);
	}
}

static long run(struct trade *t)
{
	return hypercall_memory_op(XENMEM_exchange, &t->exch);
}

static struct trade trade;

static void exchange_gives_contiguous(void)
{
	static const unsigned int widths[] = {0, 24, 28, 30, 32, 40};
	uint64_t free_frames;

	start(NULL);
	free_frames = model_free_frames(64);
	for (unsigned int order = 0; order <= 9; order++)
		for (unsigned int w = 0; w < 6; w++) {
			uint64_t pages = 1ULL << order;

			prepare(&trade, 1024, (unsigned int)pages, 0, order, widths[w]);
			unmap_all(&trade);
			ck_assert_int_eq(run(&trade), 0);
			ck_assert_uint_eq(trade.exch.nr_exchanged, pages);
			ck_assert_uint_eq(trade.out[0] & (pages - 1), 0);
			if (widths[w])
				ck_assert_uint_eq((trade.out[0] + pages - 1) >> (widths[w] - 12),
						  0);
			map_all(&trade, pages);
			ck_assert(model_check());
			ck_assert_uint_eq(model_free_frames(64), free_frames);
		}
	ck_assert(model_stop());
}

static void exchange_back(void)
{
	start(NULL);
	prepare(&trade, 512, 16, 0, 4, 0);
	unmap_all(&trade);
	ck_assert_int_eq(run(&trade), 0);
	map_all(&trade, 16);
	prepare(&trade, 512, 16, 4, 0, 0);
	unmap_all(&trade);
	ck_assert_int_eq(run(&trade), 0);
	ck_assert_uint_eq(trade.exch.nr_exchanged, 1);
	map_all(&trade, 16);
	ck_assert(model_stop());
}

static void exchange_sets_m2p(void)
{
	struct xen_machphys_mapping where;
	const uint64_t *m2p;

	start(NULL);
	ck_assert_int_eq(hypercall_memory_op(XENMEM_machphys_mapping, &where), 0);
	m2p = (const uint64_t *)where.v_start;
	prepare(&trade, 640, 4, 0, 2, 0);
	trade.out[0] = 0x12345; /* whatever the guest says */
	unmap_all(&trade);
	ck_assert_int_eq(run(&trade), 0);
	for (unsigned int i = 0; i < 4; i++) {
		ck_assert_uint_eq(m2p[trade.in[i]], XEN_INVALID_FRAME);
		ck_assert_uint_eq(m2p[trade.out[0] + i], 0x12345 + i);
	}
}

static void exchange_loses_content(void)
{
	char *va;

	start(NULL);
	va = guest_va(700);
	strcpy(va, "mine");
	prepare(&trade, 700, 1, 0, 0, 0);
	unmap_all(&trade);
	ck_assert_int_eq(run(&trade), 0);
	map_all(&trade, 1);
	ck_assert_str_ne(va, "mine");
	ck_assert_int_ne(va[100], 0); /* nor is it clean */
	ck_assert(model_stop());
}

static void ref(bool on)
{
	model_page_ref(mk_mfn(mfns[802]), on ? 1 : -1);
}

static void table(bool on)
{
	model_page_table(mk_mfn(mfns[802]), on);
}

static void mapped(bool on)
{
	ck_assert_int_eq(on ? guest_map(guest_va(802), mfns[802]) : guest_unmap(guest_va(802)), 0);
}

static void taken(bool on)
{
	trade.in[2] = on ? 1 : mfns[802]; /* a frame of somebody else's */
}

static void beyond(bool on)
{
	trade.in[2] = on ? 1ULL << 40 : mfns[802];
}

static void twice(bool on)
{
	trade.in[2] = on ? mfns[801] : mfns[802];
}

static void exchange_refuses_pages(void)
{
	static void (*const spoil[])(bool on) = {ref, table, mapped, taken, beyond, twice};

	start(NULL);
	prepare(&trade, 800, 4, 0, 2, 0);
	unmap_all(&trade);
	for (unsigned int i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		spoil[i](true);
		ck_assert_int_eq(run(&trade), -XEN_EINVAL);
		ck_assert_uint_eq(trade.exch.nr_exchanged, 0);
		ck_assert_uint_eq(trade.out[0], 800);
		spoil[i](false);
	}
	ck_assert_int_eq(run(&trade), 0);
	map_all(&trade, 4);
	ck_assert(model_stop());
}

static void exchange_refuses_arguments(void)
{
	start(NULL);
	prepare(&trade, 800, 4, 0, 2, 0);
	trade.exch.out.nr_extents = 2;
	ck_assert_int_eq(run(&trade), -XEN_EINVAL);
	trade.exch.out.nr_extents = 1;
	trade.exch.nr_exchanged = 5;
	ck_assert_int_eq(run(&trade), -XEN_EINVAL);
	trade.exch.nr_exchanged = 0;
	trade.exch.out.domid = 3;
	ck_assert_int_eq(run(&trade), -XEN_EINVAL);
	trade.exch.in.domid = 3;
	ck_assert_int_eq(run(&trade), -XEN_ESRCH);
	trade.exch.in.domid = trade.exch.out.domid = DOMID_SELF;
	trade.exch.in.nr_extents = 1ULL << 62;
	trade.exch.in.extent_order = 2;
	ck_assert_int_eq(run(&trade), -XEN_EINVAL);
	prepare(&trade, 800, 4, 0, 2, 0);
	trade.exch.nr_exchanged = 4;
	ck_assert_int_eq(run(&trade), 0); /* nothing left to do */
	ck_assert(model_stop());
}

static void order_limits(void)
{
	static const struct {
		struct model_params params;
		unsigned int limit;
		bool iomem;
	} domains[] = {{{.domu = true}, 9, false}, {{.domu = true}, 12, true}, {{0}, 18, false}};

	for (unsigned int i = 0; i < 3; i++) {
		start(&domains[i].params);
		if (domains[i].iomem)
			model_permit_iomem(mk_mfn(0xfe000), 1);
		prepare(&trade, 800, 1, 0, 0, 0);
		trade.exch.in.nr_extents = 1ULL << (domains[i].limit + 1);
		trade.exch.out.extent_order = domains[i].limit + 1;
		ck_assert_int_eq(run(&trade), -XEN_EPERM);
		trade.exch.in.nr_extents = 1ULL << domains[i].limit;
		trade.exch.out.extent_order = domains[i].limit;
		ck_assert_int_eq(run(&trade), -XEN_EINVAL); /* the order passes, the pages not */
		ck_assert(model_stop());
	}
}

static void full_zone(void)
{
	start(NULL);
	model_reserve_below(28);
	ck_assert_uint_eq(model_free_frames(28), 0);
	ck_assert_uint_gt(model_free_frames(30), 0);
	prepare(&trade, 800, 8, 0, 3, 28);
	unmap_all(&trade);
	ck_assert_int_eq(run(&trade), -XEN_ENOMEM);
	ck_assert_uint_eq(trade.exch.nr_exchanged, 0);
	trade.exch.out.mem_flags = XENMEMF_address_bits(29);
	ck_assert_int_eq(run(&trade), 0);
	map_all(&trade, 8);
	model_reserve_below(0);
	ck_assert_uint_gt(model_free_frames(28), 0);
	ck_assert(model_stop());
}

static void partial_exchange(void)
{
	start(NULL);
	prepare(&trade, 800, 32, 0, 3, 0);
	unmap_all(&trade);
	model_exchange_stops_after(2);
	ck_assert_int_eq(run(&trade), -XEN_ENOMEM);
	ck_assert_uint_eq(trade.exch.nr_exchanged, 16);
	ck_assert_uint_eq(trade.out[2], 816);
	ck_assert_uint_ne(trade.out[1], 808);
	map_all(&trade, 16);
	ck_assert(model_check());
	for (unsigned int i = 16; i < 32; i++)
		ck_assert_int_eq(guest_unmap(guest_va(800 + i)), 0);
	model_exchange_stops_after(~0ULL);
	ck_assert_int_eq(run(&trade), 0); /* goes on where it stopped */
	ck_assert_uint_eq(trade.exch.nr_exchanged, 32);
	map_all(&trade, 32);
	ck_assert(model_stop());
}

static void heap_from_the_top(void)
{
	start(NULL);
	prepare(&trade, 800, 1, 0, 0, 0);
	unmap_all(&trade);
	ck_assert_int_eq(run(&trade), 0);
	ck_assert_uint_gt(trade.out[0], 0x30000); /* the highest zone of 1 GiB */
	map_all(&trade, 1);
	ck_assert(model_stop());
}

static void random_orders(void)
{
	static uint64_t lent[64][2];
	uint64_t state = unit_seed(), free_frames;

	start(NULL);
	free_frames = model_free_frames(64);
	for (unsigned int i = 0; i < 2000; i++) {
		uint64_t slot = unit_random(&state) % 64;
		unsigned int order = (unsigned int)(unit_random(&state) % 6);

		if (lent[slot][1]) {
			order = (unsigned int)lent[slot][1] - 1;
			prepare(&trade, 1024 + slot * 32, 1u << order, order, 0, 0);
			lent[slot][1] = 0;
		} else {
			prepare(&trade, 1024 + slot * 32, 1u << order, 0, order, 28 + order % 3);
			lent[slot][1] = order + 1;
		}
		unmap_all(&trade);
		ck_assert_int_eq(run(&trade), 0);
		map_all(&trade, 1ULL << order);
	}
	ck_assert_uint_eq(model_free_frames(64), free_frames);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"an exchange gives aligned frames below the width", exchange_gives_contiguous},
	{"an exchange takes a large extent back for single frames", exchange_back},
	{"an exchange sets the M2P of what it gives and clears it of what it takes",
	 exchange_sets_m2p},
	{"an exchange loses the content and gives dirty pages", exchange_loses_content},
	{"an exchange refuses pages in use, of others and twice", exchange_refuses_pages},
	{"an exchange refuses lists that do not fit", exchange_refuses_arguments},
	{"the order limit depends on the domain", order_limits},
	{"a full zone has no memory and changes nothing", full_zone},
	{"an exchange may stop half-way and go on", partial_exchange},
	{"the heap hands out high addresses first", heap_from_the_top},
	{"random exchanges lose no frame", random_orders},
};

UNIT_MAIN("model-exchange", cases)
