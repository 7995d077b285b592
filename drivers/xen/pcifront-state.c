/* SPDX-License-Identifier: MIT */
/*
 * The frontend's state machine: looks where the backend is and does the next thing. Each step may
 * be repeated: it compares with what there is, so that one that failed half-way (xenstore did not
 * answer, a driver is busy) is simply done again. Invariants: a phase that waits for the backend
 * has a deadline, after which the connection is given up; the channel is open in PUBLISHED,
 * CONNECTED, RECONFIGURING, DRAINING and CLOSING at most; devices are there in CONNECTED,
 * RECONFIGURING and DRAINING at most. A connection is offered again after a time that doubles.
 * Serving thread only.
 */
#include "pcifront-internal.h"

#define SECOND 1000000000ULL
#define RETRY_NS (SECOND / 10) /* xenstore does not answer */
#define BUSY_NS (SECOND / 100) /* a driver does not let go yet */
#define BACKOFF_MIN SECOND     /* between two connections that failed */
#define BACKOFF_MAX (64 * SECOND)
#define LASTING (10 * SECOND) /* a connection so long is none that failed */
#define PAGES_LOST 32	      /* that the backend keeps: then it waits for them */

static void enter(struct xen_pcifront *front, enum front_phase phase, uint64_t wait)
{
	front->phase = phase;
	front->deadline = wait == FRONT_NEVER ? FRONT_NEVER : xen_port_clock_ns() + wait;
}

static bool overdue(const struct xen_pcifront *front)
{
	return xen_port_clock_ns() >= front->deadline;
}

/* The step failed with @rc, or has to be done again: not before @wait has passed. */
static bool later(struct xen_pcifront *front, int rc, uint64_t wait)
{
	if (rc && rc != -XEN_EBUSY)
		front_log(front, XEN_LOG_WARN, "%s: error %d, to be tried again",
			  xen_xenbus_state_name(front->state), rc);
	front->retry = xen_port_clock_ns() + wait;
	return false;
}

/* One that lasted was none that failed, however long it takes until the next. */
static void end_connection(struct xen_pcifront *front)
{
	if (front->connected_at && xen_port_clock_ns() - front->connected_at >= LASTING)
		front->backoff = front->next_connect = 0;
	front->connected_at = 0;
}

void xen_front_drop(struct xen_pcifront *front)
{
	end_connection(front);
	xen_front_break(front);
	xen_front_remove_devices(front, true, true);
	xen_front_close(front);
	front->drain_until = 0;
	front->ask_again = 0;
	enter(front, FRONT_IDLE, FRONT_NEVER);
}

void xen_front_drain(struct xen_pcifront *front, bool gone, bool again)
{
	end_connection(front);
	if (gone)
		xen_front_break(front);
	front->gone = gone;
	front->again = again;
	front->ask_again = 0;
	front->drain_until = xen_port_clock_ns() + XEN_PCIFRONT_STEP_NS;
	enter(front, FRONT_DRAINING, FRONT_NEVER);
}

/* --- connecting ---------------------------------------------------------------------------- */

static void count_attempt(struct xen_pcifront *front)
{
	front->backoff = front->backoff ? 2 * front->backoff : BACKOFF_MIN;
	if (front->backoff > BACKOFF_MAX)
		front->backoff = BACKOFF_MAX;
	front->next_connect = xen_port_clock_ns() + front->backoff;
}

static bool connect(struct xen_pcifront *front)
{
	int rc;

	/* That the backend came back to an offer is still the same attempt. */
	if (!front->offered && xen_port_clock_ns() < front->next_connect)
		return false;
	xen_grant_reap();
	if (xen_grant_kept(front->backend_id) > PAGES_LOST)
		return later(front, -XEN_EBUSY, SECOND);
	if (!front->offered)
		count_attempt(front);
	front->offered = false;
	rc = xen_front_open(front);
	if (rc)
		return later(front, rc, RETRY_NS);
	rc = xen_front_publish(front);
	if (rc) {
		xen_front_close(front);
		return later(front, rc, RETRY_NS);
	}
	enter(front, FRONT_PUBLISHED, XEN_PCIFRONT_STEP_NS);
	return true;
}

