/* SPDX-License-Identifier: MIT */
/*
 * Scenario memory: the whole of RAM, page by page. The counts come from Xen, the M2P is read as it
 * stands, the page tables too: three witnesses beside the P2M.
 */
#include "scenario.h"

#include <xen/balloon.h>
#include <xen/mmu.h>
#include <xen/p2m.h>

#include "boot.h"
#include "pages.h"
#include "reckon.h"
#include "verdict.h"

/* One populated page. */
static void check_page(uint64_t pfn, bool read_tables)
{
	uint64_t mfn = xen_p2m_entry(mk_pfn(pfn));
	uint64_t pte = 0;
	void *va;

	check(mfn < xen_p2m.m2p_nr && xen_load(&xen_p2m.m2p[mfn]) == pfn,
	      "PFN 0x%lx has MFN 0x%lx, whose M2P entry says otherwise", pfn, mfn);
	check(pfn_x(xen_mfn_to_pfn(mk_mfn(mfn))) == pfn,
	      "MFN 0x%lx does not lead back to PFN 0x%lx", mfn, pfn);
	check(reckon(pfn, NULL) == RECKON_RAM, "PFN 0x%lx is populated, but is no RAM by the E820",
	      pfn);
	if (!read_tables || !pfn) /* page 0 is not mapped */
		return;
	va = xen_port_pfn_to_virt(mk_pfn(pfn));
	check(va && pages_pte(va, &pte) && (pte & XEN_PTE_FRAME_MASK) >> XEN_PAGE_SHIFT == mfn,
	      "PFN 0x%lx has MFN 0x%lx, but is mapped by PTE 0x%lx", pfn, mfn, pte);
}

static void check_moved(void)
{
	uint64_t pages = 0;
	unsigned int i;

	for (i = 0; i < boot_nr_moved; i++) {
		const struct boot_moved *m = &boot_moved[i];
		uint64_t ends[2] = {0, m->nr - 1};
		unsigned int end;

		pages += m->nr;
		for (end = 0; end < 2; end++) {
			uint64_t from = pfn_x(m->from) + ends[end], to = pfn_x(m->to) + ends[end];

			check(!xen_p2m_is_own_ram(mk_pfn(from)),
			      "PFN 0x%lx was moved away, but is still populated", from);
			check(xen_p2m_is_own_ram(mk_pfn(to)),
			      "PFN 0x%lx should have got a moved page, but has none", to);
			check_reckoned(from, NULL, "where a page was moved from");
			if (xen_p2m_is_own_ram(mk_pfn(to)))
				check_page(to, true);
		}
	}
	check(pages == boot_memory.moved_pages, "set-up says it moved %lu pages, its list has %lu",
	      boot_memory.moved_pages, pages);
}

void scenario_memory(void)
{
	uint64_t owned = pages_owned(), populated = 0, pfn;

	check_frames(owned, "now");
	/* What Xen gave at the start is here or in the balloon, beside what never was populated. */
	check(owned + xen_balloon_pages() >= boot_start_info->nr_pages &&
		      owned <= boot_start_info->nr_pages + boot_memory.spare_pages,
	      "Xen gave %lu frames, now they are %lu, %lu in the balloon",
	      boot_start_info->nr_pages, owned, xen_balloon_pages());
	for (pfn = 0; pfn < xen_p2m.nr; pfn++) {
		if (!xen_p2m_is_own_ram(mk_pfn(pfn)))
			continue;
		populated++;
		check_page(pfn, pfn % 61 == 0);
		if (verdict_failed())
			return;
	}
	check(populated == owned, "the P2M has %lu frames, Xen counts %lu", populated, owned);
	check_moved();
	note("%lu frames, %lu moved, %lu spare, %lu identity", populated, boot_memory.moved_pages,
	     boot_memory.spare_pages, boot_memory.identity_pages);
}
