/* SPDX-License-Identifier: MIT */
/*
 * The model's event channels, and how events reach the port's handlers.
 */
#include <model/domain.h>

#include "guest.h"

static struct xen_lock lock;

static unsigned int fired[4];

static void count(void *arg)
{
	fired[(uintptr_t)arg]++;
}

static void close_port(evtchn_port_t port)
{
	struct evtchn_close op = {.port = port};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &op), 0);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_close, &op), -XEN_EINVAL);
}

static void loopback(void)
{
	struct evtchn_alloc_unbound one = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	struct evtchn_bind_interdomain two = {.remote_dom = DOMID_SELF};
	struct evtchn_status status = {.dom = DOMID_SELF};
	struct evtchn_send send;

	model_start(NULL);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &one), 0);
	two.remote_port = one.port + 1;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &two), -XEN_EINVAL);
	two.remote_port = one.port;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &two), 0);
	ck_assert_int_eq(xen_evtchn_bind(one.port, 0, count, (void *)1), 0);
	ck_assert_int_eq(xen_evtchn_bind(one.port, 0, count, (void *)1), -XEN_EBUSY);
	ck_assert_int_eq(xen_evtchn_bind(two.local_port, 0, count, (void *)2), 0);
	send.port = two.local_port;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
	ck_assert_uint_eq(fired[1], 1);
	status.port = one.port;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_status, &status), 0);
	ck_assert_uint_eq(status.status, EVTCHNSTAT_interdomain);
	ck_assert_uint_eq(status.u.interdomain.port, two.local_port);
	xen_evtchn_unbind(one.port);
	xen_evtchn_unbind(two.local_port);
	close_port(two.local_port);
	send.port = one.port; /* back to unbound: dropped */
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
	close_port(one.port);
	ck_assert(model_stop());
}

static domid_t handled_as;

static void who_am_i(void *arg)
{
	handled_as = model_act_as(DOMID_SELF);
}

/* Whoever sends it. */
static void handled_by_the_first(void)
{
	struct evtchn_alloc_unbound one = {.dom = DOMID_SELF, .remote_dom = 9};
	struct evtchn_bind_interdomain two = {.remote_dom = 0};
	struct evtchn_send send;

	model_start(NULL);
	model_domain_create(9, false, 0);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &one), 0);
	ck_assert_int_eq(xen_evtchn_bind(one.port, 0, who_am_i, NULL), 0);
	handled_as = 7;
	model_act_as(9);
	two.remote_port = one.port;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &two), 0);
	send.port = two.local_port;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
	ck_assert_uint_eq(handled_as, 0);
	ck_assert_uint_eq(model_act_as(DOMID_SELF), 9);
	xen_evtchn_close(one.port);
	model_domain_destroy(9);
	ck_assert(model_stop());
}

static void virqs(void)
{
	static const struct model_params two_cpus = {.nr_cpus = 2};
	struct evtchn_bind_virq op = {.virq = VIRQ_TIMER, .vcpu = 1};
	evtchn_port_t port;

	model_start(&two_cpus);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_virq, &op), 0);
	port = op.port;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_virq, &op), -XEN_EEXIST);
	op.vcpu = 2;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_virq, &op), -XEN_ENOENT);
	op.virq = VIRQ_CONSOLE;
	op.vcpu = 1;
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_virq, &op), -XEN_EINVAL);
	close_port(port);
	ck_assert(model_stop());
}

static void events_wait(void)
{
	struct evtchn_bind_ipi op = {0};
	unsigned long flags;

	model_start(NULL);
	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &op), 0);
	ck_assert_int_eq(xen_evtchn_bind(op.port, 0, count, (void *)3), 0);
	flags = xen_port_lock(&lock); /* interrupts off */
	model_event(op.port);
	model_event(op.port); /* an event is a bit, not a counter */
	ck_assert_uint_eq(fired[3], 0);
	xen_port_unlock(&lock, flags);
	ck_assert_uint_eq(fired[3], 1);
	xen_evtchn_mask(op.port);
	model_event(op.port);
	ck_assert_uint_eq(fired[3], 1);
	xen_evtchn_unmask(op.port);
	ck_assert_uint_eq(fired[3], 2);
	xen_evtchn_unbind(op.port);
	close_port(op.port);
	model_event(op.port); /* closed: nobody hears it */
	ck_assert_uint_eq(fired[3], 2);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"the first domain handles as itself, whoever sends", handled_by_the_first},
	{"a loopback channel carries events", loopback},
	{"virtual interrupts are bound once", virqs},
	{"events wait for interrupts and masks", events_wait},
};

UNIT_MAIN("model-event", cases)
