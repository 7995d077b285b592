/* SPDX-License-Identifier: MIT */
/*
 * What the PCI frontend waits for, and what ends a wait: the toolstack's doings and a stop are not
 * kept waiting by the time between two connections, and a wait costs no CPU.
 */
#include "pcifront_test.h"

static void skip_answer(struct model_pciback_lie *lie)
{
	lie->skip = lie->op;
}

/* The channel breaks, in one way or the other, until no connection is due for a minute. */
static void back_off(bool restarts)
{
	connected(&edu_at, 1);
	for (unsigned int i = 0; i < 7; i++) {
		ck_assert(run_coarsely_until(XenbusStateConnected, 70 * SECOND));
		if (restarts) {
			model_pciback_restart();
		} else {
			model_pciback_lie(skip_answer);
			ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), ~0u);
			model_pciback_lie(NULL);
		}
		run_for(SECOND);
	}
	ck_assert_uint_eq(xen_pcifront_stats(t.front).nr_devs, 0);
	ck_assert_uint_eq(t.added, 7);
}

static void made_anew(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		bench();
		back_off(i);
		model_pciback_destroy();
		xen_xs_dispatch();
		xen_pcifront_work(t.front);
		ck_assert(!xen_pcifront_pending(t.front, NULL));
		model_pciback_create(&edu_at, 1);
		ck_assert(run_until(XenbusStateConnected, SECOND));
		ck_assert_uint_eq(t.added, 8);
		end();
	}
}

static void not_before(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		bench();
		back_off(i);
		ck_assert(!run_coarsely_until(XenbusStateConnected, 30 * SECOND));
		ck_assert(run_coarsely_until(XenbusStateConnected, 40 * SECOND));
		end();
	}
}

static void stopped(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t begun;

		bench();
		back_off(i);
		begun = xen_port_clock_ns();
		stop();
		ck_assert_uint_lt(xen_port_clock_ns() - begun, SECOND);
		ck_assert_uint_eq(model_pcifront_state(), XenbusStateClosed);
		end();
	}
}

/* The backend does not answer any more, and does not let go either. */
static void closing(void)
{
	unsigned int works = 0;

	bench();
	connected(&edu_at, 1);
	model_pciback_dies_after(0);
	ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), ~0u);
	for (unsigned int i = 0; i < 9000; i++) {
		if (xen_pcifront_pending(t.front, NULL)) {
			xen_pcifront_work(t.front);
			works++;
		}
		if (i == 4500) /* an event from another CPU: there is nobody to serve it */
			model_pciback_notify();
		model_clock_advance(MS);
		xen_xs_dispatch();
	}
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateClosing);
	ck_assert_uint_ge(works, 1);
	ck_assert_uint_le(works, 10);
	model_pciback_dies_after(~0ULL);
	end();
}

/* A driver whose time is over: its device can write nowhere any more. */
static void stubborn(void)
{
	bench();
	connected(&edu_at, 1);
	ck_assert_int_eq(xen_pci_command(device_of(edu_at), XEN_PCI_COMMAND_MASTER, 0), 0);
	ck_assert(model_pci_raw(edu_at)[4] & XEN_PCI_COMMAND_MASTER);
	t.busy = true;
	stop();
	ck_assert_uint_eq(t.forced, 1);
	ck_assert(!(model_pci_raw(edu_at)[4] & XEN_PCI_COMMAND_MASTER));
	ck_assert_uint_eq(model_pcifront_state(), XenbusStateClosed);
	end();
}

/* --- a backend that is of no use at the start ----------------------------------------------- */

/* What is in xenstore when the frontend starts, and a backend that does not move. */
static void found(const char *own, const char *other)
{
	bench();
	model_pciback_create(&edu_at, 1);
	model_pciback_dies_after(0);
	model_xs_write(MODEL_PCIBACK_PATH "/state", other);
	model_xs_write(MODEL_PCIFRONT_PATH "/state", own);
	start();
}

static void found_useless(void)
{
	static const char *const states[][2] = {{"1", "5"}, {"1", "6"}, {"5", "5"}, {"6", "6"},
						{"5", "4"}, {"5", "7"}, {"5", "8"}};

	for (unsigned int i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		unsigned int warnings;

		found(states[i][0], states[i][1]);
		warnings = model_log_lines(XEN_LOG_WARN);
		run_coarsely(XEN_PCIFRONT_STEP_NS / 2);
		ck_assert_uint_eq(model_log_lines(XEN_LOG_WARN), warnings);
		run_coarsely(XEN_PCIFRONT_STEP_NS);
		/* One that has closed may come back for an offer; others are to close first. */
		ck_assert_uint_eq(model_pcifront_state(), states[i][1][0] == '6'
								  ? XenbusStateInitialising
								  : XenbusStateClosed);
		run_coarsely(300 * SECOND);
		ck_assert_uint_ge(model_log_lines(XEN_LOG_WARN), warnings + (i < 4));
		ck_assert_uint_le(model_log_lines(XEN_LOG_WARN), warnings + 20);
		ck_assert_uint_eq(t.added, 0);
		model_pciback_restart();
		ck_assert(run_coarsely_until(XenbusStateConnected, 100 * SECOND));
		ck_assert_uint_eq(t.added, 1);
		end();
	}
}

/* A backend that begins another life, or a device that is made anew, is not kept waiting. */
static void found_closed_and_back(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		found("1", "6");
		run_for(SECOND);
		if (i) {
			model_pciback_destroy();
			run_for(MS);
			model_pciback_create(&edu_at, 1);
		}
		model_pciback_restart();
		ck_assert(run_until(XenbusStateConnected, 3 * SECOND));
		ck_assert_uint_eq(t.added, 1);
		end();
	}
}

