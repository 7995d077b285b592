/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's side: domains, permissions, PIRQs, IOMMU contexts, as ledgers.
 */
#include <errno.h>
#include <stdlib.h>

#include "world.h"

struct hv {
	int unused;
};

struct hv *hv_open(void)
{
	return calloc(1, sizeof(struct hv));
}

void hv_close(struct hv *hv)
{
	free(hv);
}

int hv_host(struct hv *hv, struct hv_host *host)
{
	int err = world_call(hv);

	if (!err)
		*host = (struct hv_host){.iommu = world.iommu,
					 .total_pages = 1 << 19,
					 .free_pages = 1 << 18,
					 .max_mfn = 1 << 20};
	return err;
}

/* A call about a domain that must be there. */
static int call_domain(struct hv *hv, uint32_t id, struct world_domain **domain)
{
	int err = world_call(hv);

	*domain = world_domain(id);
	return err ? err : *domain ? 0 : -ESRCH;
}

int hv_domain(struct hv *hv, uint32_t id, struct hv_domain *info)
{
	struct world_domain *domain;
	int err = call_domain(hv, id, &domain);

	if (err)
		return err;
	*info = (struct hv_domain){.id = id, .pv = domain->pv, .dying = domain->dying};
	return 0;
}

static int set(struct hv *hv, uint32_t id, struct grant grant, bool allow)
{
	struct world_domain *domain;
	int err = call_domain(hv, id, &domain);

	if (err)
		return err;
	world_note(allow ? "allow" : "deny", (struct bdf){0});
	if (!(allow ? grants_add : grants_remove)(&domain->grants, grant))
		abort();
	return 0;
}

int hv_iomem(struct hv *hv, uint32_t domain, uint64_t first, uint64_t count, bool allow)
{
	if (!count || first + count - 1 < first)
		abort();
	return set(hv, domain, (struct grant){GRANT_MEMORY, first, first + count - 1}, allow);
}

int hv_ioports(struct hv *hv, uint32_t domain, uint32_t first, uint32_t count, bool allow)
{
	if (!count || first + count > 0x10000)
		abort();
	return set(hv, domain, (struct grant){GRANT_PORTS, first, first + count - 1}, allow);
}

int hv_irq(struct hv *hv, uint32_t domain, uint32_t pirq, bool allow)
{
	return set(hv, domain, (struct grant){GRANT_LINE, pirq, pirq}, allow);
}

int hv_map_gsi(struct hv *hv, uint32_t id, uint32_t gsi, uint32_t *pirq)
{
	struct world_domain *domain;
	int err = call_domain(hv, id, &domain);

	if (err)
		return err;
	if (gsi > 63)
		return -EINVAL;
	domain->pirqs |= 1ull << gsi;
	*pirq = gsi;
	return 0;
}

int hv_unmap_pirq(struct hv *hv, uint32_t id, uint32_t pirq)
{
	struct world_domain *domain;
	int err = call_domain(hv, id, &domain);

	if (err)
		return err;
	if (pirq > 63 || !(domain->pirqs & 1ull << pirq))
		return -EINVAL;
	domain->pirqs &= ~(1ull << pirq);
	return 0;
}

static struct world_device *by_sbdf(uint32_t sbdf)
{
	size_t i;

	for (i = 0; i < world.devices; i++)
		if (bdf_sbdf(world.device[i].bdf) == sbdf)
			return &world.device[i];
	return NULL;
}

static int may_assign(uint32_t id)
{
	struct world_domain *domain = world_domain(id);

	if (world.assign_error)
		return world.assign_error;
	if (!world.iommu)
		return -EOPNOTSUPP;
	if (id == HV_DOMID_IO)
		return 0;
	if (!domain)
		return -ESRCH;
	return domain->passthrough ? 0 : -EOPNOTSUPP;
}

int hv_assign(struct hv *hv, uint32_t id, uint32_t sbdf, bool rdm_relaxed)
{
	struct world_device *device = by_sbdf(sbdf);
	int err = world_call(hv);

	if (!err)
		err = may_assign(id);
	if (err)
		return err;
	if (!device)
		return -ENODEV;
	if (device->owner && device->owner != HV_DOMID_IO)
		return -EBUSY;
	world_note("assign", device->bdf);
	device->owner = id;
	return 0;
}

int hv_deassign(struct hv *hv, uint32_t id, uint32_t sbdf)
{
	struct world_device *device = by_sbdf(sbdf);
	int err = world_call(hv);

	if (!err)
		err = may_assign(id);
	if (err)
		return err;
	if (!device || device->owner != id)
		return -ENODEV;
	world_note("deassign", device->bdf);
	device->owner = id == HV_DOMID_IO ? 0 : HV_DOMID_IO;
	return 0;
}
