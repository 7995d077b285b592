/* SPDX-License-Identifier: MIT */
/*
 * The model as a whole: machines of several shapes, what the closing checks find, DMA, threads.
 */
#include <pthread.h>

#include <xen/p2m.h>

#include "guest.h"

#define GIB (1ULL << 30)

static uint64_t *mfns;

static void default_machine(void)
{
	uint64_t contiguous = 0;

	mfns = guest_start(NULL);
	ck_assert_uint_eq(model_nr_pages(), 4096);
	for (unsigned int i = 1; i < 4096; i++)
		contiguous += mfns[i] == mfns[i - 1] + 1;
	ck_assert_uint_eq(contiguous, 0);
	ck_assert_ptr_nonnull(guest_va(0x3ffff)); /* RAM, by the map */
	ck_assert_ptr_null(guest_va(0x40000));
	ck_assert(model_check());
	ck_assert(model_stop());
}

static void contiguous_domain(void)
{
	static const struct model_params params = {.contiguous = true, .nr_pages = 1024};

	mfns = guest_start(&params);
	for (unsigned int i = 1; i < 1024; i++)
		ck_assert_uint_eq(mfns[i], mfns[0] + i);
	ck_assert(model_stop());
}

static void large_domain(void)
{
	static const struct xen_e820_entry map[] = {{0, 2 * GIB, XEN_E820_RAM},
						    {2 * GIB, 2 * GIB, XEN_E820_RESERVED},
						    {4 * GIB, 4 * GIB, XEN_E820_RAM}};
	static const struct model_params params = {
		.e820 = map, .nr_e820 = 3, .nr_pages = 4 * GIB / 4096};

	mfns = guest_start(&params);
	ck_assert_uint_eq(model_nr_pages(), 1 << 20);
	for (uint64_t pfn = 0x1000; pfn < 1 << 20; pfn += 0x1111)
		strcpy(guest_va(pfn), "here");
	ck_assert(model_stop());
}

static void starts_again(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		model_start(NULL);
		ck_assert_uint_eq(model_hypercalls(), 0);
		ck_assert(model_stop());
	}
}

static void with_the_library(void)
{
	pfn_t bad;
	uint64_t populated;

	model_start(NULL);
	ck_assert_int_eq(xen_p2m_check(&populated, &bad), 0);
	ck_assert_uint_eq(populated, 4096);
	ck_assert_uint_eq(mfn_x(xen_pfn_to_mfn(mk_pfn(77))), model_mfn_list()[77]);
	ck_assert_uint_eq(pfn_x(xen_mfn_to_pfn(mk_mfn(model_mfn_list()[77]))), 77);
	ck_assert(model_stop());
}

static void swap_in_p2m(void)
{
	uint64_t mfn = mfns[1000];

	mfns[1000] = mfns[1001];
	mfns[1001] = mfn;
}

static void duplicate_in_p2m(void)
{
	mfns[1000] = mfns[1001];
}

static void forget_page(void)
{
	mfns[1000] = XEN_INVALID_FRAME;
	guest_unmap(guest_va(1000));
}

static void wild_entry(void)
{
	mfns[1000] = 1ULL << 50;
}

static void leave_stray(void)
{
	guest_map(guest_va(5000), 0xfe000); /* MMIO among the RAM */
}

static void leave_unmapped(void)
{
	guest_unmap(guest_va(1000));
}

static void leave_reference(void)
{
	model_page_ref(mk_mfn(mfns[1000]), 1);
}

static void leave_port(void)
{
	struct evtchn_bind_virq op = {.virq = VIRQ_TIMER};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_virq, &op), 0);
}

static void leave_vm(void)
{
	ck_assert_ptr_nonnull(xen_port_vm_alloc(1));
}

static void leave_lock(void)
{
	static struct xen_lock lock;

	xen_port_lock(&lock);
}

static void leave_event_handler(void)
{
	struct evtchn_bind_virq op = {.virq = VIRQ_TIMER};
	struct evtchn_close close;

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_virq, &op), 0);
	ck_assert_int_eq(xen_evtchn_bind(op.port, 0, (void (*)(void *))abort, NULL), 0);
	close.port = op.port;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
}

static void finds_faults(void)
{
	static void (*const spoil[])(void) = {swap_in_p2m,     duplicate_in_p2m,   forget_page,
					      wild_entry,      leave_unmapped,	   leave_stray,
					      leave_reference, leave_port,	   leave_vm,
					      leave_lock,      leave_event_handler};

	for (unsigned int i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		mfns = guest_start(NULL);
		spoil[i]();
		ck_assert_msg(!model_stop(), "fault %u was not found", i);
	}
}

static void dma(void)
{
	char buf[32];
	uint64_t mfn;

	mfns = guest_start(NULL);
	mfn = mfns[1000];
	strcpy(guest_va(1000), "seen by the device");
	ck_assert(model_dma_read(mfn << 12, buf, sizeof(buf)));
	ck_assert_str_eq(buf, "seen by the device");
	ck_assert(model_dma_write((mfn << 12) + 8, "to", 2));
	ck_assert_str_eq(guest_va(1000), "seen by toe device");
	ck_assert(!model_dma_read(4096, buf, 4)); /* RAM of somebody else */
	ck_assert(!model_dma_read(~0ULL - 2, buf, 32));
	ck_assert(!model_dma_read(1ULL << 45, buf, 4));
	ck_assert(model_stop());
}

static struct xen_lock shared;
static unsigned int counter;

static void *remapper(void *arg)
{
	uint64_t first = (uint64_t)(uintptr_t)arg;

	model_set_cpu(first == 1000 ? 0 : 1);
	for (unsigned int i = 0; i < 500; i++) {
		uint64_t pfn = first + i % 16;
		unsigned long flags;
		void *page = xen_port_alloc_pages(0), *obj = xen_port_alloc(64);

		if (guest_unmap(guest_va(pfn)) || guest_map(guest_va(pfn), mfns[pfn]))
			return NULL;
		*(volatile uint64_t *)guest_va(pfn) = i;
		flags = xen_port_lock(&shared);
		counter++;
		xen_port_unlock(&shared, flags);
		xen_port_free(obj, 64);
		xen_port_free_pages(page, 0);
	}
	return arg;
}

static void two_threads(void)
{
	static const struct model_params params = {.nr_cpus = 2};
	pthread_t thread[2];
	void *result;

	mfns = guest_start(&params);
	for (uintptr_t i = 0; i < 2; i++)
		ck_assert_int_eq(
			pthread_create(&thread[i], NULL, remapper, (void *)(1000 + i * 100)), 0);
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(thread[i], &result), 0);
		ck_assert_ptr_nonnull(result);
	}
	ck_assert_uint_eq(counter, 1000);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"the default domain is scattered", default_machine},
	{"a contiguous domain is one block", contiguous_domain},
	{"a domain of 4 GiB starts at once", large_domain},
	{"a model can be started again", starts_again},
	{"the library's P2M agrees with the model's", with_the_library},
	{"what is left unbalanced is found", finds_faults},
	{"a device reaches the domain's frames only", dma},
	{"two CPUs remap and lock at once", two_threads},
};

UNIT_MAIN("model", cases)
