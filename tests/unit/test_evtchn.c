/* SPDX-License-Identifier: MIT */
/*
 * Event channels on the model, over both ABIs: delivery, masks, budgets, growth, changing over.
 */
#include "evtchn_test.h"

static void deliver_each(void)
{
	evtchn_port_t port[16];

	start(1);
	forget();
	for (unsigned int i = 0; i < 16; i++) {
		port[i] = open_ipi(0);
		xen_evtchn_notify(port[i]); /* before there is a handler: counts when there is */
		ck_assert_int_eq(xen_evtchn_bind(port[i], 0, count, &seen[i]), 0);
		ck_assert_uint_eq(seen[i].calls, 1);
	}
	for (unsigned int i = 0; i < 16; i++)
		ck_assert_int_eq(xen_evtchn_notify(port[i]), 0);
	for (unsigned int i = 0; i < 16; i++) {
		ck_assert_uint_eq(seen[i].calls, 2);
		xen_evtchn_unbind(port[i]);
		xen_evtchn_unbind(port[i]); /* once is enough */
		ck_assert_int_eq(xen_evtchn_notify(port[i]), 0);
		ck_assert_uint_eq(seen[i].calls, 2);
		/* What came while nobody listened counts for the next one. */
		ck_assert_int_eq(xen_evtchn_bind(port[i], 0, count, &seen[i]), 0);
		ck_assert_uint_eq(seen[i].calls, 3);
		xen_evtchn_close(port[i]);
	}
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
}

static void delivers(void)
{
	over_both(deliver_each);
}

static void refuse_each(void)
{
	evtchn_port_t port, limit = fifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;
	struct evtchn_close raw;

	start(2);
	port = open_unbound();
	ck_assert_int_eq(xen_evtchn_bind(0, 0, count, &seen[0]), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(limit, 0, count, &seen[0]), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(~0u, 0, count, &seen[0]), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, NULL, NULL), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(port + 1, 0, count, &seen[0]), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[1]), -XEN_EBUSY);
	ck_assert_int_eq(xen_evtchn_move(port, 2), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_move(port + 1, 1), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_move(~0u, 1), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_notify(~0u), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind_interdomain(77, 1, &port), -XEN_ESRCH);
	/* None of these has anything to do, or does harm. */
	xen_evtchn_unbind(~0u);
	xen_evtchn_mask(~0u);
	xen_evtchn_unmask(port + 1);
	xen_evtchn_eoi(~0u, true);
	xen_evtchn_eoi(port, true);
	ck_assert(xen_evtchn_poll() == ~0ULL);
	xen_evtchn_close(port);
	xen_evtchn_close(port); /* twice: Xen says so */
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 1);

	/* Closed behind our back. */
	port = raw.port = open_unbound();
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &raw), 0);
	xen_evtchn_mask(port);
	xen_evtchn_unmask(port);
	xen_evtchn_unbind(port);
}

static void refuses(void)
{
	over_both(refuse_each);
}

static void mask_each(void)
{
	evtchn_port_t port;

	start(1);
	forget();
	port = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	xen_evtchn_mask(port);
	xen_evtchn_mask(port); /* not a counter */
	for (int i = 0; i < 5; i++)
		xen_evtchn_notify(port);
	ck_assert_uint_eq(seen[0].calls, 0);
	xen_evtchn_unmask(port);
	ck_assert_uint_eq(seen[0].calls, 1);
	xen_evtchn_unmask(port);
	ck_assert_uint_eq(seen[0].calls, 1);
	/* Nothing pending: unmasking takes no hypercall. */
	xen_evtchn_mask(port);
	uint64_t before = model_hypercalls();

	xen_evtchn_unmask(port);
	ck_assert_uint_eq(model_hypercalls(), before);
	xen_evtchn_close(port);
}

static void masks(void)
{
	over_both(mask_each);
}

