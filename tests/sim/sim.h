/* SPDX-License-Identifier: MIT */
/*
 * Deterministic simulation: long runs of random operations on the whole library, over the model,
 * each judged by an oracle that knows nothing of how the library works:
 *
 *   flat memory    what every CPU buffer and every device-visible buffer must contain
 *   slots          a table of all machine memory in pieces of 2 KiB: who may use it; nothing is
 *                  ever handed out twice
 *   counters       pages ballooned, bytes bounced, identity of each MMIO page
 *   the model's    model_check() now and then; at the end everything given back
 *
 * A run is a sequence of episodes of SIM_EPISODE operations, each a process with a machine and a
 * domain of its own, drawn from its seed. Episode i of a run with seed n has seed n + i, so a
 * violation is replayed by its episode alone, up to the operation that showed it.
 *
 * With several CPUs each is a thread with devices, buffers and functions of its own; pools, caches,
 * balloon and P2M are shared. Such runs do not replay exactly.
 */
#ifndef XENDMA_TESTS_SIM_H
#define XENDMA_TESTS_SIM_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <model/model.h>
#include <xen/dma.h>
#include <xen/p2m.h>

#define SIM_EPISODE 20000U
#define MAX_CPUS 4
#define NR_NOTES 8
#define NR_DEVICES 6
#define NR_BUFFERS 56
#define NR_MAPPINGS 96
#define NR_LISTS 6
#define MAX_PIECES 8
#define NR_REGIONS 16
#define NR_FUNCTIONS 10
#define MAX_BYTES (XEN_PAGE_SIZE << XEN_SWIOTLB_MAX_SEGMENT_ORDER)
#define NR_PAGES_MAX (1U << XEN_SWIOTLB_MAX_SEGMENT_ORDER)

/* An operation, to be printed if it is the last one. */
struct note {
	const char *format; /* of up to six unsigned long long */
	unsigned long long arg[6];
};

/* What the parent learns of an episode, however it ends: shared memory. */
struct sim_report {
	struct {
		uint64_t op; /* operations begun */
		struct note note[NR_NOTES];
	} cpu[MAX_CPUS];
	uint64_t maps, maps_failed, bounced, lists, regions, exchanges, ballooned, bars, faults;
};

struct device {
	struct xen_dma_dev dma;
	char name[24];
	bool wild;   /* writes beside its buffers */
	bool debug;  /* dma-debug watches */
	uint8_t tag; /* what it writes there */
	unsigned int live;
};

/* Pages of the port. */
struct buffer {
	uint8_t *va;
	unsigned int order;
	uint8_t *flat;	 /* what they must contain */
	uint64_t *frame; /* where they are in the machine */
	struct mapping *map;
};

struct mapping {
	struct device *dev; /* NULL: not in use */
	struct buffer *buf;
	size_t offset, size;
	enum xen_dma_dir dir;
	dma_addr_t dma;
	bool bounced;
	uint8_t *seen; /* what the device must see; of a direct mapping part of buf->flat */
	struct list *list;
};

struct list {
	struct device *dev; /* NULL: not in use */
	unsigned int nr;
	enum xen_dma_dir dir;
	struct xen_dma_sg sg[MAX_PIECES];
	struct mapping *piece[MAX_PIECES];
};

struct region {
	uint8_t *va; /* NULL: not in use */
	struct device *dev;
	size_t size;
	dma_addr_t dma;
	uint8_t *flat;
};

struct bar {
	uint64_t start, size; /* bytes; size 0: none */
	bool claimed;
};

struct function {
	struct xen_pci_dev *dev; /* NULL: not plugged */
	struct xen_pci_addr addr;
	struct bar bar[XEN_PCI_NR_BARS];
};

#define NR_AREAS 3
#define AREA_PAGES 512U

struct sim_cpu {
	unsigned int number;
	uint64_t rng;
	uint64_t op;
	struct device device[NR_DEVICES];
	struct buffer buffer[NR_BUFFERS];
	struct mapping mapping[NR_MAPPINGS];
	struct list list[NR_LISTS];
	struct region region[NR_REGIONS];
	struct xen_pci_host host;
	struct function function[NR_FUNCTIONS];
	uint64_t area[NR_AREAS]; /* first page */
	uint16_t identity[NR_AREAS][AREA_PAGES];
	uint8_t scratch[MAX_BYTES + 2 * XEN_SWIOTLB_SLOT_SIZE];
};

/* The episode. */
struct sim {
	uint64_t seed;
	uint64_t ops; /* to make */
	unsigned int nr_cpus;
	bool trace;
	struct model_params params;
	uint64_t max_bytes;   /* of a pool */
	uint64_t nr_spare;    /* PFNs for the balloon */
	uint64_t ballooned;   /* pages out, spare ones too */
	int injected;	      /* error that a call was told to end with; 0: none */
	uint64_t injected_at; /* operation */
	struct model_allocs allocs;
	struct sim_report *report;
	pthread_barrier_t barrier;
};
extern struct sim sim;

/* main.c: a violation. Ends the process; the parent says which operation it was. */
void sim_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define sim_expect(cond, ...)                                                                      \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0))                                                  \
			sim_fail(__VA_ARGS__);                                                     \
	} while (0)

