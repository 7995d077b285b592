/* SPDX-License-Identifier: MIT */
/*
 * Bridges: whose buses are whose and when they are free again, window registers bit by bit, and
 * what a window that changes does to the claims behind it and beside it.
 */
#include "pci-bench.h"

static struct xen_pci_host host;
static struct picture before;

static struct xen_pci_dev *find(unsigned int bus, unsigned int device)
{
	struct xen_pci_dev *dev = xen_pci_find(&host, at(bus, device, 0));

	ck_assert_ptr_nonnull(dev);
	return dev;
}

/* A scan, and how many errors it logged. */
static unsigned int errors_of_scan(void)
{
	unsigned int errors = model_log_lines(XEN_LOG_ERROR);

	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	return model_log_lines(XEN_LOG_ERROR) - errors;
}

/* Two bridges on bus 0 with these buses: is the second followed? */
static void bus_numbers(void)
{
	static const struct {
		unsigned int from[2], to[2], errors;
		bool followed;
	} table[] = {
		{{1, 4}, {3, 5}, 0, true},     {{1, 3}, {3, 4}, 1, false},
		{{3, 1}, {4, 3}, 1, false},    {{3, 1}, {4, 2}, 0, true},
		{{1, 1}, {2, 1}, 1, false},    {{1, 2}, {5, 3}, 1, false},
		{{1, 0}, {1, 0}, 0, false}, /* nobody has set it up */
		{{1, 0}, {1, 5}, 1, false},    {{1, 5}, {1, 0}, 1, false},
		{{1, 200}, {1, 255}, 0, true},
	};

	begin(&host, &before);
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (unsigned int b = 0; b < 2; b++)
			plug(bridge(at(0, 1 + b, 0), table[i].from[b], table[i].to[b], 0, 0));
		ck_assert_msg(errors_of_scan() == table[i].errors, "row %u", i);
		ck_assert(find(0, 1)->followed);
		ck_assert_msg(find(0, 2)->followed == table[i].followed, "row %u", i);
		empty(&host, &before);
	}
	finish(&host, &before);
}

/* The bus of a bridge that went may be another's; that of one which never had it stays its owner's.
 */
static void buses_come_free(void)
{
	static const unsigned int buses[] = {1, 70, 200};

	begin(&host, &before);
	for (unsigned int i = 0; i < 3; i++)
		plug(bridge(at(0, 1 + i, 0), buses[i], buses[i], 0, 0));
	plug(bridge(at(0, 5, 0), 70, 70, 0, 0));
	ck_assert_uint_eq(errors_of_scan(), 1);
	/* Who was refused goes: the next one is refused, too. */
	xen_pci_remove(&host, find(0, 5));
	ck_assert_uint_eq(errors_of_scan(), 1);
	ck_assert(!find(0, 5)->followed);
	/* Its owner goes, and it is free; the others are not. */
	model_pci_unplug(at(0, 2, 0));
	xen_pci_remove(&host, find(0, 2));
	ck_assert_uint_eq(errors_of_scan(), 0);
	ck_assert(find(0, 5)->followed);
	plug(bridge(at(0, 6, 0), 1, 1, 0, 0));
	plug(bridge(at(0, 7, 0), 200, 200, 0, 0));
	ck_assert_uint_eq(errors_of_scan(), 2);
	empty(&host, &before);
	/* A root bus in one life of the host, behind a bridge in the next. */
	model_pci_unplug(at(0, 1, 0));
	ck_assert_int_eq(xen_pci_scan(&host, 1, NULL), 0);
	empty(&host, &before);
	ck_assert_uint_eq(errors_of_scan(), 1); /* 0:7 is where 0:3 is */
	ck_assert(find(0, 6)->followed);
	finish(&host, &before);
}

