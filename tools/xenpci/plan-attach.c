/* SPDX-License-Identifier: MIT */
/*
 * The plan of an attach. First everything is looked at and refused where it must be, with all
 * reasons at once; then steps are laid down in the order in which it is safe to take them: the
 * device is reset and assigned before the domain may touch it, and the guest is told last.
 */
#include <inttypes.h>
#include <string.h>
#include "conflict.h"
#include "memory.h"
#include "plan.h"

/* One wish in its situation. */
struct judge {
	const struct situation *situation;
	const struct wish *wish;
	const struct wish *wishes; /* all that are asked for together */
	size_t count;
	const struct device *device;
	const char *address;
	struct report *report;
};

static void judge_domain(const struct situation *situation, struct report *report)
{
	if (!situation->exists)
		report_error(report, EXIT_UNKNOWN, "no-domain",
			     "no such domain: %" PRIu32 "||xl list", situation->domain);
	else if (!situation->domain)
		report_error(report, EXIT_REFUSED, "domain-0",
			     "domain 0 has all devices that no other domain has||"
			     "xenpci assignable remove");
	else if (!situation->info.pv)
		report_error(report, EXIT_REFUSED, "not-pv",
			     "domain %" PRIu32 " is not PV|it is HVM or PVH|xl pci-attach",
			     situation->domain);
	else if (situation->info.dying || situation->info.shut_down)
		report_error(report, EXIT_REFUSED, "dying",
			     "domain %" PRIu32 " has ended|it is %s|xl destroy %" PRIu32,
			     situation->domain, situation->info.dying ? "dying" : "shut down",
			     situation->domain);
}

static void judge_iommu(const struct situation *situation, bool consent, struct report *report)
{
	if (situation->host.iommu && consent)
		report_note(report, "iommu", "--no-iommu has no effect|Xen has an IOMMU|");
	if (situation->host.iommu)
		return;
	if (consent)
		report_warning(report, "no-iommu",
			       "INSECURE: the domain gets power over this whole host|Xen has no "
			       "IOMMU: what it attaches can read and write all memory|only for "
			       "guests that you trust as much as dom0");
	else
		report_error(report, EXIT_REFUSED, "no-iommu",
			     "nothing would keep the device inside the domain|Xen has no IOMMU|"
			     "boot with one (iommu=on, VT-d or AMD-Vi in the firmware), or say "
			     "--no-iommu");
}

static void judge_holder(const struct judge *judge)
{
	struct holder holder = situation_holder(judge->situation, judge->device->bdf);

	if (holder.owner == OWNER_UNREADABLE)
		report_error(judge->report, EXIT_BUSY, "holder",
			     "%s: who has it cannot be told|its node below /libxl/pci makes no "
			     "sense|xenpci status",
			     judge->address);
	else if (holder.owner == OWNER_DOMAIN && holder.domain != judge->situation->domain)
		report_error(judge->report, EXIT_BUSY, "holder",
			     "%s is taken|domain %" PRIu32 "%s has it|xenpci detach %" PRIu32 " %s",
			     judge->address, holder.domain, holder.alive ? "" : ", which is gone,",
			     holder.domain, judge->address);
	else if (holder.owner == OWNER_DOMAIN)
		report_error(judge->report, EXIT_BUSY, "half-done",
			     "%s: an attach or detach was not finished|noted for domain %" PRIu32
			     ", not among its devices|xenpci detach %" PRIu32 " %s",
			     judge->address, holder.domain, holder.domain, judge->address);
}

static void judge_record(const struct judge *judge)
{
	const struct record *record = records_find(&judge->situation->records, judge->device->bdf);

	if (record)
		report_error(judge->report, EXIT_BUSY, "half-done",
			     "%s: something is left over|record: %s, domain %" PRIu32
			     "|xenpci detach %" PRIu32 " %s",
			     judge->address, record_stage_name(record->stage), record->domain,
			     record->domain, judge->address);
}

static const struct wish *wish_of(const struct wish *wish, size_t count, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (bdf_equal(wish[i].backend.bdf, bdf))
			return &wish[i];
	return NULL;
}

/* Is the other device in the same hands as this one will be, or in none? */
static bool harmless(const struct judge *judge, const struct device *other)
{
	return backend_find(&judge->situation->backend, other->bdf) >= 0 ||
	       wish_of(judge->wishes, judge->count, other->bdf) ||
	       (device_is_pciback(other) &&
		situation_holder(judge->situation, other->bdf).owner == OWNER_NONE);
}

static void judge_sharing(const struct judge *judge, const struct device *other)
{
	uint64_t frame;

	if (judge->wish->share || harmless(judge, other))
		return;
	if (judge->device->gsi && other->gsi == judge->device->gsi && conflict_uses_line(other))
		report_error(judge->report, EXIT_REFUSED, "shared-line",
			     "%s shares its interrupt line with another device|%s (driver %s) has "
			     "line %" PRIu32 " too: each can block the other's|give both to one "
			     "domain, or say %s,share=1",
			     judge->address, BDF_STR(other->bdf), other->driver, judge->device->gsi,
			     judge->address);
	if (conflict_page(judge->device, other, &frame))
		report_error(
			judge->report, EXIT_REFUSED, "shared-page",
			"%s shares a page with another device|BARs of %s are in frame %#" PRIx64
			" too: who maps it drives both|give both to one domain, or say "
			"%s,share=1",
			judge->address, BDF_STR(other->bdf), frame, judge->address);
}

