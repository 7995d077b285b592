/* SPDX-License-Identifier: MIT */
/*
 * The life of a PCI frontend: start, what is due, stop. Invariant: due is when the next step is to
 * be made if nothing happens before. All but xen_pcifront_pending() and the statistics belongs to
 * the serving thread.
 */
#include "pcifront-internal.h"

#define SECOND 1000000000ULL
#define POLL_NS (SECOND / 100) /* while stopping */
#define ERROR_NS (SECOND / 10) /* between error reports, when there are many */
#define STEPS 16	       /* of a call of work, whatever the backend does */
#define LOOK_NS (3 * SECOND)   /* without an event, for one may be lost */

/* "device/pci/@handle" */
static void set_path(struct xen_pcifront *front, unsigned int handle)
{
	static const char start[] = "device/pci/";
	unsigned int nr = 1, rest;
	char *at;

	for (rest = handle; rest >= 10; rest /= 10)
		nr++;
	__builtin_memcpy(front->path, start, sizeof(start));
	at = front->path + sizeof(start) - 1 + nr;
	*at = 0;
	do {
		*--at = (char)('0' + handle % 10);
		handle /= 10;
	} while (handle);
}

struct xen_pcifront *xen_pcifront_start(unsigned int handle, const struct xen_pcifront_ops *ops,
					void *arg, int *err)
{
	struct xen_pcifront *front = xen_port_alloc(sizeof(*front));
	bool replaced;
	int rc = -XEN_ENOMEM;

	if (!front)
		goto fail;
	front->handle = handle;
	front->ops = ops;
	front->arg = arg;
	front->deadline = FRONT_NEVER;
	front->limit = FRONT_NEVER;
	set_path(front, handle);
	xen_bucket_init(&front->log, 16, SECOND);
	xen_bucket_init(&front->cycles, 64, SECOND / 4);
	xen_bucket_init(&front->errors, 16, ERROR_NS);
	xen_front_config_init(front);
	rc = xen_front_read_own(front, &replaced);
	if (rc)
		goto unwatch;
	xen_store(&front->dirty, 1);
	*err = 0;
	return front;

unwatch:
	xen_front_unwatch(front);
	xen_port_free(front, sizeof(*front));
fail:
	*err = rc;
	return NULL;
}

void *xen_pcifront_arg(const struct xen_pcifront *front)
{
	return front->arg;
}

bool xen_pcifront_pending(const struct xen_pcifront *front, uint64_t *due)
{
	uint64_t next = xen_load(&front->due);

	if (due)
		*due = next;
	/* Nobody takes up the events of a broken channel: they end with it. */
	return xen_load(&front->dirty) ||
	       (xen_load(&front->signalled) && !xen_load(&front->broken)) ||
	       xen_port_clock_ns() >= next;
}

static void set_due(struct xen_pcifront *front)
{
	uint64_t now = xen_port_clock_ns(), due = now + LOOK_NS;

	if (front->deadline < due)
		due = front->deadline;
	if (front->drain_until && front->drain_until < due)
		due = front->drain_until;
	if (front->ask_again > now && front->ask_again < due)
		due = front->ask_again;
	if (front->next_connect > now && front->next_connect < due)
		due = front->next_connect;
	if (front->retry)
		due = front->retry;
	if (xen_load(&front->error_due) && now + ERROR_NS < due) /* there were too many */
		due = now + ERROR_NS;
	xen_store(&front->due, due);
}

void xen_pcifront_work(struct xen_pcifront *front)
{
	unsigned int steps = 0;

	/* Before anything is looked at: what happens from here on is for the next time. */
	__atomic_exchange_n(&front->dirty, 0, __ATOMIC_SEQ_CST);
	xen_front_serve_error(front);
	while (xen_front_step(front) && ++steps < STEPS)
		;
	if (steps == STEPS)
		xen_store(&front->dirty, 1);
	set_due(front);
}

enum xenbus_state xen_pcifront_state(const struct xen_pcifront *front)
{
	return front->state;
}

struct xen_pcifront_stats xen_pcifront_stats(const struct xen_pcifront *front)
{
	struct xen_pcifront_stats stats = {
		.nr_devs = front->stats.nr_devs,
		.added = front->stats.added,
		.removed = front->stats.removed,
		.ops = xen_load(&front->stats.ops), /* these three are anybody's */
		.timeouts = xen_load(&front->stats.timeouts),
		.bad_replies = xen_load(&front->stats.bad_replies),
		.connects = front->stats.connects,
	};

	return stats;
}

struct xen_pci_host *xen_pcifront_host(struct xen_pcifront *front, unsigned int i)
{
	return i < front->nr_hosts ? &front->host[i] : NULL;
}

static bool never(void *arg)
{
	return false;
}

/* With nothing that anybody else could see left behind. */
static bool is_stopped(const struct xen_pcifront *front)
{
	return front->phase == FRONT_CLOSED || (front->phase == FRONT_IDLE && !front->info);
}

void xen_pcifront_stop(struct xen_pcifront *front)
{
	/* Drivers, then the backend, then xenstore. */
	uint64_t end = xen_port_clock_ns() + 3 * XEN_PCIFRONT_STEP_NS;

	front->stopping = true;
	front->again = false;
	if (front->phase != FRONT_CLOSING && front->phase != FRONT_CLOSED && front->backend[0])
		xen_front_drain(front, xen_load(&front->broken), false);
	for (;;) {
		xen_pcifront_work(front);
		if (is_stopped(front) || xen_port_clock_ns() >= end)
			break;
		xen_port_wait(never, NULL, xen_port_clock_ns() + POLL_NS);
	}
	xen_front_drop(front);
	xen_front_unwatch(front);
	for (unsigned int i = front->nr_hosts; i-- > 0;)
		xen_pci_host_fini(&front->host[i]);
	xen_port_free(front, sizeof(*front));
}
