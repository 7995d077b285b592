/* SPDX-License-Identifier: MIT */
/*
 * The P2M as the toolstack reads it, through each extension.
 */
#include <string.h>

#include <model/model.h>
#include <xen/contiguous.h>
#include <xen/hypercall.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "../../arch/x86/xen/p2m-publish.h"
#include "unit.h"

#define NR 4096 /* pages of the model's default domain */

/* What a machine address shows, as the toolstack maps frames. */
static uint64_t word_at(uint64_t mfn, uint64_t index)
{
	uint64_t word = 0;

	unit_expect(model_dma_read(mfn_to_dma(mk_mfn(mfn)) + 8 * index, &word, 8));
	return word;
}

/* Look every PFN up through the frame list and compare. */
static void check_view(const struct arch_shared_info *arch)
{
	uint64_t pfn;

	ck_assert_uint_eq(arch->max_pfn, xen_p2m.nr);
	ck_assert_uint_eq(arch->p2m_vaddr, (uintptr_t)xen_p2m.entry);
	ck_assert_uint_eq(arch->p2m_generation % 2, 0);
	for (pfn = 0; pfn < arch->max_pfn; pfn += pfn < 1024 ? 1 : 509) {
		uint64_t list = word_at(arch->pfn_to_mfn_frame_list_list, pfn >> 18);
		uint64_t page = word_at(list, pfn >> 9 & 511);

		unit_expect(word_at(page, pfn & 511) == xen_p2m_entry(mk_pfn(pfn)));
	}
}

static unsigned int order_for(uint64_t nr)
{
	unsigned int order = 0;

	while ((512ULL << order) < nr)
		order++;
	return order;
}

/* The toolstack shall not see what was in a page before. */
static void leave_dirty_pages(void)
{
	static void *pages[4096];
	unsigned int nr = 0;

	while ((pages[nr] = xen_port_alloc_pages(0)))
		memset(pages[nr++], 0x5a, XEN_PAGE_SIZE);
	while (nr--)
		xen_port_free_pages(pages[nr], 0);
}

static void extend_and_publish(void)
{
	/* 2^18 PFNs take one list; more take two. */
	static const uint64_t sizes[] = {NR, NR + 1, 1 << 18, (1 << 18) + 1, 600000};
	static struct arch_shared_info arch;
	uint64_t *old = NULL, generation = 0;
	unsigned int i, old_order = 0;

	model_start(NULL);
	leave_dirty_pages();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned int order = order_for(sizes[i]);
		uint64_t *storage = xen_port_alloc_pages(order);

		ck_assert_ptr_nonnull(storage);
		ck_assert_int_eq(xen_p2m_extend(storage, sizes[i]), 0);
		ck_assert_uint_eq(xen_p2m.nr, sizes[i]);
		ck_assert(model_check());
		ck_assert_uint_eq(xen_p2m_entry(mk_pfn(sizes[i] - 1)) == XEN_INVALID_FRAME,
				  sizes[i] > NR);
		if (i == 0) {
			ck_assert_int_eq(xen_p2m_publish(&arch, mk_mfn(0x1234)), 0);
			ck_assert_uint_eq(arch.p2m_cr3, 0x1234000);
		} else {
			xen_port_free_pages(old, old_order);
		}
		check_view(&arch);
		/* As many lists as it takes, and nothing behind them. */
		for (uint64_t l = (sizes[i] + (1 << 18) - 1) >> 18; l < 512; l++)
			unit_expect(!word_at(arch.pfn_to_mfn_frame_list_list, l));
		ck_assert_uint_eq(arch.p2m_generation, generation + 2);
		generation = arch.p2m_generation;
		old = storage;
		old_order = order;
	}
	/* Shrinking and bad storage are refused. */
	ck_assert_int_eq(xen_p2m_extend(old, 100), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_extend(old + 1, 700000), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_extend(NULL, 700000), -XEN_EINVAL);
	ck_assert(xen_p2m_in_table(old, 8));
	ck_assert(!xen_p2m_in_table((char *)old - 4096, 4096));
	ck_assert(xen_p2m_in_table(xen_p2m.frame_list_list, 1));
	for (i = 0; i < 3; i++) { /* 600000 PFNs take three lists */
		uint64_t mfn = word_at(arch.pfn_to_mfn_frame_list_list, i);
		char *page = xen_port_pfn_to_virt(xen_mfn_to_pfn(mk_mfn(mfn)));

		ck_assert(xen_p2m_in_table(page, 1));
		ck_assert(xen_p2m_in_table(page + 4095, 1));
		ck_assert(xen_p2m_in_table(page - 1, 2));
	}
	xen_p2m_fini();
	ck_assert_uint_eq(arch.p2m_generation, generation + 2);
	ck_assert_uint_eq(arch.p2m_cr3, 0);
	ck_assert_uint_eq(arch.pfn_to_mfn_frame_list_list, 0);
	xen_port_free_pages(old, old_order);
	ck_assert_uint_eq(model_allocs().pages, 0);
	ck_assert(model_stop());
}

