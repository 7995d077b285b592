/* SPDX-License-Identifier: MIT */
/*
 * Driver for QEMU's "edu" device: a DMA engine that reaches 28 bits of address and moves up to
 * EDU_TRANSFER_MAX bytes between RAM and a buffer of its own, in 100 ms of the machine's time.
 *
 * One transfer at a time for a device: edu_start() maps and begins, edu_done() says whether the
 * device has finished, edu_finish() unmaps. A transfer that misses its deadline breaks the device:
 * its bus mastering is taken away and it accepts no more.
 *
 * Context: CPU 0, outside interrupts. Errors are negative errno, logged where they arise.
 */
#ifndef XENDMA_GUEST_EDU_H
#define XENDMA_GUEST_EDU_H

#include <xen/dma.h>
#include <xen/pci.h>
#include <xen/pirq.h>

#include "host.h"

#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8
#define EDU_MASK ((1ULL << 28) - 1)
/* The buffer holds 4096 bytes, but QEMU before 8.0 takes its last byte for out of bounds. */
#define EDU_TRANSFER_MAX 4095

enum edu_interrupt {
	EDU_MSI,
	EDU_INTX,
	EDU_POLL, /* none: the driver looks */
};

struct edu {
	struct xen_pci_dev *pci;
	char name[GUEST_ADDR_MAX];
	volatile uint8_t *regs;
	struct xen_dma_dev dma;
	struct xen_pirq irq;
	enum edu_interrupt mode;
	bool broken, busy;
	uint32_t finished;   /* set by the interrupt */
	uint32_t interrupts; /* how many were for us */
	/* the transfer under way */
	dma_addr_t addr;
	size_t length;
	enum xen_dma_dir dir;
	bool mapped; /* here, and to be unmapped */
	uint64_t deadline;
	uint64_t bytes_mapped; /* all transfers' sizes summed */
};

/* Take the device into service. On error nothing is held. -XEN_ENODEV: not an edu, or it does not
 * answer as one. */
int edu_open(struct edu *edu, struct xen_pci_dev *pci, enum edu_interrupt mode);
/* Ends what is under way. */
void edu_close(struct edu *edu);

/*
 * Begin moving @length bytes (1 to EDU_TRANSFER_MAX) from RAM at @va to offset 0 of the device's
 * buffer (XEN_DMA_TO_DEVICE) or back (XEN_DMA_FROM_DEVICE).
 */
int edu_start(struct edu *edu, void *va, size_t length, enum xen_dma_dir dir);
/* The same at an address that the caller has mapped and will unmap. */
int edu_start_mapped(struct edu *edu, dma_addr_t addr, size_t length, enum xen_dma_dir dir);
bool edu_done(struct edu *edu);
bool edu_overdue(const struct edu *edu);
/* When edu_done() or edu_overdue(): unmap. 0, or -XEN_ETIMEDOUT. */
int edu_finish(struct edu *edu);

/* Start, wait, finish. */
int edu_transfer(struct edu *edu, void *va, size_t length, enum xen_dma_dir dir);
int edu_transfer_mapped(struct edu *edu, dma_addr_t addr, size_t length, enum xen_dma_dir dir);

#endif
