/* SPDX-License-Identifier: MIT */
/*
 * An NVMe controller: registers, queues, completions. Commands are nvme_command.c's. Queues are
 * contiguous; doorbells that name no queue or no entry are ignored and counted as strays. Model
 * lock held.
 */
#include <stdio.h>
#include <string.h>

#include <model/device-internal.h>

#define BAR_SIZE 0x4000
#define TABLE_OFFSET 0x100000 /* of the BAR with the MSI-X table, from the other one */
#define REG_CAP 0x00
#define REG_VERSION 0x08
#define REG_MASK_SET 0x0c
#define REG_MASK_CLEAR 0x10
#define REG_CC 0x14
#define REG_CSTS 0x1c
#define REG_AQA 0x24
#define REG_ASQ 0x28
#define REG_ACQ 0x30
#define REG_DOORBELLS 0x1000

/* 64 entries, contiguous, ready within 500 ms, the NVM command set, pages of 4 KiB. */
#define CAP (63 | 1ULL << 16 | 1ULL << 24 | 1ULL << 37)
#define CC_ENABLE 1u
#define CC_SHUTDOWN (3u << 14)
#define CSTS_READY 1u
#define CSTS_FATAL 2u
#define CSTS_SHUTDOWN_DONE (2u << 2)
#define SQE_SIZE 64
#define CQE_SIZE 16

static uint64_t value_of(const struct model_device *d, uint64_t offset)
{
	uint32_t fatal = d->manners == MODEL_FATAL ? CSTS_FATAL : 0;

	switch (offset) {
	case REG_CAP:
		return d->manners == MODEL_NOT_ITSELF ? CAP | 15ULL << 32 : CAP;
	case REG_VERSION:
		return 0x00010400;
	case REG_MASK_SET:
	case REG_MASK_CLEAR:
		return d->nvme.masked;
	case REG_CC:
		return d->nvme.cc;
	case REG_CSTS:
		return d->nvme.csts | fatal;
	case REG_AQA:
		return d->nvme.aqa;
	case REG_ASQ:
		return d->nvme.asq;
	case REG_ACQ:
		return d->nvme.acq;
	default:
		return 0;
	}
}

static uint64_t load(struct model_device *d, uint64_t offset, size_t size)
{
	bool upper = offset == REG_CAP + 4 || offset == REG_ASQ + 4 || offset == REG_ACQ + 4;

	if ((size != 4 && size != 8) || offset & (size - 1))
		return ~0ULL;
	return upper ? value_of(d, offset - 4) >> 32 : value_of(d, offset);
}

static void set(uint64_t *reg, bool upper, size_t size, uint64_t value)
{
	if (size == 8)
		*reg = value;
	else if (upper)
		*reg = (uint32_t)*reg | value << 32;
	else
		*reg = (*reg & ~0xffffffffULL) | (uint32_t)value;
}

static void enable(struct model_device *d)
{
	memset(d->nvme.sq, 0, sizeof(d->nvme.sq));
	memset(d->nvme.cq, 0, sizeof(d->nvme.cq));
	d->nvme.sq[0] = (struct nvme_ring){
		.exists = true, .base = d->nvme.asq, .size = (d->nvme.aqa & 0xfff) + 1};
	d->nvme.cq[0] = (struct nvme_ring){.exists = true,
					   .base = d->nvme.acq,
					   .size = (d->nvme.aqa >> 16 & 0xfff) + 1,
					   .phase = true,
					   .signals = true};
	d->nvme.csts = CSTS_READY;
}

static void control(struct model_device *d, uint32_t value)
{
	bool was = d->nvme.cc & CC_ENABLE, is = value & CC_ENABLE;

	d->nvme.cc = value;
	if (d->manners == MODEL_SILENT)
		return;
	if (!was && is)
		enable(d);
	if (was && !is) {
		memset(d->nvme.sq, 0, sizeof(d->nvme.sq));
		memset(d->nvme.cq, 0, sizeof(d->nvme.cq));
		d->nvme.csts = 0;
	}
	if (is && (value & CC_SHUTDOWN))
		d->nvme.csts |= CSTS_SHUTDOWN_DONE;
}

static void doorbell(struct model_device *d, uint64_t index, uint32_t value)
{
	struct nvme_ring *ring = NULL;

	if (index / 2 < d->nvme.nr_queues)
		ring = index & 1 ? &d->nvme.cq[index / 2] : &d->nvme.sq[index / 2];
	if (!ring || !ring->exists || value >= ring->size)
		d->strays++;
	else if (index & 1)
		ring->head = value;
	else
		ring->tail = value;
}

