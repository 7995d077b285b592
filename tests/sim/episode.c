/* SPDX-License-Identifier: MIT */
/*
 * One episode: a machine and a domain drawn from the seed, so many operations drawn by weight, and
 * everything given back in the end. With several CPUs their threads meet every MEET operations,
 * when the model and the library must agree.
 */
#include <stdio.h>

#include "sim.h"

#include <xen/balloon.h>
#include <xen/coherent.h>
#include <xen/port.h>

#define MEET 2500U
#define SPARE 256U

struct sim sim;

static const struct {
	void (*run)(struct sim_cpu *cpu);
	unsigned int weight;
} ops[] = {
	{op_map, 220},		{op_unmap, 190},       {op_sync_cpu, 90},     {op_sync_device, 80},
	{op_device_write, 120}, {op_device_read, 60},  {op_cpu_write, 70},    {op_misuse, 6},
	{op_map_list, 20},	{op_unmap_list, 16},   {op_sync_list, 12},    {op_alloc, 14},
	{op_free, 13},		{op_share, 24},	       {op_trim_coherent, 1}, {op_buffer, 10},
	{op_exchange, 3},	{op_exchange_back, 2}, {op_exchange_used, 1}, {op_m2p, 2},
	{op_balloon, 2},	{op_plug, 4},	       {op_unplug, 3},	      {op_identity, 8},
	{op_mmio, 2},		{op_trim, 1},	       {op_stats, 3},	      {op_device, 8},
	{op_clock, 8},		{op_fault, 3},	       {op_zone, 1},
};

#define NR_OPS (sizeof(ops) / sizeof(ops[0]))

void sim_note(struct sim_cpu *cpu, const char *format, unsigned long long a, unsigned long long b,
	      unsigned long long c, unsigned long long d, unsigned long long e)
{
	struct note *note = &sim.report->cpu[cpu->number].note[cpu->op % NR_NOTES];

	*note = (struct note){format, {a, b, c, d, e}};
	if (!sim.trace)
		return;
	printf("%u %llu: ", cpu->number, (unsigned long long)cpu->op);
	printf(format, a, b, c, d, e);
	putchar('\n');
}

static unsigned int total; /* of the weights; set before there are threads */

static unsigned int total_weight(void)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < NR_OPS; i++)
		sum += ops[i].weight;
	return sum;
}

static void one_op(struct sim_cpu *cpu)
{
	unsigned int i = 0, at = (unsigned int)sim_below(cpu, total);

	while (at >= ops[i].weight)
		at -= ops[i++].weight;
	sim.report->cpu[cpu->number].op = ++cpu->op;
	sim.report->cpu[cpu->number].note[cpu->op % NR_NOTES].format = NULL;
	ops[i].run(cpu);
	faults_age(cpu);
}

/* Low memory for the narrow pools, some below 4 GiB, most above. */
static const struct xen_e820_entry machine[] = {
	{0x00000000, 0x0009f000, XEN_E820_RAM},	 {0x0009f000, 0x00061000, XEN_E820_RESERVED},
	{0x00100000, 0x01f00000, XEN_E820_RAM},	 {0x40000000, 0x01000000, XEN_E820_RAM},
	{0x110000000, 0x03000000, XEN_E820_RAM},
};

static void start_machine(struct sim_cpu *cpu)
{
	struct model_params *p = &sim.params;
	uint64_t *entry;

	*p = (struct model_params){
		.e820 = machine,
		.nr_e820 = sizeof(machine) / sizeof(machine[0]),
		.nr_pages = sim.nr_cpus > 1 ? 8192 : 4096,
		.domu = sim_once_in(cpu, 3),
		.contiguous = sim_once_in(cpu, 3),
		.tables = sim_once_in(cpu, 2),
		.nr_cpus = sim.nr_cpus > 1 ? sim.nr_cpus : 1 + (unsigned int)sim_below(cpu, 4),
		.seed = sim_random(cpu),
	};
	/* Any number: PFNs and MFNs of contiguous pages then differ in every bit. */
	p->nr_pages += sim_below(cpu, 512);
	p->max_pages = p->nr_pages + SPARE;
	sim.nr_spare = SPARE;
	sim.ballooned = SPARE;
	model_start(p);

	/* Room for the spare pages. */
	entry = xen_port_alloc_pages(5);
	sim_expect(entry && !xen_p2m_extend(entry, p->max_pages) &&
			   !xen_balloon_add_spare(mk_pfn(p->nr_pages), SPARE),
		   "the P2M cannot be extended");
	sim.allocs = model_allocs();
}

static void configure(struct sim_cpu *cpu)
{
	struct xen_swiotlb_config config = {
		.max_bytes = 32768ULL << sim_below(cpu, 9),
		.max_segment_order =
			XEN_SWIOTLB_MIN_SEGMENT_ORDER + (unsigned int)sim_below(cpu, 7),
	};
	int err;

	if (sim_once_in(cpu, 4))
		config.initial_bytes = sim_below(cpu, config.max_bytes);
	sim.max_bytes = config.max_bytes;
	err = xen_swiotlb_configure(&config);
	sim_expect(!err, "settings are refused: error %d", err);
}

