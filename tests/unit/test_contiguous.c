/* SPDX-License-Identifier: MIT */
/*
 * Contiguous regions: every order, width, partial success, refusal and failing call. After each
 * step model_check() holds: no frame is lost or stands twice, P2M and M2P are bijective, and the
 * kernel maps every page where the P2M says.
 */
#include <string.h>

#include <model/model.h>
#include <xen/balloon.h>
#include <xen/contiguous.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "unit.h"

#define MAX_REGIONS 8

static pfn_t region[MAX_REGIONS];

static uint64_t *page(pfn_t pfn)
{
	return xen_port_pfn_to_virt(pfn);
}

/* What a page says that was not exchanged since. */
static void sign(pfn_t pfn, unsigned int order)
{
	uint64_t i;

	for (i = 0; i < 1ULL << order; i++) {
		page(pfn_add(pfn, i))[0] = pfn_x(pfn) + i;
		page(pfn_add(pfn, i))[511] = ~(pfn_x(pfn) + i);
	}
}

static bool signed_still(pfn_t pfn, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		if (page(pfn_add(pfn, i))[0] != pfn_x(pfn) + i ||
		    page(pfn_add(pfn, i))[511] != ~(pfn_x(pfn) + i))
			return false;
	return true;
}

static void get_regions(unsigned int nr, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		void *va = xen_port_alloc_pages(order);

		unit_expect(va);
		region[i] = xen_port_virt_to_pfn(va);
		sign(region[i], order);
	}
}

static void put_regions(unsigned int nr, unsigned int order)
{
	while (nr-- > 0)
		xen_port_free_pages(page(region[nr]), order);
}

static bool is_contiguous(pfn_t pfn, unsigned int order, unsigned int bits)
{
	uint64_t mfn = mfn_x(xen_pfn_to_mfn(pfn)), end = mfn + (1ULL << order);

	return xen_pfn_range_contiguous(pfn, 1ULL << order) && !(mfn & ((1ULL << order) - 1)) &&
	       (!bits || end <= 1ULL << (bits - 12));
}

static void stop(void)
{
	xen_balloon_fini();
	ck_assert_uint_eq(model_allocs().pages, 0);
	xen_p2m_fini();
	ck_assert_uint_eq(model_allocs().objects, 0);
	ck_assert(model_stop());
}

/* @nr regions of which Xen does @most: exactly these are contiguous, the rest are as they were. */
static void create_partly(unsigned int nr, unsigned int order, unsigned int bits, unsigned int most)
{
	unsigned int done, i;
	int err;

	get_regions(nr, order);
	model_exchange_stops_after(most);
	err = xen_contiguous_create(region, nr, order, bits, &done);
	model_exchange_stops_after(~0ULL);
	unit_expect(done == (most < nr ? most : nr));
	unit_expect(err == (done < nr ? -XEN_ENOMEM : 0));
	for (i = 0; i < nr; i++)
		unit_expect(i < done ? is_contiguous(region[i], order, bits)
				     : signed_still(region[i], 1ULL << order));
	unit_expect(model_check());
	for (i = 0; i < done; i++)
		unit_expect(xen_destroy_contiguous_region(region[i], order) == 0);
	unit_expect(model_check());
	put_regions(nr, order);
}

static void every_order(void)
{
	static const unsigned int widths[] = {24, 28, 30, 32, 63, XEN_ANY_ADDRESS_BITS};
	unsigned int order, w, nr, most;

	model_start(NULL);
	for (order = 0; order <= XEN_CONTIGUOUS_MAX_ORDER; order++)
		for (w = 0; w < sizeof(widths) / sizeof(widths[0]); w++)
			for (nr = 1; nr <= 4; nr += order > 5 ? 2 : 1)
				for (most = 0; most <= nr; most++)
					create_partly(nr, order, widths[w], most);
	stop();
}

