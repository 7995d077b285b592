/* SPDX-License-Identifier: MIT */
/*
 * The demo's engine. copy_step() is one pass of a state machine over chunks and carriers; it never
 * waits. Every request has its deadline in the drivers, so a device that falls silent becomes an
 * error here and never a hang.
 */
#include "copy.h"

#include <xen/port.h>

#include "boot.h"
#include "pages.h"

static bool fail(struct copy *copy, const char *what, uint64_t offset, int err)
{
	char number[16] = "";

	if (err)
		boot_snprintf(number, sizeof(number), " (%d)", err);
	if (!copy->error[0])
		boot_snprintf(copy->error, sizeof(copy->error), "%s at byte %lu of the disk%s",
			      what, offset, number);
	return false;
}

bool copy_alloc(struct copy *copy)
{
	unsigned int want = 4 + copy->nr_carriers / 8;

	if (want > COPY_MAX_CHUNKS)
		want = COPY_MAX_CHUNKS;
	for (copy->nr_chunks = 0; copy->nr_chunks < want; copy->nr_chunks++) {
		struct chunk *chunk = &copy->chunk[copy->nr_chunks];

		chunk->a = pages_above(COPY_CHUNK_ORDER, MFN_ABOVE_28_BITS);
		chunk->b = chunk->a ? pages_above(COPY_CHUNK_ORDER, MFN_ABOVE_28_BITS) : NULL;
		if (chunk->b)
			continue;
		if (chunk->a)
			xen_port_free_pages(chunk->a, COPY_CHUNK_ORDER);
		break;
	}
	return copy->nr_chunks;
}

void copy_free(struct copy *copy)
{
	unsigned int i;

	for (i = 0; i < copy->nr_chunks; i++) {
		xen_port_free_pages(copy->chunk[i].a, COPY_CHUNK_ORDER);
		xen_port_free_pages(copy->chunk[i].b, COPY_CHUNK_ORDER);
	}
	copy->nr_chunks = 0;
}

static bool start_reading(struct copy *copy, struct chunk *chunk)
{
	uint64_t left = copy->size - copy->next;
	size_t pieces;
	int err;

	chunk->offset = copy->next;
	chunk->length = left < COPY_CHUNK ? left : COPY_CHUNK;
	pieces = (chunk->length + EDU_TRANSFER_MAX - 1) / EDU_TRANSFER_MAX;
	chunk->piece = (chunk->length + pieces - 1) / pieces;
	chunk->handed = chunk->carried = 0;
	chunk->request.op = NVME_READ;
	chunk->request.block = chunk->offset >> copy->src->block_shift;
	chunk->request.data = chunk->a;
	chunk->request.length = chunk->length;
	err = nvme_start(copy->src, &chunk->request);
	if (err)
		return fail(copy, "reading cannot begin", chunk->offset, err);
	chunk->state = CHUNK_READING;
	copy->next += chunk->length;
	return true;
}

static bool read_done(struct copy *copy, struct chunk *chunk)
{
	if (chunk->request.error)
		return fail(copy, "reading disk src failed", chunk->offset, chunk->request.error);
	if (!pages_are_above(chunk->a, 1 << COPY_CHUNK_ORDER, MFN_ABOVE_28_BITS) ||
	    !pages_are_above(chunk->b, 1 << COPY_CHUNK_ORDER, MFN_ABOVE_28_BITS))
		return fail(copy, "pages are not above 256 MiB", chunk->offset, 0);
	/* So that a byte that no device brings cannot be right by chance. */
	__builtin_memset(chunk->b, 0xee, chunk->length);
	chunk->state = CHUNK_CARRYING;
	return true;
}

static bool start_writing(struct copy *copy, struct chunk *chunk)
{
	int err;

	if (__builtin_memcmp(chunk->a, chunk->b, chunk->length))
		return fail(copy, "data came back from edu changed", chunk->offset, 0);
	chunk->request.op = NVME_WRITE;
	chunk->request.block = chunk->offset >> copy->dst->block_shift;
	chunk->request.data = chunk->b;
	err = nvme_start(copy->dst, &chunk->request);
	if (err)
		return fail(copy, "writing cannot begin", chunk->offset, err);
	chunk->state = CHUNK_WRITING;
	return true;
}

