/* SPDX-License-Identifier: MIT */
/*
 * The xenstore client from connecting to the end. A notification that fails is a request that
 * nobody sees: it costs the deadline and the connection. After any failure a reconnection finds
 * everything in order, and the store has what was confirmed.
 */
#include <model/domain.h>
#include <model/xenstore.h>
#include <xen/xenbus.h>

#include "faults.h"

static const struct model_params small = {.domu = true, .nr_pages = 256};
static struct xen_xs_watch watch[2];
static bool connected;
static unsigned int calls, visits;

static void prepare(void)
{
	model_xs_start();
	model_xs_write("/local/domain/1/device/pci/0/state", "1");
	model_xs_set_perms("/local/domain/1/device/pci/0", "n1", NULL);
	model_xs_set_perms("/local/domain/1/device/pci/0/state", "n1", NULL);
}

static void prepare_old(void)
{
	prepare();
	model_xs_features(0);
}

static void finish(void)
{
	model_xs_stop();
	model_domain_destroy(0);
}

/* What xenbus.h says of all functions, and of @function (NULL: no more). */
static int served(const char *function, int rc)
{
	if (rc == -XEN_EIO || rc == -XEN_ETIMEDOUT) {
		require(model_failures().nr && xen_xs_broken());
		return rc;
	}
	require(!rc || function);
	return returned(function, rc);
}

static void changed(struct xen_xs_watch *which)
{
	require(which == &watch[0] || which == &watch[1]);
	calls++;
}

static bool visit(const char *name, void *arg)
{
	require(!strcmp(name, "state") || !strcmp(name, "magic"));
	visits++;
	return true;
}

static int body(xen_xs_tx_t tx, void *arg)
{
	int rc = served(NULL, xen_xs_write(tx, "device/pci/0/magic", "7"));

	return rc ? rc : served(NULL, xen_xs_write(tx, "device/pci/0/state", "3"));
}

static int set_watches(void)
{
	int rc = 0;

	for (int i = 0; i < 2 && !rc; i++) {
		watch[i] = (struct xen_xs_watch){.changed = changed};
		strcpy(watch[i].path, i ? "device/pci/0/state" : "device");
		rc = served("xen_xs_watch", xen_xs_watch(&watch[i]));
	}
	return rc;
}

static int publish(void)
{
	uint64_t state;
	char value[8];
	int rc = served("xen_xs_transaction", xen_xs_transaction(body, NULL));

	if (rc)
		return rc;
	require(!strcmp(model_xs_read("/local/domain/1/device/pci/0/magic"), "7"));
	rc = served("xen_xs_read_uint",
		    xen_xs_read_uint(XEN_XS_NONE, "device/pci/0/state", 8, &state));
	if (rc)
		return rc;
	require(state == XenbusStateInitialised);
	rc = served("xen_xs_read",
		    xen_xs_read(XEN_XS_NONE, "device/pci/0/magic", value, sizeof(value)));
	if (rc)
		return rc;
	require(!strcmp(value, "7"));
	rc = served("xen_xs_list", xen_xs_list(XEN_XS_NONE, "device/pci/0", visit, NULL));
	require(visits == (rc ? 0 : 2));
	return rc;
}

static void use(void)
{
	calls = visits = 0;
	connected =
		!returned("xen_xs_init", xen_xs_init(model_xs_link().page, model_xs_link().port));
	if (!connected || set_watches() || publish())
		return;
	xen_xs_dispatch();
	require(calls == 2);
	model_xs_write("/local/domain/1/device/pci/0/state", "4");
	require(xen_xs_pending() && xen_xs_dispatch() == 2);
	if (served("xen_xenbus_write_state",
		   xen_xenbus_write_state("device/pci/0", XenbusStateClosing)))
		return;
	require(!strcmp(model_xs_read("/local/domain/1/device/pci/0/state"), "5"));
	xen_xs_unwatch(&watch[1]);
	if (!served(NULL, xen_xs_reconnect()))
		require(!xen_xs_broken() && model_xs_watches() == 1);
}

static void undo(void)
{
	if (connected) {
		require(!xen_xs_reconnect());
		require(!xen_xs_broken() && !model_xs_transactions());
		require(xen_xs_dispatch() <= 2);
		require(!xen_xs_write(XEN_XS_NONE, "device/pci/0/state", "1"));
		require(!xen_xs_rm(XEN_XS_NONE, "device/pci/0/magic"));
		xen_xs_fini();
	}
	require(!model_xs_watches());
}

const struct scenario xenstore_scenarios[] = {
	{SCENARIO("xenstore", &small, prepare, use, undo, finish)},
	{SCENARIO("xenstore-old", &small, prepare_old, use, undo, finish)},
	{0},
};
