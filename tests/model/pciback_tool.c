/* SPDX-License-Identifier: MIT */
/*
 * What libxl does for PCI of a PV guest: directories, entries, PIRQs of lines; one attach or detach
 * at a time, each waiting for the backend as libxl does, and giving up after as long. Removing an
 * entry moves those behind it up.
 */
#include <model/pciback-internal.h>

#define GIVES_UP_NS 20000000000ULL

static struct {
	enum {
		TOOL_IDLE,
		TOOL_ATTACH,
		TOOL_DETACH,
		TOOL_CREATED,
		TOOL_ENTERED,
		TOOL_LEAVING,
		TOOL_CLOSING
	} doing;
	struct xen_pci_addr addr;
	uint64_t until;
	/* Lines, by GSI: how many devices it is mapped for. */
	unsigned int line[64];
} tool;

static void address_text(struct xen_pci_addr addr, char text[24])
{
	snprintf(text, 24, "%04x:%02x:%02x.%01x", addr.segment, addr.bus, XEN_PCI_DEV(addr.devfn),
		 XEN_PCI_FN(addr.devfn));
}

static unsigned int line_of(struct xen_pci_addr addr)
{
	const uint8_t *raw = model_pci_raw(addr);

	return raw && raw[0x3d] && raw[0x3c] < 64 ? raw[0x3c] : 0;
}

/* The device is the domain's now, as far as Xen is concerned. */
static void assign(struct xen_pci_addr addr)
{
	struct physdev_pci_device_add add = {
		.seg = addr.segment, .bus = addr.bus, .devfn = addr.devfn};
	unsigned int gsi = line_of(addr);
	struct physdev_setup_gsi setup = {.gsi = (int)gsi, .triggering = 1, .polarity = 1};
	struct physdev_map_pirq map = {
		.domid = 1, .type = MAP_PIRQ_TYPE_GSI, .index = (int)gsi, .pirq = (int)gsi};

	back_physdev(PHYSDEVOP_pci_device_add, &add);
	if (!gsi || tool.line[gsi]++)
		return;
	back_physdev(PHYSDEVOP_setup_gsi, &setup);
	if (back_physdev(PHYSDEVOP_map_pirq, &map))
		model_breach("model: the line's PIRQ %u cannot be mapped", gsi);
}

static void unassign(struct xen_pci_addr addr)
{
	unsigned int gsi = line_of(addr);
	struct physdev_unmap_pirq unmap = {.domid = 1, .pirq = (int)gsi};

	if (gsi && tool.line[gsi] && !--tool.line[gsi])
		back_physdev(PHYSDEVOP_unmap_pirq, &unmap);
}

static void enter(struct xen_pci_addr addr)
{
	unsigned int nr = back_nr("num_devs");
	char text[24];

	address_text(addr, text);
	back_put(back.back_path, "key-", (int)nr, text);
	back_put(back.back_path, "dev-", (int)nr, text);
	back_put(back.back_path, "opts-", (int)nr, "msitranslate=0,power_mgmt=0,permissive=0");
	back_put(back.back_path, "state-", (int)nr, "1");
	snprintf(text, sizeof(text), "%u", nr + 1);
	back_put(back.back_path, "num_devs", -1, text);
	assign(addr);
}

void model_pciback_create(const struct xen_pci_addr *device, unsigned int nr)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", back.params.handle);
	back_put(back.back_path, "frontend", -1, back.front_path);
	back_put(back.back_path, "frontend-id", -1, "1");
	back_put(back.back_path, "online", -1, "1");
	back_put(back.back_path, "domain", -1, "guest");
	model_xs_set_perms(back.back_path, "n0", "r1");
	for (unsigned int i = 0; i < nr; i++)
		enter(device[i]);
	if (!nr)
		back_put(back.back_path, "num_devs", -1, "0");
	back_put(back.back_path, "state", -1, "1");
	model_xs_write(back.front_path, "");
	model_xs_set_perms(back.front_path, "n1", "r0");
	back_put(back.front_path, "backend", -1, back.back_path);
	back_put(back.front_path, "backend-id", -1, "0");
	back_put(back.front_path, "state", -1, "1");
	/* Nodes inherit the rights that the directory had when they were made. */
	{
		static const char *const names[] = {"backend", "backend-id", "state"};
		char key[128];

		for (unsigned int i = 0; i < 3; i++) {
			snprintf(key, sizeof(key), "%s/%s", back.front_path, names[i]);
			model_xs_set_perms(key, "n1", "r0");
		}
	}
}

