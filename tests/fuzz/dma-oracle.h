/* SPDX-License-Identifier: MIT */
/*
 * What CPU and devices have to see of a piece of memory, the arena, that is lent to devices: one
 * copy of the arena for the CPU, and for each bounced mapping one of what its device sees. A piece
 * that is mapped as it lies has no copy of its own: it is the arena's.
 */
#ifndef XENDMA_TESTS_FUZZ_DMA_ORACLE_H
#define XENDMA_TESTS_FUZZ_DMA_ORACLE_H

#include <xen/coherent.h>
#include <xen/dma.h>

#define NR_DEVS 3
#define ARENA (32 * 4096UL)
#define MAX_MAPPINGS 10
#define MAX_PIECES 6

struct mapping {
	bool live, is_sg;
	struct xen_dma_dev *dev;
	unsigned int which; /* number of the device */
	enum xen_dma_dir dir;
	size_t size; /* of all pieces; offsets into a mapping run over them in order */
	unsigned int nr_cpu, nr_dma, nents;
	struct {
		size_t at, size; /* in the arena */
	} cpu[MAX_PIECES];
	struct {
		dma_addr_t addr;
		size_t size;
		bool bounced;
	} dma[MAX_PIECES];
	struct xen_dma_sg sg[MAX_PIECES];
	uint8_t view[ARENA]; /* what the device sees, where it is bounced */
};

extern struct mapping oracle_mapping[MAX_MAPPINGS];
extern uint8_t *oracle_arena; /* the real memory */

void oracle_start(void);
void oracle_stop(void);

/* A mapping is told of in this order; oracle_mapped() looks at what the device then has. */
void oracle_begin(struct mapping *m, struct xen_dma_dev *dev, unsigned int which,
		  enum xen_dma_dir dir, bool is_sg);
void oracle_add_cpu(struct mapping *m, size_t at, size_t size);
void oracle_add_dma(struct mapping *m, dma_addr_t addr, size_t size);
void oracle_mapped(struct mapping *m);
void oracle_unmapped(struct mapping *m, bool skip_sync);
void oracle_synced(struct mapping *m, size_t at, size_t size, bool for_cpu);

bool oracle_is_mapped(size_t at, size_t size);
bool oracle_has_mappings(const struct xen_dma_dev *dev);

/* Places and sizes are cut to what there is. */
void oracle_cpu_writes(size_t at, size_t size, uint8_t seed);
void oracle_device_writes(struct mapping *m, size_t at, size_t size, uint8_t seed);
/* The device writes over the rest of the slots in which a piece of its buffer lies. */
void oracle_device_strays(struct mapping *m, uint8_t piece);

/* Arena and devices' views are what they should be. */
void oracle_check(void);

#endif
