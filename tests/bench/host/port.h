/* SPDX-License-Identifier: MIT */
/*
 * The least port that the library's algorithms run on in a process, as fast as a kernel's: memory
 * that is contiguous in a machine made up here, so that nothing is asked of a hypervisor.
 */
#ifndef XENDMA_BENCH_HOST_PORT_H
#define XENDMA_BENCH_HOST_PORT_H

#include <xen/port.h>

/* Pages of the library's: frames that a 28-bit device reaches. */
#define LOW_PAGES (96UL << 8)
/* The program's own: frames beyond its reach. */
#define HIGH_PAGES (32UL << 8)

/* Set up memory and P2M. Ends the program when there is no memory. */
void port_start(void);
/* The program's own pages. */
char *port_high(void);

/* The calling thread runs on CPU @cpu, 0 or 1. */
void port_set_cpu(unsigned int cpu);

#endif