void model_pciback_destroy(void)
{
	for (unsigned int i = 0; i < 64; i++) {
		struct physdev_unmap_pirq unmap = {.domid = 1, .pirq = (int)i};

		if (tool.line[i])
			back_physdev(PHYSDEVOP_unmap_pirq, &unmap);
		tool.line[i] = 0;
	}
	if (model_xs_read(back.front_path))
		model_xs_rm(back.front_path);
	if (model_xs_read(back.back_path))
		model_xs_rm(back.back_path);
}

static void begin(int what, struct xen_pci_addr addr)
{
	if (tool.doing != TOOL_IDLE)
		model_breach("model: the toolstack is busy");
	tool.doing = what;
	tool.addr = addr;
	tool.until = xen_port_clock_ns() + GIVES_UP_NS;
}

void model_pciback_attach(struct xen_pci_addr device)
{
	begin(TOOL_ATTACH, device);
}

void model_pciback_detach(struct xen_pci_addr device)
{
	begin(TOOL_DETACH, device);
}

bool model_pciback_busy(void)
{
	return tool.doing != TOOL_IDLE;
}

static int index_of(struct xen_pci_addr addr)
{
	unsigned int nr = back_nr("num_devs");
	char text[24];

	address_text(addr, text);
	for (unsigned int i = 0; i < nr; i++) {
		const char *dev = back_read(back.back_path, "dev-", (int)i);

		if (dev && !strcmp(dev, text))
			return (int)i;
	}
	return -1;
}

/* Take entry @index out; those behind it move up. */
static void shift(int index)
{
	static const char *const names[] = {"key-", "dev-", "vdev-", "opts-", "state-"};
	int nr = (int)back_nr("num_devs");
	char value[BACK_VALUE];

	for (int i = index; i < nr; i++) {
		for (unsigned int k = 0; k < 5; k++) {
			const char *next = back_read(back.back_path, names[k], i + 1);

			if (i + 1 < nr && next) {
				snprintf(value, sizeof(value), "%s", next);
				back_put(back.back_path, names[k], i, value);
			} else {
				back_rm(back.back_path, names[k], i);
			}
		}
	}
	snprintf(value, sizeof(value), "%d", nr - 1);
	back_put(back.back_path, "num_devs", -1, value);
}

static bool begin_attach(void)
{
	if (!model_pciback_state()) {
		model_pciback_create(&tool.addr, 1);
		tool.doing = TOOL_CREATED;
		return true;
	}
	if (model_pciback_state() != XenbusStateConnected)
		return false;
	enter(tool.addr);
	back_put(back.back_path, "state", -1, "7");
	tool.doing = TOOL_ENTERED;
	return true;
}

static bool begin_detach(void)
{
	int index = index_of(tool.addr);

	if (index < 0) {
		tool.doing = TOOL_IDLE;
		return true;
	}
	if (back_nr("num_devs") == 1) { /* the whole device goes */
		back_put(back.back_path, "online", -1, "0");
		back_put(back.back_path, "state", -1, "5");
		tool.doing = TOOL_CLOSING;
		return true;
	}
	if (model_pciback_state() != XenbusStateConnected)
		return false;
	back_put(back.back_path, "state-", index, "5");
	back_put(back.back_path, "state", -1, "7");
	tool.doing = TOOL_LEAVING;
	return true;
}

static bool finish(void)
{
	enum xenbus_state state = model_pciback_state();

	switch (tool.doing) {
	case TOOL_CREATED:
		if (state != XenbusStateConnected || model_pcifront_state() != XenbusStateConnected)
			return false;
		break;
	case TOOL_ENTERED:
		if (state != XenbusStateConnected)
			return false;
		break;
	case TOOL_LEAVING:
		if (state != XenbusStateConnected)
			return false;
		unassign(tool.addr);
		shift(index_of(tool.addr));
		break;
	default:
		if (state != XenbusStateClosed && state != XenbusStateUnknown)
			return false;
		model_pciback_destroy();
	}
	tool.doing = TOOL_IDLE;
	return true;
}

bool back_tool_step(void)
{
	if (tool.doing == TOOL_IDLE)
		return false;
	if (xen_port_clock_ns() >= tool.until) {
		tool.doing = TOOL_IDLE;
		return true;
	}
	if (tool.doing == TOOL_ATTACH)
		return begin_attach();
	return tool.doing == TOOL_DETACH ? begin_detach() : finish();
}

void back_tool_start(void)
{
	memset(&tool, 0, sizeof(tool));
}

void back_tool_stop(void)
{
	tool.doing = TOOL_IDLE;
	model_pciback_destroy();
}
