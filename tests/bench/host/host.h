/* SPDX-License-Identifier: MIT */
/* What the parts of bench-host share. */
#ifndef XENDMA_BENCH_HOST_H
#define XENDMA_BENCH_HOST_H

#include <xen/dma.h>

#define HOST_POOL_MAX (64UL << 20)
#define HOST_RUNS 15

/* A line for bench_host.py: of @series, at @x. */
void host_say(const char *series, double x, double ns);

/* Set pools up that hold @bytes at first and no more, in segments of 2^@order pages; 0: of 2 MiB.
 */
void host_pool(uint64_t bytes, unsigned int order);
/* All is unmapped. */
void host_pool_end(void);
/* A device that must bounce. */
void host_device(struct xen_dma_dev *dev);

/* threads.c */
void host_threads(void);

#endif
