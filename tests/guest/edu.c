/* SPDX-License-Identifier: MIT */
/*
 * The edu driver. The interrupt handler acknowledges and sets a flag; all else runs in the
 * program's own context, so there is nothing to lock. The device is believed in nothing: not its
 * identity, nor that it will ever finish.
 */
#include "edu.h"

#include <xen/atomic.h>
#include <xen/mmu.h>
#include <xen/port.h>

#include "boot.h"
#include "cmdline.h"
#include "text.h"

#define REG_ID 0x00
#define REG_LIVENESS 0x04
#define REG_IRQ_STATUS 0x24
#define REG_IRQ_ACK 0x64
#define REG_DMA_SRC 0x80
#define REG_DMA_DST 0x88
#define REG_DMA_COUNT 0x90
#define REG_DMA_CMD 0x98
#define REGS_SIZE 0x1000

#define ID_MAGIC 0x00ed
#define CMD_START (1u << 0)
#define CMD_TO_RAM (1u << 1)
#define CMD_IRQ (1u << 2)
#define IRQ_DMA 0x100
#define DEVICE_BUFFER 0x40000

static uint32_t read32(const struct edu *edu, unsigned int reg)
{
	return *(volatile uint32_t *)(edu->regs + reg);
}

static void write32(const struct edu *edu, unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(edu->regs + reg) = value;
}

static void write64(const struct edu *edu, unsigned int reg, uint64_t value)
{
	*(volatile uint64_t *)(edu->regs + reg) = value;
}

static void edu_interrupt(void *arg)
{
	struct edu *edu = arg;
	uint32_t status = read32(edu, REG_IRQ_STATUS);

	/* All ones: the device is gone. None: the line is shared and somebody else meant. */
	if (!status || status == ~0u)
		return;
	write32(edu, REG_IRQ_ACK, status);
	xen_store(&edu->interrupts, edu->interrupts + 1);
	if (status & IRQ_DMA)
		xen_store_release(&edu->finished, 1);
}

static int answers_as_edu(const struct edu *edu)
{
	uint32_t id = read32(edu, REG_ID);
	uint32_t probe = 0x5aa51234;

	write32(edu, REG_LIVENESS, probe);
	if ((id & 0xffff) == ID_MAGIC && read32(edu, REG_LIVENESS) == ~probe)
		return 0;
	boot_printf("edu %s: does not answer as an edu (identification 0x%08x)\n", edu->name, id);
	return -XEN_ENODEV;
}

static int connect_interrupt(struct edu *edu)
{
	int err = 0;

	edu->irq.pirq = -1;
	if (edu->mode == EDU_MSI)
		err = xen_pirq_map_msi(&edu->irq, edu->pci);
	else if (edu->mode == EDU_INTX)
		err = xen_pirq_map_intx(&edu->irq, edu->pci);
	else
		return 0;
	if (err)
		return err;
	err = xen_pirq_bind(&edu->irq, edu->mode == EDU_INTX, edu_interrupt, edu);
	if (err)
		xen_pirq_release(&edu->irq);
	return err;
}

int edu_open(struct edu *edu, struct xen_pci_dev *pci, enum edu_interrupt mode)
{
	static const struct xen_dma_limits limits = {.mask = EDU_MASK};
	const struct xen_pci_resource *bar = &pci->res[0];
	int err;

	*edu = (struct edu){.pci = pci, .mode = mode};
	guest_addr_text(pci->addr, edu->name);
	if (!(bar->flags & XEN_PCI_RES_CLAIMED) || bar->size < REGS_SIZE) {
		boot_printf("edu %s: BAR 0 has no usable address\n", edu->name);
		return -XEN_ENODEV;
	}
	err = xen_pci_command(pci, XEN_PCI_COMMAND_MEMORY | XEN_PCI_COMMAND_MASTER, 0);
	if (err)
		return err;
	edu->regs = xen_mmio_map(bar->start, REGS_SIZE, XEN_CACHE_UC, &err);
	if (!edu->regs) {
		boot_printf("edu %s: BAR 0 cannot be mapped (%d)\n", edu->name, err);
		goto disable;
	}
	err = answers_as_edu(edu);
	if (err)
		goto unmap;
	err = xen_dma_dev_init(&edu->dma, edu->name, &xen_swiotlb_dma_ops, &limits);
	if (err)
		goto unmap;
	write32(edu, REG_IRQ_ACK, ~0u);
	err = connect_interrupt(edu);
	if (!err)
		return 0;
	boot_printf("edu %s: no %s interrupt (%d)\n", edu->name, mode == EDU_MSI ? "MSI" : "INTx",
		    err);
	xen_dma_dev_fini(&edu->dma);
unmap:
	xen_mmio_unmap(edu->regs, REGS_SIZE);
disable:
	xen_pci_command(pci, 0, XEN_PCI_COMMAND_MASTER);
	return err;
}