/* --- a driver that lets go too late --------------------------------------------------------- */

static void lets_go_late(void)
{
	bench();
	connected(both_at, 2);
	t.busy = true;
	model_pciback_detach(edu_at);
	ck_assert(run_tool(30 * SECOND)); /* the tool has given up */
	run_coarsely(200 * SECOND);
	ck_assert_uint_eq(t.removed, 0);
	ck_assert_uint_eq(model_pciback_state(), XenbusStateReconfiguring);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_WARN), 1);
	t.busy = false;
	run_coarsely(65 * SECOND);
	ck_assert_uint_eq(t.removed, 1);
	ck_assert_uint_eq(t.forced, 0);
	ck_assert_uint_eq(model_pciback_state(), XenbusStateConnected);
	ck_assert_uint_eq(xen_pcifront_state(t.front), XenbusStateConnected);

	/* Another time is another time. */
	t.busy = true;
	model_pciback_detach(nvme_at);
	run_for(5 * SECOND);
	t.busy = false;
	run_for(100 * MS);
	ck_assert_uint_eq(t.removed, 2);
	end();
}

static unsigned int asked;

static int counts(struct xen_pcifront *front, struct xen_pci_dev *dev, bool gone)
{
	asked++;
	return on_removing(front, dev, gone);
}

/* Asked all the time at first, then after 1 s, 2 s, 4 s and so on. */
static void asked_less_often(void)
{
	static const struct xen_pcifront_ops ops = {.added = on_added, .removing = counts};
	int err;

	bench();
	model_pciback_create(both_at, 2);
	t.front = xen_pcifront_start(0, &ops, &t, &err);
	ck_assert(run_until(XenbusStateConnected, SECOND));
	t.busy = true;
	model_pciback_detach(edu_at);
	run_for(XEN_PCIFRONT_STEP_NS + 500 * MS);
	ck_assert_uint_ge(asked, 100);
	asked = 0;
	run_for(SECOND);
	ck_assert_uint_eq(asked, 1);
	run_for(2 * SECOND);
	ck_assert_uint_eq(asked, 2);
	run_coarsely(60 * SECOND);
	ck_assert_uint_eq(asked, 6);
	run_coarsely(320 * SECOND);
	ck_assert_uint_eq(asked, 11);
	t.busy = false;
	end();
}

/* --- events -------------------------------------------------------------------------------- */

/* The answer is seen on the page before its event comes, as with several CPUs. */
static void answer_without_event(struct model_pciback_lie *lie)
{
	struct xen_pci_sharedinfo *page = model_pciback_page();

	if (!lie->op)
		return;
	lie->skip = true;
	page->op.err = lie->op->err;
	page->op.value = lie->op->value;
	__atomic_fetch_and(&page->flags, ~(uint32_t)XEN_PCIF_active, __ATOMIC_SEQ_CST);
}

static void event_behind_its_answer(void)
{
	bench();
	connected(&edu_at, 1);
	model_pciback_lie(answer_without_event);
	for (unsigned int i = 0; i < 10; i++) {
		ck_assert_uint_eq(xen_pci_read(device_of(edu_at), 0, 4), 0x11e81234);
		ck_assert(!xen_pcifront_pending(t.front, NULL));
		model_pciback_notify();
		ck_assert(xen_pcifront_pending(t.front, NULL));
		xen_pcifront_work(t.front);
	}
	/* It is one event for one answer: more are nothing, and come when they are let. */
	model_pciback_notify();
	ck_assert(xen_pcifront_pending(t.front, NULL));
	xen_pcifront_work(t.front);
	model_pciback_notify();
	ck_assert(!xen_pcifront_pending(t.front, NULL));
	model_pciback_lie(NULL);
	end();
}

/* Nor is that of a report: what comes next is not kept waiting. */
static void event_of_a_report(void)
{
	int32_t answer;

	bench();
	connected(&edu_at, 1);
	for (unsigned int i = 0; i < 4; i++) {
		run_for(SECOND);
		model_pciback_report(XEN_PCI_OP_aer_detected, (struct xen_pci_addr){0});
		ck_assert(xen_pcifront_pending(t.front, NULL));
		xen_pcifront_work(t.front);
		ck_assert(model_pciback_report_done(&answer));
		xen_pcifront_work(t.front);
		ck_assert(!xen_pcifront_pending(t.front, NULL));
		model_pciback_notify();
		ck_assert(xen_pcifront_pending(t.front, NULL));
		xen_pcifront_work(t.front);
	}
	end();
}

static const struct unit_case cases[] = {
	{"a backend that is closed or serves another at the start is offered anew", found_useless},
	{"a backend that was closed at the start is taken when it comes", found_closed_and_back},
	{"a driver that lets go too late still lets its device go", lets_go_late},
	{"a driver that does not let go is asked less and less often", asked_less_often},
	{"an event that comes behind its answer is none too many", event_behind_its_answer},
	{"the event of a report is none too many", event_of_a_report},
	{"a device that the toolstack makes anew is taken at once", made_anew},
	{"a connection that failed is made again when it is due, and not before", not_before},
	{"a stop is not kept waiting by the next connection", stopped},
	{"waiting for a backend that is gone costs no CPU", closing},
	{"a driver that does not let go in time leaves no bus master", stubborn},
};

UNIT_MAIN("pcifront-due", cases)
