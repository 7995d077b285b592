/* SPDX-License-Identifier: MIT */
/*
 * NVMe commands: identification, queues, reads, writes and flushes of namespace 1, whose blocks of
 * 512 bytes are memory. Data is described by PRPs, lists of them chained where they are long. Model
 * lock held.
 */
#include <stdio.h>
#include <string.h>

#include <model/device-internal.h>

#define BLOCK_SHIFT 9
#define LIST_ENTRIES (XEN_PAGE_SIZE / 8)

#define ADMIN_DELETE_SQ 0x00
#define ADMIN_CREATE_SQ 0x01
#define ADMIN_DELETE_CQ 0x04
#define ADMIN_CREATE_CQ 0x05
#define ADMIN_IDENTIFY 0x06
#define ADMIN_SET_FEATURES 0x09
#define IO_FLUSH 0x00
#define IO_WRITE 0x01
#define IO_READ 0x02
#define FEATURE_QUEUES 0x07

#define BAD_OPCODE 0x001
#define BAD_FIELD 0x002
#define BAD_TRANSFER 0x004
#define INTERNAL 0x006
#define BAD_NAMESPACE 0x00b
#define BAD_PRP_OFFSET 0x013
#define BEYOND_END 0x080
#define BAD_CQ 0x100 /* of a command: no such completion queue */
#define BAD_QUEUE_ID 0x101
#define BAD_QUEUE_SIZE 0x102
#define BAD_VECTOR 0x108
#define BAD_DELETION 0x10c

struct command {
	uint8_t opcode;
	uint32_t nsid, dw10, dw11, dw12;
	uint64_t prp1, prp2;
};

static struct command decode(const uint8_t *sqe)
{
	struct command c = {.opcode = sqe[0]};

	memcpy(&c.nsid, sqe + 4, 4);
	memcpy(&c.prp1, sqe + 24, 8);
	memcpy(&c.prp2, sqe + 32, 8);
	memcpy(&c.dw10, sqe + 40, 4);
	memcpy(&c.dw11, sqe + 44, 4);
	memcpy(&c.dw12, sqe + 48, 4);
	return c;
}

/* The PRPs behind the first, one by one. */
struct prps {
	uint64_t list, index; /* address of the list's page; 0: @only is all there is */
	uint64_t only;
};

static uint16_t next_prp(struct model_device *d, struct prps *prps, bool last, uint64_t *prp)
{
	if (!prps->list) {
		*prp = prps->only;
	} else {
		if (!device_dma(d, prps->list + prps->index * 8, prp, 8, false))
			return BAD_TRANSFER;
		/* The last entry of a page of the list names its next page, unless all is said. */
		if (((prps->list & ~XEN_PAGE_MASK) / 8 + prps->index + 1) % LIST_ENTRIES == 0 &&
		    !last) {
			*prps = (struct prps){.list = *prp};
			return next_prp(d, prps, last, prp);
		}
		prps->index++;
	}
	return xen_page_offset(*prp) ? BAD_PRP_OFFSET : 0;
}

/* Between @size bytes at @buf and what the PRPs describe. */
static uint16_t transfer(struct model_device *d, const struct command *c, uint8_t *buf, size_t size,
			 bool to_ram)
{
	size_t part = XEN_PAGE_SIZE - xen_page_offset(c->prp1);
	uint64_t prp = d->manners == MODEL_ASTRAY ? 1ULL << 50 : c->prp1;
	struct prps prps = {0};

	if (size > part && size - part > XEN_PAGE_SIZE)
		prps.list = c->prp2;
	prps.only = c->prp2;
	for (;;) {
		uint16_t status;

		if (part > size)
			part = size;
		if (!device_dma(d, prp, buf, part, to_ram))
			return BAD_TRANSFER;
		buf += part;
		size -= part;
		if (!size)
			return 0;
		status = next_prp(d, &prps, size <= XEN_PAGE_SIZE, &prp);
		if (status)
			return status;
		part = XEN_PAGE_SIZE;
	}
}

