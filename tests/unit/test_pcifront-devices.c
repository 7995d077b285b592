/* SPDX-License-Identifier: MIT */
/*
 * Passed-through devices in use: the reference guest's drivers, unchanged, on the other side of the
 * frontend, by line, MSI and MSI-X; what a backend without an IOMMU answers; and what the filter of
 * config space makes of what they do.
 */
#include "guest-kernel.h"
#include "pcifront_test.h"

#include <xen/coherent.h>
#include <xen/swiotlb.h>

#define DATA_ORDER 4

static struct edu edu;
static struct nvme nvme;
static uint8_t *data;

static void begin(const struct model_pciback_params *params)
{
	bench_with(params, NULL);
	connected(both_at, 2);
	data = xen_port_alloc_pages(DATA_ORDER);
	ck_assert_ptr_nonnull(data);
}

static void finish(void)
{
	xen_port_free_pages(data, DATA_ORDER);
	xen_coherent_trim(0);
	xen_swiotlb_trim(0);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).bad_replies, 0);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).timeouts, 0);
	end();
}

static void use_edu(enum edu_interrupt mode)
{
	ck_assert_int_eq(edu_open(&edu, device_of(edu_at), mode), 0);
	fill(data + 5, 3000, mode);
	ck_assert_int_eq(edu_transfer(&edu, data + 5, 3000, XEN_DMA_TO_DEVICE), 0);
	ck_assert(filled(model_device_memory(t.edu), 3000, mode));
	memset(data, 0, 4096);
	ck_assert_int_eq(edu_transfer(&edu, data + 77, 3000, XEN_DMA_FROM_DEVICE), 0);
	ck_assert(filled(data + 77, 3000, mode));
	ck_assert_uint_eq(edu.interrupts, mode == EDU_POLL ? 0 : 2);
	ck_assert_uint_eq(model_device_strays(t.edu), 0);
	edu_close(&edu);
}

static void edu_modes(void)
{
	static const enum edu_interrupt modes[] = {EDU_MSI, EDU_INTX, EDU_POLL, EDU_MSI, EDU_INTX};

	begin(NULL);
	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		use_edu(modes[i]);
		ck_assert_uint_eq(model_pirqs(), t.pirqs + 1); /* the line */
	}
	finish();
}

static int request(enum nvme_op op, uint64_t block, void *at, size_t length)
{
	static struct nvme_request r;

	r = (struct nvme_request){.op = op, .block = block, .data = at, .length = length};
	return nvme_run(&nvme, &r);
}

static void use_nvme(void)
{
	ck_assert_int_eq(nvme_open(&nvme, device_of(nvme_at)), 0);
	ck_assert_str_eq(nvme.serial, "scratch");
	fill(data, 32768, 9);
	ck_assert_int_eq(request(NVME_WRITE, 8, data, 32768), 0);
	ck_assert(filled(model_device_memory(t.nvme) + 8 * 512, 32768, 9));
	memset(data, 0, 32768);
	ck_assert_int_eq(request(NVME_READ, 8, data, 32768), 0);
	ck_assert(filled(data, 32768, 9));
	ck_assert_int_eq(nvme_flush(&nvme), 0);
	ck_assert_uint_eq(nvme.io.interrupts, 3);
	ck_assert_uint_ge(nvme.admin.interrupts, 4);
	nvme_close(&nvme);
	ck_assert_uint_eq(model_device_strays(t.nvme), 0);
}

static void nvme_msix(void)
{
	begin(NULL);
	for (unsigned int i = 0; i < 3; i++) {
		use_nvme();
		ck_assert_uint_eq(model_pirqs(), t.pirqs + 1);
	}
	finish();
}

/* Both at once, and one of them comes and goes. */
static void together(void)
{
	begin(NULL);
	ck_assert_int_eq(nvme_open(&nvme, device_of(nvme_at)), 0);
	for (unsigned int i = 0; i < 4; i++) {
		use_edu(EDU_MSI);
		model_pciback_detach(edu_at);
		ck_assert(run_tool(SECOND));
		fill(data, 4096, i);
		ck_assert_int_eq(request(NVME_WRITE, i, data, 512), 0);
		ck_assert(filled(model_device_memory(t.nvme) + i * 512, 512, i));
		model_pciback_attach(edu_at);
		ck_assert(run_tool(SECOND));
	}
	nvme_close(&nvme);
	finish();
}

/* The backend does not do it, and says that it did. */
static void deaf_to_disable(struct model_pciback_lie *lie)
{
	if (lie->request && (lie->request->cmd == XEN_PCI_OP_disable_msi ||
			     lie->request->cmd == XEN_PCI_OP_disable_msix))
		lie->skip = true;
}

/* A former user of the device did not switch its messages off. */
static void left_on(void)
{
	struct xen_pirq irq[2], *const both[] = {&irq[0], &irq[1]};
	static const uint16_t entry[] = {2, 0};
	struct xen_pci_dev *dev;

	begin(NULL);
	dev = device_of(nvme_at);
	ck_assert_int_eq(xen_pci_command(dev, XEN_PCI_COMMAND_MEMORY, 0), 0);
	ck_assert_int_eq(xen_pirq_map_msix_many(both, dev, entry, 2), 0);
	model_pciback_lie(deaf_to_disable);
	for (unsigned int i = 0; i < 2; i++)
		xen_pirq_release(&irq[i]);
	model_pciback_lie(NULL);
	ck_assert_uint_eq(model_pirqs(), t.pirqs + 3);
	ck_assert_int_eq(xen_pirq_map_msix_many(both, dev, entry, 2), 0);
	ck_assert_uint_eq(model_pirqs(), t.pirqs + 3);
	for (unsigned int i = 0; i < 2; i++)
		xen_pirq_release(&irq[i]);
	finish();
}

static void no_iommu(void)
{
	static const struct model_pciback_params params = {.no_iommu = true};
	struct xen_pirq irq;

	begin(&params);
	ck_assert_int_eq(xen_pci_command(device_of(nvme_at), XEN_PCI_COMMAND_MEMORY, 0), 0);
	ck_assert_int_eq(xen_pci_command(device_of(edu_at), XEN_PCI_COMMAND_MEMORY, 0), 0);
	ck_assert_int_eq(xen_pirq_map_msix(&irq, device_of(nvme_at), 0), -XEN_ENODEV);
	ck_assert_int_eq(irq.pirq, -1);
	ck_assert_int_eq(xen_pirq_map_msi(&irq, device_of(edu_at)), -XEN_EINVAL);
	xen_pirq_release(&irq);
	use_edu(EDU_INTX);
	finish();
}

static const struct unit_case cases[] = {
	{"edu by MSI, by its line and without interrupts", edu_modes},
	{"nvme by MSI-X, again and again", nvme_msix},
	{"a device comes and goes while another one works", together},
	{"messages that somebody left on are switched off first", left_on},
	{"without an IOMMU there are lines", no_iommu},
};

UNIT_MAIN("pcifront-devices", cases)
