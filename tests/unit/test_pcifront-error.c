/* SPDX-License-Identifier: MIT */
/*
 * Error reports of the backend: each kind reaches the driver and its verdict the backend; what is
 * for nobody is refused; how many are taken has a limit. And messages: as many vectors as asked
 * for.
 */
#include <xen/hypercall.h>

#include "../../drivers/xen/pcifront-internal.h"
#include "pcifront_test.h"

static const struct xen_pci_addr edu_virt = {0, 0, 0};

/* The answer to one report; 0: none came. */
static int32_t report(uint32_t cmd, struct xen_pci_addr virt)
{
	int32_t answer = 0;

	model_pciback_report(cmd, virt);
	run_for(10 * MS);
	return model_pciback_report_done(&answer) ? answer : 0;
}

static void each_kind(void)
{
	static const struct {
		uint32_t cmd;
		enum xen_pcifront_error what;
	} kinds[] = {
		{XEN_PCI_OP_aer_detected, XEN_PCIFRONT_DETECTED},
		{XEN_PCI_OP_aer_mmio, XEN_PCIFRONT_MMIO},
		{XEN_PCI_OP_aer_slotreset, XEN_PCIFRONT_SLOT_RESET},
		{XEN_PCI_OP_aer_resume, XEN_PCIFRONT_RESUME},
	};

	bench();
	connected(&edu_at, 1);
	for (unsigned int i = 0; i < 4; i++) {
		t.verdict = (enum xen_pcifront_verdict)(XEN_PCIFRONT_NONE + i);
		ck_assert_int_eq(report(kinds[i].cmd, edu_virt), t.verdict);
		ck_assert_uint_eq(t.errors, i + 1);
		ck_assert_uint_eq(t.error, kinds[i].what);
		ck_assert_ptr_eq(t.last, device_of(edu_at));
	}
	end();
}

static void for_nobody(void)
{
	static const struct {
		uint32_t cmd;
		struct xen_pci_addr addr;
	} bad[] = {
		{XEN_PCI_OP_aer_detected, {0, 0, 8}}, {XEN_PCI_OP_aer_detected, {1, 0, 0}},
		{XEN_PCI_OP_conf_read, {0}},	      {XEN_PCI_OP_disable_msix, {0}},
		{XEN_PCI_OP_enable_multi_msi, {0}},   {~0u, {0}},
	};

	bench();
	connected(&edu_at, 1);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(report(bad[i].cmd, bad[i].addr), XEN_PCIFRONT_DISCONNECT);
	ck_assert_uint_eq(t.errors, 0);
	ck_assert_uint_eq(xen_pcifront_stats(t.front).bad_replies, 6);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 6);
	/* Numbers that would be an address if they were cut. */
	for (unsigned int i = 0; i < 3; i++) {
		struct xen_pcie_aer_op *op = &model_pciback_page()->aer_op;

		model_pciback_report(XEN_PCI_OP_aer_detected, edu_virt);
		op->domain = i == 0 ? 0x10000 : 0;
		op->bus = i == 1 ? 0x100 : 0;
		op->devfn = i == 2 ? 0x100 : 0;
		run();
		ck_assert_uint_eq(t.errors, 0);
		ck_assert_uint_eq(xen_pcifront_stats(t.front).bad_replies, 7 + i);
	}
	end();
}

/* The last function of the last bus of the last segment. */
static void highest_address(void)
{
	static const struct model_pciback_params params = {.passthrough = true};
	static const struct xen_pci_addr at = {0xffff, 0xff, XEN_PCI_DEVFN(31, 7)};
	const struct model_pci_function function = {
		.addr = at, .vendor = 0x8086, .device = 0x10d3, .class_code = 0x020000};

	bench_with(&params, NULL);
	model_pci_plug(&function);
	connected(&at, 1);
	ck_assert_int_eq(report(XEN_PCI_OP_aer_detected, at), XEN_PCIFRONT_CAN_RECOVER);
	ck_assert_ptr_eq(t.last, device_of(at));
	stop();
	model_pci_unplug(at);
	end();
}

static unsigned int sent;

static void count_sent(struct model_lie_call *call)
{
	sent += !call->done && call->kind == MODEL_EVENT_CHANNEL_OP && call->cmd == EVTCHNOP_send &&
		((const struct evtchn_send *)call->arg)->port == t.front->port;
}

/* Who has the turn sees to the event; a report is served without it, and answered by an event. */
static void without_the_turn(void)
{
	int32_t answer;

	bench();
	connected(&edu_at, 1);
	ck_assert(xen_front_try_turn(t.front));
	model_pciback_report(XEN_PCI_OP_aer_detected, edu_virt);
	xen_pcifront_work(t.front);
	ck_assert(t.front->busy);
	ck_assert(t.front->signalled);
	ck_assert_uint_eq(t.errors, 0);
	xen_front_rearm(t.front, false);
	model_lie(count_sent);
	xen_pcifront_work(t.front);
	model_lie(NULL);
	ck_assert(t.front->busy);
	ck_assert_uint_eq(t.errors, 1);
	ck_assert(model_pciback_report_done(&answer));
	ck_assert_uint_eq(sent, 1);
	xen_front_end_turn(t.front);
	end();
}

/* A channel that is broken is not looked at, whatever comes. */
static void broken_channel(void)
{
	bench();
	connected(&edu_at, 1);
	model_pciback_dies_after(0);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), ~0u);
	ck_assert(t.front->broken && t.front->info);
	model_pciback_report(XEN_PCI_OP_aer_detected, edu_virt);
	xen_front_serve_error(t.front);
	ck_assert_uint_eq(t.errors, 0);
	ck_assert(t.front->info->flags & XEN_PCIB_active);
	model_pciback_dies_after(~0ULL);
	end();
}

