/* SPDX-License-Identifier: MIT */
/*
 * Scenarios that do one thing wrong when a call fails: the driver must say so of each, in the words
 * given. Without a failure all but the first are right.
 */
#include <stdio.h>

#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/port.h>

#include "faults.h"

static const struct model_params small = {.nr_pages = 64};
static void *page[2];

static void error_without_failure(void)
{
	returned("xen_mmio_map", -XEN_EINVAL);
}

static void leak(void)
{
	page[0] = xen_port_alloc_pages(0);
	page[1] = xen_port_alloc_pages(0);
	if (!page[1])
		page[0] = NULL;
}

static void undo_leak(void)
{
	for (int i = 0; i < 2; i++)
		if (page[i])
			xen_port_free_pages(page[i], 0);
}

static void other_error(void)
{
	void *obj = xen_port_alloc(16);

	if (!obj)
		returned("xen_p2m_publish", -XEN_EIO);
	xen_port_free(obj, 16);
}

/* Not Xen's refusal: it refused otherwise. */
static void other_refusal(void)
{
	pfn_t pfn = mk_pfn(40);
	mfn_t mfn = xen_pfn_to_mfn(pfn);
	int err = xen_mmu_remap(&pfn, &mfn, 1, NULL);

	returned("xen_balloon_inflate", err ? -XEN_ESRCH : 0);
}

static void unmapped(void)
{
	static const pfn_t pfn[2] = {{40}, {41}};
	static const mfn_t none[2] = {{XEN_INVALID_FRAME}, {XEN_INVALID_FRAME}};
	mfn_t mfn[2] = {xen_pfn_to_mfn(pfn[0]), xen_pfn_to_mfn(pfn[1])};

	if (!xen_mmu_remap(pfn, none, 2, NULL))
		xen_mmu_remap(pfn, mfn, 2, NULL);
}

static void panics(void)
{
	void *obj = xen_port_alloc(16);

	if (!obj)
		xen_port_panic("wrong: no memory");
	xen_port_free(obj, 16);
}

static void frees_twice(void)
{
	void *va = xen_port_alloc_pages(0), *obj = xen_port_alloc(16);

	if (va)
		xen_port_free_pages(va, 0);
	if (!obj && va)
		xen_port_free_pages(va, 0);
	xen_port_free(obj, 16);
}

static bool is_lost;

static void loses_in_silence(void)
{
	void *obj = xen_port_alloc(16);

	is_lost = !obj;
	xen_port_free(obj, 16);
}

static void undo_silence(void)
{
	if (is_lost)
		lost();
}

/* Works again only after the failure is long over. */
static void sulks(void)
{
	static bool failed;
	void *obj = xen_port_alloc(16);

	failed |= !obj;
	xen_port_free(obj, 16);
	if (failed)
		returned("xen_p2m_publish", -XEN_ENOMEM);
}

static const struct {
	struct scenario scenario;
	enum model_call kind; /* that has to fail; MODEL_NR_CALLS: none */
	const char *what;
} wrong[] = {
	{{SCENARIO("error without failure", &small, NULL, error_without_failure, NULL, NULL)},
	 MODEL_NR_CALLS,
	 "with no call failing"},
	{{SCENARIO("leak", &small, NULL, leak, undo_leak, NULL)}, MODEL_ALLOC_PAGES, "pages held"},
	{{SCENARIO("another error", &small, NULL, other_error, NULL, NULL)},
	 MODEL_ALLOC,
	 "header does not name"},
	{{SCENARIO("another refusal", &small, NULL, other_refusal, NULL, NULL)},
	 MODEL_UPDATE_VA_MAPPING,
	 "header does not name"},
	{{SCENARIO("page left unmapped", &small, NULL, unmapped, NULL, NULL)},
	 MODEL_UPDATE_VA_MAPPING,
	 "mappings disagree"},
	{{SCENARIO("panic", &small, NULL, panics, NULL, NULL), .panics = {"wrong: no"}},
	 MODEL_ALLOC,
	 "panic after 1 failures"},
	{{SCENARIO("page freed twice", &small, NULL, frees_twice, NULL, NULL)},
	 MODEL_ALLOC,
	 "signal"},
	{{SCENARIO("loss in silence", &small, NULL, loses_in_silence, undo_silence, NULL)},
	 MODEL_ALLOC,
	 "the log does not say so"},
	{{SCENARIO("never works again", &small, NULL, sulks, NULL, NULL)},
	 MODEL_ALLOC,
	 "with no call failing"},
};

unsigned int wrong_unnoticed(void)
{
	static const struct fault none[2];
	unsigned int unnoticed = 0;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const struct scenario *scenario = &wrong[i].scenario;
		struct outcome outcome = fault_run(scenario, none, false);
		bool first_right = outcome.ok;

		if (wrong[i].kind != MODEL_NR_CALLS) {
			struct fault fault[2] = {
				{wrong[i].kind, outcome.calls[wrong[i].kind], -XEN_EINVAL}};

			outcome = fault_run(scenario, fault, false);
			if (!first_right)
				snprintf(outcome.what, sizeof(outcome.what), "fails always");
		}
		if (!outcome.ok && strstr(outcome.what, wrong[i].what))
			continue;
		printf("  FAIL    %s: noticed is \"%s\", not \"%s\"\n", scenario->name,
		       outcome.what, wrong[i].what);
		unnoticed++;
	}
	return unnoticed;
}

unsigned int wrong_nr(void)
{
	return sizeof(wrong) / sizeof(wrong[0]);
}
