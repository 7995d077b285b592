/* SPDX-License-Identifier: MIT */
/*
 * The frontend against time: its states flipped at random, accesses and events from other CPUs
 * while it connects and closes. Made for ASan and TSan.
 */
#include <pthread.h>

#include "pcifront_test.h"

#ifdef __SANITIZE_THREAD__
#define FLIPS 3000 /* TSan is for the two threads below */
#else
#define FLIPS 100000
#endif

/* Who is waited for has answered, or never will. */
static void nobody(void *arg)
{
}

/* Any state at any time; now and then the directories go, or somebody reads. */
static void flips(void)
{
	uint64_t random = unit_seed();

	bench();
	model_on_wait(nobody, NULL);
	model_pciback_create(both_at, 2);
	start();
	for (unsigned int i = 0; i < FLIPS; i++) {
		uint64_t what = unit_random(&random);
		char state[2] = {(char)('0' + what % 10), 0};
		struct xen_pci_host *host;

		if (!model_pciback_state())
			model_pciback_create(both_at, 2);
		if (what >> 8 & 1)
			model_pciback_step();
		else
			model_xs_write(MODEL_PCIBACK_PATH "/state", state);
		if ((what >> 16) % 512 == 0)
			model_pciback_destroy();
		if ((what >> 32) % 64 == 0)
			model_pciback_restart();
		run_in_steps(1, (what >> 40) % 4 ? MS : SECOND);
		host = xen_pcifront_host(t.front, 0);
		if ((what >> 48) % 16 == 0 && host && host->devices)
			xen_pci_read(host->devices, 0, 4);
		unit_expect(xen_pcifront_stats(t.front).nr_devs == t.added - t.removed);
	}
	ck_assert_uint_ge(t.added, FLIPS / 1000);
	ck_assert_uint_ge(xen_pcifront_stats(t.front).connects, FLIPS / 5000);
	stop();
	end();
}

/* --- two threads --------------------------------------------------------------------------- */

static struct {
	bool over;
	const struct xen_pci_config *config;
	uint64_t good, bad;
} other;

static bool is_over(void)
{
	return __atomic_load_n(&other.over, __ATOMIC_RELAXED);
}

static void *reads(void *arg)
{
	model_set_cpu(1);
	while (!is_over()) {
		uint32_t value = 0;
		int rc = other.config->read(other.config, (struct xen_pci_addr){0}, 0, 4, &value);

		unit_expect(rc || value == 0x11e81234 || value == ~0u);
		__atomic_fetch_add(rc ? &other.bad : &other.good, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *notifies(void *arg)
{
	model_set_cpu(1);
	while (!is_over()) {
		model_pciback_notify();
		sched_yield();
	}
	return NULL;
}

static const struct model_params two_cpus = {.domu = true, .nr_pages = 1024, .nr_cpus = 2};

static pthread_t begin(void *(*what)(void *arg))
{
	pthread_t thread;

	bench_with(NULL, &two_cpus);
	connected(&edu_at, 1);
	memset(&other, 0, sizeof(other));
	model_on_wait(nobody, NULL); /* one thread is the backend */
	other.config = xen_pcifront_host(t.front, 0)->config;
	ck_assert_int_eq(pthread_create(&thread, NULL, what, NULL), 0);
	return thread;
}

static void join(pthread_t thread)
{
	__atomic_store_n(&other.over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* Connections end and begin while another CPU reads. */
static void reader(void)
{
	pthread_t thread = begin(reads);

	for (unsigned int i = 0; i < 20; i++) {
		model_pciback_restart();
		while (xen_pcifront_stats(t.front).connects < i + 2)
			run_coarsely(1);
		while (!__atomic_load_n(&other.good, __ATOMIC_RELAXED))
			sched_yield();
	}
	join(thread);
	ck_assert_uint_gt(other.good, 0);
	end();
}

/* Handlers run on another CPU while the port closes. */
static void notified(void)
{
	pthread_t thread = begin(notifies);

	for (unsigned int i = 0; i < 50; i++) {
		model_pciback_destroy();
		run_for(10 * MS);
		model_pciback_create(&edu_at, 1);
		ck_assert(run_until(XenbusStateConnected, 5 * SECOND));
	}
	join(thread);
	end();
}

static const struct unit_case cases[] = {
	{"XSA-350 374 465: states in any order", flips},
	{"XSA-350 374 465: connections end under a reader", reader},
	{"XSA-331: a channel closes while its handler runs elsewhere", notified},
};

UNIT_MAIN("pcifront-races", cases)
