/* SPDX-License-Identifier: MIT */
/*
 * `bench=1`: the operations of rows.h by the library's calls, on an edu device. CPU 0 alone, so
 * nothing is locked here.
 */
#include "bench.h"

#include <xen/coherent.h>
#include <xen/contiguous.h>
#include <xen/p2m.h>
#include <xen/vcpu.h>

#include "../../../arch/x86/xen/rawcall.h"
#include "../../../lib/scratch.h"
#include "../../guest/cmdline.h"
#include "../../guest/edu.h"
#include "../../guest/pages.h"
#include "../../guest/text.h"
#include "../../guest/verdict.h"
#include "boot.h"
#include "clock.h"
#include "cpu.h"

typedef pfn_t env_page_t;
enum env_dir {
	ENV_BOTH_WAYS = XEN_DMA_BIDIRECTIONAL,
	ENV_TO_DEVICE = XEN_DMA_TO_DEVICE,
	ENV_FROM_DEVICE = XEN_DMA_FROM_DEVICE,
};

#define env_say(fmt, ...) boot_printf(fmt "\n", ##__VA_ARGS__)

static struct edu edu;
static struct xen_dma_sg list[128];

static uint64_t env_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static void env_count(bool on)
{
	(void)on; /* always */
}

static uint64_t env_hypercalls(void)
{
	return boot_hypercalls();
}

static uint64_t env_ran_ns(void)
{
	struct vcpu_runstate_info info;

	if (rawcall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (unsigned long)&info))
		return 0;
	return info.time[RUNSTATE_running] + boot_system_time() - info.state_entry_time;
}

static void *env_pages(unsigned int order, uint64_t min)
{
	void *va = pages_above(order, min);

	return va && xen_pfn_range_contiguous(xen_port_virt_to_pfn(va), 1ULL << order) ? va : NULL;
}

static void env_free_buffer(void *va, unsigned int order)
{
	xen_port_free_pages(va, order);
}

static env_page_t env_page(void *va)
{
	return xen_port_virt_to_pfn(va);
}

static uint64_t env_pfn(void *va)
{
	return pfn_x(xen_port_virt_to_pfn(va));
}

static uint64_t env_mfn(void *va)
{
	return mfn_x(virt_to_mfn(va));
}

static inline uint64_t env_pfn_to_mfn(uint64_t pfn)
{
	return mfn_x(xen_pfn_to_mfn(mk_pfn(pfn)));
}

static inline uint64_t env_mfn_to_pfn(uint64_t mfn)
{
	return pfn_x(xen_mfn_to_pfn(mk_mfn(mfn)));
}

static uint64_t mask_of(unsigned int bits)
{
	return bits < 64 ? (1ULL << bits) - 1 : ~0ULL;
}

static bool env_mask(unsigned int bits)
{
	return !xen_dma_set_mask(&edu.dma, mask_of(bits));
}

static bool env_coherent_mask(unsigned int bits)
{
	return !xen_dma_set_coherent_mask(&edu.dma, mask_of(bits));
}

static inline dma_addr_t env_map(env_page_t page, size_t offset, size_t size, enum env_dir dir)
{
	return xen_dma_map_page(&edu.dma, page, offset, size, (enum xen_dma_dir)dir, 0);
}

static inline bool env_map_failed(dma_addr_t dma)
{
	return xen_dma_mapping_error(dma);
}

static inline void env_unmap(dma_addr_t dma, size_t size, enum env_dir dir)
{
	xen_dma_unmap(&edu.dma, dma, size, (enum xen_dma_dir)dir, 0);
}

static inline void env_sync_for_cpu(dma_addr_t dma, size_t size, enum env_dir dir)
{
	xen_dma_sync_for_cpu(&edu.dma, dma, size, (enum xen_dma_dir)dir);
}

static inline void env_sync_for_device(dma_addr_t dma, size_t size, enum env_dir dir)
{
	xen_dma_sync_for_device(&edu.dma, dma, size, (enum xen_dma_dir)dir);
}

static void env_list_set(unsigned int i, void *va, uint32_t length)
{
	list[i] = (struct xen_dma_sg){.pfn = xen_port_virt_to_pfn(va), .length = length};
}

static inline int env_list_map(unsigned int nr, enum env_dir dir)
{
	return xen_dma_map_sg(&edu.dma, list, nr, (enum xen_dma_dir)dir, 0);
}

static inline void env_list_unmap(unsigned int nr, enum env_dir dir)
{
	xen_dma_unmap_sg(&edu.dma, list, nr, (enum xen_dma_dir)dir, 0);
}

static inline void *env_alloc(size_t size, dma_addr_t *dma)
{
	return xen_dma_alloc_coherent(&edu.dma, size, dma);
}

static inline void env_free(void *va, size_t size, dma_addr_t dma)
{
	xen_dma_free_coherent(&edu.dma, va, size, dma);
}

static bool env_profile(const char *key)
{
	if (!options.profile.text || !text_is(options.profile.text, options.profile.length, key))
		return false;
	env_say("bench: profile %s", key);
	return true;
}

static void env_forget(void)
{
	xen_coherent_trim(0);
}

#include "../rows.h"

static bool env_pool(void)
{
	struct xen_swiotlb_stats stats;
	int err;

	return xen_swiotlb_pool_get(EDU_MASK, &err) && xen_swiotlb_stats(0, &stats) &&
	       stats.bytes == POOL_BYTES;
}

/* Beyond all that a machine of this size has. */
#define BAR_PFN (1ULL << 32)

static bool env_identity(bool on)
{
	uint64_t nr = BAR_BYTES >> XEN_PAGE_SHIFT;

	return !(on ? xen_p2m_identity_add(mk_pfn(BAR_PFN), nr, NULL)
		    : xen_p2m_identity_remove(mk_pfn(BAR_PFN), nr));
}

static void run(void)
{
	static const struct xen_swiotlb_config pools = {
		.max_bytes = POOL_BYTES,
		.initial_bytes = POOL_BYTES,
	};
	struct xen_pci_dev *pci = guest_find_device(NULL, EDU_VENDOR, EDU_DEVICE);
	unsigned int order = xen_scratch_order(HELD_MAPS * sizeof(dma_addr_t));
	dma_addr_t *held = xen_port_alloc_pages(order);
	int err;

	if (!check(held, "no memory for %u addresses", HELD_MAPS))
		return;
	err = xen_swiotlb_configure(&pools);
	if (check(!err, "the pool cannot be set up that way (%d)", err) &&
	    check(pci && !edu_open(&edu, pci, EDU_POLL), "no edu device")) {
		check(bench_rows(held), "some rows have no figure");
		edu_close(&edu);
	}
	xen_port_free_pages(held, order);
}

void bench_run(void)
{
	verdict_begin("bench");
	run();
	verdict_end();
}
