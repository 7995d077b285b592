/* SPDX-License-Identifier: MIT */
/*
 * Time: Xen keeps, for each virtual CPU, a time stamp of its TSC with the system time then and the
 * factor between them; a version that is odd during updates guards them. Readings of several CPUs
 * may differ by a little, so the latest one given out is a floor for all: one shared word, only
 * ever raised.
 */
#include "clock.h"
#include "cpu.h"

static uint64_t latest;

static uint64_t read_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

uint64_t boot_system_time(void)
{
	const struct vcpu_time_info *t = &boot_this_cpu()->info->time;
	uint64_t delta, ns;
	uint32_t version;

	do {
		version = xen_load_acquire(&t->version);
		delta = read_tsc() - t->tsc_timestamp;
		delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
		ns = t->system_time +
		     (uint64_t)(((unsigned __int128)delta * t->tsc_to_system_mul) >> 32);
		xen_rmb();
	} while ((version & 1) || version != xen_load(&t->version));
	return ns;
}

uint64_t xen_port_clock_ns(void)
{
	uint64_t now = boot_system_time();
	uint64_t seen = xen_load(&latest);

	while (now > seen)
		if (__atomic_compare_exchange_n(&latest, &seen, now, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return now;
	return seen;
}
