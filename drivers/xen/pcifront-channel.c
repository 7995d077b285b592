/* SPDX-License-Identifier: MIT */
/*
 * The frontend's channel: one granted page and one event channel, used by who has the turn.
 * Invariants: page, grant and port are there all three or none; a page that was given up is never
 * used again, so what a backend still writes there hits nothing; a broken channel does not become
 * whole. The event handler only notes that something came: the port stays masked until somebody
 * has looked (late EOI).
 */
#include "pcifront-internal.h"

bool xen_front_try_turn(void *arg)
{
	struct xen_pcifront *front = arg;
	unsigned long flags = xen_port_lock(&front->lock);
	bool free = !front->busy;

	xen_store(&front->busy, true);
	xen_port_unlock(&front->lock, flags);
	return free;
}

/* Who has it gives it back when its operation was answered or its time is over. */
void xen_front_take_turn(struct xen_pcifront *front)
{
	while (!xen_port_wait(xen_front_try_turn, front, xen_port_clock_ns() + XEN_PCIFRONT_OP_NS))
		;
}

void xen_front_end_turn(struct xen_pcifront *front)
{
	unsigned long flags = xen_port_lock(&front->lock);

	xen_store(&front->busy, false);
	xen_port_unlock(&front->lock, flags);
}

static void event(void *arg)
{
	struct xen_pcifront *front = arg;

	__atomic_store_n(&front->signalled, 1, __ATOMIC_RELEASE);
}

/* With the turn: the event of an operation under way is for who waits for its answer. */
void xen_front_rearm(struct xen_pcifront *front, bool useful)
{
	uint32_t had = xen_load(&front->error_due);

	if (!__atomic_exchange_n(&front->signalled, 0, __ATOMIC_ACQ_REL)) {
		front->owed |= useful; /* the answer was seen before its event */
		return;
	}
	useful |= front->owed;
	front->owed = false;
	if (xen_load(&front->info->flags) & XEN_PCIB_active) {
		xen_store(&front->error_due, 1);
		if (!had) /* who is here now may be somebody who waits for an operation */
			xen_store_release(&front->dirty, 1);
		useful |= !had;
	}
	xen_evtchn_eoi(front->port, !useful);
}

/* With the turn: who has it next finds all of the channel or nothing. */
static int open_channel(struct xen_pcifront *front, void *page)
{
	evtchn_port_t port;
	int rc = xen_evtchn_alloc_unbound(front->backend_id, &port);

	if (rc)
		return rc;
	front->port = port;
	front->info = page;
	front->info->flags = XEN_PCIB_AERHANDLER;
	xen_store(&front->signalled, 0);
	xen_store(&front->error_due, 0);
	front->owed = false;
	rc = xen_evtchn_bind(port, XEN_EVTCHN_LATE_EOI, event, front);
	if (rc) {
		xen_evtchn_close(port);
		front->info = NULL;
		front->port = 0;
		return rc;
	}
	xen_store_release(&front->broken, 0);
	return 0;
}

int xen_front_open(struct xen_pcifront *front)
{
	void *page;
	int rc;

	page = xen_grant_page(front->backend_id, &front->ref, &rc);
	if (!page)
		return rc;
	xen_front_take_turn(front);
	rc = open_channel(front, page);
	xen_front_end_turn(front);
	if (rc)
		xen_grant_page_free(page, front->ref);
	return rc;
}

void xen_front_break(struct xen_pcifront *front)
{
	__atomic_store_n(&front->broken, 1, __ATOMIC_SEQ_CST);
}

void xen_front_close(struct xen_pcifront *front)
{
	void *page;

	if (!front->info)
		return;
	xen_front_break(front);
	xen_front_take_turn(front);
	xen_evtchn_close(front->port);
	page = front->info;
	front->info = NULL;
	front->port = 0;
	xen_store(&front->signalled, 0);
	xen_store(&front->error_due, 0);
	xen_grant_page_free(page, front->ref);
	xen_front_end_turn(front);
}
