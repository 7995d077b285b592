/* SPDX-License-Identifier: MIT */
/*
 * Collects what the E820, the P2M, set-up, the balloon and the PCI tree say, sorts it by address
 * and prints the table. Runs at a quiet moment on CPU 0; nothing to lock.
 */
#include "map.h"

#include <xen/p2m.h>

#include "boot.h"
#include "host.h"
#include "text.h"

#define MAX_ENTRIES 768

static struct map_entry entries[MAX_ENTRIES];
static unsigned int nr_entries, nr_dropped;

static struct map_entry *add(enum map_kind kind, uint64_t start, uint64_t end)
{
	struct map_entry *entry = &entries[nr_entries];

	if (nr_entries == MAX_ENTRIES) {
		nr_dropped++;
		entry = &entries[MAX_ENTRIES - 1]; /* written over, and counted as left out */
	} else {
		nr_entries++;
	}
	*entry = (struct map_entry){.start = start, .end = end, .kind = kind, .count = 1};
	return entry;
}

static void add_pages(enum map_kind kind, uint64_t first, uint64_t end)
{
	add(kind, first << XEN_PAGE_SHIFT, end << XEN_PAGE_SHIFT);
}

/* RAM by the P2M's own entries: runs that are populated and runs that are not. */
static void collect_ram(void)
{
	struct xen_range range;
	uint64_t at = 0;

	while (xen_ranges_first(&xen_p2m.ram, at, 1ULL << 62, &range)) {
		uint64_t pfn = range.start;

		while (pfn < range.end) {
			bool populated = xen_p2m_is_own_ram(mk_pfn(pfn));
			uint64_t first = pfn;

			while (pfn < range.end && xen_p2m_is_own_ram(mk_pfn(pfn)) == populated)
				pfn++;
			add_pages(populated ? MAP_RAM : MAP_SPARE, first, pfn);
		}
		at = range.end;
	}
}

static void collect_moved(void)
{
	unsigned int i;

	for (i = 0; i < boot_nr_moved; i++) {
		uint64_t from = pfn_x(boot_moved[i].from), to = pfn_x(boot_moved[i].to);
		uint64_t nr = boot_moved[i].nr;
		struct map_entry *entry;

		add_pages(MAP_MOVED_OUT, from, from + nr);
		entry = &entries[nr_entries - 1];
		boot_snprintf(entry->text, MAP_TEXT_MAX, "-> %012lx", to << XEN_PAGE_SHIFT);
		add_pages(MAP_MOVED_IN, to, to + nr);
		entry = &entries[nr_entries - 1];
		boot_snprintf(entry->text, MAP_TEXT_MAX, "<- %012lx", from << XEN_PAGE_SHIFT);
	}
}

static void collect_reserved(void)
{
	static const char *const type_name[] = {
		"", "", "host reserved", "ACPI tables", "ACPI NVS", "unusable"};
	unsigned int i;

	for (i = 0; i < boot_nr_e820; i++) {
		const struct xen_e820_entry *e = &boot_e820[i];

		if (e->type == XEN_E820_RAM)
			continue;
		boot_snprintf(add(MAP_RESERVED, e->addr, e->addr + e->size)->text, MAP_TEXT_MAX,
			      "%s", e->type < ARRAY_LEN(type_name) ? type_name[e->type] : "host");
	}
}

/* Identity pieces that touch differ only in how many claim them: one to the eye. */
static void collect_identity(void)
{
	struct xen_range range, next;
	uint64_t at = 0;

	while (xen_ranges_first(&xen_p2m.identity, at, 1ULL << 62, &range)) {
		while (xen_ranges_find(&xen_p2m.identity, range.end, &next))
			range.end = next.end;
		add_pages(MAP_IDENTITY, range.start, range.end);
		at = range.end;
	}
}

static void add_resource(const struct xen_pci_resource *res)
{
	char name[XEN_PCI_NAME_MAX];
	struct map_entry *entry;
	bool window = res->kind == XEN_PCI_RES_WINDOW || res->kind == XEN_PCI_RES_PREF_WINDOW ||
		      res->kind == XEN_PCI_RES_APERTURE;

	if (!res->size || res->flags & (XEN_PCI_RES_IO | XEN_PCI_RES_UNSET))
		return;
	entry = add(window ? MAP_WINDOW : MAP_BAR, res->start, res->start + res->size);
	xen_pci_resource_name(res, name);
	boot_snprintf(entry->text, MAP_TEXT_MAX, "%s %s%s", name,
		      res->dev ? guest_device_name(res->dev) : "",
		      res->flags & XEN_PCI_RES_CLAIMED ? "" : " NOT CLAIMED");
	if (!window)
		entry->group = (uint16_t)(1 + (res->kind == XEN_PCI_RES_ROM ? 6 : res->index) +
					  8 * (res->dev->device & 0xfff));
}

