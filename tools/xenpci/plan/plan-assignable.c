/* SPDX-License-Identifier: MIT */
/*
 * Plans that make devices assignable and give them back to dom0. Without an IOMMU there is no
 * quarantine, and nothing that would have to fail for want of it.
 */
#include "plan-assignable.h"

#include <inttypes.h>
#include <string.h>
#include "base/memory.h"
#include "host/pciback.h"

const char *assignable_driver(const char *driver_path)
{
	static const char folder[] = "/" PCI_DRIVERS "/";
	const char *name = driver_path + strlen(folder);

	if (strncmp(driver_path, folder, strlen(folder)) != 0)
		return NULL;
	if (!*name || *name == '.' || strchr(name, '/') || strlen(name) >= 64)
		return NULL;
	return name;
}

/* One device's steps, or why there are none. */
typedef void plan_one_fn(const struct situation *situation, const struct assignable *known,
			 struct assignable_wish wish, struct plan *plan, struct report *report);

static struct plan_device *add_device(struct plan *plan, const struct device *device,
				      const struct assignable *known, bool force,
				      const char *driver)
{
	struct plan_device *planned = plan_add_device(plan, device->bdf);

	snprintf(planned->driver, sizeof(planned->driver), "%s", driver);
	planned->entry = (struct policy_entry){
		.bdf = device->bdf,
		.id = (uint32_t)device->vendor << 16 | device->device,
		.force = force,
	};
	planned->was_listed = known->persistent;
	planned->listed = known->listed;
	return planned;
}

static const struct device *find(const struct situation *situation, struct bdf bdf,
				 struct report *report)
{
	const struct device *device = devices_find(&situation->devices, bdf);

	if (!device && devices_is_broken(&situation->devices, bdf))
		report_error(report, EXIT_HOST, "sysfs", "%s cannot be read||dmesg", BDF_STR(bdf));
	else if (!device)
		report_error(report, EXIT_UNKNOWN, "no-device", "%s: no such device||xenpci list",
			     BDF_STR(bdf));
	return device;
}

/* ---- add ---- */

/* What dom0 uses it for; false if that forbids it. */
static bool may_be_taken(const char *address, const struct assignable *known, bool force,
			 struct report *report)
{
	if (known->use == USE_DISK)
		report_error(report, EXIT_REFUSED, "disk-in-use",
			     "%s carries a disk that dom0 uses|%s|unmount it first", address,
			     known->use_text);
	else if (known->use == USE_ROOT_PERHAPS && !force)
		report_error(report, EXIT_REFUSED, "root-perhaps",
			     "%s may be what dom0's root file system needs|%s|if you know that it "
			     "is not, say --force",
			     address, known->use_text);
	else if (known->use == USE_NETWORK && !force)
		report_error(report, EXIT_REFUSED, "network-in-use",
			     "%s is a network card that dom0 uses|%s|take the interface down, or "
			     "say --force",
			     address, known->use_text);
	else
		return true;
	return false;
}

static bool may_add(const struct device *device, const struct assignable *known, bool force,
		    struct report *report)
{
	const char *address = BDF_STR(device->bdf);

	if (device->is_bridge)
		report_error(report, EXIT_REFUSED, "bridge",
			     "%s is a bridge|class %06" PRIx32 ": it carries other devices|"
			     "xenpci list",
			     address, device->class);
	else if (known->use == USE_PERHAPS)
		report_warning(report, "disk-perhaps-in-use",
			       "%s may carry a disk that dom0 uses|%s|", address, known->use_text);
	return !device->is_bridge && may_be_taken(address, known, force, report);
}

static void add_add_steps(const struct situation *situation, const struct device *device,
			  const struct assignable *known, struct plan *plan)
{
	size_t index = plan->devices - 1;

	if (*device->driver) {
		plan_add_step(plan, STEP_SAVE_DRIVER, index);
		plan_add_step(plan, STEP_UNBIND, index);
	}
	if (!known->slot)
		plan_add_step(plan, STEP_ADD_SLOT, index);
	plan_add_step(plan, STEP_BIND, index);
	if (situation->host.iommu)
		plan_add_step(plan, STEP_QUARANTINE, index);
}

/* As what it is today, and with as much consent. */
static bool is_listed(const struct assignable *known, const struct device *device, bool force)
{
	return known->persistent && (known->listed.force || !force) &&
	       known->listed.id == ((uint32_t)device->vendor << 16 | device->device);
}

static void add_one(const struct situation *situation, const struct assignable *known,
		    struct assignable_wish wish, struct plan *plan, struct report *report)
{
	const struct device *device = find(situation, known->bdf, report);

