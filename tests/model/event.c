/* SPDX-License-Identifier: MIT */
/*
 * Delivery of events to the port's handlers. An event becomes
 * pending under the model lock and is delivered outside it: at the end of the hypercall that
 * raised it, when the last lock is released (interrupts are on again), or by model_event(). A
 * handler runs on one CPU at a time and is never interrupted by another one.
 *
 * Lock order: model lock, then this file's; handlers run under neither.
 */
#include <stdio.h>
#include <string.h>

#include <model/domain-internal.h>

pthread_mutex_t channel_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;
static struct channel *const channel = domains[0].channel;
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
}

bool channel_valid(evtchn_port_t port)
{
	return port > 0 && port < NR_CHANNELS;
}

int channel_raise(struct domain *d, evtchn_port_t port)
{
	d->channel[port].pending = true;
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

/* Other domains run beside the first one: whatever that is doing now. */
static bool deliver_elsewhere(struct domain *d)
{
	bool any = false;

	for (evtchn_port_t i = 1; d->exists && i < NR_CHANNELS; i++) {
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

void event_deliver(void)
{
	evtchn_port_t port;
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
	while ((port = find_due()) != 0) {
		struct channel *c = &channel[port];
		void (*handler)(void *) = c->handler;
		void *arg = c->arg;

		c->pending = false;
		c->running = true;
		pthread_mutex_unlock(&channel_lock);
		in_handler = true;
		handler(arg);
		in_handler = false;
		if (lock_depth())
			model_breach("event %u: its handler returned with a lock held", port);
		pthread_mutex_lock(&channel_lock);
		c->running = false;
		pthread_cond_broadcast(&finished);
	}
	pthread_mutex_unlock(&channel_lock);
}

void model_event(evtchn_port_t port)
{
	model_enter();
	pthread_mutex_lock(&channel_lock);
	if (!channel_valid(port))
		model_breach("model_event: there is no port %u", port);
	/* Nobody can signal a closed port. */
	if (channel[port].state != FREE &&
	    (channel[port].state != PIRQ || physdev_fire(channel[port].remote)))
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

int xen_port_event_bind(evtchn_port_t port, void (*handler)(void *arg), void *arg)
{
	int rc = 0;

	if (!channel_valid(port))
		return -XEN_ENOSPC;
	pthread_mutex_lock(&channel_lock);
	if (channel[port].handler) {
		rc = -XEN_EBUSY;
	} else {
		channel[port].handler = handler;
		channel[port].arg = arg;
		__atomic_store_n(&due, true, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&channel_lock);
	return rc;
}

void xen_port_event_unbind(evtchn_port_t port)
{
	if (!channel_valid(port))
		model_breach("xen_port_event_unbind: there is no port %u", port);
	if (lock_depth())
		model_breach("xen_port_event_unbind: waits for the handler, but a lock is held");
	pthread_mutex_lock(&channel_lock);
	if (in_handler && channel[port].running)
		model_breach("xen_port_event_unbind: called by the handler it would wait for");
	channel[port].handler = NULL;
	while (channel[port].running)
		pthread_cond_wait(&finished, &channel_lock);
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
	__atomic_store_n(&due, true, __ATOMIC_RELEASE);
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

void model_event_mask(evtchn_port_t port, bool masked)
{
	pthread_mutex_lock(&channel_lock);
	if (!channel_valid(port))
		model_breach("model_event_mask: there is no port %u", port);
	channel[port].masked = masked;
	__atomic_store_n(&due, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&channel_lock);
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
