/* SPDX-License-Identifier: MIT */
/*
 * Pages are cut from one block and come back to a list of their order. A lock is one atomic step
 * and a store, as in a kernel. Hypercalls are not made: whatever asks for one ends the program.
 */
#include "port.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xen/hypercall.h>
#include <xen/p2m.h>

#define NR_PAGES (LOW_PAGES + HIGH_PAGES)
#define FIRST_PAGE 512 /* frame 0 is nobody's */
#define HIGH_MFN (1UL << 20)

static char *memory;
static uint64_t entry[NR_PAGES];
static uint64_t next_page = FIRST_PAGE;
static void *free_pages[XEN_PAGE_SHIFT];
static _Thread_local unsigned int cpu;

void port_start(void)
{
	memory = aligned_alloc(XEN_PAGE_SIZE << 9, NR_PAGES << XEN_PAGE_SHIFT);
	if (!memory)
		xen_port_panic("no memory");
	memset(memory, 1, NR_PAGES << XEN_PAGE_SHIFT);
	for (uint64_t pfn = 0; pfn < NR_PAGES; pfn++)
		entry[pfn] = pfn < LOW_PAGES ? pfn : HIGH_MFN + pfn;
	xen_p2m.entry = entry;
	xen_p2m.nr = NR_PAGES;
}

char *port_high(void)
{
	return memory + (LOW_PAGES << XEN_PAGE_SHIFT);
}

void port_set_cpu(unsigned int number)
{
	cpu = number;
}

void *xen_port_alloc_pages(unsigned int order)
{
	uint64_t nr = 1UL << order, at = (next_page + nr - 1) & ~(nr - 1);
	void **va = free_pages[order];

	if (va) {
		free_pages[order] = *va;
		return va;
	}
	if (at + nr > LOW_PAGES)
		return NULL;
	next_page = at + nr;
	return memory + (at << XEN_PAGE_SHIFT);
}

void xen_port_free_pages(void *va, unsigned int order)
{
	*(void **)va = free_pages[order];
	free_pages[order] = va;
}

void *xen_port_alloc(size_t size)
{
	void *obj;

	return posix_memalign(&obj, 64, size) ? NULL : memset(obj, 0, size);
}

void xen_port_free(void *obj, size_t size)
{
	(void)size;
	free(obj);
}

pfn_t xen_port_virt_to_pfn(const void *va)
{
	return mk_pfn((uint64_t)((const char *)va - memory) >> XEN_PAGE_SHIFT);
}

const uint64_t *xen_port_l2_entry(const void *va)
{
	(void)va;
	return NULL;
}

void *xen_port_pfn_to_virt(pfn_t pfn)
{
	return pfn_x(pfn) < NR_PAGES ? memory + (pfn_x(pfn) << XEN_PAGE_SHIFT) : NULL;
}

unsigned long xen_port_lock(struct xen_lock *lock)
{
	uint64_t free = 0;

	while (!__atomic_compare_exchange_n(&lock->word[0], &free, 1, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		__builtin_ia32_pause();
		free = 0;
	}
	return 0;
}

void xen_port_unlock(struct xen_lock *lock, unsigned long flags)
{
	(void)flags;
	__atomic_store_n(&lock->word[0], 0, __ATOMIC_RELEASE);
}

unsigned int xen_port_cpu(void)
{
	return cpu;
}

unsigned int xen_port_nr_cpus(void)
{
	return 2;
}

uint64_t xen_port_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void xen_port_log(enum xen_port_log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void xen_port_panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

long hypercall_memory_op(unsigned int cmd, void *arg)
{
	(void)arg;
	xen_port_panic("memory_op %u: there is no hypervisor here", cmd);
}

int hypercall_update_va_mapping(unsigned long va, uint64_t pte, unsigned long flags)
{
	(void)pte;
	(void)flags;
	xen_port_panic("update_va_mapping %lx: there is no hypervisor here", va);
}

int hypercall_mmu_update(struct mmu_update *req, unsigned int count, unsigned int *done,
			 domid_t domid)
{
	(void)req;
	(void)done;
	xen_port_panic("mmu_update of %u for %u: there is no hypervisor here", count, domid);
}

int hypercall_multicall(struct multicall_entry *calls, unsigned int count)
{
	(void)calls;
	xen_port_panic("multicall of %u: there is no hypervisor here", count);
}

void *xen_port_vm_alloc(size_t nr)
{
	(void)nr;
	return NULL;
}

void xen_port_vm_free(void *va, size_t nr)
{
	(void)va;
	(void)nr;
}
