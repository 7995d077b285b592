/* SPDX-License-Identifier: MIT */
/*
 * Reads, writes and flushes: mapping of the data, PRP entries, completion, deadlines.
 *
 * A PRP is a page of the data as the device sees it: the first may start anywhere in its page,
 * the others at a page's start. The device's min_align_mask makes bounced data keep its offset, so
 * that this holds for every mapping. With more than two PRPs the second names a list, one page of
 * coherent memory that belongs to the command ID.
 */
#include "nvme.h"

#include <xen/port.h>

#include "boot.h"
#include "cmdline.h"

#define REG_CSTS 0x1c
#define CSTS_FATAL (1u << 1)

static enum xen_dma_dir direction(const struct nvme_request *request)
{
	return request->op == NVME_READ ? XEN_DMA_FROM_DEVICE : XEN_DMA_TO_DEVICE;
}

/* The data as pieces of a page at most, which is how PRPs cut it. */
static int map_data(struct nvme *nvme, struct nvme_request *request)
{
	uint8_t *at = request->data;
	size_t left = request->length;
	int mapped;

	request->nr_sg = 0;
	while (left) {
		struct xen_dma_sg *sg = &request->sg[request->nr_sg++];
		size_t part = XEN_PAGE_SIZE - xen_page_offset((uintptr_t)at);

		if (part > left)
			part = left;
		*sg = (struct xen_dma_sg){
			.pfn = xen_port_virt_to_pfn(at),
			.offset = (uint32_t)xen_page_offset((uintptr_t)at),
			.length = (uint32_t)part,
		};
		at += part;
		left -= part;
	}
	mapped = xen_dma_map_sg(&nvme->dma, request->sg, request->nr_sg, direction(request), 0);
	if (mapped <= 0) {
		boot_printf("nvme %s: %lu bytes cannot be mapped (%d)\n", nvme->name,
			    request->length, mapped);
		return mapped ? mapped : -XEN_EIO;
	}
	nvme->bytes_mapped += request->length;
	return mapped;
}

static void unmap_data(struct nvme *nvme, struct nvme_request *request)
{
	if (request->op != NVME_FLUSH)
		xen_dma_unmap_sg(&nvme->dma, request->sg, request->nr_sg, direction(request), 0);
}

/* Fill the command's PRPs from @mapped pieces. -XEN_EIO: a piece breaks the rule for PRPs. */
static int set_prps(struct nvme_queue *queue, struct nvme_command *command,
		    const struct nvme_request *request, unsigned int mapped)
{
	uint64_t *list = queue->prp_list + command->id * (XEN_PAGE_SIZE / 8);
	unsigned int i, nr = 0;

	for (i = 0; i < mapped; i++) {
		dma_addr_t at = request->sg[i].dma_addr;
		dma_addr_t end = at + request->sg[i].dma_length;

		if ((nr && xen_page_offset(at)) || (i + 1 < mapped && xen_page_offset(end)))
			return -XEN_EIO;
		while (at < end) {
			if (!nr)
				command->prp1 = at;
			else if (nr < NVME_MAX_PAGES)
				list[nr - 1] = at;
			else
				return -XEN_EIO;
			at = (at & XEN_PAGE_MASK) + XEN_PAGE_SIZE;
			nr++;
		}
	}
	if (nr == 2)
		command->prp2 = list[0];
	else if (nr > 2)
		command->prp2 = queue->prp_dma + command->id * XEN_PAGE_SIZE;
	return 0;
}

static bool in_bounds(const struct nvme *nvme, const struct nvme_request *request)
{
	uint64_t blocks = request->length >> nvme->block_shift;

	return request->length && request->length <= nvme->max_bytes &&
	       !(request->length & ((1UL << nvme->block_shift) - 1)) &&
	       !((uintptr_t)request->data & 3) && blocks <= nvme->blocks &&
	       request->block <= nvme->blocks - blocks;
}

