/* SPDX-License-Identifier: MIT */
/* P2M: the array before identity, marking anywhere, FOREIGN. */
#include <stdlib.h>
#include <string.h>

#include <xen/contiguous.h>

#include "p2m_test.h"

static bool is_identity(uint64_t pfn)
{
	return to_mfn(pfn) == pfn;
}

static void both_ways(void)
{
	uint64_t populated, pfn;

	model_start(NULL);
	for (pfn = 0; pfn < NR; pfn++) {
		unit_expect(to_mfn(pfn) == model_mfn_list()[pfn]);
		unit_expect(to_pfn(to_mfn(pfn)) == pfn);
		unit_expect(xen_p2m_is_own_ram(mk_pfn(pfn)));
	}
	ck_assert_uint_eq(to_mfn(NR), XEN_INVALID_FRAME);
	ck_assert_uint_eq(to_mfn(XEN_INVALID_FRAME), XEN_INVALID_FRAME);
	ck_assert(!xen_p2m_is_own_ram(mk_pfn(NR)));
	ck_assert_int_eq(xen_p2m_check(&populated, NULL), 0);
	ck_assert_uint_eq(populated, NR);
	stop();
}

static void bad_list(void)
{
	static const struct model_params raw = {.no_setup = true};
	uint64_t list[] = {1, 2, 1ULL << 52};

	model_start(&raw);
	ck_assert_int_eq(xen_p2m_init(list, 3), -XEN_EINVAL);
	ck_assert_uint_eq(xen_p2m.nr, 0);
	ck_assert(model_stop());
}

static void init_failures(void)
{
	static const struct {
		enum model_call kind;
		unsigned int nr;
		int err;
	} table[] = {{MODEL_MEMORY_OP, 2, -XEN_EPERM}, {MODEL_ALLOC, 2, -XEN_ENOMEM}};
	static const struct model_params raw = {.no_setup = true};
	unsigned int i, nth;

	model_start(&raw);
	for (i = 0; i < 2; i++)
		for (nth = 1; nth <= table[i].nr; nth++) {
			model_fail(table[i].kind, nth, table[i].err);
			ck_assert_int_eq(xen_p2m_init(model_mfn_list(), NR), table[i].err);
			ck_assert_uint_eq(model_allocs().objects, 0);
		}
	ck_assert_int_eq(xen_p2m_init(model_mfn_list(), NR), 0);
	stop();
}

static void ram_wins(void)
{
	struct xen_range conflict;
	uint64_t mfn;

	model_start(NULL);
	mfn = to_mfn(100);
	/* Identity is refused over RAM, by name, and nothing is marked. */
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(NR - 1), 100, &conflict), -XEN_EEXIST);
	ck_assert_str_eq(conflict.tag, "RAM");
	ck_assert_uint_eq(conflict.start, 0);
	ck_assert_uint_eq(conflict.end, NR);
	ck_assert(!is_identity(NR));
	/* Where RAM is not declared but populated, the array still comes first. */
	ck_assert_int_eq(xen_p2m_ram_remove(mk_pfn(100), 2), 0);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(100), 2, NULL), 0);
	ck_assert_uint_eq(to_mfn(100), mfn);
	ck_assert_uint_eq(to_pfn(mfn), 100);
	ck_assert_uint_eq(to_pfn(101), XEN_INVALID_FRAME);
	/* And RAM is refused over identity. */
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn(101), 1, "more", &conflict), -XEN_EEXIST);
	ck_assert_str_eq(conflict.tag, "identity");
	ck_assert_int_eq(xen_p2m_identity_remove(mk_pfn(100), 2), 0);
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn(100), 2, "RAM", NULL), 0);
	stop();
}

/* Ballooned pages are RAM as well: a device's range may not lie there. */
static void ballooned_ram(void)
{
	struct xen_range conflict;

	static const struct model_params params = {.max_pages = NR + 64};

	model_start(&params);
	ck_assert_uint_eq(to_mfn(NR + 10), XEN_INVALID_FRAME);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(NR + 10), 1, &conflict), -XEN_EEXIST);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(NR + 64), 1, &conflict), 0);
	ck_assert_int_eq(xen_p2m_identity_remove(mk_pfn(NR + 64), 1), 0);
	stop();
}

