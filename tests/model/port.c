/* SPDX-License-Identifier: MIT */
/*
 * The hosted port: pages from the domain's own RAM by a buddy allocator over PFNs, lowest first,
 * address space for MMIO, the CPU number, the clock and waiting. Fresh pages hold rubbish, freed
 * ones are out of reach. Misuse (freeing twice, with another order, or a page whose mapping is not
 * there) is a breach. PFNs that are not mapped when their turn comes were moved or ballooned by the
 * library: they are left out.
 */
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include <model/internal.h>
#include <xen/evtchn.h>

#define FIRST_PFN 16 /* below: the "kernel image"; the P2M list is left out as well */
#define NO_ORDER 0
#define WAIT_STEP_NS 1000000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct buddy pages;
static uint8_t *allocated; /* by first PFN: order + 1 */
static uint8_t *freed;	   /* by PFN: given back, so not to be touched */
static uint64_t nr_pages_live, nr_vm_live;
static uint32_t *vm_run;	      /* length of an area of the VM space, by its first page */
static uint64_t clock_ns, clock_step; /* by which each look at it moves it */
static void (*on_wait)(void *arg);
static void *on_wait_arg;
static _Thread_local unsigned int cpu;
static _Thread_local bool in_condition; /* what a wait asks */

void port_start(void)
{
	uint64_t list_end;

	buddy_init(&pages, model.direct_pages, false);
	allocated = model_reserve(model.direct_pages);
	freed = model_reserve(model.direct_pages);
	vm_run = model_reserve(model.vm_pages * sizeof(*vm_run));
	list_end = model.list_pfn + model.list_pages;
	buddy_free(&pages, FIRST_PFN, model.list_pfn - FIRST_PFN);
	buddy_free(&pages, list_end, model.params.nr_pages - list_end);
	nr_pages_live = 0;
	nr_vm_live = 0;
	cpu = 0;
	in_condition = false;
	on_wait = NULL;
	__atomic_store_n(&clock_ns, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&clock_step, 0, __ATOMIC_RELAXED);
	object_start();
}

uint64_t port_keep_page(void)
{
	uint32_t pfn = buddy_alloc(&pages, 0, NR_ZONES);

	if (pfn == NONE)
		model_breach("model_start: no pages for the kernel's tables");
	return pfn;
}

static void *direct(uint64_t pfn)
{
	return model.space + (pfn << XEN_PAGE_SHIFT);
}

static bool all_mapped(uint64_t pfn, unsigned int order)
{
	bool ok = true;

	model_enter();
	for (uint64_t i = 0; i < 1ULL << order && ok; i++)
		ok = mmu_present(pfn + i);
	model_leave();
	return ok;
}

/* Keep what is mapped of a block that is not whole. */
static void put_back_mapped(uint64_t pfn, unsigned int order)
{
	for (uint64_t i = 0; i < 1ULL << order; i++)
		if (all_mapped(pfn + i, 0))
			buddy_free(&pages, pfn + i, 1);
}

static bool told_to_fail(enum model_call kind)
{
	long err;
	bool fail;

	model_enter();
	fail = model_counts(kind, &err);
	model_leave();
	return fail;
}

/*
 * Freed pages are out of reach until they are handed out again. That the process may run out of
 * mappings for this is no fault: the pages then stay within reach.
 */
static void set_freed(uint64_t pfn, unsigned int order, bool now)
{
	bool any = false;

	for (uint64_t i = 0; i < 1ULL << order; i++) {
		any |= freed[pfn + i] != now;
		freed[pfn + i] = now;
	}
	if (any &&
	    mprotect(direct(pfn), XEN_PAGE_SIZE << order, now ? PROT_NONE : PROT_READ | PROT_WRITE))
		memset(freed + pfn, 0, 1UL << order);
}

bool port_page_is_free(uint64_t pfn)
{
	return pfn < model.direct_pages && freed[pfn];
}

void *xen_port_alloc_pages(unsigned int order)
{
	uint32_t pfn;

	if (told_to_fail(MODEL_ALLOC_PAGES) || order > MAX_ORDER)
		return NULL;
	pthread_mutex_lock(&lock);
	while ((pfn = buddy_alloc(&pages, order, NR_ZONES)) != NONE && !all_mapped(pfn, order))
		put_back_mapped(pfn, order);
	if (pfn != NONE) {
		allocated[pfn] = (uint8_t)(order + 1);
		nr_pages_live += 1ULL << order;
		set_freed(pfn, order, false);
	}
	pthread_mutex_unlock(&lock);
	return pfn == NONE ? NULL : memset(direct(pfn), 0xa5, XEN_PAGE_SIZE << order);
}

/* Pages that the balloon got back from Xen were never handed out in its present form. */
static bool ballooned_in(uint64_t pfn, unsigned int order)
{
	return order == 0 && pfn >= model.params.nr_pages && pfn < model.direct_pages;
}

