/* SPDX-License-Identifier: MIT */
/* Balloon: pages out and in, queries, and every failure on the way. */
#include <pthread.h>
#include <string.h>

#include <model/domain.h>
#include <xen/atomic.h>
#include <xen/hypercall.h>

#include "balloon_test.h"

static void out_and_in(void)
{
	static const uint64_t sizes[] = {0, 1, 63, 64, 65, 1000};
	uint64_t done, free_pages, frames;
	unsigned int i;

	start();
	free_pages = model_allocs().free_pages;
	frames = model_free_frames(52);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_assert_int_eq(xen_balloon_inflate(sizes[i], &done), 0);
		ck_assert_uint_eq(done, sizes[i]);
		check(sizes[i]);
		ck_assert_uint_eq(model_free_frames(52), frames + sizes[i]);
		ck_assert_int_eq(xen_balloon_deflate(sizes[i], &done), 0);
		ck_assert_uint_eq(done, sizes[i]);
		check(0);
		ck_assert_uint_eq(model_free_frames(52), frames);
		ck_assert_uint_eq(model_allocs().free_pages, free_pages);
	}
	ck_assert_int_eq(xen_balloon_deflate(1, &done), -XEN_ENOENT);
	ck_assert_uint_eq(done, 0);
	stop();
}

static void lowest_first(void)
{
	struct xen_range piece;
	uint64_t first;

	start();
	ck_assert_int_eq(xen_balloon_inflate(200, NULL), 0);
	ck_assert(xen_balloon_query(mk_pfn(0), ~0ULL, &piece));
	first = piece.start;
	ck_assert_int_eq(xen_balloon_deflate(10, NULL), 0);
	check(190);
	ck_assert(xen_balloon_query(mk_pfn(0), ~0ULL, &piece));
	ck_assert_uint_eq(piece.start, first + 10);
	ck_assert(!xen_balloon_query(mk_pfn(first), 10, NULL));
	ck_assert(xen_balloon_query(mk_pfn(first), 11, NULL));
	ck_assert(!xen_balloon_query(mk_pfn(first + 10), 0, NULL));
	ck_assert_int_eq(xen_balloon_deflate(70, NULL), 0); /* more than a batch, and no more */
	check(120);
	ck_assert_int_eq(xen_balloon_deflate(500, NULL), -XEN_ENOENT); /* all there is */
	check(0);
	stop();
}

/* A device's range may not be put where a page of the balloon will come back. */
static void identity_refused(void)
{
	struct xen_range piece, conflict;

	start();
	ck_assert_int_eq(xen_balloon_inflate(3, NULL), 0);
	ck_assert(xen_balloon_query(mk_pfn(0), ~0ULL, &piece));
	ck_assert_int_eq(xen_p2m_identity_add(mk_pfn(piece.start), 1, &conflict), -XEN_EEXIST);
	ck_assert_uint_eq(xen_pfn_to_mfn(mk_pfn(piece.start)).frame, XEN_INVALID_FRAME);
	ck_assert_int_eq(xen_balloon_deflate(3, NULL), 0);
	stop();
}

static void xen_is_short(void)
{
	uint64_t done;

	start();
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(NR), 100), 0);
	model_reserve_below(52);
	ck_assert_int_eq(xen_balloon_deflate(10, &done), -XEN_ENOMEM);
	ck_assert_uint_eq(done, 0);
	check(100);
	ck_assert_int_eq(xen_balloon_inflate(7, &done), 0);
	ck_assert_int_eq(xen_balloon_deflate(30, &done), -XEN_ENOMEM);
	ck_assert_uint_eq(done, 7);
	check(100);
	model_reserve_below(0);
	ck_assert_int_eq(xen_balloon_deflate(100, &done), 0);
	check(0);
	stop();
}

static void port_is_short(void)
{
	uint64_t done, all;
	unsigned int nth;

	start();
	for (nth = 1; nth <= 70; nth += 23) {
		model_fail(MODEL_ALLOC_PAGES, nth, 0);
		ck_assert_int_eq(xen_balloon_inflate(70, &done), -XEN_ENOMEM);
		ck_assert_uint_eq(done, nth - 1);
		check(nth - 1);
		ck_assert_int_eq(xen_balloon_deflate(nth - 1, &done), 0);
	}
	all = model_allocs().free_pages;
	ck_assert_int_eq(xen_balloon_inflate(~0ULL, &done), -XEN_ENOMEM);
	ck_assert_uint_eq(done, all);
	check(all);
	ck_assert_int_eq(xen_balloon_deflate(all, &done), 0);
	check(0);
	stop();
}

/* What a kind of call says when it fails. */
static const struct {
	enum model_call kind;
	int err, seen;
} failures[] = {
	{MODEL_MEMORY_OP, -XEN_EPERM, -XEN_EPERM},
	{MODEL_UPDATE_VA_MAPPING, -XEN_EBUSY, -XEN_EBUSY},
	{MODEL_MULTICALL, -XEN_EPERM, -XEN_EPERM},
	{MODEL_ALLOC, 0, -XEN_ENOMEM},
};

/* One call of each kind fails, at each place: what went is what is said, the rest is as it was. */
static void failing_inflation(void)
{
	unsigned int i, nth, failed = 0;
	uint64_t all, done;

	start();
	all = model_allocs().free_pages;
	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		for (nth = 1; nth <= 80; nth++) {
			int err;

			xen_balloon_fini(); /* without the nodes of earlier rounds */
			model_fail(failures[i].kind, nth, failures[i].err);
			err = xen_balloon_inflate(70, &done);
			model_fail(failures[i].kind, 0, 0);
			unit_expect(err ? err == failures[i].seen && done < 70 : done == 70);
			check(done);
			unit_expect(model_allocs().pages == done);
			unit_expect(!xen_balloon_deflate(done, NULL));
			check(0);
			unit_expect(model_allocs().free_pages == all);
			failed += err != 0;
		}
	ck_assert_uint_gt(failed, 70); /* at least each mapping of a page */
	stop();
}

