/* SPDX-License-Identifier: MIT */
/*
 * PIRQs on the model: lines, MSI, MSI-X, their EOIs, and that every failure at every step leaves
 * no port, no PIRQ and no bit in the device behind.
 */
#include "pirq_test.h"

static void line(void)
{
	struct xen_pirq pirq;
	uint64_t eois;

	begin_with(nvme());
	ck_assert_int_eq(xen_pirq_map_gsi(&pirq, 23, true), 0);
	ck_assert_int_eq(pirq.pirq, 23);
	ck_assert(!pirq.mapped);
	ck_assert_int_eq(xen_pirq_bind(&pirq, true, count, &calls), 0);
	ck_assert(pirq.needs_eoi && pirq.port);
	eois = model_pirq_eois(pirq.pirq);
	for (unsigned int i = 1; i <= 3; i++) {
		model_event(pirq.port);
		ck_assert_uint_eq(calls, i);
		ck_assert_uint_eq(model_pirq_eois(pirq.pirq), eois + i);
	}
	ck_assert_int_eq(xen_pirq_bind(&pirq, true, count, &calls), -XEN_EBUSY);
	xen_pirq_release(&pirq);
	xen_pirq_release(&pirq);
	ck_assert_int_eq(pirq.pirq, -1);
	/* It can be used again: the mapping was kept. */
	ck_assert_int_eq(xen_pirq_map_gsi(&pirq, 23, true), 0);
	ck_assert_int_eq(xen_pirq_bind(&pirq, true, count, &calls), 0);
	xen_pirq_release(&pirq);
	finish(&host, &before);
}

/* Two devices on one line: the second cannot have it to itself, nor a channel of its own. */
static void shared_line(void)
{
	struct xen_pirq first, second;

	begin_with(nvme());
	ck_assert_int_eq(xen_pirq_map_gsi(&first, 23, true), 0);
	ck_assert_int_eq(xen_pirq_map_gsi(&second, 23, true), 0);
	ck_assert_int_eq(xen_pirq_bind(&first, false, count, &calls), 0);
	ck_assert_int_eq(xen_pirq_bind(&second, false, count, &calls), -XEN_EEXIST);
	ck_assert_int_eq(xen_pirq_bind(&second, true, count, &calls), -XEN_EEXIST);
	ck_assert_uint_eq(second.port, 0);
	model_event(first.port);
	ck_assert_uint_eq(calls, 1); /* the first is as it was */
	xen_pirq_release(&second);
	xen_pirq_release(&first);
	finish(&host, &before);
}

static void bad_lines(void)
{
	struct xen_pirq pirq;

	begin_with(nvme());
	ck_assert_int_eq(xen_pirq_map_gsi(&pirq, ~0u, true), -XEN_ERANGE);
	ck_assert_int_eq(xen_pirq_map_gsi(&pirq, 1u << 24, true), -XEN_ERANGE);
	ck_assert_int_eq(xen_pirq_map_gsi(&pirq, 1000, true), -XEN_EINVAL);
	ck_assert_int_eq(xen_pirq_bind(&pirq, true, count, &calls), -XEN_EINVAL);
	xen_pirq_release(&pirq);
	ck_assert_int_eq(xen_pirq_from_backend(&pirq, -4), -XEN_EINVAL);
	ck_assert_int_eq(xen_pirq_from_backend(&pirq, 200), 0);
	ck_assert_int_eq(pirq.pirq, 200);
	ck_assert_int_eq(xen_pirq_bind(&pirq, false, NULL, NULL), -XEN_EINVAL);
	ck_assert_int_lt(xen_pirq_bind(&pirq, false, count, &calls), 0); /* nobody mapped it */
	ck_assert_uint_eq(pirq.port, 0);
	xen_pirq_release(&pirq);
	finish(&host, &before);
}

