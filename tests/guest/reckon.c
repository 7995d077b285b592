/* SPDX-License-Identifier: MIT */
/*
 * The reckoning: the E820 in address order first, then every resource that claims something.
 * Linear searches, for clarity. Nothing to lock.
 */
#include "reckon.h"

#include <xen/p2m.h>

#include "boot.h"
#include "host.h"
#include "verdict.h"

/*
 * By the E820 alone. Holes are identity up to the map's end and in any case up to 4 GiB, where
 * devices sit that no map lists; but a map of nothing but RAM describes no machine.
 */
static enum reckoned by_e820(uint64_t pfn)
{
	uint64_t addr = pfn << XEN_PAGE_SHIFT;
	bool machine = boot_nr_e820 > 1;
	unsigned int i;

	for (i = 0; i < boot_nr_e820; i++) {
		const struct xen_e820_entry *entry = &boot_e820[i];

		if (addr < entry->addr)
			return RECKON_IDENTITY;
		if (addr - entry->addr >= entry->size)
			continue;
		if (entry->type != XEN_E820_RAM)
			return RECKON_IDENTITY;
		return pfn < boot_memory.max_pfn ? RECKON_RAM : RECKON_NOTHING;
	}
	return machine && addr < 4ULL << 30 ? RECKON_IDENTITY : RECKON_NOTHING;
}

static bool by_resource(uint64_t pfn, const struct xen_pci_resource *res)
{
	return res->size && res->flags & XEN_PCI_RES_CLAIMED && pfn >= resource_first(res) &&
	       pfn <= resource_last(res);
}

static bool by_aperture(uint64_t pfn, const struct xen_pci_host *host)
{
	unsigned int i;

	for (i = 0; i < host->nr_apertures; i++)
		if (by_resource(pfn, &host->aperture[i]))
			return true;
	return false;
}

enum reckoned reckon(uint64_t pfn, const struct xen_pci_dev *without)
{
	enum reckoned reckoned = by_e820(pfn);
	const struct xen_pci_host *host;
	const struct xen_pci_dev *dev;
	unsigned int i;

	if (reckoned != RECKON_NOTHING)
		return reckoned;
	for (i = 0; (host = guest_host(i)); i++)
		if (by_aperture(pfn, host))
			return RECKON_IDENTITY;
	for (dev = guest_next_device(NULL); dev; dev = guest_next_device(dev))
		for (i = 0; dev != without && i < XEN_PCI_NR_RES; i++)
			if (by_resource(pfn, &dev->res[i]))
				return RECKON_IDENTITY;
	return RECKON_NOTHING;
}

bool check_reckoned(uint64_t pfn, const struct xen_pci_dev *without, const char *where)
{
	uint64_t mfn = mfn_x(xen_pfn_to_mfn(mk_pfn(pfn)));

	switch (reckon(pfn, without)) {
	case RECKON_RAM:
		return check(xen_p2m_is_own_ram(mk_pfn(pfn)) || mfn == XEN_INVALID_FRAME,
			     "%s: PFN 0x%lx is RAM, but translates to MFN 0x%lx", where, pfn, mfn);
	case RECKON_IDENTITY:
		return check(mfn == pfn, "%s: PFN 0x%lx translates to MFN 0x%lx, not to itself",
			     where, pfn, mfn);
	case RECKON_NOTHING:
		break;
	}
	return check(mfn == XEN_INVALID_FRAME,
		     "%s: nothing is at PFN 0x%lx, but it translates to MFN 0x%lx", where, pfn,
		     mfn);
}
