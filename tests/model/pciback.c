/* SPDX-License-Identifier: MIT */
/*
 * The backend's life: it exports what it finds in its directory, connects to the frontend, follows
 * the toolstack's reconfigurations and the frontend's close. Each step looks at both states and
 * does one thing; it keeps no state of its own but what it has exported, mapped and bound.
 */
#include <model/pciback-internal.h>

struct back back;

static int as_dom0(int (*call)(int cmd, void *arg), int cmd, void *arg)
{
	domid_t before = model_act_as(0);
	int rc = call(cmd, arg);

	model_act_as(before);
	return rc;
}

int back_physdev(int cmd, void *arg)
{
	return as_dom0(hypercall_physdev_op, cmd, arg);
}

int back_event_op(int cmd, void *arg)
{
	return as_dom0(hypercall_event_channel_op, cmd, arg);
}

static int grant_op(int cmd, void *arg)
{
	return hypercall_grant_table_op((unsigned int)cmd, arg, 1);
}

bool back_same(struct xen_pci_addr a, struct xen_pci_addr b)
{
	return a.segment == b.segment && a.bus == b.bus && a.devfn == b.devfn;
}

bool back_thing(void)
{
	if (!back.alive || !back.left) {
		back.alive = false;
		return false;
	}
	if (back.left != ~0ULL)
		back.left--;
	back.things++;
	return true;
}

/* --- xenstore ------------------------------------------------------------------------------ */

static const char *key_of(const char *dir, const char *name, int index)
{
	static char key[160];

	if (index >= 0)
		snprintf(key, sizeof(key), "%s/%s%d", dir, name, index);
	else
		snprintf(key, sizeof(key), "%s/%s", dir, name);
	return key;
}

const char *back_read(const char *dir, const char *name, int index)
{
	return model_xs_read(key_of(dir, name, index));
}

unsigned int back_read_uint(const char *dir, const char *name, int index, unsigned int otherwise)
{
	const char *value = back_read(dir, name, index);

	return value ? (unsigned int)strtoul(value, NULL, 10) : otherwise;
}

/* Somebody may have written anything there. */
unsigned int back_nr(const char *name)
{
	unsigned int nr = back_read_uint(back.back_path, name, -1, 0);

	return nr < BACK_COUNT_MAX ? nr : BACK_COUNT_MAX;
}

void back_put(const char *dir, const char *name, int index, const char *value)
{
	model_xs_write(key_of(dir, name, index), value);
}

void back_rm(const char *dir, const char *name, int index)
{
	if (back_read(dir, name, index))
		model_xs_rm(key_of(dir, name, index));
}

/* The backend writes a node of its directory. */
bool back_write(const char *name, int index, const char *text)
{
	char value[BACK_VALUE], node[BACK_VALUE];
	struct model_pciback_lie lie = {.node = node, .value = value};

	if (!back_thing() || !back_read(back.back_path, "state", -1))
		return false;
	snprintf(value, sizeof(value), "%s", text);
	snprintf(node, sizeof(node), index < 0 ? "%s" : "%s%d", name, index);
	if (back.lie)
		back.lie(&lie);
	if (!lie.skip)
		back_put(back.back_path, name, index, value);
	return true;
}

bool back_write_uint(const char *name, int index, unsigned int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	return back_write(name, index, text);
}

static bool set_state(enum xenbus_state state)
{
	return back_write_uint("state", -1, state);
}

enum xenbus_state model_pciback_state(void)
{
	return (enum xenbus_state)back_read_uint(back.back_path, "state", -1, 0);
}

enum xenbus_state model_pcifront_state(void)
{
	return (enum xenbus_state)back_read_uint(back.front_path, "state", -1, 0);
}

/* --- connecting ---------------------------------------------------------------------------- */

/* An operation under way comes to its end, and the next is one on @page. */
static void set_page(struct xen_pci_sharedinfo *page)
{
	back_lock();
	back.page = page;
	back_unlock();
}

static void disconnect(void)
{
	struct gnttab_unmap_grant_ref unmap = {.host_addr = XEN_PAGE_SIZE, .handle = back.handle};
	struct evtchn_close close = {.port = back.port};

	if (!back.page)
		return;
	set_page(NULL);
	model_domain_on_event(0, back.port, NULL, NULL);
	as_dom0(grant_op, GNTTABOP_unmap_grant_ref, &unmap);
	back_event_op(EVTCHNOP_close, &close);
	__atomic_store_n(&back.port, 0, __ATOMIC_RELAXED);
	back.reporting = false;
}

static void connect(void)
{
	struct gnttab_map_grant_ref map = {
		.host_addr = XEN_PAGE_SIZE, .flags = GNTMAP_host_map, .dom = 1};
	struct evtchn_bind_interdomain bind = {.remote_dom = 1};
	const char *magic = back_read(back.front_path, "magic", -1);

	if (!magic || strcmp(magic, XEN_PCI_MAGIC) != 0 || !back_thing())
		return;
	map.ref = back_read_uint(back.front_path, "pci-op-ref", -1, 0);
	bind.remote_port = back_read_uint(back.front_path, "event-channel", -1, 0);
	as_dom0(grant_op, GNTTABOP_map_grant_ref, &map);
	if (map.status)
		return;
	back.handle = map.handle;
	set_page(model_frame(mk_mfn(model_grant_entry(1, map.ref)->frame)));
	if (back_event_op(EVTCHNOP_bind_interdomain, &bind)) {
		struct gnttab_unmap_grant_ref unmap = {.host_addr = XEN_PAGE_SIZE,
						       .handle = back.handle};

		as_dom0(grant_op, GNTTABOP_unmap_grant_ref, &unmap);
		set_page(NULL);
		return;
	}
	__atomic_store_n(&back.port, bind.local_port, __ATOMIC_RELAXED);
	model_domain_on_event(0, back.port, back_serve, NULL);
	set_state(XenbusStateConnected);
}

