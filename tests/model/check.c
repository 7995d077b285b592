/* SPDX-License-Identifier: MIT */
/*
 * Start, stop, and the invariants between the model's tables and the library's: every frame of the
 * domain is behind exactly one PFN, its M2P entry names that PFN, the kernel maps it there, once.
 */
#include <stdio.h>
#include <string.h>

#include <model/domain-internal.h>
#include <xen/mmu.h>
#include <xen/p2m.h>

void model_start(const struct model_params *params)
{
	int rc;

	if (model.running)
		model_breach("model_start: it runs");
	memset(&model, 0, sizeof(model));
	if (params)
		model.params = *params;
	model.exchange_stop = ~0ULL;
	model.running = true;
	model_log_reset();
	lock_reset();
	trap_start();
	shared_start();
	model_device_start();
	machine_start();
	domain_start();
	port_start();
	tables_start();
	event_start();
	physdev_start();
	if (model.params.no_setup)
		return;
	rc = xen_p2m_init(model.mfn_list, model.params.nr_pages);
	if (!rc)
		rc = xen_p2m_ram_add(mk_pfn(0), model.params.max_pages, "RAM", NULL);
	if (rc)
		model_breach("model_start: the P2M cannot be set up: %d", rc);
	memset(model.calls, 0, sizeof(model.calls));
	model.hypercalls = 0;
}

static bool fault(const char *what, uint64_t pfn, uint64_t mfn)
{
	fprintf(stderr, "model_check: %s: pfn %llx mfn %llx\n", what, (unsigned long long)pfn,
		(unsigned long long)mfn);
	return false;
}

static bool imbalance(const char *what, uint64_t is, uint64_t should_be)
{
	fprintf(stderr, "model: %s: %llu, not %llu\n", what, (unsigned long long)is,
		(unsigned long long)should_be);
	return false;
}

/* The M2P has one PFN a frame, so no frame can pass this twice. */
static bool check_page(uint64_t pfn, uint64_t mfn)
{
	const struct frame *frame = &model.frames[mfn];
	uint64_t pte = pfn < model.direct_pages ? model.pte[pfn] : 0;

	if (!frame_is_domains(mfn))
		return fault("the P2M names a frame that is not the domain's", pfn, mfn);
	if (model.m2p[mfn] != pfn)
		return fault("the M2P disagrees with the P2M", pfn, mfn);
	if (!(pte & XEN_PTE_PRESENT) || (pte & XEN_PTE_FRAME_MASK) >> XEN_PAGE_SHIFT != mfn)
		return fault("the kernel does not map the page where it should", pfn, mfn);
	if (frame->refs - frame->pinned - frame->grants - frame->tables != 1)
		return fault("the frame has other references", pfn, mfn);
	return true;
}

static bool check_tables(void)
{
	bool have = xen_p2m.nr;
	const uint64_t *list = have ? xen_p2m.entry : model.mfn_list;
	uint64_t nr = have ? xen_p2m.nr : model.params.nr_pages, populated = 0;
	bool ok = true;

	for (uint64_t pfn = 0; pfn < nr && ok; pfn++) {
		if (list[pfn] & XEN_P2M_FOREIGN)
			continue; /* invalid or another domain's */
		if (list[pfn] >= model.max_page)
			ok = fault("the P2M names no frame", pfn, list[pfn]);
		else
			ok = check_page(pfn, list[pfn]);
		populated++;
	}
	if (!ok)
		return false;
	/* Each of them is mapped where it should be: any other mapping is one too many. */
	if (populated != model.direct_present)
		return imbalance("pages mapped in the direct map", model.direct_present, populated);
	if (populated != model.tot_pages)
		return imbalance("frames in the P2M, of those owned", populated, model.tot_pages);
	return true;
}

bool model_check(void)
{
	bool ok;

	model_enter();
	ok = check_tables();
	model_leave();
	return ok;
}

/* Every frame of RAM that nobody owns is in the heap; the domain's are as many as it has. */
static bool check_machine(void)
{
	uint64_t free_frames = 0, owned = 0, start, end;

	for (unsigned int i = 0; i < model.nr_e820; i++) {
		if (!machine_ram_entry(i, &start, &end))
			continue;
		for (uint64_t mfn = start ? start : 1; mfn < end; mfn++) {
			free_frames += model.frames[mfn].owner == OWNER_FREE;
			owned += frame_is_domains(mfn);
		}
	}
	if (owned != model.tot_pages)
		return imbalance("frames the domain owns", owned, model.tot_pages);
	if (free_frames != model.heap.nr_free)
		return imbalance("frames in the heap", model.heap.nr_free, free_frames);
	return true;
}

bool model_stop(void)
{
	bool ok = model_check();

	model_enter();
	ok = check_machine() && ok;
	model_leave();
	if (model.nr_stale)
		ok = imbalance("PTEs changed and not flushed", model.nr_stale, 0);
	if (model_allocs().vm_pages)
		ok = imbalance("pages of address space held", model_allocs().vm_pages, 0);
	if (locks_held())
		ok = imbalance("locks held", locks_held(), 0);
	ok = grant_stop() && ok;
	domain_stop();
	ok = event_stop() && ok;
	ok = physdev_stop() && ok;
	machine_stop();
	model.running = false;
	return ok;
}