/* Window registers and what they mean. */
static void window_registers(void)
{
	static const struct {
		uint32_t reg, base_high, limit_high;
		uint64_t start, size;
		const char *why;
		bool pref, is64;
	} table[] = {
		{0xe000e000, 0, 0, 0xe0000000, 0x100000, NULL, false, false},
		{0xe001e000, 0, 0, 0, 0, "reserved type", false, false},
		{0xe000e001, 0, 0, 0, 0, "reserved type", true, false},
		{0xe001e001, 0, 0, 0, 0, "reserved type", false, false},
		{0xe002e002, 0, 0, 0, 0, "reserved type", true, false},
		{0xe001e001, 0x10, 0x10, 0x10e0000000, 0x100000, NULL, true, true},
		/* What stands in the upper halves of a 32-bit window is none of it. */
		{0xe000e000, 0x10, 0x20, 0xe0000000, 0x100000, NULL, true, false},
	};

	begin(&host, &before);
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		unsigned int at_reg = table[i].pref ? 0x24 : 0x20;
		unsigned int index =
			table[i].pref ? XEN_PCI_RES_PREF_INDEX : XEN_PCI_RES_WINDOW_INDEX;
		const struct xen_pci_resource *res;
		uint8_t *raw;

		for (unsigned int on = 0; on < 2; on++) {
			plug(bridge(at(0, 1, 0), 1, 1, 0, 0));
			raw = model_pci_raw(at(0, 1, 0));
			raw[4] = on ? 2 : 0;
			memcpy(raw + at_reg, &table[i].reg, 4);
			memcpy(raw + 0x28, &table[i].base_high, 4);
			memcpy(raw + 0x2c, &table[i].limit_high, 4);
			ck_assert_uint_eq(errors_of_scan(), table[i].why ? 1 : 0);
			if (table[i].why)
				ck_assert_ptr_nonnull(strstr(model_last_log(), table[i].why));
			res = &find(0, 1)->res[index];
			ck_assert_uint_eq(res->start, table[i].start);
			ck_assert_uint_eq(res->size, table[i].size);
			if (table[i].size) {
				ck_assert_int_eq(!!(res->flags & XEN_PCI_RES_64BIT), table[i].is64);
				ck_assert_int_eq(!!(res->flags & XEN_PCI_RES_ENABLED), on);
				/* Switched over behind our back. */
				raw[4] ^= 2;
				ck_assert_uint_eq(errors_of_scan(), 0);
				ck_assert_int_eq(!!(res->flags & XEN_PCI_RES_ENABLED), !on);
			}
			empty(&host, &before);
		}
	}
	finish(&host, &before);
}

/* A window that moves: who is beside it, or still outside, is not judged and told again. */
static void bystanders(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000);

	begin(&host, &before);
	plug(b);
	plug(with_bar(at(0, 3, 0), 0xd0000000, 0x1000));
	plug(with_bar(at(0, 4, 0), 0xd0000000, 0x1000)); /* in conflict, and not behind */
	plug(with_bar(at(1, 0, 0), 0xe0800000, 0x1000)); /* outside before and after */
	ck_assert_uint_eq(errors_of_scan(), 2);
	b.window_end += 0x100000;
	plug(b);
	ck_assert_uint_eq(errors_of_scan(), 0);
	ck_assert_uint_eq(host.nr_conflicts, 2);
	ck_assert_uint_eq(find(0, 1)->res[XEN_PCI_RES_WINDOW_INDEX].size, 0x200000);
	finish(&host, &before);
}

/* It grows over one BAR behind it and, further on, one that is beside it. */
static void second_obstacle(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000);

	begin(&host, &before);
	plug(b);
	plug(with_bar(at(1, 0, 0), 0xe0000000, 0x1000));
	plug(with_bar(at(0, 5, 0), 0xe0180000, 0x1000));
	ck_assert_uint_eq(errors_of_scan(), 0);
	b.window_end += 0x100000;
	plug(b);
	ck_assert_uint_eq(errors_of_scan(), 1);
	ck_assert_ptr_nonnull(strstr(model_last_log(), "0000:00:05.0 BAR 0"));
	ck_assert(!(find(0, 1)->res[XEN_PCI_RES_WINDOW_INDEX].flags & XEN_PCI_RES_CLAIMED));
	ck_assert_uint_eq(host.nr_conflicts, 1);
	finish(&host, &before);
}

/* It comes to read as what is none. */
static void window_breaks(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000);
	const struct xen_pci_resource *res;

	begin(&host, &before);
	plug(b);
	plug(with_bar(at(1, 0, 0), 0xe0000000, 0x1000));
	ck_assert_uint_eq(errors_of_scan(), 0);
	model_pci_raw(b.addr)[0x20] |= 1;
	ck_assert_uint_eq(errors_of_scan(), 2); /* the window, and who is behind it */
	res = &find(0, 1)->res[XEN_PCI_RES_WINDOW_INDEX];
	ck_assert_uint_eq(res->kind, XEN_PCI_RES_NONE);
	ck_assert_uint_eq(res->start, 0);
	ck_assert_uint_eq(res->size, 0);
	ck_assert_uint_eq(host.nr_conflicts, 2);
	ck_assert(is_nothing(0xe0000000));
	finish(&host, &before);
}

/* Each allocation, then each read, of a scan that finds a window moved fails: told, nothing lost,
 * and the next scan has it all. */
