/* SPDX-License-Identifier: MIT */
/*
 * The boot kernel alone, on real Xen: `selftest` proves what arch/x86/xen/boot promises, any other
 * word is a way to crash (crash.c) and must end in a report. tests/kernel/run.sh is the judge.
 */
#include <xen/evtchn.h>
#include <xen/grant.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>

#include "ioport.h"
#include "kernel.h"

#define MS 1000000ULL
#define ROUNDS 20000

static unsigned int passed, failed;

static void check_at(bool ok, const char *what, int line)
{
	if (ok) {
		passed++;
		return;
	}
	failed++;
	boot_printf("FAIL main.c:%d: %s\n", line, what);
}
#define check(cond) check_at((cond), #cond, __LINE__)

/* Exactly the frames of the P2M are mapped, but for PFN 0. */
static void memory(void)
{
	uint64_t populated = 0, wrong = 0, pfn, word;
	pfn_t bad;

	check(!xen_p2m_check(&populated, &bad));
	check(populated == boot_start_info->nr_pages);
	for (pfn = 0; pfn < xen_p2m.nr; pfn++) {
		const uint64_t *va = (const uint64_t *)(BOOT_DIRECT_BASE + (pfn << XEN_PAGE_SHIFT));

		wrong += boot_peek(va, &word) != (pfn && xen_p2m_is_own_ram(mk_pfn(pfn)));
	}
	check(!wrong);
	check(!boot_peek((const uint64_t *)0, &word));
	check(!boot_peek((const uint64_t *)BOOT_VM_BASE - 1, &word));
}

static void pages(void)
{
	uint64_t free = boot_free_pages(), nr = 0;
	void *list = NULL, *page;

	while ((page = xen_port_alloc_pages(0))) {
		*(void **)page = list;
		list = page;
		nr++;
	}
	check(nr == free && !boot_free_pages());
	check(!xen_port_alloc(XEN_PAGE_SIZE));
	while ((page = list)) {
		list = *(void **)page;
		xen_port_free_pages(page, 0);
	}
	check(boot_free_pages() == free);
}

static void windows(void)
{
	char *a = xen_port_vm_alloc(3), *b = xen_port_vm_alloc(1000);
	uint64_t word;

	check(a && b && (b >= a + 4 * XEN_PAGE_SIZE || a >= b + 1001 * XEN_PAGE_SIZE));
	check(!xen_port_vm_alloc(0) && !xen_port_vm_alloc(1UL << 40));
	check(!hypercall_update_va_mapping(
		(unsigned long)b, boot_start_info->shared_info | XEN_PTE_KERNEL, UVMF_INVLPG));
	check(boot_peek((const uint64_t *)b, &word));
	check(!hypercall_update_va_mapping((unsigned long)b, 0, UVMF_INVLPG));
	check(!boot_peek((const uint64_t *)b, &word));
	xen_port_vm_free(b, 1000);
	xen_port_vm_free(a, 3);
	check(xen_port_vm_alloc(3) == a);
	xen_port_vm_free(a, 3);
}

static bool never(void *arg)
{
	return false;
}

static bool is_set(void *arg)
{
	return xen_load((bool *)arg);
}

static void time_and_waits(void)
{
	uint64_t start = xen_port_clock_ns(), last = start, now, i;
	bool yes = true;

	for (i = 0; i < 10000; i++, last = now) {
		now = xen_port_clock_ns();
		if (now < last)
			break;
	}
	check(i == 10000);
	start = xen_port_clock_ns();
	check(!boot_wait(never, NULL, 30 * MS));
	check(xen_port_clock_ns() - start >= 30 * MS);
	check(boot_wait(is_set, &yes, 0));
	start = xen_port_clock_ns();
	boot_delay(2 * MS);
	check(xen_port_clock_ns() - start >= 2 * MS);
	start = xen_port_clock_ns();
	check(!xen_port_wait(never, NULL, start + 5 * MS));
	check(xen_port_clock_ns() - start >= 5 * MS);
	check(xen_port_wait(is_set, &yes, start)); /* over, but it is there */
	check(!xen_port_wait(never, NULL, start));
}

static unsigned int events;
static bool event_seen;

static void on_event(void *arg)
{
	events++;
	xen_store((bool *)arg, true);
}

/* An event channel to ourselves. */
static void event_channels(void)
{
	struct evtchn_bind_ipi ipi = {.vcpu = 0};
	struct evtchn_send send;
	struct evtchn_close close;

	check(!hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi));
	send.port = close.port = ipi.port;
	check(!xen_evtchn_bind(ipi.port, 0, on_event, &event_seen));
	check(xen_evtchn_bind(ipi.port, 0, on_event, NULL) == -XEN_EBUSY);
	check(xen_evtchn_bind(1U << 20, 0, on_event, NULL) == -XEN_EINVAL);

	/* Masked: pending only. Unmasked: delivered, each of them. */
	xen_evtchn_mask(ipi.port);
	hypercall_event_channel_op(EVTCHNOP_send, &send);
	check(!boot_wait(is_set, &event_seen, 5 * MS));
	xen_evtchn_unmask(ipi.port);
	check(boot_wait(is_set, &event_seen, 1000 * MS) && events == 1);
	event_seen = false;
	hypercall_event_channel_op(EVTCHNOP_send, &send);
	check(boot_wait(is_set, &event_seen, 1000 * MS) && events == 2);

	xen_evtchn_unbind(ipi.port);
	event_seen = false;
	hypercall_event_channel_op(EVTCHNOP_send, &send);
	check(!boot_wait(is_set, &event_seen, 5 * MS) && events == 2);
	check(!hypercall_event_channel_op(EVTCHNOP_close, &close));
}

