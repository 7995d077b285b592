// SPDX-License-Identifier: MIT
/*
 * The operations of ../rows.h by Linux's DMA API, on an edu device in a Xen PV dom0. Loading it
 * runs them all; it then says `bench: done` and nothing of it stays.
 *
 * Two things are not offered to modules and are looked up by name: the function with which Linux
 * builds its bounce pool at boot, and where it enters the hypervisor, to count hypercalls. One CPU,
 * so nothing is locked here.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/static_call.h>
#include <linux/swiotlb.h>
#include <linux/vmalloc.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/interface/vcpu.h>

#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8

typedef struct page *env_page_t;
enum env_dir {
	ENV_BOTH_WAYS = DMA_BIDIRECTIONAL,
	ENV_TO_DEVICE = DMA_TO_DEVICE,
	ENV_FROM_DEVICE = DMA_FROM_DEVICE,
};

#define env_say(fmt, ...) printk(KERN_EMERG fmt "\n", ##__VA_ARGS__)

static struct pci_dev *edu;
static struct sg_table list;

/* Where Linux's own functions are that have no export. */
static int (*create_contiguous)(phys_addr_t start, unsigned int order, unsigned int bits,
				dma_addr_t *dma);
static struct static_call_key *hypercall_key;

u64 xendma_bench_hypercalls;
void *xendma_bench_hypercall_next;
void xendma_bench_hypercall(void);

/* Stands before Linux's own way into the hypervisor; no register is free here. */
__asm__(".text\n"
	".globl xendma_bench_hypercall\n"
	".type xendma_bench_hypercall, @function\n"
	"xendma_bench_hypercall:\n" ASM_ENDBR "	incq xendma_bench_hypercalls(%rip)\n"
	"	" ANNOTATE_RETPOLINE_SAFE "\n"
	"	jmp *xendma_bench_hypercall_next(%rip)\n"
	"	int3\n"
	".size xendma_bench_hypercall, . - xendma_bench_hypercall\n");

