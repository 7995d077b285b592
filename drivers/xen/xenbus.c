/* SPDX-License-Identifier: MIT */
/*
 * Device states in xenstore. No state of its own.
 */
#include "xs-internal.h"

static const char *const names[] = {
	[XenbusStateUnknown] = "Unknown",
	[XenbusStateInitialising] = "Initialising",
	[XenbusStateInitWait] = "InitWait",
	[XenbusStateInitialised] = "Initialised",
	[XenbusStateConnected] = "Connected",
	[XenbusStateClosing] = "Closing",
	[XenbusStateClosed] = "Closed",
	[XenbusStateReconfiguring] = "Reconfiguring",
	[XenbusStateReconfigured] = "Reconfigured",
};
#define NR_STATES (sizeof(names) / sizeof(names[0]))

const char *xen_xenbus_state_name(enum xenbus_state state)
{
	return (size_t)state < NR_STATES ? names[state] : "no state";
}

/* @path's node "state". */
static int state_node(const char *path, char node[XEN_XS_PATH_MAX])
{
	static const char suffix[] = "/state";
	size_t n = xen_xs_length(path, XEN_XS_PATH_MAX);

	if (n + sizeof(suffix) > XEN_XS_PATH_MAX)
		return -XEN_E2BIG;
	__builtin_memcpy(node, path, n);
	__builtin_memcpy(node + n, suffix, sizeof(suffix));
	return 0;
}

enum xenbus_state xen_xenbus_read_state(const char *path)
{
	char node[XEN_XS_PATH_MAX];
	uint64_t state;

	if (state_node(path, node) || xen_xs_read_uint(XEN_XS_NONE, node, NR_STATES - 1, &state))
		return XenbusStateUnknown;
	return (enum xenbus_state)state;
}

struct change {
	char node[XEN_XS_PATH_MAX];
	char value[2];
};

/* Only where there is one: a transaction, for the toolstack may be removing the device. */
static int write_existing(xen_xs_tx_t tx, void *arg)
{
	const struct change *change = arg;
	char value[XEN_XS_VALUE_MAX];
	int rc = xen_xs_read(tx, change->node, value, sizeof(value));

	if (rc && rc != -XEN_EINVAL && rc != -XEN_E2BIG) /* whatever is there is replaced */
		return rc;
	return xen_xs_write(tx, change->node, change->value);
}

int xen_xenbus_write_state(const char *path, enum xenbus_state state)
{
	struct change change;
	int rc;

	if ((size_t)state >= NR_STATES)
		return -XEN_EINVAL;
	rc = state_node(path, change.node);
	if (rc)
		return rc;
	change.value[0] = (char)('0' + state);
	change.value[1] = 0;
	return xen_xs_transaction(write_existing, &change);
}
