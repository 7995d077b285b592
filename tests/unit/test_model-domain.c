/* SPDX-License-Identifier: MIT */
/* Several domains in the model's machine: event channels between them, privileges, their end. */
#include <model/domain.h>

#include "guest.h"

#define OTHER 7
#define THIRD 8

static const struct model_params unprivileged = {.domu = true};
static unsigned int events, heard;

static void count_event(void *arg)
{
	events++;
}

static evtchn_port_t unbound(domid_t dom, domid_t remote, int expected)
{
	struct evtchn_alloc_unbound op = {.dom = dom, .remote_dom = remote};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &op), expected);
	return op.port;
}

static evtchn_port_t bind(domid_t remote, evtchn_port_t port, int expected)
{
	struct evtchn_bind_interdomain op = {.remote_dom = remote, .remote_port = port};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &op), expected);
	return op.local_port;
}

static int send(evtchn_port_t port)
{
	struct evtchn_send op = {.port = port};

	return hypercall_event_channel_op(EVTCHNOP_send, &op);
}

static int close_port(evtchn_port_t port)
{
	struct evtchn_close op = {.port = port};

	return hypercall_event_channel_op(EVTCHNOP_close, &op);
}

static struct evtchn_status status(domid_t dom, evtchn_port_t port, int expected)
{
	struct evtchn_status op = {.dom = dom, .port = port};

	ck_assert_int_eq(hypercall_event_channel_op(EVTCHNOP_status, &op), expected);
	return op;
}

static void channel_between(void)
{
	evtchn_port_t mine, theirs;

	guest_start(&unprivileged);
	model_domain_create(OTHER, false, 0);
	model_domain_create(THIRD, false, 0);
	mine = unbound(DOMID_SELF, OTHER, 0);
	ck_assert_int_eq(xen_evtchn_bind(mine, 0, count_event, NULL), 0);
	ck_assert_int_eq(model_act_as(THIRD), 1);
	bind(1, mine, -XEN_EINVAL); /* it is for another one */
	ck_assert_int_eq(model_act_as(OTHER), THIRD);
	bind(99, mine, -XEN_ESRCH);
	bind(1, mine + 1, -XEN_EINVAL);
	theirs = bind(1, mine, 0);
	bind(1, mine, -XEN_EINVAL);		      /* taken */
	ck_assert(model_domain_event(OTHER, theirs)); /* something may have been sent before */
	ck_assert(!model_domain_event(OTHER, theirs));
	ck_assert_int_eq(send(theirs), 0);
	model_act_as(DOMID_SELF);
	ck_assert_uint_eq(events, 1);
	ck_assert_int_eq(send(mine), 0);
	ck_assert(model_domain_event(OTHER, theirs));
	ck_assert_uint_eq(status(DOMID_SELF, mine, 0).u.interdomain.dom, OTHER);
	ck_assert_uint_eq(status(DOMID_SELF, mine, 0).u.interdomain.port, theirs);
	/* The other end closes: ours is unbound again, and what we send is lost. */
	model_act_as(OTHER);
	ck_assert_int_eq(close_port(theirs), 0);
	model_act_as(DOMID_SELF);
	ck_assert_uint_eq(status(DOMID_SELF, mine, 0).status, EVTCHNSTAT_unbound);
	ck_assert_int_eq(send(mine), 0);
	xen_evtchn_unbind(mine);
	ck_assert_int_eq(close_port(mine), 0);
	ck_assert(model_stop());
}

static void answer(void *arg)
{
	domid_t before = model_act_as(OTHER);

	heard++;
	ck_assert_int_eq(send(*(evtchn_port_t *)arg), 0);
	model_act_as(before);
}