static void start_cpu(struct sim_cpu *cpu)
{
	model_set_cpu(cpu->number);
	bus_start(cpu);
	for (unsigned int i = 0; i < NR_DEVICES; i++)
		device_start(cpu, &cpu->device[i]);
	for (unsigned int i = 0; i < NR_BUFFERS; i++)
		sim_expect(buffer_get(cpu, &cpu->buffer[i], i ? i % 4 / 2 : 9),
			   "no memory for the first buffers");
}

static void stop_cpu(struct sim_cpu *cpu)
{
	cpu->op++;
	sim_note(cpu, "all is given back", 0, 0, 0, 0, 0);
	for (unsigned int i = 0; i < NR_MAPPINGS; i++)
		if (cpu->mapping[i].dev && !cpu->mapping[i].list)
			unmap_one(cpu, &cpu->mapping[i]);
	for (unsigned int i = 0; i < NR_LISTS; i++)
		if (cpu->list[i].dev)
			unmap_list(cpu, &cpu->list[i]);
	for (unsigned int i = 0; i < NR_REGIONS; i++)
		if (cpu->region[i].va)
			free_region(&cpu->region[i]);
	bus_stop(cpu);
	for (unsigned int i = 0; i < NR_DEVICES; i++)
		device_stop(&cpu->device[i]);
	for (unsigned int i = 0; i < NR_BUFFERS; i++)
		if (cpu->buffer[i].va)
			buffer_put(&cpu->buffer[i]);
}

static void stop_machine(void)
{
	struct model_allocs now;
	int err;

	sim_expect(xen_balloon_pages() == sim.ballooned, "%llu pages are in the balloon, not %llu",
		   (unsigned long long)xen_balloon_pages(), (unsigned long long)sim.ballooned);
	err = xen_balloon_deflate(sim.ballooned, NULL);
	sim_expect(!err, "the balloon does not deflate: error %d", err);
	err = xen_swiotlb_fini();
	sim_expect(!err, "a pool is in use in the end: error %d", err);
	xen_coherent_trim(0);
	sim_expect(model_stop(), "the model's books do not balance");
	xen_balloon_fini();
	xen_p2m_fini();
	now = model_allocs();
	sim_expect(now.pages == sim.allocs.pages && !now.objects,
		   "the library still holds %llu pages and %llu objects",
		   (unsigned long long)(now.pages - sim.allocs.pages),
		   (unsigned long long)now.objects);
}

static void meet(struct sim_cpu *cpu)
{
	if (sim.nr_cpus > 1)
		pthread_barrier_wait(&sim.barrier);
	if (cpu->number == 0)
		sim_expect(model_check(), "P2M, M2P and mappings do not agree");
	if (sim.nr_cpus > 1)
		pthread_barrier_wait(&sim.barrier);
}

static void *run_cpu(void *arg)
{
	struct sim_cpu *cpu = arg;
	uint64_t ops_here = sim.ops / sim.nr_cpus;

	start_cpu(cpu);
	/* Or one that is late would find that the others have used up the memory. */
	if (sim.nr_cpus > 1)
		pthread_barrier_wait(&sim.barrier);
	for (uint64_t i = 1; i <= ops_here; i++) {
		one_op(cpu);
		if (i % MEET == 0 || i == ops_here)
			meet(cpu);
	}
	if (cpu->number == 0) {
		faults_end();
		model_fail(MODEL_ALLOC_PAGES, 0, 0);
		model_reserve_below(0);
	}
	if (sim.nr_cpus > 1)
		pthread_barrier_wait(&sim.barrier);
	stop_cpu(cpu);
	return NULL;
}

void sim_episode(void)
{
	struct sim_cpu *cpu = calloc(sim.nr_cpus, sizeof(*cpu));
	pthread_t thread[MAX_CPUS];

	sim_expect(cpu, "no memory");
	total = total_weight();
	for (unsigned int i = 0; i < sim.nr_cpus; i++) {
		cpu[i].number = i;
		cpu[i].rng = sim.seed ^ (uint64_t)i << 56;
	}
	oracle_start();
	start_machine(&cpu[0]);
	configure(&cpu[0]);
	if (sim.nr_cpus == 1) {
		run_cpu(&cpu[0]);
	} else {
		pthread_barrier_init(&sim.barrier, NULL, sim.nr_cpus);
		for (unsigned int i = 0; i < sim.nr_cpus; i++)
			sim_expect(!pthread_create(&thread[i], NULL, run_cpu, &cpu[i]),
				   "no thread");
		for (unsigned int i = 0; i < sim.nr_cpus; i++)
			pthread_join(thread[i], NULL);
	}
	stop_machine();
}