static void moves_fail(void)
{
	struct model_pci_function b = bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x100000);
	unsigned int failed[2] = {0};

	begin(&host, &before);
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int nth = 1; nth < 60; nth++) {
			int rc;

			b.window_start = 0xe0000000;
			b.window_end = 0xe00fffff;
			plug(b);
			plug(with_bar(at(1, 0, 0), 0xe0000000, 0x1000));
			plug(with_bar(at(1, 1, 0), 0xe0100000, 0x1000));
			plug(with_bar(at(1, 2, 0), 0xe0180000, 0x1000));
			ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
			ck_assert_uint_eq(host.nr_conflicts, 2);
			b.window_end += 0x100000;
			plug(b);
			if (i)
				bench_fail(nth);
			else
				model_fail(MODEL_ALLOC, nth, 0);
			rc = xen_pci_scan(&host, 0, NULL);
			failed[i] += rc != 0;
			ck_assert(!rc || rc == (i ? -XEN_EIO : -XEN_ENOMEM));
			model_fail(MODEL_ALLOC, 0, 0);
			bench_fail(0);
			check_claims(&host);
			ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
			ck_assert_uint_eq(host.nr_conflicts, 0);
			ck_assert(all_identity(0xe0000000, 0x200000));
			check_claims(&host);
			empty(&host, &before);
		}
	ck_assert_uint_gt(failed[0], 0);
	ck_assert_uint_gt(failed[1], 40); /* a scan is more reads than that */
	finish(&host, &before);
}

/* BARs of one function may share a page; neighbours that end with their pages do not. */
static void pages_of_ones_own(void)
{
	struct model_pci_function f = with_bar(at(0, 1, 0), 0xe0000000, 0x100);

	begin(&host, &before);
	f.bar[2] = (struct model_pci_bar){.addr = 0xe0000800, .size = 0x100};
	plug(f);
	plug(with_bar(at(0, 2, 0), 0xe0001000, 0x1000));
	plug(with_bar(at(0, 3, 0), 0xe0002000, 0x1000));
	plug(bridge(at(0, 4, 0), 1, 1, 0xe0100000, 0x100000));
	plug(with_bar(at(1, 0, 0), 0xe0100000, 0x1000));
	ck_assert_uint_eq(errors_of_scan(), 0);
	ck_assert(!xen_pci_shares_page(&find(0, 1)->res[0], NULL));
	ck_assert(!xen_pci_shares_page(&find(0, 1)->res[2], NULL));
	ck_assert(!xen_pci_shares_page(&find(0, 2)->res[0], NULL));
	ck_assert(!xen_pci_shares_page(&find(0, 3)->res[0], NULL));
	ck_assert(!xen_pci_shares_page(&find(0, 4)->res[XEN_PCI_RES_WINDOW_INDEX], NULL));
	/* One that is not claimed shares nothing, wherever it lies. */
	plug(with_bar(at(0, 5, 0), 0xe0002000, 0x800));
	plug(with_bar(at(0, 6, 0), 0xe0002800, 0x800));
	model_pci_unplug(at(0, 3, 0));
	ck_assert_uint_eq(errors_of_scan(), 2);
	ck_assert(!xen_pci_shares_page(&find(0, 5)->res[0], NULL));
	xen_pci_remove(&host, find(0, 3));
	ck_assert(!xen_pci_shares_page(&find(0, 5)->res[0], NULL));
	finish(&host, &before);
}

static void aperture_limits(void)
{
	begin(&host, &before);
	ck_assert_int_eq(xen_pci_add_aperture(&host, 1ULL << 51, 1ULL << 52), -XEN_EINVAL);
	ck_assert_int_eq(xen_pci_add_aperture(&host, (1ULL << 52) - 0x1000, 0x2000), -XEN_EINVAL);
	ck_assert_int_eq(xen_pci_add_aperture(&host, 1ULL << 52, 0x1000), -XEN_EINVAL);
	ck_assert_int_eq(xen_pci_add_aperture(&host, (1ULL << 52) - 0x1000, 0x1000), 0);
	finish(&host, &before);
}

/* What memory ran out for is no conflict: nothing is said of one. */
static void memory_is_no_conflict(void)
{
	unsigned int nth;

	begin(&host, &before);
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	for (nth = 1; nth < 20; nth++) {
		int rc;

		model_fail(MODEL_ALLOC, nth, 0);
		rc = xen_pci_add(&host, at(0, 1, 0), NULL, NULL);
		model_fail(MODEL_ALLOC, 0, 0);
		ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
		if (!rc)
			break;
		ck_assert_int_eq(rc, -XEN_ENOMEM);
		empty(&host, &before);
		xen_ranges_fini(&xen_p2m.identity);
		take_picture(&before);
	}
	ck_assert_uint_gt(nth, 2);
	xen_pci_remove(&host, find(0, 1));
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"buses have one bridge each", bus_numbers},
	{"a bus is free when its bridge has gone", buses_come_free},
	{"window registers bit by bit", window_registers},
	{"a window that moves does not trouble bystanders", bystanders},
	{"a window over something of its own and something else is refused", second_obstacle},
	{"a window that breaks takes its claims along", window_breaks},
	{"moves that fail are made by the next scan", moves_fail},
	{"a page of one's own is not shared", pages_of_ones_own},
	{"apertures end with the address space", aperture_limits},
	{"want of memory is no conflict", memory_is_no_conflict},
};

UNIT_MAIN("pci-windows", cases)
