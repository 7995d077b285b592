/* SPDX-License-Identifier: MIT */
/*
 * A domU with a PCI frontend, its backend and the toolstack, on the model: what the tests of the
 * frontend begin and end with. run() lets everybody work until nobody has anything to do; at the
 * end all books are what they were at the start.
 */
#ifndef XENDMA_TESTS_UNIT_PCIFRONT_TEST_H
#define XENDMA_TESTS_UNIT_PCIFRONT_TEST_H

#include <string.h>

#include <model/device.h>
#include <model/domain.h>
#include <model/model.h>
#include <model/pciback.h>
#include <model/xenstore.h>

#include <xen/evtchn.h>
#include <xen/grant.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/pcifront.h>
#include <xen/pirq.h>
#include <xen/port.h>
#include <xen/xenbus.h>

#include "unit.h"

#define EDU_BAR 0xfe000000ULL
#define NVME_BAR 0xfd000000ULL
#define DISK_BYTES (1 << 20)
#define MS 1000000ULL
#define SECOND (1000 * MS)

static const struct xen_pci_addr edu_at = {0, 0, XEN_PCI_DEVFN(4, 0)};
static const struct xen_pci_addr nvme_at = {0, 0, XEN_PCI_DEVFN(5, 0)};
static const struct xen_pci_addr both_at[] = {{0, 0, XEN_PCI_DEVFN(4, 0)},
					      {0, 0, XEN_PCI_DEVFN(5, 0)}};

static struct {
	struct xen_pcifront *front;
	struct model_device *edu, *nvme;
	unsigned int added, removed, forced, errors;
	struct xen_pci_dev *last;
	bool busy; /* removing() says no */
	enum xen_pcifront_verdict verdict;
	enum xen_pcifront_error error;
	/* at the start */
	struct model_allocs allocs;
	unsigned int pirqs, grants, nodes;
} t;

static void on_added(struct xen_pcifront *front, struct xen_pci_dev *dev)
{
	ck_assert_ptr_eq(xen_pcifront_arg(front), &t);
	t.added++;
	t.last = dev;
}

static int on_removing(struct xen_pcifront *front, struct xen_pci_dev *dev, bool gone)
{
	if (t.busy && !gone)
		return -XEN_EBUSY;
	t.forced += gone;
	t.removed++;
	return 0;
}

static enum xen_pcifront_verdict on_error(struct xen_pcifront *front, struct xen_pci_dev *dev,
					  enum xen_pcifront_error what)
{
	t.errors++;
	t.error = what;
	t.last = dev;
	return t.verdict;
}

static const struct xen_pcifront_ops test_ops = {
	.added = on_added, .removing = on_removing, .error = on_error};

/* Everybody else, while the domain waits. */
static void others(void *arg)
{
	model_pciback_step();
	model_devices_step();
}

/* The frontend's thread, and time: up to @ns, in steps of @step. */
static inline void run_in_steps(uint64_t ns, uint64_t step)
{
	uint64_t end = xen_port_clock_ns() + ns;

	do {
		model_pciback_step();
		xen_xs_dispatch();
		if (t.front && xen_pcifront_pending(t.front, NULL))
			xen_pcifront_work(t.front);
		model_clock_advance(step);
		xen_evtchn_poll();
	} while (xen_port_clock_ns() < end);
}

static inline void run_for(uint64_t ns)
{
	run_in_steps(ns, MS);
}

/* For what takes long: a deadline is looked at a little later than it might be. */
static inline void run_coarsely(uint64_t ns)
{
	run_in_steps(ns, 100 * MS);
}

static inline void run(void)
{
	run_for(200 * MS);
}

/* Until it is in state @state: within @ns. */
static inline bool run_steps_until(enum xenbus_state state, uint64_t ns, uint64_t step)
{
	uint64_t end = xen_port_clock_ns() + ns;

	while (xen_port_clock_ns() < end) {
		if (t.front && xen_pcifront_state(t.front) == state &&
		    model_pcifront_state() == state)
			return true;
		run_in_steps(step, step);
	}
	return false;
}

