/* SPDX-License-Identifier: MIT */
/*
 * Devices with limits of their own, pools that grow, shrink and count, and what goes wrong outside
 * the library: calls and allocations that fail once, zones of the machine without memory.
 */
#include <stdio.h>

#include "sim.h"

#define FAULT_LIFE 40 /* operations */

static enum model_call injected_kind;

static uint64_t any_mask(struct sim_cpu *cpu)
{
	static const uint8_t bits[] = {16, 20, 24, 28, 30, 31, 32, 32, 36, 40, 64, 64};
	unsigned int b = bits[sim_below(cpu, sizeof(bits))];

	return b < 64 ? (1ULL << b) - 1 : ~0ULL;
}

void device_start(struct sim_cpu *cpu, struct device *dev)
{
	struct xen_dma_limits limits = {.mask = any_mask(cpu)};
	unsigned int n = (unsigned int)(dev - cpu->device);
	int err;

	if (sim_once_in(cpu, 2))
		limits.coherent_mask = any_mask(cpu);
	if (sim_once_in(cpu, 3))
		limits.max_segment = XEN_PAGE_SIZE << sim_below(cpu, 8);
	if (sim_once_in(cpu, 3))
		limits.boundary_mask = (XEN_PAGE_SIZE << sim_below(cpu, 9)) - 1;
	if (sim_once_in(cpu, 3))
		limits.min_align_mask = (1ULL << (1 + sim_below(cpu, 16))) - 1;
	snprintf(dev->name, sizeof(dev->name), "device %u of CPU %u", n, cpu->number);
	dev->tag = (uint8_t)(0x80 + cpu->number * NR_DEVICES + n);
	dev->wild = sim_once_in(cpu, 3);
	err = xen_dma_dev_init(&dev->dma, dev->name, &xen_swiotlb_dma_ops, &limits);
	sim_expect(!err, "a device is refused: error %d", err);
	dev->debug = sim_once_in(cpu, 3) && !xen_dma_debug_enable(&dev->dma);
}

void device_stop(struct device *dev)
{
	uint64_t bounces = xen_swiotlb_mappings_of(dev->dma.limits.user);

	sim_expect(!bounces, "%s has %llu bounce buffers in the end", dev->name,
		   (unsigned long long)bounces);
	xen_dma_dev_fini(&dev->dma);
	sim_expect(!xen_dma_debug_breaches(&dev->dma), "dma-debug accuses the simulation: %s",
		   model_last_log());
}

void op_device(struct sim_cpu *cpu)
{
	struct device *dev = any_device(cpu);
	uint64_t mask = any_mask(cpu);
	int err;

	if (dev->live)
		return;
	sim_note(cpu, "device %llu changes, mask %llx", (unsigned)(dev - cpu->device), mask, 0, 0,
		 0);
	if (sim_once_in(cpu, 2)) {
		device_stop(dev);
		device_start(cpu, dev);
		return;
	}
	err = sim_once_in(cpu, 2) ? xen_dma_set_mask(&dev->dma, mask)
				  : xen_dma_set_coherent_mask(&dev->dma, mask);
	if (err)
		expect_error("set a mask", err, -XEN_EIO);
}

/* Slots of the pool of this width that our mappings hold, if no other CPU has any. */
static uint64_t bytes_in(const struct sim_cpu *cpu, unsigned int bits)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < NR_MAPPINGS; i++) {
		const struct mapping *m = &cpu->mapping[i];
		unsigned int width;

		if (!m->dev || !m->bounced)
			continue;
		width = 64 - (unsigned int)__builtin_clzll(m->dev->dma.limits.mask);
		if (width > 32 && width < 64)
			width = 32;
		if (width == bits)
			bytes += ((m->dma + m->size - 1) / XEN_SWIOTLB_SLOT_SIZE -
				  m->dma / XEN_SWIOTLB_SLOT_SIZE + 1) *
				 XEN_SWIOTLB_SLOT_SIZE;
	}
	return bytes;
}

static void add_bytes(const char *owner, uint64_t bytes, void *arg)
{
	*(uint64_t *)arg += bytes;
}

