/* SPDX-License-Identifier: MIT */
/* `bench=1`: what the library's operations cost, in instructions (docs/performance.md). Prints one
 * line `bench: ...` a figure and a verdict. Needs an edu device and unused bounce pools. */
#ifndef XENDMA_GUEST_BENCH_H
#define XENDMA_GUEST_BENCH_H

void bench_run(void);

#endif
