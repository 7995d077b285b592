/* SPDX-License-Identifier: MIT */
/*
 * PCI claims on model PCI: what may overlap and what may not, RAM and balloon in the way, shared
 * pages, hot-plug, windows that move, functions that Xen refuses, and virtual functions.
 */
#include "pci-bench.h"

#include <xen/balloon.h>

static struct xen_pci_host host;
static struct picture before;

static const struct xen_pci_resource *bar0(struct xen_pci_addr addr)
{
	struct xen_pci_dev *dev = xen_pci_find(&host, addr);

	ck_assert_ptr_nonnull(dev);
	return &dev->res[0];
}

static bool claimed(struct xen_pci_addr addr)
{
	return bar0(addr)->flags & XEN_PCI_RES_CLAIMED;
}

/* An arrangement of two functions, and what is said about it. */
struct conflict {
	struct model_pci_function first, second;
	const char *log;
	uint64_t free; /* an address that must have stayed nothing */
};

static void check_conflict(const struct conflict *c)
{
	unsigned int errors = model_log_lines(XEN_LOG_ERROR);

	plug(c->first);
	plug(c->second);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_devices, 2);
	ck_assert_uint_eq(host.nr_conflicts, 1);
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), errors + 1);
	ck_assert_str_eq(model_last_log(), c->log);
	ck_assert(is_nothing(c->free));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0); /* no news: said once */
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), errors + 1);
	model_pci_unplug(c->first.addr);
	model_pci_unplug(c->second.addr);
	empty(&host, &before);
}

static void conflicts(void)
{
	const struct conflict c[] = {
		{with_bar(at(0, 3, 0), 0xe0000000, 0x2000),
		 with_bar(at(0, 4, 0), 0xe0001000, 0x1000),
		 "0000:00:04.0 BAR 0 [0xe0001000-0xe0001fff] overlaps 0000:00:03.0 BAR 0 "
		 "[0xe0000000-0xe0001fff]: not used",
		 0xe0002000},
		{with_bar(at(0, 3, 0), 0xe0001000, 0x1000),
		 with_bar(at(0, 4, 0), 0xe0000000, 0x4000),
		 "0000:00:04.0 BAR 0 [0xe0000000-0xe0003fff] overlaps 0000:00:03.0 BAR 0 "
		 "[0xe0001000-0xe0001fff]: not used",
		 0xe0000000},
		{with_bar(at(0, 3, 0), 0x1000000000, 0x1000000000),
		 with_bar(at(0, 4, 0), 0x1000000000, 0x1000),
		 "0000:00:04.0 BAR 0 [0x1000000000-0x1000000fff] overlaps 0000:00:03.0 BAR 0 "
		 "[0x1000000000-0x1fffffffff]: not used",
		 0x2000000000},
		{bridge(at(0, 3, 0), 1, 1, 0xe0000000, 0x100000),
		 with_bar(at(1, 0, 0), 0xe0000000, 0x200000),
		 "0000:01:00.0 BAR 0 [0xe0000000-0xe01fffff] lies outside the windows of bridge "
		 "0000:00:03.0: not used",
		 0xe0100000},
		{bridge(at(0, 3, 0), 1, 1, 0xe0000000, 0x100000),
		 with_bar(at(1, 0, 0), 0xe0100000, 0x1000),
		 "0000:01:00.0 BAR 0 [0xe0100000-0xe0100fff] lies outside the windows of bridge "
		 "0000:00:03.0: not used",
		 0xe0100000},
		{bridge(at(0, 3, 0), 1, 1, 0xe0000000, 0x100000),
		 with_bar(at(0, 4, 0), 0xe0000000, 0x1000),
		 "0000:00:04.0 BAR 0 [0xe0000000-0xe0000fff] overlaps 0000:00:03.0 window "
		 "[0xe0000000-0xe00fffff]: not used",
		 0xe0100000},
		{bridge(at(0, 3, 0), 1, 1, 0xe0000000, 0x100000),
		 bridge(at(0, 4, 0), 2, 2, 0xe0000000, 0x200000),
		 "0000:00:04.0 window [0xe0000000-0xe01fffff] overlaps 0000:00:03.0 window "
		 "[0xe0000000-0xe00fffff]: not used",
		 0xe0100000},
		{bridge(at(0, 3, 0), 1, 2, 0xe0000000, 0x100000),
		 bridge(at(1, 0, 0), 2, 2, 0xe0000000, 0x200000),
		 "0000:01:00.0 window [0xe0000000-0xe01fffff] lies outside the windows of bridge "
		 "0000:00:03.0: not used",
		 0xe0100000},
	};

	begin(&host, &before);
	for (unsigned int i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		check_conflict(&c[i]);
	finish(&host, &before);
}

static void own_window(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000);

	b.bar[0] = (struct model_pci_bar){.addr = 0xe0001000, .size = 0x1000};
	begin(&host, &before);
	plug(b);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_conflicts, 1);
	ck_assert(claimed(b.addr));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "window [0xe0000000-0xe00fffff] overlaps "
						       "0000:00:01.0 BAR 0"));
	finish(&host, &before);
}

