/* SPDX-License-Identifier: MIT */
/*
 * EVTCHNOP_*: the event channels of the acting domain. Model lock held; takes channel_lock.
 */
#include <model/domain-internal.h>

static int new_port(struct domain *d, enum state state, uint32_t remote)
{
	for (int i = 1; i < NR_CHANNELS; i++) {
		struct channel *c = &d->channel[i];

		if (c->state != FREE)
			continue;
		if ((evtchn_port_t)i > d->last_port)
			d->last_port = (evtchn_port_t)i;
		c->state = state;
		c->remote = remote;
		c->remote_id = d->id;
		c->vcpu = 0;
		c->last_vcpu = 0;
		c->pending = false;
		return i;
	}
	return -XEN_ENOSPC;
}

static int alloc_unbound(struct evtchn_alloc_unbound *op)
{
	struct domain *d = domain_by_any_id(op->dom);
	int port;

	if (!d)
		return -XEN_ESRCH;
	port = new_port(d, UNBOUND, 0);
	if (port < 0)
		return port;
	if (!domain_may_target(d)) {
		d->channel[port].state = FREE;
		return -XEN_EPERM;
	}
	d->channel[port].remote_id = op->remote_dom == DOMID_SELF ? model_domid() : op->remote_dom;
	op->port = (evtchn_port_t)port;
	return 0;
}

static int bind_interdomain(struct domain *d, struct evtchn_bind_interdomain *op)
{
	struct domain *rd = domain_by_any_id(op->remote_dom);
	struct channel *remote;
	int port;

	if (!rd)
		return -XEN_ESRCH;
	port = new_port(d, FREE, op->remote_port);
	if (port < 0)
		return port;
	if (!channel_valid(op->remote_port))
		return -XEN_EINVAL;
	remote = &rd->channel[op->remote_port];
	if (remote->state != UNBOUND || remote->remote_id != d->id)
		return -XEN_EINVAL;
	d->channel[port].state = INTERDOMAIN;
	d->channel[port].remote_id = rd->id;
	remote->state = INTERDOMAIN;
	remote->remote = (uint32_t)port;
	op->local_port = (evtchn_port_t)port;
	return channel_raise(d, op->local_port); /* something may have been sent before */
}

static bool global_virq(uint32_t virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF &&
	       virq != VIRQ_XENPMU;
}

static int bind_virq(struct domain *d, struct evtchn_bind_virq *op)
{
	int port;

	if (op->virq >= NR_VIRQS || (global_virq(op->virq) && op->vcpu))
		return -XEN_EINVAL;
	if (op->vcpu >= model.params.nr_cpus)
		return -XEN_ENOENT;
	for (int i = 1; i < NR_CHANNELS; i++)
		if (d->channel[i].state == VIRQ && d->channel[i].remote == op->virq &&
		    d->channel[i].vcpu == op->vcpu)
			return -XEN_EEXIST;
	port = new_port(d, VIRQ, op->virq);
	if (port < 0)
		return port;
	d->channel[port].vcpu = op->vcpu;
	op->port = (evtchn_port_t)port;
	return 0;
}

static int bind_ipi(struct domain *d, struct evtchn_bind_ipi *op)
{
	int port;

	if (op->vcpu >= model.params.nr_cpus)
		return -XEN_ENOENT;
	port = new_port(d, IPI, 0);
	if (port < 0)
		return port;
	d->channel[port].vcpu = op->vcpu;
	op->port = (evtchn_port_t)port;
	return 0;
}

static int bind_pirq(struct domain *d, struct evtchn_bind_pirq *op)
{
	int port, rc;

	if (d != &domains[0])
		model_breach("model: another domain binds a PIRQ");
	for (int i = 1; i < NR_CHANNELS; i++)
		if (d->channel[i].state == PIRQ && d->channel[i].remote == op->pirq)
			return -XEN_EEXIST;
	port = new_port(d, PIRQ, op->pirq);
	if (port < 0)
		return port;
	rc = physdev_bind(op->pirq, (evtchn_port_t)port);
	if (rc) {
		d->channel[port].state = FREE;
		return rc;
	}
	op->port = (evtchn_port_t)port;
	return 0;
}