static uint16_t identify(struct model_device *d, const struct command *c)
{
	static uint8_t page[XEN_PAGE_SIZE];
	uint64_t blocks = d->manners == MODEL_EMPTY ? 0 : d->memory_size >> BLOCK_SHIFT;

	memset(page, 0, sizeof(page));
	switch (c->dw10 & 0xff) {
	case 0: /* the namespace */
		if (c->nsid != 1)
			return BAD_NAMESPACE;
		memcpy(page, &blocks, 8);
		memcpy(page + 8, &blocks, 8);
		memcpy(page + 16, &blocks, 8);
		page[128 + 2] = BLOCK_SHIFT;
		break;
	case 1: /* the controller */
		memcpy(page + 4, d->nvme.serial, 20);
		memcpy(page + 24, "Model NVMe                              ", 40);
		page[77] = 7; /* transfers of up to 512 KiB */
		page[512] = 0x66;
		page[513] = 0x44;
		page[516] = 1;
		page[525] = 1; /* a write cache */
		break;
	default:
		return BAD_FIELD;
	}
	return transfer(d, c, page, sizeof(page), true);
}

static uint16_t create(struct model_device *d, const struct command *c, bool completion)
{
	unsigned int id = c->dw10 & 0xffff, size = (c->dw10 >> 16) + 1, other = c->dw11 >> 16;
	struct nvme_ring *ring;

	if (!id || id >= d->nvme.nr_queues)
		return BAD_QUEUE_ID;
	ring = completion ? &d->nvme.cq[id] : &d->nvme.sq[id];
	if (ring->exists)
		return BAD_QUEUE_ID;
	if (size < 2 || size > 64)
		return BAD_QUEUE_SIZE;
	if (!(c->dw11 & 1) || xen_page_offset(c->prp1))
		return BAD_FIELD; /* contiguous, and whole pages */
	if (completion && other >= d->nvme.nr_queues)
		return BAD_VECTOR;
	if (!completion && (other >= d->nvme.nr_queues || !d->nvme.cq[other].exists))
		return BAD_CQ;
	*ring = (struct nvme_ring){.exists = true,
				   .base = c->prp1,
				   .size = size,
				   .cq = (uint16_t)(completion ? 0 : other),
				   .phase = completion,
				   .signals = completion && (c->dw11 & 2),
				   .vector = (uint16_t)(completion ? other : 0)};
	return 0;
}

static uint16_t delete_queue(struct model_device *d, const struct command *c, bool completion)
{
	unsigned int id = c->dw10 & 0xffff;
	struct nvme_ring *ring = completion ? d->nvme.cq : d->nvme.sq;

	if (!id || id >= d->nvme.nr_queues || !ring[id].exists)
		return BAD_QUEUE_ID;
	for (unsigned int i = 1; completion && i < d->nvme.nr_queues; i++)
		if (d->nvme.sq[i].exists && d->nvme.sq[i].cq == id)
			return BAD_DELETION;
	ring[id].exists = false;
	return 0;
}

static uint16_t admin(struct model_device *d, const struct command *c, uint32_t *result)
{
	switch (c->opcode) {
	case ADMIN_IDENTIFY:
		return identify(d, c);
	case ADMIN_CREATE_SQ:
	case ADMIN_CREATE_CQ:
		return create(d, c, c->opcode == ADMIN_CREATE_CQ);
	case ADMIN_DELETE_SQ:
	case ADMIN_DELETE_CQ:
		return delete_queue(d, c, c->opcode == ADMIN_DELETE_CQ);
	case ADMIN_SET_FEATURES:
		if ((c->dw10 & 0xff) != FEATURE_QUEUES)
			return BAD_FIELD;
		*result = (d->nvme.nr_queues - 2) << 16 | (d->nvme.nr_queues - 2);
		return 0;
	default:
		return BAD_OPCODE;
	}
}

static uint16_t io(struct model_device *d, const struct command *c)
{
	uint64_t block = (uint64_t)c->dw11 << 32 | c->dw10, nr = (c->dw12 & 0xffff) + 1;
	uint64_t blocks = d->memory_size >> BLOCK_SHIFT;

	if (c->nsid != 1)
		return BAD_NAMESPACE;
	if (d->manners == MODEL_REFUSES)
		return INTERNAL;
	if (c->opcode == IO_FLUSH)
		return 0;
	if (c->opcode != IO_READ && c->opcode != IO_WRITE)
		return BAD_OPCODE;
	if (nr > blocks || block > blocks - nr)
		return BEYOND_END;
	return transfer(d, c, d->memory + (block << BLOCK_SHIFT), nr << BLOCK_SHIFT,
			c->opcode == IO_READ);
}

uint16_t nvme_execute(struct model_device *d, unsigned int sq, const uint8_t *sqe, uint32_t *result)
{
	const struct command c = decode(sqe);

	return sq ? io(d, &c) : admin(d, &c, result);
}