/* Without messages: asserted while a queue that signals holds completions, unless masked. */
static void update_line(struct model_device *d)
{
	bool asserted = false;

	if (device_has_messages(d, true) || (d->nvme.masked & 1))
		return;
	for (unsigned int i = 0; i < d->nvme.nr_queues; i++) {
		const struct nvme_ring *cq = &d->nvme.cq[i];

		asserted |= cq->exists && cq->signals && cq->head != cq->tail;
	}
	if (asserted)
		device_line(d);
}

static void store(struct model_device *d, uint64_t offset, size_t size, uint64_t value)
{
	if ((size != 4 && size != 8) || offset & (size - 1))
		return;
	switch (offset) {
	case REG_MASK_SET:
		d->nvme.masked |= (uint32_t)value;
		break;
	case REG_MASK_CLEAR:
		d->nvme.masked &= ~(uint32_t)value;
		update_line(d);
		break;
	case REG_CC:
		control(d, (uint32_t)value);
		break;
	case REG_AQA:
		d->nvme.aqa = (uint32_t)value;
		break;
	case REG_ASQ:
	case REG_ASQ + 4:
		set(&d->nvme.asq, offset & 4, size, value);
		break;
	case REG_ACQ:
	case REG_ACQ + 4:
		set(&d->nvme.acq, offset & 4, size, value);
		break;
	default:
		if (offset >= REG_DOORBELLS)
			doorbell(d, (offset - REG_DOORBELLS) / 4, (uint32_t)value);
	}
}

static void complete(struct model_device *d, unsigned int sq, uint16_t id, uint16_t status,
		     uint32_t result)
{
	struct nvme_ring *cq = &d->nvme.cq[d->nvme.sq[sq].cq];
	uint16_t words[CQE_SIZE / 2] = {(uint16_t)result, (uint16_t)(result >> 16)};

	if (d->manners == MODEL_WRONG_ID)
		id = (uint16_t)(id + 1000);
	words[4] = (uint16_t)d->nvme.sq[sq].head;
	words[5] = (uint16_t)sq;
	words[6] = id;
	words[7] = (uint16_t)(status << 1 | (cq->phase ? 1 : 0));
	device_dma(d, cq->base + (uint64_t)cq->tail * CQE_SIZE, words, sizeof(words), true);
	if (++cq->tail == cq->size) {
		cq->tail = 0;
		cq->phase = !cq->phase;
	}
	if (cq->signals)
		device_message(d, true, cq->vector);
	update_line(d);
}

/* One command of queue @sq. */
static bool next(struct model_device *d, unsigned int sq)
{
	struct nvme_ring *ring = &d->nvme.sq[sq], *cq = &d->nvme.cq[ring->cq];
	uint8_t sqe[SQE_SIZE];
	uint32_t result = 0;
	uint16_t id, status;

	if (!ring->exists || ring->head == ring->tail || (cq->tail + 1) % cq->size == cq->head)
		return false;
	if (!device_dma(d, ring->base + (uint64_t)ring->head * SQE_SIZE, sqe, sizeof(sqe), false)) {
		d->nvme.csts |= CSTS_FATAL;
		return false;
	}
	ring->head = (ring->head + 1) % ring->size;
	memcpy(&id, sqe + 2, sizeof(id));
	status = nvme_execute(d, sq, sqe, &result);
	complete(d, sq, id, status, result);
	return true;
}

static bool step(struct model_device *d)
{
	bool any = false;

	if (!(d->nvme.csts & CSTS_READY) || (d->nvme.csts & CSTS_FATAL) ||
	    d->manners == MODEL_SILENT || d->manners == MODEL_FATAL)
		return false;
	for (unsigned int sq = 0; sq < d->nvme.nr_queues; sq++)
		while (next(d, sq))
			any = true;
	return any;
}

struct model_device *model_nvme_plug(struct xen_pci_addr addr, uint64_t bar, const char *serial,
				     size_t bytes, unsigned int queues)
{
	const struct model_pci_function function = {
		.addr = addr,
		.vendor = 0x1b36,
		.device = 0x0010,
		.class_code = 0x010802,
		.bar = {{.addr = bar, .size = BAR_SIZE, .is64 = true},
			{0},
			{.addr = bar + TABLE_OFFSET, .size = 0x2000}},
		.msix_entries = queues,
		.msix_bar = 2,
		.interrupt_pin = 1,
	};
	struct model_device *d;

	if (queues < 2 || queues > NVME_QUEUES_MAX)
		model_breach("model_nvme_plug: %u queues", queues);
	model_pci_plug(&function);
	model_enter();
	d = device_new(addr, bytes);
	d->nvme.nr_queues = queues;
	snprintf(d->nvme.serial, sizeof(d->nvme.serial), "%-20s", serial);
	d->load = load;
	d->store = store;
	d->step = step;
	model_leave();
	return d;
}
