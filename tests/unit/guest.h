/* SPDX-License-Identifier: MIT */
/*
 * What a test of the model does as a guest: raw hypercalls, in a few words. And how it looks at an
 * end that it expects: a fault or a breach, in a child process.
 */
#ifndef XENDMA_TESTS_UNIT_GUEST_H
#define XENDMA_TESTS_UNIT_GUEST_H

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <model/model.h>
#include <xen/evtchn.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/port.h>

#include "unit.h"

/* A domain whose P2M the test keeps itself, in model_mfn_list(). */
static inline uint64_t *guest_start(const struct model_params *params)
{
	struct model_params raw = {0};

	if (params)
		raw = *params;
	raw.no_setup = true;
	model_start(&raw);
	return model_mfn_list();
}

static inline int guest_set_pte(const volatile void *va, uint64_t pte)
{
	return hypercall_update_va_mapping((unsigned long)(uintptr_t)va, pte,
					   UVMF_TLB_FLUSH | UVMF_ALL);
}

static inline int guest_map(const volatile void *va, uint64_t mfn)
{
	return guest_set_pte(va, mfn << XEN_PAGE_SHIFT | XEN_PTE_KERNEL);
}

static inline int guest_unmap(const volatile void *va)
{
	return guest_set_pte(va, 0);
}

static inline void *guest_va(uint64_t pfn)
{
	return xen_port_pfn_to_virt(mk_pfn(pfn));
}

/* Does @fn end its process: by a signal, or a sanitizer that reports it? What it prints is lost. */
static inline bool guest_dies(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(0);
		fn();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) || WEXITSTATUS(status);
}

#endif
