/* SPDX-License-Identifier: MIT */
/* What the device models share. Model lock held, but for the functions of device.h. */
#ifndef XENDMA_TESTS_MODEL_DEVICE_INTERNAL_H
#define XENDMA_TESTS_MODEL_DEVICE_INTERNAL_H

#include <model/device.h>
#include <model/internal.h>

#define NVME_QUEUES_MAX 16

struct nvme_ring {
	bool exists;
	uint64_t base;
	uint32_t size, head, tail;
	uint16_t cq;	     /* of a submission queue: where its completions go */
	bool phase, signals; /* of a completion queue */
	uint16_t vector;
};

struct model_device {
	bool plugged;
	struct xen_pci_addr addr;
	enum model_manners manners;
	uint64_t strays, interrupts;
	uint64_t mask; /* of addresses that it can put on the bus */
	uint8_t *memory;
	size_t memory_size;
	/* Loads and stores of 1 to 8 bytes in BAR 0. */
	uint64_t (*load)(struct model_device *device, uint64_t offset, size_t size);
	void (*store)(struct model_device *device, uint64_t offset, size_t size, uint64_t value);
	bool (*step)(struct model_device *device);
	union {
		struct {
			uint32_t liveness, status;
			uint64_t source, target, count, command;
		} edu;
		struct {
			uint32_t cc, csts, aqa, masked;
			uint64_t asq, acq;
			unsigned int nr_queues;
			char serial[21];
			struct nvme_ring sq[NVME_QUEUES_MAX], cq[NVME_QUEUES_MAX];
		} nvme;
	};
};

/* device.c */
struct model_device *device_new(struct xen_pci_addr addr, size_t memory);
/* False, and counted, when the device may not. */
bool device_dma(struct model_device *device, uint64_t addr, void *buf, size_t size, bool write);
void device_message(struct model_device *device, bool msix, unsigned int entry);
/* Assert the line of INTx. */
bool device_has_messages(const struct model_device *d, bool msix);
void device_line(struct model_device *device);

/* nvme_command.c: the status (without phase) of the command at @sqe, from queue @sq; *@result for
 * the completion. */
uint16_t nvme_execute(struct model_device *device, unsigned int sq, const uint8_t *sqe,
		      uint32_t *result);

#endif
