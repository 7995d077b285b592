/* SPDX-License-Identifier: MIT */
/*
 * The hosted port: what it gives, what it counts, and the misuse that it catches.
 */
#include "guest.h"

static void pages_are_aligned(void)
{
	struct model_allocs before, now;

	model_start(NULL);
	before = model_allocs();
	for (unsigned int order = 0; order <= 9; order++) {
		unsigned char *va = xen_port_alloc_pages(order);

		ck_assert_ptr_nonnull(va);
		ck_assert_uint_eq(pfn_x(xen_port_virt_to_pfn(va)) & ((1ULL << order) - 1), 0);
		ck_assert_ptr_eq(xen_port_pfn_to_virt(xen_port_virt_to_pfn(va)), va);
		ck_assert_uint_ne(va[0], 0); /* nobody said zeroed */
		now = model_allocs();
		ck_assert_uint_eq(now.pages, before.pages + (1ULL << order));
		xen_port_free_pages(va, order);
	}
	now = model_allocs();
	ck_assert_mem_eq(&now, &before, sizeof(now));
	ck_assert(model_stop());
}

static void pages_run_out(void)
{
	static void *got[4096];
	uint64_t nr = 0, had;

	model_start(NULL);
	had = model_allocs().free_pages;
	while ((got[nr] = xen_port_alloc_pages(0)) != NULL)
		nr++;
	ck_assert_uint_eq(nr, had);
	ck_assert_ptr_null(xen_port_alloc_pages(3));
	while (nr--)
		xen_port_free_pages(got[nr], 0);
	ck_assert_uint_eq(model_allocs().free_pages, had);
	ck_assert(model_stop());
}

static void allocations_fail_when_told(void)
{
	void *obj;

	model_start(NULL);
	model_fail(MODEL_ALLOC_PAGES, 1, 0);
	model_fail(MODEL_ALLOC, 2, 0);
	model_fail(MODEL_VM_ALLOC, 1, 0);
	ck_assert_ptr_null(xen_port_alloc_pages(0));
	obj = xen_port_alloc(8);
	ck_assert_ptr_nonnull(obj);
	ck_assert_ptr_null(xen_port_alloc(8));
	ck_assert_ptr_null(xen_port_vm_alloc(1));
	xen_port_free(obj, 8);
	ck_assert(model_stop());
}

static void pages_moved_away_are_left_out(void)
{
	uint64_t moved;
	void *va;

	guest_start(NULL);
	va = xen_port_alloc_pages(0);
	moved = pfn_x(xen_port_virt_to_pfn(va));
	xen_port_free_pages(va, 0);
	ck_assert_int_eq(guest_unmap(guest_va(moved)), 0);
	va = xen_port_alloc_pages(0);
	ck_assert_uint_ne(pfn_x(xen_port_virt_to_pfn(va)), moved);
	memset(va, 1, XEN_PAGE_SIZE);
}

static void objects_are_zero(void)
{
	static const size_t sizes[] = {1, 8, 64, 100, 4096, 65536};
	static const char zero[65536];

	model_start(NULL);
	for (unsigned int i = 0; i < 6; i++) {
		char *obj = xen_port_alloc(sizes[i]);

		ck_assert_uint_eq((uintptr_t)obj & (sizes[i] < 64 ? 15 : 63), 0);
		ck_assert_mem_eq(obj, zero, sizes[i]);
		memset(obj, 1, sizes[i]);
		xen_port_free(obj, sizes[i]);
	}
	xen_port_free(NULL, 8);
	ck_assert(model_stop());
}

static void *page;
static struct xen_lock lock_a, lock_b;

static void free_twice(void)
{
	xen_port_free_pages(page, 0);
	xen_port_free_pages(page, 0);
}

static void free_wrong_order(void)
{
	xen_port_free_pages(page, 1);
}

static void free_unmapped(void)
{
	guest_unmap(page);
	xen_port_free_pages(page, 0);
}

static void free_inside(void)
{
	xen_port_free_pages((char *)page + 16, 0);
}