/* The backend is ready: find out for what. */
static bool attach(struct xen_pcifront *front)
{
	int rc = xen_front_read_list(front);

	if (rc == -XEN_EINVAL) {
		xen_front_drain(front, false, true);
		return true;
	}
	if (!rc && xen_front_remove_devices(front, false, false))
		rc = -XEN_EBUSY; /* something went without a word, and its driver does not know */
	if (rc && !overdue(front))
		return later(front, rc, rc == -XEN_EBUSY ? BUSY_NS : RETRY_NS);
	if (rc) {
		xen_front_drain(front, true, true);
		return true;
	}
	xen_front_add_devices(front);
	if (xen_load(&front->broken))
		return true;
	rc = xen_front_write_state(front, XenbusStateConnected);
	if (rc)
		return later(front, rc, RETRY_NS);
	if (!front->connected_at) { /* of this attempt */
		front->stats.connects++;
		front->connected_at = xen_port_clock_ns();
	}
	enter(front, FRONT_CONNECTED, FRONT_NEVER);
	return true;
}

/* --- reconfiguring ------------------------------------------------------------------------- */

/* Drivers have had their time: the device stays, until one of the times they are asked again. */
static void refuse(struct xen_pcifront *front)
{
	if (!front->ask_again)
		front_log(front, XEN_LOG_WARN,
			  "a driver does not let go: nothing is taken away before it does");
	front->ask_wait = front->ask_again ? 2 * front->ask_wait : BACKOFF_MIN;
	if (front->ask_wait > BACKOFF_MAX)
		front->ask_wait = BACKOFF_MAX;
	front->ask_again = xen_port_clock_ns() + front->ask_wait;
	front->drain_until = 0;
}

/* The tool adds or takes away: let go of what goes, then say so. */
static bool reconfigure(struct xen_pcifront *front)
{
	int rc;

	if (xen_port_clock_ns() < front->ask_again)
		return false;
	if (!front->drain_until) {
		if (!xen_bucket_take(&front->cycles))
			return later(front, 0, RETRY_NS);
		front->drain_until = xen_port_clock_ns();
		if (!front->ask_again) /* the first time they are asked all the while */
			front->drain_until += XEN_PCIFRONT_STEP_NS;
	}
	rc = xen_front_read_list(front);
	if (rc == -XEN_EINVAL) {
		xen_front_drain(front, false, true);
		return true;
	}
	if (rc)
		return later(front, rc, RETRY_NS);
	if (xen_front_remove_devices(front, false, false)) {
		if (xen_port_clock_ns() < front->drain_until)
			return later(front, -XEN_EBUSY, BUSY_NS);
		refuse(front);
		return false;
	}
	if (xen_load(&front->broken))
		return true;
	rc = xen_front_write_state(front, XenbusStateReconfiguring);
	if (rc)
		return later(front, rc, RETRY_NS);
	front->drain_until = 0;
	front->ask_again = 0;
	enter(front, FRONT_RECONFIGURING, XEN_PCIFRONT_STEP_NS);
	return true;
}

/* --- what each phase makes of the backend's state
 * ------------------------------------------------- */

/* The backend has another life, or none any more: what we share with it is no use to anybody. */
static bool start_over(struct xen_pcifront *front)
{
	int rc;

	xen_front_drop(front);
	xen_front_withdraw(front);
	rc = xen_front_write_state(front, XenbusStateInitialising);
	return rc ? later(front, rc, RETRY_NS) : true;
}

static bool step_idle(struct xen_pcifront *front)
{
	switch (front->other_state) {
	case XenbusStateInitWait:
	case XenbusStateInitialised:
		return connect(front);
	case XenbusStateUnknown:
	case XenbusStateInitialising:
		return false;
	case XenbusStateClosing:
	case XenbusStateClosed:
		/* It may be on its way to another life, or need an offer to begin one. */
		if (front->deadline == FRONT_NEVER)
			enter(front, FRONT_IDLE, XEN_PCIFRONT_STEP_NS);
		if (!overdue(front))
			return false;
		front_log(front, XEN_LOG_WARN, "the backend stays %s: to be offered a connection",
			  xen_xenbus_state_name(front->other_state));
		front->again = true;
		enter(front, FRONT_CLOSING, 0);
		return true;
	default: /* it is connected to somebody before us */
		xen_front_drain(front, true, true);
		return true;
	}
}

/* PUBLISHED and RECONFIGURING: the backend has something to do. */
static bool step_waiting(struct xen_pcifront *front)
{
	enum xenbus_state waits = front->phase == FRONT_RECONFIGURING ? XenbusStateReconfiguring
								      : XenbusStateInitialised;

	if (front->other_state == XenbusStateConnected ||
	    front->other_state == XenbusStateReconfigured)
		return attach(front);
	if (front->other_state == XenbusStateReconfiguring && waits != front->other_state)
		return reconfigure(front);
	if (!overdue(front))
		return false;
	front_log(front, XEN_LOG_ERROR, "the backend stays %s",
		  xen_xenbus_state_name(front->other_state));
	xen_front_drain(front, true, true);
	return true;
}