static u64 env_tsc(void)
{
	u32 low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

static void env_count(bool on)
{
	__static_call_update(hypercall_key, &STATIC_CALL_TRAMP(xen_hypercall),
			     on ? (void *)xendma_bench_hypercall : xendma_bench_hypercall_next);
}

static u64 env_hypercalls(void)
{
	return READ_ONCE(xendma_bench_hypercalls);
}

static u64 env_ran_ns(void)
{
	struct vcpu_runstate_info info;

	/* Xen adds up when the CPU stops to run. */
	usleep_range(1, 2);
	if (HYPERVISOR_vcpu_op(VCPUOP_get_runstate_info, 0, &info))
		return 0;
	return info.time[RUNSTATE_running];
}

static u64 env_pfn(void *va)
{
	return page_to_pfn(virt_to_page(va));
}

static u64 env_mfn(void *va)
{
	return pfn_to_mfn(env_pfn(va));
}

static bool contiguous_above(void *va, unsigned int order, u64 min)
{
	for (unsigned long i = 0; i < 1UL << order; i++)
		if (env_mfn(va) < min || env_mfn(va + (i << PAGE_SHIFT)) != env_mfn(va) + i)
			return false;
	return true;
}

/* What does not fit is held back until something does. */
static void *env_pages(unsigned int order, u64 min)
{
	void *rejected[64], *found = NULL;
	unsigned int nr = 0;

	while (!found && nr < ARRAY_SIZE(rejected)) {
		void *va = (void *)__get_free_pages(GFP_KERNEL, order);

		if (!va)
			break;
		if (contiguous_above(va, order, min))
			found = va;
		else
			rejected[nr++] = va;
	}
	while (nr)
		free_pages((unsigned long)rejected[--nr], order);
	return found;
}

static void env_free_buffer(void *va, unsigned int order)
{
	free_pages((unsigned long)va, order);
}

static env_page_t env_page(void *va)
{
	return virt_to_page(va);
}

static __always_inline u64 env_pfn_to_mfn(u64 pfn)
{
	return pfn_to_mfn(pfn);
}

static __always_inline u64 env_mfn_to_pfn(u64 mfn)
{
	return mfn_to_pfn(mfn);
}

static bool env_mask(unsigned int bits)
{
	return !dma_set_mask(&edu->dev, DMA_BIT_MASK(bits));
}

static bool env_coherent_mask(unsigned int bits)
{
	return !dma_set_coherent_mask(&edu->dev, DMA_BIT_MASK(bits));
}

static inline dma_addr_t env_map(env_page_t page, size_t offset, size_t size, enum env_dir dir)
{
	return dma_map_page(&edu->dev, page, offset, size, (enum dma_data_direction)dir);
}

static inline bool env_map_failed(dma_addr_t dma)
{
	return dma_mapping_error(&edu->dev, dma);
}

static inline void env_unmap(dma_addr_t dma, size_t size, enum env_dir dir)
{
	dma_unmap_page(&edu->dev, dma, size, (enum dma_data_direction)dir);
}

static inline void env_sync_for_cpu(dma_addr_t dma, size_t size, enum env_dir dir)
{
	dma_sync_single_for_cpu(&edu->dev, dma, size, (enum dma_data_direction)dir);
}

static inline void env_sync_for_device(dma_addr_t dma, size_t size, enum env_dir dir)
{
	dma_sync_single_for_device(&edu->dev, dma, size, (enum dma_data_direction)dir);
}

static struct scatterlist *list_entry_of(unsigned int i)
{
	struct scatterlist *sg = list.sgl;

	while (i--)
		sg = sg_next(sg);
	return sg;
}

static void env_list_set(unsigned int i, void *va, u32 length)
{
	sg_set_page(list_entry_of(i), virt_to_page(va), length, 0);
}

static inline int env_list_map(unsigned int nr, enum env_dir dir)
{
	return dma_map_sg(&edu->dev, list.sgl, nr, (enum dma_data_direction)dir);
}

static inline void env_list_unmap(unsigned int nr, enum env_dir dir)
{
	dma_unmap_sg(&edu->dev, list.sgl, nr, (enum dma_data_direction)dir);
}

static inline void *env_alloc(size_t size, dma_addr_t *dma)
{
	return dma_alloc_coherent(&edu->dev, size, dma, GFP_KERNEL);
}

static inline void env_free(void *va, size_t size, dma_addr_t dma)
{
	dma_free_coherent(&edu->dev, size, va, dma);
}

static bool env_profile(const char *key)
{
	return false;
}

static void env_forget(void)
{
	/* Linux keeps none. */
}

#include "../rows.h"

/* Linux has its pool at boot. Its memory here is got before and is not counted. */
#define BLOCK_ORDER MAX_PAGE_ORDER
#define BLOCK_BYTES (PAGE_SIZE << BLOCK_ORDER)
#define NR_BLOCKS (POOL_BYTES / BLOCK_BYTES)
#define SEGMENT_BYTES (IO_TLB_SEGSIZE << IO_TLB_SHIFT)

static unsigned long pool[NR_BLOCKS];

/* As at boot: segment by segment, with the first address width that Xen has memory for, starting at
 * the least that could hold a segment, and for the next one where this one was found. */
static bool env_pool(void)
{
	unsigned int order = get_order(SEGMENT_BYTES), bits = order + PAGE_SHIFT;
	dma_addr_t dma;

	for (size_t at = 0; at < POOL_BYTES; at += SEGMENT_BYTES) {
		phys_addr_t start = virt_to_phys((void *)pool[at / BLOCK_BYTES]) + at % BLOCK_BYTES;

		while (create_contiguous(start, order, bits, &dma))
			if (++bits > 32)
				return false;
	}
	return true;
}

static bool env_identity(bool on)
{
	return false;
}

static void free_pool(void)
{
	for (unsigned int i = 0; i < NR_BLOCKS; i++)
		free_pages(pool[i], BLOCK_ORDER);
}

static bool alloc_pool(void)
{
	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		pool[i] = __get_free_pages(GFP_KERNEL, BLOCK_ORDER);
		if (!pool[i]) {
			free_pool();
			return false;
		}
	}
	return true;
}

static bool find_functions(void)
{
	struct kprobe probe = {.symbol_name = "kallsyms_lookup_name"};
	unsigned long (*lookup)(const char *name);

	if (register_kprobe(&probe))
		return false;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	create_contiguous = (void *)lookup("xen_create_contiguous_region");
	hypercall_key = (void *)lookup("__SCK__xen_hypercall");
	if (!create_contiguous || !hypercall_key)
		return false;
	xendma_bench_hypercall_next = hypercall_key->func;
	return true;
}

static int __init bench_init(void)
{
	dma_addr_t *held = NULL;
	int err = -ENODEV;

	edu = pci_get_device(EDU_VENDOR, EDU_DEVICE, NULL);
	if (!edu || !find_functions())
		goto out;
	err = -ENOMEM;
	held = vmalloc_array(HELD_MAPS, sizeof(*held));
	if (!held || sg_alloc_table(&list, LIST_PAGES, GFP_KERNEL))
		goto out;
	if (!alloc_pool())
		goto out_list;
	err = bench_rows(held) ? 0 : -EIO;
	free_pool();
out_list:
	sg_free_table(&list);
out:
	vfree(held);
	pci_dev_put(edu);
	if (err)
		env_say("bench: failed (%d)", err);
	else
		env_say("bench: done");
	return err;
}

static void __exit bench_exit(void)
{
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Cost of Linux's DMA API under Xen, for comparison with xendma");
MODULE_LICENSE("Dual MIT/GPL");
