/* SPDX-License-Identifier: MIT */
/*
 * Secondary virtual CPUs: each gets a stack with an unmapped page below, its own part of
 * shared_info and a timer, and then waits for work. Handing over: the caller swaps the function
 * into the CPU's structure, the CPU takes it out when it has returned. CPUs are started by CPU 0
 * and never stopped.
 */
#include <xen/evtchn.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/vcpu.h>

#include "../rawcall.h"
#include "clock.h"
#include "cpu.h"
#include "direct.h"
#include "smp.h"

#define STACK_ORDER 4
#define START_TIMEOUT 5000000000ULL

static unsigned int nr_cpus = 1;
static unsigned int nr_running = 1;

void boot_cpus_init(void)
{
	while (nr_cpus < BOOT_MAX_CPUS &&
	       rawcall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, nr_cpus, 0) >= 0)
		nr_cpus++;
}

unsigned int boot_running_cpus(void)
{
	return xen_load(&nr_running);
}

unsigned int xen_port_nr_cpus(void)
{
	return nr_cpus;
}

static void kicked(void *arg)
{
}

static bool has_work(void *arg)
{
	struct boot_cpu *cpu = arg;

	return xen_load_acquire(&cpu->fn) != NULL;
}

static bool is_idle(void *arg)
{
	return !has_work(arg);
}

static bool is_running(void *arg)
{
	struct boot_cpu *cpu = arg;

	return xen_load_acquire(&cpu->running);
}

static void bind_kick(struct boot_cpu *cpu)
{
	struct evtchn_bind_ipi bind = {.vcpu = cpu->id};
	int err = hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind);

	err = err ? err : xen_evtchn_bind(bind.port, 0, kicked, NULL);
	if (err)
		xen_port_panic("CPU %u: no IPI: error %d", cpu->id, err);
	cpu->kick_port = bind.port;
}

/* The first C code on a secondary CPU. */
static __attribute__((noreturn)) void secondary(struct boot_cpu *cpu)
{
	int err;

	boot_cpu_init(cpu->id);
	err = boot_timer_init();
	if (err)
		xen_port_panic("CPU %u: no timer: error %d", cpu->id, err);
	bind_kick(cpu);
	xen_store_release(&cpu->running, true);
	boot_irq_restore(0);
	for (;;) {
		if (!boot_wait(has_work, cpu, UINT64_MAX))
			continue;
		cpu->fn(cpu->arg);
		xen_store_release(&cpu->fn, NULL);
	}
}

static void fill_context(struct vcpu_guest_context *ctx, struct boot_cpu *cpu)
{
	memset(ctx, 0, sizeof(*ctx));
	ctx->flags = VGCF_in_kernel;
	ctx->user_regs.rip = (uintptr_t)secondary;
	ctx->user_regs.rdi = (uintptr_t)cpu;
	/* As a call leaves it: 16-byte aligned but for the return address. */
	ctx->user_regs.rsp = (uintptr_t)cpu->stack + (XEN_PAGE_SIZE << STACK_ORDER) - 8;
	ctx->user_regs.cs = FLAT_KERNEL_CS;
	ctx->user_regs.ss = FLAT_KERNEL_SS;
	ctx->user_regs.ds = ctx->user_regs.es = FLAT_KERNEL_DS;
	ctx->user_regs.rflags = 1UL << 9; /* IF, which Xen asks for */
	ctx->kernel_ss = FLAT_KERNEL_SS;
	ctx->kernel_sp = ctx->user_regs.rsp;
	boot_trap_table(ctx->trap_ctxt);
	ctx->event_callback_eip = (uintptr_t)boot_event_entry;
	ctx->failsafe_callback_eip = (uintptr_t)boot_failsafe_entry;
	ctx->gs_base_kernel = (uintptr_t)cpu;
	ctx->ctrlreg[3] = xen_pfn_to_cr3(boot_pte(boot_start_info->pt_base) >> XEN_PAGE_SHIFT &
					 (XEN_PTE_FRAME_MASK >> XEN_PAGE_SHIFT));
}

static int start_cpu(struct boot_cpu *cpu, unsigned int id)
{
	struct vcpu_guest_context *ctx = xen_port_alloc(sizeof(*ctx));
	long err = -XEN_ENOMEM;

	cpu->self = cpu;
	cpu->id = id;
	cpu->info = &boot_shared_info->vcpu_info[id];
	cpu->stack = xen_port_alloc_pages(STACK_ORDER);
	if (!ctx || !cpu->stack)
		goto free;
	err = xen_evtchn_fifo_cpu(id);
	if (err)
		goto free;
	err = boot_set_pte((uintptr_t)cpu->stack, 0);
	if (err)
		goto free;
	fill_context(ctx, cpu);
	err = rawcall3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, id, (unsigned long)ctx);
	err = err ? err : rawcall3(__HYPERVISOR_vcpu_op, VCPUOP_up, id, 0);
	xen_port_free(ctx, sizeof(*ctx));
	/* Its stack stays its own: Xen may have taken it to heart. */
	return (int)err;

free:
	if (cpu->stack)
		xen_port_free_pages(cpu->stack, STACK_ORDER);
	cpu->stack = NULL;
	xen_port_free(ctx, sizeof(*ctx));
	return (int)err;
}

unsigned int boot_start_cpus(unsigned int max)
{
	while (nr_running < max && nr_running < nr_cpus) {
		struct boot_cpu *cpu = &boot_cpus[nr_running];
		int err = start_cpu(cpu, nr_running);

		if (!err && !boot_wait(is_running, cpu, START_TIMEOUT))
			err = -XEN_ETIMEDOUT;
		if (err) {
			xen_port_log(XEN_LOG_ERROR, "CPU %u does not start: error %d", nr_running,
				     err);
			break;
		}
		xen_store(&nr_running, nr_running + 1);
	}
	return nr_running;
}

bool boot_run_on(unsigned int id, void (*fn)(void *arg), void *arg)
{
	struct boot_cpu *cpu = &boot_cpus[id];
	struct evtchn_send send;

	XEN_ASSERT(id && id < nr_running);
	if (has_work(cpu))
		return false;
	cpu->arg = arg;
	xen_store_release(&cpu->fn, fn);
	send.port = cpu->kick_port;
	/* Not needed, only quicker: the CPU looks by itself every now and then. */
	hypercall_event_channel_op(EVTCHNOP_send, &send);
	return true;
}

bool boot_join(unsigned int id, uint64_t timeout_ns)
{
	XEN_ASSERT(id && id < nr_running);
	return boot_wait(is_idle, &boot_cpus[id], timeout_ns);
}
