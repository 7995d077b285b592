/* SPDX-License-Identifier: MIT */
/*
 * The resources of functions: claiming those of a whole function, windows that are reprogrammed
 * under a scan, and the host's apertures. Invariant: a resource of a function in the tree is
 * claimed, in conflict (logged and counted), or has nothing to claim; only memory running out in a
 * rescan leaves another, which the next rescan takes up. Serialised by the embedder for a host; the
 * registry below locks itself.
 */
#include "pci-internal.h"

#include <xen/port.h>

/* Claim one resource of a function; a conflict is counted and is no error. */
static int claim_or_count(struct xen_pci_host *host, struct xen_pci_resource *res)
{
	int rc;

	if (!xen_pci_claimable(res))
		return 0;
	rc = xen_pci_claim(res);
	if (!rc || rc == -XEN_ENOMEM)
		return rc;
	xen_pci_mark_conflict(host, res);
	return 0;
}

int xen_pci_claim_all(struct xen_pci_dev *dev)
{
	for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
		int rc = claim_or_count(dev->host, &dev->res[i]);

		if (rc) {
			xen_pci_unclaim_all(dev);
			return rc;
		}
	}
	return 0;
}

void xen_pci_unclaim_all(struct xen_pci_dev *dev)
{
	for (unsigned int i = XEN_PCI_NR_RES; i-- > 0;) {
		xen_pci_unclaim(&dev->res[i]);
		xen_pci_clear_conflict(dev->host, &dev->res[i]);
	}
}

/* The window of @bridge has moved: claims behind it that it holds no longer go. */
static void drop_unreachable(struct xen_pci_dev *bridge)
{
	for (struct xen_pci_dev *dev = bridge->host->devices; dev; dev = dev->next) {
		if (dev == bridge || !xen_pci_is_below(dev, bridge))
			continue;
		for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
			struct xen_pci_resource *res = &dev->res[i];

			if (!(res->flags & XEN_PCI_RES_CLAIMED) || xen_pci_reachable(res))
				continue;
			xen_pci_log_unreachable(res);
			xen_pci_unclaim(res);
			xen_pci_mark_conflict(dev->host, res);
		}
	}
}

/* And those that it holds now are tried again. */
static int retry_conflicts(struct xen_pci_dev *bridge)
{
	for (struct xen_pci_dev *dev = bridge->host->devices; dev; dev = dev->next) {
		if (dev == bridge || !xen_pci_is_below(dev, bridge))
			continue;
		for (unsigned int i = 0; i < XEN_PCI_NR_RES; i++) {
			struct xen_pci_resource *res = &dev->res[i];
			int rc;

			if (!(res->flags & XEN_PCI_RES_CONFLICT) || !xen_pci_claimable(res) ||
			    !xen_pci_reachable(res))
				continue;
			xen_pci_clear_conflict(dev->host, res);
			rc = claim_or_count(dev->host, res);
			if (rc) {
				xen_pci_mark_conflict(dev->host, res);
				return rc;
			}
		}
	}
	return 0;
}

static bool same_window(const struct xen_pci_resource *a, const struct xen_pci_resource *b)
{
	return a->start == b->start && a->size == b->size;
}

/*
 * Replace window @index by @new. Identity of the new one is added before that of the old one goes,
 * so that what stays inside never loses it.
 */
static int move_window(struct xen_pci_dev *bridge, unsigned int index,
		       const struct xen_pci_resource *new, const char *why)
{
	struct xen_pci_resource *res = &bridge->res[index], old = *res;
	int rc;

	if (old.flags & XEN_PCI_RES_CLAIMED)
		xen_pci_unregister(res);
	xen_pci_clear_conflict(bridge->host, res);
	*res = *new;
	if (why)
		xen_pci_reject(res, why);
	drop_unreachable(bridge);
	rc = claim_or_count(bridge->host, res);
	if (old.flags & XEN_PCI_RES_CLAIMED)
		xen_pci_clear_identity(&old);
	return rc;
}

int xen_pci_refresh_windows(struct xen_pci_dev *bridge)
{
	int rc;

	for (unsigned int i = XEN_PCI_RES_WINDOW_INDEX; i < XEN_PCI_NR_RES; i++) {
		struct xen_pci_resource new, *res = &bridge->res[i];
		const char *why;

		rc = xen_pci_read_window(bridge, i, &new, &why);
		if (rc)
			return rc;
		if (why)
			new.start = new.size = 0;
		/* Not claimed and no conflict: memory ran out the last time. */
		if (same_window(&new, res))
			res->flags = (res->flags & ~XEN_PCI_RES_ENABLED) |
				     (new.flags &XEN_PCI_RES_ENABLED);
		if (same_window(&new, res) &&
		    (!xen_pci_claimable(res) ||
		     res->flags & (XEN_PCI_RES_CLAIMED | XEN_PCI_RES_CONFLICT)))
			continue;
		bridge->retry = true;
		rc = move_window(bridge, i, &new, why);
		if (rc)
			return rc;
	}
	if (!bridge->retry)
		return 0;
	rc = retry_conflicts(bridge);
	bridge->retry = rc;
	return rc;
}

int xen_pci_add_aperture(struct xen_pci_host *host, uint64_t start, uint64_t size)
{
	struct xen_pci_resource *res;
	int rc;

	if (!size || start >= PCI_ADDR_LIMIT || size > PCI_ADDR_LIMIT - start)
		return -XEN_EINVAL;
	if (host->nr_apertures == XEN_PCI_MAX_APERTURES)
		return -XEN_ENOSPC;
	res = &host->aperture[host->nr_apertures];
	*res = (struct xen_pci_resource){
		.start = start,
		.size = size,
		.kind = XEN_PCI_RES_APERTURE,
		.index = (uint8_t)host->nr_apertures,
		.flags = XEN_PCI_RES_ENABLED,
	};
	rc = xen_pci_claim(res);
	if (!rc)
		host->nr_apertures++;
	return rc;
}
