/* SPDX-License-Identifier: MIT */
/*
 * Scenario domu-copy: disk src goes to disk dst in pieces, several on their way at once, through
 * pages wherever they lie; the host compares the images. All state is in pieces[]; a pass over them
 * never waits, and every request has its deadline in the driver.
 */
#include "scenario.h"

#include <xen/coherent.h>
#include <xen/port.h>
#include <xen/swiotlb.h>

#include "boot.h"
#include "disks.h"
#include "pages.h"
#include "text.h"
#include "verdict.h"

#define PIECE_ORDER 4
#define PIECE (XEN_PAGE_SIZE << PIECE_ORDER)
#define NR_PIECES 8
#define PASS_NS 200000000

enum piece_state { PIECE_FREE, PIECE_READING, PIECE_WRITING };

struct piece {
	enum piece_state state;
	uint8_t *data;
	uint64_t offset; /* bytes from the disk's start */
	struct nvme_request request;
};

static struct disks disks;
static struct piece pieces[NR_PIECES];
static uint64_t size, next, written; /* bytes */
static int error;

static bool begin(struct piece *piece, struct nvme *disk, enum nvme_op op, size_t length)
{
	piece->request = (struct nvme_request){
		.op = op,
		.block = piece->offset >> disk->block_shift,
		.data = piece->data,
		.length = length,
	};
	error = nvme_start(disk, &piece->request);
	piece->state = op == NVME_READ ? PIECE_READING : PIECE_WRITING;
	return !error;
}

static bool step(struct piece *piece)
{
	if (piece->state != PIECE_FREE && !piece->request.done)
		return true;
	if (piece->state != PIECE_FREE && piece->request.error) {
		error = piece->request.error;
		return false;
	}
	if (piece->state == PIECE_READING)
		return begin(piece, disks.dst, NVME_WRITE, piece->request.length);
	if (piece->state == PIECE_WRITING)
		written += piece->request.length;
	piece->state = PIECE_FREE;
	if (next == size)
		return true;
	piece->offset = next;
	next += size - next < PIECE ? size - next : PIECE;
	return begin(piece, disks.src, NVME_READ, next - piece->offset);
}

static bool pass(void *arg)
{
	unsigned int i;

	nvme_poll(disks.src);
	nvme_poll(disks.dst);
	for (i = 0; i < NR_PIECES; i++)
		if (!step(&pieces[i]))
			return true;
	return written == size;
}

static void copy(void)
{
	uint64_t began = xen_port_clock_ns();

	while (!boot_wait(pass, NULL, PASS_NS))
		;
	if (!check(!error, "after %lu of %lu bytes: %d", written, size, error))
		return;
	error = nvme_flush(disks.dst);
	check(!error, "flushing disk dst: %d", error);
	note("%lu bytes from %s to %s in %lu ms, %u and %u %s interrupts", size, disks.src->name,
	     disks.dst->name, (xen_port_clock_ns() - began) / 1000000, disks.src->io.interrupts,
	     disks.dst->io.interrupts, disks.src->intx ? "INTx" : "MSI-X");
	check(disks.src->io.interrupts && disks.dst->io.interrupts, "no interrupt came");
}

void scenario_domu_copy(void)
{
	uint64_t owned = pages_owned();
	unsigned int i;
	bool ok = true;

	next = written = 0;
	error = 0;
	for (i = 0; i < NR_PIECES; i++) {
		pieces[i].state = PIECE_FREE;
		pieces[i].data = xen_port_alloc_pages(PIECE_ORDER);
		ok = ok && pieces[i].data;
	}
	if (check(ok, "no pages for %u pieces", NR_PIECES) && disks_open(&disks) &&
	    disks_match(&disks, PIECE)) {
		size = nvme_bytes(disks.src);
		copy();
	}
	disks_close(&disks); /* whatever is in flight has ended then */
	for (i = 0; i < NR_PIECES; i++)
		if (pieces[i].data)
			xen_port_free_pages(pieces[i].data, PIECE_ORDER);
	xen_swiotlb_trim(0);
	xen_coherent_trim(0);
	check_frames(owned, "after the copy");
}
