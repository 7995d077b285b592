/* SPDX-License-Identifier: MIT */
/*
 * Scenarios domu-info and domu-crash: what a domU finds when it starts, and one that ends while its
 * devices write to its memory.
 */
#include "scenario.h"

#include <xen/xenbus.h>

#include "boot.h"
#include "disks.h"
#include "front.h"
#include "pages.h"
#include "text.h"
#include "verdict.h"

static void show_map(void)
{
	unsigned int i, holes = 0;

	for (i = 0; i < boot_nr_e820; i++)
		holes += boot_e820[i].type != XEN_E820_RAM;
	note("memory map: %s, %lu pages identity", holes ? "the host's" : "one piece of RAM",
	     boot_memory.identity_pages);
}

static void show_store(void)
{
	char name[XEN_XS_VALUE_MAX] = "";
	uint64_t domid = 0;
	int err = xen_xs_read(XEN_XS_NONE, "name", name, sizeof(name));

	check(!err, "xenstore does not tell the name: %d", err);
	err = xen_xs_read_uint(XEN_XS_NONE, "domid", DOMID_FIRST_RESERVED - 1, &domid);
	check(!err && domid, "xenstore does not tell the domain's number: %d", err);
	check(xen_xs_read(XEN_XS_NONE, "no/such/node", name, sizeof(name)) == -XEN_ENOENT,
	      "there is a node that should not be");
	err = xen_xs_write(XEN_XS_NONE, "/local/domain/0/name", "mine");
	check(err == -XEN_EACCES, "writing what is dom0's: %d", err);
	note("domain %lu, \"%s\"", domid, name);
}

static void show_device(const struct xen_pci_dev *dev)
{
	char addr[GUEST_ADDR_MAX];
	unsigned int i;

	guest_addr_text(dev->addr, addr);
	note("%s %04x:%04x %s", addr, dev->vendor, dev->device, guest_device_name(dev));
	for (i = 0; i < XEN_PCI_NR_BARS; i++) {
		const struct xen_pci_resource *res = &dev->res[i];
		uint64_t pfn = res->start >> XEN_PAGE_SHIFT;
		bool alias = res->flags & XEN_PCI_RES_ALIAS;

		if (!res->size || res->flags & XEN_PCI_RES_IO)
			continue;
		check(res->flags & XEN_PCI_RES_CLAIMED, "%s BAR %u is not claimed", addr, i);
		check((mfn_x(xen_pfn_to_mfn(mk_pfn(pfn))) == pfn) == !alias,
		      "%s BAR %u: PFN 0x%lx translates to 0x%lx", addr, i, pfn,
		      mfn_x(xen_pfn_to_mfn(mk_pfn(pfn))));
		note("%s BAR %u at 0x%lx, %s", addr, i, res->start,
		     alias ? "over RAM: alias" : "identity");
	}
}

void scenario_domu_info(void)
{
	struct xen_pci_dev *dev = NULL;
	unsigned int nr = 0;

	check(!boot_has_machine(), "this is no domU");
	if (verdict_failed())
		return;
	show_map();
	show_store();
	while ((dev = guest_next_device(dev))) {
		show_device(dev);
		nr++;
	}
	note("%u PCI functions, frontend %s", nr,
	     guest_front() ? xen_xenbus_state_name(xen_pcifront_state(guest_front()))
			   : "not there");
}

/* As many transfers as there are devices for, each into pages of its own. */
static unsigned int start_all(void)
{
	static struct edu edu;
	static struct nvme nvme;
	static struct nvme_request request;
	struct xen_pci_dev *pci = guest_find_device(NULL, EDU_VENDOR, EDU_DEVICE);
	uint8_t *page = xen_port_alloc_pages(0), *data = xen_port_alloc_pages(6);
	unsigned int started = 0;

	if (!check(page && data, "no pages"))
		return 0;
	if (pci && check(!edu_open(&edu, pci, EDU_POLL), "edu cannot be opened"))
		started += !edu_start(&edu, page, EDU_TRANSFER_MAX, XEN_DMA_FROM_DEVICE);
	pci = next_nvme(NULL);
	if (pci && check(!nvme_open(&nvme, pci), "NVMe cannot be opened")) {
		request = (struct nvme_request){
			.op = NVME_READ, .data = data, .length = nvme.max_bytes};
		started += !nvme_start(&nvme, &request);
	}
	return started;
}

void scenario_domu_crash(void)
{
	unsigned int started = start_all();

	if (check(started, "no transfer was started"))
		xen_port_panic("crash as asked for, %u transfers under way", started);
}