static inline bool run_until(enum xenbus_state state, uint64_t ns)
{
	return run_steps_until(state, ns, MS);
}

static inline bool run_coarsely_until(enum xenbus_state state, uint64_t ns)
{
	return run_steps_until(state, ns, 100 * MS);
}

/* Until the toolstack is through. */
static inline bool run_tool(uint64_t ns)
{
	uint64_t end = xen_port_clock_ns() + ns;

	while (model_pciback_busy() && xen_port_clock_ns() < end)
		run_for(MS);
	return !model_pciback_busy();
}

static inline void bench_with(const struct model_pciback_params *params,
			      const struct model_params *machine)
{
	struct model_params p = {.domu = true, .nr_pages = 1024};
	struct model_xs_link link;

	if (machine)
		p = *machine;
	model_start(&p);
	model_xs_start();
	link = model_xs_link();
	ck_assert_int_eq(xen_xs_init(link.page, link.port), 0);
	ck_assert_int_eq(xen_grant_init(1), 0);
	memset(&t, 0, sizeof(t));
	t.verdict = XEN_PCIFRONT_CAN_RECOVER;
	t.edu = model_edu_plug(edu_at, EDU_BAR);
	t.nvme = model_nvme_plug(nvme_at, NVME_BAR, "scratch", DISK_BYTES, 4);
	model_permit_iomem(mk_mfn(EDU_BAR >> XEN_PAGE_SHIFT), 256);
	model_permit_iomem(mk_mfn(NVME_BAR >> XEN_PAGE_SHIFT), 256);
	model_pciback_start(params);
	model_on_wait(others, NULL);
	t.allocs = model_allocs();
	t.pirqs = model_pirqs();
	t.grants = xen_grant_used();
}

static inline void bench(void)
{
	bench_with(NULL, NULL);
}

static inline void start(void)
{
	int err;

	t.front = xen_pcifront_start(0, &test_ops, &t, &err);
	ck_assert_msg(t.front, "xen_pcifront_start: %d", err);
}

/* Devices, a backend and a connected frontend. */
static inline void connected(const struct xen_pci_addr *device, unsigned int nr)
{
	model_pciback_create(device, nr);
	start();
	ck_assert(run_until(XenbusStateConnected, SECOND));
	ck_assert_uint_eq(t.added, nr);
}

static inline void stop(void)
{
	if (t.front)
		xen_pcifront_stop(t.front);
	t.front = NULL;
	ck_assert_uint_eq(t.added, t.removed);
}

/* All books balance. */
static inline void end(void)
{
	struct model_allocs now;

	stop();
	model_pciback_stop();
	ck_assert_uint_eq(xen_grant_reap(), 0);
	ck_assert_uint_eq(xen_grant_used(), t.grants);
	ck_assert_uint_eq(model_xs_watches(), 0);
	ck_assert_uint_eq(model_xs_transactions(), 0);
	ck_assert_ptr_null(model_xs_read(MODEL_PCIFRONT_PATH));
	ck_assert_uint_eq(model_pirqs(), t.pirqs);
	ck_assert(!xen_ranges_first(&xen_p2m.identity, 0, 1ULL << 63, NULL));
	now = model_allocs();
	ck_assert_uint_eq(now.pages, t.allocs.pages);
	ck_assert_uint_eq(now.vm_pages, t.allocs.vm_pages);
	model_on_wait(NULL, NULL);
	xen_xs_fini();
	xen_grant_fini();
	model_device_unplug(t.edu);
	model_device_unplug(t.nvme);
	model_xs_stop();
	ck_assert(model_stop());
}

static inline struct xen_pci_dev *device_of(struct xen_pci_addr real)
{
	struct xen_pci_addr virt;
	struct xen_pci_host *host;
	struct xen_pci_dev *dev = NULL;

	if (!model_pciback_virtual(real, &virt))
		return NULL;
	for (unsigned int i = 0; !dev && (host = xen_pcifront_host(t.front, i)); i++)
		dev = xen_pci_find(host, virt);
	return dev;
}

#endif