static void identity_places(void)
{
	static const struct {
		uint64_t start, nr;
	} table[] = {
		{16, 1},		  /* inside the array */
		{16, 16},		  /* up to the end of the hole in RAM there */
		{NR - 8, 16},		  /* across the end of the array */
		{NR, 1},		  /* right behind it */
		{0x100000, 0x100000},	  /* 4 GiB far beyond */
		{1ULL << 40, 1ULL << 34}, /* 64 TiB */
	};
	unsigned int i;

	model_start(NULL);
	/* Unpopulated, undeclared PFNs inside the array. */
	ck_assert_int_eq(xen_p2m_ram_remove(mk_pfn(16), 16), 0);
	ck_assert_int_eq(xen_p2m_ram_remove(mk_pfn(NR - 8), 8), 0);
	for (i = 0; i < NR; i++)
		if ((i >= 16 && i < 32) || i >= NR - 8)
			unit_expect(!xen_p2m_set(mk_pfn(i), mk_mfn(XEN_INVALID_FRAME), false));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t from = table[i].start, to = from + table[i].nr, calls = model_hypercalls();

		ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(from), to - from, NULL), 0);
		ck_assert(is_identity(from) && is_identity(to - 1));
		ck_assert(is_identity(from + (to - from) / 2));
		ck_assert_uint_eq(to_pfn(from), from);
		ck_assert_uint_eq(to_pfn(to - 1), to - 1);
		ck_assert(!is_identity(from - 1) && !is_identity(to));
		ck_assert_uint_le(xen_p2m.identity.nr_nodes, 3 + i); /* O(1) memory */
		ck_assert_int_eq(xen_p2m_identity_remove(mk_pfn(from), to - from), 0);
		ck_assert(!is_identity(from) && !is_identity(to - 1));
		ck_assert_uint_eq(model_hypercalls(), calls);
	}
	xen_p2m_fini();
	model_stop();
}

static void identity_overlaps(void)
{
	model_start(NULL);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(0x8000), 0x1000, NULL), 0); /* a window */
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(0x8100), 0x10, NULL), 0);	 /* a BAR in it */
	ck_assert_int_eq(xen_p2m_identity_remove(mk_pfn(0x8000), 0x1000), 0);
	ck_assert(is_identity(0x8100) && is_identity(0x810f));
	ck_assert(!is_identity(0x80ff) && !is_identity(0x8110));
	ck_assert_int_eq(xen_p2m_identity_remove(mk_pfn(0x8100), 0x11), -XEN_ENOENT);
	ck_assert(is_identity(0x8100));
	ck_assert_int_eq(xen_p2m_identity_remove(mk_pfn(0x8100), 0x10), 0);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(5), 0, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(5), 1, NULL), -XEN_EEXIST); /* RAM */
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(~0ULL), 2, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn(~0ULL), 2, "RAM", NULL), -XEN_EINVAL);
	/* Frames beyond 2^52 have no address. */
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(1ULL << 52), 1, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn((1ULL << 52) - 1), 2, "RAM", NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn((1ULL << 52) - 1), 1, NULL), 0);
	ck_assert_int_eq(xen_p2m_identity_remove(mk_pfn((1ULL << 52) - 1), 2), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_identity_remove(mk_pfn((1ULL << 52) - 1), 1), 0);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn(0x9000), 1, "RAM", NULL), -XEN_ENOMEM);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(0x9000), 1, NULL), 0); /* nothing was added */
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn(0x9001), 1, "RAM", NULL), 0);
	stop();
}

static void foreign(void)
{
	static const struct model_params params = {.max_pages = NR + 1};

	model_start(&params);
	xen_p2m.nr = NR + 1; /* the model's list has room for a page more */
	ck_assert_int_eq(xen_p2m_set(mk_pfn(NR), mk_mfn(0x123456), true), 0);
	ck_assert_uint_eq(to_mfn(NR), 0x123456);
	ck_assert_uint_eq(xen_p2m_entry(mk_pfn(NR)), 0x123456 | XEN_P2M_FOREIGN);
	ck_assert(!xen_p2m_is_own_ram(mk_pfn(NR)));
	ck_assert_uint_eq(to_pfn(0x123456), XEN_INVALID_FRAME);
	ck_assert(!xen_pfn_range_contiguous(mk_pfn(NR), 1));
	ck_assert_int_eq(xen_p2m_check(NULL, NULL), 0); /* not ours, not checked */
	/* An own frame under the FOREIGN bit is not found through the M2P either. */
	ck_assert_int_eq(xen_p2m_set(mk_pfn(NR), mk_mfn(XEN_INVALID_FRAME), true), 0);
	ck_assert_uint_eq(xen_p2m_entry(mk_pfn(NR)), XEN_INVALID_FRAME);
	stop();
}

static void bad_sets(void)
{
	model_start(NULL);
	ck_assert_int_eq(xen_p2m_set(mk_pfn(NR), mk_mfn(1), false), -XEN_ERANGE);
	ck_assert_int_eq(xen_p2m_set(mk_pfn(~0ULL), mk_mfn(1), false), -XEN_ERANGE);
	ck_assert_int_eq(xen_p2m_set(mk_pfn(1), mk_mfn(1ULL << 52), false), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_set(mk_pfn(1), mk_mfn(XEN_P2M_FOREIGN), false), -XEN_EINVAL);
	stop();
}