	if (!device)
		return;
	if (device_is_pciback(device)) {
		report_note(report, "assignable", "%s is assignable already||",
			    BDF_STR(device->bdf));
		if (wish.persist && !is_listed(known, device, wish.force)) {
			add_device(plan, device, known, wish.force, "");
			plan_add_step(plan, STEP_PERSIST, plan->devices - 1);
		}
		return;
	}
	if (!may_add(device, known, wish.force || known->listed.force, report))
		return;
	add_device(plan, device, known, wish.force, device->driver);
	add_add_steps(situation, device, known, plan);
	if (wish.persist && !is_listed(known, device, wish.force))
		plan_add_step(plan, STEP_PERSIST, plan->devices - 1);
}

/* ---- remove ---- */

static bool may_remove(const struct situation *situation, struct bdf bdf, struct report *report)
{
	const struct record *record = records_find(&situation->records, bdf);
	struct holder holder = situation_holder(situation, bdf);

	if (records_is_broken(&situation->records, bdf))
		report_error(report, EXIT_BUSY, "half-done",
			     "%s: something is left over|its record makes no sense|xenpci status",
			     BDF_STR(bdf));
	else if (holder.owner == NOTED_DOMAIN || record)
		report_error(report, EXIT_BUSY, "holder",
			     "%s is taken|domain %" PRIu32 " has it|xenpci detach %" PRIu32 " %s",
			     BDF_STR(bdf), record ? record->domain : holder.domain,
			     record ? record->domain : holder.domain, BDF_STR(bdf));
	else if (holder.owner == NOTED_UNREADABLE)
		report_error(report, EXIT_BUSY, "holder",
			     "%s: who has it cannot be told|its node below /libxl/pci makes no "
			     "sense|xenpci status",
			     BDF_STR(bdf));
	else
		return true;
	return false;
}

static void add_remove_steps(const struct situation *situation, const struct device *device,
			     const struct assignable *known, struct plan *plan)
{
	size_t index = plan->devices - 1;
	bool bound = device_is_pciback(device);

	if (bound && situation->host.iommu)
		plan_add_step(plan, STEP_UNQUARANTINE, index);
	if (bound)
		plan_add_step(plan, STEP_UNBIND_PCIBACK, index);
	if (known->slot)
		plan_add_step(plan, STEP_REMOVE_SLOT, index);
	if (*plan->device[index].driver && (bound || !*device->driver))
		plan_add_step(plan, STEP_BIND_DRIVER, index);
}

static void remove_one(const struct situation *situation, const struct assignable *known,
		       struct assignable_wish wish, struct plan *plan, struct report *report)
{
	const struct device *device = find(situation, known->bdf, report);
	const char *driver = assignable_driver(known->driver_path);

	if (!device || !may_remove(situation, known->bdf, report))
		return;
	if (!device_is_pciback(device) && !known->slot && !*known->driver_path &&
	    !known->persistent) {
		report_note(report, "not-assignable", "%s is not assignable||",
			    BDF_STR(device->bdf));
		return;
	}
	if (*known->driver_path && !driver)
		report_warning(report, "driver-path",
			       "%s stays without a driver|libxl's note of it is %.60s|bind it by "
			       "hand",
			       BDF_STR(device->bdf), known->driver_path);
	add_device(plan, device, known, false, driver ? driver : "");
	add_remove_steps(situation, device, known, plan);
	if (*known->driver_path)
		plan_add_step(plan, STEP_DROP_DRIVER, plan->devices - 1);
	if (known->persistent)
		plan_add_step(plan, STEP_UNPERSIST, plan->devices - 1);
}

/* ---- both ---- */

static enum exit_status plan_all(const struct situation *situation,
				 const struct assignable *assignable, size_t count,
				 struct assignable_wish wish, struct plan *plan,
				 struct report *report, plan_one_fn *plan_one)
{
	size_t i, from = report->count;

	*plan = (struct plan){.domain_name = text_copy("")};
	for (i = 0; i < count; i++)
		plan_one(situation, &assignable[i], wish, plan, report);
	plan->no_return = plan->steps;
	return report_status(report, from);
}

enum exit_status plan_assignable_add(const struct situation *situation,
				     const struct assignable *assignable, size_t count,
				     struct assignable_wish wish, struct plan *plan,
				     struct report *report)
{
	return plan_all(situation, assignable, count, wish, plan, report, add_one);
}

enum exit_status plan_assignable_remove(const struct situation *situation,
					const struct assignable *assignable, size_t count,
					struct assignable_wish wish, struct plan *plan,
					struct report *report)
{
	return plan_all(situation, assignable, count, wish, plan, report, remove_one);
}
