/* SPDX-License-Identifier: MIT */
/* An edu and an NVMe disk of the model, as the reference guest's drivers find them. */
#ifndef XENDMA_TESTS_UNIT_GUEST_DEVICES_H
#define XENDMA_TESTS_UNIT_GUEST_DEVICES_H

#include <string.h>

#include <model/device.h>
#include <model/model.h>

#include <xen/coherent.h>
#include <xen/p2m.h>
#include <xen/swiotlb.h>

#include "guest-kernel.h"
#include "unit.h"

#define EDU_BAR 0xfe000000
#define NVME_BAR 0xfd000000
#define DISK_BYTES (1 << 20)
#define DISK_BLOCKS (DISK_BYTES / 512)

static const struct xen_pci_addr edu_at = {0, 0, XEN_PCI_DEVFN(4, 0)};
static const struct xen_pci_addr nvme_at = {0, 0, XEN_PCI_DEVFN(5, 0)};
static struct xen_pci_host host;
static struct model_device *edu_device, *nvme_device;
static struct xen_pci_dev *edu_pci, *nvme_pci;
static struct edu edu;
static struct nvme nvme;
static uint8_t *data; /* 64 KiB of the kernel's */
#define DATA_ORDER 4

static inline void begin(void)
{
	model_start(NULL);
	edu_device = model_edu_plug(edu_at, EDU_BAR);
	nvme_device = model_nvme_plug(nvme_at, NVME_BAR, "scratch", DISK_BYTES, 4);
	xen_pci_host_init(&host, &model_pci_config, 0, true);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	edu_pci = xen_pci_find(&host, edu_at);
	nvme_pci = xen_pci_find(&host, nvme_at);
	ck_assert(edu_pci && nvme_pci);
	data = xen_port_alloc_pages(DATA_ORDER);
	ck_assert_ptr_nonnull(data);
}

static inline void finish(void)
{
	struct xen_swiotlb_stats stats;

	xen_port_free_pages(data, DATA_ORDER);
	xen_pci_host_fini(&host);
	for (unsigned int i = 0; xen_swiotlb_stats(i, &stats); i++)
		ck_assert_uint_eq(stats.bytes_used, 0);
	xen_coherent_trim(0);
	xen_swiotlb_trim(0);
	model_device_unplug(edu_device);
	model_device_unplug(nvme_device);
	ck_assert(model_stop());
}

#endif
