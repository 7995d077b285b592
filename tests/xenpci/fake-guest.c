/* SPDX-License-Identifier: MIT */
/*
 * pciback in dom0 and pcifront in each guest, as far as xenstore shows them: the states, the
 * exported functions, and the order in which one waits for the other.
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"
#include "xenpci/domain/backend.h"

#define CAP_MSI 0x05
#define CAP_MSIX 0x11

static const char *back(uint32_t domain, const char *key)
{
	static char path[128];

	snprintf(path, sizeof(path), "/local/domain/0/backend/pci/%u/0/%s", domain, key);
	return path;
}

static const char *front(uint32_t domain, const char *key)
{
	static char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u/device/pci/0/%s", domain, key);
	return path;
}

static int number(const char *path)
{
	const char *value = world_node(path);

	return value ? atoi(value) : 0;
}

static void put_number(const char *path, int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	world_put_node(path, text);
}

/* Of a backend; at most as many as there can be. */
static int functions(uint32_t domain)
{
	int count = number(back(domain, "num_devs"));

	return count > BACKEND_MAX ? BACKEND_MAX : count;
}

static const char *numbered(const char *name, int i)
{
	static char key[32];

	snprintf(key, sizeof(key), "%s-%d", name, i);
	return key;
}

void world_add_messages(struct world_device *device)
{
	device->config[0x06] = 0x10; /* there are capabilities */
	device->config[0x34] = WORLD_MSI;
	device->config[WORLD_MSI] = CAP_MSI;
	device->config[WORLD_MSI + 1] = WORLD_MSIX;
	device->config[WORLD_MSIX] = CAP_MSIX;
}

bool world_shows_message(const struct world_device *device)
{
	return (device->exported || device->msi_stays) && device->config[WORLD_MSI] == CAP_MSI;
}

/* Its driver in the guest makes it a bus master and turns its messages on; a reset ends both. */
static void drive(struct world_device *device, bool on)
{
	device->config[0x04] = on ? 0x04 : 0;
	if (device->config[WORLD_MSI] != CAP_MSI)
		return;
	device->config[WORLD_MSI + 2] = on ? 0x01 : 0;
	device->config[WORLD_MSIX + 3] = on ? 0x80 : 0;
}

/* False if pciback does not have the device, or a guest has it already. */
static bool export_function(uint32_t domain, int i)
{
	const char *bdf = world_node(back(domain, numbered("dev", i)));
	struct world_device *device = bdf ? world_device(bdf) : NULL;
	char vdev[32];

	if (!device || strcmp(device->driver, "pciback") != 0 || device->exported)
		return false;
	device->exported = true;
	device->user = domain;
	drive(device, true);
	snprintf(vdev, sizeof(vdev), "0000:00:%02x.00", i);
	world_put_node(back(domain, numbered("vdev", i)), vdev);
	put_number(back(domain, numbered("state", i)), XenbusStateInitialised);
	return true;
}

static bool release_function(uint32_t domain, int i)
{
	const char *bdf = world_node(back(domain, numbered("dev", i)));
	struct world_device *device = bdf ? world_device(bdf) : NULL;

	if (!device || !device->exported)
		return false;
	device->exported = false;
	drive(device, false);
	return true;
}

static void set_up(uint32_t domain)
{
	int i, count = functions(domain);

	for (i = 0; i < count; i++)
		if (!export_function(domain, i)) {
			put_number(back(domain, "state"), XenbusStateClosing);
			return;
		}
	put_number(back(domain, "state"), XenbusStateInitialised);
}

/* A function that cannot be exported or released leaves the backend where it is, as in Linux. */
static bool reconfigure(uint32_t domain)
{
	int i, state, count = functions(domain);

	for (i = 0; i < count; i++) {
		state = number(back(domain, numbered("state", i)));
		if (state == XenbusStateInitialising && !export_function(domain, i))
			return false;
		if (state == XenbusStateClosing && !release_function(domain, i))
			return false;
	}
	put_number(back(domain, "state"), XenbusStateReconfigured);
	return true;
}