static void collect_pci(void)
{
	const struct xen_pci_host *host;
	const struct xen_pci_dev *dev;
	unsigned int i, k;

	for (k = 0; (host = guest_host(k)); k++)
		for (i = 0; i < host->nr_apertures; i++)
			add_resource(&host->aperture[i]);
	for (dev = guest_next_device(NULL); dev; dev = guest_next_device(dev))
		for (i = 0; i < XEN_PCI_NR_RES; i++)
			add_resource(&dev->res[i]);
}

/* By start; the wider one first where two begin together. Insertion: nearly sorted already. */
static void sort(void)
{
	unsigned int i, j;

	for (i = 1; i < nr_entries; i++) {
		struct map_entry entry = entries[i];

		for (j = i;
		     j && (entries[j - 1].start > entry.start ||
			   (entries[j - 1].start == entry.start && entries[j - 1].end < entry.end));
		     j--)
			entries[j] = entries[j - 1];
		entries[j] = entry;
	}
}

/* Rows of like devices become one line. */
static void fold(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < nr_entries; i++) {
		struct map_entry *last = nr ? &entries[nr - 1] : NULL;

		if (last && entries[i].group && last->group == entries[i].group &&
		    last->end == entries[i].start) {
			last->end = entries[i].end;
			last->count++;
		} else {
			entries[nr++] = entries[i];
		}
	}
	nr_entries = nr;
}

const char *map_size_text(uint64_t bytes, char text[MAP_SIZE_MAX])
{
	static const char unit[] = "BKMGTPE";
	unsigned int u = 0, tenths;

	while (u < 6 && bytes >> (10 * u) >= 1024)
		u++;
	tenths = u ? (unsigned int)((bytes >> (10 * u - 10) & 1023) * 10 >> 10) : 0;
	if (tenths)
		boot_snprintf(text, MAP_SIZE_MAX, "%lu.%u%c", bytes >> (10 * u), tenths, unit[u]);
	else
		boot_snprintf(text, MAP_SIZE_MAX, "%lu%c", bytes >> (10 * u), unit[u]);
	return text;
}

const char *map_color(enum map_kind kind, bool color)
{
	static const char *const code[MAP_KINDS] = {
		"\x1b[32m", "\x1b[33m", "\x1b[92m", "\x1b[90m",
		"\x1b[31m", "\x1b[34m", "\x1b[36m", "\x1b[35m",
	};

	return color ? code[kind] : "";
}

const char *map_color_end(bool color)
{
	return color ? "\x1b[0m" : "";
}

static void print_table(bool color)
{
	static const char *const kind_name[MAP_KINDS] = {
		"RAM", "moved out", "moved in", "spare", "reserved", "identity", "window", "BAR"};
	char size[MAP_SIZE_MAX];
	unsigned int i;

	boot_printf("  %-9s  %-12s   %-12s %8s\n", "what", "from", "to", "size");
	for (i = 0; i < nr_entries; i++) {
		const struct map_entry *e = &entries[i];

		boot_printf("  %s%-9s%s  %012lx - %012lx %8s%s%s", map_color(e->kind, color),
			    kind_name[e->kind], map_color_end(color), e->start, e->end - 1,
			    map_size_text(e->end - e->start, size), e->text[0] ? "  " : "",
			    e->text);
		if (e->count > 1)
			boot_printf(" and %u more", e->count - 1u);
		boot_printf("\n");
	}
	if (nr_dropped)
		boot_printf("  (%u entries left out)\n", nr_dropped);
}

void map_print(bool color)
{
	nr_entries = nr_dropped = 0;
	collect_ram();
	collect_moved();
	collect_reserved();
	collect_identity();
	collect_pci();
	sort();
	fold();
	boot_printf("\nMemory map: PFN space of this domain, bytes; stretched where much is\n");
	map_draw(entries, nr_entries, color);
	print_table(color);
	boot_printf("\n");
}
