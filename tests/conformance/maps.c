/* SPDX-License-Identifier: MIT */
/* The machine's and the domain's memory map, and where the M2P is. */
#include "conf.h"

#include <xen/setup.h>

static struct xen_e820_entry map[XEN_E820_MAX];

static int get_map(unsigned int cmd, void *buffer, unsigned int *nr)
{
	struct xen_memory_map op = {.nr_entries = *nr};
	int rc;

	set_xen_guest_handle(op.buffer, buffer);
	rc = (int)hypercall_memory_op(cmd, &op);
	*nr = op.nr_entries;
	return rc;
}

/* The end of RAM in pages. */
static uint64_t ram_end(unsigned int nr)
{
	uint64_t end = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (map[i].type == XEN_E820_RAM && map[i].addr + map[i].size > end)
			end = map[i].addr + map[i].size;
	return end >> XEN_PAGE_SHIFT;
}

static bool sorted(unsigned int nr)
{
	unsigned int i;

	for (i = 1; i < nr; i++)
		if (map[i].addr < map[i - 1].addr + map[i - 1].size)
			return false;
	return true;
}

/* Xen demands room for more entries than it has in the end: how much more is its affair. */
static void machine_map(void)
{
	unsigned int all = XEN_E820_MAX, nr = 0;
	int rc = get_map(XENMEM_machine_memory_map, map, &all);

	conf("machine-map", "%s %s %s end=%s", conf_err(rc),
	     conf_is(all > 2 && all < XEN_E820_MAX, "entries", "none"),
	     conf_is(sorted(all), "sorted", "unsorted"),
	     conf_is(ram_end(all) == (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL),
		     "maximum-ram-page", "other"));
	rc = get_map(XENMEM_machine_memory_map, NULL, &nr);
	conf("machine-map-count", "%s %s", conf_err(rc), conf_is(nr == all, "same", "other"));
	nr = 1;
	rc = get_map(XENMEM_machine_memory_map, map, &nr);
	conf("machine-map-one", "%s entries=%u", conf_err(rc), nr);
	nr = 0;
	rc = get_map(XENMEM_machine_memory_map, map, &nr);
	conf("machine-map-none", "%s entries=%u", conf_err(rc), nr);
	nr = all + 1;
	rc = get_map(XENMEM_machine_memory_map, map, &nr);
	conf("machine-map-one-more", "%s %s", conf_err(rc), conf_is(nr == all, "all", "other"));
	conf("machine-map-no-argument", "%s",
	     conf_err(hypercall_memory_op(XENMEM_machine_memory_map, NULL)));
}

static void domain_map(void)
{
	unsigned int nr = XEN_E820_MAX;
	int rc = get_map(XENMEM_memory_map, map, &nr);

	conf("domain-map", "%s entries=%u", conf_err(rc), rc ? 0 : nr);
	nr = XEN_E820_MAX;
	rc = get_map(XENMEM_memory_map, NULL, &nr);
	conf("domain-map-no-buffer", "%s", conf_err(rc));
	conf("domain-map-no-argument", "%s",
	     conf_err(hypercall_memory_op(XENMEM_memory_map, NULL)));
	conf("maximum-ram-page", "%s",
	     conf_is(hypercall_memory_op(XENMEM_maximum_ram_page, NULL) > 0, "positive", "not"));
}

static void machphys_mapping(void)
{
	struct xen_machphys_mapping m = {0};
	long rc = hypercall_memory_op(XENMEM_machphys_mapping, &m);
	uint64_t entries = (m.v_end - m.v_start) / sizeof(uint64_t);

	conf("machphys-mapping", "%s start=%s max=%s room=%s", conf_err(rc),
	     conf_is(!(m.v_start & 0x1fffff), "aligned", "unaligned"),
	     conf_is(m.max_mfn + 1 == (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL),
		     "maximum-ram-page", "other"),
	     conf_is(entries > m.max_mfn, "enough", "short"));
	conf("machphys-mapping-no-argument", "%s",
	     conf_err(hypercall_memory_op(XENMEM_machphys_mapping, NULL)));
}

static xen_pfn_t chunks[64];

static int get_chunks(unsigned int max, unsigned int *nr)
{
	struct xen_machphys_mfn_list op = {.max_extents = max};
	int rc;

	set_xen_guest_handle(op.extent_start, chunks);
	rc = (int)hypercall_memory_op(XENMEM_machphys_mfn_list, &op);
	*nr = op.nr_extents;
	return rc;
}

/* One extent for each 2 MiB of the table, so 1 GiB of RAM; a hole repeats the one before. */
static void machphys_list(void)
{
	uint64_t end = (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL);
	unsigned int nr = 0, i, holes = 0;
	int rc = get_chunks(LEN(chunks), &nr);

	for (i = 1; i < nr; i++)
		holes += chunks[i] == chunks[i - 1];
	conf("machphys-list", "%s %s holes=%u", conf_err(rc),
	     conf_is(nr == (end + 0x3ffff) >> 18, "all", "other"), holes);
	for (i = 0; i < nr; i++)
		chunks[i] = 1;
	rc = get_chunks(1, &nr);
	conf("machphys-list-one", "%s nr=%u behind=%s", conf_err(rc), nr,
	     conf_is(chunks[1] == 1, "untouched", "written"));
	rc = get_chunks(0, &nr);
	conf("machphys-list-none", "%s nr=%u", conf_err(rc), nr);
	conf("machphys-list-no-argument", "%s",
	     conf_err(hypercall_memory_op(XENMEM_machphys_mfn_list, NULL)));
}

void conf_maps(void)
{
	machine_map();
	domain_map();
	machphys_mapping();
	machphys_list();
}