void op_stats(struct sim_cpu *cpu)
{
	struct xen_swiotlb_stats stats;

	sim_note(cpu, "look at the pools", 0, 0, 0, 0, 0);
	for (unsigned int i = 0; xen_swiotlb_stats(i, &stats); i++) {
		uint64_t held = 0;

		sim_expect(stats.bytes <= sim.max_bytes, "a pool holds %llu bytes of %llu",
			   (unsigned long long)stats.bytes, (unsigned long long)sim.max_bytes);
		if (sim.nr_cpus > 1)
			continue;
		sim_expect(stats.bytes_used == bytes_in(cpu, stats.address_bits),
			   "%llu bytes of the %u-bit pool are in use, not %llu",
			   (unsigned long long)stats.bytes_used, stats.address_bits,
			   (unsigned long long)bytes_in(cpu, stats.address_bits));
		sim_expect(stats.largest_free <= stats.bytes - stats.bytes_used,
			   "%llu bytes are free in one run",
			   (unsigned long long)stats.largest_free);
		xen_swiotlb_holders(i, add_bytes, &held);
		sim_expect(held == stats.bytes_used, "holders have %llu bytes of %llu",
			   (unsigned long long)held, (unsigned long long)stats.bytes_used);
	}
}

void op_trim(struct sim_cpu *cpu)
{
	uint64_t idle = sim_once_in(cpu, 3) ? 0 : sim_below(cpu, 3000000000);

	sim_note(cpu, "trim the pools, idle for %llu ns", idle, 0, 0, 0, 0);
	xen_swiotlb_trim(idle);
}

void op_clock(struct sim_cpu *cpu)
{
	model_clock_advance(sim_below(cpu, 100000000));
	if (sim.nr_cpus == 1)
		model_set_cpu((unsigned int)sim_below(cpu, sim.params.nr_cpus));
}

/* With one CPU: call number @nth of some kind fails. */
static void inject(struct sim_cpu *cpu, uint64_t nth)
{
	static const enum model_call kinds[] = {MODEL_ALLOC_PAGES, MODEL_ALLOC,
						MODEL_MEMORY_OP,   MODEL_MULTICALL,
						MODEL_VM_ALLOC,	   MODEL_UPDATE_VA_MAPPING,
						MODEL_PHYSDEV_OP};
	static const int errors[] = {-XEN_ENOMEM, -XEN_EPERM, -XEN_EBUSY, -XEN_EINVAL, -XEN_EFAULT};

	sim_count(faults);
	faults_end();
	injected_kind = kinds[sim_below(cpu, sizeof(kinds) / sizeof(kinds[0]))];
	sim.injected = errors[sim_below(cpu, sizeof(errors) / sizeof(errors[0]))];
	sim.injected_at = cpu->op;
	sim_note(cpu, "call %llu of kind %llu is to fail", nth, injected_kind, 0, 0, 0);
	model_fail(injected_kind, nth, sim.injected);
}

/* With several CPUs only what any of them can take at any time. */
void op_fault(struct sim_cpu *cpu)
{
	uint64_t nth = 1 + sim_below(cpu, sim_once_in(cpu, 2) ? 4 : 600);

	if (sim.nr_cpus == 1) {
		inject(cpu, nth);
		return;
	}
	sim_count(faults);
	model_fail(MODEL_ALLOC_PAGES, nth, 0);
}

void may_fail(struct sim_cpu *cpu)
{
	if (sim.nr_cpus == 1 && sim_once_in(cpu, 8))
		inject(cpu, 1 + sim_below(cpu, 4));
}

void faults_end(void)
{
	if (!sim.injected)
		return;
	model_fail(injected_kind, 0, 0);
	sim.injected = 0;
}

void faults_age(struct sim_cpu *cpu)
{
	if (sim.injected && cpu->op - sim.injected_at > FAULT_LIFE)
		faults_end();
}

/* Memory below a width runs out, or is there again. */
void op_zone(struct sim_cpu *cpu)
{
	static const uint8_t bits[] = {0, 0, 0, 20, 24, 32, 64};
	unsigned int b = bits[sim_below(cpu, sizeof(bits))];

	sim_note(cpu, "the machine has no memory below %llu bits", b, 0, 0, 0, 0);
	model_reserve_below(b);
}