/* Regions of changing orders and widths, made and undone in random order. */
static void random_regions(void)
{
	static const unsigned int widths[] = {24, 27, 30, 32, XEN_ANY_ADDRESS_BITS};
	struct {
		pfn_t pfn;
		unsigned int order, bits;
		bool used, contiguous;
	} slot[16] = {0};
	uint64_t rnd = unit_seed();
	unsigned int i, n;

	model_start(&(struct model_params){.nr_pages = 8192});
	for (n = 0; n < 1000; n++) {
		i = unit_random(&rnd) % 16;
		if (!slot[i].used) {
			void *va;

			slot[i].order = unit_random(&rnd) % 10;
			slot[i].bits = widths[unit_random(&rnd) % 5];
			va = xen_port_alloc_pages(slot[i].order);
			if (!va)
				continue;
			slot[i].used = true;
			slot[i].pfn = xen_port_virt_to_pfn(va);
			slot[i].contiguous = !xen_create_contiguous_region(
				slot[i].pfn, slot[i].order, slot[i].bits, NULL);
		} else {
			if (slot[i].contiguous)
				unit_expect(
					is_contiguous(slot[i].pfn, slot[i].order, slot[i].bits));
			unit_expect(!xen_destroy_contiguous_region(slot[i].pfn, slot[i].order));
			xen_port_free_pages(page(slot[i].pfn), slot[i].order);
			slot[i].used = false;
		}
		unit_expect(model_check());
	}
	for (i = 0; i < 16; i++)
		if (slot[i].used)
			xen_port_free_pages(page(slot[i].pfn), slot[i].order);
	stop();
}

static void device_sees(void)
{
	char *va, back[3 * 4096];
	dma_addr_t dma;
	int i;

	model_start(NULL);
	get_regions(1, 2);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 2, 28, &dma), 0);
	ck_assert_uint_lt(dma, 1 << 28);
	va = (char *)page(region[0]);
	for (i = 0; i < 3 * 4096; i++)
		va[500 + i] = (char)(i * 7);
	ck_assert(model_dma_read(dma + 500, back, sizeof(back)));
	ck_assert_mem_eq(back, va + 500, sizeof(back));
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 2), 0);
	put_regions(1, 2);
	stop();
}

/* A page of the region at each place is in use: @mark and @unmark make it so and end it. */
static void refused_at_each_place(void (*mark)(pfn_t pfn, mfn_t mfn),
				  void (*unmark)(pfn_t pfn, mfn_t mfn))
{
	unsigned int i, done;

	for (i = 0; i < 24; i++) {
		pfn_t pfn;
		mfn_t mfn;

		get_regions(3, 3);
		pfn = pfn_add(region[i / 8], i % 8);
		mfn = xen_pfn_to_mfn(pfn);
		mark(pfn, mfn);
		ck_assert_int_eq(xen_contiguous_create(region, 3, 3, 30, &done), -XEN_EINVAL);
		ck_assert_uint_eq(done, i / 8);
		unit_expect(mfn_x(xen_pfn_to_mfn(pfn)) == mfn_x(mfn));
		for (; done < 3; done++)
			unit_expect(signed_still(region[done], 8));
		ck_assert_int_eq(xen_destroy_contiguous_region(region[i / 8], 3), -XEN_EINVAL);
		unit_expect(mfn_x(xen_pfn_to_mfn(pfn)) == mfn_x(mfn));
		unmark(pfn, mfn);
		unit_expect(model_check());
		put_regions(3, 3);
	}
}

static void take_ref(pfn_t pfn, mfn_t mfn)
{
	model_page_ref(mfn, 1);
}

static void drop_ref(pfn_t pfn, mfn_t mfn)
{
	model_page_ref(mfn, -1);
}

static void set_pte(pfn_t pfn, mfn_t mfn, uint64_t flags)
{
	ck_assert_int_eq(hypercall_update_va_mapping((unsigned long)page(pfn),
						     mfn_to_dma(mfn) | flags,
						     UVMF_TLB_FLUSH | UVMF_ALL),
			 0);
}