/* Each event spurious: the pauses that the library makes are served while we wait. */
static void late_events(void)
{
	struct evtchn_bind_ipi ipi = {.vcpu = 0};
	uint64_t start = xen_port_clock_ns();
	unsigned int i;

	check(!hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi));
	check(!xen_evtchn_bind(ipi.port, XEN_EVTCHN_LATE_EOI, on_event, &event_seen));
	events = 0;
	for (i = 0; i < 8; i++) {
		event_seen = false;
		check(!xen_evtchn_notify(ipi.port));
		check(boot_wait(is_set, &event_seen, 1000 * MS) && events == i + 1);
		xen_evtchn_notify(ipi.port);
		xen_evtchn_notify(ipi.port);
		check(events == i + 1);
		xen_evtchn_eoi(ipi.port, true);
	}
	check(xen_port_clock_ns() - start >= 50000 * ((1 << 7) - 1));
	xen_evtchn_close(ipi.port);
}

/* This domain's number: the far end of a channel to ourselves has it. */
static domid_t own_domain(void)
{
	struct evtchn_status status = {.dom = DOMID_SELF};

	check(!xen_evtchn_alloc_unbound(DOMID_SELF, &status.port));
	check(!hypercall_event_channel_op(EVTCHNOP_status, &status));
	xen_evtchn_close(status.port);
	return status.u.unbound.dom;
}

/* A page granted to ourselves and mapped at a second address; kept, then let go. */
static void grants(void)
{
	domid_t self = own_domain();
	uint64_t free, word;
	struct xen_grant_map map = {.va = xen_port_vm_alloc(1)};
	uint64_t *page;
	int err;

	check(!xen_grant_init(1));
	free = boot_free_pages();
	page = xen_grant_page(self, &map.ref, &err);
	check(page && !err && xen_grant_used() == 1);
	page[7] = 0x1234;
	check(!xen_grant_map(self, &map, 1));
	check(((uint64_t *)map.va)[7] == 0x1234);
	check(xen_grant_end(map.ref) == -XEN_EBUSY);
	xen_grant_page_free(page, map.ref);
	check(xen_grant_reap() == 1 && boot_free_pages() == free - 1);
	check(!xen_grant_unmap(&map, 1));
	check(!boot_peek(map.va, &word));
	check(!xen_grant_reap() && boot_free_pages() == free);
	check(!xen_grant_used());
	xen_grant_fini();
	xen_port_vm_free(map.va, 1);
}

static struct xen_lock lock;
static uint64_t counter;

static void work(void *arg)
{
	uint64_t *seen = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned long flags = xen_port_lock(&lock);
		void *page;

		counter++;
		xen_port_unlock(&lock, flags);
		page = xen_port_alloc_pages(i % 4);
		if (page)
			xen_port_free_pages(page, i % 4);
		xen_port_free(xen_port_alloc(1 + i % 5000), 1 + i % 5000);
	}
	*seen = xen_port_cpu() + 1;
}

static void cpus(void)
{
	uint64_t seen[BOOT_MAX_CPUS] = {0}, free;
	unsigned int nr = boot_start_cpus(BOOT_MAX_CPUS), i;

	check(nr == xen_port_nr_cpus());
	free = boot_free_pages();
	for (i = 1; i < nr; i++)
		check(boot_run_on(i, work, &seen[i]));
	work(&seen[0]);
	for (i = 1; i < nr; i++)
		check(boot_join(i, 60000 * MS));
	for (i = 0; i < nr; i++)
		check(seen[i] == i + 1);
	check(counter == (uint64_t)nr * ROUNDS);
	check(boot_free_pages() + 64 >= free); /* the heap keeps what it cut up */
	boot_printf("kernel test: %u CPUs\n", nr);
}

static void port_io(void)
{
	boot_outl(0xcf8, 0x80000000);
	check((boot_inl(0xcfc) & 0xffff) == 0x8086);
}

void boot_main(void)
{
	if (!kernel_word_is("selftest")) {
		kernel_crash();
		return;
	}
	memory();
	pages();
	windows();
	time_and_waits();
	event_channels();
	late_events();
	grants();
	if (boot_has_machine())
		port_io();
	cpus();
	boot_printf("xendma: %u passed, %u failed, 0 skipped\n", passed, failed);
}
