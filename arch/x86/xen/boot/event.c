/* SPDX-License-Identifier: MIT */
/*
 * Event channels, the 2-level form: a pending and a mask bit for each of 4096 ports in shared_info,
 * and for each CPU a word that says in which of 64 words to look.
 *
 * A port belongs to the CPU that Xen notifies, 0 unless boot_event_assign() said otherwise; only
 * that one handles it, so a handler runs on one CPU at a time. Binding and unbinding lock; the
 * upcall does not. The handshake with unbind: the upcall first says "running", then reads the
 * handler; unbind first clears the handler, then reads "running"; a full barrier between each two.
 */
#include <xen/hypercall.h>

#include "cpu.h"
#include "event.h"

#define NR_PORTS EVTCHN_2L_NR_CHANNELS
#define BITS (8 * sizeof(xen_ulong_t))

static struct port {
	void (*handler)(void *arg);
	void *arg;
	uint8_t cpu;
	bool running;
} ports[NR_PORTS];

static struct xen_lock ports_lock;

static void set_bit(xen_ulong_t *words, unsigned int bit)
{
	__atomic_fetch_or(&words[bit / BITS], 1UL << bit % BITS, __ATOMIC_SEQ_CST);
}

static void clear_bit(xen_ulong_t *words, unsigned int bit)
{
	__atomic_fetch_and(&words[bit / BITS], ~(1UL << bit % BITS), __ATOMIC_SEQ_CST);
}

static void handle(struct boot_cpu *cpu, evtchn_port_t port)
{
	struct port *p = &ports[port];
	void (*handler)(void *arg);

	if (xen_load(&p->cpu) != cpu->id)
		return;
	clear_bit(boot_shared_info->evtchn_pending, port);
	xen_store(&p->running, true);
	xen_mb();
	handler = xen_load_acquire(&p->handler);
	if (handler)
		handler(p->arg);
	else
		set_bit(boot_shared_info->evtchn_mask, port);
	xen_store_release(&p->running, false);
}

void boot_event_upcall(void)
{
	struct shared_info *shared = boot_shared_info;
	struct boot_cpu *cpu = boot_this_cpu();
	struct vcpu_info *info = cpu->info;

	do {
		xen_ulong_t words;

		xen_store(&info->evtchn_upcall_pending, 0);
		words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
		for (; words; words &= words - 1) {
			unsigned int word = (unsigned int)__builtin_ctzl(words);
			xen_ulong_t bits = xen_load(&shared->evtchn_pending[word]) &
					   ~xen_load(&shared->evtchn_mask[word]);

			for (; bits; bits &= bits - 1)
				handle(cpu, word * BITS + (unsigned int)__builtin_ctzl(bits));
		}
	} while (xen_load(&info->evtchn_upcall_pending));
}

int xen_port_event_bind(evtchn_port_t port, void (*handler)(void *arg), void *arg)
{
	unsigned long flags;
	int err = -XEN_EBUSY;

	if (port >= NR_PORTS)
		return -XEN_ENOSPC;
	flags = xen_port_lock(&ports_lock);
	if (!ports[port].handler) {
		ports[port].arg = arg;
		xen_store_release(&ports[port].handler, handler);
		err = 0;
	}
	xen_port_unlock(&ports_lock, flags);
	return err;
}

void xen_port_event_unbind(evtchn_port_t port)
{
	struct port *p = &ports[port];
	unsigned long flags;

	if (port >= NR_PORTS)
		return;
	flags = xen_port_lock(&ports_lock);
	xen_store(&p->handler, NULL);
	set_bit(boot_shared_info->evtchn_mask, port);
	xen_port_unlock(&ports_lock, flags);
	xen_mb();
	/* On the port's own CPU it does not run now, unless the handler itself is asking. */
	while (xen_load(&p->cpu) != boot_this_cpu()->id && xen_load_acquire(&p->running))
		hypercall_sched_op(SCHEDOP_yield, NULL);
	xen_store(&p->cpu, 0);
}

void boot_event_assign(evtchn_port_t port, unsigned int cpu)
{
	XEN_ASSERT(port < NR_PORTS && cpu < BOOT_MAX_CPUS);
	xen_store(&ports[port].cpu, (uint8_t)cpu);
}

void boot_event_unmask(evtchn_port_t port)
{
	struct evtchn_unmask arg = {.port = port};
	int err = hypercall_event_channel_op(EVTCHNOP_unmask, &arg);

	if (err)
		xen_port_panic("cannot unmask event port %u: error %d", port, err);
}
