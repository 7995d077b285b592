/* SPDX-License-Identifier: MIT */
/*
 * Queue pairs: submission, completion, doorbells, interrupts.
 *
 * A command ID is an index into slot[]; the controller's completions are believed only for IDs
 * that are in flight. Never more than NVME_DEPTH - 1 commands are under way, so that neither ring
 * can overrun. The interrupt handler only counts: the program reaps. Nothing to lock.
 */
#include "nvme.h"

#include <xen/atomic.h>
#include <xen/port.h>

#include "boot.h"
#include "cmdline.h"

#define REG_INTMS 0x0c
#define REG_INTMC 0x10
#define REG_CSTS 0x1c
#define REG_DOORBELLS 0x1000
#define CSTS_FATAL (1u << 1)

#define SQ_BYTES (NVME_DEPTH * sizeof(struct nvme_command))
#define CQ_BYTES (NVME_DEPTH * sizeof(struct nvme_completion))
#define PRP_BYTES (NVME_DEPTH * XEN_PAGE_SIZE)

_Static_assert(sizeof(struct nvme_command) == 64, "a submission entry is 64 bytes");
_Static_assert(sizeof(struct nvme_completion) == 16, "a completion entry is 16 bytes");

uint32_t nvme_read32(const struct nvme *nvme, unsigned int reg)
{
	return *(volatile uint32_t *)(nvme->regs + reg);
}

void nvme_write32(const struct nvme *nvme, unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(nvme->regs + reg) = value;
}

static void ring(const struct nvme_queue *queue, unsigned int completion, uint16_t value)
{
	unsigned int index = 2u * queue->id + completion;

	nvme_write32(queue->nvme, REG_DOORBELLS + (index * (4u << queue->nvme->doorbell_shift)),
		     value);
}

int nvme_queue_alloc(struct nvme *nvme, struct nvme_queue *queue, uint16_t id)
{
	*queue = (struct nvme_queue){.nvme = nvme, .id = id, .phase = 1, .irq.pirq = -1};
	queue->sq = xen_dma_alloc_coherent(&nvme->dma, SQ_BYTES, &queue->sq_dma);
	queue->cq = xen_dma_alloc_coherent(&nvme->dma, CQ_BYTES, &queue->cq_dma);
	/* Admin commands here move a page at most and need no list. */
	if (id)
		queue->prp_list = xen_dma_alloc_coherent(&nvme->dma, PRP_BYTES, &queue->prp_dma);
	if (queue->sq && queue->cq && (queue->prp_list || !id))
		return 0;
	nvme_queue_free(queue);
	boot_printf("nvme %s: no coherent memory for queue %u (%d)\n", nvme->name, id,
		    nvme->dma.last_error);
	return nvme->dma.last_error ? nvme->dma.last_error : -XEN_ENOMEM;
}

void nvme_queue_free(struct nvme_queue *queue)
{
	struct xen_dma_dev *dma = &queue->nvme->dma;

	xen_pirq_release(&queue->irq);
	xen_dma_free_coherent(dma, queue->sq, SQ_BYTES, queue->sq_dma);
	xen_dma_free_coherent(dma, (void *)(uintptr_t)queue->cq, CQ_BYTES, queue->cq_dma);
	xen_dma_free_coherent(dma, queue->prp_list, PRP_BYTES, queue->prp_dma);
	queue->sq = NULL;
	queue->cq = NULL;
	queue->prp_list = NULL;
}

static void queue_interrupt(void *arg)
{
	struct nvme_queue *queue = arg;

	xen_store(&queue->interrupts, queue->interrupts + 1);
}

/* A line stays asserted until the completions are reaped, which is not done here. */
static void line_interrupt(void *arg)
{
	struct nvme *nvme = arg;

	nvme_write32(nvme, REG_INTMS, ~0u);
	xen_store(&nvme->masked, 1);
	queue_interrupt(&nvme->admin);
	queue_interrupt(&nvme->io);
}

/* What was reaped has been said to the controller: a completion since then asserts the line. */
static void unmask_line(struct nvme *nvme)
{
	if (!xen_load(&nvme->masked))
		return;
	xen_store(&nvme->masked, 0);
	nvme_write32(nvme, REG_INTMC, ~0u);
}

static int connect_line(struct nvme *nvme)
{
	int err = xen_pirq_map_intx(&nvme->admin.irq, nvme->pci);

	if (!err)
		err = xen_pirq_bind(&nvme->admin.irq, true, line_interrupt, nvme);
	return err;
}

static int connect_messages(struct nvme *nvme)
{
	struct xen_pirq *const irq[] = {&nvme->admin.irq, &nvme->io.irq};
	static const uint16_t entry[] = {0, 1};
	/* At once, for a backend takes no second one. */
	int err = xen_pirq_map_msix_many(irq, nvme->pci, entry, 2);

	if (!err)
		err = xen_pirq_bind(irq[0], false, queue_interrupt, &nvme->admin);
	if (!err)
		err = xen_pirq_bind(irq[1], false, queue_interrupt, &nvme->io);
	if (!err)
		return 0;
	xen_pirq_release(irq[1]);
	xen_pirq_release(irq[0]);
	return err;
}

