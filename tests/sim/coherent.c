/* SPDX-License-Identifier: MIT */
/*
 * Coherent memory: zero when handed out, in one piece, aligned to its size, below the mask, nobody
 * else's; what the CPU writes the device reads and the other way round.
 */
#include "sim.h"

#include <xen/coherent.h>

static struct region *find_region(struct sim_cpu *cpu, bool live)
{
	for (unsigned int tries = 0; tries < 8; tries++) {
		struct region *r = &cpu->region[sim_below(cpu, NR_REGIONS)];

		if (live == (r->va != NULL))
			return r;
	}
	return NULL;
}

static size_t whole(size_t size)
{
	size_t bytes = XEN_PAGE_SIZE;

	while (bytes < size)
		bytes <<= 1;
	return bytes;
}

static void check_region(struct sim_cpu *cpu, struct region *r)
{
	size_t bytes = whole(r->size);

	sim_expect(!(r->dma & (bytes - 1)), "coherent memory at %llx, %zu bytes, is not aligned",
		   (unsigned long long)r->dma, bytes);
	sim_expect(r->dma + bytes - 1 <= r->dev->dma.limits.coherent_mask,
		   "coherent memory at %llx, %zu bytes, is above %llx", (unsigned long long)r->dma,
		   bytes, (unsigned long long)r->dev->dma.limits.coherent_mask);
	for (size_t at = 0; at < bytes; at += XEN_PAGE_SIZE)
		sim_expect((model_pte(r->va + at) & 0x000ffffffffff000ULL) == r->dma + at,
			   "coherent memory at %llx is not in one piece",
			   (unsigned long long)r->dma);
	claim(r->dma, bytes, "coherent memory");
	same_bytes("new coherent memory", r->va, r->flat, bytes);
	device_sees(cpu, "new coherent memory", r->dma, r->flat, bytes);
}

void op_alloc(struct sim_cpu *cpu)
{
	struct region *r = find_region(cpu, false);
	struct device *dev = any_device(cpu);
	size_t most = XEN_PAGE_SIZE << (sim_once_in(cpu, 16) ? 9 : sim_below(cpu, 4));

	if (!r)
		return;
	*r = (struct region){.dev = dev, .size = 1 + sim_below(cpu, most)};
	may_fail(cpu);
	sim_note(cpu, "allocate %llu bytes of coherent memory, device %llu", r->size,
		 (unsigned)(dev - cpu->device), 0, 0, 0);
	r->va = xen_dma_alloc_coherent(&dev->dma, r->size, &r->dma);
	if (!r->va) {
		/* Below a narrow mask there is no room for a large region: Xen may say so. */
		expect_error("allocate coherent memory", dev->dma.last_error, -XEN_ENOMEM);
		return;
	}
	sim_count(regions);
	dev->live++;
	r->flat = calloc(1, whole(r->size));
	check_region(cpu, r);
}

void free_region(struct region *r)
{
	same_bytes("coherent memory", r->va, r->flat, whole(r->size));
	unclaim(r->dma, whole(r->size));
	xen_dma_free_coherent(&r->dev->dma, r->va, r->size, r->dma);
	r->dev->live--;
	free(r->flat);
	r->va = NULL;
}

void op_free(struct sim_cpu *cpu)
{
	struct region *r = find_region(cpu, true);

	if (!r)
		return;
	sim_note(cpu, "free %llu bytes of coherent memory at %llx, device %llu", r->size, r->dma,
		 (unsigned)(r->dev - cpu->device), 0, 0);
	free_region(r);
}

void op_share(struct sim_cpu *cpu)
{
	struct region *r = find_region(cpu, true);
	size_t bytes, size, at;

	if (!r)
		return;
	bytes = whole(r->size);
	size = 1 + sim_below(cpu, bytes < 256 ? bytes : 256);
	at = sim_below(cpu, bytes - size + 1);
	sim_note(cpu, "write %llu bytes at %llu of coherent memory at %llx", size, at, r->dma, 0,
		 0);
	fill(cpu, r->flat + at, size);
	if (sim_once_in(cpu, 2)) {
		memcpy(r->va + at, r->flat + at, size);
		device_sees(cpu, "what the CPU wrote", r->dma + at, r->flat + at, size);
		return;
	}
	sim_expect(model_dma_write(r->dma + at, r->flat + at, size),
		   "coherent memory at %llx is not ours", (unsigned long long)r->dma);
	same_bytes("what the device wrote", r->va + at, r->flat + at, size);
}

void op_trim_coherent(struct sim_cpu *cpu)
{
	uint64_t keep = sim_once_in(cpu, 2) ? 0 : sim_below(cpu, MAX_BYTES);
	struct xen_coherent_stats stats;
	uint64_t live = 0;

	sim_note(cpu, "trim coherent memory to %llu bytes", keep, 0, 0, 0, 0);
	xen_coherent_trim(keep);
	if (sim.nr_cpus > 1)
		return;
	xen_coherent_stats(&stats);
	for (unsigned int i = 0; i < NR_REGIONS; i++)
		live += cpu->region[i].va ? whole(cpu->region[i].size) : 0;
	sim_expect(stats.bytes_live == live, "%llu bytes of coherent memory are out, not %llu",
		   (unsigned long long)stats.bytes_live, (unsigned long long)live);
	sim_expect(stats.bytes_cached <= keep, "%llu bytes are cached after a trim to %llu",
		   (unsigned long long)stats.bytes_cached, (unsigned long long)keep);
}
