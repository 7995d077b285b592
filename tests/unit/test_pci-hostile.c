/* SPDX-License-Identifier: MIT */
/*
 * PCI walker among devices made of random bytes, whose values change between reads.
 */
#include "pci-bench.h"

#include <xen/pirq.h>

/* Accesses that two scans of one hostile function, and three of a machine with 250, may cost: some
 * times what they do cost, which differs with the seed. */
#define MAX_ACCESSES_FUNCTION 16384
#define MAX_ACCESSES_MACHINE 65536

static struct xen_pci_host host;
static struct picture before;

/* A function whose every byte is random, down to which bits take writes. Its vendor is valid, and
 * often the header is that of a function or a bridge, so that it gets far. */
static void plug_hostile(struct xen_pci_addr addr, uint64_t *random)
{
	struct model_pci_function f = with_bar(addr, 0, 0x1000);
	uint8_t *raw, *writable;

	plug(f);
	raw = model_pci_raw(addr);
	writable = model_pci_writable(addr);
	for (unsigned int i = 0; i < 4096; i += 8) {
		uint64_t a = unit_random(random), b = unit_random(random);

		memcpy(raw + i, &a, 8);
		memcpy(writable + i, &b, 8);
	}
	raw[0] |= 1;
	raw[1] &= 0x7f;
	if (unit_random(random) & 7)
		raw[0x0e] &= 0x81;
	if (unit_random(random) & 1) {
		/* A list that leads somewhere, to PCI Express, MSI-X and round and round. */
		raw[6] |= 0x10;
		raw[0x34] = 0x40;
		memcpy(raw + 0x40, (uint8_t[]){0x10, 0x60}, 2);
		memcpy(raw + 0x60, (uint8_t[]){0x11, 0x80}, 2);
		memcpy(raw + 0x80, (uint8_t[]){0x05, 0x40}, 2);
		raw[0x100] = unit_random(random) & 1 ? 0x10 : 0x0e;
		raw[0x101] = 0;
	}
	if (raw[0x0e] & 1 && unit_random(random) & 3) {
		/* A bridge to one bus, often a sane one. */
		raw[0x19] = raw[0x1a] = (uint8_t)(unit_random(random) % 10);
		raw[0x20] = raw[0x22] = 0;
	}
	/* The model would not have a function sized while it decodes: let it be switched off. */
	writable[4] |= 3;
	if (raw[0x0b] == 6)
		raw[0x0b] = 7;
}

static void use_hostile(struct xen_pci_dev *dev)
{
	struct xen_pirq pirq;

	xen_pci_find_cap(dev, 0xfe);
	xen_pci_find_ext_cap(dev, 0xfffe);
	ck_assert_ptr_null(xen_pci_resource_at(&host, 0));
	for (unsigned int i = 0; i < 3; i++) {
		if (i ? xen_pirq_map_msix(&pirq, dev, i) : xen_pirq_map_msi(&pirq, dev))
			continue;
		xen_pirq_release(&pirq);
	}
}

/* One at a time: a device is scanned, used, scanned again, removed. */
static void hostile_devices(void)
{
	uint64_t random = unit_seed(), most = 0;
	unsigned int kept = 0;

	begin(&host, &before);
	for (unsigned int i = 0; i < unit_rounds(10000); i++) {
		uint64_t first = bench.nr;

		plug_hostile(at(0, 0, 0), &random);
		bench.lies = i & 1 ? random : 0;
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		check_claims(&host);
		kept += host.nr_devices;
		if (host.devices)
			use_hostile(host.devices);
		ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
		bench.lies = 0;
		check_claims(&host);
		most = bench.nr - first > most ? bench.nr - first : most;
		empty(&host, &before);
	}
	ck_assert_uint_gt(kept, unit_rounds(5000));
	ck_assert_uint_lt(most, MAX_ACCESSES_FUNCTION);
	model_pci_unplug(at(0, 0, 0));
	finish(&host, &before);
}

/* Many at once, over several buses, all lying. */
static void hostile_machine(void)
{
	uint64_t random = unit_seed();

	begin(&host, &before);
	for (unsigned int round = 0; round < unit_rounds(40); round++) {
		uint64_t first = bench.nr;

		for (unsigned int i = 0; i < 250; i++)
			plug_hostile(i < 32 ? at(0, i, 0)
					    : at(unit_random(&random) % 10,
						 unit_random(&random) & 31,
						 unit_random(&random) & 3),
				     &random);
		bench.lies = round & 1 ? random : 0;
		for (unsigned int i = 0; i < 3; i++) {
			ck_assert_int_eq(xen_pci_scan(&host, 0, NULL), 0);
			check_claims(&host);
			for (unsigned int n = unit_random(&random) & 3; n > 0 && host.devices; n--)
				xen_pci_remove(&host, host.devices);
		}
		bench.lies = 0;
		ck_assert_uint_lt(bench.nr - first, MAX_ACCESSES_MACHINE);
		empty(&host, &before);
		for (unsigned int i = 0; i < 65536; i++) {
			struct xen_pci_addr addr = {0, (uint8_t)(i >> 8), (uint8_t)i};

			if (model_pci_raw(addr))
				model_pci_unplug(addr);
		}
	}
	finish(&host, &before);
}

static const struct unit_case cases[] = {
	{"10,000 devices of random bytes", hostile_devices},
	{"machines full of them, lying", hostile_machine},
};

UNIT_MAIN("pci-hostile", cases)
