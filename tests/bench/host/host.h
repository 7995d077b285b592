/* SPDX-License-Identifier: MIT */
/* What the parts of bench-host share. */
#ifndef XENDMA_BENCH_HOST_H
#define XENDMA_BENCH_HOST_H

#include <xen/dma.h>

#define HOST_POOL_MAX (64UL << 20)
#define HOST_RUNS 15

/* A line for bench_host.py: of @series, at @x. */
void host_say(const char *series, double x, double ns);

/* Set pools up that hold @bytes at first and @max at most. */
void host_pool(uint64_t max, uint64_t bytes);
/* All is unmapped. */
void host_pool_end(void);
/* A device that must bounce. */
void host_device(struct xen_dma_dev *dev);

/* threads.c */
void host_threads(void);

#endif
