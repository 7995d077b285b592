/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls of include/xen/hypercall.h: each takes the model's one lock, is counted, fails
 * when the test asked for it, and else does its work. A call inside a multicall is counted by its
 * kind, but as a hypercall the batch counts once.
 */
#include <sched.h>
#include <string.h>

#include <model/internal.h>

static pthread_mutex_t big_lock = PTHREAD_MUTEX_INITIALIZER;

void model_enter(void)
{
	pthread_mutex_lock(&big_lock);
}

void model_leave(void)
{
	pthread_mutex_unlock(&big_lock);
}

bool model_counts(enum model_call kind, long *err)
{
	if (!model.running)
		model_breach("the model is not running");
	if (!domain_first_acts())
		return false;
	model.calls[kind]++;
	if (!model.fail[kind].nth || --model.fail[kind].nth)
		return false;
	*err = model.fail[kind].err;
	model.failures.nr++;
	memcpy(model.failures.calls, model.calls, sizeof(model.calls));
	if (model.then.nth) {
		model.fail[model.then.kind].nth = model.then.nth;
		model.fail[model.then.kind].err = model.then.err;
		model.then.nth = 0;
	}
	return true;
}

uint64_t model_calls(enum model_call kind)
{
	uint64_t nr;

	model_enter();
	nr = model.calls[kind];
	model_leave();
	return nr;
}

uint64_t model_hypercalls(void)
{
	uint64_t nr;

	model_enter();
	nr = model.hypercalls;
	model_leave();
	return nr;
}

void model_fail(enum model_call kind, uint64_t nth, int err)
{
	model_enter();
	model.fail[kind].nth = nth;
	model.fail[kind].err = err;
	model_leave();
}

void model_fail_then(enum model_call kind, uint64_t nth, int err)
{
	model_enter();
	model.then.kind = kind;
	model.then.nth = nth;
	model.then.err = err;
	model_leave();
}

struct model_failures model_failures(void)
{
	struct model_failures failures;

	model_enter();
	failures = model.failures;
	model_leave();
	return failures;
}

void model_exchange_stops_after(uint64_t nr)
{
	model_enter();
	model.exchange_stop = nr;
	model_leave();
}

void model_lie(void (*lie)(struct model_lie_call *call))
{
	model_enter();
	model.lie = lie;
	model_leave();
}

static long perform(const struct multicall_entry *c)
{
	const xen_ulong_t *a = c->args;

	switch (c->op) {
	case __HYPERVISOR_memory_op:
		return do_memory_op((unsigned int)a[0], (void *)a[1]);
	case __HYPERVISOR_mmu_update:
		return do_mmu_update((void *)a[0], (unsigned int)a[1], (void *)a[2], (domid_t)a[3]);
	case __HYPERVISOR_update_va_mapping:
		return do_update_va_mapping(a[0], a[1], a[2]);
	case __HYPERVISOR_mmuext_op:
		return do_mmuext_op((void *)a[0], (unsigned int)a[1], (void *)a[2], (domid_t)a[3]);
	case __HYPERVISOR_event_channel_op:
		return do_event_channel_op((int)a[0], (void *)a[1]);
	case __HYPERVISOR_physdev_op:
		return do_physdev_op((int)a[0], (void *)a[1]);
	case __HYPERVISOR_grant_table_op:
		return do_grant_table_op((unsigned int)a[0], (void *)a[1], (unsigned int)a[2]);
	case __HYPERVISOR_sched_op:
		return do_sched_op((int)a[0], (void *)a[1]);
	case __HYPERVISOR_console_io:
		return do_console_io((int)a[0], (int)a[1], (void *)a[2]);
	default:
		return do_xen_version((int)a[0], (void *)a[1]);
	}
}

