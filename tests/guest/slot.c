/* SPDX-License-Identifier: MIT */
/*
 * One device at work (slot.h). edu takes a pattern and brings it back; of a disk the same blocks
 * are read twice, for it is not ours to write. No state beside the slot.
 */
#include "slot.h"

#include <xen/port.h>

#include "boot.h"
#include "pages.h"
#include "verdict.h"

#define SEAL 0x5ea1

const char *const slot_kind_name[SLOT_KINDS] = {"edu", "nvme", "other"};

static enum slot_kind kind_of(const struct xen_pci_dev *dev)
{
	if (dev->vendor == EDU_VENDOR && dev->device == EDU_DEVICE)
		return SLOT_EDU;
	return dev->class_code == NVME_CLASS ? SLOT_NVME : SLOT_OTHER;
}

bool slot_alloc(struct slot *slot)
{
	slot->out = pages_above(SLOT_ORDER, MFN_ABOVE_28_BITS);
	slot->in = slot->out ? pages_above(SLOT_ORDER, MFN_ABOVE_28_BITS) : NULL;
	return check(slot->in, "no pages above 256 MiB of the machine");
}

void slot_free(struct slot *slot)
{
	if (slot->out)
		xen_port_free_pages(slot->out, SLOT_ORDER);
	if (slot->in)
		xen_port_free_pages(slot->in, SLOT_ORDER);
	slot->out = slot->in = NULL;
}

void slot_take(struct slot *slot, struct xen_pci_dev *dev)
{
	slot->state = SLOT_NEW;
	slot->pci = dev;
	slot->kind = kind_of(dev);
	slot->returning = false;
	slot->asked = slot->suspect = slot->transfers = 0;
	slot->request.data = NULL;
	guest_addr_text(dev->addr, slot->name);
}

bool slot_open(struct slot *slot)
{
	int err = 0;

	slot_check_seal(slot);
	if (slot->kind == SLOT_EDU) {
		err = edu_open(&slot->edu, slot->pci, EDU_MSI);
		if (err) /* a backend without IOMMU */
			err = edu_open(&slot->edu, slot->pci, EDU_INTX);
	} else if (slot->kind == SLOT_NVME) {
		err = nvme_open(&slot->nvme, slot->pci);
	}
	slot->state = err ? SLOT_FAILED : SLOT_OPEN;
	return check(!err, "%s %s cannot be used: %d", slot->name, slot_kind_name[slot->kind], err);
}

void slot_close(struct slot *slot)
{
	if (slot_is_busy(slot) && !slot->suspect)
		slot->suspect = xen_port_clock_ns();
	if (slot->state == SLOT_OPEN && slot->kind == SLOT_EDU)
		edu_close(&slot->edu);
	else if (slot->state == SLOT_OPEN && slot->kind == SLOT_NVME)
		nvme_close(&slot->nvme);
	boot_printf("domu: %s %s gone after %lu transfers%s\n", slot->name,
		    slot_kind_name[slot->kind], slot->transfers,
		    slot->suspect ? ", the last was cut" : "");
	slot->state = SLOT_FREE;
	pattern_fill(slot->out, SLOT_BYTES, SEAL);
	pattern_fill(slot->in, SLOT_BYTES, SEAL);
	slot->sealed = true;
}

void slot_check_seal(struct slot *slot)
{
	if (!slot->sealed)
		return;
	check(pattern_verify(slot->out, SLOT_BYTES, SEAL) == SLOT_BYTES &&
		      pattern_verify(slot->in, SLOT_BYTES, SEAL) == SLOT_BYTES,
	      "the memory of a device that is gone was written to");
	slot->sealed = false;
}

bool slot_is_busy(const struct slot *slot)
{
	if (slot->state != SLOT_OPEN)
		return false;
	if (slot->kind == SLOT_EDU)
		return slot->edu.busy;
	return slot->kind == SLOT_NVME && slot->nvme.io.in_flight;
}

bool slot_is_due(struct slot *slot)
{
	if (slot->state != SLOT_OPEN)
		return slot->state == SLOT_NEW;
	if (slot->kind == SLOT_EDU)
		return edu_done(&slot->edu);
	if (slot->kind != SLOT_NVME || !slot->request.data)
		return false;
	nvme_poll(&slot->nvme);
	return !slot->nvme.io.in_flight;
}

static const char *interrupt_of(const struct slot *slot)
{
	if (slot->kind == SLOT_EDU)
		return slot->edu.mode == EDU_MSI ? "MSI" : "INTx";
	return slot->kind == SLOT_NVME && !slot->nvme.intx ? "MSI-X" : "INTx";
}

/* A transfer has ended with @err. */
static void ended(struct slot *slot, int err, size_t length)
{
	if (err || (slot->returning && __builtin_memcmp(slot->out, slot->in, length))) {
		slot->suspect = xen_port_clock_ns(); /* nothing more with it */
		slot->error = err;
		return;
	}
	slot->transfers++;
	slot->returning = !slot->returning;
	if (slot->transfers == 2)
		boot_printf("domu: %s %s works, %s\n", slot->name, slot_kind_name[slot->kind],
			    interrupt_of(slot));
}

static void work_edu(struct slot *slot)
{
	int err;

	if (slot->edu.busy && !edu_done(&slot->edu) && !edu_overdue(&slot->edu))
		return;
	if (slot->edu.busy)
		ended(slot, edu_finish(&slot->edu), EDU_TRANSFER_MAX);
	if (slot->asked || slot->suspect)
		return;
	if (!slot->returning)
		pattern_fill(slot->out, EDU_TRANSFER_MAX, slot->transfers);
	err = edu_start(&slot->edu, slot->returning ? slot->in : slot->out, EDU_TRANSFER_MAX,
			slot->returning ? XEN_DMA_FROM_DEVICE : XEN_DMA_TO_DEVICE);
	if (err)
		ended(slot, err, 0);
}

/* Reads the same twice and compares; the disk is not written. */
static void work_nvme(struct slot *slot)
{
	int err;

	nvme_poll(&slot->nvme);
	if (slot->nvme.io.in_flight)
		return;
	if (slot->request.data)
		ended(slot, slot->request.error, SLOT_BYTES);
	slot->request.data = NULL;
	if (slot->asked || slot->suspect)
		return;
	if (slot->returning)
		__builtin_memset(slot->in, 0x5a, SLOT_BYTES);
	slot->request = (struct nvme_request){
		.op = NVME_READ,
		.data = slot->returning ? slot->in : slot->out,
		.length = SLOT_BYTES,
	};
	err = nvme_start(&slot->nvme, &slot->request);
	if (err) {
		slot->request.data = NULL;
		ended(slot, err, 0);
	}
}

void slot_step(struct slot *slot)
{
	if (slot->state == SLOT_OPEN && slot->kind == SLOT_EDU)
		work_edu(slot);
	else if (slot->state == SLOT_OPEN && slot->kind == SLOT_NVME)
		work_nvme(slot);
}
