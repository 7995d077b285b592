/* SPDX-License-Identifier: MIT */
/*
 * Scenarios identity and hotplug: what is a device's translates to itself, at both ends and in the
 * middle; beside it stands what the reckoning says. Removing a function takes its identity away
 * and adding it brings it back.
 */
#include "scenario.h"

#include <xen/p2m.h>

#include "boot.h"
#include "map.h"
#include "reckon.h"
#include "verdict.h"

static uint64_t resources_checked, tracked, largest, nothing_beside;

static void check_beside(uint64_t pfn, const char *name)
{
	if (check_reckoned(pfn, NULL, name) && reckon(pfn, NULL) == RECKON_NOTHING)
		nothing_beside++;
}

static void check_resource(const struct xen_pci_resource *res)
{
	uint64_t first = resource_first(res), last = resource_last(res);
	uint64_t inside[3] = {first, first + (last - first) / 2, last};
	char name[XEN_PCI_NAME_MAX];
	unsigned int i;

	if (!res->size || res->flags & (XEN_PCI_RES_IO | XEN_PCI_RES_UNSET))
		return;
	xen_pci_resource_name(res, name);
	if (!check(res->flags & XEN_PCI_RES_CLAIMED, "%s at 0x%lx is not claimed", name,
		   res->start))
		return;
	for (i = 0; i < 3; i++) {
		mfn_t mfn = xen_pfn_to_mfn(mk_pfn(inside[i]));

		check(mfn_x(mfn) == inside[i], "%s: PFN 0x%lx translates to MFN 0x%lx", name,
		      inside[i], mfn_x(mfn));
		check(pfn_x(xen_mfn_to_pfn(mk_mfn(inside[i]))) == inside[i],
		      "%s: MFN 0x%lx does not lead back to itself", name, inside[i]);
	}
	if (first)
		check_beside(first - 1, name);
	check_beside(last + 1, name);
	resources_checked++;
	tracked += first < xen_p2m.nr;
	largest = res->size > largest ? res->size : largest;
}

/* Every identity range is one that the reckoning knows, and holds no RAM. */
static void check_ranges(void)
{
	struct xen_range range, ram;
	uint64_t at = 0;

	while (xen_ranges_first(&xen_p2m.identity, at, 1ULL << 62, &range)) {
		check_reckoned(range.start, NULL, "start of an identity range");
		check_reckoned(range.end - 1, NULL, "end of an identity range");
		check_beside(range.end, "behind an identity range");
		if (range.start)
			check_beside(range.start - 1, "before an identity range");
		if (xen_ranges_first(&xen_p2m.ram, range.start, range.end, &ram))
			check(false, "RAM at PFN 0x%lx lies in an identity range", ram.start);
		at = range.end;
	}
}

static void check_host(const struct xen_pci_host *host)
{
	const struct xen_pci_dev *dev;
	unsigned int i;

	check(!host->nr_conflicts, "%u resources are in conflict", host->nr_conflicts);
	for (dev = host->devices; dev; dev = dev->next)
		for (i = 0; i < XEN_PCI_NR_RES; i++)
			check_resource(&dev->res[i]);
	for (i = 0; i < host->nr_apertures; i++)
		check_resource(&host->aperture[i]);
}

void scenario_identity(void)
{
	char size[MAP_SIZE_MAX];
	struct xen_pci_host *host;
	unsigned int i;

	resources_checked = tracked = largest = nothing_beside = 0;
	for (i = 0; (host = guest_host(i)); i++)
		check_host(host);
	check(resources_checked || !boot_has_machine(), "no device has memory");
	check_ranges();
	note("%lu BARs and windows, %lu inside the tracked PFNs, the largest %s, INVALID beside "
	     "them at %lu places",
	     resources_checked, tracked, map_size_text(largest, size), nothing_beside);
}

#define MAX_HOTPLUG 16

/* Where a function's memory was, while it is away. */
struct remembered {
	uint64_t first, last;
};

static unsigned int remember(const struct xen_pci_dev *dev, struct remembered seen[])
{
	unsigned int i, nr = 0;

	for (i = 0; i < XEN_PCI_NR_RES; i++)
		if (dev->res[i].size && dev->res[i].flags & XEN_PCI_RES_CLAIMED)
			seen[nr++] = (struct remembered){resource_first(&dev->res[i]),
							 resource_last(&dev->res[i])};
	return nr;
}

/* Takes one function away and brings it back. Returns how many places were INVALID meanwhile. */
static unsigned int replug(struct xen_pci_dev *dev)
{
	struct remembered before[XEN_PCI_NR_RES], after[XEN_PCI_NR_RES];
	struct xen_pci_host *host = dev->host;
	struct xen_pci_addr addr = dev->addr;
	struct xen_pci_dev *parent = dev->parent, *back = NULL;
	unsigned int i, nr = remember(dev, before), invalid = 0;
	char name[GUEST_ADDR_MAX];
	int err;

	guest_addr_text(addr, name);
	xen_pci_remove(host, dev);
	check(!xen_pci_find(host, addr), "%s is still there after its removal", name);
	for (i = 0; i < nr; i++) {
		check_reckoned(before[i].first, NULL, name);
		check_reckoned(before[i].last, NULL, name);
		invalid += reckon(before[i].first, NULL) == RECKON_NOTHING;
	}
	err = xen_pci_add(host, addr, parent, &back);
	if (!check(!err && back, "%s cannot be added again (%d)", name, err))
		return invalid;
	check(back->known_to_xen || !host->tell_xen, "%s: Xen was not told of its return", name);
	check(remember(back, after) == nr, "%s came back with other resources", name);
	for (i = 0; i < nr; i++) {
		check(after[i].first == before[i].first && after[i].last == before[i].last,
		      "%s came back elsewhere, at PFN 0x%lx", name, after[i].first);
		check(mfn_x(xen_pfn_to_mfn(mk_pfn(before[i].first))) == before[i].first &&
			      mfn_x(xen_pfn_to_mfn(mk_pfn(before[i].last))) == before[i].last,
		      "%s came back without identity at PFN 0x%lx", name, before[i].first);
	}
	return invalid;
}

/* Functions that the machine can do without for a moment: no bridges, and something to see. */
static bool can_go(const struct xen_pci_dev *dev)
{
	unsigned int i;

	if (dev->header_type || dev->class_code >> 16 == 6)
		return false;
	for (i = 0; i < XEN_PCI_NR_RES; i++)
		if (dev->res[i].size && dev->res[i].flags & XEN_PCI_RES_CLAIMED)
			return true;
	return false;
}

void scenario_hotplug(void)
{
	struct xen_pci_host *host[MAX_HOTPLUG];
	struct xen_pci_addr addr[MAX_HOTPLUG];
	unsigned int nr = 0, i, invalid = 0;
	struct xen_pci_dev *dev;

	for (dev = guest_next_device(NULL); dev && nr < MAX_HOTPLUG; dev = guest_next_device(dev)) {
		if (!can_go(dev))
			continue;
		host[nr] = dev->host;
		addr[nr++] = dev->addr;
	}
	if (!nr) {
		skip("no PCI function has memory and may be removed");
		return;
	}
	for (i = 0; i < nr; i++) {
		dev = xen_pci_find(host[i], addr[i]);
		if (check(dev, "function %u is not in the tree any more", i))
			invalid += replug(dev);
	}
	note("%u functions went and came back; INVALID meanwhile at %u places, else in a hole", nr,
	     invalid);
}
