/* SPDX-License-Identifier: MIT */
/* The table of scenarios and what runs them. */
#include "scenario.h"

#include "boot.h"
#include "text.h"
#include "verdict.h"

static const struct scenario scenarios[] = {
	{"memory", "all RAM: P2M and M2P agree, no frame twice, as many as Xen gave", 0,
	 scenario_memory},
	{"identity", "every BAR and window translates to itself, nothing beside them does", 0,
	 scenario_identity},
	{"hotplug", "identity goes and comes back with a PCI function", 0, scenario_hotplug},
	{"mmio", "device memory is mapped uncached or write-combining, RAM never", 0,
	 scenario_mmio},
	{"exchange", "contiguous regions of all orders and widths, and refusals", 0,
	 scenario_exchange},
	{"coherent", "coherent memory makes no hypercall in steady state", 0, scenario_coherent},
	{"direct", "contiguous buffers never bounce, others are never handed out wrong", 0,
	 scenario_direct},
	{"balloon", "pages go to Xen and come back", 0, scenario_balloon},
	{"pool", "the bounce pool grows, runs out, says why, and shrinks", 0, scenario_pool},
	{"smp", "mappings on several CPUs at once", 0, scenario_smp},
	{"badinput", "mistakes of the caller are refused", 0, scenario_badinput},
	{"stale", "3 bytes written by a device are 3 bytes changed", NEEDS_EDU, scenario_stale},
	{"edu", "DMA both ways beyond the device's reach, INTx and MSI", NEEDS_EDU, scenario_edu},
	{"nvme", "read, write, flush, PRP lists, MSI-X, errors", NEEDS_NVME, scenario_nvme},
	{"conformance", "hypercalls, right and wrong, for comparison with the model",
	 NEEDS_EDU | NEEDS_NVME | NEEDS_AS_DOM0, scenario_conformance},
	{"xenstore", "values, transactions, watches and quotas of the host's xenstore",
	 NEEDS_TO_BE_DOMU, scenario_xenstore},
	{"domu-info", "what a domU finds: memory map, xenstore, PCI functions", NEEDS_TO_BE_DOMU,
	 scenario_domu_info},
	{"domu-copy", "NVMe disk src is copied to disk dst", NEEDS_NVME | ONLY_BY_NAME,
	 scenario_domu_copy},
	{"domu-hotplug", "works on devices that are attached and detached",
	 NEEDS_TO_BE_DOMU | ONLY_BY_NAME, scenario_domu_hotplug},
	{"domu-crash", "crashes while devices write to memory", NEEDS_TO_BE_DOMU | ONLY_BY_NAME,
	 scenario_domu_crash},
};

static const struct scenario *find(const char *name, uint64_t length)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(scenarios); i++)
		if (text_is(name, length, scenarios[i].name))
			return &scenarios[i];
	return NULL;
}

static bool names_are_known(struct name_list list)
{
	const char *name;
	uint64_t length, i;

	while (name_list_next(&list, &name, &length)) {
		char shown[32];

		if (find(name, length))
			continue;
		for (i = 0; i < length && i < sizeof(shown) - 1; i++)
			shown[i] = name[i];
		shown[i] = 0;
		verdict_fail("cmdline", "test=: no scenario is called \"%s\"; help=1 lists them",
			     shown);
		return false;
	}
	return true;
}

/* The hardware that is missing for @scenario; NULL: none. */
static const char *missing(const struct scenario *scenario)
{
	if (scenario->needs & NEEDS_TO_BE_DOMU && boot_has_machine())
		return "this is no domU";
	if (scenario->needs & NEEDS_AS_DOM0 && !boot_has_machine())
		return NULL;
	if (scenario->needs & NEEDS_EDU && !count_devices(EDU_VENDOR, EDU_DEVICE))
		return "there is no edu device";
	if (scenario->needs & NEEDS_NVME && !count_nvme())
		return "there is no NVMe controller";
	return NULL;
}

static void run(const struct scenario *scenario, bool asked_for)
{
	const char *lacks = missing(scenario);

	verdict_begin(scenario->name);
	if (!lacks)
		scenario->run();
	else if (asked_for)
		check(false, "%s", lacks);
	else
		skip("%s", lacks);
	verdict_end();
}

void scenarios_run(struct name_list list)
{
	bool all = list.text && text_is(list.text, list.length, "all");
	const char *name;
	uint64_t length;
	size_t i;

	if (list.text && !all) {
		if (!names_are_known(list))
			return;
		while (name_list_next(&list, &name, &length))
			run(find(name, length), true);
		return;
	}
	for (i = 0; i < ARRAY_LEN(scenarios); i++)
		if (all ? !(scenarios[i].needs & ONLY_BY_NAME) : !scenarios[i].needs)
			run(&scenarios[i], false);
}

void scenarios_help(void)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(scenarios); i++)
		boot_printf("  test=%-9s %s%s\n", scenarios[i].name, scenarios[i].what,
			    scenarios[i].needs & NEEDS_EDU	    ? " (edu)"
			    : scenarios[i].needs & NEEDS_NVME	    ? " (nvme)"
			    : scenarios[i].needs & NEEDS_TO_BE_DOMU ? " (domU)"
								    : "");
}

unsigned int count_devices(uint16_t vendor, uint16_t device)
{
	struct xen_pci_dev *dev = NULL;
	unsigned int nr = 0;

	while ((dev = guest_find_device(dev, vendor, device)))
		nr++;
	return nr;
}

struct xen_pci_dev *next_nvme(struct xen_pci_dev *from)
{
	do
		from = guest_next_device(from);
	while (from && from->class_code != NVME_CLASS);
	return from;
}

unsigned int count_nvme(void)
{
	struct xen_pci_dev *dev = NULL;
	unsigned int nr = 0;

	while ((dev = next_nvme(dev)))
		nr++;
	return nr;
}
