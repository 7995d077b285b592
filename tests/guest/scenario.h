/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: named things that are proven on the running hypervisor. Each is a function that
 * makes checks (verdict.h), gives back all it took, and leaves the devices closed.
 */
#ifndef XENDMA_GUEST_SCENARIO_H
#define XENDMA_GUEST_SCENARIO_H

#include "cmdline.h"
#include "edu.h"
#include "nvme.h"

#define NEEDS_EDU (1u << 0)
#define NEEDS_NVME (1u << 1)
#define NEEDS_AS_DOM0 (1u << 2) /* these, but nothing as domU */
#define NEEDS_TO_BE_DOMU (1u << 3)
#define ONLY_BY_NAME (1u << 4) /* not with "all" */

struct scenario {
	const char *name;
	const char *what;
	unsigned int needs; /* scenarios without needs run by default */
	void (*run)(void);
};

/* Run those that @list names, all for "all", those that need no hardware when it is empty. A name
 * that is none is a failed verdict, and then nothing is run. */
void scenarios_run(struct name_list list);
void scenarios_help(void);

/* How many functions with these IDs there are. */
unsigned int count_devices(uint16_t vendor, uint16_t device);
unsigned int count_nvme(void);
/* First NVMe controller behind @from. */
struct xen_pci_dev *next_nvme(struct xen_pci_dev *from);

/* Rounds of a scenario: the command line's, or its own number. */
static inline uint64_t rounds(uint64_t own)
{
	return options.iterations ? options.iterations : own;
}

void scenario_memory(void);
void scenario_identity(void);
void scenario_hotplug(void);
void scenario_mmio(void);
void scenario_exchange(void);
void scenario_coherent(void);
void scenario_direct(void);
void scenario_stale(void);
void scenario_edu(void);
void scenario_nvme(void);
void scenario_balloon(void);
void scenario_pool(void);
void scenario_smp(void);
void scenario_badinput(void);
void scenario_conformance(void);
void scenario_xenstore(void);
void scenario_domu_info(void);
void scenario_domu_copy(void);
void scenario_domu_hotplug(void);
void scenario_domu_crash(void);

#endif
