/* SPDX-License-Identifier: MIT */
/* What the tests of xenpci check share: facts of a card with nothing wrong, and what is found. */
#ifndef XENDMA_TESTS_UNIT_CHECK_TEST_H
#define XENDMA_TESTS_UNIT_CHECK_TEST_H

#include <string.h>

#include "unit.h"
#include "xenpci/check/check.h"

#define MIB (1ULL << 20)

static struct device all[4];
static struct devices devices;
static struct facts facts;
static struct report report;

static inline void put(struct device *device, unsigned int at, uint32_t value, unsigned int bytes)
{
	memcpy(&device->config[at], &value, bytes);
}

/* A capability at `at`, in front of those that are there. */
static inline void add_capability(struct device *device, uint8_t id, unsigned int at)
{
	device->config[at] = id;
	device->config[at + 1] = device->config[0x34];
	device->config[0x34] = (uint8_t)at;
	device->config[0x06] |= 0x10;
}

/* PCI Express with function level reset, MSI with 4 vectors, MSI-X with 5 in BAR 3. */
static inline void make_card(struct device *device, unsigned int slot)
{
	*device = (struct device){.bdf = {.devfn = (uint8_t)(slot << 3)},
				  .vendor = 0x8086,
				  .device = 0x10d3,
				  .class = 0x020000,
				  .gsi = 16 + slot,
				  .pin = 1,
				  .config_size = 256};
	strcpy(device->driver, "pciback");
	strcpy(device->reset_method, "flr bus");
	device->region[0] = (struct region){.kind = REGION_MEMORY,
					    .first = 0xfe000000 + slot * MIB,
					    .last = 0xfe01ffff + slot * MIB};
	device->region[2] = (struct region){.kind = REGION_IO, .first = 0xc000, .last = 0xc01f};
	device->region[3] = (struct region){.kind = REGION_MEMORY,
					    .first = 0xfe080000 + slot * MIB,
					    .last = 0xfe083fff + slot * MIB};
	add_capability(device, 0x10, 0xe0);
	put(device, 0xe4, 1u << 28, 4);
	add_capability(device, 0x05, 0xd0);
	put(device, 0xd2, 2 << 1, 2);
	add_capability(device, 0x11, 0xa0);
	put(device, 0xa2, 4, 2);
	put(device, 0xa4, 3, 4);
}

static inline void make(void)
{
	unsigned int i;

	report_clear(&report);
	memset(&facts, 0, sizeof(facts));
	for (i = 0; i < 4; i++)
		make_card(&all[i], i + 1);
	devices = (struct devices){.device = all, .count = 4};
	facts.device = &all[1];
	facts.devices = &devices;
	facts.xen = facts.iommu = true;
	facts.map[0] = (struct hv_range){0, 0x7fffffff, HV_RAM};
	facts.map[1] = (struct hv_range){0xfeffc000, 0xfeffffff, HV_RESERVED};
	facts.maps = 2;
	facts.low_known = true;
	facts.low_free = 64 * MIB;
}

static inline const struct finding *find(const char *id)
{
	size_t i;

	for (i = 0; i < report.count; i++)
		if (!strcmp(report.findings[i].id, id))
			return &report.findings[i];
	return NULL;
}

/* Just this one beside notes, of that severity, and with everything that a finding has. */
static inline void expect(const char *id, enum severity severity)
{
	const struct finding *finding = find(id);

	ck_assert_msg(finding != NULL, "no finding %s", id);
	ck_assert_int_eq(finding->severity, severity);
	ck_assert_str_ne(finding->cause, "");
	ck_assert_str_ne(finding->evidence, "");
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), severity > SEVERITY_NOTE);
	if (severity == SEVERITY_ERROR)
		ck_assert_int_ne(finding->exit, EXIT_DONE);
	if (severity > SEVERITY_NOTE && strcmp(id, "msix-table"))
		ck_assert_str_ne(finding->next, "");
}

static inline void reserve(unsigned int device, uint64_t first, uint64_t last)
{
	facts.reserved[facts.reserveds++] =
		(struct facts_reserved){all[device].bdf, {first, last, HV_RESERVED}};
}

static inline void name_domain(void)
{
	make();
	facts.has_domain = facts.pv = true;
	facts.domain = 5;
}

#endif
