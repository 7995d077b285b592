/* SPDX-License-Identifier: MIT */
/*
 * The rules that the model enforces on the code above it: each is broken here once, and must stop
 * the process with its name. What is next to a rule but within it must not.
 */
#include <model/domain.h>

#include "guest.h"

static const struct model_params two_cpus = {.nr_cpus = 2};
static struct xen_lock lock[3];

static unsigned long take(unsigned int i)
{
	return xen_port_lock(&lock[i]);
}

static void lock_twice(void *arg)
{
	take(0);
	take(0);
}

static void unlock_other(void *arg)
{
	unsigned long flags = take(0);

	take(1);
	xen_port_unlock(&lock[0], flags);
}

static void unlock_untaken(void *arg)
{
	xen_port_unlock(&lock[0], 0);
}

static void unlock_with_other_flags(void *arg)
{
	unsigned long outer = take(0);

	take(1);
	xen_port_unlock(&lock[1], outer);
}

static void nest(unsigned int outer, unsigned int inner)
{
	unsigned long flags = take(outer), inner_flags = take(inner);

	xen_port_unlock(&lock[inner], inner_flags);
	xen_port_unlock(&lock[outer], flags);
}

static void both_orders(void *arg)
{
	nest(0, 1);
	nest(0, 1);
	nest(1, 0);
}

static void order_by_a_third(void *arg)
{
	nest(0, 1);
	nest(1, 2);
	nest(2, 0);
}

static void sleep_with_lock(void *arg)
{
	take(0);
	xen_port_vm_alloc(1);
}

static void sleep_by_mapping(void *arg)
{
	take(0);
	xen_mmio_map(0xfe000000, 4096, XEN_CACHE_UC, NULL);
}

static void sleep_in_handler(void *arg)
{
	xen_port_vm_alloc(1);
}

static void lock_in_handler(void *arg)
{
	take(0);
}

static evtchn_port_t port_with(void (*handler)(void *))
{
	struct evtchn_bind_virq op = {.virq = VIRQ_TIMER};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_virq, &op), 0);
	ck_assert_int_eq(xen_evtchn_bind(op.port, 0, handler, NULL), 0);
	return op.port;
}

static void sleep_in_interrupt(void *arg)
{
	model_event(port_with(sleep_in_handler));
}

static void lock_left_by_handler(void *arg)
{
	model_event(port_with(lock_in_handler));
}

static evtchn_port_t own_port;

static void unbind_own_port(void *arg)
{
	xen_evtchn_unbind(own_port);
}

static void unbind_in_handler(void *arg)
{
	own_port = port_with(unbind_own_port);
	model_event(own_port);
}

static void yield_with_lock(void *arg)
{
	take(0);
	hypercall_sched_op(SCHEDOP_yield, NULL);
}

static bool never(void *arg)
{
	return false;
}

static bool sleeps(void *arg)
{
	return xen_port_wait(never, NULL, 0);
}

static bool locks(void *arg)
{
	xen_port_lock(&lock[0]);
	return true;
}

static void wait_with_lock(void *arg)
{
	take(0);
	xen_port_wait(never, NULL, 0);
}

static void wait_in_handler(void *arg)
{
	xen_port_wait(never, NULL, 0);
}

static void wait_in_interrupt(void *arg)
{
	model_event(port_with(wait_in_handler));
}

static void wait_in_wait(void *arg)
{
	xen_port_wait(sleeps, NULL, 0);
}

static void lock_left_by_wait(void *arg)
{
	xen_port_wait(locks, NULL, 0);
}

static void reset_ports(void *arg)
{
	struct evtchn_reset op = {.dom = DOMID_SELF};

	hypercall_event_channel_op(EVTCHNOP_reset, &op);
}

static void free_twice(void *arg)
{
	void *page = xen_port_alloc_pages(0);

	xen_port_free_pages(page, 0);
	xen_port_free_pages(page, 0);
}

static void free_other_order(void *arg)
{
	xen_port_free_pages(xen_port_alloc_pages(1), 0);
}

static void free_unmapped(void *arg)
{
	void *page = xen_port_alloc_pages(0);

	guest_unmap(page);
	xen_port_free_pages(page, 0);
}

static void free_other_size(void *arg)
{
	xen_port_free(xen_port_alloc(16), 24);
}

static void free_vm_mapped(void *arg)
{
	void *va = xen_port_vm_alloc(1);

	guest_map(va, 0xfe000);
	xen_port_vm_free(va, 1);
}

static void odd_format(void *arg)
{
	xen_port_log(XEN_LOG_INFO, "%5.2f", 1.0);
}

/* Arguments of hypercalls, each in a page that the case makes unfit. */

