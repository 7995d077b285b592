/* SPDX-License-Identifier: MIT */
/*
 * Two CPUs at once. Threads are bound to CPUs of their own and timed by the wall clock. A round
 * counts only if each of them ran on its CPU all the time and both at the same time: what the
 * machine does beside would else look like a gain or a loss of ours.
 */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "port.h"

#define NR_THREADS 2
#define ROUND_NS 5000000
#define MOST_ROUNDS 400
#define WHOLE 0.98 /* of a round is all of it */

struct thread {
	pthread_t id;
	unsigned int cpu;
	int host_cpu;
	struct xen_dma_dev *dev; /* all use it; NULL: one of its own */
	uint64_t start, end, ran;
	unsigned int maps;
};

static pthread_barrier_t barrier;

static uint64_t ns_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *map_for_a_while(void *arg)
{
	struct thread *thread = arg;
	char *va = port_high() + thread->cpu * 65536;
	struct xen_dma_dev own, *dev = thread->dev;
	cpu_set_t set;
	uint64_t ran;

	CPU_ZERO(&set);
	CPU_SET(thread->host_cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set))
		xen_port_panic("no thread may run on CPU %d", thread->host_cpu);
	port_set_cpu(thread->cpu);
	if (!dev) {
		dev = &own;
		host_device(dev);
	}
	pthread_barrier_wait(&barrier);
	ran = ns_of(CLOCK_THREAD_CPUTIME_ID);
	thread->start = ns_of(CLOCK_MONOTONIC);
	do {
		for (unsigned int i = 0; i < 256; i++) {
			dma_addr_t dma = xen_dma_map_single(dev, va, 4096, XEN_DMA_TO_DEVICE, 0);

			xen_dma_unmap(dev, dma, 4096, XEN_DMA_TO_DEVICE, 0);
		}
		thread->maps += 256;
		thread->end = ns_of(CLOCK_MONOTONIC);
	} while (thread->end - thread->start < ROUND_NS);
	thread->ran = ns_of(CLOCK_THREAD_CPUTIME_ID) - ran;
	if (dev == &own)
		xen_dma_dev_fini(dev);
	return NULL;
}

/* Maps a nanosecond of @nr threads together; 0: they did not have the CPUs to themselves. */
static double rate_of(unsigned int nr, const int *host_cpu, struct xen_dma_dev *dev)
{
	struct thread thread[NR_THREADS] = {0};
	uint64_t from = 0, to = ~0ULL;
	double rate = 0;

	pthread_barrier_init(&barrier, NULL, nr);
	for (unsigned int i = 0; i < nr; i++) {
		thread[i] = (struct thread){.cpu = i, .host_cpu = host_cpu[i], .dev = dev};
		if (pthread_create(&thread[i].id, NULL, map_for_a_while, &thread[i]))
			xen_port_panic("no thread");
	}
	for (unsigned int i = 0; i < nr; i++)
		pthread_join(thread[i].id, NULL);
	pthread_barrier_destroy(&barrier);

	for (unsigned int i = 0; i < nr; i++) {
		from = thread[i].start > from ? thread[i].start : from;
		to = thread[i].end < to ? thread[i].end : to;
	}
	for (unsigned int i = 0; i < nr; i++) {
		double wall = (double)(thread[i].end - thread[i].start);

		if ((double)thread[i].ran < WHOLE * wall || to < from ||
		    (double)(to - from) < WHOLE * wall)
			return 0;
		rate += thread[i].maps / wall;
	}
	return rate;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Nanoseconds a map by one and by two threads: of some good rounds the middle one. */
static void measure(const char *series, const int *host_cpu, struct xen_dma_dev *dev)
{
	double rate[HOST_RUNS];

	for (unsigned int nr = 1; nr <= NR_THREADS; nr++) {
		unsigned int good = 0, rounds;

		for (rounds = 0; rounds < MOST_ROUNDS && good < HOST_RUNS; rounds++) {
			rate[good] = rate_of(nr, host_cpu, dev);
			good += rate[good] != 0;
		}
		fprintf(stderr, "%s: %u threads: %u of %u rounds undisturbed\n", series, nr, good,
			rounds);
		if (good < HOST_RUNS)
			continue;
		qsort(rate, good, sizeof(rate[0]), by_size);
		host_say(series, nr, 1 / rate[good / 2]);
	}
}

void host_threads(void)
{
	struct xen_dma_dev dev;
	int host_cpu[NR_THREADS];
	unsigned int nr = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		xen_port_panic("which CPUs there are is not to be learnt");
	for (int i = 0; i < CPU_SETSIZE && nr < NR_THREADS; i++)
		if (CPU_ISSET(i, &set))
			host_cpu[nr++] = i;
	if (nr < NR_THREADS) {
		fprintf(stderr, "threads: there is but one CPU\n");
		return;
	}
	/* Segments of 256 KiB: those of both CPUs lie in one region of 2 MiB. */
	host_pool(1 << 20, 6);
	measure("threads_near", host_cpu, NULL);
	host_pool_end();
	host_pool(HOST_POOL_MAX, 0);
	measure("threads", host_cpu, NULL);
	host_device(&dev);
	measure("threads_shared", host_cpu, &dev);
	xen_dma_dev_fini(&dev);
	host_pool_end();
}