int nvme_start(struct nvme *nvme, struct nvme_request *request)
{
	struct nvme_command command = {.opcode = (uint8_t)request->op, .nsid = 1};
	int id, mapped, err;

	if (nvme->broken)
		return -XEN_EIO;
	id = nvme_queue_id(&nvme->io);
	if (id < 0)
		return -XEN_EBUSY;
	command.id = (uint16_t)id;
	if (request->op != NVME_FLUSH) {
		if (!in_bounds(nvme, request))
			return -XEN_EINVAL;
		mapped = map_data(nvme, request);
		if (mapped < 0)
			return mapped;
		err = set_prps(&nvme->io, &command, request, (unsigned int)mapped);
		if (err) {
			boot_printf("nvme %s: a mapping does not fit PRPs\n", nvme->name);
			unmap_data(nvme, request);
			return err;
		}
		command.dw10 = (uint32_t)request->block;
		command.dw11 = (uint32_t)(request->block >> 32);
		command.dw12 = (uint32_t)(request->length >> nvme->block_shift) - 1;
	}
	nvme_queue_submit(&nvme->io, &command, request);
	return 0;
}

/* All requests in flight end with @error; the controller is stopped already. */
static unsigned int end_all(struct nvme *nvme, int error)
{
	unsigned int i, ended = 0;

	for (i = 0; i < NVME_DEPTH; i++) {
		struct nvme_request *request = nvme->io.slot[i];

		if (!request)
			continue;
		nvme->io.slot[i] = NULL;
		nvme->io.in_flight--;
		unmap_data(nvme, request);
		request->error = error;
		request->done = true;
		ended++;
	}
	return ended;
}

static bool healthy(struct nvme *nvme)
{
	uint64_t now = xen_port_clock_ns();
	uint32_t status;
	unsigned int i;

	if (nvme->broken)
		return false;
	status = nvme_read32(nvme, REG_CSTS);
	if (status & CSTS_FATAL) {
		boot_printf("nvme %s: %s\n", nvme->name,
			    status == ~0u ? "the controller is gone"
					  : "the controller reports a fatal status");
		nvme_break(nvme);
		return false;
	}
	for (i = 0; i < NVME_DEPTH; i++) {
		struct nvme_request *request = nvme->io.slot[i];

		if (!request || now <= request->deadline)
			continue;
		boot_printf("nvme %s: no answer for block %lu within %lu ms\n", nvme->name,
			    request->block, options.wait_ms);
		nvme_break(nvme);
		return false;
	}
	return true;
}

unsigned int nvme_poll(struct nvme *nvme)
{
	struct nvme_request *request;
	unsigned int ended = 0;

	while (!nvme->broken && nvme_queue_reap(&nvme->io, &request)) {
		unmap_data(nvme, request);
		ended++;
	}
	if (nvme->io.in_flight && !healthy(nvme))
		ended += end_all(nvme, -XEN_EIO);
	return ended;
}

struct awaited {
	struct nvme *nvme;
	struct nvme_request *request;
};

static bool request_done(void *arg)
{
	struct awaited *awaited = arg;

	nvme_poll(awaited->nvme);
	return awaited->request->done;
}

int nvme_run(struct nvme *nvme, struct nvme_request *request)
{
	struct awaited awaited = {nvme, request};
	int err = nvme_start(nvme, request);

	if (err)
		return err;
	/* Past the request's own deadline nvme_poll() ends it. */
	while (!boot_wait(request_done, &awaited, options.wait_ms * 1000000))
		;
	return request->error;
}

int nvme_flush(struct nvme *nvme)
{
	struct nvme_request *request;
	int err;

	if (!nvme->write_cache)
		return nvme->broken ? -XEN_EIO : 0;
	request = xen_port_alloc(sizeof(*request));
	if (!request)
		return -XEN_ENOMEM;
	request->op = NVME_FLUSH;
	err = nvme_run(nvme, request);
	xen_port_free(request, sizeof(*request));
	return err;
}
