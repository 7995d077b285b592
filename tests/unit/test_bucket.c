/* SPDX-License-Identifier: MIT */
/* Token buckets: how many at once, how many over time, and never more than it holds. */
#include <model/model.h>
#include <xen/bucket.h>
#include <xen/port.h>

#include "unit.h"

#define INTERVAL 1000ULL

static unsigned int take_all(struct xen_bucket *bucket)
{
	unsigned int nr = 0;

	while (nr < 1000 && xen_bucket_take(bucket))
		nr++;
	return nr;
}

static void bursts(void)
{
	struct xen_bucket bucket;

	model_start(NULL);
	xen_bucket_init(&bucket, 5, INTERVAL);
	ck_assert_uint_eq(take_all(&bucket), 5);
	model_clock_advance(INTERVAL - 1);
	ck_assert_uint_eq(take_all(&bucket), 0);
	model_clock_advance(1);
	ck_assert_uint_eq(take_all(&bucket), 1);
	model_clock_advance(3 * INTERVAL);
	ck_assert_uint_eq(take_all(&bucket), 3);
	model_clock_advance(1000000 * INTERVAL);
	ck_assert_uint_eq(take_all(&bucket), 5);
	ck_assert(model_stop());
}

/* Asking in between loses no part of an interval, and being full collects none. */
static void fractions(void)
{
	struct xen_bucket bucket;
	unsigned int nr = 0;

	model_start(NULL);
	xen_bucket_init(&bucket, 2, INTERVAL);
	ck_assert_uint_eq(take_all(&bucket), 2);
	for (unsigned int i = 0; i < 100; i++) {
		model_clock_advance(INTERVAL / 10);
		nr += xen_bucket_take(&bucket);
	}
	ck_assert_uint_eq(nr, 10);
	model_clock_advance(2 * INTERVAL + INTERVAL / 2);
	ck_assert(xen_bucket_take(&bucket)); /* it was full: the half is lost */
	model_clock_advance(INTERVAL / 2);
	ck_assert(xen_bucket_take(&bucket));
	ck_assert(!xen_bucket_take(&bucket));
	ck_assert(model_stop());
}

/* Another CPU that looked at the clock a little later has taken the last one. */
static void later_elsewhere(void)
{
	struct xen_bucket bucket;

	model_start(NULL);
	xen_bucket_init(&bucket, 5, INTERVAL);
	ck_assert_uint_eq(take_all(&bucket), 5);
	bucket.since = xen_port_clock_ns() + 1;
	ck_assert_uint_eq(take_all(&bucket), 0);
	model_clock_advance(INTERVAL);
	ck_assert_uint_eq(take_all(&bucket), 0);
	model_clock_advance(1);
	ck_assert_uint_eq(take_all(&bucket), 1);
	ck_assert(model_stop());
}

static void no_limit(void)
{
	ck_assert_uint_eq(take_all(NULL), 1000);
}

static const struct unit_case cases[] = {
	{"as many as it holds, then one an interval", bursts},
	{"no interval is lost, and none collected beyond full", fractions},
	{"no bucket is no limit", no_limit},
	{"a clock that is later elsewhere fills nothing", later_elsewhere},
};

UNIT_MAIN("bucket", cases)
