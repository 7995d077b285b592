/* SPDX-License-Identifier: MIT */
/*
 * What PCI Express adds to finding functions: links with one device behind them, ARI (up to 256
 * functions in a device) and SR-IOV virtual functions, which do not answer a scan (their IDs read
 * as all ones) and whose BARs are slices of ranges in the physical function's capability. Those are
 * sized when the physical function is added, provided that no virtual function is enabled then.
 * Serialised with the host's scans by the embedder.
 */
#include "pci-internal.h"

#include <xen/port.h>

#define EXP_FLAGS 0x02
#define EXP_TYPE(flags) ((flags) >> 4 & 0xf)
#define EXP_TYPE_ROOT_PORT 4
#define EXP_TYPE_DOWNSTREAM 6
#define EXP_CONTROL2 0x28
#define EXP_CONTROL2_ARI 0x0020

#define ARI_CAPABILITY 0x04 /* next function number in the upper byte */

#define SRIOV_CONTROL 0x08
#define SRIOV_VF_ENABLE 0x0001
#define SRIOV_VF_MEMORY 0x0008
#define SRIOV_NR_VFS 0x10
#define SRIOV_VF_OFFSET 0x14
#define SRIOV_VF_STRIDE 0x16
#define SRIOV_VF_DEVICE 0x1a
#define SRIOV_VF_BAR 0x24

/* More than any device has; a bound on what a hostile one can make us allocate. */
#define MAX_VFS 256

bool xen_pci_is_link(const struct xen_pci_dev *bridge)
{
	unsigned int pos = xen_pci_find_cap(bridge, PCI_CAP_EXPRESS);
	unsigned int type;

	if (!pos)
		return false;
	type = EXP_TYPE(xen_pci_read(bridge, pos + EXP_FLAGS, 2));
	return type == EXP_TYPE_ROOT_PORT || type == EXP_TYPE_DOWNSTREAM;
}

bool xen_pci_ari_forwarding(const struct xen_pci_dev *bridge)
{
	unsigned int pos = xen_pci_find_cap(bridge, PCI_CAP_EXPRESS);
	uint32_t control;

	if (!pos || !xen_pci_is_link(bridge))
		return false;
	control = xen_pci_read(bridge, pos + EXP_CONTROL2, 2);
	return control != 0xffff && control & EXP_CONTROL2_ARI;
}

uint8_t xen_pci_ari_next(const struct xen_pci_dev *dev)
{
	unsigned int pos = xen_pci_find_ext_cap(dev, PCI_EXT_CAP_ARI);

	return pos ? xen_pci_read(dev, pos + ARI_CAPABILITY, 2) >> 8 : 0;
}

/* What one virtual function decodes, from the ranges' registers. */
static int size_vf_bars(struct xen_pci_dev *dev, struct xen_pci_sriov *sriov)
{
	struct xen_pci_probe probe[XEN_PCI_NR_BARS];
	unsigned int used;
	int rc;

	rc = xen_pci_probe_registers(dev, sriov->offset + SRIOV_VF_BAR, XEN_PCI_NR_BARS, probe);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < XEN_PCI_NR_BARS; i += used) {
		const char *why = xen_pci_decode_bar(&probe[i], i + 1 == XEN_PCI_NR_BARS,
						     &sriov->res[i], &used);

		if (!why && sriov->res[i].flags & XEN_PCI_RES_IO)
			why = "I/O ports";
		if (!why)
			continue;
		sriov->res[i] = (struct xen_pci_resource){.index = (uint8_t)i};
		if (!xen_pci_may_log(dev->host))
			continue;
		xen_port_log(XEN_LOG_ERROR,
			     "%04x:%02x:%02x.%u: virtual functions' BAR %u: %s: not used",
			     dev->addr.segment, dev->addr.bus, XEN_PCI_DEV(dev->addr.devfn),
			     XEN_PCI_FN(dev->addr.devfn), i, why);
	}
	sriov->sized = true;
	return 0;
}

int xen_pci_sriov_find(struct xen_pci_dev *dev)
{
	unsigned int pos = xen_pci_find_ext_cap(dev, PCI_EXT_CAP_SRIOV);
	uint32_t control;
	int rc;

	if (!pos || pos + SRIOV_VF_BAR + XEN_PCI_NR_BARS * 4 > 4096)
		return 0;
	rc = xen_pci_config_read(dev->host, dev->addr, pos + SRIOV_CONTROL, 2, &control);
	if (rc)
		return rc;
	dev->sriov = xen_port_alloc(sizeof(*dev->sriov));
	if (!dev->sriov)
		return -XEN_ENOMEM;
	dev->sriov->offset = (uint16_t)pos;
	for (unsigned int i = 0; i < XEN_PCI_NR_BARS; i++)
		dev->sriov->res[i].index = (uint8_t)i;
	if (!(control & (SRIOV_VF_ENABLE | SRIOV_VF_MEMORY)))
		return size_vf_bars(dev, dev->sriov);
	if (!xen_pci_may_log(dev->host))
		return 0;
	xen_port_log(XEN_LOG_WARN,
		     "%04x:%02x:%02x.%u: virtual functions are enabled already: their BARs are "
		     "unknown",
		     dev->addr.segment, dev->addr.bus, XEN_PCI_DEV(dev->addr.devfn),
		     XEN_PCI_FN(dev->addr.devfn));
	return 0;
}