static void msi(void)
{
	struct xen_pirq pirq;

	begin_with(nvme());
	ck_assert_int_eq(xen_pirq_map_msi(&pirq, dev), 0);
	ck_assert(pirq.mapped);
	ck_assert_uint_eq(model_pirqs(), 1);
	ck_assert(!(control(MSI_CAP) & 1) && !intx_is_off());
	ck_assert_int_eq(xen_pirq_bind(&pirq, false, count, &calls), 0);
	ck_assert(control(MSI_CAP) & 1 && intx_is_off());
	model_event(pirq.port);
	ck_assert_uint_eq(calls, 1);
	xen_pirq_release(&pirq);
	ck_assert(!(control(MSI_CAP) & 1) && !intx_is_off());
	ck_assert_uint_eq(model_pirqs(), 0);
	finish(&host, &before);
}

/* Xen is told which of all devices it is. */
static void msi_on_another_bus(void)
{
	struct model_pci_function f = nvme();
	struct xen_pirq pirq;

	begin(&host, &before);
	f.addr = at(5, 4, 0);
	plug(f);
	ck_assert_int_eq(xen_pci_scan(&host, 5, NULL), 0);
	dev = host.devices;
	ck_assert_int_eq(xen_pirq_map_msi(&pirq, dev), 0);
	ck_assert_int_eq(xen_pirq_bind(&pirq, false, count, &calls), 0);
	ck_assert(control(MSI_CAP) & 1);
	xen_pirq_release(&pirq);
	finish(&host, &before);
}

static void msix(void)
{
	static const unsigned int entries[] = {0, 64, 7};
	struct xen_pirq pirq[3];

	begin_with(nvme());
	xen_pci_command(dev, XEN_PCI_COMMAND_INTX_DISABLE, 0); /* off before, off afterwards */
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(xen_pirq_map_msix(&pirq[i], dev, entries[i]), 0);
		ck_assert_int_eq(xen_pirq_bind(&pirq[i], false, count, &calls), 0);
		ck_assert_uint_eq(control(MSIX_CAP) >> 14, 2); /* on, not masked as a whole */
	}
	ck_assert_int_eq(xen_pirq_map_msix(&(struct xen_pirq){0}, dev, 65), -XEN_ERANGE);
	for (unsigned int i = 0; i < 3; i++)
		model_event(pirq[i].port);
	ck_assert_uint_eq(calls, 3);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_uint_eq(control(MSIX_CAP) >> 15, 1);
		xen_pirq_release(&pirq[i]);
	}
	ck_assert_uint_eq(control(MSIX_CAP) >> 15, 0);
	ck_assert(intx_is_off());
	finish(&host, &before);
}

/* Xen would take the first message away from its user: one of a kind, and not MSI beside MSI-X. */
static void taken_messages(void)
{
	struct xen_pirq first, second, third;

	begin_with(nvme());
	ck_assert_int_eq(xen_pirq_map_msi(&first, dev), 0);
	ck_assert_int_eq(xen_pirq_map_msi(&second, dev), -XEN_EBUSY);
	ck_assert_int_eq(xen_pirq_map_msix(&second, dev, 3), -XEN_EBUSY);
	xen_pirq_release(&second);
	ck_assert_uint_eq(model_pirqs(), 1);
	xen_pirq_release(&first);

	ck_assert_int_eq(xen_pirq_map_msix(&first, dev, 3), 0);
	ck_assert_int_eq(xen_pirq_map_msix(&second, dev, 4), 0);
	ck_assert_int_eq(xen_pirq_map_msix(&third, dev, 3), -XEN_EBUSY);
	ck_assert_int_eq(xen_pirq_map_msi(&third, dev), -XEN_EBUSY);
	xen_pirq_release(&first);
	ck_assert_int_eq(xen_pirq_map_msi(&third, dev), -XEN_EBUSY);
	ck_assert_int_eq(xen_pirq_map_msix(&third, dev, 3), 0);
	xen_pirq_release(&second);
	xen_pirq_release(&third);
	ck_assert_int_eq(xen_pirq_map_msi(&first, dev), 0);
	xen_pirq_release(&first);
	ck_assert_uint_eq(model_pirqs(), 0);
	finish(&host, &before);
}