static bool step_connected(struct xen_pcifront *front)
{
	if (front->other_state == XenbusStateReconfiguring)
		return reconfigure(front);
	front->ask_again = 0;
	front->drain_until = 0;
	return false;
}

/* Those with a channel. */
static bool step_open(struct xen_pcifront *front)
{
	enum xenbus_state other = front->other_state;

	if (xen_load(&front->broken)) {
		xen_front_drain(front, true, true);
		return true;
	}
	if (other == XenbusStateClosing || other == XenbusStateClosed) {
		xen_front_drain(front, other == XenbusStateClosed, false);
		return true;
	}
	if (other == XenbusStateUnknown || other == XenbusStateInitialising ||
	    (front->phase != FRONT_PUBLISHED &&
	     (other == XenbusStateInitWait || other == XenbusStateInitialised)))
		return start_over(front);
	return front->phase == FRONT_CONNECTED ? step_connected(front) : step_waiting(front);
}

static bool step_draining(struct xen_pcifront *front)
{
	bool gone = front->gone || xen_load(&front->broken) ||
		    xen_port_clock_ns() >= front->drain_until;
	int rc;

	if (xen_front_remove_devices(front, true, gone))
		return later(front, -XEN_EBUSY, BUSY_NS);
	rc = xen_front_write_state(front, XenbusStateClosing);
	if (rc)
		return later(front, rc, RETRY_NS);
	front->drain_until = 0;
	enter(front, FRONT_CLOSING, XEN_PCIFRONT_STEP_NS);
	return true;
}

/* Does the backend, by its state, have the page no more? */
static bool let_go(enum xenbus_state other)
{
	return other < XenbusStateInitialised || other == XenbusStateClosing ||
	       other == XenbusStateClosed;
}

static bool step_closing(struct xen_pcifront *front)
{
	int rc;

	if (!let_go(front->other_state) && !overdue(front))
		return false;
	/* What is freed while the backend has it goes to quarantine: it will let go now. */
	if (front->info && xen_grant_in_use(front->ref) && !overdue(front))
		return later(front, -XEN_EBUSY, BUSY_NS);
	xen_front_close(front);
	xen_front_withdraw(front);
	rc = xen_front_write_state(front, XenbusStateClosed);
	if (rc)
		return later(front, rc, RETRY_NS);
	enter(front, FRONT_CLOSED, XEN_PCIFRONT_STEP_NS);
	return true;
}

static bool step_closed(struct xen_pcifront *front)
{
	enum xenbus_state other = front->other_state;
	int rc;

	if (front->stopping)
		return false;
	if (other == XenbusStateInitWait || other == XenbusStateInitialised) {
		enter(front, FRONT_IDLE, FRONT_NEVER);
		return true;
	}
	if (!front->again)
		return false;
	/* Closing is not enough: it could take what we offer now for what it closes. */
	if (!overdue(front) && other != XenbusStateClosed && other != XenbusStateUnknown &&
	    other != XenbusStateInitialising)
		return false;
	if (xen_port_clock_ns() < front->next_connect)
		return false;
	rc = xen_front_write_state(front, XenbusStateInitialising);
	if (rc)
		return later(front, rc, RETRY_NS);
	count_attempt(front);
	front->offered = true;
	enter(front, FRONT_IDLE, XEN_PCIFRONT_STEP_NS);
	return true;
}

/* Is there a backend, and what does it do? False: not now, or there is none. */
static bool look(struct xen_pcifront *front)
{
	bool replaced = false;
	int rc = 0;

	if (!front->backend[0] || xen_load(&front->own_changed))
		rc = xen_front_read_own(front, &replaced);
	if (rc == -XEN_ENOENT || replaced) { /* the toolstack's doing: no reason to wait */
		xen_front_drop(front);
		xen_front_forget(front);
		front->state = XenbusStateClosed;
		front->backoff = front->next_connect = 0;
		xen_store(&front->own_changed, replaced);
		return replaced ? look(front) : false;
	}
	if (!rc)
		rc = xen_front_read_other(front);
	return rc ? later(front, rc, RETRY_NS) : true;
}

bool xen_front_step(struct xen_pcifront *front)
{
	if (xen_port_clock_ns() < front->retry)
		return false;
	front->retry = 0;
	if (!look(front))
		return false;
	switch (front->phase) {
	case FRONT_IDLE:
		return front->stopping ? false : step_idle(front);
	case FRONT_PUBLISHED:
	case FRONT_CONNECTED:
	case FRONT_RECONFIGURING:
		return step_open(front);
	case FRONT_DRAINING:
		return step_draining(front);
	case FRONT_CLOSING:
		return step_closing(front);
	default:
		return step_closed(front);
	}
}