/* With a budget of one, each of several ports that fire all the time has its turn. */
static void budget_each(void)
{
	static struct xen_lock lock;
	evtchn_port_t port[4];
	unsigned long flags;
	bool more = true;

	start(1);
	forget();
	for (unsigned int i = 0; i < 4; i++) {
		port[i] = open_ipi(0);
		ck_assert_int_eq(xen_evtchn_bind(port[i], 0, count, &seen[i]), 0);
	}
	flags = xen_port_lock(&lock); /* we are the upcall: the model must not deliver */
	for (unsigned int i = 0; i < 4; i++)
		model_event(port[i]);
	for (unsigned int i = 0; i < 40; i++) {
		ck_assert(xen_evtchn_upcall(0, 1));
		ck_assert(model_shared_info()->vcpu_info[0].evtchn_upcall_pending);
		ck_assert_uint_eq(turns, i + 1);
		for (unsigned int k = 0; k < 4; k++)
			model_event(port[k]);
	}
	for (unsigned int i = 0; i < 4; i++)
		ck_assert_uint_eq(seen[i].calls, 10);
	for (unsigned int i = 0; more; i++) {
		ck_assert_uint_lt(i, 4);
		more = xen_evtchn_upcall(0, 3);
	}
	ck_assert_uint_eq(turns, 44);
	ck_assert(!xen_evtchn_upcall(0, 1));
	xen_port_unlock(&lock, flags);
	for (unsigned int i = 0; i < 4; i++)
		xen_evtchn_close(port[i]);
}

static void budget(void)
{
	over_both(budget_each);
}

/* Ports beyond a piece of the table and beyond a page of FIFO's array. */
static void many_each(void)
{
	enum { NR = 1500 };
	static evtchn_port_t port[NR];
	static struct seen many[NR];

	start(1);
	memset(many, 0, sizeof(many));
	for (unsigned int i = 0; i < NR; i++)
		port[i] = open_ipi(0);
	/* What fires while its word has no page is told when it gets one. */
	xen_evtchn_notify(port[NR - 1]);
	for (unsigned int i = 0; i < NR; i++)
		ck_assert_int_eq(xen_evtchn_bind(port[NR - 1 - i], 0, count, &many[NR - 1 - i]), 0);
	ck_assert_uint_eq(many[NR - 1].calls, 1);
	for (unsigned int i = 0; i < NR; i++)
		xen_evtchn_notify(port[i]);
	for (unsigned int i = 0; i < NR; i++) {
		ck_assert_uint_eq(many[i].calls, i == NR - 1 ? 2 : 1);
		xen_evtchn_close(port[i]);
	}
}

static void many(void)
{
	over_both(many_each);
}

/* No memory for a piece of the table, or for a page of the array: an error, and then it works. */
static void no_memory_each(void)
{
	evtchn_port_t port = 0;

	start(1);
	while (port < 1024)
		port = open_ipi(0);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), -XEN_ENOMEM);
	for (unsigned int i = 1; fifo && i <= 2; i++) {
		model_fail(MODEL_ALLOC_PAGES, i, 0);
		ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), -XEN_ENOMEM);
		/* The first succeeds next time, so the second is asked for first. */
		model_fail(MODEL_ALLOC_PAGES, 0, 0);
	}
	/* EVTCHNOP_status, then EVTCHNOP_expand_array. */
	model_fail(MODEL_EVENT_CHANNEL_OP, 1, -XEN_EPERM);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), -XEN_EPERM);
	if (fifo) {
		uint64_t pages = model_allocs().pages;

		model_fail(MODEL_EVENT_CHANNEL_OP, 2, -XEN_EINVAL);
		ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), -XEN_EINVAL);
		ck_assert_uint_eq(model_allocs().pages, pages);
	}
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	for (; port; port--)
		xen_evtchn_close(port);
}

static void no_memory(void)
{
	over_both(no_memory_each);
}