static void no_messages(void)
{
	struct model_pci_function f = nvme();
	struct xen_pirq pirq;
	uint8_t *raw;

	f.msi = false;
	f.msix_entries = 0;
	begin_with(f);
	ck_assert_int_eq(xen_pirq_map_msi(&pirq, dev), -XEN_ENODEV);
	ck_assert_int_eq(xen_pirq_map_msix(&pirq, dev, 0), -XEN_ENODEV);
	empty(&host, &before);
	plug(nvme());
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	dev = host.devices;
	raw = model_pci_raw(dev->addr);
	/* Decoding off: Xen could not reach the table. */
	xen_pci_command(dev, 0, XEN_PCI_COMMAND_MEMORY);
	ck_assert_int_eq(xen_pirq_map_msi(&pirq, dev), -XEN_ENODEV);
	ck_assert_int_eq(xen_pirq_map_msix(&pirq, dev, 0), -XEN_ENODEV);
	xen_pci_command(dev, XEN_PCI_COMMAND_MEMORY, 0);
	/* A table in a BAR that is not there, behind its end, or in a BAR that cannot be. */
	for (unsigned int table = 1; table < 8; table++) {
		raw[MSIX_CAP + 4] = (uint8_t)table;
		ck_assert_int_eq(xen_pirq_map_msix(&pirq, dev, 0), -XEN_ENODEV);
	}
	raw[MSIX_CAP + 4] = 0;
	raw[MSIX_CAP + 5] = 0x40;
	ck_assert_int_eq(xen_pirq_map_msix(&pirq, dev, 0), -XEN_ENODEV);
	raw[MSIX_CAP + 5] = 0x3c; /* 65 entries do not fit in the last KiB */
	ck_assert_int_eq(xen_pirq_map_msix(&pirq, dev, 0), -XEN_ENODEV);
	raw[MSIX_CAP + 5] = 0;
	/* In a BAR that is another's by now. */
	dev->res[0].flags &= ~XEN_PCI_RES_CLAIMED;
	ck_assert_int_eq(xen_pirq_map_msix(&pirq, dev, 0), -XEN_ENODEV);
	dev->res[0].flags |= XEN_PCI_RES_CLAIMED;
	ck_assert_uint_eq(model_pirqs(), 0);
	/* A device that Xen does not know. */
	host.devices->known_to_xen = false;
	model_pci_unplug(dev->addr);
	ck_assert_int_eq(xen_pirq_map_msi(&pirq, dev), -XEN_ENODEV);
	finish(&host, &before);
}

/* The table's place comes from the scan: a BAR that was moved since changes nothing (XSA-337). */
static void moved_bar(void)
{
	struct xen_pirq pirq;
	uint8_t *raw;

	begin_with(nvme());
	raw = model_pci_raw(dev->addr);
	memset(raw + 0x14, 0x5a, 4);
	ck_assert_int_eq(xen_pirq_map_msix(&pirq, dev, 1), 0);
	ck_assert_uint_eq(dev->res[0].start, 0xe0000000);
	xen_pirq_release(&pirq);
	finish(&host, &before);
}

/* What Xen is asked: the last of each. */
static struct physdev_map_pirq asked;
static uint32_t asked_flags;

static void listen(struct model_lie_call *call)
{
	if (call->done)
		return;
	if (call->kind == MODEL_PHYSDEV_OP && call->cmd == PHYSDEVOP_map_pirq)
		memcpy(&asked, call->arg, sizeof(asked));
	if (call->kind == MODEL_EVENT_CHANNEL_OP && call->cmd == EVTCHNOP_bind_pirq)
		asked_flags = ((struct evtchn_bind_pirq *)call->arg)->flags;
}

static void what_xen_is_asked(void)
{
	struct model_pci_function f = nvme();
	struct xen_pirq pirq, zero;

	begin(&host, &before);
	host.segment = 2;
	f.addr.segment = 2;
	f.addr.bus = 5;
	plug(f);
	ck_assert_int_eq(xen_pci_add(&host, f.addr, NULL, &dev), 0);
	model_lie(listen);
	ck_assert_int_eq(xen_pirq_map_msi(&pirq, dev), 0);
	ck_assert_uint_eq((uint32_t)asked.bus, 2u << 16 | 5);
	ck_assert_int_eq(asked.devfn, f.addr.devfn);
	ck_assert_int_eq(xen_pirq_bind(&pirq, false, count, &calls), 0);
	ck_assert_uint_eq(asked_flags, 0);
	xen_pirq_release(&pirq);
	/* GSI 0, and PIRQ 0, are as good as any. */
	ck_assert_int_eq(xen_pirq_map_gsi(&zero, 0, false), 0);
	ck_assert_int_eq(zero.pirq, 0);
	ck_assert_int_eq(xen_pirq_bind(&zero, true, count, &calls), 0);
	ck_assert_uint_eq(asked_flags, BIND_PIRQ__WILL_SHARE);
	model_lie(NULL);
	xen_pirq_release(&zero);
	memset(&zero, 0xff, sizeof(zero));
	ck_assert_int_eq(xen_pirq_from_backend(&zero, 0), 0);
	ck_assert_int_eq(zero.pirq, 0);
	ck_assert_uint_eq(zero.port, 0);
	ck_assert(!zero.mapped && !zero.enabled);
	finish(&host, &before);
}