/* --- steps --------------------------------------------------------------------------------- */

static void release_all(void)
{
	disconnect();
	for (unsigned int i = 0; i < BACK_MAX; i++) {
		if (back.device[i].used)
			back_reset(&back.device[i]);
		back.device[i].used = false;
	}
}

static bool follow_close(enum xenbus_state own, enum xenbus_state other)
{
	if (other == XenbusStateClosing && own == XenbusStateClosing && back.page && back_thing()) {
		disconnect();
		return true;
	}
	if (other == XenbusStateClosing && own != XenbusStateClosing && own != XenbusStateClosed) {
		disconnect();
		return set_state(XenbusStateClosing);
	}
	if (other == XenbusStateClosed && own != XenbusStateClosed && own != XenbusStateInitWait &&
	    own != XenbusStateInitialising && own != XenbusStateInitialised) {
		disconnect();
		return set_state(XenbusStateClosed);
	}
	/* As other backends do, though Linux's does not: a new start. */
	if (other == XenbusStateInitialising && own == XenbusStateClosed &&
	    back_read_uint(back.back_path, "online", -1, 0))
		return set_state(XenbusStateInitWait);
	return false;
}

static bool live(void)
{
	enum xenbus_state own = model_pciback_state(), other = model_pcifront_state();

	if (!own) {
		release_all();
		return false;
	}
	if (back.slow && back.page)
		back_serve(&back);
	if (follow_close(own, other))
		return true;
	switch (own) {
	case XenbusStateInitialising:
		release_all(); /* of directories that were in this one's place */
		return set_state(XenbusStateInitWait);
	case XenbusStateInitWait:
		back_configure(false);
		return set_state(XenbusStateInitialised);
	case XenbusStateInitialised:
		if (back_configure(false))
			return true;
		if (other != XenbusStateInitialised || back.page)
			return false;
		connect();
		return back.page;
	case XenbusStateReconfiguring:
		if (other != XenbusStateReconfiguring)
			return false;
		back_configure(true);
		return set_state(XenbusStateReconfigured);
	case XenbusStateReconfigured:
		return other == XenbusStateConnected && set_state(XenbusStateConnected);
	default:
		return false;
	}
}

bool model_pciback_step(void)
{
	bool any = false;

	if (!back.running)
		return false;
	if (back.alive)
		any = live();
	return back_tool_step() || any;
}

void model_pciback_start(const struct model_pciback_params *params)
{
	memset(&back, 0, sizeof(back));
	if (params)
		back.params = *params;
	snprintf(back.back_path, sizeof(back.back_path), "/local/domain/0/backend/pci/1/%u",
		 back.params.handle);
	snprintf(back.front_path, sizeof(back.front_path), "/local/domain/1/device/pci/%u",
		 back.params.handle);
	back.left = ~0ULL;
	back.running = back.alive = true;
	back_tool_start();
}

void model_pciback_stop(void)
{
	release_all();
	back_tool_stop();
	back.running = false;
}

void model_pciback_restart(void)
{
	release_all();
	back.alive = true;
	back.left = ~0ULL;
	for (unsigned int i = 0; i < back_nr("num_devs"); i++)
		if (back_read(back.back_path, "state-", (int)i))
			back_put(back.back_path, "state-", (int)i, "1");
	if (back_read(back.back_path, "state", -1))
		back_put(back.back_path, "state", -1, "1");
}

void model_pciback_dies_after(uint64_t nr)
{
	back.left = nr;
}

uint64_t model_pciback_things(void)
{
	return back.things;
}

void model_pciback_slow(bool slow)
{
	back.slow = slow;
}

void model_pciback_lie(void (*hook)(struct model_pciback_lie *lie))
{
	back.lie = hook;
}

struct xen_pci_sharedinfo *model_pciback_page(void)
{
	return back.page;
}

void model_pciback_notify(void)
{
	struct evtchn_send send = {.port = __atomic_load_n(&back.port, __ATOMIC_RELAXED)};

	if (send.port)
		back_event_op(EVTCHNOP_send, &send);
}

bool model_pciback_real(struct xen_pci_addr virt, struct xen_pci_addr *real)
{
	const struct back_device *d = back_find(virt);

	if (d)
		*real = d->real;
	return d;
}

bool model_pciback_virtual(struct xen_pci_addr real, struct xen_pci_addr *virt)
{
	for (unsigned int i = 0; i < BACK_MAX; i++) {
		if (!back.device[i].used || !back_same(back.device[i].real, real))
			continue;
		*virt = back.device[i].virt;
		return true;
	}
	return false;
}