static void object_wrong_size(void)
{
	xen_port_free(xen_port_alloc(32), 16);
}

static void object_too_large(void)
{
	xen_port_alloc(65537);
}

static void virt_of_heap(void)
{
	xen_port_virt_to_pfn(xen_port_alloc(32));
}

static void vm_under_lock(void)
{
	xen_port_lock(&lock_a);
	xen_port_vm_alloc(1);
}

static void vm_free_under_lock(void)
{
	void *va = xen_port_vm_alloc(1);

	xen_port_lock(&lock_a);
	xen_port_vm_free(va, 1);
}

static void vm_still_mapped(void)
{
	void *va = xen_port_vm_alloc(2);

	guest_map(va, 0xfe000);
	xen_port_vm_free(va, 2);
}

static void vm_wrong_size(void)
{
	xen_port_vm_free(xen_port_vm_alloc(2), 1);
}

static void lock_twice(void)
{
	xen_port_lock(&lock_a);
	xen_port_lock(&lock_a);
}

static void lock_crossed(void)
{
	unsigned long a = xen_port_lock(&lock_a);

	xen_port_lock(&lock_b);
	xen_port_unlock(&lock_a, a);
}

static void lock_both_orders(void)
{
	unsigned long a = xen_port_lock(&lock_a), b = xen_port_lock(&lock_b);

	xen_port_unlock(&lock_b, b);
	xen_port_unlock(&lock_a, a);
	b = xen_port_lock(&lock_b);
	xen_port_lock(&lock_a);
}

static void lock_wrong_flags(void)
{
	unsigned long a = xen_port_lock(&lock_a);

	xen_port_unlock(&lock_a, a + 1);
}

static void unlock_free(void)
{
	xen_port_unlock(&lock_a, 1);
}

/* The compiler must not see the formats that it would refuse. */
static const char *volatile bad_format;

static void log_as(const char *format)
{
	bad_format = format;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	xen_port_log(XEN_LOG_INFO, bad_format, 1L, 2L);
#pragma GCC diagnostic pop
}

static void log_signed_long_long(void)
{
	log_as("%lld");
}

static void log_octal(void)
{
	log_as("%o");
}

static void log_plus(void)
{
	log_as("%+d");
}

static void log_newline(void)
{
	log_as("text\n");
}

static void cpu_too_high(void)
{
	model_set_cpu(1);
}

static void panics(void)
{
	xen_port_panic("not expected");
}

static void misuse_is_caught(void)
{
	static void (*const misuse[])(
		void) = {free_twice,	  free_wrong_order,	free_unmapped,
			 free_inside,	  object_wrong_size,	object_too_large,
			 virt_of_heap,	  vm_under_lock,	vm_free_under_lock,
			 vm_still_mapped, vm_wrong_size,	lock_twice,
			 lock_crossed,	  lock_both_orders,	lock_wrong_flags,
			 unlock_free,	  log_signed_long_long, log_octal,
			 log_plus,	  log_newline,		cpu_too_high,
			 panics};

	model_start(NULL);
	page = xen_port_alloc_pages(0);
	for (unsigned int i = 0; i < sizeof(misuse) / sizeof(misuse[0]); i++)
		ck_assert_msg(guest_dies(misuse[i]), "misuse %u was not caught", i);
	xen_port_free_pages(page, 0);
	ck_assert(model_stop());
}

static void locks_nest(void)
{
	struct xen_lock *obj;
	unsigned long a, b;

	model_start(NULL);
	for (unsigned int i = 0; i < 3; i++) {
		obj = xen_port_alloc(sizeof(*obj));
		a = xen_port_lock(i & 1 ? obj : &lock_a);
		b = xen_port_lock(i & 1 ? &lock_a : obj); /* another lock each time */
		xen_port_unlock(i & 1 ? &lock_a : obj, b);
		xen_port_unlock(i & 1 ? obj : &lock_a, a);
		xen_port_free(obj, sizeof(*obj));
	}
	ck_assert(model_stop());
}

