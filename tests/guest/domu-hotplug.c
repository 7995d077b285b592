/* SPDX-License-Identifier: MIT */
/*
 * Scenario domu-hotplug: works on whatever is attached until it is taken away, `iterations` times.
 *
 * Each device is always busy, so that it is asked for in the midst of DMA. It is let go between two
 * transfers; one that does not end within a grace is ended by taking the bus away from the device.
 * The stock tool resets the device and takes it out of the IOMMU before it asks, so a transfer that
 * fails may be the first sign of that: it is a fault only if nobody asks for the device thereafter.
 * The pages that a device had are filled when it is gone, and must stay so.
 *
 * When a device comes and is alone, what the domain holds is counted; it must not grow from the
 * second coming of its kind on. Invariant: a slot in use has a device that is in the tree; its
 * driver is open unless the slot is new or failed.
 */
#include "scenario.h"

#include <xen/port.h>

#include "boot.h"
#include "figures.h"
#include "front.h"
#include "pages.h"
#include "slot.h"
#include "verdict.h"

#define MAX_SLOTS 8
#define STEP_NS 20000000
#define GRACE_NS 1000000000ULL	  /* for a transfer to end when the device is asked for */
#define DETACH_NS 15000000000ULL  /* for the tool to end what it does */
#define SUSPECT_NS 30000000000ULL /* for the device to be asked for after one that failed */

static struct slot slots[MAX_SLOTS];
static unsigned long comings, goings, refusals, cuts;

/* By kind: how often one came alone, and the figures the second time. */
static struct {
	unsigned long nr;
	struct figures figures;
} seen[SLOT_KINDS];

static void let_go(struct slot *slot)
{
	slot_close(slot);
	cuts += slot->suspect != 0;
	goings++;
}

static struct slot *slot_of(const struct xen_pci_dev *dev)
{
	unsigned int i;

	for (i = 0; i < MAX_SLOTS; i++)
		if (slots[i].state != SLOT_FREE && slots[i].pci == dev)
			return &slots[i];
	return NULL;
}

static void added(struct xen_pci_dev *dev)
{
	unsigned int i = 0;
	struct slot *slot;

	while (i < MAX_SLOTS && slots[i].state != SLOT_FREE)
		i++;
	if (!check(i < MAX_SLOTS, "more than %u devices", MAX_SLOTS))
		return;
	slot = &slots[i];
	slot_take(slot, dev);
	comings++;
}

static int removing(struct xen_pci_dev *dev, bool gone)
{
	struct slot *slot = slot_of(dev);

	if (!slot)
		return 0;
	if (!slot->asked)
		slot->asked = xen_port_clock_ns();
	if (slot_is_busy(slot) && !gone && xen_port_clock_ns() - slot->asked < GRACE_NS) {
		refusals++;
		return -XEN_EBUSY;
	}
	let_go(slot);
	return 0;
}

/* How many devices there are, in use or not. */
static unsigned int nr_slots(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < MAX_SLOTS; i++)
		nr += slots[i].state != SLOT_FREE;
	return nr;
}

static void count(struct slot *slot)
{
	char text[FIGURES_TEXT_MAX];
	struct figures now;

	if (nr_slots() != 1)
		return;
	now = figures_take();
	if (++seen[slot->kind].nr == 2)
		seen[slot->kind].figures = now;
	else if (seen[slot->kind].nr > 2)
		figures_check(&seen[slot->kind].figures, &now, slot_kind_name[slot->kind]);
	boot_printf("domu: cycle %lu, %s: %s\n", comings, slot_kind_name[slot->kind],
		    figures_text(&now, text));
}

static void work(void)
{
	unsigned int i;

	for (i = 0; i < MAX_SLOTS; i++) {
		if (slots[i].state == SLOT_NEW) {
			count(&slots[i]);
			slot_open(&slots[i]);
		}
		slot_step(&slots[i]);
	}
}

static bool something_to_do(void *arg)
{
	unsigned int i;

	for (i = 0; i < MAX_SLOTS; i++)
		if (slot_is_due(&slots[i]))
			return true;
	return false;
}

/* Has a transfer failed without anybody having asked for the device? */
static void check_suspects(void)
{
	uint64_t now = xen_port_clock_ns();
	unsigned int i;

	for (i = 0; i < MAX_SLOTS; i++) {
		struct slot *slot = &slots[i];

		if (slot->state == SLOT_OPEN && slot->suspect && !slot->asked &&
		    now - slot->suspect > SUSPECT_NS)
			check(false, "%s: transfer %lu failed: %s (%d)", slot->name,
			      slot->transfers, slot->error ? "error" : "wrong data", slot->error);
	}
}

/* Serve and work until as many have gone. */
static void run(unsigned long rounds_wanted)
{
	uint64_t last = xen_port_clock_ns();
	unsigned long changes = 0;

	while (goings < rounds_wanted && !verdict_failed()) {
		guest_front_wait(something_to_do, NULL, STEP_NS);
		work();
		check_suspects();
		if (changes != comings + goings) {
			changes = comings + goings;
			last = xen_port_clock_ns();
		}
		if (xen_port_clock_ns() - last > options.wait_ms * 1000000)
			check(false, "nothing came or went for %lu ms", options.wait_ms);
	}
}

/* The tool has taken the last device's directory away. */
static bool is_over(void *arg)
{
	return !guest_front() || xen_pcifront_state(guest_front()) == XenbusStateClosed;
}

static bool alloc_buffers(void)
{
	unsigned int i;

	for (i = 0; i < MAX_SLOTS; i++)
		if (!slot_alloc(&slots[i]))
			return false;
	return true;
}

void scenario_domu_hotplug(void)
{
	static const struct guest_front_client client = {added, removing};
	uint64_t owned = pages_owned(), identity;
	struct xen_pci_dev *dev = NULL;
	unsigned int i;

	__builtin_memset(slots, 0, sizeof(slots));
	if (check(!boot_has_machine(), "this is no domU") && alloc_buffers()) {
		guest_front_set_client(&client);
		while ((dev = guest_next_device(dev)))
			added(dev);
		identity = nr_slots() ? ~0ULL : figures_take().identity;
		boot_printf("domu: ready\n");
		run(rounds(2));
		/* The tool is not through yet when a device has gone. */
		if (!nr_slots())
			guest_front_wait(is_over, NULL, DETACH_NS);
		/* A device that is there no more has marked nothing. */
		if (!nr_slots() && !verdict_failed() && identity != ~0ULL)
			check(figures_take().identity == identity,
			      "%lu pages are identity, before all came it was %lu",
			      figures_take().identity, identity);
		guest_front_set_client(NULL);
		for (i = 0; i < MAX_SLOTS; i++)
			if (slots[i].state != SLOT_FREE)
				let_go(&slots[i]);
		for (i = 0; i < MAX_SLOTS; i++)
			slot_check_seal(&slots[i]);
		note("%lu came, %lu went; busy when asked for %lu times, %lu transfers cut",
		     comings, goings, refusals, cuts);
	}
	for (i = 0; i < MAX_SLOTS; i++)
		slot_free(&slots[i]);
	figures_take();
	check_frames(owned, "after all have gone");
}