static void subtractive_bridge(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000);

	b.class_code = 0x060401;
	begin(&host, &before);
	plug(b);
	plug(with_bar(at(1, 0, 0), 0xd0000000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_conflicts, 0);
	ck_assert(is_identity(0xd0000000));
	finish(&host, &before);
}

static void apertures(void)
{
	begin(&host, &before);
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	plug(with_bar(at(0, 2, 0), 0xc0000000, 0x200000));
	plug(with_bar(at(0, 3, 0), 0x200000000, 0x200000));
	ck_assert_int_eq(xen_pci_add_aperture(&host, 0xc0100000, 0x30000000), 0);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert(claimed(at(0, 1, 0)) && !claimed(at(0, 2, 0)));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "BAR 0 [0xc0000000-0xc01fffff] lies half in "
						       "aperture 0 [0xc0100000-0xf00fffff]"));
	ck_assert(all_identity(0xc0100000, 0x30000000) && is_nothing(0xc0000000));
	/* Half over an aperture, half over a BAR, over RAM, empty, beyond everything. */
	ck_assert_int_eq(xen_pci_add_aperture(&host, 0xf0000000, 0x1000000), -XEN_EEXIST);
	ck_assert_int_eq(xen_pci_add_aperture(&host, 0x200100000, 0x100000000), -XEN_EEXIST);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "holds half of 0000:00:03.0 BAR 0"));
	ck_assert_int_eq(xen_pci_add_aperture(&host, 0x1000, 0x1000), -XEN_EEXIST);
	ck_assert_int_eq(xen_pci_add_aperture(&host, 0x100000000, 0), -XEN_EINVAL);
	ck_assert_int_eq(xen_pci_add_aperture(&host, ~0xfffULL, 0x1000), -XEN_EINVAL);
	ck_assert_int_eq(xen_pci_add_aperture(&host, 0x1000, ~0ULL), -XEN_EINVAL);
	for (unsigned int i = 1; i < XEN_PCI_MAX_APERTURES; i++)
		ck_assert_int_eq(xen_pci_add_aperture(&host, (uint64_t)i << 40, 0x1000), 0);
	ck_assert_int_eq(xen_pci_add_aperture(&host, 1ULL << 50, 0x1000), -XEN_ENOSPC);
	ck_assert_ptr_eq(xen_pci_resource_at(&host, 0xd0000000), &host.aperture[0]);
	finish(&host, &before);
}

