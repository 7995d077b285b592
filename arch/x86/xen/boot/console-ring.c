/* SPDX-License-Identifier: MIT */
/*
 * The console of a domain without the machine: a ring in a page that the domain builder made, which
 * a daemon of the control domain empties.
 *
 * Invariants: out_prod is this side's and never read back; what the daemon says of out_cons is
 * looked at once and, where it makes no sense, means that there is no room. A daemon that is slow
 * is waited for; one that takes nothing for RING_PATIENCE is not waited for again until it takes
 * something. What finds no room is lost, and the next line that finds some says how much it was.
 * Waiting keeps events masked: Xen wakes the CPU by a timer of its own.
 *
 * No locking: console.c calls with its lock held, or from a crash.
 */
#include <xen/hypercall.h>
#include <xen/io/console.h>

#include "clock.h"

#define RING_PATIENCE 10000000000ULL
#define ROUND_NS 1000000ULL
/* As long as there is no clock: trips through Xen's scheduler. */
#define EARLY_ROUNDS 100000

static struct {
	struct xencons_interface *page;
	evtchn_port_t port;
	XENCONS_RING_IDX prod;
	uint64_t lost; /* bytes since the last one that found room */
	bool stalled;  /* the daemon has used up its time */
} ring;

void boot_console_ring_init(void)
{
	ring.page = boot_builder_page(boot_start_info->console.domU.mfn);
	if (!ring.page)
		return;
	ring.port = boot_start_info->console.domU.evtchn;
	ring.prod = xen_load(&ring.page->out_prod);
}

static uint32_t room(void)
{
	uint32_t used = ring.prod - xen_load_acquire(&ring.page->out_cons);

	return used > sizeof(ring.page->out) ? 0 : (uint32_t)sizeof(ring.page->out) - used;
}

static void notify(void)
{
	struct evtchn_send send = {.port = ring.port};

	hypercall_event_channel_op(EVTCHNOP_send, &send);
}

/* Sleep until there are @wanted bytes of room; false: the daemon does not make any. */
static bool wait_room(uint32_t wanted)
{
	uint64_t start = boot_system_time(), now = start;
	unsigned int rounds = 0;

	while (room() < wanted) {
		struct sched_poll poll = {.timeout = now + ROUND_NS};

		if (boot_shared_info ? now - start >= RING_PATIENCE : ++rounds > EARLY_ROUNDS)
			return false;
		hypercall_sched_op(SCHEDOP_poll, &poll);
		now = boot_system_time();
	}
	return true;
}

/* All of @text that finds room; how much that is. */
static size_t put(const char *text, size_t length)
{
	size_t done = 0;

	while (done < length) {
		uint32_t space = room();

		if (!space) {
			notify();
			ring.stalled = ring.stalled || !wait_room(1);
			if (ring.stalled)
				break;
			continue;
		}
		ring.stalled = false;
		while (space-- && done < length)
			ring.page->out[MASK_XENCONS_IDX(ring.prod++, ring.page->out)] =
				text[done++];
		xen_store_release(&ring.page->out_prod, ring.prod);
	}
	return done;
}

void boot_console_ring_write(const char *text, size_t length)
{
	char gap[48];

	if (!ring.page)
		return;
	if (ring.lost) {
		int size = boot_snprintf(gap, sizeof(gap), "\r\n[%lu bytes lost]\r\n", ring.lost);

		if (room() >= (uint32_t)size) {
			ring.lost = 0;
			put(gap, (size_t)size);
		}
	}
	if (ring.lost)
		ring.lost += length;
	else
		ring.lost = length - put(text, length);
	notify();
}

void boot_console_ring_drain(void)
{
	if (!ring.page || ring.stalled)
		return;
	notify();
	ring.stalled = !wait_room(sizeof(ring.page->out));
}
