/* SPDX-License-Identifier: MIT */
/*
 * Operations of the PCI frontend by themselves: what is on the page while an operation is under
 * way, what of the page comes back, how a wait ends. The other side is this test, and acts while
 * the frontend waits.
 */
#include <string.h>

#include <model/model.h>

#include <xen/hypercall.h>

#include "../../drivers/xen/pcifront-internal.h"
#include "unit.h"

#define MS 1000000ULL

static struct xen_pcifront front;
static unsigned int steps;

static void start(void)
{
	static const struct model_params machine = {.domu = true, .nr_pages = 1024};

	model_start(&machine);
	ck_assert_int_eq(xen_grant_init(1), 0);
	memset(&front, 0, sizeof(front));
	front.limit = FRONT_NEVER;
	xen_bucket_init(&front.log, 16, 1000 * MS);
	ck_assert_int_eq(xen_front_open(&front), 0);
	steps = 0;
}

static void end(void)
{
	model_on_wait(NULL, NULL);
	xen_front_close(&front);
	ck_assert_uint_eq(front.limit, FRONT_NEVER);
	xen_grant_fini();
	ck_assert(model_stop());
}

static void done(void)
{
	__atomic_fetch_and(&front.info->flags, ~(uint32_t)XEN_PCIF_active, __ATOMIC_SEQ_CST);
	model_event(front.port);
}

static const struct xen_pci_op asked = {
	.cmd = XEN_PCI_OP_enable_msix,
	.err = 77, /* of the caller: the page has 0 */
	.domain = 0x1234,
	.bus = 0x56,
	.devfn = 0x78,
	.offset = 0x9ab,
	.size = 4,
	.value = 0xcdef0123,
	.info = 0x45678901,
	.msix_entries = {{.vector = 11, .entry = 1}, {.vector = 12, .entry = 2}},
};

#define MARK 0x5555

/* What was asked, and not a word more; then an answer with other words in all places. */
static void answers(void *arg)
{
	struct xen_pci_op *page = &front.info->op, expected = asked;

	ck_assert(front.busy);
	ck_assert(front.info->flags & XEN_PCIF_active);
	expected.err = 0;
	for (unsigned int i = 2; i < SH_INFO_MAX_VEC; i++)
		expected.msix_entries[i].vector = expected.msix_entries[i].entry = MARK;
	ck_assert_mem_eq(page, &expected, sizeof(expected));
	memset(page, 0xee, sizeof(*page));
	done();
}

static void words(void)
{
	struct xen_pci_op op = asked, expected = asked;

	start();
	for (unsigned int i = 2; i < SH_INFO_MAX_VEC; i++) {
		front.info->op.msix_entries[i].vector = MARK;
		front.info->op.msix_entries[i].entry = MARK;
	}
	front.info->op.err = 5; /* an earlier answer's */
	model_on_wait(answers, NULL);
	ck_assert_int_eq(xen_front_op(&front, &op, 2), 0);
	memset(&expected.err, 0xee, sizeof(expected.err));
	memset(&expected.value, 0xee, sizeof(expected.value));
	expected.msix_entries[0].vector = expected.msix_entries[1].vector = 0xeeee;
	ck_assert_mem_eq(&op, &expected, sizeof(op));
	ck_assert_uint_eq(front.stats.ops, 1);
	ck_assert_uint_eq(front.stats.timeouts, 0);
	ck_assert(!front.busy && !front.signalled && !front.dirty && !front.broken);
	ck_assert(!front.owed);
	model_event(front.port); /* not put off: the one before was of use */
	ck_assert(front.signalled);
	end();
}

/* Events that are none of the answer: each is let come again, and then the answer is waited for. */
static void other_events(void *arg)
{
	ck_assert(!front.signalled);
	model_event(front.port);
	model_clock_advance(50 * MS); /* the longest that it is put off */
	xen_evtchn_poll();
	ck_assert(front.signalled);
	if (++steps == 20)
		done();
}

static void not_yet(void)
{
	struct xen_pci_op op = asked;

	start();
	model_on_wait(other_events, NULL);
	ck_assert_int_eq(xen_front_op(&front, &op, 0), 0);
	ck_assert_uint_eq(steps, 20);
	end();
}

static void is_silent(void *arg)
{
	steps++;
}

static void breaks(void *arg)
{
	if (++steps == 5)
		xen_front_break(&front);
}

