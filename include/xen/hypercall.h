/* SPDX-License-Identifier: MIT */
/*
 * The Xen ABI, one typed function a hypercall, with the untouched public headers as the ABI. On
 * Xen these are a few instructions each (arch/x86/xen/hypercall.c); in hosted tests the model
 * hypervisor implements them. Everything above is the same source in both.
 *
 * All return what Xen returns: 0 or a positive result, or a negative errno. None sleeps in the
 * guest's sense. Arguments must lie in memory that Xen can reach by the current page tables.
 */
#ifndef XENDMA_XEN_HYPERCALL_H
#define XENDMA_XEN_HYPERCALL_H

#include <xen/types.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* XENMEM_*; @arg is the structure that <xen/memory.h> gives for @cmd. */
long hypercall_memory_op(unsigned int cmd, void *arg);

/* @done (may be NULL) receives how many of @count requests took effect. */
int hypercall_mmu_update(struct mmu_update *req, unsigned int count, unsigned int *done,
			 domid_t domid);

/* Set the last-level PTE that maps @va; @flags are UVMF_*. */
int hypercall_update_va_mapping(unsigned long va, uint64_t pte, unsigned long flags);

int hypercall_mmuext_op(struct mmuext_op *op, unsigned int count, unsigned int *done,
			domid_t domid);

/* Each call's own result is in calls[i].result; the return value only says that the batch ran. */
int hypercall_multicall(struct multicall_entry *calls, unsigned int count);

/* EVTCHNOP_* of <xen/event_channel.h>. */
int hypercall_event_channel_op(int cmd, void *arg);

/* PHYSDEVOP_* of <xen/physdev.h>. */
int hypercall_physdev_op(int cmd, void *arg);

/* GNTTABOP_* of <xen/grant_table.h>. */
int hypercall_grant_table_op(unsigned int cmd, void *arg, unsigned int count);

/* SCHEDOP_* of <xen/sched.h>. */
long hypercall_sched_op(int cmd, void *arg);

/* CONSOLEIO_write / CONSOLEIO_read. */
int hypercall_console_io(int cmd, int count, char *buffer);

/* XENVER_* of <xen/version.h>. */
long hypercall_xen_version(int cmd, void *arg);

#ifdef __cplusplus
}
#endif

#endif
