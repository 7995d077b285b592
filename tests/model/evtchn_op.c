/* SPDX-License-Identifier: MIT */
/*
 * EVTCHNOP_*: the event channels of one domain. The only other end there is is the domain itself
 * (loopback). A channel is opened unmasked. Model lock held; takes channel_lock.
 */
#include <model/event.h>

#define DOM_SELF_ID(domid) ((domid) == DOMID_SELF || (domid) == model_domid())

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
	if (!channel_valid(op->remote_port) || channel[op->remote_port].state != UNBOUND ||
	    channel[op->remote_port].remote != model_domid())
		return -XEN_EINVAL;
	port = new_port(INTERDOMAIN, op->remote_port);
	if (port < 0)
		return port;
	channel[op->remote_port].state = INTERDOMAIN;
	channel[op->remote_port].remote = (uint32_t)port;
	op->local_port = (evtchn_port_t)port;
	return channel_raise(op->local_port); /* something may have been sent before */
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

	if (!channel_valid(port) || channel[port].state == FREE)
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
	if (!channel_valid(port))
		return -XEN_EINVAL;
	switch (channel[port].state) {
	case INTERDOMAIN:
		return channel_raise(channel[port].remote);
	case IPI:
		return channel_raise(port);
	case UNBOUND:
		return 0; /* silently dropped */
	default:
		return -XEN_EINVAL;
	}
}

static int unmask(evtchn_port_t port)
{
	if (!channel_valid(port))
		return -XEN_EINVAL;
	channel[port].masked = false;
	if (channel[port].pending)
		channel_raise(port);
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
	if (!channel_valid(op->port))
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
	if (!channel_valid(op->port) || channel[op->port].state == FREE ||
	    channel[op->port].state == IPI ||
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
	pthread_mutex_lock(&channel_lock);
	rc = dispatch(cmd, arg);
	pthread_mutex_unlock(&channel_lock);
	return rc;
}