/* episode.c */
void sim_episode(void);
/* Note the operation that is about to be made. */
void sim_note(struct sim_cpu *cpu, const char *format, unsigned long long a, unsigned long long b,
	      unsigned long long c, unsigned long long d, unsigned long long e);
#define sim_count(what) __atomic_fetch_add(&sim.report->what, 1, __ATOMIC_RELAXED)

static inline uint64_t sim_random(struct sim_cpu *cpu)
{
	uint64_t x = cpu->rng += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* Below @n > 0. */
static inline uint64_t sim_below(struct sim_cpu *cpu, uint64_t n)
{
	return sim_random(cpu) % n;
}

/* True once in @n. */
static inline bool sim_once_in(struct sim_cpu *cpu, uint64_t n)
{
	return !sim_below(cpu, n);
}

/* oracle.c */
void oracle_start(void);
void fill(struct sim_cpu *cpu, uint8_t *p, size_t size);
void same_bytes(const char *what, const uint8_t *is, const uint8_t *should_be, size_t size);
/* [dma, dma + size), out to whole slots, belongs to somebody now; nobody had it. Or is given up. */
void claim(dma_addr_t dma, size_t size, const char *what);
void unclaim(dma_addr_t dma, size_t size);
/* New pages behind @buf, with new contents; false: the port has none. */
bool buffer_get(struct sim_cpu *cpu, struct buffer *buf, unsigned int order);
void buffer_put(struct buffer *buf);
/* Its frames are to be changed, and have been: pages that kept theirs kept their bytes. Returns how
 * many have others. */
void buffer_frames_begin(struct buffer *buf);
unsigned int buffer_frames_end(struct sim_cpu *cpu, struct buffer *buf);
struct buffer *idle_buffer(struct sim_cpu *cpu);
/* Is @err one of the @nr documented ones, or what a call was told to end with? */
void check_error(const char *what, int err, const int *documented, unsigned int nr);
#define expect_error(what, err, ...)                                                               \
	check_error(what, err, (const int[]){__VA_ARGS__},                                         \
		    sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
/* What the device reads at @dma is @seen. */
void device_sees(struct sim_cpu *cpu, const char *what, dma_addr_t dma, const uint8_t *seen,
		 size_t size);

/* stream.c */
void op_map(struct sim_cpu *cpu);
void op_unmap(struct sim_cpu *cpu);
void op_sync_cpu(struct sim_cpu *cpu);
void op_sync_device(struct sim_cpu *cpu);
void op_device_write(struct sim_cpu *cpu);
void op_device_read(struct sim_cpu *cpu);
void op_cpu_write(struct sim_cpu *cpu);
void op_misuse(struct sim_cpu *cpu);
void unmap_one(struct sim_cpu *cpu, struct mapping *m);
struct device *any_device(struct sim_cpu *cpu);
struct mapping *free_mapping(struct sim_cpu *cpu);
/* Where @dev reaches the bytes without a bounce; false: it does not. */
bool direct_address(const struct device *dev, const struct buffer *buf, size_t offset, size_t size,
		    dma_addr_t *dma);
/* Begin and end a mapping that the library made or is about to end. */
void mapping_begin(struct sim_cpu *cpu, struct mapping *m);
void mapping_expect_unmap(struct mapping *m, bool skip_sync);
void mapping_end(struct mapping *m);
void choose_range(struct sim_cpu *cpu, const struct buffer *buf, size_t *offset, size_t *size);

/* list.c */
void op_map_list(struct sim_cpu *cpu);
void op_unmap_list(struct sim_cpu *cpu);
void op_sync_list(struct sim_cpu *cpu);
void unmap_list(struct sim_cpu *cpu, struct list *list);

/* coherent.c */
void op_alloc(struct sim_cpu *cpu);
void op_free(struct sim_cpu *cpu);
void op_share(struct sim_cpu *cpu);
void free_region(struct region *r);
void op_trim_coherent(struct sim_cpu *cpu);

/* memory.c */
void op_buffer(struct sim_cpu *cpu);
void op_exchange(struct sim_cpu *cpu);
void op_exchange_back(struct sim_cpu *cpu);
void op_balloon(struct sim_cpu *cpu);
void op_exchange_used(struct sim_cpu *cpu);
void op_m2p(struct sim_cpu *cpu);

/* bus.c */
void bus_start(struct sim_cpu *cpu);
void bus_stop(struct sim_cpu *cpu);
void op_plug(struct sim_cpu *cpu);
void op_unplug(struct sim_cpu *cpu);
void op_identity(struct sim_cpu *cpu);
void op_mmio(struct sim_cpu *cpu);

/* pools.c */
void op_trim(struct sim_cpu *cpu);
void op_stats(struct sim_cpu *cpu);
void op_device(struct sim_cpu *cpu);
void op_clock(struct sim_cpu *cpu);
void op_fault(struct sim_cpu *cpu);
void op_zone(struct sim_cpu *cpu);
void device_start(struct sim_cpu *cpu, struct device *dev);
void device_stop(struct device *dev);
/* At the start of an operation that makes calls: at times one of them fails. */
void may_fail(struct sim_cpu *cpu);
void faults_end(void);
/* After each operation: injected failures do not wait for ever. */
void faults_age(struct sim_cpu *cpu);

#endif
