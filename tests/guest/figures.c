/* SPDX-License-Identifier: MIT */
/* Counts by asking: Xen for channels and frames, the library for its grants and ranges. */
#include "figures.h"

#include <xen/coherent.h>
#include <xen/grant.h>
#include <xen/hypercall.h>
#include <xen/p2m.h>
#include <xen/swiotlb.h>

#include "boot.h"
#include "pages.h"
#include "verdict.h"

/* Far more than the guest ever has; Xen gives the lowest that is free. */
#define MAX_PORTS 256

static void count_ports(struct figures *f)
{
	evtchn_port_t port;

	for (port = 1; port < MAX_PORTS; port++) {
		struct evtchn_status status = {.dom = DOMID_SELF, .port = port};

		if (hypercall_event_channel_op(EVTCHNOP_status, &status) ||
		    status.status == EVTCHNSTAT_closed)
			continue;
		f->ports++;
		f->pirqs += status.status == EVTCHNSTAT_pirq;
	}
}

struct figures figures_take(void)
{
	struct figures f = {0};
	struct xen_range range = {0};

	xen_swiotlb_trim(0);
	xen_coherent_trim(0);
	xen_grant_reap();
	f.grants = xen_grant_used();
	count_ports(&f);
	f.owned = pages_owned();
	f.free = boot_free_pages();
	while (xen_ranges_first(&xen_p2m.identity, range.end, XEN_INVALID_FRAME >> 1, &range))
		f.identity += (range.end - range.start) * range.count;
	return f;
}

const char *figures_text(const struct figures *f, char text[FIGURES_TEXT_MAX])
{
	boot_snprintf(text, FIGURES_TEXT_MAX,
		      "grants %u ports %u pirqs %u frames %lu free %lu identity %lu", f->grants,
		      f->ports, f->pirqs, f->owned, f->free, f->identity);
	return text;
}

bool figures_check(const struct figures *before, const struct figures *now, const char *when)
{
	char was[FIGURES_TEXT_MAX], is[FIGURES_TEXT_MAX];

	return check(now->grants <= before->grants && now->ports <= before->ports &&
			     now->pirqs <= before->pirqs && now->owned == before->owned &&
			     now->free >= before->free && now->identity == before->identity,
		     "%s: %s, before: %s", when, figures_text(now, is), figures_text(before, was));
}