static void failing_deflation(void)
{
	unsigned int i, nth, failed = 0;
	uint64_t all, done;

	start();
	all = model_allocs().free_pages;
	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		for (nth = 1; nth <= 80; nth++) {
			int err;

			unit_expect(!xen_balloon_inflate(70, NULL));
			model_fail(failures[i].kind, nth, failures[i].err);
			err = xen_balloon_deflate(70, &done);
			model_fail(failures[i].kind, 0, 0);
			/* It takes no memory of the port's. */
			unit_expect(!err || failures[i].kind != MODEL_ALLOC);
			unit_expect(err ? err == failures[i].seen && done < 70 : done == 70);
			check(70 - done);
			unit_expect(model_allocs().pages == 70 - done);
			unit_expect(!xen_balloon_deflate(70 - done, NULL));
			check(0);
			unit_expect(model_allocs().free_pages == all);
			failed += err != 0;
		}
	ck_assert_uint_gt(failed, 70);
	stop();
}

static bool looking;

static void *look(void *arg)
{
	uint64_t *wrong = arg;
	struct xen_range piece;

	/* These are the balloon's all the time. */
	while (xen_load_acquire(&looking))
		if (!xen_balloon_query(mk_pfn(MAX - 1), 1, &piece) || piece.end != MAX)
			++*wrong;
	return NULL;
}

static void queries_beside(void)
{
	uint64_t wrong = 0;
	pthread_t thread;
	int i;

	start();
	ck_assert_int_eq(xen_balloon_add_spare(mk_pfn(MAX - 10), 10), 0);
	xen_store_release(&looking, true);
	ck_assert_int_eq(pthread_create(&thread, NULL, look, &wrong), 0);
	for (i = 0; i < 100; i++) {
		unit_expect(!xen_balloon_inflate(50, NULL));
		unit_expect(!xen_balloon_deflate(50, NULL));
	}
	xen_store_release(&looking, false);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_int_eq(xen_balloon_deflate(10, NULL), 0);
	stop();
}

static void inflate_70(void *arg)
{
	xen_balloon_inflate(70, NULL);
}

/* Xen neither gives up a page nor maps it back. */
static void not_undone(void)
{
	start();
	model_fail(MODEL_MEMORY_OP, 1, -XEN_EPERM);
	model_fail_then(MODEL_MULTICALL, 1, -XEN_EPERM);
	ck_assert(model_expect_panic(inflate_70, NULL));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "does not undo"));
}

/* The batch of pages is cut where the set has no room for one more, and that is said. */
static void set_is_full(void)
{
	uint64_t done;

	start();
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_balloon_inflate(5, &done), -XEN_ENOMEM);
	ck_assert_uint_eq(done, 0);
	check(0);
	stop();
}

/* What was populated and cannot be mapped goes back to Xen; Xen does not take it. */
static void deflate_3(void *arg)
{
	xen_balloon_deflate(3, NULL);
}

static void not_taken_back(void)
{
	start();
	ck_assert_int_eq(xen_balloon_inflate(3, NULL), 0);
	model_fail(MODEL_MULTICALL, 1, -XEN_EPERM);
	model_fail_then(MODEL_MEMORY_OP, 1, -XEN_EPERM);
	ck_assert(model_expect_panic(deflate_3, NULL));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "does not take"));
}

static xen_pfn_t given[128];
static unsigned int nr_given;

static void note_given(struct model_lie_call *call)
{
	const struct xen_memory_reservation *arg = call->arg;

	if (call->kind != MODEL_MEMORY_OP || call->cmd != XENMEM_decrease_reservation || call->done)
		return;
	for (unsigned long i = 0; i < arg->nr_extents; i++)
		given[nr_given++] = arg->extent_start.p[i];
}

/* The frames as the domain sees them that gets them next. */
static void nothing_is_told(void)
{
	static const uint8_t zeroes[XEN_PAGE_SIZE];

	start();
	model_lie(note_given);
	ck_assert_int_eq(xen_balloon_inflate(100, NULL), 0);
	model_lie(NULL);
	ck_assert_uint_eq(nr_given, 100);
	for (unsigned int i = 0; i < nr_given; i++)
		unit_expect(!memcmp(model_frame(mk_mfn(given[i])), zeroes, sizeof(zeroes)));
	ck_assert_int_eq(xen_balloon_deflate(100, NULL), 0);
	stop();
}

static const struct unit_case cases[] = {
	{"pages go out and come back", out_and_in},
	{"what goes out holds nothing of ours", nothing_is_told},
	{"the lowest pages come back first", lowest_first},
	{"identity is refused over the balloon's pages", identity_refused},
	{"no more comes back than Xen has", xen_is_short},
	{"no more goes out than the port has", port_is_short},
	{"every failing call on the way out leaves the rest as it was", failing_inflation},
	{"every failing call on the way in leaves the rest as it was", failing_deflation},
	{"queries beside changes miss nothing", queries_beside},
	{"what cannot be undone is the end", not_undone},
	{"a set without room for a page is no success", set_is_full},
	{"a frame that Xen does not take back is the end", not_taken_back},
};

UNIT_MAIN("balloon", cases)
