/* SPDX-License-Identifier: MIT */
/*
 * Memory accesses that other CPUs, the hypervisor or a device also make: each expands to one
 * access that the compiler neither tears, repeats nor leaves out. C11 memory orders.
 */
#ifndef XENDMA_XEN_ATOMIC_H
#define XENDMA_XEN_ATOMIC_H

#define xen_load(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define xen_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define xen_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define xen_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define xen_fetch_add(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define xen_exchange(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define xen_fetch_sub(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED)

/* Order memory that a device or another domain sees. x86: loads and stores each stay in order. */
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif
