/* SPDX-License-Identifier: MIT */
/*
 * The devices of a frontend: one host a segment, whose functions are those that the backend
 * exports. Sets are compared, never indices: what is in the list and in no tree is added, what is
 * in a tree and not in the list, or closing there, is removed, innermost first. Invariant: each
 * function in a tree was announced to the embedder by added(), and is removed only after
 * removing(). No lock is held across these calls.
 */
#include "pcifront-internal.h"

/* What a backend may take for each device beyond a step's time: a scan makes up to 1,100 accesses.
 */
#define DEVICE_NS 1000000000ULL

static bool is_root(const struct front_list *list, uint16_t segment, uint8_t bus)
{
	for (unsigned int i = 0; i < list->nr_roots; i++)
		if (list->root[i].segment == segment && list->root[i].bus == bus)
			return true;
	return false;
}

static struct xen_pci_host *find_host(struct xen_pcifront *front, uint16_t segment)
{
	for (unsigned int i = 0; i < front->nr_hosts; i++)
		if (front->host[i].segment == segment)
			return &front->host[i];
	return NULL;
}

/* Hosts stay where they are; one without functions may become that of another segment. */
static struct xen_pci_host *get_host(struct xen_pcifront *front, uint16_t segment)
{
	struct xen_pci_host *host = find_host(front, segment);

	for (unsigned int i = 0; !host && i < front->nr_hosts; i++)
		if (!front->host[i].nr_devices)
			host = &front->host[i];
	if (!host && front->nr_hosts < XEN_PCIFRONT_MAX_ROOTS)
		host = &front->host[front->nr_hosts++];
	if (!host || host->nr_devices)
		return host;
	xen_pci_host_init(host, &front->config, segment, false);
	host->alias = true;
	host->pirqs = &xen_front_pirqs;
	host->log = &front->log;
	return host;
}

struct xen_pci_dev *xen_front_find(struct xen_pcifront *front, struct xen_pci_addr addr)
{
	struct xen_pci_host *host = find_host(front, addr.segment);

	return host ? xen_pci_find(host, addr) : NULL;
}

static struct xen_pci_dev *bridge_to(struct xen_pci_host *host, uint8_t bus)
{
	struct xen_pci_dev *dev = host->devices;

	while (dev && !(dev->followed && dev->secondary == bus))
		dev = dev->next;
	return dev;
}

/* False: what it is behind is not there (yet). Its scan takes no longer than *@left. */
static bool try_add(struct xen_pcifront *front, struct xen_pci_addr addr, uint64_t *left)
{
	bool root = is_root(&front->list, addr.segment, addr.bus);
	struct xen_pci_host *host = find_host(front, addr.segment);
	struct xen_pci_dev *parent = NULL, *dev;
	int rc;

	if (!root && host)
		parent = bridge_to(host, addr.bus);
	if (root)
		host = get_host(front, addr.segment);
	if (!host || (!root && !parent))
		return false;
	xen_front_begin_limit(front, *left);
	rc = xen_pci_add(host, addr, parent, &dev);
	*left = xen_front_end_limit(front);
	if (rc) {
		front_log(front, XEN_LOG_ERROR, "%04x:%02x:%02x.%u is not added: error %d",
			  addr.segment, addr.bus, XEN_PCI_DEV(addr.devfn), XEN_PCI_FN(addr.devfn),
			  rc);
		return true;
	}
	front->stats.nr_devs++;
	front->stats.added++;
	front->ops->added(front, dev);
	return true;
}

void xen_front_add_devices(struct xen_pcifront *front)
{
	struct front_list *list = &front->list;
	uint64_t left = XEN_PCIFRONT_STEP_NS + list->nr * DEVICE_NS;
	struct front_vdev *vdev;
	bool again = true;

	/* What is behind a bridge comes after it, wherever it stands in the list. */
	while (again) {
		again = false;
		for (vdev = list->vdev; vdev < list->vdev + list->nr; vdev++) {
			if (xen_load(&front->broken))
				return;
			if (vdev->tried || vdev->closing || xen_front_find(front, vdev->addr))
				continue;
			vdev->tried = try_add(front, vdev->addr, &left);
			again |= vdev->tried;
		}
	}
	for (vdev = list->vdev; vdev < list->vdev + list->nr; vdev++) {
		if (vdev->tried || vdev->closing || xen_front_find(front, vdev->addr))
			continue;
		front_bad_reply(front);
		front_log(front, XEN_LOG_ERROR, "%04x:%02x:%02x.%u is on no bus that is there",
			  vdev->addr.segment, vdev->addr.bus, XEN_PCI_DEV(vdev->addr.devfn),
			  XEN_PCI_FN(vdev->addr.devfn));
	}
}

static bool is_listed(const struct front_list *list, struct xen_pci_addr addr)
{
	for (unsigned int i = 0; i < list->nr; i++)
		if (list->vdev[i].addr.segment == addr.segment &&
		    list->vdev[i].addr.bus == addr.bus && list->vdev[i].addr.devfn == addr.devfn &&
		    !list->vdev[i].closing)
			return true;
	return false;
}

/* It goes, or a bridge above it does. */
static bool goes(const struct front_list *list, const struct xen_pci_dev *dev)
{
	for (; dev; dev = dev->parent)
		if (!is_listed(list, dev->addr))
			return true;
	return false;
}

/* The last in the list is behind none that goes too. */
static struct xen_pci_dev *next_to_go(const struct front_list *list,
				      const struct xen_pci_host *host, bool all)
{
	struct xen_pci_dev *found = NULL, *dev;

	for (dev = host->devices; dev; dev = dev->next)
		if (all || goes(list, dev))
			found = dev;
	return found;
}

static int remove_one(struct xen_pcifront *front, struct xen_pci_dev *dev, bool gone,
		      uint64_t *left)
{
	struct xen_pci_addr addr = dev->addr;
	int rc = front->ops->removing(front, dev, gone);

	if (rc && !gone)
		return -XEN_EBUSY;
	/* Also where only the driver's time is over, and who knows what it has left running. */
	xen_front_begin_limit(front, *left);
	rc = xen_load(&front->broken) ? 0 : xen_pci_command(dev, 0, XEN_PCI_COMMAND_MASTER);
	*left = xen_front_end_limit(front);
	if (rc && rc != -XEN_ENODEV) /* the backend resets it in any case */
		front_log(front, XEN_LOG_WARN,
			  "%04x:%02x:%02x.%u keeps bus mastering until it is reset: error %d",
			  addr.segment, addr.bus, XEN_PCI_DEV(addr.devfn), XEN_PCI_FN(addr.devfn),
			  rc);
	xen_pci_remove(dev->host, dev);
	front->stats.nr_devs--;
	front->stats.removed++;
	return 0;
}

int xen_front_remove_devices(struct xen_pcifront *front, bool all, bool gone)
{
	uint64_t left = XEN_PCIFRONT_STEP_NS;
	struct xen_pci_dev *dev;
	int rc;

	for (unsigned int i = front->nr_hosts; i-- > 0;) {
		while ((dev = next_to_go(&front->list, &front->host[i], all)) != NULL) {
			rc = remove_one(front, dev, gone, &left);
			if (rc)
				return rc;
		}
	}
	return 0;
}
