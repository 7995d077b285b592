/* SPDX-License-Identifier: MIT */
/*
 * include/xen/hypercall.h on Xen: each function is one trip through the hypercall page. Stateless
 * but for the counter; may be called anywhere, Xen serialises what needs it.
 */
#include <xen/hypercall.h>

#include "rawcall.h"

#define PTR(p) ((unsigned long)(p))

uint64_t xen_hypercall_count;

long hypercall_memory_op(unsigned int cmd, void *arg)
{
	return rawcall2(__HYPERVISOR_memory_op, cmd, PTR(arg));
}

int hypercall_mmu_update(struct mmu_update *req, unsigned int count, unsigned int *done,
			 domid_t domid)
{
	return (int)rawcall4(__HYPERVISOR_mmu_update, PTR(req), count, PTR(done), domid);
}

int hypercall_update_va_mapping(unsigned long va, uint64_t pte, unsigned long flags)
{
	return (int)rawcall3(__HYPERVISOR_update_va_mapping, va, pte, flags);
}

int hypercall_mmuext_op(struct mmuext_op *op, unsigned int count, unsigned int *done, domid_t domid)
{
	return (int)rawcall4(__HYPERVISOR_mmuext_op, PTR(op), count, PTR(done), domid);
}

int hypercall_multicall(struct multicall_entry *calls, unsigned int count)
{
	return (int)rawcall2(__HYPERVISOR_multicall, PTR(calls), count);
}

int hypercall_event_channel_op(int cmd, void *arg)
{
	return (int)rawcall2(__HYPERVISOR_event_channel_op, (unsigned long)cmd, PTR(arg));
}

int hypercall_physdev_op(int cmd, void *arg)
{
	return (int)rawcall2(__HYPERVISOR_physdev_op, (unsigned long)cmd, PTR(arg));
}

int hypercall_grant_table_op(unsigned int cmd, void *arg, unsigned int count)
{
	return (int)rawcall3(__HYPERVISOR_grant_table_op, cmd, PTR(arg), count);
}

long hypercall_sched_op(int cmd, void *arg)
{
	return rawcall2(__HYPERVISOR_sched_op, (unsigned long)cmd, PTR(arg));
}

int hypercall_console_io(int cmd, int count, char *buffer)
{
	return (int)rawcall3(__HYPERVISOR_console_io, (unsigned long)cmd, (unsigned long)count,
			     PTR(buffer));
}

long hypercall_xen_version(int cmd, void *arg)
{
	return rawcall2(__HYPERVISOR_xen_version, (unsigned long)cmd, PTR(arg));
}
