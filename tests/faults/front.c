/* SPDX-License-Identifier: MIT */
/*
 * The PCI frontend's whole life: connecting, a device that comes with its messages and goes, the
 * end. A call that fails costs a device, an operation or the connection, which is made anew; in the
 * end nothing is left but what Xen did not take back, and that was logged.
 */
#include <model/domain.h>
#include <model/pciback.h>
#include <model/xenstore.h>

#include <xen/evtchn.h>
#include <xen/grant.h>
#include <xen/hypercall.h>
#include <xen/p2m.h>
#include <xen/pcifront.h>
#include <xen/pirq.h>
#include <xen/xenbus.h>

#include "faults.h"

#define MS 1000000ULL
#define SECOND (1000 * MS)
#define NR_PORTS 64

static const struct model_params small = {.domu = true, .nr_pages = 512};
static const struct xen_pci_addr at[] = {{0, 0, XEN_PCI_DEVFN(4, 0)}, {0, 0, XEN_PCI_DEVFN(5, 0)}};
static const struct model_pci_function nvme = {
	.addr = {0, 0, XEN_PCI_DEVFN(4, 0)},
	.vendor = 0x1b36,
	.device = 0x0010,
	.class_code = 0x010802,
	.bar[0] = {.addr = 0xe0000000, .size = 0x4000, .is64 = true},
	.msix_entries = 4,
	.interrupt_pin = 1,
};
static struct xen_pcifront *front;
static struct xen_pirq irq[2];
static unsigned int added, removed;

static void nothing(void *arg)
{
}

static void on_added(struct xen_pcifront *of, struct xen_pci_dev *dev)
{
	struct xen_pirq *const each[] = {&irq[0], &irq[1]};
	static const uint16_t entry[] = {0, 1};

	added++;
	/* The first that comes is the driver's. */
	if (irq[0].dev || xen_pci_command(dev, XEN_PCI_COMMAND_MEMORY, 0) ||
	    xen_pirq_map_msix_many(each, dev, entry, 2))
		return;
	for (int i = 0; i < 2; i++)
		xen_pirq_bind(&irq[i], false, nothing, NULL);
}

static int on_removing(struct xen_pcifront *of, struct xen_pci_dev *dev, bool gone)
{
	for (int i = 0; i < 2; i++)
		if (irq[i].dev == dev)
			xen_pirq_release(&irq[i]);
	removed++;
	return 0;
}

static const struct xen_pcifront_ops ops = {.added = on_added, .removing = on_removing};

static void others(void *arg)
{
	model_pciback_step();
	model_clock_advance(10 * MS);
}

static void prepare(void)
{
	struct model_pci_function second = nvme;

	second.addr = at[1];
	second.bar[0].addr = 0xe0010000;
	model_xs_start();
	model_pci_plug(&nvme);
	model_pci_plug(&second);
	require(!xen_grant_init(1));
	require(!xen_xs_init(model_xs_link().page, model_xs_link().port));
	model_pciback_start(NULL);
	model_on_wait(others, NULL);
}

static void finish(void)
{
	model_pciback_stop();
	model_on_wait(NULL, NULL);
	xen_xs_fini();
	xen_grant_fini();
	model_pci_unplug(at[0]);
	model_pci_unplug(at[1]);
	model_xs_stop();
	model_domain_destroy(0);
	xen_ranges_fini(&xen_p2m.identity);
}

/* Until the tool is through and all is as it should be, or the time is over. */
static void serve(uint64_t ns)
{
	uint64_t end = xen_port_clock_ns() + ns;

	do {
		model_pciback_step();
		if (xen_xs_broken())
			xen_xs_reconnect();
		xen_xs_dispatch();
		if (xen_pcifront_pending(front, NULL))
			xen_pcifront_work(front);
		model_clock_advance(20 * MS);
		xen_evtchn_poll();
	} while (xen_port_clock_ns() < end &&
		 (model_pciback_busy() || xen_pcifront_state(front) != XenbusStateConnected));
}

static void use(void)
{
	bool failed;
	int err;

	added = removed = 0;
	irq[0] = irq[1] = (struct xen_pirq){.pirq = -1};
	model_pciback_create(at, 1);
	front = xen_pcifront_start(0, &ops, NULL, &err);
	failed = model_failures().nr;
	require(front || failed);
	if (!front)
		return;
	serve(60 * SECOND);
	model_pciback_attach(at[1]);
	serve(30 * SECOND);
	require(added == 2 || model_failures().nr);
	model_pciback_detach(at[0]);
	serve(30 * SECOND);
	require(removed == 1 || model_failures().nr);
	xen_pcifront_stop(front);
	require(added == removed);
}

/* What Xen did not close: not the channel of xenstore, which is from before. */
static void close_ports(void)
{
	for (evtchn_port_t port = 1; port < NR_PORTS; port++) {
		struct evtchn_status status = {.dom = DOMID_SELF, .port = port};
		struct evtchn_close close = {.port = port};

		if (port == model_xs_link().port ||
		    hypercall_event_channel_op(EVTCHNOP_status, &status) ||
		    status.status == EVTCHNSTAT_closed)
			continue;
		lost();
		require(!hypercall_event_channel_op(EVTCHNOP_close, &close));
	}
}

static void undo(void)
{
	close_ports();
	model_pciback_stop();
	model_pciback_start(NULL);
	require(!xen_xs_reconnect());
	require(!model_xs_watches() && !model_xs_transactions());
	require(!xen_grant_reap() && !xen_grant_used());
}

const struct scenario front_scenarios[] = {
	{SCENARIO("pcifront", &small, prepare, use, undo, finish)},
	{0},
};
