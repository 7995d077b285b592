/* SPDX-License-Identifier: MIT */
/*
 * Delivery of events. An event becomes pending under the model lock and is delivered outside it: at
 * the end of the hypercall that raised it, when the last lock is released (interrupts are on
 * again), or by model_event(). The first domain's CPUs have the library's event layer; the thread
 * that comes across what is pending for one of them runs its upcall, unless another one does.
 *
 * Lock order: model lock, then this file's; handlers run under neither.
 */
#include <stdio.h>
#include <string.h>

#include <model/domain-internal.h>
#include <xen/evtchn.h>

#define NR_VCPUS XEN_LEGACY_MAX_VCPUS

pthread_mutex_t channel_lock = PTHREAD_MUTEX_INITIALIZER;
static struct xen_evtchn_cpu cpus[NR_VCPUS];
static bool running[NR_VCPUS];
static bool due; /* something may be pending */
static _Thread_local bool in_handler;
static _Thread_local bool elsewhere; /* in the handler of another domain */

bool event_in_handler(void)
{
	return in_handler;
}

void event_start(void)
{
	due = false;
	in_handler = false;
	if (model.params.nr_cpus > NR_VCPUS)
		model_breach("model_start: more than %d CPUs", NR_VCPUS);
	abi_start();
	memset(cpus, 0, sizeof(cpus));
	memset(running, 0, sizeof(running));
	for (unsigned int i = 0; i < model.params.nr_cpus; i++)
		cpus[i].info = abi_vcpu_info(i);
	xen_evtchn_init(model_shared_info(), cpus, model.params.nr_cpus);
}

bool channel_valid(evtchn_port_t port)
{
	return port > 0 && port < NR_CHANNELS;
}

void event_due(void)
{
	__atomic_store_n(&due, true, __ATOMIC_RELEASE);
}

int channel_raise(struct domain *d, evtchn_port_t port)
{
	if (d == &domains[0])
		abi_raise(&d->channel[port], port);
	else
		d->channel[port].pending = d->events_due = true;
	event_due();
	return 0;
}

/* A CPU with something pending that no thread is running, or none. */
static unsigned int find_due(void)
{
	unsigned int i = 0;

	while (i < model.params.nr_cpus &&
	       (running[i] ||
		!__atomic_load_n(&cpus[i].info->evtchn_upcall_pending, __ATOMIC_SEQ_CST)))
		i++;
	return i;
}

/* Other domains run beside the first one: whatever that is doing now. */
static bool deliver_elsewhere(struct domain *d)
{
	bool any = false;

	if (!d->exists || !d->events_due)
		return false;
	d->events_due = false;
	for (evtchn_port_t i = 1; i <= d->last_port; i++) {
		struct channel *c = &d->channel[i];
		void (*handler)(void *) = c->handler;
		void *arg = c->arg;

		if (!c->pending || !handler)
			continue;
		c->pending = false;
		any = true;
		pthread_mutex_unlock(&channel_lock);
		elsewhere = true;
		handler(arg);
		elsewhere = false;
		pthread_mutex_lock(&channel_lock);
	}
	return any;
}

static void run_upcall(unsigned int id)
{
	unsigned int before = xen_port_cpu();
	domid_t domain = model_act_as(DOMID_SELF); /* another one may have sent the event */

	in_handler = true;
	model_set_cpu(id);
	xen_evtchn_upcall(id, 0);
	model_set_cpu(before);
	in_handler = false;
	model_act_as(domain);
	if (lock_depth())
		model_breach("event: a handler returned with a lock held");
}

void event_deliver(void)
{
	unsigned int id;
	bool again = true;

	if (!__atomic_load_n(&due, __ATOMIC_ACQUIRE) || elsewhere)
		return;
	pthread_mutex_lock(&channel_lock);
	while (again) {
		again = false;
		for (unsigned int i = 1; i < MAX_DOMAINS; i++)
			again |= deliver_elsewhere(&domains[i]);
	}
	if (lock_depth() || in_handler) {
		pthread_mutex_unlock(&channel_lock);
		return;
	}
	__atomic_store_n(&due, false, __ATOMIC_RELAXED);
	while ((id = find_due()) < model.params.nr_cpus) {
		running[id] = true;
		pthread_mutex_unlock(&channel_lock);
		run_upcall(id);
		pthread_mutex_lock(&channel_lock);
		running[id] = false;
	}
	pthread_mutex_unlock(&channel_lock);
}

void model_event(evtchn_port_t port)
{
	const struct channel *c;

	model_enter();
	pthread_mutex_lock(&channel_lock);
	if (!channel_valid(port))
		model_breach("model_event: there is no port %u", port);
	/* Nobody can signal a closed port. */
	c = &domains[0].channel[port];
	if (c->state != FREE && (c->state != PIRQ || physdev_fire(c->remote)))
		channel_raise(&domains[0], port);
	pthread_mutex_unlock(&channel_lock);
	model_leave();
	event_deliver();
}

void event_raise(evtchn_port_t port)
{
	pthread_mutex_lock(&channel_lock);
	channel_raise(&domains[0], port);
	pthread_mutex_unlock(&channel_lock);
}

void event_forget_pirq(evtchn_port_t port)
{
	pthread_mutex_lock(&channel_lock);
	domains[0].channel[port].remote = ~0u;
	pthread_mutex_unlock(&channel_lock);
}

void model_domain_on_event(domid_t id, evtchn_port_t port, void (*handler)(void *arg), void *arg)
{
	struct domain *d;

	model_enter();
	d = domain_by_id(id);
	if (!d || d == &domains[0] || !channel_valid(port))
		model_breach("model_domain_on_event: there is no such port");
	pthread_mutex_lock(&channel_lock);
	d->channel[port].handler = handler;
	d->channel[port].arg = arg;
	d->events_due = true;
	event_due();
	pthread_mutex_unlock(&channel_lock);
	model_leave();
	event_deliver();
}

bool model_domain_event(domid_t id, evtchn_port_t port)
{
	struct domain *d;
	bool pending;

	model_enter();
	d = domain_by_id(id);
	if (!d || d == &domains[0] || !channel_valid(port))
		model_breach("model_domain_event: there is no such port");
	pthread_mutex_lock(&channel_lock);
	pending = d->channel[port].pending;
	d->channel[port].pending = false;
	pthread_mutex_unlock(&channel_lock);
	model_leave();
	return pending;
}

bool event_stop(void)
{
	bool ok = true;

	for (evtchn_port_t i = 1; i < NR_CHANNELS; i++) {
		bool open = domains[0].channel[i].state != FREE;

		if (!open && abi_is_masked(i))
			continue;
		fprintf(stderr, "model_stop: event port %u is %s\n", i,
			open ? "open" : "closed but not masked");
		ok = false;
	}
	return ok;
}