/* Takes the bus away from the device, after which no byte of RAM can change any more. */
static void edu_quiesce(struct edu *edu)
{
	xen_pci_command(edu->pci, 0, XEN_PCI_COMMAND_MASTER);
	edu->broken = true;
}

static void end_transfer(struct edu *edu)
{
	if (edu->mapped)
		xen_dma_unmap(&edu->dma, edu->addr, edu->length, edu->dir, 0);
	edu->mapped = false;
	edu->busy = false;
}

void edu_close(struct edu *edu)
{
	edu_quiesce(edu);
	if (edu->busy)
		end_transfer(edu);
	xen_pirq_release(&edu->irq);
	xen_dma_dev_fini(&edu->dma);
	xen_mmio_unmap(edu->regs, REGS_SIZE);
}

int edu_start_mapped(struct edu *edu, dma_addr_t addr, size_t length, enum xen_dma_dir dir)
{
	uint32_t command = CMD_START;

	if (!length || length > EDU_TRANSFER_MAX)
		return -XEN_EINVAL;
	if (edu->broken || edu->busy)
		return -XEN_EBUSY;
	edu->addr = addr;
	edu->length = length;
	edu->dir = dir;
	edu->busy = true;
	edu->deadline = xen_port_clock_ns() + options.wait_ms * 1000000;
	xen_store(&edu->finished, 0);
	write64(edu, REG_DMA_SRC, dir == XEN_DMA_TO_DEVICE ? addr : DEVICE_BUFFER);
	write64(edu, REG_DMA_DST, dir == XEN_DMA_TO_DEVICE ? DEVICE_BUFFER : addr);
	write64(edu, REG_DMA_COUNT, length);
	if (dir != XEN_DMA_TO_DEVICE)
		command |= CMD_TO_RAM;
	if (edu->mode != EDU_POLL)
		command |= CMD_IRQ;
	xen_wmb();
	write64(edu, REG_DMA_CMD, command);
	return 0;
}

int edu_start(struct edu *edu, void *va, size_t length, enum xen_dma_dir dir)
{
	dma_addr_t addr;
	int err;

	if (edu->broken || edu->busy)
		return -XEN_EBUSY;
	addr = xen_dma_map_single(&edu->dma, va, length, dir, 0);
	if (xen_dma_mapping_error(addr)) {
		boot_printf("edu %s: %lu bytes cannot be mapped (%d)\n", edu->name, length,
			    edu->dma.last_error);
		return edu->dma.last_error;
	}
	err = edu_start_mapped(edu, addr, length, dir);
	if (err) {
		xen_dma_unmap(&edu->dma, addr, length, dir, 0);
		return err;
	}
	edu->mapped = true;
	edu->bytes_mapped += length;
	return 0;
}

bool edu_done(struct edu *edu)
{
	if (!edu->busy)
		return false;
	if (edu->mode == EDU_POLL)
		return !(read32(edu, REG_DMA_CMD) & CMD_START);
	return xen_load_acquire(&edu->finished);
}

bool edu_overdue(const struct edu *edu)
{
	return edu->busy && xen_port_clock_ns() > edu->deadline;
}

int edu_finish(struct edu *edu)
{
	int err = 0;

	if (!edu_done(edu)) {
		boot_printf("edu %s: no answer within %lu ms (command register 0x%x)\n", edu->name,
			    options.wait_ms, read32(edu, REG_DMA_CMD));
		edu_quiesce(edu);
		err = -XEN_ETIMEDOUT;
	}
	end_transfer(edu);
	return err;
}

static bool done(void *arg)
{
	return edu_done(arg);
}

static int wait_and_finish(struct edu *edu)
{
	if (edu->mode == EDU_POLL) {
		while (!edu_done(edu) && !edu_overdue(edu))
			boot_delay(1000000);
	} else {
		boot_wait(done, edu, options.wait_ms * 1000000);
	}
	return edu_finish(edu);
}

int edu_transfer(struct edu *edu, void *va, size_t length, enum xen_dma_dir dir)
{
	int err = edu_start(edu, va, length, dir);

	return err ? err : wait_and_finish(edu);
}

int edu_transfer_mapped(struct edu *edu, dma_addr_t addr, size_t length, enum xen_dma_dir dir)
{
	int err = edu_start_mapped(edu, addr, length, dir);

	return err ? err : wait_and_finish(edu);
}
