/* SPDX-License-Identifier: MIT */
/*
 * Scans: what they pass over and what they go on behind, which error they tell, where they end; and
 * SR-IOV by its numbers.
 */
#include "pci-bench.h"

#define EXP_CAP 0xa0
#define EXT_CAP 0x100
#define MAX_FUNCTIONS 200

static struct xen_pci_host host;
static struct picture before;

static bool there(unsigned int bus, unsigned int device)
{
	return xen_pci_find(&host, at(bus, device, 0));
}

static uint8_t *make_express(struct xen_pci_addr addr, unsigned int type)
{
	uint8_t *raw = model_pci_raw(addr);

	raw[6] |= 0x10;
	raw[0x34] = EXP_CAP;
	memcpy(raw + EXP_CAP, (uint8_t[]){0x10, 0, (uint8_t)(type << 4 | 2), 0}, 4);
	return raw;
}

/* Many that are fine, and among them what is not ready, of no known type, or unreadable. */
static void goes_on(void)
{
	unsigned int found;

	begin(&host, &before);
	for (unsigned int i = 0; i < MAX_FUNCTIONS; i++) {
		struct model_pci_function f = with_bar(at(0, i / 8, i % 8), 0, 0);

		f.multifunction = true;
		plug(f);
	}
	memcpy(model_pci_raw(at(0, 3, 1)), (uint8_t[]){1, 0, 0xff, 0xff}, 4);
	model_pci_raw(at(0, 3, 2))[0x0e] = 0x85;
	ck_assert_int_eq(xen_pci_scan(&host, 0, &found), 0);
	ck_assert_uint_eq(found, MAX_FUNCTIONS - 2);
	empty(&host, &before);
	/* The third read is of the first function's header; the rest is found all the same. */
	bench_fail(3);
	ck_assert_int_eq(xen_pci_scan(&host, 0, &found), -XEN_EIO);
	bench_fail(0);
	ck_assert_uint_ge(found, MAX_FUNCTIONS - 10);
	finish(&host, &before);
}

/* Each access fails in turn: but for capabilities, and for what is written once more, it is an
 * error. */
static void errors_are_told(void)
{
	uint64_t accesses, failed = 0;

	begin(&host, &before);
	plug(with_bar(at(0, 1, 0), 0xe0000000, 0x1000));
	accesses = bench.nr;
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	accesses = bench.nr - accesses;
	empty(&host, &before);
	for (uint64_t nth = 1; nth <= accesses; nth++) {
		bench_fail(nth);
		failed += xen_pci_scan(&host, 0, NULL) == -XEN_EIO;
		bench_fail(0);
		empty(&host, &before);
	}
	ck_assert_uint_ge(failed, accesses - 12);
	/* Of two errors the first is told. */
	bench_fail(1);
	model_fail(MODEL_ALLOC, 1, 0);
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), -XEN_EIO);
	model_fail(MODEL_ALLOC, 0, 0);
	bench_fail(0);
	finish(&host, &before);
}

/* Only bridges have windows: a second scan does not take BARs for such. */
static void bars_are_no_windows(void)
{
	struct model_pci_function f = with_bar(at(0, 1, 0), 0, 0);

	begin(&host, &before);
	f.bar[4] = (struct model_pci_bar){.addr = 0xe0000000, .size = 0x1000};
	f.bar[5] = (struct model_pci_bar){.addr = 0xe0100000, .size = 0x1000};
	plug(f);
	for (unsigned int i = 0; i < 2; i++) {
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_uint_eq(host.nr_conflicts, 0);
		ck_assert_uint_eq(host.devices->res[XEN_PCI_RES_WINDOW_INDEX].size, 0);
		ck_assert(host.devices->res[4].flags & XEN_PCI_RES_CLAIMED);
	}
	ck_assert_uint_eq(model_log_lines(XEN_LOG_ERROR), 0);
	finish(&host, &before);
}

