/* SPDX-License-Identifier: MIT */
/*
 * Scenario xenstore: the client against the daemon of the host: values, directories, transactions
 * that conflict, watches, quotas, a connection that is begun anew, and requests for a while, during
 * which the host may do to its daemon what it likes.
 */
#include "scenario.h"

#include <xen/xenbus.h>

#include "boot.h"
#include "text.h"
#include "verdict.h"

#define NS_PER_MS 1000000ULL
#define NR_CHILDREN 40
#define MAX_WATCHES 200

static unsigned int fired;

static void count(struct xen_xs_watch *watch)
{
	fired++;
}

static bool is_pending(void *arg)
{
	return xen_xs_pending() || xen_xs_broken();
}

/* What comes within @ms. */
static unsigned int dispatch_within(uint64_t ms)
{
	xen_port_wait(is_pending, NULL, xen_port_clock_ns() + ms * NS_PER_MS);
	return xen_xs_dispatch();
}

static void values(void)
{
	static char long_value[3000], back[2100];
	char value[XEN_XS_VALUE_MAX];
	int err;

	check(!xen_xs_write(XEN_XS_NONE, "data/t/a", "value"), "a value cannot be written");
	err = xen_xs_read(XEN_XS_NONE, "data/t/a", value, sizeof(value));
	check(!err && text_is(value, 5, "value"), "what was written is not read: %d", err);
	check(xen_xs_read(XEN_XS_NONE, "data/t/b", value, sizeof(value)) == -XEN_ENOENT,
	      "a node that is not there");
	check(xen_xs_read(XEN_XS_NONE, "/tool/none", value, sizeof(value)) < 0, "a node of others");
	check(xen_xs_write(XEN_XS_NONE, "/local/domain/0/x", "") == -XEN_EACCES,
	      "a node of dom0 is written");
	/* More than a ring, and then more than the quota. */
	__builtin_memset(long_value, 'v', sizeof(long_value) - 1);
	long_value[2000] = 0;
	check(!xen_xs_write(XEN_XS_NONE, "data/t/long", long_value), "2000 bytes");
	err = xen_xs_read(XEN_XS_NONE, "data/t/long", back, sizeof(back));
	check(!err && !__builtin_memcmp(back, long_value, 2001), "2000 bytes come back: %d", err);
	long_value[2000] = 'v';
	check(xen_xs_write(XEN_XS_NONE, "data/t/long", long_value) == -XEN_ENOSPC, "the quota");
	check(!xen_xs_rm(XEN_XS_NONE, "data/t/long"), "a node cannot be removed");
}

static bool count_name(const char *name, void *arg)
{
	++*(unsigned int *)arg;
	return true;
}

static void directories(void)
{
	char path[] = "data/t/dir/00";
	unsigned int i, nr = 0;

	for (i = 0; i < NR_CHILDREN; i++) {
		path[11] = (char)('0' + i / 10);
		path[12] = (char)('0' + i % 10);
		check(!xen_xs_write(XEN_XS_NONE, path, ""), "%s", path);
	}
	check(!xen_xs_list(XEN_XS_NONE, "data/t/dir", count_name, &nr) && nr == NR_CHILDREN,
	      "%u of %u names", nr, NR_CHILDREN);
	check(!xen_xs_rm(XEN_XS_NONE, "data/t/dir"), "a directory cannot be removed");
}

static int disturb(xen_xs_tx_t tx, void *arg)
{
	unsigned int *rounds = arg;
	char value[XEN_XS_VALUE_MAX];
	int err = xen_xs_read(tx, "data/t/a", value, sizeof(value));

	if (err)
		return err;
	if (++*rounds < 3) /* somebody is faster, twice */
		check(!xen_xs_write(XEN_XS_NONE, "data/t/a", "faster"), "outside it");
	return xen_xs_write(tx, "data/t/a", "slower");
}

