/* SPDX-License-Identifier: MIT */
/*
 * What each CPU has of its own, found through the GS base.
 */
#ifndef XENDMA_BOOT_CPU_H
#define XENDMA_BOOT_CPU_H

#include <xen/event_channel.h>

#include "internal.h"

struct boot_cpu {
	struct boot_cpu *self; /* first: read as gs:0 */
	unsigned int id;
	struct vcpu_info *info; /* a stand-in until shared_info is mapped */
	char *stack;		/* lowest address; the guard page is below */
	evtchn_port_t timer_port;
	evtchn_port_t kick_port; /* an IPI that does nothing but end a wait */
	/* Work for boot_run_on(): set by another CPU, cleared by this one when done. */
	void (*fn)(void *arg);
	void *arg;
	bool running;
};

extern struct boot_cpu boot_cpus[BOOT_MAX_CPUS];

static inline struct boot_cpu *boot_this_cpu(void)
{
	struct boot_cpu *cpu;

	__asm__("movq %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* Mask event upcalls on this CPU; returns what boot_irq_restore() needs. */
static inline unsigned long boot_irq_save(void)
{
	struct vcpu_info *info = boot_this_cpu()->info;
	unsigned long flags = xen_load(&info->evtchn_upcall_mask);

	xen_store(&info->evtchn_upcall_mask, 1);
	__asm__ volatile("" : : : "memory");
	return flags;
}

/* Have Xen deliver what became pending while events were masked. */
void boot_irq_deliver(void);

static inline void boot_irq_restore(unsigned long flags)
{
	struct vcpu_info *info = boot_this_cpu()->info;

	__asm__ volatile("" : : : "memory");
	xen_store(&info->evtchn_upcall_mask, (uint8_t)flags);
	__asm__ volatile("" : : : "memory");
	if (!flags && __builtin_expect(xen_load(&info->evtchn_upcall_pending), 0))
		boot_irq_deliver();
}

/* Point GS at @cpu's structure: on that CPU, before anything else. */
void boot_cpu_init(unsigned int cpu);

#endif