static void make_table(pfn_t pfn, mfn_t mfn)
{
	set_pte(pfn, mfn, XEN_PTE_KERNEL & ~XEN_PTE_RW);
	model_page_table(mfn, true);
}

/* The page must still be mapped, and read-only. */
static void end_table(pfn_t pfn, mfn_t mfn)
{
	ck_assert_uint_eq(model_pte(page(pfn)) & (XEN_PTE_PRESENT | XEN_PTE_RW), XEN_PTE_PRESENT);
	model_page_table(mfn, false);
	set_pte(pfn, mfn, XEN_PTE_KERNEL);
}

static void used_pages(void)
{
	model_start(NULL);
	refused_at_each_place(take_ref, drop_ref);
	refused_at_each_place(make_table, end_table);
	stop();
}

static void p2m_pages(void)
{
	static struct arch_shared_info arch;
	uint64_t *storage;
	unsigned int i;

	model_start(NULL);
	storage = xen_port_alloc_pages(3); /* 8 pages: 4096 entries */
	ck_assert_int_eq(xen_p2m_extend(storage, 4096), 0);
	ck_assert_int_eq(xen_p2m_publish(&arch, mk_mfn(1)), 0);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(xen_create_contiguous_region(
					 pfn_add(xen_port_virt_to_pfn(storage), i), 0, 30, NULL),
				 -XEN_EINVAL);
	ck_assert_int_eq(xen_create_contiguous_region(xen_port_virt_to_pfn(xen_p2m.frame_list_list),
						      0, 30, NULL),
			 -XEN_EINVAL);
	ck_assert(model_check());
	xen_p2m_fini();
	xen_port_free_pages(storage, 3);
	ck_assert(model_stop());
}

static void bad_arguments(void)
{
	static const struct {
		unsigned int order, bits;
		int err;
	} table[] = {
		{2, 12, -XEN_EINVAL},  {2, 1, -XEN_EINVAL},
		{2, 64, -XEN_EINVAL},  {2, ~0U, -XEN_EINVAL},
		{18, 32, -XEN_EINVAL}, {19, 32, -XEN_EPERM},
		{~0U, 32, -XEN_EPERM}, {64, 32, -XEN_EPERM},
		{13, 32, -XEN_EINVAL}, /* more than there is */
	};
	uint64_t calls, foreign;
	unsigned int i, done;
	pfn_t none = mk_pfn(XEN_INVALID_FRAME), last = mk_pfn(4095);

	model_start(NULL);
	get_regions(2, 2);
	calls = model_hypercalls();
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		done = 77;
		ck_assert_int_eq(xen_contiguous_create(region, 2, table[i].order, table[i].bits,
						       &done),
				 table[i].err);
		ck_assert_uint_eq(done, 0);
	}
	ck_assert_int_eq(xen_create_contiguous_region(none, 0, 32, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_create_contiguous_region(last, 1, 32, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_destroy_contiguous_region(none, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_destroy_contiguous_region(last, 1), -XEN_EINVAL);
	ck_assert_int_eq(xen_destroy_contiguous_region(last, 19), -XEN_EPERM);
	/* The second region holds a foreign page: not even the first one is touched. */
	foreign = xen_p2m_entry(pfn_add(region[1], 3));
	xen_p2m_set(pfn_add(region[1], 3), mk_mfn(foreign), true);
	ck_assert_int_eq(xen_contiguous_create(region, 2, 2, 32, &done), -XEN_EINVAL);
	xen_p2m_set(pfn_add(region[1], 3), mk_mfn(foreign), false);
	ck_assert_int_eq(xen_contiguous_create(region, 0, 2, 32, &done), 0);
	ck_assert_uint_eq(model_hypercalls(), calls);
	ck_assert(signed_still(region[0], 4) && signed_still(region[1], 4));
	/* The narrowest width that there can be. */
	ck_assert_int_eq(xen_contiguous_create(region, 1, 0, 13, &done), -XEN_ENOMEM);
	/* The same region twice in a batch: Xen finds out. */
	region[2] = region[1];
	region[1] = region[0];
	ck_assert_int_eq(xen_contiguous_create(region, 2, 2, 32, &done), -XEN_EINVAL);
	ck_assert_uint_eq(done, 1);
	ck_assert(model_check());
	region[1] = region[2];
	put_regions(2, 2);
	stop();
}

static void order_limits(void)
{
	model_start(&(struct model_params){.domu = true});
	get_regions(1, 10);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 10, 0, NULL), -XEN_EPERM);
	ck_assert(signed_still(region[0], 1024));
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 9), 0);
	model_permit_iomem(mk_mfn(0xfe000), 1);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 10, 0, NULL), 0);
	ck_assert(is_contiguous(region[0], 10, 0));
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 10), 0);
	put_regions(1, 10);
	stop();
}