int channel_close(struct domain *d, evtchn_port_t port)
{
	struct channel *c;

	if (!channel_valid(port) || d->channel[port].state == FREE)
		return -XEN_EINVAL;
	c = &d->channel[port];
	if (c->state == INTERDOMAIN) {
		struct channel *remote = &domain_by_id(c->remote_id)->channel[c->remote];

		remote->state = UNBOUND;
		remote->remote_id = d->id;
	}
	if (c->state == PIRQ)
		physdev_bind(c->remote, 0);
	c->state = FREE;
	c->pending = false;
	if (d == &domains[0])
		abi_clear(port);
	return 0;
}

static int send(struct domain *d, evtchn_port_t port)
{
	if (!channel_valid(port))
		return -XEN_EINVAL;
	switch (d->channel[port].state) {
	case INTERDOMAIN:
		return channel_raise(domain_by_id(d->channel[port].remote_id),
				     d->channel[port].remote);
	case IPI:
		return channel_raise(d, port);
	case UNBOUND:
		return 0; /* silently dropped */
	default:
		return -XEN_EINVAL;
	}
}

static int unmask(struct domain *d, evtchn_port_t port)
{
	if (port && !channel_valid(port)) /* there is a port 0, which is never open */
		return -XEN_EINVAL;
	if (d == &domains[0]) {
		abi_unmask(&d->channel[port], port);
		event_due();
	}
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
	const struct domain *d = domain_by_any_id(op->dom);
	const struct channel *c;

	if (!d)
		return -XEN_ESRCH;
	if (op->port && !channel_valid(op->port))
		return -XEN_EINVAL;
	if (!domain_may_target(d))
		return -XEN_EPERM;
	c = &d->channel[op->port];
	op->status = names[c->state];
	op->vcpu = c->vcpu;
	if (c->state == UNBOUND)
		op->u.unbound.dom = c->remote_id;
	if (c->state == PIRQ)
		op->u.pirq = c->remote;
	if (c->state == VIRQ)
		op->u.virq = c->remote;
	if (c->state == INTERDOMAIN) {
		op->u.interdomain.dom = c->remote_id;
		op->u.interdomain.port = c->remote;
	}
	return 0;
}

static int bind_vcpu(struct domain *d, const struct evtchn_bind_vcpu *op)
{
	if (op->vcpu >= model.params.nr_cpus)
		return -XEN_ENOENT;
	if (!channel_valid(op->port) || d->channel[op->port].state == FREE ||
	    d->channel[op->port].state == IPI ||
	    (d->channel[op->port].state == VIRQ && !global_virq(d->channel[op->port].remote)))
		return -XEN_EINVAL;
	d->channel[op->port].vcpu = op->vcpu;
	return 0;
}

static int dispatch(struct domain *d, int cmd, void *arg)
{
	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		return alloc_unbound(arg);
	case EVTCHNOP_bind_interdomain:
		return bind_interdomain(d, arg);
	case EVTCHNOP_bind_virq:
		return bind_virq(d, arg);
	case EVTCHNOP_bind_ipi:
		return bind_ipi(d, arg);
	case EVTCHNOP_bind_pirq:
		return bind_pirq(d, arg);
	case EVTCHNOP_bind_vcpu:
		return bind_vcpu(d, arg);
	case EVTCHNOP_close:
		return channel_close(d, ((struct evtchn_close *)arg)->port);
	case EVTCHNOP_send:
		return send(d, ((struct evtchn_send *)arg)->port);
	case EVTCHNOP_unmask:
		return unmask(d, ((struct evtchn_unmask *)arg)->port);
	case EVTCHNOP_status:
		return status(arg);
	case EVTCHNOP_init_control:
		return d == &domains[0] ? abi_init_control(arg) : -XEN_ENOSYS;
	case EVTCHNOP_expand_array:
		return d == &domains[0] ? abi_expand_array(arg) : -XEN_ENOSYS;
	default:
		return -XEN_ENOSYS;
	}
}

int do_event_channel_op(int cmd, void *arg)
{
	int rc;

	if (!arg)
		return cmd >= 0 && cmd <= EVTCHNOP_reset ? -XEN_EFAULT : -XEN_ENOSYS;
	if (cmd == EVTCHNOP_reset)
		model_breach("EVTCHNOP_reset: closes ports that others still use");
	pthread_mutex_lock(&channel_lock);
	rc = dispatch(domain_acting(), cmd, arg);
	pthread_mutex_unlock(&channel_lock);
	return rc;
}