/* Slice @nr of each range. */
static int fill_vf_bars(struct xen_pci_dev *vf, unsigned int nr, bool enabled)
{
	const struct xen_pci_dev *physfn = vf->physfn;
	const struct xen_pci_sriov *sriov = physfn->sriov;

	for (unsigned int i = 0; i < XEN_PCI_NR_BARS; i++) {
		const struct xen_pci_resource *from = &sriov->res[i];
		struct xen_pci_resource *res = &vf->res[i];
		unsigned int pos = sriov->offset + SRIOV_VF_BAR + i * 4;
		uint32_t low, high = 0;
		uint64_t base;
		int rc;

		if (!sriov->sized || !from->size)
			continue;
		rc = xen_pci_config_read(physfn->host, physfn->addr, pos, 4, &low);
		if (!rc && from->flags & XEN_PCI_RES_64BIT)
			rc = xen_pci_config_read(physfn->host, physfn->addr, pos + 4, 4, &high);
		if (rc)
			return rc;
		base = (uint64_t)high << 32 | (low & ~0xfu);
		res->kind = XEN_PCI_RES_BAR;
		res->flags = from->flags & ~XEN_PCI_RES_UNSET;
		if (enabled)
			res->flags |= XEN_PCI_RES_ENABLED;
		res->size = from->size;
		if (!base)
			res->flags |= XEN_PCI_RES_UNSET;
		else if (base & (from->size - 1) || base >= PCI_ADDR_LIMIT ||
			 from->size > (PCI_ADDR_LIMIT - base) / (nr + 1))
			xen_pci_reject(res, "address makes no sense");
		else
			res->start = base + nr * from->size;
	}
	return 0;
}

static int add_vf(struct xen_pci_dev *physfn, struct xen_pci_addr addr, unsigned int nr,
		  bool enabled)
{
	struct xen_pci_host *host = physfn->host;
	struct xen_pci_dev *vf;
	uint32_t class_code, device;
	int rc;

	rc = xen_pci_config_read(host, addr, PCI_REVISION, 4, &class_code);
	if (!rc)
		rc = xen_pci_config_read(host, physfn->addr,
					 physfn->sriov->offset + SRIOV_VF_DEVICE, 2, &device);
	if (rc || class_code == 0xffffffff)
		return rc ? rc : -XEN_ENODEV;
	vf = xen_pci_new(host, addr, physfn->parent);
	if (!vf)
		return -XEN_ENOMEM;
	vf->physfn = physfn;
	vf->is_virtfn = true;
	vf->vendor = physfn->vendor;
	vf->device = (uint16_t)device;
	vf->class_code = class_code >> 8;
	rc = fill_vf_bars(vf, nr, enabled);
	if (!rc)
		rc = xen_pci_publish(vf);
	if (rc)
		xen_pci_free(vf);
	return rc;
}

/* The buses that the virtual functions may spill onto. */
static unsigned int last_bus(const struct xen_pci_dev *physfn)
{
	return physfn->parent ? physfn->parent->subordinate : physfn->addr.bus;
}

int xen_pci_sriov_scan(struct xen_pci_dev *physfn, unsigned int *found)
{
	static const uint8_t offsets[] = {SRIOV_CONTROL, SRIOV_NR_VFS, SRIOV_VF_OFFSET,
					  SRIOV_VF_STRIDE};
	struct xen_pci_host *host = physfn->host;
	uint32_t value[4]; /* control, number, offset, stride */
	uint32_t id;

	for (unsigned int i = 0; i < 4; i++) {
		int rc = xen_pci_config_read(host, physfn->addr, physfn->sriov->offset + offsets[i],
					     2, &value[i]);

		if (rc)
			return rc;
	}
	if (value[0] == 0xffff || !(value[0] & SRIOV_VF_ENABLE) || !value[2])
		return 0;
	id = ((uint32_t)physfn->addr.bus << 8 | physfn->addr.devfn) + value[2];
	for (uint32_t nr = 0; nr < value[1] && nr < MAX_VFS; nr++, id += value[3]) {
		struct xen_pci_addr addr = {host->segment, (uint8_t)(id >> 8), (uint8_t)id};
		int rc;

		if (id >> 8 > last_bus(physfn) || (nr && !value[3]))
			break;
		if (xen_pci_find(host, addr))
			continue;
		rc = add_vf(physfn, addr, nr, value[0] & SRIOV_VF_MEMORY);
		if (rc && rc != -XEN_ENODEV)
			return rc;
		if (!rc)
			++*found;
	}
	return 0;
}
