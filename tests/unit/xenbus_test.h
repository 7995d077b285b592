/* SPDX-License-Identifier: MIT */
/* What the tests of the xenstore client share: a domU with its store, and the client connected. */
#ifndef XENDMA_TESTS_XENBUS_TEST_H
#define XENDMA_TESTS_XENBUS_TEST_H

#include <string.h>

#include <model/domain.h>
#include <model/xenstore.h>
#include <xen/atomic.h>
#include <xen/evtchn.h>
#include <xen/xenbus.h>

#include "guest.h"

#define HOME "/local/domain/1"
#define MS 1000000ULL
#define SECOND (1000 * MS)
#define REPLY_TIME (10 * SECOND) /* as xenbus.h says */

static struct model_xs_link store;
static struct model_allocs allocs_at_start;

/* A store with nothing but the domain's home, not connected. */
static inline void xs_prepare(unsigned int nr_cpus)
{
	const struct model_params params = {.domu = true, .nr_cpus = nr_cpus};

	model_start(&params);
	allocs_at_start = model_allocs();
	model_xs_start();
	store = model_xs_link();
	model_xs_write(HOME, "");
	model_xs_set_perms(HOME, "n1", NULL);
}

static inline void xs_begin_on(unsigned int nr_cpus)
{
	xs_prepare(nr_cpus);
	ck_assert_int_eq(xen_xs_init(store.page, store.port), 0);
}

static inline void xs_begin(void)
{
	xs_begin_on(1);
}

/* Nothing may be left, here or at xenstored. */
static inline void xs_finish(void)
{
	struct model_allocs now;

	xen_xs_fini();
	ck_assert_uint_eq(model_xs_watches(), 0);
	model_xs_stop();
	now = model_allocs();
	ck_assert_mem_eq(&now, &allocs_at_start, sizeof(now));
	ck_assert(model_stop());
}

static inline const char *xs_value(const char *path)
{
	static char value[XEN_XS_VALUE_MAX];
	int rc = xen_xs_read(XEN_XS_NONE, path, value, sizeof(value));

	ck_assert_msg(!rc, "%s: %d", path, rc);
	return value;
}

static inline int xs_error(const char *path)
{
	char value[XEN_XS_VALUE_MAX];

	return xen_xs_read(XEN_XS_NONE, path, value, sizeof(value));
}

#endif
