/* SPDX-License-Identifier: MIT */
/*
 * The controller: reset, admin queue, identification, I/O queues, shutdown. Every state that the
 * controller should reach is waited for with a deadline; what it says about itself is checked
 * before it is used.
 */
#include "nvme.h"

#include <xen/mmu.h>
#include <xen/port.h>

#include "boot.h"
#include "cmdline.h"
#include "text.h"

#define REG_CAP 0x00
#define REG_CC 0x14
#define REG_CSTS 0x1c
#define REG_AQA 0x24
#define REG_ASQ 0x28
#define REG_ACQ 0x30
#define REGS_MIN 0x2000

#define CC_ENABLE (1u << 0)
#define CC_SHUTDOWN (1u << 14)
#define CC_ENTRIES ((6u << 16) | (4u << 20)) /* 64-byte commands, 16-byte completions */
#define CSTS_READY (1u << 0)
#define CSTS_FATAL (1u << 1)
#define CSTS_SHUTDOWN_DONE (2u << 2)
#define CSTS_SHUTDOWN_MASK (3u << 2)

#define ADMIN_DELETE_SQ 0x00
#define ADMIN_CREATE_SQ 0x01
#define ADMIN_DELETE_CQ 0x04
#define ADMIN_CREATE_CQ 0x05
#define ADMIN_IDENTIFY 0x06

static uint64_t read_le(const uint8_t *p, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | p[bytes];
	return value;
}

/* Wait until the bits @mask of the status are @value. */
static bool wait_status(struct nvme *nvme, uint32_t mask, uint32_t value)
{
	uint64_t deadline = xen_port_clock_ns() + nvme->ready_ns;

	for (;;) {
		uint32_t status = nvme_read32(nvme, REG_CSTS);

		if (status == ~0u) /* gone from the bus */
			return false;
		if ((status & mask) == value)
			return true;
		if (xen_port_clock_ns() > deadline)
			return false;
		boot_delay(100000);
	}
}

void nvme_break(struct nvme *nvme)
{
	if (nvme->broken)
		return;
	nvme->broken = true;
	nvme_write32(nvme, REG_CC, 0);
	/* Whether it obeys or not, without the bus it can do no more harm. */
	if (!wait_status(nvme, CSTS_READY, 0))
		boot_printf("nvme %s: does not stop; taken off the bus\n", nvme->name);
	xen_pci_command(nvme->pci, 0, XEN_PCI_COMMAND_MASTER);
}

static int map_registers(struct nvme *nvme)
{
	const struct xen_pci_resource *bar = &nvme->pci->res[0];
	uint64_t cap;
	int err;

	if (!(bar->flags & XEN_PCI_RES_CLAIMED) || bar->size < REGS_MIN) {
		boot_printf("nvme %s: BAR 0 has no usable address\n", nvme->name);
		return -XEN_ENODEV;
	}
	nvme->regs_size = REGS_MIN;
	nvme->regs = xen_mmio_map(bar->start, nvme->regs_size, XEN_CACHE_UC, &err);
	if (!nvme->regs) {
		boot_printf("nvme %s: BAR 0 cannot be mapped (%d)\n", nvme->name, err);
		return err;
	}
	cap = nvme_read32(nvme, REG_CAP) | (uint64_t)nvme_read32(nvme, REG_CAP + 4) << 32;
	nvme->doorbell_shift = cap >> 32 & 15;
	nvme->ready_ns = ((cap >> 24 & 255) + 1) * 500000000;
	/* Two queue pairs' doorbells must lie in what is mapped; pages of 4 KiB must be allowed. */
	if (cap != ~0ULL && (cap & 0xffff) + 1 >= NVME_DEPTH && nvme->doorbell_shift <= 8 &&
	    !(cap >> 48 & 15))
		return 0;
	boot_printf("nvme %s: capabilities 0x%016lx are none that this driver can use\n",
		    nvme->name, cap);
	xen_mmio_unmap(nvme->regs, nvme->regs_size);
	return -XEN_ENODEV;
}

static int enable(struct nvme *nvme)
{
	nvme_write32(nvme, REG_CC, 0);
	if (!wait_status(nvme, CSTS_READY, 0))
		goto late;
	nvme_write32(nvme, REG_AQA, (NVME_DEPTH - 1) << 16 | (NVME_DEPTH - 1));
	nvme_write32(nvme, REG_ASQ, (uint32_t)nvme->admin.sq_dma);
	nvme_write32(nvme, REG_ASQ + 4, (uint32_t)(nvme->admin.sq_dma >> 32));
	nvme_write32(nvme, REG_ACQ, (uint32_t)nvme->admin.cq_dma);
	nvme_write32(nvme, REG_ACQ + 4, (uint32_t)(nvme->admin.cq_dma >> 32));
	nvme_write32(nvme, REG_CC, CC_ENTRIES | CC_ENABLE);
	if (wait_status(nvme, CSTS_READY | CSTS_FATAL, CSTS_READY))
		return 0;
late:
	boot_printf("nvme %s: not ready within %lu ms (status 0x%x)\n", nvme->name,
		    nvme->ready_ns / 1000000, nvme_read32(nvme, REG_CSTS));
	return -XEN_ETIMEDOUT;
}

static int identify_into(struct nvme *nvme, uint32_t what, uint32_t nsid, uint8_t *page,
			 dma_addr_t dma)
{
	struct nvme_command command = {
		.opcode = ADMIN_IDENTIFY,
		.nsid = nsid,
		.prp1 = dma,
		.dw10 = what,
	};

	__builtin_memset(page, 0, XEN_PAGE_SIZE);
	return nvme_admin(nvme, &command, NULL);
}

