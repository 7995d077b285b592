/* SPDX-License-Identifier: MIT */
/*
 * Models of PCI devices at register level: QEMU's "edu" and an NVMe controller. They are driven by
 * loads and stores of what the guest has mapped of their BARs, reach memory by machine address only
 * and signal by messages or a line. A register answers at once; what takes a device its time (DMA,
 * completions, interrupts) happens in model_devices_step().
 *
 * A device obeys its config space: without memory decode its registers read as ones, without bus
 * mastering it reaches nothing. DMA that it may not do is refused and counted.
 */
#ifndef XENDMA_TESTS_MODEL_DEVICE_H
#define XENDMA_TESTS_MODEL_DEVICE_H

#include <xen/pci.h>
#include <xen/types.h>

struct model_device;

enum model_manners {
	MODEL_HONEST,
	MODEL_SILENT,	  /* takes orders and never finishes them */
	MODEL_MUTE,	  /* finishes, without an interrupt */
	MODEL_GONE,	  /* all registers read as ones, nothing is done */
	MODEL_ASTRAY,	  /* uses addresses of its own choice */
	MODEL_WRONG_ID,	  /* nvme: completes commands that nobody gave */
	MODEL_FATAL,	  /* nvme: reports a fatal status */
	MODEL_EMPTY,	  /* nvme: says that its namespace has no blocks */
	MODEL_REFUSES,	  /* nvme: ends I/O commands with an error */
	MODEL_NOT_ITSELF, /* its identification is wrong */
};

#define MODEL_EDU_BUFFER 4096

/* Plug a device into model PCI with its registers at @bar (a multiple of 1 MiB, below 4 GiB). The
 * edu has MSI, and INTx A on GSI 11. */
struct model_device *model_edu_plug(struct xen_pci_addr addr, uint64_t bar);
/* @bytes of disk, of blocks of 512, zeroed; @queues MSI-X entries and queues, the admin one
 * included (2 to 16). */
struct model_device *model_nvme_plug(struct xen_pci_addr addr, uint64_t bar, const char *serial,
				     size_t bytes, unsigned int queues);
/* Its registers must not be mapped. */
void model_device_unplug(struct model_device *device);

void model_device_behave(struct model_device *device, enum model_manners manners);

/* Every device does what it was told: did any do something? Events are delivered. */
bool model_devices_step(void);

/* The edu's buffer; the disk's bytes. */
uint8_t *model_device_memory(struct model_device *device);
/* DMA that was refused: not RAM of the domain, out of the device's reach, no bus mastering. */
uint64_t model_device_strays(const struct model_device *device);
/* Interrupts sent that somebody listened to. */
uint64_t model_device_interrupts(const struct model_device *device);

#endif