/* Behind a port with ARI there is more to scan; another root bus is another scan's. */
static void buses(void)
{
	begin(&host, &before);
	plug(bridge(at(0, 1, 0), 1, 1, 0, 0));
	make_express(at(0, 1, 0), 6)[EXP_CAP + 0x28] = 0x20;
	plug(with_bar(at(1, 0, 0), 0, 0));
	plug(bridge(at(0, 2, 0), 2, 2, 0, 0));
	plug(with_bar(at(2, 0, 0), 0, 0));
	plug(bridge(at(5, 0, 0), 6, 6, 0, 0));
	ck_assert_int_eq(xen_pci_scan(&host, 5, NULL), 0);
	plug(with_bar(at(6, 0, 0), 0, 0));
	plug(bridge(at(0, 3, 0), 5, 5, 0, 0)); /* a root bus is nobody's */
	ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
	ck_assert(there(1, 0) && there(2, 0) && !there(6, 0));
	ck_assert(!xen_pci_find(&host, at(0, 3, 0))->followed);
	ck_assert_int_eq(xen_pci_scan(&host, 5, NULL), 0);
	ck_assert(there(6, 0));
	finish(&host, &before);
}

/* SR-IOV at @pos of 1:00.0: two ranges, one of 64 and one of 32 bits. */
static uint8_t *plug_physfn(unsigned int pos)
{
	struct xen_pci_addr addr = at(1, 0, 0);
	uint8_t *raw, *writable;

	plug(bridge(at(0, 1, 0), 1, 1, 0xe0000000, 0x1000000));
	plug(with_bar(addr, 0xe0000000, 0x1000));
	raw = make_express(addr, 0);
	writable = model_pci_writable(addr);
	memset(raw + EXT_CAP, 0, 4096 - EXT_CAP);
	memcpy(raw + EXT_CAP, &(uint32_t){pos << 20 | 0x1ffff}, 4);
	memcpy(raw + pos, &(uint32_t){0x00010010}, 4);
	raw[pos + 0x14] = 0x80; /* 1:10.0, 1:11.0, ... */
	raw[pos + 0x16] = 8;
	raw[pos + 0x1a] = 0x77;
	memcpy(raw + pos + 0x24, &(uint32_t){0xe0400000 | 4}, 4);
	memcpy(writable + pos + 0x24, (uint8_t[]){0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 8);
	memcpy(raw + pos + 0x2c, &(uint32_t){0xe0800000}, 4);
	memcpy(writable + pos + 0x2c, (uint8_t[]){0, 0xe0, 0xff, 0xff}, 4);
	memcpy(raw + pos + 0x30, &(uint32_t){0x4}, 4); /* what follows is none of BAR 2 */
	memcpy(writable + pos + 0x30, (uint8_t[]){0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 8);
	for (unsigned int device = 0x10; device < 0x14; device++) {
		plug(with_bar(at(1, device, 0), 0, 0));
		memset(model_pci_raw(at(1, device, 0)), 0xff, 4);
	}
	return raw;
}

static void by_numbers(void)
{
	static const struct {
		unsigned int control, number, offset, stride, found;
	} table[] = {
		{9, 2, 0x80, 8, 2},	 {1, 1, 0x80, 8, 1},  {8, 2, 0x80, 8, 0},
		{9, 0, 0x80, 8, 0},	 {9, 2, 0, 8, 0},     {9, 3, 0x80, 0, 1},
		{9, 4, 0x80, 8, 4},	 {9, 2, 0x100, 8, 0}, /* bus 2 is not behind the bridge */
		{0xffff, 2, 0x80, 8, 0},
	};

	begin(&host, &before);
	for (unsigned int i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t *raw = plug_physfn(0x140);
		const struct xen_pci_dev *vf;
		unsigned int found;

		/* They would answer there, too. */
		plug(with_bar(at(2, 0, 0), 0, 0));
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		ck_assert_uint_eq(host.nr_devices, 2);
		memcpy(raw + 0x148, &(uint16_t){(uint16_t)table[i].control}, 2);
		memcpy(raw + 0x150, &(uint16_t){(uint16_t)table[i].number}, 2);
		memcpy(raw + 0x154, &(uint16_t){(uint16_t)table[i].offset}, 2);
		memcpy(raw + 0x156, &(uint16_t){(uint16_t)table[i].stride}, 2);
		ck_assert_int_eq(xen_pci_scan(&host, 0, &found), 0);
		ck_assert_msg(found == table[i].found, "row %u: %u functions", i, found);
		for (unsigned int nr = 0; nr < found; nr++) {
			vf = xen_pci_find(&host, at(1, 0x10 + nr, 0));
			ck_assert_ptr_nonnull(vf);
			ck_assert_uint_eq(vf->res[0].start, 0xe0400000 + nr * 0x1000);
			ck_assert_uint_eq(vf->res[2].start, 0xe0800000 + nr * 0x2000);
			ck_assert_uint_eq(vf->res[2].size, 0x2000);
			ck_assert_int_eq(!!(vf->res[2].flags & XEN_PCI_RES_ENABLED),
					 table[i].control >> 3 & 1);
		}
		empty(&host, &before);
	}
	finish(&host, &before);
}

/* The capability must fit in config space to its last BAR; a 64-bit BAR in the last slot does not.
 */
static void capability_at_the_end(void)
{
	begin(&host, &before);
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int pos = i ? 0xfc8 : 0xfc4, found;
		uint8_t *raw;

		plug_physfn(0x140);
		raw = model_pci_raw(at(1, 0, 0));
		memcpy(raw + EXT_CAP, &(uint32_t){pos << 20 | 0x1ffff}, 4);
		memcpy(raw + pos, &(uint32_t){0x00010010}, 4);
		raw[pos + 0x14] = 0x80;
		raw[pos + 0x16] = 8;
		if (!i)
			raw[pos + 0x38] = 4; /* BAR 5 */
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		if (!i)
			ck_assert_ptr_nonnull(strstr(model_last_log(), "last slot"));
		raw[pos + 0x08] = 9;
		raw[pos + 0x10] = 1;
		ck_assert_int_eq(xen_pci_scan(&host, 0, &found), 0);
		ck_assert_uint_eq(found, i ? 0 : 1);
		empty(&host, &before);
	}
	finish(&host, &before);
}

static void check_vfs(void)
{
	for (unsigned int i = 0; i < 2 && host.nr_devices == 4; i++) {
		struct xen_pci_dev *vf = xen_pci_find(&host, at(1, 0x10 + i, 0));

		ck_assert_ptr_nonnull(vf);
		ck_assert(vf->res[0].flags & XEN_PCI_RES_CLAIMED);
		ck_assert(vf->res[2].flags & XEN_PCI_RES_CLAIMED);
	}
}

/* Each access and each allocation fails while a physical function is added, then while its virtual
 * ones are: the next scan has them, with all their BARs. */
static void sriov_fails(void)
{
	for (unsigned int kind = 0; kind < 4; kind++) {
		/* Of accesses some, where each takes long. */
		unsigned int nth, failed = 0, step = kind % 2 ? 1 : 11 - unit_rounds(10);

		for (nth = 1; nth < 1000; nth += step) {
			uint64_t first, calls;
			uint8_t *raw;

			begin(&host, &before);
			raw = plug_physfn(0x140);
			if (kind / 2) {
				ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
				raw[0x148] = 9;
				raw[0x150] = 2;
			}
			first = kind % 2 ? model_calls(MODEL_ALLOC) : bench.nr;
			if (kind % 2)
				model_fail(MODEL_ALLOC, nth, 0);
			else
				bench_fail(nth);
			failed += xen_pci_scan(&host, 0, NULL) != 0;
			calls = (kind % 2 ? model_calls(MODEL_ALLOC) : bench.nr) - first;
			model_fail(MODEL_ALLOC, 0, 0);
			bench_fail(0);
			ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
			raw[0x148] = 9;
			raw[0x150] = 2;
			ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
			/* A capability that cannot be read is none. */
			ck_assert(host.nr_devices == 4 || (!kind && host.nr_devices == 2));
			check_vfs();
			finish(&host, &before);
			xen_p2m_fini();
			ck_assert_uint_eq(model_allocs().objects, 0);
			if (calls < nth)
				break;
		}
		ck_assert_msg(failed > (kind % 2 ? 1 : 20 / step), "kind %u: %u failed", kind,
			      failed);
		ck_assert_uint_lt(nth, 1000);
	}
}

static const struct unit_case cases[] = {
	{"a scan goes on behind what it cannot use", goes_on},
	{"a scan tells the first error", errors_are_told},
	{"BARs are not taken for windows", bars_are_no_windows},
	{"a scan goes to all buses behind its root, and to no others", buses},
	{"virtual functions by their numbers", by_numbers},
	{"SR-IOV at the end of config space", capability_at_the_end},
	{"SR-IOV that fails at each step is complete at the next scan", sriov_fails},
};

UNIT_MAIN("pci-scan", cases)