/* A table that fills its BAR, and capabilities at the end of the space for them. */
static void tables_and_capabilities_at_the_end(void)
{
	static const struct {
		uint8_t pos;
		int rc;
	} table[] = {{0xf4, 0}, {0xf8, -XEN_ENODEV}};
	struct model_pci_function f = nvme();
	struct xen_pirq pirq;
	uint8_t *raw;

	f.bar[0].size = 0x1000;
	f.msix_entries = 256;
	begin_with(f);
	ck_assert_int_eq(xen_pirq_map_msix(&pirq, dev, 255), 0);
	xen_pirq_release(&pirq);
	raw = model_pci_raw(f.addr);
	raw[4] &= ~2;
	ck_assert_int_eq(xen_pirq_map_msix(&pirq, dev, 0), -XEN_ENODEV);
	raw[4] |= 2;
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t cap[8];

		memcpy(cap, raw + MSIX_CAP, 8);
		memcpy(raw + table[i].pos, cap, 8);
		raw[table[i].pos + 1] = 0;
		raw[0x34] = table[i].pos;
		ck_assert_int_eq(xen_pirq_map_msix(&pirq, dev, 0), table[i].rc);
		if (!table[i].rc)
			xen_pirq_release(&pirq);
	}
	finish(&host, &before);
}

/* Of a hypervisor that says that a message needs no EOI. */
static void needs_none(struct model_lie_call *call)
{
	if (call->kind == MODEL_PHYSDEV_OP && call->cmd == PHYSDEVOP_irq_status_query && call->done)
		((struct physdev_irq_status_query *)call->arg)->flags &= ~XENIRQSTAT_needs_eoi;
}

/* Two entries: the line is the device's again when both are gone. */
static void line_comes_back(void)
{
	struct xen_pirq pirq[2];
	uint64_t physdev;

	begin_with(nvme());
	ck_assert(!intx_is_off());
	model_lie(needs_none);
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_int_eq(xen_pirq_map_msix(&pirq[i], dev, i), 0);
		ck_assert_int_eq(xen_pirq_bind(&pirq[i], false, count, &calls), 0);
		ck_assert(intx_is_off());
	}
	physdev = model_calls(MODEL_PHYSDEV_OP);
	model_event(pirq[0].port);
	ck_assert_uint_eq(calls, 1);
	ck_assert_uint_eq(model_calls(MODEL_PHYSDEV_OP), physdev);
	model_lie(NULL);
	xen_pirq_release(&pirq[0]);
	ck_assert(intx_is_off());
	xen_pirq_release(&pirq[1]);
	ck_assert(!intx_is_off());
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"a line gets an EOI after each event and can be used again", line},
	{"XSA-461: a line that two devices share has one channel", shared_line},
	{"bad numbers are refused", bad_lines},
	{"MSI is on while it is bound, INTx off", msi},
	{"MSI works on buses above 0, too", msi_on_another_bus},
	{"MSI-X is on while any entry is bound", msix},
	{"a message that is taken is not mapped again (XSA-157)", taken_messages},
	{"without a usable capability there are no messages", no_messages},
	{"XSA-337: the table's place is not read again", moved_bar},
	{"Xen is asked for what is meant", what_xen_is_asked},
	{"tables and capabilities may end with their space", tables_and_capabilities_at_the_end},
	{"the line comes back with the last message", line_comes_back},
};

UNIT_MAIN("pirq", cases)