static void read_controller(struct nvme *nvme, const uint8_t *page)
{
	unsigned int mdts = page[77];

	text_trim(nvme->serial, page + 4, 20);
	text_trim(nvme->model, page + 24, 40);
	nvme->write_cache = page[525] & 1;
	nvme->max_bytes = NVME_MAX_BYTES;
	if (mdts && mdts < 6)
		nvme->max_bytes = XEN_PAGE_SIZE << mdts;
}

static int read_namespace(struct nvme *nvme, const uint8_t *page)
{
	const uint8_t *format = page + 128 + 4 * (page[26] & 15);

	nvme->blocks = read_le(page, 8);
	nvme->block_shift = format[2];
	if (nvme->blocks && nvme->block_shift >= 9 && nvme->block_shift <= 12 &&
	    !read_le(format, 2) && nvme->blocks <= ~0ULL >> nvme->block_shift)
		return 0;
	boot_printf("nvme %s: namespace 1 has %lu blocks of 2^%u bytes, metadata %lu: not usable\n",
		    nvme->name, nvme->blocks, nvme->block_shift, read_le(format, 2));
	return -XEN_ENODEV;
}

static int identify(struct nvme *nvme)
{
	dma_addr_t dma;
	uint8_t *page = xen_dma_alloc_coherent(&nvme->dma, XEN_PAGE_SIZE, &dma);
	int err;

	if (!page)
		return nvme->dma.last_error;
	err = identify_into(nvme, 1, 0, page, dma);
	if (!err) {
		read_controller(nvme, page);
		err = identify_into(nvme, 0, 1, page, dma);
	}
	if (!err)
		err = read_namespace(nvme, page);
	/* A broken controller has lost the bus: the page is ours again in any case. */
	xen_dma_free_coherent(&nvme->dma, page, XEN_PAGE_SIZE, dma);
	return err;
}

static int create_io_queues(struct nvme *nvme)
{
	struct nvme_command cq = {
		.opcode = ADMIN_CREATE_CQ,
		.prp1 = nvme->io.cq_dma,
		.dw10 = (NVME_DEPTH - 1) << 16 | 1,
		/* Interrupt 1, or the line; enabled, contiguous. */
		.dw11 = (nvme->intx ? 0 : 1u << 16) | 3,
	};
	struct nvme_command sq = {
		.opcode = ADMIN_CREATE_SQ,
		.prp1 = nvme->io.sq_dma,
		.dw10 = (NVME_DEPTH - 1) << 16 | 1,
		.dw11 = 1u << 16 | 1, /* completions to queue 1, contiguous */
	};
	int err = nvme_admin(nvme, &cq, NULL);

	return err ? err : nvme_admin(nvme, &sq, NULL);
}

static int start_queues(struct nvme *nvme)
{
	int err;

	err = nvme_connect(nvme);
	if (!err)
		err = enable(nvme);
	if (!err)
		err = identify(nvme);
	if (!err)
		err = create_io_queues(nvme);
	if (err)
		nvme_break(nvme);
	return err;
}

int nvme_open(struct nvme *nvme, struct xen_pci_dev *pci)
{
	static const struct xen_dma_limits limits = {
		.mask = ~0ULL,
		.min_align_mask = XEN_PAGE_SIZE - 1,
	};
	int err;

	*nvme = (struct nvme){.pci = pci};
	guest_addr_text(pci->addr, nvme->name);
	err = xen_pci_command(pci, XEN_PCI_COMMAND_MEMORY | XEN_PCI_COMMAND_MASTER, 0);
	if (err)
		return err;
	err = map_registers(nvme);
	if (err)
		goto disable;
	err = xen_dma_dev_init(&nvme->dma, nvme->name, &xen_swiotlb_dma_ops, &limits);
	if (err)
		goto unmap;
	err = nvme_queue_alloc(nvme, &nvme->admin, 0);
	if (err)
		goto fini;
	err = nvme_queue_alloc(nvme, &nvme->io, 1);
	if (err)
		goto free_admin;
	err = start_queues(nvme);
	if (!err)
		return 0;
	nvme_queue_free(&nvme->io);
free_admin:
	nvme_queue_free(&nvme->admin);
fini:
	xen_dma_dev_fini(&nvme->dma);
unmap:
	xen_mmio_unmap(nvme->regs, nvme->regs_size);
disable:
	xen_pci_command(pci, 0, XEN_PCI_COMMAND_MASTER);
	return err;
}

static void shut_down(struct nvme *nvme)
{
	struct nvme_command delete_sq = {.opcode = ADMIN_DELETE_SQ, .dw10 = 1};
	struct nvme_command delete_cq = {.opcode = ADMIN_DELETE_CQ, .dw10 = 1};

	if (nvme_admin(nvme, &delete_sq, NULL) || nvme_admin(nvme, &delete_cq, NULL))
		return;
	nvme_write32(nvme, REG_CC, CC_ENTRIES | CC_ENABLE | CC_SHUTDOWN);
	if (!wait_status(nvme, CSTS_SHUTDOWN_MASK, CSTS_SHUTDOWN_DONE))
		boot_printf("nvme %s: does not complete its shutdown\n", nvme->name);
}

void nvme_close(struct nvme *nvme)
{
	if (nvme->io.in_flight)
		nvme_break(nvme);
	nvme_poll(nvme);
	/* One that is not ready was reset behind our back, and has no queues. */
	if (!nvme->broken && nvme_read32(nvme, REG_CSTS) & CSTS_READY)
		shut_down(nvme);
	nvme_break(nvme);
	nvme_queue_free(&nvme->io);
	nvme_queue_free(&nvme->admin);
	xen_dma_dev_fini(&nvme->dma);
	xen_mmio_unmap(nvme->regs, nvme->regs_size);
}
