/* SPDX-License-Identifier: MIT */
/*
 * Memory set-up of a PV domain from its E820.
 *
 * Xen hands a PV domain nr_pages pages at PFNs [0, nr_pages), whatever the machine's memory map
 * says. A domain with devices wants its PFN space to look like the machine's: RAM where the E820
 * says RAM, identity where the E820 says hole or reserved. So pages that lie under holes are moved
 * out to free PFNs under RAM (the frame stays, P2M and M2P change), the holes below the end of the
 * E820 become identity, and RAM PFNs beyond what is populated stay INVALID, for the balloon.
 * Identity reaches up to 4 GiB at least, where devices may sit in space that no entry lists; but a
 * map that is one entry of RAM from 0 on describes no machine and makes no identity.
 *
 * Pages of the kernel image, start_info, page tables, P2M list or initrd cannot be moved by this
 * code: if one lies under a hole, set-up is refused before anything is changed, and the message
 * names both.
 *
 * Context: start of day, one CPU, P2M initialised, before any RAM range was added.
 */
#ifndef XENDMA_XEN_SETUP_H
#define XENDMA_XEN_SETUP_H

#include <xen/p2m.h>
#include <xen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The entry format of XENMEM_memory_map and XENMEM_machine_memory_map. */
struct xen_e820_entry {
	uint64_t addr; /* bytes */
	uint64_t size; /* bytes */
	uint32_t type;
} __attribute__((packed));

#define XEN_E820_RAM 1
#define XEN_E820_RESERVED 2
#define XEN_E820_ACPI 3
#define XEN_E820_NVS 4
#define XEN_E820_UNUSABLE 5

#define XEN_E820_MAX 128

/*
 * Read the machine's map (@machine: dom0 only) or the domain's. *@nr receives the entry count,
 * at most XEN_E820_MAX. -XEN_ENOSYS: the domain has no map (a domU without e820_host);
 * -XEN_EPERM: not privileged; or what else Xen refused.
 */
int xen_e820_read(bool machine, struct xen_e820_entry map[XEN_E820_MAX], unsigned int *nr);

/*
 * Sort @map by address and make it disjoint: where entries overlap the one that is not RAM wins,
 * higher type first; empty and wrapping entries go; neighbours of one type are joined. Partial
 * pages of RAM are cut off, other types grow to whole pages. Returns the new count (<= max);
 * -XEN_E2BIG when more than @max (or XEN_E820_MAX) entries are needed: @map is in shreds then.
 */
int xen_e820_sanitize(struct xen_e820_entry *map, unsigned int nr, unsigned int max);

/* PFNs that must stay where they are, with a name for the message. */
struct xen_setup_pinned {
	pfn_t start;
	uint64_t nr;
	const char *name;
};

struct xen_setup_params {
	const struct xen_e820_entry *map; /* sanitized */
	unsigned int nr_map;
	uint64_t nr_pages;  /* populated now, PFNs [0, nr_pages) */
	uint64_t max_pages; /* RAM PFNs to keep for the balloon included; >= nr_pages */
	const struct xen_setup_pinned *pinned;
	unsigned int nr_pinned;
	/* Called for each run of moved pages, in order, when P2M and M2P have changed, so that the
	 * kernel can take the mappings at @from away and make those at @to. May be NULL. */
	void (*moved)(pfn_t from, pfn_t to, uint64_t nr, void *arg);
	void *arg;
};

struct xen_setup_result {
	uint64_t ram_pages;	 /* populated RAM */
	uint64_t moved_pages;	 /* of these, moved out from under holes */
	uint64_t spare_pages;	 /* RAM PFNs left INVALID for the balloon: in xen_p2m.ram */
	uint64_t identity_pages; /* marked identity */
	uint64_t max_pfn;	 /* one past the highest RAM PFN */
};

/*
 * How many P2M entries the result will need (one past the highest RAM PFN), so that the caller can
 * extend the table first. Changes nothing. -XEN_ENOSPC and -XEN_EBUSY as xen_setup_memory().
 */
int xen_setup_plan(const struct xen_setup_params *params, uint64_t *nr_entries);

/*
 * Do it. -XEN_ENOSPC: the E820 has less RAM than nr_pages; -XEN_EBUSY: a pinned range lies under a
 * hole (logged by name); -XEN_ERANGE: the P2M array is too small (xen_setup_plan()); -XEN_EINVAL:
 * the map is not sanitized, a page to move has no frame, or there are RAM ranges already;
 * -XEN_EEXIST: what would be RAM is identity already; -XEN_ENOMEM. On these nothing was changed. A
 * refusal by the hypervisor in mid-way is returned with what was moved so far in @result, P2M and
 * M2P consistent.
 */
int xen_setup_memory(const struct xen_setup_params *params, struct xen_setup_result *result);

#ifdef __cplusplus
}
#endif

#endif
