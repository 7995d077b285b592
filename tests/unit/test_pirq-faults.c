/* SPDX-License-Identifier: MIT */
/*
 * PIRQs where something fails: each step in turn, and nothing is left.
 */
#include "pirq_test.h"

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

/* A line whose channel does not close: nothing of a message's is forgotten. */
static void line_does_not_close(void)
{
	struct evtchn_close close;
	struct xen_pirq pirq;

	begin_with(nvme());
	ck_assert_int_eq(xen_pirq_map_gsi(&pirq, 23, true), 0);
	ck_assert_int_eq(xen_pirq_bind(&pirq, true, count, &calls), 0);
	close.port = pirq.port;
	model_fail(MODEL_EVENT_CHANNEL_OP, 1, -XEN_EPERM);
	xen_pirq_release(&pirq);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"a read that fails is no mapping", map_reads_fail},
	{"a PHYSDEVOP that fails leaves nothing", physdev_fails},
	{"an unmap that fails is logged", unmap_fails},
	{"a channel that does not close keeps its PIRQ", close_fails},
	{"a bind that fails leaves nothing", binding_fails},
	{"a handler that cannot be set leaves nothing", handler_fails},
	{"config accesses that fail leave nothing", config_fails},
	{"a line whose channel does not close", line_does_not_close},
};

UNIT_MAIN("pirq-faults", cases)
