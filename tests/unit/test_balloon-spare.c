/* SPDX-License-Identifier: MIT */
/* Balloon: spare PFNs, which begin without a page. */
#include "balloon_test.h"

static void spare(void)
{
	uint64_t done;

	start();
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR), 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR + 1), 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR - 1), 2), -XEN_EINVAL); /* populated */
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR - 1), 1), -XEN_EINVAL);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR), MAX - NR + 1), -XEN_EINVAL);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(MAX), 1), -XEN_EINVAL);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(~0ULL), 2), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_ram_remove(mk_pfn(NR + 100), 1), 0);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR), MAX - NR), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn(NR + 100), 1, "other RAM", NULL), 0);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR), MAX - NR), -XEN_ENOMEM);
	check(0);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR), 7), 0);
	check(7);
	xen_balloon_fini();
	check(0);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR), MAX - NR), 0);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR + 5), 1), -XEN_EEXIST);
	check(MAX - NR);
	ck_assert_int_eq(xen_balloon_deflate(~0ULL, &done), -XEN_ENOENT);
	ck_assert_uint_eq(done, MAX - NR);
	check(0);
	ck_assert_uint_ne(xen_p2m_entry(mk_pfn(MAX - 1)), XEN_INVALID_FRAME);
	ck_assert(xen_p2m_check(&done, NULL) == 0);
	ck_assert_uint_eq(done, MAX);
	stop();
}

/* More spare pages than the table has room for behind them. */
static void spare_at_the_end(void)
{
	start();
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn(MAX), 1, "more RAM", NULL), 0);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(MAX), 1), -XEN_EINVAL);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(MAX - 3), 4), -XEN_EINVAL);
	check(0);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(MAX - 3), 3), 0);
	check(3);
	ck_assert(xen_balloon_query(mk_pfn(MAX - 3), ~0ULL, NULL));
	ck_assert(!xen_balloon_query(mk_pfn(NR), MAX - NR - 3, NULL));
	ck_assert(xen_balloon_query(mk_pfn(NR), MAX - NR - 2, NULL));
	ck_assert(!xen_balloon_query(mk_pfn(1), 10, NULL));
	/* The first of a range may be spare while the last is not. */
	ck_assert_int_eq(xen_balloon_deflate(1, NULL), 0);
	check(2);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(MAX - 4), 2), -XEN_EINVAL);
	check(2);
	ck_assert_int_eq(xen_balloon_deflate(2, NULL), 0);
	ck_assert_int_eq(xen_p2m_ram_remove(mk_pfn(MAX), 1), 0);
	stop();
}

/* RAM that the kernel has no address for gets no frame. */
static void unmappable_spare(void)
{
	uint64_t done;

	model_start(&(struct model_params){.max_pages = NR});
	ck_assert(!posix_memalign((void **)&entries, 4096, MAX * sizeof(*entries)));
	ck_assert_int_eq(xen_p2m_extend(entries, MAX), 0);
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn(NR), 4, "high RAM", NULL), 0);
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR), 4), 0);
	ck_assert_int_eq(xen_balloon_deflate(2, &done), -XEN_EINVAL);
	ck_assert_uint_eq(done, 0);
	ck_assert_uint_eq(xen_balloon_pages(), 4);
	ck_assert_int_eq(xen_balloon_inflate(1, NULL), 0);
	ck_assert_int_eq(xen_balloon_deflate(2, &done), -XEN_EINVAL); /* the other first */
	ck_assert_uint_eq(done, 1);
	stop();
}

static const struct unit_case cases[] = {
	{"spare pages become RAM", spare},
	{"spare pages end with the table", spare_at_the_end},
	{"a spare page without an address stays one", unmappable_spare},
};

UNIT_MAIN("balloon-spare", cases)
