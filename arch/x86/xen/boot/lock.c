/* SPDX-License-Identifier: MIT */
/*
 * CPU identity, event masking and the irq-safe spinlock of include/xen/port.h.
 *
 * struct xen_lock: word[0] is 0 or the holder's CPU number + 1. Test-and-set, not a ticket: a
 * holder's virtual CPU may be descheduled, and then whoever runs should get the lock next. A waiter
 * yields its time slice after a while. Taking a lock twice on a CPU is reported, not a hang.
 */
#include <xen/hypercall.h>

#include "../rawcall.h"
#include "cpu.h"

#define SPINS_BEFORE_YIELD 1000

struct boot_cpu boot_cpus[BOOT_MAX_CPUS];

/* Until shared_info is mapped: masked, nothing pending. */
static struct vcpu_info no_info = {.evtchn_upcall_mask = 1};

void boot_cpu_init(unsigned int cpu)
{
	struct boot_cpu *me = &boot_cpus[cpu];

	me->self = me;
	me->id = cpu;
	if (!me->info)
		me->info = &no_info;
	rawcall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, (unsigned long)me);
}

void boot_irq_deliver(void)
{
	/* Xen looks at the mask only when it sets pending or leaves a hypercall: any will do. */
	hypercall_xen_version(XENVER_version, NULL);
}

static bool try_lock(struct xen_lock *lock, uint64_t me, uint64_t *holder)
{
	*holder = 0;
	return __atomic_compare_exchange_n(&lock->word[0], holder, me, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void wait_for(struct xen_lock *lock, uint64_t me, uint64_t holder)
{
	unsigned int spins = 0;

	do {
		if (holder == me)
			xen_port_panic("lock %p taken twice by CPU %u", (void *)lock,
				       (unsigned int)me - 1);
		while (xen_load(&lock->word[0])) {
			__asm__ volatile("pause");
			if (++spins % SPINS_BEFORE_YIELD == 0)
				hypercall_sched_op(SCHEDOP_yield, NULL);
		}
	} while (!try_lock(lock, me, &holder));
}

unsigned long xen_port_lock(struct xen_lock *lock)
{
	unsigned long flags = boot_irq_save();
	uint64_t me = boot_this_cpu()->id + 1, holder;

	if (__builtin_expect(!try_lock(lock, me, &holder), 0))
		wait_for(lock, me, holder);
	return flags;
}

void xen_port_unlock(struct xen_lock *lock, unsigned long flags)
{
	xen_store_release(&lock->word[0], 0);
	boot_irq_restore(flags);
}

unsigned int xen_port_cpu(void)
{
	return boot_this_cpu()->id;
}