static void check_finds(void)
{
	pfn_t bad;
	uint64_t keep;

	model_start(NULL);
	keep = to_mfn(5);
	xen_p2m_set(mk_pfn(5), xen_pfn_to_mfn(mk_pfn(4)), false); /* the same frame twice */
	ck_assert_int_eq(xen_p2m_check(NULL, &bad), -XEN_EFAULT);
	ck_assert_uint_eq(pfn_x(bad), 5);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	ck_assert_int_eq(xen_p2m_check(NULL, NULL), -XEN_EFAULT);
	xen_p2m_set(mk_pfn(5), mk_mfn(keep ^ 1), false);
	ck_assert_int_eq(xen_p2m_check(NULL, &bad), -XEN_EFAULT);
	xen_p2m_set(mk_pfn(5), mk_mfn(1ULL << 51), false); /* where there is no M2P */
	ck_assert_int_eq(xen_p2m_check(NULL, &bad), -XEN_EFAULT);
	xen_p2m_set(mk_pfn(5), mk_mfn(keep), false);
	ck_assert_int_eq(xen_p2m_check(NULL, NULL), 0);
	stop();
}

/* A list that ends where its memory ends is read to its end. */
static void whole_list(void)
{
	uint64_t *list = malloc(3 * sizeof(*list));

	ck_assert_ptr_nonnull(list);
	model_start(&(struct model_params){.no_setup = true});
	memcpy(list, model_mfn_list(), 3 * sizeof(*list));
	ck_assert_int_eq(xen_p2m_init(list, 3), 0);
	ck_assert_uint_eq(to_mfn(2), list[2]);
	ck_assert_uint_eq(to_mfn(3), XEN_INVALID_FRAME);
	xen_p2m_fini();
	list[2] = 1ULL << 52;
	ck_assert_int_eq(xen_p2m_init(list, 3), -XEN_EINVAL);
	ck_assert_int_eq(xen_p2m_init(list, 2), 0);
	xen_p2m_fini();
	free(list);
	ck_assert(model_stop());
}

/* Each kind of entry at each place of ranges of each length. */
static void populated_ranges(void)
{
	static const uint64_t kinds[] = {1000, 1000 | XEN_P2M_FOREIGN, XEN_INVALID_FRAME};
	uint64_t list[12], *own, own_nr;

	model_start(NULL);
	own = xen_p2m.entry;
	own_nr = xen_p2m.nr;
	xen_p2m.entry = list;
	xen_p2m.nr = 12;
	for (unsigned int i = 0; i < 12; i++)
		list[i] = 2000 + i;
	for (uint64_t start = 0; start < 14; start++)
		for (uint64_t nr = 1; nr < 14; nr++)
			for (unsigned int i = 0; i < 12 * 3; i++) {
				bool hit = i / 3 >= start && i / 3 - start < nr;

				list[i / 3] = kinds[i % 3];
				unit_expect(xen_p2m_populated(mk_pfn(start), nr) ==
					    (start + nr <= 12 && !(hit && i % 3 == 2)));
				list[i / 3] = 2000;
			}
	/* Ours and another's, and then none. */
	list[1] |= XEN_P2M_FOREIGN;
	ck_assert(xen_p2m_populated(mk_pfn(0), 12));
	list[11] = XEN_INVALID_FRAME;
	ck_assert(!xen_p2m_populated(mk_pfn(0), 12));
	ck_assert(xen_p2m_populated(mk_pfn(0), 11));
	ck_assert(!xen_p2m_populated(mk_pfn(1), ~0ULL));
	ck_assert(!xen_p2m_populated(mk_pfn(~0ULL), 1));
	xen_p2m.entry = own;
	xen_p2m.nr = own_nr;
	stop();
}

/* Who does not want to know what is in the way is not told. */
static void conflicts_untold(void)
{
	model_start(NULL);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(1 << 20), 4, NULL), 0);
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn(1 << 20), 1, "RAM", NULL), -XEN_EEXIST);
	ck_assert_int_eq(xen_p2m_ram_add(mk_pfn(0), 1, "RAM", NULL), -XEN_EEXIST);
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(0), 1, NULL), -XEN_EEXIST);
	ck_assert_int_eq(xen_p2m_identity_remove(mk_pfn(1 << 20), 4), 0);
	stop();
}

static const struct unit_case cases[] = {
	{"P2M and M2P agree both ways", both_ways},
	{"a list with an entry that is no frame is refused", bad_list},
	{"every failure of init leaves nothing behind", init_failures},
	{"RAM wins over identity", ram_wins},
	{"identity is refused over ballooned RAM", ballooned_ram},
	{"identity inside, across and beyond the array", identity_places},
	{"overlapping identity ranges stay until the last goes", identity_overlaps},
	{"a foreign page translates but is not own RAM", foreign},
	{"entries out of range are refused", bad_sets},
	{"the check finds what does not agree", check_finds},
	{"a list is read to its end and not behind", whole_list},
	{"a range is populated when each of its pages is", populated_ranges},
	{"conflicts that nobody asks about are not told", conflicts_untold},
};

UNIT_MAIN("p2m", cases)
