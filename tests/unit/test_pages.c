/* SPDX-License-Identifier: MIT */
/*
 * The guest's page allocator and heap, on a piece of host memory in place of the direct map.
 */
#include <string.h>

#include <model/model.h>

#include "unit.h"

#define NR 4096
/* Not a multiple of the largest block, and with a hole. */
#define FIRST 37
#define HOLE 1000
#define HOLE_END 1111
#define LAST (NR - 5)

static uint8_t *arena;
struct start_info *boot_start_info;

/* The files under test are another port than the model's: same functions, other names. */
#define xen_port_alloc_pages boot_alloc_pages
#define xen_port_free_pages boot_free_pages_of
#define xen_port_alloc boot_alloc
#define xen_port_free boot_free
#define xen_port_virt_to_pfn boot_virt_to_pfn
#define xen_port_pfn_to_virt boot_pfn_to_virt
void *xen_port_alloc_pages(unsigned int order);
void xen_port_free_pages(void *va, unsigned int order);
void *xen_port_alloc(size_t size);
void xen_port_free(void *va, size_t size);
pfn_t xen_port_virt_to_pfn(const void *va);
void *xen_port_pfn_to_virt(pfn_t pfn);

#include "../../arch/x86/xen/boot/boot.h"
#undef BOOT_DIRECT_BASE
#define BOOT_DIRECT_BASE ((uintptr_t)arena)
#include "../../arch/x86/xen/boot/pages.c"
#undef MAX_ORDER
#include "../../arch/x86/xen/boot/heap.c"

#define PAGES_MAX_ORDER 10

static uint8_t states[NR];

static void start(void)
{
	static const struct model_params raw = {.no_setup = true};

	model_start(&raw);
	arena = aligned_alloc(XEN_PAGE_SIZE, NR * XEN_PAGE_SIZE);
	ck_assert_ptr_nonnull(arena);
	boot_early_add(FIRST, 10);
	boot_pages_init(states, NR);
	boot_pages_add(FIRST + 10, HOLE - FIRST - 10);
	boot_pages_add(HOLE_END, LAST - HOLE_END);
}

#define ALL (HOLE - FIRST + LAST - HOLE_END)

static void exhausts(void)
{
	static uint8_t seen[NR];
	void *list = NULL, *page;
	uint64_t nr = 0;

	start();
	ck_assert_uint_eq(boot_free_pages(), ALL);
	while ((page = boot_alloc_pages(0))) {
		uint64_t pfn = pfn_x(boot_virt_to_pfn(page));

		unit_expect(pfn >= FIRST && pfn < LAST && (pfn < HOLE || pfn >= HOLE_END));
		unit_expect(!seen[pfn]++);
		*(void **)page = list;
		list = page;
		nr++;
	}
	ck_assert_uint_eq(nr, ALL);
	ck_assert_uint_eq(boot_free_pages(), 0);
	while ((page = list)) {
		list = *(void **)page;
		boot_free_pages_of(page, 0);
	}
	ck_assert_uint_eq(boot_free_pages(), ALL);
	ck_assert_ptr_nonnull(boot_alloc_pages(PAGES_MAX_ORDER));
}

static void random_blocks(void)
{
	static uint8_t owner[NR];
	struct {
		void *va;
		unsigned int order;
	} held[200] = {0};
	uint64_t state = unit_seed(), used = 0;

	start();
	for (unsigned int round = 0; round < unit_rounds(200000); round++) {
		unsigned int i = unit_random(&state) % 200;
		uint64_t pfn, at;

		if (!held[i].va) {
			held[i].order = (unsigned int)(unit_random(&state) % 7);
			held[i].va = boot_alloc_pages(held[i].order);
			if (!held[i].va)
				continue;
			pfn = pfn_x(boot_virt_to_pfn(held[i].va));
			unit_expect(pfn % (1UL << held[i].order) == 0);
			for (at = pfn; at < pfn + (1UL << held[i].order); at++)
				unit_expect(!owner[at]++);
			memset(held[i].va, 0xa5, XEN_PAGE_SIZE << held[i].order);
			used += 1UL << held[i].order;
		} else {
			pfn = pfn_x(boot_virt_to_pfn(held[i].va));
			for (at = pfn; at < pfn + (1UL << held[i].order); at++)
				owner[at]--;
			boot_free_pages_of(held[i].va, held[i].order);
			used -= 1UL << held[i].order;
			held[i].va = NULL;
		}
		unit_expect(boot_free_pages() == ALL - used);
	}
}

