/* SPDX-License-Identifier: MIT */
/*
 * Late end of events: a port that stays masked until the work for its event is done, and longer
 * when there was none. Delayed ports wait in a list without order; there are few.
 *
 * A port leaves the list before its time only by undelay. poll takes it out with just the list's
 * lock held, so what it finds when it then locks the port may be another life of it: it unmasks
 * only a port that is due now and waits for nothing but the time.
 */
#include "evtchn-internal.h"

#define DELAY_MIN 50000u
#define DELAY_MAX 50000000u

static struct xen_lock evtchn_delayed_lock;
static struct evtchn_port *delayed;

void xen_evtchn_eoi_init(void)
{
	delayed = NULL;
}

static void delay(struct evtchn_port *p)
{
	unsigned long flags;

	p->delay = p->delay ? p->delay * 2 : DELAY_MIN;
	if (p->delay > DELAY_MAX)
		p->delay = DELAY_MAX;
	p->due = xen_port_clock_ns() + p->delay;
	flags = xen_port_lock(&evtchn_delayed_lock);
	p->next = delayed;
	xen_store(&delayed, p);
	xen_port_unlock(&evtchn_delayed_lock, flags);
}

void xen_evtchn_undelay(struct evtchn_port *p)
{
	struct evtchn_port **link;
	unsigned long flags;

	if (!p->due)
		return;
	p->due = 0;
	flags = xen_port_lock(&evtchn_delayed_lock);
	for (link = &delayed; *link && *link != p; link = &(*link)->next)
		;
	if (*link)
		xen_store(link, p->next);
	xen_port_unlock(&evtchn_delayed_lock, flags);
}

void xen_evtchn_eoi(evtchn_port_t port, bool spurious)
{
	struct evtchn_port *p = xen_evtchn_find(port);
	unsigned long flags;

	if (!p)
		return;
	flags = xen_port_lock(&p->lock);
	if ((p->masked & EVTCHN_MASK_EOI) && !p->due) {
		if (spurious) {
			delay(p);
		} else {
			p->delay = 0;
			xen_evtchn_unmask_for(p, EVTCHN_MASK_EOI);
		}
	}
	xen_port_unlock(&p->lock, flags);
}

/* One that is due, or NULL and when the next is. */
static struct evtchn_port *take_due(uint64_t now, uint64_t *next)
{
	struct evtchn_port **link, *p;
	unsigned long flags;

	*next = ~0ULL;
	flags = xen_port_lock(&evtchn_delayed_lock);
	for (link = &delayed; (p = *link) != NULL; link = &p->next) {
		uint64_t due = xen_load(&p->due);

		if (due <= now) {
			xen_store(link, p->next);
			break;
		}
		if (due < *next)
			*next = due;
	}
	xen_port_unlock(&evtchn_delayed_lock, flags);
	return p;
}

uint64_t xen_evtchn_poll(void)
{
	uint64_t now, next = ~0ULL;
	struct evtchn_port *p;

	if (!xen_load(&delayed))
		return next;
	now = xen_port_clock_ns();
	while ((p = take_due(now, &next)) != NULL) {
		unsigned long flags = xen_port_lock(&p->lock);

		if (p->due && p->due <= now) {
			p->due = 0;
			xen_evtchn_unmask_for(p, EVTCHN_MASK_EOI);
		}
		xen_port_unlock(&p->lock, flags);
	}
	return next;
}