static void transactions(void)
{
	char value[XEN_XS_VALUE_MAX] = "";
	unsigned int rounds_run = 0, i;
	xen_xs_tx_t tx[10], one_more;
	int err = xen_xs_transaction(disturb, &rounds_run);

	check(!err && rounds_run == 3, "a transaction took %u rounds: %d", rounds_run, err);
	xen_xs_read(XEN_XS_NONE, "data/t/a", value, sizeof(value));
	check(text_is(value, 6, "slower"), "\"%s\" after it", value);
	for (i = 0; i < 10; i++)
		check(!xen_xs_begin(&tx[i]), "transaction %u", i);
	check(xen_xs_begin(&one_more) == -XEN_ENOSPC, "one transaction too many");
	for (i = 0; i < 10; i++)
		check(!xen_xs_end(tx[i], true), "transaction %u does not end", i);
}

static struct xen_xs_watch watch[MAX_WATCHES];

static int set(unsigned int i, const char *path)
{
	__builtin_memset(&watch[i], 0, sizeof(watch[i]));
	boot_snprintf(watch[i].path, sizeof(watch[i].path), "%s", path);
	watch[i].changed = count;
	return xen_xs_watch(&watch[i]);
}

static void watches(void)
{
	unsigned int i, nr = 0;
	int err = 0;

	check(!set(0, "data/t/w"), "a watch cannot be set");
	check(dispatch_within(1000) >= 1, "it does not fire at once");
	while (dispatch_within(100))
		;
	fired = 0;
	for (i = 0; i < 50; i++)
		check(!xen_xs_write(XEN_XS_NONE, "data/t/w/below", "x"), "write %u", i);
	check(dispatch_within(1000) == 1 && fired == 1, "50 events are %u calls", fired);
	while (dispatch_within(100))
		;
	/* One that works is begun anew; others of the guest fire as well. */
	fired = 0;
	err = xen_xs_reconnect();
	check(!err, "reconnecting: %d", err);
	dispatch_within(1000);
	check(fired == 1, "a watch set again does not fire");
	while (dispatch_within(100))
		;
	err = xen_xs_write(XEN_XS_NONE, "data/t/w", "x");
	check(!err && dispatch_within(1000), "what a watch set again is for: %d", err);
	xen_xs_unwatch(&watch[0]);
	for (nr = 0; nr < MAX_WATCHES && !err; nr++)
		err = set(nr, "data/t/w");
	check(err == -XEN_E2BIG, "%u watches: %d", nr, err);
	note("%u watches, then error %d", nr - 1, err);
	for (i = 0; i + 1 < nr; i++)
		xen_xs_unwatch(&watch[i]);
	while (dispatch_within(100))
		;
}

/* The slowest answer is told. */
static void requests_for(uint64_t ms)
{
	uint64_t begun = xen_port_clock_ns(), end = begun + ms * NS_PER_MS, now = begun;
	uint64_t nr = 0, slowest = 0;
	unsigned int reconnects = 0;
	char value[XEN_XS_VALUE_MAX];
	int err;

	while (now < end) {
		uint64_t last = now;

		err = xen_xs_read(XEN_XS_NONE, "data/t/a", value, sizeof(value));
		now = xen_port_clock_ns();
		slowest = now - last > slowest ? now - last : slowest;
		if (err && !check(xen_xs_broken(), "request %lu: %d", nr, err))
			break;
		if (err && !xen_xs_reconnect())
			reconnects++;
		nr++;
	}
	note("%lu requests, %lu us each, the slowest %lu us, %u reconnections", nr,
	     (now - begun) / (nr ? nr : 1) / 1000, slowest / 1000, reconnects);
}

void scenario_xenstore(void)
{
	values();
	directories();
	transactions();
	watches();
	requests_for(rounds(2) * 1000);
	check(!xen_xs_broken(), "the connection is broken");
	check(!xen_xs_rm(XEN_XS_NONE, "data/t"), "what was made cannot be removed");
}