static void judge_device(const struct judge *judge)
{
	const struct devices *devices = &judge->situation->devices;
	size_t i;

	if (judge->device->is_bridge)
		report_error(judge->report, EXIT_REFUSED, "bridge",
			     "%s is a bridge|class %06" PRIx32
			     ": it carries other devices|xenpci list",
			     judge->address, judge->device->class);
	else if (!device_is_pciback(judge->device))
		report_error(judge->report, EXIT_REFUSED, "not-assignable",
			     "%s is not assignable|its driver is %s|xenpci assignable add %s",
			     judge->address,
			     *judge->device->driver ? judge->device->driver : "none",
			     judge->address);
	if (!judge->wish->no_reset && !*judge->device->reset_method)
		report_warning(judge->report, "no-reset",
			       "%s cannot be reset|sysfs names no method: the guest gets it as it "
			       "was left|",
			       judge->address);
	for (i = 0; i < devices->count; i++)
		judge_sharing(judge, &devices->device[i]);
}

/* Whole and there already? Then there is nothing to do. */
static bool is_attached(const struct situation *situation, struct bdf bdf)
{
	const struct record *record = records_find(&situation->records, bdf);
	int at = backend_find(&situation->backend, bdf);

	return at >= 0 && situation->backend.function[at].exported &&
	       situation->backend.state == XenbusStateConnected &&
	       situation->backend.function[at].state != XenbusStateClosing &&
	       (!record ||
		(record->stage == RECORD_ATTACHED && record->domain == situation->domain));
}

static void add_wish(const struct situation *situation, const struct wish *wishes, size_t count,
		     const struct wish *wish, struct plan *plan, struct report *report)
{
	const struct device *device = devices_find(&situation->devices, wish->backend.bdf);
	struct judge judge = {situation, wish, wishes, count, device, BDF_STR(wish->backend.bdf),
			      report};
	struct plan_device *planned;

	if (!device) {
		report_error(report, EXIT_UNKNOWN, "no-device", "%s: no such device||xenpci list",
			     judge.address);
		return;
	}
	if (is_attached(situation, device->bdf)) {
		report_note(report, "attached", "%s: domain %" PRIu32 " has it already||",
			    judge.address, situation->domain);
		return;
	}
	if (records_find(&situation->records, device->bdf))
		judge_record(&judge);
	else
		judge_holder(&judge);
	judge_device(&judge);
	planned = plan_add_device(plan, device->bdf);
	planned->wish = wish->backend;
	planned->record = (struct record){
		.bdf = device->bdf,
		.stage = RECORD_ATTACHING,
		.domain = situation->domain,
		.iommu = situation->host.iommu,
		.permissive = wish->backend.permissive,
		.grants = grants_of_device(device),
	};
	memcpy(planned->record.uuid, situation->uuid, RECORD_UUID);
}

static void add_device_steps(struct plan *plan, size_t index, const struct wish *wish,
			     const struct device *device)
{
	const struct plan_device *planned = &plan->device[index];
	size_t i;

	if (!wish->no_reset && *device->reset_method)
		plan_add_step(plan, STEP_RESET, index);
	if (planned->record.iommu)
		plan_add_step(plan, STEP_ASSIGN, index);
	for (i = 0; i < planned->record.grants.count; i++) {
		if (planned->record.grants.grant[i].kind == GRANT_LINE)
			plan_add_grant_step(plan, STEP_MAP_LINE, index,
					    planned->record.grants.grant[i]);
		plan_add_grant_step(plan, STEP_ALLOW, index, planned->record.grants.grant[i]);
	}
	if (planned->record.permissive)
		plan_add_step(plan, STEP_PERMISSIVE, index);
}

/* What stays when an undo takes grants back: what the domain holds by other devices. */
static enum exit_status keep_others(const struct situation *situation, struct plan *plan,
				    struct report *report)
{
	enum exit_status status = EXIT_DONE;
	size_t i;

	for (i = 0; i < plan->devices && !status; i++)
		status = situation_kept(situation, NULL, 0, &plan->device[i].kept, report);
	return status;
}

static void add_steps(const struct situation *situation, const struct wish *wish, size_t count,
		      struct plan *plan)
{
	size_t i;

	if (!plan->devices)
		return;
	plan_add_step(plan, STEP_NOTE, 0);
	for (i = 0; i < plan->devices; i++)
		add_device_steps(plan, i, wish_of(wish, count, plan->device[i].bdf),
				 devices_find(&situation->devices, plan->device[i].bdf));
	plan_add_step(plan, STEP_PUBLISH, 0);
	plan_add_step(plan, STEP_CONNECT, 0);
	plan_add_step(plan, STEP_SETTLE, 0);
	plan->no_return = plan->steps;
}

/* The status of the first error from number `from` on. */
static enum exit_status first_error(const struct report *report, size_t from)
{
	for (; from < report->count; from++)
		if (report->findings[from].severity == SEVERITY_ERROR)
			return report->findings[from].exit;
	return EXIT_DONE;
}

enum exit_status plan_attach(const struct situation *situation, const struct wish *wish,
			     size_t count, bool no_iommu, struct plan *plan, struct report *report)
{
	enum exit_status status;
	size_t i, j, from = report->count;

	*plan = (struct plan){.domain = situation->domain,
			      .domain_name = text_copy(situation->name),
			      .domain_exists = situation->exists};
	judge_domain(situation, report);
	for (i = 0; i < count; i++)
		for (j = 0; j < i; j++)
			if (bdf_equal(wish[i].backend.bdf, wish[j].backend.bdf))
				return report_error(report, EXIT_USAGE, "twice",
						    "%s is named twice||",
						    BDF_STR(wish[i].backend.bdf));
	for (i = 0; i < count; i++)
		add_wish(situation, wish, count, &wish[i], plan, report);
	if (plan->devices)
		judge_iommu(situation, no_iommu, report);
	status = first_error(report, from);
	if (!status)
		status = keep_others(situation, plan, report);
	if (!status)
		add_steps(situation, wish, count, plan);
	return status;
}