/* A wait ends by its own time, by that of the step or because the channel breaks. */
static void no_answer(void)
{
	static const struct {
		void (*side)(void *arg);
		uint64_t limit, takes;
		int rc;
	} ways[] = {
		{is_silent, FRONT_NEVER, XEN_PCIFRONT_OP_NS, -XEN_ETIMEDOUT},
		{is_silent, 2 * XEN_PCIFRONT_OP_NS, XEN_PCIFRONT_OP_NS, -XEN_ETIMEDOUT},
		{is_silent, 100 * MS, 100 * MS, -XEN_ETIMEDOUT},
		{breaks, FRONT_NEVER, 5 * MS, -XEN_EIO},
	};

	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		bool late = ways[i].rc == -XEN_ETIMEDOUT;
		struct xen_pci_op op = asked;
		uint64_t begun;

		start();
		model_on_wait(ways[i].side, NULL);
		begun = xen_port_clock_ns();
		front.limit = ways[i].limit == FRONT_NEVER ? FRONT_NEVER : begun + ways[i].limit;
		ck_assert_int_eq(xen_front_op(&front, &op, 2), ways[i].rc);
		ck_assert_uint_ge(xen_port_clock_ns() - begun, ways[i].takes - MS);
		ck_assert_uint_le(xen_port_clock_ns() - begun, ways[i].takes + 2 * MS);
		ck_assert_mem_eq(&op, &asked, sizeof(op));
		ck_assert_uint_eq(front.broken, 1);
		ck_assert_uint_eq(front.stats.timeouts, late);
		ck_assert_uint_eq(front.dirty, late);
		ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), late);
		ck_assert(!front.busy);

		/* And none after it. */
		steps = 0;
		ck_assert_int_eq(xen_front_op(&front, &op, 0), -XEN_EIO);
		ck_assert_uint_eq(steps, 0);
		ck_assert_uint_eq(front.stats.ops, 1);
		front.limit = FRONT_NEVER;
		end();
	}
}

/* Nobody can be told: as bad as no answer, but at once. */
static void not_sent(void)
{
	struct xen_pci_op op = asked;

	start();
	model_on_wait(is_silent, NULL);
	model_fail(MODEL_EVENT_CHANNEL_OP, 1, -XEN_EINVAL);
	ck_assert_int_eq(xen_front_op(&front, &op, 0), -XEN_EINVAL);
	ck_assert_uint_eq(steps, 0);
	ck_assert_uint_eq(front.broken, 1);
	ck_assert_uint_eq(front.dirty, 1);
	ck_assert_uint_eq(front.stats.timeouts, 0);
	end();
}

static void closed(void)
{
	struct xen_pci_op op = asked;

	start();
	xen_front_close(&front);
	for (unsigned int broken = 0; broken < 2; broken++) {
		front.broken = broken;
		ck_assert_int_eq(xen_front_op(&front, &op, 0), -XEN_EIO);
		ck_assert_uint_eq(front.stats.ops, 0);
	}
	end();
}

/* Somebody else has the turn: nothing is on the page before it is given back. */
static void gives_back(void *arg)
{
	if (front.info->flags & XEN_PCIF_active) {
		done();
		return;
	}
	ck_assert(front.busy);
	if (++steps == 10)
		xen_front_end_turn(&front);
}

static void in_turn(void)
{
	struct xen_pci_op op = asked;

	start();
	model_on_wait(gives_back, NULL);
	ck_assert(xen_front_try_turn(&front));
	ck_assert_int_eq(xen_front_op(&front, &op, 0), 0);
	ck_assert_uint_eq(steps, 10);
	ck_assert(!front.busy);
	end();
}

static void limits(void)
{
	start();
	xen_front_begin_limit(&front, 10 * MS);
	ck_assert_uint_eq(front.limit, xen_port_clock_ns() + 10 * MS);
	model_clock_advance(4 * MS);
	ck_assert_uint_eq(xen_front_end_limit(&front), 6 * MS);
	ck_assert_uint_eq(front.limit, FRONT_NEVER);
	xen_front_begin_limit(&front, MS);
	model_clock_advance(4 * MS);
	ck_assert_uint_eq(xen_front_end_limit(&front), 0);
	end();
}

static const struct unit_case cases[] = {
	{"XSA-155 39 86: what is asked is on the page whole, and an answer's words come back",
	 words},
	{"events that are none of the answer end no wait", not_yet},
	{"a wait ends by its time, the step's or the channel's end", no_answer},
	{"an operation that cannot be sent breaks the channel", not_sent},
	{"there is no operation on a closed channel", closed},
	{"an operation waits for its turn", in_turn},
	{"what is left of a limit", limits},
};

UNIT_MAIN("pcifront-op", cases)