/* The registry is one for all hosts. */
static void two_hosts(void)
{
	struct xen_pci_host other;

	begin(&host, &before);
	xen_pci_host_init(&other, &bench_config, 0, false);
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	plug(with_bar(at(0x80, 1, 0), 0xe0000000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_int_eq(xen_pci_scan(&other, 0x80, NULL), 0);
	ck_assert_uint_eq(other.nr_conflicts, 1);
	ck_assert_ptr_null(xen_pci_resource_at(&other, 0xe0000000));
	ck_assert_ptr_nonnull(xen_pci_resource_at(&host, 0xe0000000));
	ck_assert_int_eq(xen_pci_add_aperture(&other, 0xd0000000, 0x20000000), -XEN_EEXIST);
	xen_pci_host_fini(&other);
	ck_assert(is_identity(0xe0000000));
	finish(&host, &before);
}

static void ram_in_the_way(void)
{
	uint64_t end;
	char log[200];

	begin(&host, &before);
	end = model_nr_pages() << XEN_PAGE_SHIFT;
	plug(with_bar(at(0, 1, 0), end / 2, 0x1000));
	plug(with_bar(at(0, 2, 0), end, 0x1000)); /* just behind it */
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert(!claimed(at(0, 1, 0)) && claimed(at(0, 2, 0)));
	ck_assert(is_identity(end));
	ck_assert_uint_eq(host.nr_conflicts, 1);
	snprintf(log, sizeof(log), "0000:00:01.0 BAR 0 [0x%llx-0x%llx] lies over ",
		 (unsigned long long)end / 2, (unsigned long long)end / 2 + 0xfff);
	ck_assert_ptr_nonnull(strstr(model_last_log(), log));
	snprintf(log, sizeof(log), "[0x0-0x%llx]: not used", (unsigned long long)end - 1);
	ck_assert_ptr_nonnull(strstr(model_last_log(), log));
	ck_assert_ptr_null(strstr(model_last_log(), "balloon"));
	finish(&host, &before);
}

static void balloon_in_the_way(void)
{
	struct xen_range piece;

	begin(&host, &before);
	ck_assert_int_eq(xen_balloon_inflate(16, NULL), 0);
	ck_assert(xen_balloon_query(mk_pfn(0), model_nr_pages(), &piece));
	plug(with_bar(at(0, 1, 0), piece.start << XEN_PAGE_SHIFT, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert(!claimed(at(0, 1, 0)));
	ck_assert(is_nothing(piece.start << XEN_PAGE_SHIFT));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "lies over ballooned RAM"));
	ck_assert_int_eq(xen_balloon_deflate(16, NULL), 0);
	finish(&host, &before);
}

static void shared_page(void)
{
	const struct xen_pci_resource *other = NULL;

	begin(&host, &before);
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x100));
	plug(with_bar(at(0, 2, 0), 0xe0000100, 0x100));
	plug(with_bar(at(0, 3, 0), 0xe0001000, 0x100));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_conflicts, 0);
	ck_assert(xen_pci_shares_page(bar0(at(0, 1, 0)), &other));
	ck_assert_ptr_eq(other, bar0(at(0, 2, 0)));
	ck_assert(xen_pci_shares_page(bar0(at(0, 2, 0)), NULL));
	ck_assert(!xen_pci_shares_page(bar0(at(0, 3, 0)), &other));
	ck_assert(!xen_pci_shares_page(&(struct xen_pci_resource){0}, &other)); /* not claimed */
	xen_pci_remove(&host, xen_pci_find(&host, at(0, 1, 0)));
	ck_assert(is_identity(0xe0000000));
	ck_assert(!xen_pci_shares_page(bar0(at(0, 2, 0)), NULL));
	xen_pci_remove(&host, xen_pci_find(&host, at(0, 2, 0)));
	ck_assert(is_nothing(0xe0000000) && is_identity(0xe0001000));
	finish(&host, &before);
}

static void hot_plug(void)
{
	struct picture scanned, now;
	unsigned int found;

	begin(&host, &before);
	plug(bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, &found), 0);
	ck_assert_uint_eq(found, 1);
	take_picture(&scanned);
	for (unsigned int round = 0; round < 3; round++) {
		plug(with_bar(at(1, 0, 0), 0xe0010000, 0x10000));
		/* By the root bus, or by its own. */
		ck_assert_int_eq(xen_pci_scan(&host, round & 1, &found), 0);
		ck_assert_uint_eq(found, 1);
		ck_assert(claimed(at(1, 0, 0)) && model_pci_known(at(1, 0, 0)));
		ck_assert_ptr_eq(bar0(at(1, 0, 0))->dev->parent, host.devices);
		model_pci_unplug(at(1, 0, 0));
		xen_pci_remove(&host, xen_pci_find(&host, at(1, 0, 0)));
		ck_assert(!model_pci_known(at(1, 0, 0)));
		take_picture(&now);
		ck_assert(same_picture(&scanned, &now));
	}
	finish(&host, &before);
}