static bool step_chunk(struct copy *copy, struct chunk *chunk)
{
	switch (chunk->state) {
	case CHUNK_READING:
		return !chunk->request.done || read_done(copy, chunk);
	case CHUNK_CARRYING:
		return chunk->carried < chunk->length || start_writing(copy, chunk);
	case CHUNK_WRITING:
		if (!chunk->request.done)
			return true;
		if (chunk->request.error)
			return fail(copy, "writing disk dst failed", chunk->offset,
				    chunk->request.error);
		copy->written += chunk->length;
		chunk->state = CHUNK_FREE;
		break;
	case CHUNK_FREE:
		break;
	}
	return copy->next == copy->size || start_reading(copy, chunk);
}

/* The chunk read first whose bytes are not all with devices yet. */
static struct chunk *next_to_carry(struct copy *copy)
{
	struct chunk *best = NULL;
	unsigned int i;

	for (i = 0; i < copy->nr_chunks; i++) {
		struct chunk *chunk = &copy->chunk[i];

		if (chunk->state == CHUNK_CARRYING && chunk->handed < chunk->length &&
		    (!best || chunk->offset < best->offset))
			best = chunk;
	}
	return best;
}

static bool move(struct copy *copy, struct carrier *carrier)
{
	uint8_t *base = carrier->returning ? carrier->chunk->b : carrier->chunk->a;
	int err = edu_start(&carrier->edu, base + carrier->offset, carrier->length,
			    carrier->returning ? XEN_DMA_FROM_DEVICE : XEN_DMA_TO_DEVICE);

	return !err || fail(copy, "an edu transfer cannot begin",
			    carrier->chunk->offset + carrier->offset, err);
}

static bool take_piece(struct copy *copy, struct carrier *carrier)
{
	struct chunk *chunk = next_to_carry(copy);
	size_t left;

	if (!chunk)
		return true;
	left = chunk->length - chunk->handed;
	carrier->chunk = chunk;
	carrier->offset = chunk->handed;
	carrier->length = left < chunk->piece ? left : chunk->piece;
	carrier->returning = false;
	chunk->handed += carrier->length;
	return move(copy, carrier);
}

static bool step_carrier(struct copy *copy, struct carrier *carrier)
{
	int err;

	if (!carrier->chunk)
		return take_piece(copy, carrier);
	if (!edu_done(&carrier->edu) && !edu_overdue(&carrier->edu))
		return true;
	err = edu_finish(&carrier->edu);
	if (err)
		return fail(copy, "an edu transfer failed",
			    carrier->chunk->offset + carrier->offset, err);
	if (!carrier->returning) {
		carrier->returning = true;
		return move(copy, carrier);
	}
	carrier->chunk->carried += carrier->length;
	carrier->chunk = NULL;
	return take_piece(copy, carrier);
}

bool copy_step(void *arg)
{
	struct copy *copy = arg;
	unsigned int i;

	nvme_poll(copy->src);
	nvme_poll(copy->dst);
	/* Chunks last, so that what the devices have just brought back is written at once. */
	for (i = 0; i < copy->nr_carriers; i++)
		if (!step_carrier(copy, &copy->carrier[i]))
			return true;
	for (i = 0; i < copy->nr_chunks; i++)
		if (!step_chunk(copy, &copy->chunk[i]))
			return true;
	return copy->written == copy->size;
}

void copy_abort(struct copy *copy)
{
	unsigned int i;

	for (i = 0; i < copy->nr_carriers; i++)
		copy->carrier[i].chunk = NULL; /* edu_close() ends the transfer */
	nvme_break(copy->src);
	nvme_poll(copy->src);
	nvme_break(copy->dst);
	nvme_poll(copy->dst);
}