static void no_handler(void)
{
	static const struct xen_pcifront_ops without = {.added = on_added, .removing = on_removing};
	int err;

	bench();
	model_pciback_create(&edu_at, 1);
	t.front = xen_pcifront_start(0, &without, &t, &err);
	ck_assert(run_until(XenbusStateConnected, SECOND));
	ck_assert_int_eq(report(XEN_PCI_OP_aer_detected, edu_virt), XEN_PCIFRONT_DISCONNECT);
	end();
}

/* As many as the backend likes, in a second. */
static void too_many(void)
{
	unsigned int answered = 0;
	int32_t answer;

	bench();
	connected(&edu_at, 1);
	for (unsigned int i = 0; i < 1000; i++) {
		if (!(model_pciback_page()->flags & XEN_PCIB_active))
			model_pciback_report(XEN_PCI_OP_aer_detected, edu_virt);
		run_for(MS);
		answered += model_pciback_report_done(&answer);
	}
	ck_assert_uint_eq(t.errors, answered);
	ck_assert_uint_ge(answered, 16);
	ck_assert_uint_le(answered, 16 + 11);
	/* The last one is not forgotten. */
	run_for(SECOND);
	ck_assert(!(model_pciback_page()->flags & XEN_PCIB_active));
	end();
}

/* A report while an access waits: both are answered. */
static bool reported;
static void report_first(struct model_pciback_lie *lie)
{
	if (!lie->op || reported)
		return;
	reported = true;
	model_pciback_report(XEN_PCI_OP_aer_detected, edu_virt);
}

static void beside_an_access(void)
{
	int32_t answer;

	bench();
	connected(&edu_at, 1);
	model_pciback_lie(report_first);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), 0x11e81234);
	ck_assert(reported);
	model_pciback_lie(NULL);
	ck_assert(xen_pcifront_pending(t.front, NULL));
	run();
	ck_assert(model_pciback_report_done(&answer));
	ck_assert_uint_eq(t.errors, 1);
	end();
}

/* The driver looks at the device while it is asked. */
static enum xen_pcifront_verdict looks(struct xen_pcifront *front, struct xen_pci_dev *dev,
				       enum xen_pcifront_error what)
{
	t.errors++;
	ck_assert_uint_eq(xen_pci_read(dev, 0, 4), 0x11e81234);
	return XEN_PCIFRONT_RECOVERED;
}

static void accesses_in_between(void)
{
	static const struct xen_pcifront_ops ops = {
		.added = on_added, .removing = on_removing, .error = looks};
	int err;

	bench();
	model_pciback_create(&edu_at, 1);
	t.front = xen_pcifront_start(0, &ops, &t, &err);
	ck_assert(run_until(XenbusStateConnected, SECOND));
	ck_assert_int_eq(report(XEN_PCI_OP_aer_mmio, edu_virt), XEN_PCIFRONT_RECOVERED);
	ck_assert_uint_eq(t.errors, 1);
	end();
}

/* --- vectors of MSI ------------------------------------------------------------------------ */

static unsigned int events;
static void count(void *arg)
{
	events++;
}

static void vectors(bool known)
{
	const struct model_pciback_params params = {.one_vector = !known};
	static const struct model_params machine = {
		.domu = true, .nr_pages = 1024, .intremap = true};
	struct xen_pirq irq[4], *const each[] = {&irq[0], &irq[1], &irq[2], &irq[3]};
	struct xen_pci_dev *dev;

	bench_with(&params, &machine);
	model_pci_raw(edu_at)[0x52] |= 2 << 1; /* it can have four */
	connected(&edu_at, 1);
	dev = device_of(edu_at);
	ck_assert_int_eq(xen_pci_command(dev, XEN_PCI_COMMAND_MEMORY, 0), 0);
	if (known) {
		ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 4), 0);
		for (unsigned int i = 0; i < 4; i++) {
			ck_assert_int_eq(irq[i].pirq, irq[0].pirq + (int)i);
			ck_assert_int_eq(xen_pirq_bind(&irq[i], false, count, NULL), 0);
			model_event(irq[i].port);
			ck_assert_uint_eq(events, i + 1);
		}
		ck_assert_uint_eq(model_pirqs(), t.pirqs + 5);
		for (unsigned int i = 0; i < 4; i++)
			xen_pirq_release(&irq[i]);
	} else {
		ck_assert_int_eq(xen_pirq_map_msi_many(each, dev, 4), -XEN_ENOSYS);
		ck_assert_int_eq(xen_pirq_map_msi(&irq[0], dev), 0); /* so one */
		xen_pirq_release(&irq[0]);
	}
	ck_assert_uint_eq(model_pirqs(), t.pirqs + 1);
	end();
}

static void several_vectors(void)
{
	vectors(true);
}

static void one_vector(void)
{
	vectors(false);
}

static const struct unit_case cases[] = {
	{"each kind of report reaches the driver, and its verdict the backend", each_kind},
	{"reports for nobody are refused", for_nobody},
	{"a report for the highest address there is", highest_address},
	{"a report while another thread has the turn", without_the_turn},
	{"a report on a broken channel is not looked at", broken_channel},
	{"a driver that does not ask for reports gives up", no_handler},
	{"reports have a limit, and none is forgotten", too_many},
	{"a report beside an access", beside_an_access},
	{"accesses while a report is judged", accesses_in_between},
	{"several vectors of MSI", several_vectors},
	{"a backend that knows one vector only says so", one_vector},
};

UNIT_MAIN("pcifront-error", cases)