int nvme_connect(struct nvme *nvme)
{
	int messages = connect_messages(nvme), line;

	if (!messages)
		return 0;
	nvme->intx = true;
	line = connect_line(nvme);
	if (line)
		boot_printf("nvme %s: no interrupts: MSI-X %d, INTx %d\n", nvme->name, messages,
			    line);
	return line;
}

int nvme_queue_id(const struct nvme_queue *queue)
{
	int id;

	if (queue->in_flight >= NVME_DEPTH - 1)
		return -1;
	for (id = 0; id < NVME_DEPTH; id++)
		if (!queue->slot[id])
			return id;
	return -1;
}

void nvme_queue_submit(struct nvme_queue *queue, const struct nvme_command *command,
		       struct nvme_request *request)
{
	request->done = false;
	request->error = 0;
	request->deadline = xen_port_clock_ns() + options.wait_ms * 1000000;
	queue->slot[command->id] = request;
	queue->in_flight++;
	queue->sq[queue->tail] = *command;
	queue->tail = (uint16_t)((queue->tail + 1) % NVME_DEPTH);
	xen_wmb(); /* the entry before the doorbell */
	ring(queue, 0, queue->tail);
}

/* A line for a failed command, with the words for the statuses that one meets. */
static void log_status(const struct nvme_queue *queue, const struct nvme_request *request,
		       unsigned int status)
{
	static const char *const op_name[] = {"flush", "write", "read"};
	const char *why = "";

	switch (status & 0x7ff) {
	case 0x002:
		why = ": invalid field";
		break;
	case 0x006:
		why = ": internal error of the device";
		break;
	case 0x00b:
		why = ": no such namespace";
		break;
	case 0x080:
		why = ": beyond the end of the disk";
		break;
	case 0x280:
		why = ": write fault";
		break;
	case 0x281:
		why = ": unrecovered read error";
		break;
	}
	if (queue->id)
		boot_printf("nvme %s: %s of block %lu failed, status 0x%x%s\n", queue->nvme->name,
			    op_name[request->op], request->block, status & 0x7ff, why);
	else
		boot_printf("nvme %s: admin command failed, status 0x%x%s\n", queue->nvme->name,
			    status & 0x7ff, why);
}

bool nvme_queue_reap(struct nvme_queue *queue, struct nvme_request **request)
{
	volatile struct nvme_completion *entry = &queue->cq[queue->head];
	uint16_t status = xen_load_acquire(&entry->status);
	uint16_t id;

	if ((status & 1) != queue->phase) {
		unmask_line(queue->nvme);
		return false;
	}
	id = entry->id;
	queue->admin_result = entry->result;
	queue->head = (uint16_t)((queue->head + 1) % NVME_DEPTH);
	if (!queue->head)
		queue->phase ^= 1;
	if (id >= NVME_DEPTH || !queue->slot[id]) {
		boot_printf("nvme %s: completion for command %u, which is not in flight\n",
			    queue->nvme->name, id);
		nvme_break(queue->nvme);
		return false;
	}
	ring(queue, 1, queue->head);
	*request = queue->slot[id];
	queue->slot[id] = NULL;
	queue->in_flight--;
	(*request)->error = status >> 1 & 0x7ff ? -XEN_EIO : 0;
	if ((*request)->error)
		log_status(queue, *request, status >> 1);
	(*request)->done = true;
	return true;
}

static bool admin_progress(void *arg)
{
	struct nvme *nvme = arg;
	struct nvme_request *request;

	return nvme->broken || nvme_queue_reap(&nvme->admin, &request);
}

int nvme_admin(struct nvme *nvme, struct nvme_command *command, uint32_t *result)
{
	struct nvme_request request = {0};

	if (nvme->broken)
		return -XEN_EIO;
	command->id = 0; /* one at a time */
	nvme_queue_submit(&nvme->admin, command, &request);
	boot_wait(admin_progress, nvme, options.wait_ms * 1000000);
	if (!request.done) {
		boot_printf("nvme %s: no answer to admin command 0x%x within %lu ms\n", nvme->name,
			    command->opcode, options.wait_ms);
		nvme_break(nvme);
		nvme->admin.slot[0] = NULL;
		return -XEN_ETIMEDOUT;
	}
	if (nvme_read32(nvme, REG_CSTS) & CSTS_FATAL) {
		boot_printf("nvme %s: the controller reports a fatal status\n", nvme->name);
		nvme_break(nvme);
		return -XEN_EIO;
	}
	if (result)
		*result = nvme->admin.admin_result;
	return request.error;
}
