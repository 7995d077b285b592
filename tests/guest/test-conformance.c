/* SPDX-License-Identifier: MIT */
/*
 * Scenario conformance: the suite of tests/conformance on the running hypervisor. It judges
 * nothing here; its lines are compared with the model's (tests/conformance/conformance.sh).
 */
#include "scenario.h"

#include "../conformance/conf.h"
#include "boot.h"
#include "host.h"
#include "pages.h"
#include "verdict.h"

struct xen_pci_host *conf_host;

void conf_vprint(const char *fmt, va_list ap)
{
	boot_vprintf(fmt, ap);
}

uint64_t conf_pte(const volatile void *va)
{
	uint64_t pte;

	return pages_pte(va, &pte) ? pte : 0;
}

void scenario_conformance(void)
{
	uint64_t owned = pages_owned();

	conf_host = guest_host(0);
	note("%u cases", conf_run());
	check_frames(owned, "after all cases");
}
