/* SPDX-License-Identifier: MIT */
/*
 * The demo: opens the two disks and all edu devices, runs the copy (copy.c) with a progress line
 * every two seconds, and reports what it cost. Everything that was opened is closed whatever
 * happens; the first thing that goes wrong is the verdict's reason.
 */
#include "demo.h"

#include <xen/coherent.h>
#include <xen/swiotlb.h>

#include "boot.h"
#include "copy.h"
#include "disks.h"
#include "map.h"
#include "pages.h"
#include "scenario.h"
#include "text.h"
#include "verdict.h"

#define REPORT_NS 2000000000

static struct copy copy;

static struct disks disks;

/* All there are. Where Xen has no more interrupts to give, a device is looked at instead. */
static bool open_carriers(void)
{
	struct xen_pci_dev *pci = NULL;
	unsigned int polled = 0;

	copy.nr_carriers = 0;
	while (copy.nr_carriers < COPY_MAX_CARRIERS &&
	       (pci = guest_find_device(pci, EDU_VENDOR, EDU_DEVICE))) {
		struct edu *edu = &copy.carrier[copy.nr_carriers].edu;
		int err = polled ? -XEN_ENOSPC : edu_open(edu, pci, EDU_MSI);

		copy.carrier[copy.nr_carriers].chunk = NULL;
		if (err && err != -XEN_ENODEV) {
			err = edu_open(edu, pci, EDU_POLL);
			polled++;
		}
		if (!check(!err, "edu device %s cannot be used (%d)", edu->name, err))
			return false;
		copy.nr_carriers++;
	}
	copy.polled = polled;
	if (polled)
		boot_printf("demo: %u edu devices without an interrupt\n", polled);
	return check(copy.nr_carriers, "there is no edu device");
}

static void close_all(void)
{
	while (copy.nr_carriers)
		edu_close(&copy.carrier[--copy.nr_carriers].edu);
	disks_close(&disks);
	copy_free(&copy);
}

static void report_progress(uint64_t ns)
{
	char done[MAP_SIZE_MAX], all[MAP_SIZE_MAX], rate[MAP_SIZE_MAX];
	uint64_t ms = ns / 1000000 ? ns / 1000000 : 1;

	boot_printf("demo: %3lu%%  %s of %s, %s/s\n",
		    copy.size >> 40 ? copy.written / (copy.size / 100)
				    : copy.written * 100 / copy.size,
		    map_size_text(copy.written, done), map_size_text(copy.size, all),
		    map_size_text(copy.written / ms * 1000 + copy.written % ms * 1000 / ms, rate));
}

/* Runs the copy to its end. Returns nanoseconds taken, 0 on failure. */
static uint64_t run_copy(void)
{
	uint64_t began = xen_port_clock_ns(), next = began + REPORT_NS, now;
	uint64_t nap = copy.polled ? 2000000 : 200000000;
	int err;

	while (!boot_wait(copy_step, &copy, nap)) {
		now = xen_port_clock_ns();
		if (now < next)
			continue;
		report_progress(now - began);
		next = now + REPORT_NS;
	}
	if (!check(!copy.error[0], "%s", copy.error)) {
		copy_abort(&copy);
		return 0;
	}
	err = nvme_flush(copy.dst);
	if (!check(!err, "flushing disk dst failed (%d)", err))
		return 0;
	now = xen_port_clock_ns() - began;
	report_progress(now);
	return now ? now : 1;
}

struct figures {
	uint64_t mapped;  /* bytes by the drivers' own count */
	uint64_t bounced; /* bytes by the pools' count */
	uint64_t hypercalls;
	uint64_t pool_high; /* most bytes in use in all pools that bounced */
};

static void take_figures(struct figures *f)
{
	struct xen_swiotlb_stats stats;
	unsigned int i;

	*f = (struct figures){.hypercalls = boot_hypercalls()};
	f->mapped = copy.src->bytes_mapped + copy.dst->bytes_mapped;
	for (i = 0; i < copy.nr_carriers; i++)
		f->mapped += copy.carrier[i].edu.bytes_mapped;
	for (i = 0; xen_swiotlb_stats(i, &stats); i++) {
		f->bounced += stats.bytes_mapped;
		f->pool_high += stats.bytes_high;
	}
}

static void copy_and_report(void)
{
	struct figures before, after;
	uint64_t ns, mapped, bounced;

	take_figures(&before);
	ns = run_copy();
	if (!ns)
		return;
	take_figures(&after);
	mapped = after.mapped - before.mapped;
	bounced = after.bounced - before.bounced;
	check(bounced >= 2 * copy.size, "%lu bytes bounced, two ways of the disk are %lu", bounced,
	      2 * copy.size);
	check(mapped - bounced >= 2 * copy.size,
	      "%lu bytes went direct, reading and writing the disk are %lu", mapped - bounced,
	      2 * copy.size);
	boot_printf("xendma: demo bytes=%lu bounced=%lu direct=%lu ns=%lu hypercalls=%lu "
		    "pool_high=%lu edu=%u\n",
		    copy.size, bounced, mapped - bounced, ns, after.hypercalls - before.hypercalls,
		    after.pool_high, copy.nr_carriers);
}

void demo_run(void)
{
	uint64_t owned = pages_owned();

	verdict_begin("demo");
	copy.next = copy.written = 0;
	copy.error[0] = 0;
	if (disks_open(&disks) && disks_match(&disks, COPY_CHUNK) && open_carriers()) {
		copy.src = disks.src;
		copy.dst = disks.dst;
		copy.size = nvme_bytes(copy.src);
		if (check(copy_alloc(&copy), "no memory above 256 MiB of the machine")) {
			boot_printf("demo: %lu bytes from %s to %s, %u edu devices, %u chunks\n",
				    copy.size, copy.src->name, copy.dst->name, copy.nr_carriers,
				    copy.nr_chunks);
			copy_and_report();
		}
	}
	close_all();
	xen_swiotlb_trim(0);
	xen_coherent_trim(0);
	check_frames(owned, "after the demo");
	verdict_end();
}
