/* SPDX-License-Identifier: MIT */
/*
 * What must be: the bytes of every buffer, and who has which piece of machine memory. The table of
 * pieces is shared by all CPUs and changed by atomic exchange; all else belongs to one CPU.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "sim.h"

#include <xen/port.h>

#define SLOT XEN_SWIOTLB_SLOT_SIZE
#define NR_SLOTS (8ULL << 30 >> XEN_SWIOTLB_SLOT_SHIFT)

static const char **owner; /* of each piece of machine memory; NULL: nobody that we know */

void oracle_start(void)
{
	owner = mmap(NULL, NR_SLOTS * sizeof(*owner), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	sim_expect(owner != MAP_FAILED, "no memory for the table of slots");
}

void fill(struct sim_cpu *cpu, uint8_t *p, size_t size)
{
	uint64_t x = sim_random(cpu) | 1;

	for (size_t i = 0; i < size; i += sizeof(x)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(p + i, &x, size - i < sizeof(x) ? size - i : sizeof(x));
	}
}

void same_bytes(const char *what, const uint8_t *is, const uint8_t *should_be, size_t size)
{
	size_t i = 0;

	if (__builtin_expect(!memcmp(is, should_be, size), 1))
		return;
	while (is[i] == should_be[i])
		i++;
	sim_fail("%s: byte %zu of %zu is %02x, not %02x", what, i, size, is[i], should_be[i]);
}

void claim(dma_addr_t dma, size_t size, const char *what)
{
	for (uint64_t slot = dma / SLOT; slot <= (dma + size - 1) / SLOT; slot++) {
		const char *nobody = NULL;

		sim_expect(slot < NR_SLOTS, "%s at %llx: there is no such memory", what,
			   (unsigned long long)dma);
		sim_expect(__atomic_compare_exchange_n(&owner[slot], &nobody, what, false,
						       __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE),
			   "%s at %llx, %zu bytes, got machine memory at %llx that is %s", what,
			   (unsigned long long)dma, size, (unsigned long long)slot * SLOT, nobody);
	}
}

void unclaim(dma_addr_t dma, size_t size)
{
	for (uint64_t slot = dma / SLOT; slot <= (dma + size - 1) / SLOT; slot++)
		__atomic_store_n(&owner[slot], NULL, __ATOMIC_RELEASE);
}

/* Note the frames, by the PTEs that Xen made, and hold the P2M against them. */
static void learn(struct buffer *buf, uint64_t *frame)
{
	uint64_t first = pfn_x(xen_port_virt_to_pfn(buf->va));

	for (uint64_t i = 0; i < 1ULL << buf->order; i++) {
		uint64_t pte = model_pte(buf->va + i * XEN_PAGE_SIZE);
		pfn_t pfn = mk_pfn(first + i);

		sim_expect(pte & 1, "pfn %llx is not mapped", (unsigned long long)first + i);
		frame[i] = (pte & 0x000ffffffffff000ULL) >> XEN_PAGE_SHIFT;
		sim_expect(mfn_x(xen_pfn_to_mfn(pfn)) == frame[i],
			   "the P2M says frame %llx of pfn %llx, which is mapped to %llx",
			   (unsigned long long)mfn_x(xen_pfn_to_mfn(pfn)),
			   (unsigned long long)first + i, (unsigned long long)frame[i]);
		sim_expect(pfn_x(xen_mfn_to_pfn(mk_mfn(frame[i]))) == first + i,
			   "frame %llx of pfn %llx is found at pfn %llx",
			   (unsigned long long)frame[i], (unsigned long long)first + i,
			   (unsigned long long)pfn_x(xen_mfn_to_pfn(mk_mfn(frame[i]))));
		claim(frame[i] << XEN_PAGE_SHIFT, XEN_PAGE_SIZE, "a page of the port");
	}
}

static void forget(const struct buffer *buf)
{
	for (uint64_t i = 0; i < 1ULL << buf->order; i++)
		unclaim(buf->frame[i] << XEN_PAGE_SHIFT, XEN_PAGE_SIZE);
}

bool buffer_get(struct sim_cpu *cpu, struct buffer *buf, unsigned int order)
{
	size_t bytes = XEN_PAGE_SIZE << order;

	buf->va = xen_port_alloc_pages(order);
	if (!buf->va)
		return false;
	buf->order = order;
	buf->flat = malloc(bytes);
	buf->frame = malloc(sizeof(*buf->frame) << order);
	fill(cpu, buf->flat, bytes);
	memcpy(buf->va, buf->flat, bytes);
	learn(buf, buf->frame);
	return true;
}

void buffer_put(struct buffer *buf)
{
	same_bytes("a buffer that is given back", buf->va, buf->flat, XEN_PAGE_SIZE << buf->order);
	forget(buf);
	free(buf->flat);
	free(buf->frame);
	xen_port_free_pages(buf->va, buf->order);
	buf->va = NULL;
}

void buffer_frames_begin(struct buffer *buf)
{
	forget(buf);
}

unsigned int buffer_frames_end(struct sim_cpu *cpu, struct buffer *buf)
{
	uint64_t now[NR_PAGES_MAX];
	unsigned int nr = 0;

	learn(buf, now);
	for (size_t i = 0; i < (size_t)1 << buf->order; i++) {
		size_t at = i * XEN_PAGE_SIZE;

		if (now[i] == buf->frame[i]) {
			same_bytes("a page that kept its frame", buf->va + at, buf->flat + at,
				   XEN_PAGE_SIZE);
			continue;
		}
		buf->frame[i] = now[i];
		fill(cpu, buf->flat + at, XEN_PAGE_SIZE);
		memcpy(buf->va + at, buf->flat + at, XEN_PAGE_SIZE);
		nr++;
	}
	return nr;
}

/* One that is not mapped; the large ones not so often. */
struct buffer *idle_buffer(struct sim_cpu *cpu)
{
	for (unsigned int tries = 0; tries < 8; tries++) {
		struct buffer *buf = &cpu->buffer[sim_below(cpu, NR_BUFFERS)];

		if (buf->va && !buf->map && (buf->order < 5 || sim_once_in(cpu, 4)))
			return buf;
	}
	return NULL;
}

void check_error(const char *what, int err, const int *documented, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (err == documented[i])
			return;
	sim_expect(sim.injected && err == sim.injected, "%s: error %d is not documented", what,
		   err);
}

void device_sees(struct sim_cpu *cpu, const char *what, dma_addr_t dma, const uint8_t *seen,
		 size_t size)
{
	sim_expect(model_dma_read(dma, cpu->scratch, size),
		   "%s: the device finds no memory of ours at %llx", what, (unsigned long long)dma);
	same_bytes(what, cpu->scratch, seen, size);
}