static void *victim;

static void free_victim(void *arg)
{
	boot_free_pages_of(victim, *(unsigned int *)arg);
}

static void alloc_one(void *arg)
{
	boot_alloc_pages(*(unsigned int *)arg);
}

static void misuse(void)
{
	unsigned int order = 1;

	start();
	victim = boot_alloc_pages(2);
	ck_assert(model_expect_panic(free_victim, &order));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "order 1"));
}

static void double_free(void)
{
	unsigned int order = 0;

	start();
	victim = boot_alloc_pages(0);
	boot_free_pages_of(victim, 0);
	ck_assert(model_expect_panic(free_victim, &order));
}

static void write_after_free(void)
{
	unsigned int order = 0;

	start();
	/* Freed without a buddy to join, it heads the list of single pages. */
	victim = boot_alloc_pages(0);
	ck_assert_ptr_nonnull(boot_alloc_pages(0));
	boot_free_pages_of(victim, 0);
	memset(victim, 0x41, 64);
	ck_assert(model_expect_panic(alloc_one, &order));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "written after free"));
}

static void known_pages(void)
{
	start();
	ck_assert_ptr_null(boot_pfn_to_virt(mk_pfn(0)));
	ck_assert_ptr_null(boot_pfn_to_virt(mk_pfn(HOLE)));
	ck_assert_ptr_null(boot_pfn_to_virt(mk_pfn(NR)));
	ck_assert_ptr_null(boot_pfn_to_virt(mk_pfn(XEN_INVALID_FRAME)));
	ck_assert_ptr_eq(boot_pfn_to_virt(mk_pfn(FIRST)), arena + FIRST * XEN_PAGE_SIZE);
	boot_pages_lend(HOLE, HOLE_END - HOLE);
	ck_assert_ptr_nonnull(boot_pfn_to_virt(mk_pfn(HOLE)));
	boot_free_pages_of(boot_pfn_to_virt(mk_pfn(HOLE)), 0);
	ck_assert_uint_eq(boot_free_pages(), ALL + 1);
}

static void heap_objects(void)
{
	static struct {
		uint8_t *obj;
		size_t size;
	} held[300];
	uint64_t state = unit_seed();

	start();
	for (unsigned int round = 0; round < unit_rounds(100000); round++) {
		unsigned int i = unit_random(&state) % 300;

		if (held[i].obj) {
			unit_expect(held[i].obj[0] == (uint8_t)i);
			unit_expect(held[i].obj[held[i].size - 1] == (uint8_t)i);
			boot_free(held[i].obj, held[i].size);
			held[i].obj = NULL;
			continue;
		}
		held[i].size = 1 + unit_random(&state) % (round % 50 ? 3000 : 65536);
		held[i].obj = boot_alloc(held[i].size);
		if (!held[i].obj)
			continue;
		unit_expect((uintptr_t)held[i].obj % 16 == 0);
		for (size_t at = 0; at < held[i].size; at++)
			unit_expect(!held[i].obj[at]);
		memset(held[i].obj, (int)i, held[i].size);
	}
	ck_assert_ptr_null(boot_alloc(0));
	ck_assert_ptr_null(boot_alloc(65537));
	boot_free(NULL, 100);
}

static void free_object(void *arg)
{
	boot_free(victim, *(size_t *)arg);
}

static void heap_misuse(void)
{
	size_t wrong = 300;

	start();
	victim = boot_alloc(100);
	ck_assert(model_expect_panic(free_object, &wrong));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "not what was allocated"));
}

static const struct unit_case cases[] = {
	{"every page is handed out once, and all come back", exhausts},
	{"random blocks are aligned, disjoint and counted", random_blocks},
	{"freeing with another order is noticed", misuse},
	{"freeing twice is noticed", double_free},
	{"a write into a free page is noticed", write_after_free},
	{"only RAM has an address", known_pages},
	{"objects are zeroed, aligned and disjoint", heap_objects},
	{"freeing an object with another size is noticed", heap_misuse},
};

UNIT_MAIN("pages", cases)
