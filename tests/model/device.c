/* SPDX-License-Identifier: MIT */
/*
 * Model devices: how their registers come into the kernel's address space (trapped pages), what
 * they may do on the bus, and their interrupts. Model lock held, but for the functions of device.h
 * and the traps, which take it: nothing of the model touches a device's registers.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include <model/device-internal.h>

#define NR_DEVICES 8
#define NR_WINDOWS 64

static struct model_device devices[NR_DEVICES];

/* A page of registers that the guest has mapped. */
static struct window {
	void *va; /* the guest's; NULL: unused */
	uint8_t *view;
	uint64_t maddr;
} windows[NR_WINDOWS];

static struct model_device *device_at(uint64_t maddr, uint64_t *offset)
{
	for (unsigned int i = 0; i < NR_DEVICES; i++) {
		struct model_device *d = &devices[i];
		uint64_t start, size;

		if (!d->plugged || !model_pci_bar(d->addr, &start, &size) || maddr < start ||
		    maddr - start >= size)
			continue;
		*offset = maddr - start;
		return d;
	}
	return NULL;
}

/* What a load will find. */
static void before(void *arg, size_t offset, size_t size, bool write)
{
	struct window *w = arg;
	uint64_t at, value = ~0ULL;
	struct model_device *d;

	if (write)
		return;
	model_enter();
	d = device_at(w->maddr + offset, &at);
	if (d && d->manners != MODEL_GONE && (model_pci_command(d->addr) & 0x0002))
		value = d->load(d, at, size);
	model_leave();
	memcpy(w->view + offset, &value, size < 8 ? size : 8);
}

static void after(void *arg, size_t offset, size_t size, bool write)
{
	struct window *w = arg;
	uint64_t at, value = 0;
	struct model_device *d;

	if (!write)
		return;
	memcpy(&value, w->view + offset, size < 8 ? size : 8);
	model_enter();
	d = device_at(w->maddr + offset, &at);
	if (d && d->manners != MODEL_GONE && (model_pci_command(d->addr) & 0x0002))
		d->store(d, at, size, value);
	model_leave();
}

void device_mapped(void *va, uint64_t mfn)
{
	uint64_t offset;

	if (!device_at(mfn << XEN_PAGE_SHIFT, &offset))
		return;
	for (unsigned int i = 0; i < NR_WINDOWS; i++) {
		struct window *w = &windows[i];

		if (w->va)
			continue;
		w->va = va;
		w->view = mmu_mmio_view(mfn);
		w->maddr = mfn << XEN_PAGE_SHIFT;
		trap_add(&(const struct trap){.start = va,
					      .size = XEN_PAGE_SIZE,
					      .before = before,
					      .after = after,
					      .arg = w});
		return;
	}
	model_breach("model: more than %d pages of registers are mapped", NR_WINDOWS);
}

void device_unmapped(void *va)
{
	for (unsigned int i = 0; i < NR_WINDOWS; i++) {
		if (windows[i].va != va)
			continue;
		trap_remove(va);
		munmap(windows[i].view, XEN_PAGE_SIZE);
		windows[i].va = NULL;
	}
}

struct model_device *device_new(struct xen_pci_addr addr, size_t memory)
{
	for (unsigned int i = 0; i < NR_DEVICES; i++) {
		struct model_device *d = &devices[i];

		if (d->plugged)
			continue;
		memset(d, 0, sizeof(*d));
		d->plugged = true;
		d->addr = addr;
		d->mask = ~0ULL;
		d->memory = model_reserve(memory);
		d->memory_size = memory;
		return d;
	}
	model_breach("model: more than %d devices", NR_DEVICES);
}

void model_device_unplug(struct model_device *device)
{
	uint64_t offset;

	model_enter();
	for (unsigned int i = 0; i < NR_WINDOWS; i++)
		if (windows[i].va && device_at(windows[i].maddr, &offset) == device)
			model_breach("model_device_unplug: registers are mapped");
	device->plugged = false;
	model_release(device->memory);
	model_leave();
	model_pci_unplug(device->addr);
}

bool device_dma(struct model_device *d, uint64_t addr, void *buf, size_t size, bool write)
{
	bool master = model_pci_command(d->addr) & 0x0004;

	if (size && master && addr + size - 1 >= addr && addr + size - 1 <= d->mask &&
	    machine_dma(addr, buf, size, write))
		return true;
	d->strays++;
	return false;
}

static uint32_t sbdf_of(const struct model_device *d)
{
	return physdev_sbdf(d->addr.segment, d->addr.bus, d->addr.devfn);
}

/* A message is a write on the bus, so it needs bus mastering as well. */
void device_message(struct model_device *d, bool msix, unsigned int entry)
{
	if (d->manners != MODEL_MUTE && (model_pci_command(d->addr) & 0x0004) &&
	    model_pci_message_on(sbdf_of(d), msix))
		d->interrupts += physdev_message(sbdf_of(d), msix, entry);
}

bool device_has_messages(const struct model_device *d, bool msix)
{
	return model_pci_message_on(sbdf_of(d), msix);
}

void device_line(struct model_device *d)
{
	if (d->manners != MODEL_MUTE && !(model_pci_command(d->addr) & 0x0400))
		d->interrupts += physdev_line(model_pci_line(d->addr));
}

bool model_devices_step(void)
{
	bool any = false;

	model_enter();
	for (unsigned int i = 0; i < NR_DEVICES; i++)
		if (devices[i].plugged && devices[i].manners != MODEL_GONE)
			any |= devices[i].step(&devices[i]);
	model_leave();
	event_deliver();
	return any;
}

void model_device_behave(struct model_device *device, enum model_manners manners)
{
	model_enter();
	device->manners = manners;
	model_leave();
}

uint8_t *model_device_memory(struct model_device *device)
{
	return device->memory;
}

uint64_t model_device_strays(const struct model_device *device)
{
	return device->strays;
}

uint64_t model_device_interrupts(const struct model_device *device)
{
	return device->interrupts;
}

void model_device_start(void)
{
	memset(devices, 0, sizeof(devices));
	memset(windows, 0, sizeof(windows));
}