/* A domain with a handler answers at once, whatever the first one is doing. */
static void handlers(void)
{
	static struct xen_lock lock;
	evtchn_port_t mine, theirs;
	unsigned long flags;

	guest_start(NULL);
	model_domain_create(OTHER, false, 0);
	mine = unbound(DOMID_SELF, OTHER, 0);
	model_act_as(OTHER);
	theirs = bind(0, mine, 0);
	model_act_as(DOMID_SELF);
	ck_assert_int_eq(xen_evtchn_bind(mine, 0, count_event, NULL), 0);
	model_domain_event(OTHER, theirs);
	model_domain_on_event(OTHER, theirs, answer, &theirs);
	ck_assert_uint_eq(heard, 0);
	ck_assert_int_eq(send(mine), 0);
	ck_assert_uint_eq(heard, 1);
	ck_assert_uint_eq(events, 1);
	flags = xen_port_lock(&lock);
	ck_assert_int_eq(send(mine), 0);
	ck_assert_uint_eq(heard, 2);
	ck_assert_uint_eq(events, 1); /* interrupts are off */
	xen_port_unlock(&lock, flags);
	ck_assert_uint_eq(events, 2);
	xen_evtchn_unbind(mine);
	ck_assert_int_eq(close_port(mine), 0);
	ck_assert(model_stop());
}

static void privileges(void)
{
	struct gnttab_query_size size = {.dom = 1};
	evtchn_port_t port;

	guest_start(&unprivileged);
	model_domain_create(0, true, 0);
	model_domain_create(OTHER, false, 0);
	unbound(OTHER, DOMID_SELF, -XEN_EPERM);
	unbound(99, DOMID_SELF, -XEN_ESRCH);
	model_act_as(0);
	port = unbound(1, DOMID_SELF, 0); /* the toolstack prepares the guest's port */
	ck_assert_uint_eq(status(1, port, 0).u.unbound.dom, 0);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
	ck_assert_int_eq(size.status, GNTST_okay);
	model_act_as(OTHER);
	status(1, port, -XEN_EPERM);
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
	ck_assert_int_eq(size.status, GNTST_permission_denied);
	model_act_as(DOMID_SELF);
	ck_assert_int_eq(close_port(port), 0);
	ck_assert(model_stop());
}

static struct gnttab_map_grant_ref map(domid_t dom, grant_ref_t ref, uint64_t host)
{
	struct gnttab_map_grant_ref op = {.dom = dom,
					  .ref = ref,
					  .host_addr = host,
					  .flags = host ? GNTMAP_host_map : GNTMAP_device_map};

	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
	ck_assert_int_eq(op.status, GNTST_okay);
	return op;
}

/* What it held is given back, and what others hold of it goes with them. */
static void end_of_domain(void)
{
	uint64_t *mfns = guest_start(NULL), before = model_free_frames(64);
	void *window = xen_port_vm_alloc(1);
	struct gnttab_unmap_grant_ref unmap = {.host_addr = (uintptr_t)window};
	evtchn_port_t mine;
	grant_entry_v1_t *entry = model_grant_entry(0, 20);

	model_domain_create(OTHER, false, 4);
	*entry = (grant_entry_v1_t){
		.flags = GTF_permit_access, .domid = OTHER, .frame = (uint32_t)mfns[900]};
	unmap.handle = map(OTHER, model_grant(OTHER, 0, 2, false), (uintptr_t)window).handle;
	strcpy(model_domain_page(OTHER, 2), "still here");
	mine = unbound(DOMID_SELF, OTHER, 0);
	model_act_as(OTHER);
	bind(0, mine, 0);
	map(0, 20, 0);
	model_act_as(DOMID_SELF);
	ck_assert_uint_eq(entry->flags, GTF_permit_access | GTF_reading | GTF_writing);

	model_domain_destroy(OTHER);
	ck_assert_uint_eq(entry->flags, GTF_permit_access);
	ck_assert_uint_eq(status(DOMID_SELF, mine, 0).status, EVTCHNSTAT_unbound);
	ck_assert(model_domain_exists(OTHER));
	ck_assert_uint_eq(model_free_frames(64), before - 1);
	ck_assert_str_eq(window, "still here");
	ck_assert_int_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
	ck_assert_int_eq(unmap.status, GNTST_okay);
	ck_assert(!model_domain_exists(OTHER));
	ck_assert_uint_eq(model_free_frames(64), before);
	model_domain_create(OTHER, false, 1); /* the number can be had again */
	ck_assert_int_eq(close_port(mine), 0);
	xen_port_vm_free(window, 1);
	ck_assert(model_stop());
}

static const struct unit_case cases[] = {
	{"a channel connects two domains and no third", channel_between},
	{"other domains answer events at once", handlers},
	{"only a control domain acts on others", privileges},
	{"a domain's end gives back all it held", end_of_domain},
};

UNIT_MAIN("model-domain", cases)
