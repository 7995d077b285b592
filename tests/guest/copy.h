/* SPDX-License-Identifier: MIT */
/*
 * The demo's engine: moves a disk in chunks, each read from one disk into pages A, carried piece
 * by piece through edu devices into pages B, and written from B to the other disk. As many pieces
 * as there are edu devices are on their way at once, and several chunks are read and written
 * meanwhile.
 *
 * Context: CPU 0, outside interrupts.
 */
#ifndef XENDMA_GUEST_COPY_H
#define XENDMA_GUEST_COPY_H

#include "edu.h"
#include "nvme.h"

#define COPY_CHUNK_ORDER 4
#define COPY_CHUNK (XEN_PAGE_SIZE << COPY_CHUNK_ORDER)
#define COPY_MAX_CHUNKS 24
#define COPY_MAX_CARRIERS 128
#define COPY_ERROR_MAX 120

enum chunk_state {
	CHUNK_FREE,
	CHUNK_READING,	/* from the source into a */
	CHUNK_CARRYING, /* through the edu devices from a into b */
	CHUNK_WRITING,	/* from b to the target */
};

struct chunk {
	enum chunk_state state;
	uint64_t offset;	/* bytes from the disk's start */
	size_t length;		/* bytes */
	size_t piece;		/* bytes a device carries at once */
	size_t handed, carried; /* bytes given to devices, bytes back in b */
	uint8_t *a, *b;		/* COPY_CHUNK bytes each, above what edu reaches */
	struct nvme_request request;
};

/* An edu device and the piece that it has. */
struct carrier {
	struct edu edu;
	struct chunk *chunk; /* NULL: idle */
	size_t offset, length;
	bool returning; /* device to b; else a to device */
};

struct copy {
	struct nvme *src, *dst;
	struct carrier carrier[COPY_MAX_CARRIERS];
	unsigned int nr_carriers;
	bool polled; /* a carrier has no interrupt */
	struct chunk chunk[COPY_MAX_CHUNKS];
	unsigned int nr_chunks;
	uint64_t size;	  /* bytes to copy */
	uint64_t next;	  /* first byte not yet asked for */
	uint64_t written; /* bytes */
	char error[COPY_ERROR_MAX];
};

/* Pages for the chunks. False when not even one can be had above the devices' reach. */
bool copy_alloc(struct copy *copy);
void copy_free(struct copy *copy);

/* Take in what has finished and start what can be. True when all is written or copy->error says
 * what went wrong; then nothing may still be in flight only in the first case. */
bool copy_step(void *copy);

/* After an error: stop the devices, so that the pages can be freed. */
void copy_abort(struct copy *copy);

#endif