void xen_port_free_pages(void *va, unsigned int order)
{
	uint64_t pfn = mmu_page_of(va);

	if (pfn >= model.direct_pages || xen_page_offset((uintptr_t)va))
		model_breach("xen_port_free_pages: %p is no page", va);
	pthread_mutex_lock(&lock);
	if (allocated[pfn] == NO_ORDER && ballooned_in(pfn, order)) {
		allocated[pfn] = 1;
		nr_pages_live++;
	}
	if (allocated[pfn] != order + 1)
		model_breach("xen_port_free_pages: pfn %llx of order %u is not allocated so",
			     (unsigned long long)pfn, order);
	if (!all_mapped(pfn, order))
		model_breach("xen_port_free_pages: pfn %llx of order %u is not mapped",
			     (unsigned long long)pfn, order);
	memset(va, 0x6b, XEN_PAGE_SIZE << order);
	lock_forget(va, XEN_PAGE_SIZE << order);
	set_freed(pfn, order, true);
	allocated[pfn] = NO_ORDER;
	nr_pages_live -= 1ULL << order;
	buddy_free(&pages, pfn, 1ULL << order);
	pthread_mutex_unlock(&lock);
}

pfn_t xen_port_virt_to_pfn(const void *va)
{
	uint64_t page = mmu_page_of(va);

	if (page >= model.direct_pages)
		model_breach("xen_port_virt_to_pfn: %p is not in the direct map", va);
	return mk_pfn(page);
}

/* RAM: what the builder gave, what the balloon may add and, where the test sets memory up itself,
 * what the memory map says. */
void *xen_port_pfn_to_virt(pfn_t pfn)
{
	uint64_t n = pfn_x(pfn);

	if (n < model.params.max_pages || (model.params.no_setup && machine_is_ram(n)))
		return direct(n);
	return NULL;
}

static void check_may_sleep(const char *function)
{
	if (in_condition)
		model_breach("%s: may sleep, but this is what a wait is for", function);
	if (lock_depth())
		model_breach("%s: may sleep, but a lock is held", function);
	if (event_in_handler())
		model_breach("%s: may sleep, but this is an interrupt", function);
}

void *xen_port_vm_alloc(size_t nr)
{
	uint64_t start = 0, page;

	check_may_sleep("xen_port_vm_alloc");
	if (told_to_fail(MODEL_VM_ALLOC) || !nr)
		return NULL;
	pthread_mutex_lock(&lock);
	for (page = 0; page < model.vm_pages && page - start < nr;) {
		if (vm_run[page]) {
			page += vm_run[page];
			start = page;
		} else {
			page++;
		}
	}
	if (page - start >= nr) {
		vm_run[start] = (uint32_t)nr;
		nr_vm_live += nr;
	}
	pthread_mutex_unlock(&lock);
	return page - start >= nr ? direct(model.direct_pages + start) : NULL;
}

void xen_port_vm_free(void *va, size_t nr)
{
	uint64_t page = mmu_page_of(va);

	check_may_sleep("xen_port_vm_free");
	if (page == XEN_INVALID_FRAME || page < model.direct_pages ||
	    vm_run[page - model.direct_pages] != nr)
		model_breach("xen_port_vm_free: %p of %zu pages is not allocated so", va, nr);
	model_enter();
	for (size_t i = 0; i < nr; i++)
		if (mmu_present(page + i))
			model_breach("xen_port_vm_free: page %zu is still mapped", i);
	model_leave();
	pthread_mutex_lock(&lock);
	vm_run[page - model.direct_pages] = 0;
	nr_vm_live -= nr;
	pthread_mutex_unlock(&lock);
}

unsigned int xen_port_cpu(void)
{
	return cpu;
}

void model_set_cpu(unsigned int number)
{
	if (number >= model.params.nr_cpus)
		model_breach("model_set_cpu: there is no CPU %u", number);
	cpu = number;
}

unsigned int xen_port_nr_cpus(void)
{
	return model.params.nr_cpus;
}

uint64_t xen_port_clock_ns(void)
{
	uint64_t step = __atomic_load_n(&clock_step, __ATOMIC_RELAXED);

	return step ? __atomic_add_fetch(&clock_ns, step, __ATOMIC_RELAXED)
		    : __atomic_load_n(&clock_ns, __ATOMIC_RELAXED);
}

void model_clock_advance(uint64_t ns)
{
	__atomic_fetch_add(&clock_ns, ns, __ATOMIC_RELAXED);
}

void model_clock_run(uint64_t ns)
{
	__atomic_store_n(&clock_step, ns, __ATOMIC_RELAXED);
}

void model_on_wait(void (*step)(void *arg), void *arg)
{
	on_wait = step;
	on_wait_arg = arg;
}

static bool ask(bool (*done)(void *arg), void *arg)
{
	bool result;

	in_condition = true;
	result = done(arg);
	in_condition = false;
	if (lock_depth())
		model_breach("xen_port_wait: what it waits for returned with a lock held");
	return result;
}

/* Nothing sleeps here: the world takes a step, time passes, and what is due is delivered. */
bool xen_port_wait(bool (*done)(void *arg), void *arg, uint64_t deadline)
{
	bool result;

	check_may_sleep("xen_port_wait");
	while (!(result = ask(done, arg)) && xen_port_clock_ns() < deadline) {
		if (on_wait)
			on_wait(on_wait_arg);
		else
			sched_yield(); /* another thread may have to act */
		model_clock_advance(WAIT_STEP_NS);
		xen_evtchn_poll();
		event_deliver();
	}
	return result;
}

struct model_allocs model_allocs(void)
{
	struct model_allocs allocs = {0};

	pthread_mutex_lock(&lock);
	allocs.pages = nr_pages_live;
	allocs.vm_pages = nr_vm_live;
	allocs.free_pages = pages.nr_free;
	pthread_mutex_unlock(&lock);
	object_count(&allocs);
	return allocs;
}
