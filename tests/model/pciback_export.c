/* SPDX-License-Identifier: MIT */
/* What the backend exports, under which virtual addresses; and its reports of errors. */
#include <model/pciback-internal.h>

static bool parse(const char *text, struct xen_pci_addr *addr)
{
	unsigned int segment, bus, dev, fn;

	if (!text || sscanf(text, "%x:%x:%x.%x", &segment, &bus, &dev, &fn) != 4)
		return false;
	*addr = (struct xen_pci_addr){(uint16_t)segment, (uint8_t)bus, XEN_PCI_DEVFN(dev, fn)};
	return true;
}

static struct xen_pci_addr virtual_for(struct xen_pci_addr real)
{
	struct xen_pci_addr virt = {0};

	if (back.params.passthrough)
		return real;
	while (back_find(virt))
		virt.devfn = (uint8_t)(virt.devfn + 8);
	return virt;
}

static void publish_root(struct xen_pci_addr virt)
{
	unsigned int nr = back_nr("root_num");
	char text[16];

	if (back.params.no_roots)
		return;
	snprintf(text, sizeof(text), "%04x:%02x", virt.segment, virt.bus);
	for (unsigned int i = 0; i < nr; i++) {
		const char *root = back_read(back.back_path, "root-", (int)i);

		if (root && !strcmp(root, text))
			return;
	}
	if (back_write("root-", (int)nr, text))
		back_write_uint("root_num", -1, nr + 1);
}

static void export(int index)
{
	struct back_device *d = back.device;
	struct xen_pci_addr real;
	char text[24];

	if (!parse(back_read(back.back_path, "dev-", index), &real))
		return;
	while (d->used && !back_same(d->real, real))
		d++;
	if (!d->used) {
		*d = (struct back_device){.real = real, .virt = virtual_for(real)};
		d->used = true;
		back_reset(d);
	}
	snprintf(text, sizeof(text), "%04x:%02x:%02x.%02x", d->virt.segment, d->virt.bus,
		 XEN_PCI_DEV(d->virt.devfn), XEN_PCI_FN(d->virt.devfn));
	if (!back_write("vdev-", index, text))
		return;
	publish_root(d->virt);
	back_write_uint("state-", index, XenbusStateInitialised);
}

static void take_back(int index)
{
	struct xen_pci_addr virt;
	struct back_device *d;

	if (!parse(back_read(back.back_path, "vdev-", index), &virt) || !back_thing())
		return;
	d = back_find(virt);
	if (!d)
		return;
	back_reset(d);
	d->used = false;
}

/* What the tool has entered since. */
bool back_configure(bool and_take_back)
{
	unsigned int nr = back_nr("num_devs");
	bool any = false;

	for (unsigned int i = 0; i < nr && back.alive; i++) {
		unsigned int state = back_read_uint(back.back_path, "state-", (int)i, 0);

		if (state == XenbusStateInitialising) {
			export((int)i);
			any = true;
		}
		if (state == XenbusStateClosing && and_take_back) {
			take_back((int)i);
			any = true;
		}
	}
	return any;
}

void model_pciback_report(uint32_t cmd, struct xen_pci_addr virt)
{
	struct xen_pci_sharedinfo *page = back.page;

	if (!page)
		model_breach("model_pciback_report: not connected");
	page->aer_op = (struct xen_pcie_aer_op){
		.cmd = cmd, .err = 1, .domain = virt.segment, .bus = virt.bus, .devfn = virt.devfn};
	back.reporting = true;
	__atomic_fetch_or(&page->flags, XEN_PCIB_active, __ATOMIC_SEQ_CST);
	model_pciback_notify();
}

bool model_pciback_report_done(int32_t *answer)
{
	if (!back.page || !back.reporting ||
	    (__atomic_load_n(&back.page->flags, __ATOMIC_ACQUIRE) & XEN_PCIB_active))
		return false;
	*answer = back.page->aer_op.err;
	back.reporting = false;
	return true;
}
