/* SPDX-License-Identifier: MIT */
/*
 * Finding pages by where they lie in the machine, reading the page tables, test patterns. No
 * state, nothing to lock.
 */
#include "pages.h"

#include <xen/contiguous.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>

#include "boot.h"
#include "verdict.h"

#define MAX_REJECTED 128

mfn_t virt_to_mfn(const void *va)
{
	return xen_pfn_to_mfn(xen_port_virt_to_pfn(va));
}

bool pages_are_above(const void *va, uint64_t nr, uint64_t min)
{
	const uint8_t *at = va;

	for (; nr--; at += XEN_PAGE_SIZE)
		if (mfn_x(virt_to_mfn(at)) < min)
			return false;
	return true;
}

/* What the allocator gives that does not fit is held back until something fits. */
void *pages_above(unsigned int order, uint64_t min)
{
	void *rejected[MAX_REJECTED], *found = NULL;
	unsigned int nr = 0;

	while (!found && nr < MAX_REJECTED) {
		void *va = xen_port_alloc_pages(order);

		if (!va)
			break;
		if (pages_are_above(va, 1ULL << order, min))
			found = va;
		else
			rejected[nr++] = va;
	}
	while (nr)
		xen_port_free_pages(rejected[--nr], order);
	return found;
}

/* Exchanging a single frame gives another one, which need not be elsewhere: hence the rounds. */
void *pages_scattered_pair(void)
{
	uint8_t *va = xen_port_alloc_pages(1);
	unsigned int round;

	if (!va)
		return NULL;
	for (round = 0; round < 8; round++) {
		if (mfn_x(virt_to_mfn(va)) + 1 != mfn_x(virt_to_mfn(va + XEN_PAGE_SIZE)))
			return va;
		if (xen_create_contiguous_region(xen_port_virt_to_pfn(va + XEN_PAGE_SIZE), 0,
						 round & 1 ? 32 : XEN_ANY_ADDRESS_BITS, NULL))
			break;
	}
	xen_port_free_pages(va, 1);
	return NULL;
}

/* Xen lets a PV kernel read CR3 and answers with the machine frame of its top-level table. */
bool pages_pte(const volatile void *va, uint64_t *pte)
{
	uint64_t entry;
	int level;

	__asm__ volatile("mov %%cr3, %0" : "=r"(entry));
	for (level = 3; level >= 0; level--) {
		pfn_t pfn = xen_mfn_to_pfn(mk_mfn((entry & XEN_PTE_FRAME_MASK) >> XEN_PAGE_SHIFT));
		const uint64_t *table = pfn_valid(pfn) ? xen_port_pfn_to_virt(pfn) : NULL;
		unsigned int index = (uintptr_t)va >> (12 + 9 * level) & 511;

		if (!table || !boot_peek(table + index, &entry) || !(entry & XEN_PTE_PRESENT))
			return false;
	}
	*pte = entry;
	return true;
}

uint64_t pages_owned(void)
{
	domid_t domid = DOMID_SELF;
	long pages = hypercall_memory_op(XENMEM_current_reservation, &domid);

	return pages < 0 ? 0 : (uint64_t)pages;
}

bool check_frames(uint64_t owned, const char *when)
{
	uint64_t populated = 0, now = pages_owned();
	pfn_t bad = mk_pfn(0);
	int err = xen_p2m_check(&populated, &bad);
	bool ok;

	ok = check(!err, "%s: P2M and M2P disagree at PFN 0x%lx (%d)", when, pfn_x(bad), err);
	ok &= check(now == owned, "%s: Xen counts %lu frames, not %lu", when, now, owned);
	ok &= check(populated == owned, "%s: the P2M has %lu frames, Xen counts %lu", when,
		    populated, owned);
	return ok;
}

static uint64_t mix(uint64_t seed, uint64_t word)
{
	uint64_t x = (seed ^ word) * 0x9e3779b97f4a7c15;

	return x ^ x >> 29;
}

void pattern_fill(void *va, size_t size, uint64_t seed)
{
	uint8_t *at = va;
	size_t i;

	for (i = 0; i + 8 <= size; i += 8) {
		uint64_t word = mix(seed, i);

		__builtin_memcpy(at + i, &word, 8);
	}
	for (; i < size; i++)
		at[i] = (uint8_t)mix(seed, i);
}

size_t pattern_verify(const void *va, size_t size, uint64_t seed)
{
	const uint8_t *at = va;
	size_t i;

	for (i = 0; i + 8 <= size; i += 8) {
		uint64_t word = mix(seed, i), is;

		__builtin_memcpy(&is, at + i, 8);
		if (is != word)
			return i + (unsigned int)__builtin_ctzll(is ^ word) / 8;
	}
	for (; i < size; i++)
		if (at[i] != (uint8_t)mix(seed, i))
			return i;
	return size;
}

size_t bytes_verify(const void *va, size_t size, uint8_t value)
{
	const uint8_t *at = va;
	size_t i;

	for (i = 0; i < size; i++)
		if (at[i] != value)
			break;
	return i;
}