static long dispatch_call(const struct multicall_entry *c)
{
	static const enum model_call kinds[64] = {
		[__HYPERVISOR_memory_op] = MODEL_MEMORY_OP,
		[__HYPERVISOR_mmu_update] = MODEL_MMU_UPDATE,
		[__HYPERVISOR_update_va_mapping] = MODEL_UPDATE_VA_MAPPING,
		[__HYPERVISOR_mmuext_op] = MODEL_MMUEXT_OP,
		[__HYPERVISOR_event_channel_op] = MODEL_EVENT_CHANNEL_OP,
		[__HYPERVISOR_physdev_op] = MODEL_PHYSDEV_OP,
		[__HYPERVISOR_grant_table_op] = MODEL_GRANT_TABLE_OP,
		[__HYPERVISOR_sched_op] = MODEL_SCHED_OP,
		[__HYPERVISOR_console_io] = MODEL_CONSOLE_IO,
		[__HYPERVISOR_xen_version] = MODEL_XEN_VERSION,
	};
	const xen_ulong_t *a = c->args;
	struct model_lie_call lie;
	long err;

	if (c->op == __HYPERVISOR_multicall)
		return -XEN_EINVAL; /* not inside itself */
	if (c->op >= 64 || (!kinds[c->op] && c->op != __HYPERVISOR_memory_op))
		return -XEN_ENOSYS;
	if (!domain_first_acts() && c->op != __HYPERVISOR_event_channel_op &&
	    c->op != __HYPERVISOR_grant_table_op && c->op != __HYPERVISOR_physdev_op)
		model_breach("model: other domains have grants, event channels and PIRQs only");
	argument_check(c);
	if (model_counts(kinds[c->op], &err))
		return err;
	if (!model.lie)
		return perform(c);
	lie = (struct model_lie_call){kinds[c->op], a[0], (void *)a[1], false, 0, (void *)a[2]};
	model.lie(&lie);
	lie.done = true;
	lie.rc = perform(c);
	model.lie(&lie);
	return lie.rc;
}

/* A call as a multicall has it; the typed functions use it as well. */
static long dispatch(const struct multicall_entry *c)
{
	long rc = dispatch_call(c);

	model_trace_add(c->op);
	model_trace_add((uint64_t)rc);
	return rc;
}

static long call(unsigned long op, unsigned long a0, unsigned long a1, unsigned long a2,
		 unsigned long a3)
{
	struct multicall_entry c = {.op = op, .args = {a0, a1, a2, a3}};
	long rc;

	model_enter();
	model.hypercalls += domain_first_acts();
	rc = dispatch(&c);
	model_leave();
	event_deliver();
	return rc;
}

static unsigned long num(const void *p)
{
	return (unsigned long)(uintptr_t)p;
}

long hypercall_memory_op(unsigned int cmd, void *arg)
{
	return call(__HYPERVISOR_memory_op, cmd, num(arg), 0, 0);
}

int hypercall_mmu_update(struct mmu_update *req, unsigned int count, unsigned int *done,
			 domid_t domid)
{
	return (int)call(__HYPERVISOR_mmu_update, num(req), count, num(done), domid);
}

int hypercall_update_va_mapping(unsigned long va, uint64_t pte, unsigned long flags)
{
	return (int)call(__HYPERVISOR_update_va_mapping, va, pte, flags, 0);
}

int hypercall_mmuext_op(struct mmuext_op *op, unsigned int count, unsigned int *done, domid_t domid)
{
	return (int)call(__HYPERVISOR_mmuext_op, num(op), count, num(done), domid);
}

int hypercall_multicall(struct multicall_entry *calls, unsigned int count)
{
	long rc = 0;

	model_enter();
	model.hypercalls++;
	argument_range("multicall", calls, count * sizeof(*calls), true);
	if (!model_counts(MODEL_MULTICALL, &rc)) {
		rc = count && !calls ? -XEN_EFAULT : 0;
		for (unsigned int i = 0; i < count && !rc; i++)
			calls[i].result = (xen_ulong_t)dispatch(&calls[i]);
	}
	model_leave();
	event_deliver();
	return (int)rc;
}

int hypercall_event_channel_op(int cmd, void *arg)
{
	return (int)call(__HYPERVISOR_event_channel_op, (unsigned long)cmd, num(arg), 0, 0);
}

int hypercall_physdev_op(int cmd, void *arg)
{
	return (int)call(__HYPERVISOR_physdev_op, (unsigned long)cmd, num(arg), 0, 0);
}

int hypercall_grant_table_op(unsigned int cmd, void *arg, unsigned int count)
{
	return (int)call(__HYPERVISOR_grant_table_op, cmd, num(arg), count, 0);
}

long hypercall_sched_op(int cmd, void *arg)
{
	long rc = call(__HYPERVISOR_sched_op, (unsigned long)cmd, num(arg), 0, 0);

	if (cmd == SCHEDOP_yield)
		sched_yield();
	return rc;
}

int hypercall_console_io(int cmd, int count, char *buffer)
{
	return (int)call(__HYPERVISOR_console_io, (unsigned long)cmd, (unsigned long)count,
			 num(buffer), 0);
}

long hypercall_xen_version(int cmd, void *arg)
{
	return call(__HYPERVISOR_xen_version, (unsigned long)cmd, num(arg), 0, 0);
}
