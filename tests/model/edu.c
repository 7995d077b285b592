/* SPDX-License-Identifier: MIT */
/*
 * The edu: QEMU's teaching device, with a DMA engine of 28 address bits between RAM and a buffer of
 * 4096 bytes at 0x40000 of its own. Addresses beyond its reach lose their upper bits, as there.
 * Model lock held.
 */
#include <string.h>

#include <model/device-internal.h>

#define BAR_SIZE 0x100000
#define REG_ID 0x00
#define REG_LIVENESS 0x04
#define REG_STATUS 0x24
#define REG_RAISE 0x60
#define REG_ACK 0x64
#define REG_SOURCE 0x80
#define REG_TARGET 0x88
#define REG_COUNT 0x90
#define REG_COMMAND 0x98

#define ID 0x010000ed
#define RUN 1u
#define TO_RAM 2u
#define SIGNAL 4u
#define STATUS_DMA 0x100
#define BUFFER 0x40000
#define MASK ((1ULL << 28) - 1)

static uint64_t load(struct model_device *d, uint64_t offset, size_t size)
{
	if (size != 4 && (size != 8 || offset < REG_SOURCE))
		return ~0ULL;
	switch (offset) {
	case REG_ID:
		return d->manners == MODEL_NOT_ITSELF ? 0xdeadbeef : ID;
	case REG_LIVENESS:
		return d->edu.liveness;
	case REG_STATUS:
		return d->edu.status;
	case REG_SOURCE:
		return d->edu.source;
	case REG_TARGET:
		return d->edu.target;
	case REG_COUNT:
		return d->edu.count;
	case REG_COMMAND:
		return d->edu.command;
	default:
		return ~0ULL;
	}
}

static void raise(struct model_device *d, uint32_t status)
{
	d->edu.status |= status;
	if (!d->edu.status)
		return;
	if (model_pci_message_on(physdev_sbdf(d->addr.segment, d->addr.bus, d->addr.devfn), false))
		device_message(d, false, 0);
	else
		device_line(d);
}

static void store(struct model_device *d, uint64_t offset, size_t size, uint64_t value)
{
	bool running = d->edu.command & RUN;

	if (size != 4 && (size != 8 || offset < REG_SOURCE))
		return;
	switch (offset) {
	case REG_LIVENESS:
		d->edu.liveness = ~(uint32_t)value;
		break;
	case REG_RAISE:
		raise(d, (uint32_t)value);
		break;
	case REG_ACK:
		d->edu.status &= ~(uint32_t)value;
		break;
	case REG_SOURCE:
		d->edu.source = running ? d->edu.source : value;
		break;
	case REG_TARGET:
		d->edu.target = running ? d->edu.target : value;
		break;
	case REG_COUNT:
		d->edu.count = running ? d->edu.count : value;
		break;
	case REG_COMMAND:
		d->edu.command = running ? d->edu.command : value;
		break;
	}
}

static bool in_buffer(uint64_t addr, uint64_t count)
{
	return addr >= BUFFER && count <= MODEL_EDU_BUFFER &&
	       addr - BUFFER <= MODEL_EDU_BUFFER - count;
}

static void transfer(struct model_device *d)
{
	bool to_ram = d->edu.command & TO_RAM;
	uint64_t inside = to_ram ? d->edu.source : d->edu.target;
	uint64_t addr = (to_ram ? d->edu.target : d->edu.source) & MASK;

	if (d->manners == MODEL_ASTRAY)
		addr = (1ULL << 27) - 1024; /* a guess */
	if (in_buffer(inside, d->edu.count))
		device_dma(d, addr, d->memory + (inside - BUFFER), d->edu.count, to_ram);
	else
		d->strays++;
}

static bool step(struct model_device *d)
{
	if (!(d->edu.command & RUN) || d->manners == MODEL_SILENT)
		return false;
	transfer(d);
	d->edu.command &= ~(uint64_t)RUN;
	if (d->edu.command & SIGNAL)
		raise(d, STATUS_DMA);
	return true;
}

struct model_device *model_edu_plug(struct xen_pci_addr addr, uint64_t bar)
{
	const struct model_pci_function function = {
		.addr = addr,
		.vendor = 0x1234,
		.device = 0x11e8,
		.class_code = 0x00ff00,
		.bar = {{.addr = bar, .size = BAR_SIZE}},
		.interrupt_pin = 1,
		.msi = true,
	};
	struct model_device *d;

	model_pci_plug(&function);
	model_enter();
	d = device_new(addr, MODEL_EDU_BUFFER);
	d->mask = MASK;
	d->load = load;
	d->store = store;
	d->step = step;
	model_leave();
	return d;
}
