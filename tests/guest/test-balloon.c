/* SPDX-License-Identifier: MIT */
/*
 * Scenario balloon: pages leave for Xen and come back, Xen's count follows, identity is refused
 * over their PFNs meanwhile, and what is asked too much is refused.
 */
#include "scenario.h"

#include <xen/balloon.h>
#include <xen/p2m.h>

#include "boot.h"
#include "pages.h"
#include "verdict.h"

#define PAGES 200
/* Asking for more than there is takes all there is away first: not where that takes long. */
#define MOST_FREE 131072

static uint64_t ballooned_by_query(void)
{
	struct xen_range piece;
	uint64_t at = 0, pages = 0;

	while (at < xen_p2m.nr && xen_balloon_query(mk_pfn(at), xen_p2m.nr - at, &piece)) {
		pages += piece.end - piece.start;
		at = piece.end;
	}
	return pages;
}

static void check_pieces(void)
{
	struct xen_range piece, conflict;
	uint64_t at = 0;
	int err;

	while (at < xen_p2m.nr && xen_balloon_query(mk_pfn(at), xen_p2m.nr - at, &piece)) {
		uint64_t word;

		check(mfn_x(xen_pfn_to_mfn(mk_pfn(piece.start))) == XEN_INVALID_FRAME &&
			      mfn_x(xen_pfn_to_mfn(mk_pfn(piece.end - 1))) == XEN_INVALID_FRAME,
		      "ballooned PFN 0x%lx still translates", piece.start);
		err = xen_p2m_identity_add(mk_pfn(piece.start), 1, &conflict);
		check(err == -XEN_EEXIST, "identity over ballooned PFN 0x%lx: %d", piece.start,
		      err);
		err = xen_p2m_identity_add(mk_pfn(piece.end - 1), 4096, &conflict);
		check(err == -XEN_EEXIST, "identity that begins in ballooned PFN 0x%lx: %d",
		      piece.end - 1, err);
		check(!boot_peek((uint64_t *)(BOOT_DIRECT_BASE + (piece.start << XEN_PAGE_SHIFT)),
				 &word),
		      "ballooned PFN 0x%lx is still mapped", piece.start);
		at = piece.end;
	}
}

void scenario_balloon(void)
{
	uint64_t owned = pages_owned(), free = boot_free_pages(), held = xen_balloon_pages();
	uint64_t done = 0;
	int err;

	err = xen_balloon_inflate(PAGES, &done);
	if (!check(!err && done == PAGES, "inflating by %u pages: %d, %lu went", PAGES, err, done))
		goto back;
	check(xen_balloon_pages() == held + PAGES, "the balloon holds %lu pages, not %lu",
	      xen_balloon_pages(), held + PAGES);
	check(ballooned_by_query() == held + PAGES, "a query finds %lu ballooned pages, not %lu",
	      ballooned_by_query(), held + PAGES);
	check(boot_free_pages() <= free - PAGES, "%lu pages are free, before they were %lu",
	      boot_free_pages(), free);
	check_frames(owned - PAGES, "inflated");
	check_pieces();
back:
	/* Back to what it held; the lowest PFNs come first, whoever let them go. */
	err = xen_balloon_deflate(xen_balloon_pages() - held, &done);
	check(!err && done == PAGES, "deflating: %d, %lu came", err, done);
	check(xen_balloon_pages() == held, "the balloon holds %lu pages, before it held %lu",
	      xen_balloon_pages(), held);
	check_frames(owned, "deflated");
	check(boot_free_pages() + 64 >= free, "%lu pages are free, before they were %lu",
	      boot_free_pages(), free);
	if (!held) {
		err = xen_balloon_deflate(1, &done);
		check(err == -XEN_ENOENT && !done, "deflating an empty balloon: %d, %lu came", err,
		      done);
	}
	if (boot_free_pages() > MOST_FREE)
		return;
	err = xen_balloon_inflate(xen_p2m.nr * 2, &done);
	check(err, "more pages than there are went to Xen");
	err = xen_balloon_deflate(done, &done);
	check(!err, "what went cannot come back (%d)", err);
	check_frames(owned, "after inflating by too much");
}
