/* SPDX-License-Identifier: MIT */
/*
 * Event channels of one domain, and their delivery to handlers of the port. An event becomes
 * pending under the model lock and is delivered outside it: at the end of the hypercall that
 * raised it, when the last lock is released (interrupts are on again), or by model_event(). A
 * handler runs on one CPU at a time and is never interrupted by another one.
 *
 * Lock order: model lock, then this file's; handlers run under neither.
 */
#include <stdio.h>
#include <string.h>

#include <model/internal.h>

#define NR_CHANNELS 1024
#define DOM_SELF_ID(domid) ((domid) == DOMID_SELF || (domid) == model_domid())

enum state { FREE, UNBOUND, INTERDOMAIN, PIRQ, VIRQ, IPI };

struct channel {
	enum state state;
	uint32_t remote; /* INTERDOMAIN: port; PIRQ, VIRQ: number */
	uint32_t vcpu;
	bool pending, masked;
	bool running;
	void (*handler)(void *arg);
	void *arg;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;
static struct channel channel[NR_CHANNELS];
static bool due; /* something may be pending */
static _Thread_local bool in_handler;

domid_t model_domid(void)
{
	return model.params.domu ? 1 : 0;
}

void event_start(void)
{
	memset(channel, 0, sizeof(channel));
	due = false;
	in_handler = false;
}

static bool valid(evtchn_port_t port)
{
	return port > 0 && port < NR_CHANNELS;
}

static int raise_event(evtchn_port_t port)
{
	channel[port].pending = true;
	__atomic_store_n(&due, true, __ATOMIC_RELEASE);
	return 0;
}

static evtchn_port_t find_due(void)
{
	for (evtchn_port_t i = 1; i < NR_CHANNELS; i++)
		if (channel[i].pending && !channel[i].masked && channel[i].handler &&
		    !channel[i].running)
			return i;
	return 0;
}

void event_deliver(void)
{
	evtchn_port_t port;

	if (!__atomic_load_n(&due, __ATOMIC_ACQUIRE) || lock_depth() || in_handler)
		return;
	pthread_mutex_lock(&lock);
	__atomic_store_n(&due, false, __ATOMIC_RELAXED);
	while ((port = find_due()) != 0) {
		struct channel *c = &channel[port];
		void (*handler)(void *) = c->handler;
		void *arg = c->arg;

		c->pending = false;
		c->running = true;
		pthread_mutex_unlock(&lock);
		in_handler = true;
		handler(arg);
		in_handler = false;
		if (lock_depth())
			model_breach("event %u: its handler returned with a lock held", port);
		pthread_mutex_lock(&lock);
		c->running = false;
		pthread_cond_broadcast(&finished);
	}
	pthread_mutex_unlock(&lock);
}

void model_event(evtchn_port_t port)
{
	pthread_mutex_lock(&lock);
	if (!valid(port))
		model_breach("model_event: there is no port %u", port);
	if (channel[port].state != FREE) /* nobody can signal a closed port */
		raise_event(port);
	pthread_mutex_unlock(&lock);
	event_deliver();
}

int xen_port_event_bind(evtchn_port_t port, void (*handler)(void *arg), void *arg)
{
	int rc = 0;

	if (!valid(port))
		return -XEN_ENOSPC;
	pthread_mutex_lock(&lock);
	if (channel[port].handler) {
		rc = -XEN_EBUSY;
	} else {
		channel[port].handler = handler;
		channel[port].arg = arg;
		__atomic_store_n(&due, true, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

void xen_port_event_unbind(evtchn_port_t port)
{
	if (!valid(port))
		model_breach("xen_port_event_unbind: there is no port %u", port);
	pthread_mutex_lock(&lock);
	if (in_handler && channel[port].running)
		model_breach("xen_port_event_unbind: called by the handler it would wait for");
	channel[port].handler = NULL;
	while (channel[port].running)
		pthread_cond_wait(&finished, &lock);
	pthread_mutex_unlock(&lock);
}

static int new_port(enum state state, uint32_t remote)
{
	for (int i = 1; i < NR_CHANNELS; i++) {
		if (channel[i].state != FREE)
			continue;
		channel[i].state = state;
		channel[i].remote = remote;
		channel[i].vcpu = 0;
		channel[i].pending = false;
		channel[i].masked = false;
		return i;
	}
	return -XEN_ENOSPC;
}

static int alloc_unbound(struct evtchn_alloc_unbound *op)
{
	int port;

	if (!DOM_SELF_ID(op->dom))
		return -XEN_ESRCH;
	port = new_port(UNBOUND, op->remote_dom == DOMID_SELF ? model_domid() : op->remote_dom);
	if (port < 0)
		return port;
	op->port = (evtchn_port_t)port;
	return 0;
}

static int bind_interdomain(struct evtchn_bind_interdomain *op)
{
	int port;

	if (!DOM_SELF_ID(op->remote_dom))
		return -XEN_ESRCH;
	if (!valid(op->remote_port) || channel[op->remote_port].state != UNBOUND ||
	    channel[op->remote_port].remote != model_domid())
		return -XEN_EINVAL;
	port = new_port(INTERDOMAIN, op->remote_port);
	if (port < 0)
		return port;
	channel[op->remote_port].state = INTERDOMAIN;
	channel[op->remote_port].remote = (uint32_t)port;
	op->local_port = (evtchn_port_t)port;
	return raise_event(op->local_port); /* something may have been sent before */
}

static bool global_virq(uint32_t virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF &&
	       virq != VIRQ_XENPMU;
}

static int bind_virq(struct evtchn_bind_virq *op)
{
	int port;

	if (op->virq >= NR_VIRQS || (global_virq(op->virq) && op->vcpu))
		return -XEN_EINVAL;
	if (op->vcpu >= model.params.nr_cpus)
		return -XEN_ENOENT;
	for (int i = 1; i < NR_CHANNELS; i++)
		if (channel[i].state == VIRQ && channel[i].remote == op->virq &&
		    channel[i].vcpu == op->vcpu)
			return -XEN_EEXIST;
	port = new_port(VIRQ, op->virq);
	if (port < 0)
		return port;
	channel[port].vcpu = op->vcpu;
	op->port = (evtchn_port_t)port;
	return 0;
}

static int bind_ipi(struct evtchn_bind_ipi *op)
{
	int port;

	if (op->vcpu >= model.params.nr_cpus)
		return -XEN_ENOENT;
	port = new_port(IPI, 0);
	if (port < 0)
		return port;
	channel[port].vcpu = op->vcpu;
	op->port = (evtchn_port_t)port;
	return 0;
}

static int bind_pirq(struct evtchn_bind_pirq *op)
{
	int port, rc;

	for (int i = 1; i < NR_CHANNELS; i++)
		if (channel[i].state == PIRQ && channel[i].remote == op->pirq)
			return -XEN_EEXIST;
	port = new_port(PIRQ, op->pirq);
	if (port < 0)
		return port;
	rc = physdev_bind(op->pirq, (evtchn_port_t)port);
	if (rc) {
		channel[port].state = FREE;
		return rc;
	}
	op->port = (evtchn_port_t)port;
	return 0;
}

static int close_port(evtchn_port_t port)
{
	struct channel *c;

	if (!valid(port) || channel[port].state == FREE)
		return -XEN_EINVAL;
	c = &channel[port];
	if (c->state == INTERDOMAIN) {
		channel[c->remote].state = UNBOUND;
		channel[c->remote].remote = model_domid();
	}
	if (c->state == PIRQ)
		physdev_bind(c->remote, 0);
	c->state = FREE;
	c->pending = false;
	return 0;
}

static int send(evtchn_port_t port)
{
	if (!valid(port))
		return -XEN_EINVAL;
	switch (channel[port].state) {
	case INTERDOMAIN:
		return raise_event(channel[port].remote);
	case IPI:
		return raise_event(port);
	case UNBOUND:
		return 0; /* silently dropped */
	default:
		return -XEN_EINVAL;
	}
}

static int unmask(evtchn_port_t port)
{
	if (!valid(port))
		return -XEN_EINVAL;
	channel[port].masked = false;
	if (channel[port].pending)
		raise_event(port);
	return 0;
}

static int status(struct evtchn_status *op)
{
	static const uint32_t names[] = {
		[FREE] = EVTCHNSTAT_closed,
		[UNBOUND] = EVTCHNSTAT_unbound,
		[INTERDOMAIN] = EVTCHNSTAT_interdomain,
		[PIRQ] = EVTCHNSTAT_pirq,
		[VIRQ] = EVTCHNSTAT_virq,
		[IPI] = EVTCHNSTAT_ipi,
	};
	const struct channel *c;

	if (!DOM_SELF_ID(op->dom))
		return -XEN_ESRCH;
	if (!valid(op->port))
		return -XEN_EINVAL;
	c = &channel[op->port];
	op->status = names[c->state];
	op->vcpu = c->vcpu;
	if (c->state == UNBOUND)
		op->u.unbound.dom = (domid_t)c->remote;
	if (c->state == PIRQ)
		op->u.pirq = c->remote;
	if (c->state == VIRQ)
		op->u.virq = c->remote;
	if (c->state == INTERDOMAIN) {
		op->u.interdomain.dom = model_domid();
		op->u.interdomain.port = c->remote;
	}
	return 0;
}

static int bind_vcpu(const struct evtchn_bind_vcpu *op)
{
	if (op->vcpu >= model.params.nr_cpus)
		return -XEN_ENOENT;
	if (!valid(op->port) || channel[op->port].state == FREE || channel[op->port].state == IPI ||
	    (channel[op->port].state == VIRQ && !global_virq(channel[op->port].remote)))
		return -XEN_EINVAL;
	channel[op->port].vcpu = op->vcpu;
	return 0;
}

static int dispatch(int cmd, void *arg)
{
	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		return alloc_unbound(arg);
	case EVTCHNOP_bind_interdomain:
		return bind_interdomain(arg);
	case EVTCHNOP_bind_virq:
		return bind_virq(arg);
	case EVTCHNOP_bind_ipi:
		return bind_ipi(arg);
	case EVTCHNOP_bind_pirq:
		return bind_pirq(arg);
	case EVTCHNOP_bind_vcpu:
		return bind_vcpu(arg);
	case EVTCHNOP_close:
		return close_port(((struct evtchn_close *)arg)->port);
	case EVTCHNOP_send:
		return send(((struct evtchn_send *)arg)->port);
	case EVTCHNOP_unmask:
		return unmask(((struct evtchn_unmask *)arg)->port);
	case EVTCHNOP_status:
		return status(arg);
	default:
		return -XEN_ENOSYS;
	}
}

int do_event_channel_op(int cmd, void *arg)
{
	int rc;

	if (!arg)
		return -XEN_EFAULT;
	if (cmd == EVTCHNOP_reset)
		model_breach("EVTCHNOP_reset: closes ports that others still use");
	pthread_mutex_lock(&lock);
	rc = dispatch(cmd, arg);
	pthread_mutex_unlock(&lock);
	return rc;
}

void model_event_mask(evtchn_port_t port, bool masked)
{
	pthread_mutex_lock(&lock);
	if (!valid(port))
		model_breach("model_event_mask: there is no port %u", port);
	channel[port].masked = masked;
	__atomic_store_n(&due, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
	event_deliver();
}

bool event_stop(void)
{
	bool ok = true;

	for (int i = 1; i < NR_CHANNELS; i++) {
		if (channel[i].state == FREE && !channel[i].handler)
			continue;
		fprintf(stderr, "model_stop: event port %d is %s\n", i,
			channel[i].state == FREE ? "closed but has a handler" : "open");
		ok = false;
	}
	return ok;
}
