/* SPDX-License-Identifier: MIT */
/*
 * Serves xenstore and the PCI frontend. The frontend is made when the toolstack has made the
 * device's directory, and stays. Invariant: whoever is told of a device's coming is told of its
 * going before it goes.
 */
#include "front.h"

#include <xen/atomic.h>
#include <xen/grant.h>
#include <xen/xenbus.h>

#include "boot.h"
#include "cmdline.h"
#include "scenario.h"
#include "verdict.h"

#define NS_PER_MS 1000000ULL
#define LOOK_NS (3000 * NS_PER_MS) /* for a device, should its event be lost */
#define NAP_NS (100 * NS_PER_MS)
#define RECONNECT_NS (1000 * NS_PER_MS)

static struct {
	struct xen_pcifront *front;
	const struct guest_front_client *client;
	struct xen_xs_watch devices; /* "device/pci": is there one now? */
	uint32_t look;
	uint64_t next_look, next_reconnect;
	bool connected; /* xenstore */
} state;

static void device_added(struct xen_pcifront *front, struct xen_pci_dev *dev)
{
	if (state.client)
		state.client->added(dev);
}

static int device_removing(struct xen_pcifront *front, struct xen_pci_dev *dev, bool gone)
{
	return state.client ? state.client->removing(dev, gone) : 0;
}

static const struct xen_pcifront_ops ops = {
	.added = device_added,
	.removing = device_removing,
};

struct xen_pcifront *guest_front(void)
{
	return state.front;
}

void guest_front_set_client(const struct guest_front_client *client)
{
	state.client = client;
}

static void devices_changed(struct xen_xs_watch *watch)
{
	xen_store(&state.look, 1);
}

/* Is there a device? -XEN_ENOENT: not yet. */
static int look(void)
{
	uint64_t now = xen_port_clock_ns();
	int err = 0;

	if (!xen_load(&state.look) && now < state.next_look)
		return -XEN_ENOENT;
	xen_store(&state.look, 0);
	state.next_look = now + LOOK_NS;
	state.front = xen_pcifront_start(0, &ops, NULL, &err);
	return err;
}

void guest_front_serve(void)
{
	uint64_t now = xen_port_clock_ns();

	if (!state.connected)
		return;
	if (xen_xs_broken() && now >= state.next_reconnect) {
		int err = xen_xs_reconnect();

		if (err)
			boot_printf("xenstore: no new connection (%d)\n", err);
		state.next_reconnect = now + RECONNECT_NS;
	}
	xen_xs_dispatch();
	if (!state.front)
		look();
	if (state.front && xen_pcifront_pending(state.front, NULL))
		xen_pcifront_work(state.front);
}

struct awaited {
	bool (*done)(void *arg);
	void *arg;
};

static bool has_to_look(void *arg)
{
	const struct awaited *awaited = arg;

	return awaited->done(awaited->arg) || xen_xs_pending() ||
	       (state.front && xen_pcifront_pending(state.front, NULL));
}

bool guest_front_wait(bool (*done)(void *arg), void *arg, uint64_t timeout_ns)
{
	uint64_t start = xen_port_clock_ns(), now = start;
	struct awaited awaited = {done, arg};
	bool result;

	while (!(result = done(arg)) && now - start < timeout_ns) {
		uint64_t left = timeout_ns - (now - start);

		boot_wait(has_to_look, &awaited, left < NAP_NS ? left : NAP_NS);
		guest_front_serve();
		now = xen_port_clock_ns();
	}
	return result;
}

static bool has_settled(void *arg)
{
	return state.front && xen_pcifront_state(state.front) == XenbusStateConnected;
}

/* What the command line expects may still be on its way. */
static bool has_come(void *arg)
{
	return (options.edu == EXPECT_ANY ||
		count_devices(EDU_VENDOR, EDU_DEVICE) >= options.edu) &&
	       (options.nvme == EXPECT_ANY || count_nvme() >= options.nvme);
}

static bool connect_store(void)
{
	void *ring = boot_builder_page(boot_start_info->store_mfn);
	int err = ring ? xen_xs_init(ring, boot_start_info->store_evtchn) : -XEN_ENOENT;

	if (!err) {
		static const char path[] = "device/pci";

		state.connected = true;
		__builtin_memcpy(state.devices.path, path, sizeof(path));
		state.devices.changed = devices_changed;
		err = xen_xs_watch(&state.devices);
	}
	if (err)
		verdict_fail("xenstore", "no connection: error %d", err);
	return !err;
}

bool guest_front_start(void)
{
	int err = xen_grant_init(1);

	if (err) {
		verdict_fail("grants", "cannot be set up: error %d", err);
		return false;
	}
	if (!connect_store())
		return false;
	err = look();
	if (err == -XEN_ENOENT && has_come(NULL)) {
		boot_printf("pci: no device is attached\n");
		return true;
	}
	if (err == -XEN_ENOENT) {
		boot_printf("pci: waiting for devices\n");
		err = 0;
	}
	if (!err && guest_front_wait(has_settled, NULL, options.wait_ms * NS_PER_MS)) {
		guest_front_wait(has_come, NULL, options.wait_ms * NS_PER_MS);
		return true;
	}
	verdict_fail("pci", "the backend does not connect: error %d, state %s", err,
		     state.front ? xen_xenbus_state_name(xen_pcifront_state(state.front)) : "-");
	return false;
}

void guest_front_stop(void)
{
	if (state.front)
		xen_pcifront_stop(state.front);
	state.front = NULL;
	if (state.connected) {
		xen_xs_unwatch(&state.devices);
		xen_xs_fini();
	}
	state.connected = false;
	xen_grant_reap();
}
