/* SPDX-License-Identifier: MIT */
/*
 * The model hypervisor itself: that it remaps, refuses and counts as Xen does.
 */
#include <string.h>

#include <model/model.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/port.h>

#include "unit.h"

static const struct model_params raw = {.no_setup = true};

static uint64_t *mfns;

static void start(void)
{
	model_start(&raw);
	mfns = model_mfn_list();
}

static int remap(void *va, uint64_t mfn)
{
	return hypercall_update_va_mapping((unsigned long)va,
					   mfn << XEN_PAGE_SHIFT | XEN_PTE_KERNEL,
					   UVMF_TLB_FLUSH | UVMF_ALL);
}

static int zap(void *va)
{
	return hypercall_update_va_mapping((unsigned long)va, 0, UVMF_TLB_FLUSH | UVMF_ALL);
}

static void starts_and_stops(void)
{
	start();
	ck_assert_uint_eq(model_nr_pages(), 4096);
	ck_assert(model_check());
	ck_assert(model_stop());
}

static void remapping_moves_bytes(void)
{
	uint64_t a, b;
	char *va, *vb;

	start();
	va = xen_port_alloc_pages(0);
	vb = xen_port_alloc_pages(0);
	a = mfns[pfn_x(xen_port_virt_to_pfn(va))];
	b = mfns[pfn_x(xen_port_virt_to_pfn(vb))];
	strcpy(va, "frame a");
	strcpy(vb, "frame b");
	ck_assert_int_eq(remap(va, b), 0);
	ck_assert_str_eq(va, "frame b");
	ck_assert_int_eq(remap(vb, a), 0);
	ck_assert_str_eq(vb, "frame a");
	ck_assert(!model_check());
	ck_assert_int_eq(remap(va, a), 0);
	ck_assert_int_eq(remap(vb, b), 0);
	ck_assert(model_check());
	xen_port_free_pages(va, 0);
	xen_port_free_pages(vb, 0);
	ck_assert(model_stop());
}

static long exchange(xen_pfn_t *in, uint64_t nr_in, unsigned int in_order, xen_pfn_t *out,
		     uint64_t nr_out, unsigned int out_order, unsigned int bits, uint64_t *done)
{
	struct xen_memory_exchange exch = {
		.in = {.nr_extents = nr_in, .extent_order = in_order, .domid = DOMID_SELF},
		.out = {.nr_extents = nr_out,
			.extent_order = out_order,
			.mem_flags = XENMEMF_address_bits(bits),
			.domid = DOMID_SELF},
	};
	long rc;

	set_xen_guest_handle(exch.in.extent_start, in);
	set_xen_guest_handle(exch.out.extent_start, out);
	rc = hypercall_memory_op(XENMEM_exchange, &exch);
	if (done)
		*done = exch.nr_exchanged;
	return rc;
}

static void exchange_gives_contiguous_frames(void)
{
	xen_pfn_t in[8], out;
	uint64_t done, pfn;
	char *va;

	start();
	va = xen_port_alloc_pages(3);
	pfn = pfn_x(xen_port_virt_to_pfn(va));
	out = pfn;
	for (unsigned int i = 0; i < 8; i++) {
		in[i] = mfns[pfn + i];
		ck_assert_int_eq(zap(va + i * XEN_PAGE_SIZE), 0);
	}
	ck_assert_int_eq(exchange(in, 8, 0, &out, 1, 3, 28, &done), 0);
	ck_assert_uint_eq(done, 8);
	ck_assert_uint_eq(out & 7, 0);
	ck_assert_uint_lt(out + 7, 1 << 16);
	for (unsigned int i = 0; i < 8; i++) {
		mfns[pfn + i] = out + i;
		ck_assert_int_eq(remap(va + i * XEN_PAGE_SIZE, out + i), 0);
	}
	memset(va, 7, 8 * XEN_PAGE_SIZE);
	ck_assert(model_check());
	xen_port_free_pages(va, 3);
	ck_assert(model_stop());
}

static void exchange_refuses_mapped_pages(void)
{
	xen_pfn_t in[2], out = 100;
	uint64_t done;
	char *va;

	start();
	in[0] = mfns[100];
	in[1] = mfns[101];
	out = 100;
	va = xen_port_pfn_to_virt(mk_pfn(100));
	ck_assert_int_eq(exchange(in, 2, 0, &out, 1, 1, 0, &done), -XEN_EINVAL);
	ck_assert_int_eq(zap(va), 0);
	ck_assert_int_eq(exchange(in, 2, 0, &out, 1, 1, 0, &done), -XEN_EINVAL);
	ck_assert_uint_eq(done, 0);
	ck_assert_uint_eq(out, 100);
	ck_assert_int_eq(remap(va, in[0]), 0);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"a machine starts and stops", starts_and_stops},
	{"remapping a page moves its bytes", remapping_moves_bytes},
	{"an exchange gives contiguous frames below the width", exchange_gives_contiguous_frames},
	{"an exchange refuses a mapped page", exchange_refuses_mapped_pages},
};

UNIT_MAIN("model", cases)
