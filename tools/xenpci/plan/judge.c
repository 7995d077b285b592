/* SPDX-License-Identifier: MIT */
/*
 * What forbids an attach, with all reasons at once. Pure: one reading of the host and its domains,
 * of which nothing is trusted that a guest may write.
 */
#include "judge.h"

#include <inttypes.h>
#include "check/conflict.h"

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

bool judge_kind(const struct situation *situation, struct report *report)
{
	if (!situation->domain)
		report_error(report, EXIT_REFUSED, "domain-0",
			     "domain 0 has all devices that no other domain has||"
			     "xenpci assignable remove");
	else if (situation->exists && !situation->info.pv)
		report_error(report, EXIT_REFUSED, "not-pv",
			     "domain %" PRIu32 " is not PV|it is HVM or PVH|"
			     "xl pci-attach, xl pci-detach",
			     situation->domain);
	else
		return true;
	return false;
}

void judge_domain(const struct situation *situation, struct report *report)
{
	if (!judge_kind(situation, report))
		return;
	if (!situation->exists)
		report_error(report, EXIT_UNKNOWN, "no-domain",
			     "no such domain: %" PRIu32 "||xl list", situation->domain);
	else if (situation->info.dying || situation->info.shut_down)
		report_error(report, EXIT_REFUSED, "dying",
			     "domain %" PRIu32 " has ended|it is %s|xl destroy %" PRIu32,
			     situation->domain, situation->info.dying ? "dying" : "shut down",
			     situation->domain);
}

void judge_iommu(const struct situation *situation, bool consent, struct report *report)
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

	if (holder.owner == NOTED_UNREADABLE)
		report_error(judge->report, EXIT_BUSY, "holder",
			     "%s: who has it cannot be told|its node below /libxl/pci makes no "
			     "sense|xenpci status",
			     judge->address);
	else if (holder.owner == NOTED_DOMAIN && holder.domain != judge->situation->domain)
		report_error(judge->report, EXIT_BUSY, "holder",
			     "%s is taken|domain %" PRIu32 "%s has it|xenpci detach %" PRIu32 " %s",
			     judge->address, holder.domain, holder.alive ? "" : ", which is gone,",
			     holder.domain, judge->address);
	else if (holder.owner == NOTED_DOMAIN)
		report_error(judge->report, EXIT_BUSY, "half-done",
			     "%s: an attach or detach was not finished|noted for domain %" PRIu32
			     ", not among its devices|xenpci detach %" PRIu32 " %s",
			     judge->address, holder.domain, holder.domain, judge->address);
}

/* Whole, and another domain's that is alive: then its record is no leftover. */
static bool is_settled(const struct judge *judge, const struct record *record)
{
	struct holder holder = situation_holder(judge->situation, judge->device->bdf);

	return record->stage == RECORD_ATTACHED && record->domain != judge->situation->domain &&
	       holder.owner == NOTED_DOMAIN && holder.alive && holder.domain == record->domain;
}

/* This domain had it until xl took it back: what xenpci granted then is noted on. */
static bool is_taken_by_xl(const struct judge *judge, const struct record *record)
{
	return record->stage == RECORD_ATTACHED && record->domain == judge->situation->domain &&
	       situation_holder(judge->situation, record->bdf).owner == NOTED_NONE &&
	       backend_find(&judge->situation->backend, record->bdf) < 0;
}

static void judge_hands(const struct judge *judge)
{
	const struct record *record = records_find(&judge->situation->records, judge->device->bdf);

	if (records_is_broken(&judge->situation->records, judge->device->bdf))
		report_error(judge->report, EXIT_BUSY, "half-done",
			     "%s: something is left over|its record makes no sense|xenpci detach "
			     "%" PRIu32 " %s",
			     judge->address, judge->situation->domain, judge->address);
	else if (!record || is_settled(judge, record) || is_taken_by_xl(judge, record))
		judge_holder(judge);
	else
		report_error(judge->report, EXIT_BUSY, "half-done",
			     "%s: something is left over|record: %s, domain %" PRIu32
			     "|xenpci detach %" PRIu32 " %s",
			     judge->address, record_stage_name(record->stage), record->domain,
			     record->domain, judge->address);
}

/* Is the other device in the same hands as this one will be, or in none? */
static bool harmless(const struct judge *judge, const struct device *other)
{
	return backend_find(&judge->situation->backend, other->bdf) >= 0 ||
	       wish_find(judge->wishes, judge->count, other->bdf) ||
	       (device_is_pciback(other) &&
		situation_holder(judge->situation, other->bdf).owner == NOTED_NONE);
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

static void judge_line(const struct judge *judge)
{
	const struct device *device = judge->device;

	if (device->no_line && (device->pin || !device->config_size))
		report_warning(judge->report, "line",
			       "%s has an interrupt pin that nothing is connected to|sysfs: irq "
			       "%" PRIu32 "|it can only use MSI, which takes an IOMMU",
			       judge->address, device->no_line);
	else if (device->no_line)
		report_note(judge->report, "line",
			    "%s has no interrupt line|it has no pin, whatever sysfs means by irq "
			    "%" PRIu32 "|",
			    judge->address, device->no_line);
}

static void judge_itself(const struct judge *judge)
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
	judge_line(judge);
	for (i = 0; i < devices->count; i++)
		judge_sharing(judge, &devices->device[i]);
}

bool judge_attached(const struct situation *situation, struct bdf bdf)
{
	const struct record *record = records_find(&situation->records, bdf);
	int at = backend_find(&situation->backend, bdf);

	return at >= 0 && situation->backend.function[at].exported &&
	       situation->backend.state == XenbusStateConnected &&
	       !backend_leaves(&situation->backend.function[at]) &&
	       !records_is_broken(&situation->records, bdf) &&
	       (!record ||
		(record->stage == RECORD_ATTACHED && record->domain == situation->domain));
}

void judge_device(const struct situation *situation, const struct wish *wishes, size_t count,
		  const struct wish *wish, struct report *report)
{
	const struct device *device = devices_find(&situation->devices, wish->backend.bdf);
	struct judge judge = {situation, wish, wishes, count, device, BDF_STR(wish->backend.bdf),
			      report};

	if (!device) {
		report_error(report, EXIT_UNKNOWN, "no-device", "%s: no such device||xenpci list",
			     judge.address);
		return;
	}
	if (judge_attached(situation, device->bdf)) {
		report_note(report, "attached", "%s: domain %" PRIu32 " has it already||",
			    judge.address, situation->domain);
		return;
	}
	judge_hands(&judge);
	judge_itself(&judge);
}