static void the_log_is_kept(void)
{
	model_start(NULL);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_WARN), 0);
	xen_port_log(XEN_LOG_WARN, "%s %-5d|%05x %lu %llx %zu %p %.3s %%", "all", 7, 0xaU, 1UL,
		     2ULL, (size_t)3, NULL, "abcdef");
	ck_assert_uint_eq(model_log_lines(XEN_LOG_WARN), 1);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	ck_assert_str_eq(model_last_log(), "all 7    |0000a 1 2 3 (nil) abc %");
	ck_assert(model_stop());
}

static void panic_with(void *arg)
{
	xen_port_lock(&lock_a);
	XEN_ASSERT(arg == NULL);
}

static void panic_is_expected(void)
{
	model_start(NULL);
	ck_assert(!model_expect_panic(free, NULL));
	ck_assert(model_expect_panic(panic_with, &lock_a));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "broken invariant: arg == NULL"));
	ck_assert(model_stop());
}

static void clock_runs_when_told(void)
{
	model_start(NULL);
	ck_assert_uint_eq(xen_port_clock_ns(), 0);
	model_clock_advance(1500);
	ck_assert_uint_eq(xen_port_clock_ns(), 1500);
	ck_assert_uint_eq(xen_port_cpu(), 0);
	ck_assert_uint_eq(xen_port_nr_cpus(), 1);
	ck_assert(model_stop());
}

static unsigned int asked, steps, fired;

static bool fifth_time(void *arg)
{
	return ++asked == 5;
}

static bool has_fired(void *arg)
{
	asked++;
	return fired;
}

static void fires(void *arg)
{
	fired++;
}

static void step(void *arg)
{
	if (++steps == 3)
		model_event(*(evtchn_port_t *)arg);
}

static void waits_until_or_for(void)
{
	struct evtchn_bind_virq op = {.virq = VIRQ_TIMER};

	model_start(NULL);
	ck_assert(!xen_port_wait(fifth_time, NULL, 0)); /* asked once even so */
	ck_assert_uint_eq(asked, 1);
	ck_assert_uint_eq(xen_port_clock_ns(), 0);
	ck_assert(xen_port_wait(fifth_time, NULL, 1000000000));
	ck_assert_uint_eq(asked, 5);
	ck_assert_uint_eq(xen_port_clock_ns(), 3000000);
	ck_assert(!xen_port_wait(fifth_time, NULL, 10000000));
	ck_assert_uint_eq(xen_port_clock_ns(), 10000000);

	/* The world goes on meanwhile, and what it fires is delivered before the next question. */
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_virq, &op), 0);
	ck_assert_int_eq(xen_evtchn_bind(op.port, 0, fires, NULL), 0);
	model_on_wait(step, &op.port);
	asked = 0;
	ck_assert(xen_port_wait(has_fired, NULL, ~0ULL));
	ck_assert_uint_eq(asked, 4);
	ck_assert_uint_eq(steps, 3);
	ck_assert_uint_eq(fired, 1);
	model_on_wait(NULL, NULL);
	asked = 5;
	ck_assert(!xen_port_wait(fifth_time, NULL, xen_port_clock_ns() + 1));
	ck_assert_uint_eq(steps, 3);
	xen_evtchn_close(op.port);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"pages are aligned, counted and dirty", pages_are_aligned},
	{"pages run out and come back", pages_run_out},
	{"allocations fail when told", allocations_fail_when_told},
	{"pages that were moved away are left out", pages_moved_away_are_left_out},
	{"objects are zero and aligned", objects_are_zero},
	{"misuse is caught", misuse_is_caught},
	{"locks nest, and their memory may be reused", locks_nest},
	{"the log is kept and counted", the_log_is_kept},
	{"an expected panic is survived", panic_is_expected},
	{"the clock runs when told", clock_runs_when_told},
	{"a wait ends when what it is for is there, or its time is over", waits_until_or_for},
};

UNIT_MAIN("model-port", cases)
