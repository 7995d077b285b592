/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor by way of libxenctrl, which tells errors by errno. Its own messages are not
 * wanted: findings say what was asked and what came back. One thread.
 */
#include "hv.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include "hv-private.h"
#include "base/memory.h"
#include "quiet.h"

int hv_result(int value)
{
	if (value >= 0)
		return 0;
	return errno > 0 ? -errno : -EIO;
}

struct hv *hv_open(void)
{
	xc_interface *xc = xc_interface_open(&quiet_logger, &quiet_logger, 0);
	struct hv *hv;

	if (!xc)
		return NULL;
	hv = memory_grow(NULL, 1, sizeof(*hv));
	hv->xc = xc;
	return hv;
}

void hv_close(struct hv *hv)
{
	if (!hv)
		return;
	xc_interface_close(hv->xc);
	free(hv);
}

int hv_host(struct hv *hv, struct hv_host *host)
{
	xc_physinfo_t info = {0};
	int err = hv_result(xc_physinfo(hv->xc, &info));

	if (err)
		return err;
	*host = (struct hv_host){
		.iommu = info.capabilities & XEN_SYSCTL_PHYSCAP_directio,
		.total_pages = info.total_pages,
		.free_pages = info.free_pages,
		.max_mfn = info.max_mfn,
	};
	return 0;
}

int hv_domain(struct hv *hv, uint32_t id, struct hv_domain *domain)
{
	xc_domaininfo_t info = {0};
	int count = xc_domain_getinfolist(hv->xc, id, 1, &info);

	if (count < 0)
		return hv_result(count);
	if (!count || info.domain != id)
		return -ESRCH;
	*domain = (struct hv_domain){
		.id = id,
		.pv = !(info.flags & XEN_DOMINF_hvm_guest),
		.dying = info.flags & XEN_DOMINF_dying,
		.shut_down = info.flags & XEN_DOMINF_shutdown,
		.paused = info.flags & XEN_DOMINF_paused,
		.pages = info.tot_pages,
		.max_pages = info.max_pages,
	};
	return 0;
}

int hv_iomem(struct hv *hv, uint32_t domain, uint64_t first, uint64_t count, bool allow)
{
	return hv_result(xc_domain_iomem_permission(hv->xc, domain, first, count, allow));
}

int hv_ioports(struct hv *hv, uint32_t domain, uint32_t first, uint32_t count, bool allow)
{
	return hv_result(xc_domain_ioport_permission(hv->xc, domain, first, count, allow));
}

int hv_irq(struct hv *hv, uint32_t domain, uint32_t pirq, bool allow)
{
	return hv_result(xc_domain_irq_permission(hv->xc, domain, pirq, allow));
}

int hv_map_gsi(struct hv *hv, uint32_t domain, uint32_t gsi, uint32_t *pirq)
{
	int number = (int)gsi, err;

	/* A negative number would ask for any PIRQ that is free. */
	if (gsi > INT_MAX)
		return -EINVAL;
	err = hv_result(xc_physdev_map_pirq(hv->xc, domain, number, &number));
	if (!err)
		*pirq = (uint32_t)number;
	return err;
}

int hv_unmap_pirq(struct hv *hv, uint32_t domain, uint32_t pirq)
{
	return hv_result(xc_physdev_unmap_pirq(hv->xc, domain, (int)pirq));
}

int hv_assign(struct hv *hv, uint32_t domain, uint32_t sbdf, bool rdm_relaxed)
{
	return hv_result(xc_assign_device(hv->xc, domain, sbdf,
					  rdm_relaxed ? XEN_DOMCTL_DEV_RDM_RELAXED : 0));
}

int hv_deassign(struct hv *hv, uint32_t domain, uint32_t sbdf)
{
	return hv_result(xc_deassign_device(hv->xc, domain, sbdf));
}
