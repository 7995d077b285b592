/* SPDX-License-Identifier: MIT */
/* multicall: each entry has its own result, and the batch goes on behind one that failed. */
#include "conf.h"

static void entry(struct multicall_entry *call, unsigned long op, unsigned long a0,
		  unsigned long a1)
{
	*call = (struct multicall_entry){.op = op, .result = 4711, .args = {a0, a1}};
}

static void mixed(void)
{
	static struct multicall_entry call[6];
	domid_t self = DOMID_SELF;
	int rc;

	entry(&call[0], __HYPERVISOR_memory_op, XENMEM_current_reservation, conf_addr(&self));
	entry(&call[1], 200, 0, 0);
	entry(&call[2], __HYPERVISOR_xen_version, XENVER_version, 0);
	entry(&call[3], __HYPERVISOR_update_va_mapping, 0, 0);
	entry(&call[4], __HYPERVISOR_memory_op, 63, conf_addr(&self));
	entry(&call[5], __HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	rc = hypercall_multicall(call, LEN(call));
	conf("multicall-mixed", "%s 0=%s 1=%s 2=%s 3=%s 4=%s 5=%s", conf_err(rc),
	     conf_is((long)call[0].result == conf_frames(), "frames", "other"),
	     conf_err((long)call[1].result),
	     conf_is((long)call[2].result == hypercall_xen_version(XENVER_version, NULL), "version",
		     "other"),
	     conf_err((long)call[3].result), conf_err((long)call[4].result),
	     conf_err((long)call[5].result));
}

static void odd(void)
{
	static struct multicall_entry call[2], inner;
	int rc;

	rc = hypercall_multicall(call, 0);
	conf("multicall-none", "%s", conf_err(rc));
	conf("multicall-no-list-none", "%s", conf_err(hypercall_multicall(NULL, 0)));
	conf("multicall-no-list", "%s", conf_err(hypercall_multicall(NULL, 1)));
	entry(&inner, __HYPERVISOR_xen_version, XENVER_version, 0);
	entry(&call[0], __HYPERVISOR_multicall, conf_addr(&inner), 1);
	entry(&call[1], 0xffffffff, 0, 0);
	rc = hypercall_multicall(call, 2);
	conf("multicall-in-multicall", "%s 0=%s 1=%s inner=%s", conf_err(rc),
	     conf_err((long)call[0].result), conf_err((long)call[1].result),
	     conf_is(inner.result == 4711, "untouched", "run"));
}

/* As the library does it: a page unmapped, another tried, the first mapped again. */
static void mappings(void)
{
	static struct multicall_entry call[3];
	char *page = xen_port_alloc_pages(0);
	uint64_t own;
	size_t i;
	int rc;

	if (!page)
		return;
	own = conf_make_pte(conf_mfn(page), XEN_PTE_KERNEL);
	entry(&call[0], __HYPERVISOR_update_va_mapping, conf_addr(page), 0);
	entry(&call[1], __HYPERVISOR_update_va_mapping, conf_addr(page),
	      conf_make_pte(conf_xen_frame(), XEN_PTE_KERNEL));
	entry(&call[2], __HYPERVISOR_update_va_mapping, conf_addr(page), own);
	for (i = 0; i < LEN(call); i++)
		call[i].args[2] = UVMF_INVLPG | UVMF_ALL;
	rc = hypercall_multicall(call, LEN(call));
	conf("multicall-mappings", "%s 0=%s 1=%s 2=%s", conf_err(rc),
	     conf_err((long)call[0].result), conf_err((long)call[1].result),
	     conf_err((long)call[2].result));
	*(volatile char *)page = 1;
	xen_port_free_pages(page, 0);
}

void conf_multicall(void)
{
	mixed();
	odd();
	mappings();
}
