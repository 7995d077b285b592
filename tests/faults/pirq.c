/* SPDX-License-Identifier: MIT */
/*
 * PIRQs: a line, MSI and MSI-X, from mapping to release. After any failure the device's messages
 * are off and its line is on again; a port or PIRQ that Xen does not take back was logged.
 */
#include <xen/hypercall.h>
#include <xen/pci.h>
#include <xen/p2m.h>
#include <xen/pirq.h>

#include "faults.h"

#define MSI_CAP 0x50
#define MSIX_CAP 0x70
#define GSI 20
#define NR_PIRQS 3
#define NR_PORTS 64

static const struct model_params small = {.nr_pages = 256};
static struct xen_pci_host host;
static struct xen_pci_dev *dev;
static struct xen_pirq pirq[NR_PIRQS];
static unsigned int kind, events, lines;

static const struct model_pci_function nvme = {
	.addr = {0, 0, XEN_PCI_DEVFN(4, 0)},
	.vendor = 0x1234,
	.device = 0x11e8,
	.class_code = 0x010802,
	.bar[0] = {.addr = 0xe0000000, .size = 0x4000, .is64 = true},
	.msi = true,
	.msix_entries = 65,
	.interrupt_pin = 1,
};

static void prepare(unsigned int which)
{
	kind = which;
	model_pci_plug(&nvme);
	xen_pci_host_init(&host, &model_pci_config, 0, true);
	require(!xen_pci_scan(&host, 0, NULL));
	dev = host.devices;
}

static void prepare_line(void)
{
	prepare(0);
}

static void prepare_msi(void)
{
	prepare(1);
}

static void prepare_msix(void)
{
	prepare(2);
}

static void finish(void)
{
	xen_pci_host_fini(&host);
	xen_ranges_fini(&xen_p2m.identity);
}

static void count(void *arg)
{
	require(arg == &events);
	events++;
}

static int map(struct xen_pirq *p, unsigned int i)
{
	switch (kind) {
	case 0:
		return returned("xen_pirq_map_gsi", xen_pirq_map_gsi(p, GSI + i, true));
	case 1:
		return returned("xen_pirq_map_msi", xen_pirq_map_msi(p, dev));
	default:
		return returned("xen_pirq_map_msix", xen_pirq_map_msix(p, dev, 30 * i));
	}
}

static void life(struct xen_pirq *p, unsigned int i)
{
	unsigned int was = events;

	if (map(p, i)) {
		require(!p->mapped && !p->port);
		return;
	}
	if (returned("xen_pirq_bind", xen_pirq_bind(p, kind == 0, count, &events))) {
		require(!p->port && !p->enabled);
		return;
	}
	model_event(p->port);
	require(events == was + 1);
}

static void use(void)
{
	/* A function has one MSI. */
	unsigned int nr = kind == 1 ? 1 : NR_PIRQS;

	for (unsigned int i = 0; i < nr; i++)
		life(&pirq[i], i);
	for (unsigned int i = 0; i < nr; i++) {
		xen_pirq_release(&pirq[i]);
		xen_pirq_release(&pirq[i]);
		require(pirq[i].pirq == -1);
	}
}

static void close_ports(void)
{
	for (evtchn_port_t port = 1; port < NR_PORTS; port++) {
		struct evtchn_status status = {.dom = DOMID_SELF, .port = port};
		struct evtchn_close close = {.port = port};

		if (hypercall_event_channel_op(EVTCHNOP_status, &status) ||
		    status.status == EVTCHNSTAT_closed)
			continue;
		lost();
		require(!hypercall_event_channel_op(EVTCHNOP_close, &close));
	}
}

/* Mappings of lines are for good; those of messages are the numbers from the top down. */
static void unmap_messages(void)
{
	for (int i = 255; kind && model_pirqs(); i--) {
		struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = i};

		require(i > 255 - 2 * NR_PIRQS);
		lost();
		hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap);
	}
	if (!kind)
		lines = model_pirqs();
	require(lines <= NR_PIRQS);
}

static void undo(void)
{
	require(!(xen_pci_read(dev, MSI_CAP + 2, 2) & 1));
	require(!(xen_pci_read(dev, MSIX_CAP + 2, 2) & 0x8000));
	require(!(xen_pci_read(dev, 4, 2) & XEN_PCI_COMMAND_INTX_DISABLE));
	require(!dev->nr_messages);
	close_ports();
	unmap_messages();
}

const struct scenario pirq_scenarios[] = {
	{SCENARIO("pirq-line", &small, prepare_line, use, undo, finish)},
	{SCENARIO("pirq-msi", &small, prepare_msi, use, undo, finish)},
	{SCENARIO("pirq-msix", &small, prepare_msix, use, undo, finish)},
	{0},
};