static void publish_without_memory(void)
{
	static struct arch_shared_info arch;
	unsigned int nth, order = order_for(NR), more = order_for(600000);
	uint64_t *storage, *larger;

	model_start(NULL);
	storage = xen_port_alloc_pages(order);
	larger = xen_port_alloc_pages(more);
	ck_assert_int_eq(xen_p2m_extend(storage, NR), 0);
	for (nth = 1; nth <= 2; nth++) {
		/* The list of lists, then the list; what was got is kept for the next try. */
		model_fail(MODEL_ALLOC_PAGES, 1, 0);
		if (nth == 2)
			model_fail(MODEL_ALLOC_PAGES, 2, 0);
		ck_assert_int_eq(xen_p2m_publish(&arch, mk_mfn(1)), -XEN_ENOMEM);
		ck_assert_uint_eq(arch.p2m_generation, 0);
		ck_assert_uint_eq(arch.pfn_to_mfn_frame_list_list, 0);
	}
	ck_assert_int_eq(xen_p2m_publish(&arch, mk_mfn(1)), 0);
	check_view(&arch);
	/* One more list is needed. */
	model_fail(MODEL_ALLOC_PAGES, 1, 0);
	ck_assert_int_eq(xen_p2m_extend(larger, 600000), -XEN_ENOMEM);
	ck_assert_uint_eq(xen_p2m.nr, NR);
	check_view(&arch);
	ck_assert_int_eq(xen_p2m_extend(larger, 600000), 0);
	check_view(&arch);
	xen_p2m_fini();
	xen_port_free_pages(storage, order);
	xen_port_free_pages(larger, more);
	ck_assert_uint_eq(model_allocs().pages, 0);
	ck_assert(model_stop());
}

/* Pages of the array that are not ours cannot be told to the toolstack. */
static void foreign_array(void)
{
	static struct arch_shared_info arch;
	uint64_t *storage, *behind;
	pfn_t pfn;
	mfn_t mfn;

	model_start(NULL);
	storage = xen_port_alloc_pages(order_for(2 * NR));
	behind = storage + 2 * NR;
	ck_assert_int_eq(xen_p2m_extend(storage, NR), 0);
	ck_assert_int_eq(xen_p2m_publish(&arch, mk_mfn(1)), 0);
	for (unsigned int page = 8; page <= 15; page += 7) {
		pfn = xen_port_virt_to_pfn(storage + page * 512);
		mfn = xen_pfn_to_mfn(pfn);
		ck_assert_int_eq(xen_p2m_set(pfn, mfn, true), 0);
		ck_assert_int_eq(xen_p2m_extend(storage, 2 * NR), -XEN_EINVAL);
		ck_assert_uint_eq(xen_p2m.nr, NR);
		check_view(&arch);
		ck_assert_int_eq(xen_p2m_set(pfn, mfn, false), 0);
	}
	/* What follows the array is nothing to it. */
	pfn = xen_port_virt_to_pfn(behind);
	mfn = xen_pfn_to_mfn(pfn);
	ck_assert_int_eq(xen_p2m_set(pfn, mfn, true), 0);
	ck_assert_int_eq(xen_p2m_extend(storage, 2 * NR), 0);
	ck_assert_int_eq(xen_p2m_set(pfn, mfn, false), 0);
	check_view(&arch);
	ck_assert(!xen_p2m_in_table(behind, XEN_PAGE_SIZE));
	ck_assert(xen_p2m_in_table(behind - 1, 8));
	xen_p2m_fini();
	xen_port_free_pages(storage, order_for(2 * NR));
	ck_assert_uint_eq(model_allocs().pages, 0);
	ck_assert(model_stop());
}

/* A view that was withdrawn is not touched any more, and can be published anew. */
static void withdrawn(void)
{
	static struct arch_shared_info arch;
	uint64_t *storage;

	model_start(NULL);
	storage = xen_port_alloc_pages(order_for(NR));
	ck_assert_int_eq(xen_p2m_publish(&arch, mk_mfn(1)), 0);
	xen_p2m_unpublish();
	ck_assert_uint_eq(arch.max_pfn, 0);
	ck_assert_uint_eq(arch.p2m_generation, 4);
	ck_assert_uint_eq(model_allocs().pages, 1U << order_for(NR));
	ck_assert_int_eq(xen_p2m_extend(storage, NR), 0);
	ck_assert_uint_eq(arch.max_pfn, 0);
	ck_assert_uint_eq(arch.p2m_generation, 4);
	leave_dirty_pages();
	ck_assert_int_eq(xen_p2m_publish(&arch, mk_mfn(1)), 0);
	check_view(&arch);
	xen_p2m_unpublish();
	xen_p2m_unpublish();
	ck_assert_uint_eq(arch.p2m_generation, 8);
	xen_p2m_fini();
	xen_port_free_pages(storage, order_for(NR));
	ck_assert_uint_eq(model_allocs().pages, 0);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"the toolstack sees the table through each extension", extend_and_publish},
	{"publishing without memory leaves the view as it was", publish_without_memory},
	{"an array with pages of others is refused", foreign_array},
	{"a view that was withdrawn is published anew", withdrawn},
};

UNIT_MAIN("p2m-publish", cases)