static void full_zone(void)
{
	model_start(NULL);
	get_regions(1, 4);
	model_reserve_below(28);
	ck_assert_uint_eq(model_free_frames(28), 0);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 4, 28, NULL), -XEN_ENOMEM);
	ck_assert(signed_still(region[0], 16));
	ck_assert(model_check());
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 4, 30, NULL), 0);
	model_reserve_below(0);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 4), 0);
	put_regions(1, 4);
	stop();
}

static void destroy_in_need(void)
{
	model_start(NULL);
	get_regions(1, 4);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 4, 30, NULL), 0);
	sign(region[0], 4);
	model_reserve_below(52);
	ck_assert_uint_eq(model_free_frames(52), 0);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 4), -XEN_ENOMEM);
	ck_assert(is_contiguous(region[0], 4, 30) && signed_still(region[0], 16));
	/* With one frame that Xen has free it goes page by page. */
	ck_assert_int_eq(xen_balloon_inflate(1, NULL), 0);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 4), 0);
	ck_assert(!is_contiguous(region[0], 4, 30));
	ck_assert(model_check());
	model_reserve_below(0);
	ck_assert_int_eq(xen_balloon_deflate(1, NULL), 0);
	put_regions(1, 4);
	stop();
}

static void destroy_partly(void)
{
	unsigned int most;

	model_start(NULL);
	for (most = 0; most <= 16; most++) {
		get_regions(1, 4); /* scattered: goes page by page */
		if (xen_pfn_range_contiguous(region[0], 2))
			ck_abort_msg("the model gave contiguous pages");
		model_exchange_stops_after(most);
		ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 4),
				 most < 16 ? -XEN_ENOMEM : 0);
		model_exchange_stops_after(~0ULL);
		ck_assert(signed_still(pfn_add(region[0], most), 16 - most));
		ck_assert(model_check());
		put_regions(1, 4);
	}
	stop();
}

static void failing_calls(void)
{
	unsigned int done;
	int nth;

	model_start(NULL);
	for (nth = 1; nth <= 97; nth++) {
		get_regions(3, 4);
		model_fail(MODEL_UPDATE_VA_MAPPING, (uint64_t)nth, -XEN_EBUSY);
		/* 48 to zap; then a page that is not mapped back is tried once more. */
		ck_assert_int_eq(xen_contiguous_create(region, 3, 4, 30, &done),
				 nth <= 48 ? -XEN_EBUSY : 0);
		model_fail(MODEL_UPDATE_VA_MAPPING, 0, 0);
		ck_assert_uint_eq(done, nth <= 48 ? 0 : 3);
		unit_expect(model_check());
		if (nth <= 48)
			unit_expect(signed_still(region[0], 16) && signed_still(region[2], 16));
		put_regions(3, 4);
	}
	for (nth = 1; nth <= 4; nth++) {
		get_regions(3, 4);
		model_fail(MODEL_MULTICALL, (uint64_t)nth, -XEN_EPERM);
		ck_assert_int_eq(xen_contiguous_create(region, 3, 4, 30, &done),
				 nth <= 2 ? -XEN_EPERM : 0);
		unit_expect(model_check());
		put_regions(3, 4);
	}
	get_regions(1, 0);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_ESRCH);
	ck_assert_int_eq(xen_create_contiguous_region(region[0], 0, 30, NULL), -XEN_ESRCH);
	model_fail(MODEL_MEMORY_OP, 1, -XEN_ESRCH);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 0), -XEN_ESRCH);
	ck_assert(signed_still(region[0], 1));
	put_regions(1, 0);
	stop();
}