static bool pciback_acts(uint32_t domain)
{
	int be = number(back(domain, "state")), fe = number(front(domain, "state"));

	if ((fe == XenbusStateClosing || fe == XenbusStateClosed) && be != fe) {
		put_number(back(domain, "state"), fe);
		return true;
	}
	switch (be) {
	case XenbusStateInitialising:
		put_number(back(domain, "state"), XenbusStateInitWait);
		return true;
	case XenbusStateInitWait:
		set_up(domain);
		return true;
	case XenbusStateInitialised:
		if (fe != XenbusStateInitialised)
			return false;
		put_number(back(domain, "state"), XenbusStateConnected);
		return true;
	case XenbusStateReconfiguring:
		return fe == XenbusStateReconfiguring && reconfigure(domain);
	case XenbusStateReconfigured:
		if (fe != XenbusStateConnected)
			return false;
		put_number(back(domain, "state"), XenbusStateConnected);
		return true;
	default:
		return false;
	}
}

static bool pcifront_acts(uint32_t domain)
{
	int be = number(back(domain, "state")), fe = number(front(domain, "state")), next = 0;

	if (fe == XenbusStateInitialising &&
	    (be == XenbusStateInitWait || be == XenbusStateInitialised))
		next = XenbusStateInitialised;
	else if (fe == XenbusStateInitialised && be == XenbusStateConnected)
		next = XenbusStateConnected;
	else if (fe == XenbusStateConnected && be == XenbusStateReconfiguring)
		next = XenbusStateReconfiguring;
	else if (fe == XenbusStateReconfiguring && be == XenbusStateReconfigured)
		next = XenbusStateConnected;
	if (next)
		put_number(front(domain, "state"), next);
	return next;
}

static bool guest_acts(struct world_domain *domain)
{
	int fe = number(front(domain->id, "state"));

	switch (domain->guest) {
	case GUEST_WORKS:
		return pcifront_acts(domain->id);
	case GUEST_SLEEPS:
		return fe != XenbusStateConnected && pcifront_acts(domain->id);
	case GUEST_FLIPS:
		put_number(front(domain->id, "state"), (fe + 1) % (XenbusStateReconfigured + 2));
		return true;
	case GUEST_TWITCHES:
		put_number(front(domain->id, "state"), fe == XenbusStateConnected
							       ? XenbusStateInitialising
							       : XenbusStateConnected);
		return true;
	case GUEST_STALLS:
		return fe != XenbusStateReconfiguring && pcifront_acts(domain->id);
	case GUEST_LEAVES:
		put_number(front(domain->id, "state"), XenbusStateClosed);
		return fe != XenbusStateClosed;
	case GUEST_CHATTERS:
		world_put_node(front(domain->id, "state"), "not a number");
		return true;
	default:
		return false;
	}
}

/* Nodes that are gone take their functions with them. */
void guest_forget(void)
{
	struct world_domain *domain;
	bool listed[WORLD_DEVICES] = {false};
	size_t i;
	int k, count;
	const char *bdf;

	for (domain = world.domain; domain < world.domain + world.domains; domain++) {
		count = functions(domain->id);
		for (k = 0; k < count; k++) {
			bdf = world_node(back(domain->id, numbered("dev", k)));
			if (bdf && world_device(bdf))
				listed[world_device(bdf) - world.device] = true;
		}
	}
	for (i = 0; i < world.devices; i++)
		if (!listed[i] && world.device[i].exported && !world.device[i].held) {
			world.device[i].exported = false;
			if (!world.device[i].left_on)
				drive(&world.device[i], false);
			world_note("release", world.device[i].bdf);
		}
}

bool world_serves(uint32_t domain)
{
	size_t i;

	for (i = 0; i < world.devices; i++)
		if (world.device[i].exported && world.device[i].user == domain)
			return true;
	return world_node(back(domain, "num_devs"));
}

bool guest_act(void)
{
	struct world_domain *domain;
	bool acted = false;

	guest_forget();
	for (domain = world.domain; domain < world.domain + world.domains; domain++) {
		if (!world_node(back(domain->id, "num_devs")))
			continue;
		acted |= pciback_acts(domain->id);
		if (domain->exists && world_node(front(domain->id, "backend")))
			acted |= guest_acts(domain);
	}
	return acted;
}