static long reserve(void *page)
{
	struct xen_memory_reservation op = {.nr_extents = 512, .domid = DOMID_SELF};

	set_xen_guest_handle(op.extent_start, page);
	return hypercall_memory_op(XENMEM_decrease_reservation, &op);
}

static void argument_unmapped(void *arg)
{
	void *page = xen_port_alloc_pages(0);

	guest_unmap(page);
	hypercall_event_channel_op(EVTCHNOP_status, page);
}

static void argument_freed(void *arg)
{
	void *page = xen_port_alloc_pages(0);

	xen_port_free_pages(page, 0);
	hypercall_physdev_op(PHYSDEVOP_eoi, page);
}

static void argument_readonly(void *arg)
{
	void *page = xen_port_alloc_pages(0);

	guest_set_pte(page, (model_pte(page) & ~XEN_PTE_RW));
	hypercall_memory_op(XENMEM_machphys_mapping, page);
}

static void argument_over_the_end(void *arg)
{
	uint8_t *pages = xen_port_alloc_pages(1);

	guest_unmap(pages + XEN_PAGE_SIZE);
	hypercall_grant_table_op(GNTTABOP_map_grant_ref, pages + XEN_PAGE_SIZE - 8, 1);
}

static void list_unmapped(void *arg)
{
	void *page = xen_port_alloc_pages(0);

	guest_unmap(page);
	reserve(page);
}

static void batch_unmapped(void *arg)
{
	struct multicall_entry *calls = xen_port_alloc_pages(0);

	guest_unmap(calls);
	hypercall_multicall(calls, 2);
}

static void rules(void)
{
	static const struct {
		void (*run)(void *);
		const char *rule;
	} all[] = {
		{lock_twice, "xen_port_lock: taken twice by one CPU"},
		{unlock_other, "xen_port_unlock: not the lock taken last"},
		{unlock_untaken, "xen_port_unlock: not the lock taken last"},
		{unlock_with_other_flags, "xen_port_unlock: flags"},
		{both_orders, "xen_port_lock: two locks are taken in both orders"},
		{order_by_a_third, "xen_port_lock: two locks are taken in both orders"},
		{sleep_with_lock, "xen_port_vm_alloc: may sleep, but a lock is held"},
		{sleep_by_mapping, "xen_port_vm_alloc: may sleep, but a lock is held"},
		{sleep_in_interrupt, "xen_port_vm_alloc: may sleep, but this is an interrupt"},
		{lock_left_by_handler, "event: a handler returned with a lock held"},
		{unbind_in_handler, "SCHEDOP_yield: waits, but this is an interrupt"},
		{yield_with_lock, "SCHEDOP_yield: waits, but a lock is held"},
		{wait_with_lock, "xen_port_wait: may sleep, but a lock is held"},
		{wait_in_interrupt, "xen_port_wait: may sleep, but this is an interrupt"},
		{wait_in_wait, "xen_port_wait: may sleep, but this is what a wait is for"},
		{lock_left_by_wait, "xen_port_wait: what it waits for returned with a lock held"},
		{reset_ports, "EVTCHNOP_reset"},
		{free_twice, "xen_port_free_pages: pfn"},
		{free_other_order, "xen_port_free_pages: pfn"},
		{free_unmapped, "xen_port_free_pages: pfn"},
		{free_other_size, "xen_port_free: 24 bytes, allocated were 16"},
		{free_vm_mapped, "xen_port_vm_free: page 0 is still mapped"},
		{odd_format, "xen_port_log: format"},
		{argument_unmapped, "hypercall argument: event_channel_op in memory that is not"},
		{argument_freed, "hypercall argument: physdev_op in a page that was freed"},
		{argument_readonly, "hypercall argument: memory_op in memory that is read-only"},
		{argument_over_the_end, "hypercall argument: grant_table_op in memory that is"},
		{list_unmapped, "hypercall argument: an extent list in memory that is not"},
		{batch_unmapped, "hypercall argument: multicall in memory that is not"},
	};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		guest_start(&two_cpus);
		ck_assert_msg(model_expect_breach(all[i].run, NULL, all[i].rule), "rule %u: %s", i,
			      all[i].rule);
		ck_assert(model_stop());
	}
}

static void no_breach(void *arg)
{
	nest(0, 1);
}

static void crash(void *arg)
{
	abort();
}

static void what_is_no_breach(void)
{
	guest_start(NULL);
	ck_assert(!model_expect_breach(no_breach, NULL, "xen_port_lock"));
	ck_assert(!model_expect_breach(lock_twice, NULL, "xen_port_unlock"));
	ck_assert(!model_expect_breach(crash, NULL, "xen_port_lock"));
	nest(0, 1);
	nest(1, 2);
	nest(0, 2);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"each rule that is broken stops the process", rules},
	{"what breaks no rule does not", what_is_no_breach},
};

UNIT_MAIN("model-rules", cases)
