/* SPDX-License-Identifier: MIT */
/*
 * Plans as lists, and how they are shown. One thread.
 */
#include "plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

const struct wish *wish_find(const struct wish *wish, size_t count, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (bdf_equal(wish[i].backend.bdf, bdf))
			return &wish[i];
	return NULL;
}

struct plan_device *plan_add_device(struct plan *plan, struct bdf bdf)
{
	struct plan_device *device;

	plan->device = memory_grow(plan->device, plan->devices + 1, sizeof(*plan->device));
	device = &plan->device[plan->devices++];
	*device = (struct plan_device){.bdf = bdf};
	return device;
}

void plan_add_grant_step(struct plan *plan, enum step_kind kind, size_t device, struct grant grant)
{
	plan->step = memory_grow(plan->step, plan->steps + 1, sizeof(*plan->step));
	plan->step[plan->steps++] = (struct step){.kind = kind, .device = device, .grant = grant};
}

void plan_add_step(struct plan *plan, enum step_kind kind, size_t device)
{
	plan_add_grant_step(plan, kind, device, (struct grant){0});
}

struct bdf *plan_addresses(const struct plan *plan)
{
	struct bdf *bdf = memory_grow(NULL, plan->devices, sizeof(*bdf));
	size_t i;

	for (i = 0; i < plan->devices; i++)
		bdf[i] = plan->device[i].bdf;
	return bdf;
}

void plan_free(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->devices; i++)
		free(plan->device[i].driver_note);
	free(plan->domain_name);
	free(plan->device);
	free(plan->step);
	*plan = (struct plan){0};
}

/* Steps about all devices of the plan are shown without an address. */
static const struct {
	const char *name;
	const char *what;
	bool about_all;
} kinds[STEP_KINDS] = {
	[STEP_NOTE] = {"note", "note in xenstore what is about to be granted", true},
	[STEP_STILL] = {"still", "stop DMA", false},
	[STEP_RESET] = {"reset", "reset", false},
	[STEP_ASSIGN] = {"assign", "put into the domain's IOMMU context", false},
	[STEP_MAP_LINE] = {"map-line", "make a PIRQ for", false},
	[STEP_ALLOW] = {"allow", "allow", false},
	[STEP_PERMISSIVE] = {"permissive", "let most config writes through", false},
	[STEP_PUBLISH] = {"publish", "offer to the guest in xenstore", true},
	[STEP_CONNECT] = {"connect", "wait until the guest has all", true},
	[STEP_SETTLE] = {"settle", "note that all are attached", true},
	[STEP_MARK] = {"mark", "note that all are being detached", true},
	[STEP_ARRIVE] = {"arrive", "wait for the end of the attach that is under way", true},
	[STEP_UNPLUG] = {"unplug", "ask the guest and pciback to give up all", true},
	[STEP_RELEASE] = {"release", "wait until they have", true},
	[STEP_WITHDRAW] = {"withdraw", "remove from the guest's devices in xenstore", true},
	[STEP_DENY] = {"deny", "take back", false},
	[STEP_UNMAP_LINE] = {"unmap-line", "remove the PIRQ of", false},
	[STEP_DENY_REST] = {"deny-rest", "take back what it shows by then", false},
	[STEP_QUIET] = {"quiet", "stop DMA", false},
	[STEP_DEASSIGN] = {"deassign", "put into quarantine", false},
	[STEP_REBIND] = {"rebind", "bind to pciback anew", false},
	[STEP_SAVE_DRIVER] = {"save-driver", "note the driver that has it", false},
	[STEP_UNBIND] = {"unbind", "unbind from its driver", false},
	[STEP_ADD_SLOT] = {"add-slot", "let pciback take it", false},
	[STEP_BIND] = {"bind", "bind to pciback", false},
	[STEP_QUARANTINE] = {"quarantine", "put into quarantine", false},
	[STEP_PERSIST] = {"persist", "add to the list for the next boot", false},
	[STEP_UNQUARANTINE] = {"unquarantine", "take out of quarantine", false},
	[STEP_UNBIND_PCIBACK] = {"unbind-pciback", "unbind from pciback", false},
	[STEP_REMOVE_SLOT] = {"remove-slot", "let pciback not take it again", false},
	[STEP_BIND_DRIVER] = {"bind-driver", "bind to the driver that had it", false},
	[STEP_DROP_DRIVER] = {"drop-driver", "remove the note of its driver", false},
	[STEP_UNPERSIST] = {"unpersist", "remove from the list for the next boot", false},
	[STEP_FORGET] = {"forget", "see that nothing is left, and forget", true},
};

static bool has_grant(const struct step *step)
{
	return step->kind == STEP_ALLOW || step->kind == STEP_DENY || step->kind == STEP_MAP_LINE ||
	       step->kind == STEP_UNMAP_LINE;
}

static void describe_grant(struct grant grant, char *buffer, size_t size)
{
	if (grant.kind == GRANT_LINE)
		snprintf(buffer, size, " line %" PRIu64, grant.first);
	else if (grant.kind == GRANT_PORTS)
		snprintf(buffer, size, " ports %#" PRIx64 " to %#" PRIx64, grant.first, grant.last);
	else
		snprintf(buffer, size, " memory %#" PRIx64 " to %#" PRIx64, grant.first << 12,
			 grant.last << 12 | 0xfff);
}

const char *plan_describe(const struct plan *plan, const struct step *step, char *buffer)
{
	char grant[64] = "";

	if (has_grant(step))
		describe_grant(step->grant, grant, sizeof(grant));
	if (kinds[step->kind].about_all)
		snprintf(buffer, STEP_TEXT, "%s", kinds[step->kind].what);
	else
		snprintf(buffer, STEP_TEXT, "%s: %s%s", BDF_STR(plan->device[step->device].bdf),
			 kinds[step->kind].what, grant);
	return buffer;
}

void plan_print(const struct plan *plan, FILE *file)
{
	char text[STEP_TEXT];
	size_t i;

	for (i = 0; i < plan->steps; i++) {
		if (i == plan->no_return)
			fputs("    --- from here on only forward ---\n", file);
		fprintf(file, "%3zu %s\n", i + 1, plan_describe(plan, &plan->step[i], text));
	}
	if (!plan->steps)
		fputs("nothing to do\n", file);
}

json_t *plan_json(const struct plan *plan)
{
	json_t *array = json_array(), *step;
	char text[STEP_TEXT];
	size_t i;

	for (i = 0; i < plan->steps; i++) {
		step = json_pack("{s:s, s:s, s:b}", "step", kinds[plan->step[i].kind].name, "what",
				 plan_describe(plan, &plan->step[i], text), "undone_on_failure",
				 i < plan->no_return);
		if (!kinds[plan->step[i].kind].about_all)
			json_object_set_new(
				step, "device",
				json_string(BDF_STR(plan->device[plan->step[i].device].bdf)));
		json_array_append_new(array, step);
	}
	return array;
}
