/* SPDX-License-Identifier: MIT */
/*
 * Waiting with a deadline: the CPU sleeps in Xen until an event of its own or its one-shot timer.
 *
 * The condition is looked at with upcalls masked; blocking unmasks them in the same hypercall, so
 * an event between the look and the sleep ends the sleep. What another CPU does sends this one no
 * event, so a sleep is short while others run, and never long.
 */
#include <xen/evtchn.h>
#include <xen/hypercall.h>
#include <xen/vcpu.h>

#include "../rawcall.h"
#include "clock.h"
#include "cpu.h"
#include "smp.h"

#define NS_PER_MS 1000000ULL
#define MAX_SLEEP (100 * NS_PER_MS)
#define MAX_SLEEP_SMP (1 * NS_PER_MS)
/* A shorter delay is not worth a trip to Xen. */
#define MIN_SLEEP 50000ULL

static long vcpu_op(int cmd, unsigned int vcpu, void *arg)
{
	return rawcall3(__HYPERVISOR_vcpu_op, (unsigned long)cmd, vcpu, (unsigned long)arg);
}

/* The event alone is what a timer is for. */
static void timer_fired(void *arg)
{
}

int boot_timer_init(void)
{
	struct boot_cpu *cpu = boot_this_cpu();
	struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = cpu->id};
	long err;

	err = vcpu_op(VCPUOP_stop_periodic_timer, cpu->id, NULL);
	if (err)
		return (int)err;
	err = hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind);
	if (err)
		return (int)err;
	return xen_evtchn_bind(bind.port, 0, timer_fired, NULL);
}

/* With upcalls masked. Returns with them on, after an event or about @ns. */
static void sleep(uint64_t ns)
{
	struct vcpu_set_singleshot_timer timer = {
		.timeout_abs_ns = boot_system_time() + ns,
	};
	long err = vcpu_op(VCPUOP_set_singleshot_timer, boot_this_cpu()->id, &timer);

	if (err)
		xen_port_panic("cannot set the timer: error %ld", err);
	err = hypercall_sched_op(SCHEDOP_block, NULL);
	if (err)
		xen_port_panic("cannot block: error %ld", err);
}

/* How long to sleep at @now: until the end of the wait, the next delayed event, or the most. */
static uint64_t nap(uint64_t now, uint64_t left)
{
	uint64_t most = boot_running_cpus() > 1 ? MAX_SLEEP_SMP : MAX_SLEEP;
	uint64_t due = xen_evtchn_poll();

	if (left < most)
		most = left;
	if (due <= now)
		return 0;
	return due - now < most ? due - now : most;
}

bool boot_wait(bool (*done)(void *arg), void *arg, uint64_t timeout_ns)
{
	uint64_t start = xen_port_clock_ns();
	unsigned long flags = boot_irq_save();

	XEN_ASSERT(!flags);
	for (;;) {
		bool result = done(arg);
		uint64_t now = xen_port_clock_ns();

		if (result || now - start >= timeout_ns) {
			boot_irq_restore(flags);
			return result;
		}
		sleep(nap(now, timeout_ns - (now - start)));
		boot_irq_save();
	}
}

bool xen_port_wait(bool (*done)(void *arg), void *arg, uint64_t deadline)
{
	uint64_t now = xen_port_clock_ns();

	return boot_wait(done, arg, deadline > now ? deadline - now : 0);
}

static bool never(void *arg)
{
	return false;
}

void boot_delay(uint64_t ns)
{
	uint64_t start = xen_port_clock_ns();

	if (ns >= MIN_SLEEP && !xen_load(&boot_this_cpu()->info->evtchn_upcall_mask)) {
		boot_wait(never, NULL, ns);
		return;
	}
	while (xen_port_clock_ns() - start < ns)
		__asm__ volatile("pause");
}
