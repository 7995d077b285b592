/* SPDX-License-Identifier: MIT */
/*
 * PIRQs on the model: lines, MSI, MSI-X, their EOIs, and that every failure at every step leaves
 * no port, no PIRQ and no bit in the device behind.
 */
#include "pci-bench.h"

#include <xen/evtchn.h>
#include <xen/hypercall.h>
#include <xen/pirq.h>

#define MSI_CAP 0x50
#define MSIX_CAP 0x70

static struct xen_pci_host host;
static struct picture before;
static struct xen_pci_dev *dev;
static unsigned int calls;

static void count(void *arg)
{
	ck_assert_ptr_eq(arg, &calls);
	calls++;
}

static struct model_pci_function nvme(void)
{
	struct model_pci_function f = with_bar(at(0, 4, 0), 0xe0000000, 0x4000);

	f.msi = true;
	f.msix_entries = 65;
	f.interrupt_pin = 1;
	return f;
}

static void begin_with(struct model_pci_function f)
{
	begin(&host, &before);
	calls = 0;
	plug(f);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	dev = host.devices;
}

static uint32_t control(unsigned int cap)
{
	return xen_pci_read(dev, cap + 2, 2);
}

static bool intx_is_off(void)
{
	return xen_pci_read(dev, 4, 2) & XEN_PCI_COMMAND_INTX_DISABLE;
}

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

static int map_kind(struct xen_pirq *pirq, unsigned int kind)
{
	if (kind == 0)
		return xen_pirq_map_gsi(pirq, 20, true);
	return kind == 1 ? xen_pirq_map_msi(pirq, dev) : xen_pirq_map_msix(pirq, dev, 3);
}

/* Map, bind, an event, release; failing steps are skipped. Was everything as it should? */
static bool life(unsigned int kind)
{
	struct xen_pirq pirq;
	bool ok = !map_kind(&pirq, kind);
	unsigned int was = calls;

	if (ok) {
		ok = !xen_pirq_bind(&pirq, false, count, &calls);
		if (ok) {
			model_event(pirq.port);
			ok = calls == was + 1;
		} else {
			ck_assert_uint_eq(pirq.port, 0);
			ck_assert(!pirq.enabled);
		}
	}
	xen_pirq_release(&pirq);
	xen_pirq_release(&pirq);
	return ok;
}

/* Beside lines, whose mapping is for good. */
static unsigned int lines;

static void check_clean(unsigned int kind)
{
	if (!kind)
		lines = model_pirqs();
	ck_assert(!(control(MSI_CAP) & 1) && !(control(MSIX_CAP) & 0x8000));
	ck_assert(!intx_is_off());
	ck_assert_uint_eq(dev->nr_messages, 0);
	ck_assert_uint_le(lines, 1);
	ck_assert_uint_eq(model_pirqs(), lines);
}

/* Calls of PHYSDEVOP before the EOI: set-up (lines), map, status. */
static const unsigned int physdev_calls[] = {3, 2, 2};

static void physdev_fails(void)
{
	begin_with(nvme());
	for (unsigned int kind = 0; kind < 3; kind++) {
		for (unsigned int nth = 1; nth < physdev_calls[kind]; nth++) {
			struct xen_pirq pirq = {.pirq = 7};

			model_fail(MODEL_PHYSDEV_OP, nth, -XEN_EPERM);
			ck_assert_int_eq(map_kind(&pirq, kind), -XEN_EPERM);
			ck_assert_int_eq(pirq.pirq, -1);
		}
		for (unsigned int nth = 1; nth <= physdev_calls[kind] + 1; nth++) {
			model_fail(MODEL_PHYSDEV_OP, nth, -XEN_EPERM);
			/* A lost EOI does not make it fail. */
			ck_assert_int_eq(life(kind), nth > physdev_calls[kind]);
			model_fail(MODEL_PHYSDEV_OP, 0, 0);
			check_clean(kind);
		}
		ck_assert(life(kind));
		ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	}
	finish(&host, &before);
}

static void unmap_fails(void)
{
	begin_with(nvme());
	for (unsigned int kind = 1; kind < 3; kind++) {
		struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = 255};

		model_fail(MODEL_PHYSDEV_OP, physdev_calls[kind] + 2, -XEN_EPERM);
		ck_assert(life(kind));
		ck_assert_ptr_nonnull(strstr(model_last_log(), "PIRQ 255 does not unmap"));
		ck_assert_uint_eq(model_pirqs(), 1);
		ck_assert_int_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
		check_clean(kind);
	}
	finish(&host, &before);
}

/* A channel that Xen does not close still has its PIRQ: that one is left mapped. */
static void close_fails(void)
{
	begin_with(nvme());
	for (unsigned int kind = 1; kind < 3; kind++) {
		struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = 255};
		struct evtchn_close close = {0};
		struct xen_pirq pirq;

		ck_assert_int_eq(map_kind(&pirq, kind), 0);
		ck_assert_int_eq(xen_pirq_bind(&pirq, false, count, &calls), 0);
		close.port = pirq.port;
		model_fail(MODEL_EVENT_CHANNEL_OP, 1, -XEN_EINVAL);
		xen_pirq_release(&pirq);
		ck_assert_ptr_nonnull(strstr(model_last_log(), "does not close"));
		ck_assert_uint_eq(model_pirqs(), 1);
		ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
		ck_assert_int_eq(hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
		check_clean(kind);
	}
	finish(&host, &before);
}