static void moving_window(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x200000);

	begin(&host, &before);
	plug(b);
	plug(with_bar(at(1, 0, 0), 0xe0100000, 0x1000));
	plug(with_bar(at(1, 1, 0), 0xe0200000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert(claimed(at(1, 0, 0)) && !claimed(at(1, 1, 0)));
	ck_assert_uint_eq(host.nr_conflicts, 1);
	/* Up by a MiB: both fit. */
	b.window_start += 0x100000;
	b.window_end += 0x100000;
	plug(b);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert(claimed(at(1, 0, 0)) && claimed(at(1, 1, 0)));
	ck_assert_uint_eq(host.nr_conflicts, 0);
	ck_assert(is_nothing(0xe0000000) && all_identity(0xe0100000, 0x200000));
	/* Up again: the first is out. */
	b.window_start += 0x100000;
	b.window_end += 0x100000;
	plug(b);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert(!claimed(at(1, 0, 0)) && claimed(at(1, 1, 0)));
	ck_assert(is_nothing(0xe0100000) && all_identity(0xe0200000, 0x200000));
	ck_assert_uint_eq(host.nr_conflicts, 1);
	/* Closed: both are. */
	b.window_end = 0;
	plug(b);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(host.nr_conflicts, 2);
	ck_assert(is_nothing(0xe0200000));
	finish(&host, &before);
}

/* While a window grows around a BAR that is in use, the BAR's pages are identity throughout: the
 * claim itself is not touched. */
static void growing_window(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000);
	const struct xen_pci_resource *res;

	begin(&host, &before);
	plug(b);
	plug(with_bar(at(1, 0, 0), 0xe0000000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	res = bar0(at(1, 0, 0));
	b.window_end += 0x100000;
	plug(b);
	plug(with_bar(at(1, 1, 0), 0xe0100000, 0x1000));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_ptr_eq(res, bar0(at(1, 0, 0)));
	ck_assert(claimed(at(1, 0, 0)) && claimed(at(1, 1, 0)));
	ck_assert_uint_eq(host.nr_conflicts, 0);
	finish(&host, &before);
}

static void xen_refuses(void)
{
	begin(&host, &before);
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	model_fail(MODEL_PHYSDEV_OP, 1, -XEN_EPERM);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert(!host.devices->known_to_xen && claimed(at(0, 1, 0)));
	ck_assert_ptr_nonnull(strstr(model_last_log(), "0000:00:01.0: Xen does not take"));
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0); /* offered again */
	ck_assert(host.devices->known_to_xen && model_pci_known(at(0, 1, 0)));
	model_fail(MODEL_PHYSDEV_OP, 1, -XEN_EPERM);
	xen_pci_remove(&host, host.devices);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "0000:00:01.0: Xen does not let go"));
	finish(&host, &before);
}

static void older_xen(void)
{
	begin(&host, &before);
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	model_fail(MODEL_PHYSDEV_OP, 1, -XEN_ENOSYS);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert_uint_eq(model_calls(MODEL_PHYSDEV_OP), 2);
	ck_assert(model_pci_known(at(0, 1, 0)));
	model_fail(MODEL_PHYSDEV_OP, 1, -XEN_ENOSYS);
	xen_pci_remove(&host, host.devices);
	ck_assert(!model_pci_known(at(0, 1, 0)));
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"a conflict names both ranges and changes nothing", conflicts},
	{"a bridge's BAR is not behind it", own_window},
	{"a subtractive bridge passes on what its windows do not hold", subtractive_bridge},
	{"apertures hold BARs whole or not at all", apertures},
	{"hosts do not overlap", two_hosts},
	{"RAM in the way is named", ram_in_the_way},
	{"ballooned RAM in the way is named", balloon_in_the_way},
	{"XSA-461: a page that two BARs share is told and stays until both are gone", shared_page},
	{"XSA-154 402: hot-plug and removal leave the identity set as it was", hot_plug},
	{"a window that moves takes and gives claims", moving_window},
	{"a window that grows leaves claims inside alone", growing_window},
	{"what Xen refuses is kept and offered again", xen_refuses},
	{"an older Xen is told by the older calls", older_xen},
};
UNIT_MAIN("pci-claims", cases)