static void create_one(void *arg)
{
	xen_create_contiguous_region(region[0], 4, 30, NULL);
}

static void unmappable(void)
{
	model_start(NULL);
	get_regions(1, 4);
	/* Zapping is one multicall of 16; mapping back fails, and so does the second try. */
	model_fail(MODEL_MULTICALL, 2, -XEN_EINVAL);
	model_fail(MODEL_UPDATE_VA_MAPPING, 17, -XEN_EINVAL);
	ck_assert(model_expect_panic(create_one, NULL));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "map"));
}

static void scratch_memory(void)
{
	unsigned int done;
	uint64_t ops;

	model_start(NULL);
	get_regions(6, 9);
	ops = model_calls(MODEL_MEMORY_OP);
	ck_assert_int_eq(xen_contiguous_create(region, 6, 9, 0, &done), 0);
	ck_assert_uint_eq(model_calls(MODEL_MEMORY_OP) - ops, 2); /* 8 MiB and 4 MiB */
	/* Less memory makes more calls; none is an error. */
	ops = model_calls(MODEL_MEMORY_OP);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_contiguous_create(region, 6, 9, 0, &done), 0);
	ck_assert_uint_eq(model_calls(MODEL_MEMORY_OP) - ops, 2); /* 2 regions, then 4 */
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_contiguous_create(region, 1, 9, 0, &done), -XEN_ENOMEM);
	ck_assert_uint_eq(done, 0);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_destroy_contiguous_region(region[0], 9), -XEN_ENOMEM);
	ck_assert(is_contiguous(region[0], 9, 0));
	put_regions(6, 9);
	stop();
}

static void ranges_judged(void)
{
	model_start(&(struct model_params){.contiguous = true});
	ck_assert(xen_pfn_range_contiguous(mk_pfn(0), 512));
	ck_assert(xen_pfn_range_contiguous(mk_pfn(4095), 1));
	ck_assert(!xen_pfn_range_contiguous(mk_pfn(4095), 2));
	ck_assert(!xen_pfn_range_contiguous(mk_pfn(4096), 1));
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(5000), 2, NULL), 0);
	ck_assert(!xen_pfn_range_contiguous(mk_pfn(5000), 2)); /* not RAM */
	stop();
}

static const struct unit_case cases[] = {
	{"XSA-29 31 158 159 212: every order, width and partial count conserves frames",
	 every_order},
	{"XSA-222 247 252: a page in use is never exchanged", used_pages},
	{"regions made and undone in random order keep the tables bijective", random_regions},
	{"a device sees a region as one piece", device_sees},
	{"pages of the P2M and its lists are refused", p2m_pages},
	{"bad arguments change nothing", bad_arguments},
	{"an order beyond the domain's limit is refused", order_limits},
	{"a full zone leaves the region as it was", full_zone},
	{"undoing copes with one free frame", destroy_in_need},
	{"undoing stops after any page", destroy_partly},
	{"every failing call leaves a documented state", failing_calls},
	{"a mapping that cannot be restored ends in a panic", unmappable},
	{"scratch memory bounds the exchanges", scratch_memory},
	{"contiguity is of own RAM only", ranges_judged},
};

UNIT_MAIN("contiguous", cases)