static void binding_fails(void)
{
	begin_with(nvme());
	for (unsigned int kind = 0; kind < 3; kind++) {
		model_fail(MODEL_EVENT_CHANNEL_OP, 1, -XEN_ENOSPC);
		ck_assert(!life(kind));
		check_clean(kind);
		ck_assert(life(kind));
	}
	finish(&host, &before);
}

static void nothing(void *arg)
{
}

/* Closed with its handler bound. */
static void leave_handler(evtchn_port_t port)
{
	struct evtchn_bind_ipi ipi = {0};
	struct evtchn_close close = {.port = port};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
	ck_assert_uint_eq(ipi.port, port);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, nothing, NULL), 0);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
}

/* Somebody has a handler on the port that we are about to get. */
static void handler_fails(void)
{
	begin_with(nvme());
	for (unsigned int kind = 0; kind < 3; kind++) {
		struct xen_pirq pirq;
		evtchn_port_t port;

		ck_assert_int_eq(map_kind(&pirq, kind), 0);
		ck_assert_int_eq(xen_pirq_bind(&pirq, false, count, &calls), 0);
		port = pirq.port;
		xen_pirq_release(&pirq);
		ck_assert_int_eq(map_kind(&pirq, kind), 0);
		leave_handler(port);
		ck_assert_int_eq(xen_pirq_bind(&pirq, false, count, &calls), -XEN_EBUSY);
		ck_assert_uint_eq(pirq.port, 0);
		xen_evtchn_unbind(port);
		ck_assert_int_eq(xen_pirq_bind(&pirq, false, count, &calls), 0);
		xen_pirq_release(&pirq);
		check_clean(kind);
	}
	finish(&host, &before);
}

/* Each access to config space fails in turn: on the way up nothing stays, on the way down it is
 * logged what the device did not take. */
static void config_fails(void)
{
	begin_with(nvme());
	for (unsigned int kind = 1; kind < 3; kind++) {
		unsigned int failed = 0, logged = 0;

		for (unsigned int nth = 1;; nth++) {
			uint64_t first = bench.nr;
			unsigned int errors = model_log_lines(XEN_LOG_ERROR);
			bool ok;

			bench_fail(nth);
			ok = life(kind);
			bench_fail(0);
			ck_assert_uint_eq(model_pirqs(), 0);
			ck_assert_uint_eq(dev->nr_messages, 0);
			if (ok && bench.nr - first < nth)
				break;
			if (!ok) {
				failed++;
				check_clean(kind);
			} else if (model_log_lines(XEN_LOG_ERROR) > errors) {
				logged++;
				xen_pci_write(dev, MSI_CAP + 2, 2, 0);
				xen_pci_write(dev, MSIX_CAP + 2, 2, 0);
				xen_pci_command(dev, 0, XEN_PCI_COMMAND_INTX_DISABLE);
			}
		}
		ck_assert_uint_gt(failed, 5);
		ck_assert_uint_eq(logged, 4); /* read and write of each of the two words */
	}
	finish(&host, &before);
}

/* A mapping that did not read all that it has to does not exist. */
static void map_reads_fail(void)
{
	struct model_pci_function f = nvme();

	f.bar[0].size = 0x10000; /* it would hold the longest of tables */
	begin_with(f);
	for (unsigned int kind = 1; kind < 3; kind++) {
		for (unsigned int nth = 1;; nth++) {
			uint64_t first = bench.nr;
			struct xen_pirq pirq;
			int rc;

			bench_fail(nth);
			rc = map_kind(&pirq, kind);
			bench_fail(0);
			if (bench.nr - first < nth) {
				ck_assert_int_eq(rc, 0);
				xen_pirq_release(&pirq);
				break;
			}
			if (nth == 1 && !rc) { /* all ones for a status: there may be a list */
				xen_pirq_release(&pirq);
				continue;
			}
			ck_assert_int_lt(rc, 0);
			ck_assert_int_eq(pirq.pirq, -1);
			ck_assert_uint_eq(model_pirqs(), 0);
		}
	}
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"a read that fails is no mapping", map_reads_fail},
	{"a line gets an EOI after each event and can be used again", line},
	{"XSA-461: a line that two devices share has one channel", shared_line},
	{"bad numbers are refused", bad_lines},
	{"MSI is on while it is bound, INTx off", msi},
	{"MSI works on buses above 0, too", msi_on_another_bus},
	{"MSI-X is on while any entry is bound", msix},
	{"a message that is taken is not mapped again (XSA-157)", taken_messages},
	{"without a usable capability there are no messages", no_messages},
	{"XSA-337: the table's place is not read again", moved_bar},
	{"a PHYSDEVOP that fails leaves nothing", physdev_fails},
	{"an unmap that fails is logged", unmap_fails},
	{"a channel that does not close keeps its PIRQ", close_fails},
	{"a bind that fails leaves nothing", binding_fails},
	{"a handler that cannot be set leaves nothing", handler_fails},
	{"config accesses that fail leave nothing", config_fails},
};
UNIT_MAIN("pirq", cases)
