/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the xenstore client share: a domU with its store, the client connected, and a
 * hand on xenstored's side of the ring.
 */
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

/* With reconnection on offer, and without. */
static uint32_t features;

static inline void over_both(void (*test)(void))
{
	static const uint32_t both[] = {
		XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR, 0};

	for (unsigned int i = 0; i < 2; i++) {
		features = both[i];
		xs_begin();
		model_xs_features(features);
		test();
		xs_finish();
	}
}

/* It works, and so do new watches. */
static inline void expect_health(void)
{
	struct xen_xs_watch watch = {.path = "health"};

	ck_assert(!xen_xs_broken());
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "health", "good"), 0);
	ck_assert_str_eq(xs_value("health"), "good");
	ck_assert_int_eq(xen_xs_watch(&watch), 0);
	ck_assert(xen_xs_pending());
	xen_xs_unwatch(&watch);
}

static inline void expect_broken(void)
{
	struct xen_xs_watch watch = {.path = "health"};
	uint64_t now = xen_port_clock_ns();
	xen_xs_tx_t tx;

	ck_assert(xen_xs_broken());
	ck_assert_int_eq(xs_error("health"), -XEN_EIO);
	ck_assert_int_eq(xen_xs_write(XEN_XS_NONE, "health", "bad"), -XEN_EIO);
	ck_assert_int_eq(xen_xs_rm(XEN_XS_NONE, "health"), -XEN_EIO);
	ck_assert_int_eq(xen_xs_list(XEN_XS_NONE, "health", NULL, NULL), -XEN_EIO);
	ck_assert_int_eq(xen_xs_begin(&tx), -XEN_EIO);
	ck_assert_int_eq(xen_xs_watch(&watch), -XEN_EIO);
	ck_assert_int_eq(xen_xenbus_read_state("health"), XenbusStateUnknown);
	ck_assert_uint_eq(xen_xs_dispatch(), 0);
	ck_assert_uint_eq(xen_port_clock_ns(), now); /* and nobody waited */
}

/* xenstored's side of the ring by hand, while the model's holds still. */
static inline void say(const void *bytes, size_t len)
{
	struct xenstore_domain_interface *ring = store.page;
	uint32_t prod = ring->rsp_prod;

	for (size_t i = 0; i < len; i++)
		ring->rsp[MASK_XENSTORE_IDX(prod++)] = ((const char *)bytes)[i];
	ring->rsp_prod = prod;
}

static inline void say_message(uint32_t type, uint32_t req_id, uint32_t tx, const char *payload,
			       uint32_t len)
{
	const struct xsd_sockmsg header = {type, req_id, tx, len};

	say(&header, sizeof(header));
	if (len <= XENSTORE_RING_SIZE)
		say(payload, len);
}

/* The request that stands in the ring. */
static inline struct xsd_sockmsg asked(void)
{
	const struct xenstore_domain_interface *ring = store.page;
	struct xsd_sockmsg header;
	uint32_t cons = ring->req_cons;

	for (size_t i = 0; i < sizeof(header); i++)
		((char *)&header)[i] = ring->req[MASK_XENSTORE_IDX(cons++)];
	return header;
}

static void (*misdeed)(void);

/* Once, while a reply is waited for. */
static inline void step(void *arg)
{
	void (*now)(void) = misdeed;

	misdeed = NULL;
	if (now)
		now();
}

/* The next wait is for a xenstored that says nothing but what @what does, once. */
static inline void meanwhile(void (*what)(void))
{
	misdeed = what;
	model_on_wait(what ? step : NULL, NULL);
}

/* Does the port rest, with Xen? */
static inline bool is_masked(void)
{
	return model_shared_info()->evtchn_mask[store.port / 64] >> store.port % 64 & 1;
}

static unsigned int fired[3];
static struct xen_xs_watch watched[3];

static inline void fire(struct xen_xs_watch *which)
{
	++fired[which - watched];
}

static inline void watch_all(unsigned int nr)
{
	memset(fired, 0, sizeof(fired));
	for (unsigned int i = 0; i < nr; i++) {
		watched[i] = (struct xen_xs_watch){.changed = fire};
		watched[i].path[0] = (char)('a' + i);
		ck_assert_int_eq(xen_xs_watch(&watched[i]), 0);
	}
	ck_assert_uint_eq(xen_xs_dispatch(), nr);
}

#endif
