/* SPDX-License-Identifier: MIT */
/*
 * A small NVMe driver: one admin queue, one pair of I/O queues, namespace 1. Queues and PRP lists
 * are coherent memory, data is mapped for streaming; completions come by MSI-X, or by the line
 * where messages are not to be had (a backend without IOMMU): then both queues share one interrupt,
 * which is masked in the controller until the program has reaped.
 *
 * Many requests may be in flight: nvme_start() begins one, nvme_poll() takes completions in,
 * request->done says that one has ended. A controller that reports a fatal status, answers
 * nonsense or misses a deadline is broken: it is stopped and its requests end with an error.
 *
 * Context: CPU 0, outside interrupts. Errors are negative errno, logged where they arise.
 */
#ifndef XENDMA_GUEST_NVME_H
#define XENDMA_GUEST_NVME_H

#include <xen/dma.h>
#include <xen/pci.h>
#include <xen/pirq.h>

#include "host.h"

#define NVME_CLASS 0x010802
#define NVME_DEPTH 32			    /* entries of each queue; one less in flight */
#define NVME_MAX_PAGES 65		    /* of a request: 256 KiB that start in mid-page */
#define NVME_MAX_BYTES (64 * XEN_PAGE_SIZE) /* of a request */

enum nvme_op { NVME_FLUSH = 0, NVME_WRITE = 1, NVME_READ = 2 };

struct nvme_command {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t nsid;
	uint64_t reserved, metadata;
	uint64_t prp1, prp2;
	uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
};

struct nvme_completion {
	uint32_t result, reserved;
	uint16_t sq_head, sq_id;
	uint16_t id, status; /* bit 0 of status: phase */
};

struct nvme_request {
	/* the caller's */
	enum nvme_op op;
	uint64_t block;	 /* first block; not for flush */
	void *data;	 /* kernel RAM, 4-byte aligned */
	size_t length;	 /* bytes, whole blocks, at most nvme->max_bytes */
	uint64_t cookie; /* not looked at */
	/* the driver's */
	bool done;
	int error; /* when done: 0 or negative errno */
	uint64_t deadline;
	unsigned int nr_sg;
	struct xen_dma_sg sg[NVME_MAX_PAGES];
};

struct nvme_queue {
	struct nvme *nvme;
	uint16_t id; /* 0: admin */
	uint16_t tail, head;
	uint8_t phase;
	unsigned int in_flight;
	struct nvme_command *sq;
	volatile struct nvme_completion *cq;
	uint64_t *prp_list; /* one page a command ID */
	dma_addr_t sq_dma, cq_dma, prp_dma;
	struct nvme_request *slot[NVME_DEPTH]; /* by command ID; NULL: free */
	uint32_t admin_result;
	struct xen_pirq irq;
	uint32_t interrupts;
};

struct nvme {
	struct xen_pci_dev *pci;
	char name[GUEST_ADDR_MAX];
	volatile uint8_t *regs;
	size_t regs_size;
	unsigned int doorbell_shift; /* distance of doorbells: 4 << shift */
	uint64_t ready_ns;	     /* the controller's own limit for becoming ready */
	bool broken;
	bool write_cache;
	struct xen_dma_dev dma;
	bool intx;	 /* no MSI-X */
	uint32_t masked; /* the line is */
	struct nvme_queue admin, io;
	char serial[21], model[41];
	unsigned int block_shift;
	uint64_t blocks;
	size_t max_bytes;      /* of a request */
	uint64_t bytes_mapped; /* all requests' sizes summed */
};

/* nvme.c: bring the controller up and identify namespace 1; on error nothing is held. */
int nvme_open(struct nvme *nvme, struct xen_pci_dev *pci);
/* Orderly shutdown. Requests still in flight are ended first. */
void nvme_close(struct nvme *nvme);
/* Stop the controller at once; nvme_poll() ends the requests in flight. Safe to call twice. */
void nvme_break(struct nvme *nvme);
static inline uint64_t nvme_bytes(const struct nvme *nvme)
{
	return nvme->blocks << nvme->block_shift;
}

/* nvme-io.c: read, write, flush. */
/* -XEN_EBUSY: the queue is full; -XEN_EINVAL: not whole blocks, beyond the end, too long. */
int nvme_start(struct nvme *nvme, struct nvme_request *request);
/* Take completions in, look at deadlines. Returns how many requests have ended. */
unsigned int nvme_poll(struct nvme *nvme);
/* nvme_start() and wait for it. */
int nvme_run(struct nvme *nvme, struct nvme_request *request);
/* Write-cache to disk. */
int nvme_flush(struct nvme *nvme);

/* nvme-queue.c: used by the other two. */
uint32_t nvme_read32(const struct nvme *nvme, unsigned int reg);
void nvme_write32(const struct nvme *nvme, unsigned int reg, uint32_t value);
int nvme_queue_alloc(struct nvme *nvme, struct nvme_queue *queue, uint16_t id);
void nvme_queue_free(struct nvme_queue *queue);
/* Their interrupts. What was connected on error goes with the queues. */
int nvme_connect(struct nvme *nvme);
/* A free command ID, -1 when the queue is full. */
int nvme_queue_id(const struct nvme_queue *queue);
/* Hand @command over under the ID that it carries. */
void nvme_queue_submit(struct nvme_queue *queue, const struct nvme_command *command,
		       struct nvme_request *request);
/* Take the next completion: its request in *@request with done and error set. False: none. */
bool nvme_queue_reap(struct nvme_queue *queue, struct nvme_request **request);
/* One admin command, waited for. @result may be NULL. */
int nvme_admin(struct nvme *nvme, struct nvme_command *command, uint32_t *result);

#endif