/* Changing over: only while nothing is bound; what fails leaves 2-level. */
static void change_over(void)
{
	struct model_allocs before;
	evtchn_port_t port;

	model_start(NULL);
	before = model_allocs();
	port = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), -XEN_EBUSY);
	xen_evtchn_unbind(port);
	model_fail(MODEL_ALLOC_PAGES, 1, 0);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), -XEN_ENOMEM);
	model_fail(MODEL_EVENT_CHANNEL_OP, 1, -XEN_ENOSYS);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), -XEN_ENOSYS);
	ck_assert_uint_eq(model_allocs().pages, before.pages);
	ck_assert_int_eq(xen_evtchn_fifo_cpu(0), 0); /* 2-level: nothing to do */
	ck_assert_uint_eq(model_allocs().pages, before.pages);
	forget();
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	xen_evtchn_notify(port);
	ck_assert_uint_eq(seen[0].calls, 1);
	xen_evtchn_close(port);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), 0);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), 0);
	ck_assert_int_eq(xen_evtchn_fifo_cpu(0), 0);
	ck_assert_int_eq(xen_evtchn_fifo_cpu(1), -XEN_EINVAL);
	ck_assert_uint_eq(model_allocs().pages, before.pages + 1);
	ck_assert(model_stop());
}

static void upcall_of_cpu_7(void *arg)
{
	xen_evtchn_upcall(7, 0);
}

static void wrong_cpu(void)
{
	model_start(NULL);
	ck_assert(model_expect_panic(upcall_of_cpu_7, NULL));
}

/* A queue that leads nowhere (Xen would have to be broken) is cut off, and said. */
static void broken_queue(void)
{
	struct evtchn_fifo_control_block *control;
	evtchn_port_t port;

	fifo = true;
	start(1);
	forget();
	port = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	for (unsigned int i = 0; i < 4; i++) {
		static const uint32_t heads[] = {0, 100000, EVTCHN_FIFO_NR_CHANNELS, ~0u};

		control = model_fifo_control(0);
		control->head[3] = heads[i];
		__atomic_fetch_or(&control->ready, 1u << 3, __ATOMIC_SEQ_CST);
		xen_evtchn_notify(port);
		ck_assert_uint_eq(seen[0].calls, i + 1);
		ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), i + 1);
	}
	xen_evtchn_close(port);
	ck_assert(model_stop());
}

/* A CPU that there is not is none that Xen notifies. */
static void lie_vcpu(struct model_lie_call *call)
{
	if (call->kind == MODEL_EVENT_CHANNEL_OP && call->cmd == EVTCHNOP_status && call->done)
		((struct evtchn_status *)call->arg)->vcpu = 2;
}

static void no_such_cpu_each(void)
{
	evtchn_port_t port;

	start(2);
	forget();
	port = open_ipi(1);
	model_lie(lie_vcpu);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), -XEN_EIO);
	model_lie(NULL);
	/* Open, but without a handler: there is nothing to move. */
	ck_assert_int_eq(xen_evtchn_move(port, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	xen_evtchn_close(port);
}

static void no_such_cpu(void)
{
	over_both(no_such_cpu_each);
}

/* Unbinding twice counts once. */
static void unbound_twice(void)
{
	evtchn_port_t port;

	model_start(NULL);
	port = open_ipi(0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	xen_evtchn_unbind(port);
	xen_evtchn_unbind(port);
	ck_assert_int_eq(xen_evtchn_fifo_enable(), 0);
	ck_assert_int_eq(xen_evtchn_bind(port, 0, count, &seen[0]), 0);
	xen_evtchn_close(port);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"each event reaches its handler", delivers},
	{"what cannot be is refused", refuses},
	{"masked events are pending, and one", masks},
	{"a budget leaves everybody a turn", budget},
	{"ports beyond the first pieces", many},
	{"without memory a bind fails and leaves nothing", no_memory},
	{"changing over to FIFO", change_over},
	{"an upcall of a CPU that is not there is a bug", wrong_cpu},
	{"a queue that leads nowhere is cut off", broken_queue},
	{"a CPU that is not there is not believed", no_such_cpu},
	{"unbinding twice counts once", unbound_twice},
};

UNIT_MAIN("evtchn", cases)
