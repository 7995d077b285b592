/* SPDX-License-Identifier: MIT */
/*
 * Asks for everything that checks want to know, in one go, and changes nothing. The guest's P2M is
 * read only where it matters: a domain was named, and it is PV.
 */
#include "gather.h"

#include <stdlib.h>
#include <string.h>
#include "plan/judge.h"
#include "base/memory.h"

#define LOW_BITS 32

static void gather_reserved(struct hv *hv, struct facts *facts)
{
	struct hv_range range[FACTS_RESERVED];
	size_t i;

	for (i = 0; i < facts->devices->count; i++) {
		struct bdf bdf = facts->devices->device[i].bdf;
		ssize_t count = hv_reserved(hv, bdf_sbdf(bdf), range, FACTS_RESERVED), j;

		for (j = 0; j < count && facts->reserveds < FACTS_RESERVED; j++)
			facts->reserved[facts->reserveds++] =
				(struct facts_reserved){bdf, range[j]};
	}
}

static enum exit_status gather_host(struct context *context, const struct situation *situation,
				    struct facts *facts)
{
	struct hv *hv = context_hv(context);
	ssize_t count;

	if (!hv)
		return EXIT_HOST;
	facts->xen = true;
	facts->iommu = situation->host.iommu;
	count = hv_memory_map(hv, facts->map, FACTS_MAP);
	facts->maps = count < 0 ? 0 : (size_t)count;
	facts->low_known = !hv_free_below(hv, LOW_BITS, &facts->low_free);
	gather_reserved(hv, facts);
	return EXIT_DONE;
}

/* A guest whose P2M makes no sense yet is not the device's fault: it stays unknown. */
static void gather_p2m(struct facts *facts)
{
	struct space_watch watch[FACTS_WATCHES];
	struct p2m_view *view = memory_grow(NULL, 1, sizeof(*view));
	struct space *space = memory_grow(NULL, 1, sizeof(*space));
	struct guest *guest = guest_open(facts->domain);
	struct report ignored = {0};
	size_t i;

	facts_make_watches(facts);
	for (i = 0; i < facts->watches; i++)
		watch[i] = facts->watch[i].pages;
	if (guest && !p2m_open(view, guest, facts->domain, &ignored) &&
	    !space_read(space, view, watch, facts->watches) && p2m_unmoved(view)) {
		facts->p2m_known = true;
		facts->p2m_entries = view->entries;
		for (i = 0; i < facts->watches; i++)
			facts->watch[i].pages = watch[i];
	}
	report_clear(&ignored);
	guest_close(guest);
	free(space);
	free(view);
}

static void gather_domain(struct context *context, const struct situation *situation,
			  struct facts *facts)
{
	facts->has_domain = true;
	facts->domain = situation->domain;
	facts->pv = situation->exists && situation->info.pv && facts->domain;
	if (!facts->pv)
		return;
	facts->attached = judge_attached(situation, facts->device->bdf);
	if (facts->iommu)
		facts->can_assign =
			hv_can_assign(context->hv, facts->domain, bdf_sbdf(facts->device->bdf));
	gather_p2m(facts);
}

enum exit_status facts_gather(struct context *context, const struct situation *situation,
			      const struct device *device, bool has_domain, struct facts *facts)
{
	enum exit_status status;

	memset(facts, 0, sizeof(*facts));
	facts->device = device;
	facts->devices = &situation->devices;
	status = gather_host(context, situation, facts);
	if (!status && has_domain)
		gather_domain(context, situation, facts);
	return status;
}
