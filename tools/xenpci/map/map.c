/* SPDX-License-Identifier: MIT */
/*
 * From what was read to what is shown: items in one order, and what is wrong among them as
 * findings. Pure. Everything counted in pages becomes bytes here; PFNs are below 2^28 by
 * P2M_MAX_ENTRIES and BARs below 2^52, so neither overflows.
 */
#include "map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/text.h"

#define PAGE_BITS 12
#define ADDRESS_END (1ULL << 52) /* of what x86 can address */

const char *const map_kind_name[MAP_KINDS] = {"RAM",	  "contiguous", "foreign",
					      "identity", "BARs",	"conflicts"};
const char *const map_kind_what[MAP_KINDS] = {
	"the domain's own memory, by Xen's books",
	"memory in runs of 2 MiB or more that are contiguous in the machine too",
	"mapped by grant from other domains, by the guest's word",
	"frames that stand for themselves, by the guest's word",
	"memory regions of the devices it has",
	"what cannot work as it stands",
};

void map_set_name(struct map *map, const char *name)
{
	snprintf(map->name, sizeof(map->name), "%s", name);
	text_clean(map->name);
}

/* ---- devices ---- */

static int by_address(const void *a, const void *b)
{
	const struct map_bar *one = a, *other = b;

	return (one->first > other->first) - (one->first < other->first);
}

void map_add_device(struct map *map, const struct device *device)
{
	unsigned int i;

	for (i = 0; i < DEVICE_REGIONS; i++) {
		const struct region *region = &device->region[i];
		struct map_bar *bar;

		if (region->kind != REGION_MEMORY || region->last >= ADDRESS_END)
			continue;
		map->bar = memory_grow(map->bar, map->bars + 1, sizeof(*map->bar));
		bar = &map->bar[map->bars++];
		*bar = (struct map_bar){.bdf = device->bdf,
					.region = i,
					.first = region->first,
					.last = region->last};
		bar->watch.first = bar->first >> PAGE_BITS;
		bar->watch.last = bar->last >> PAGE_BITS;
	}
	if (map->bars)
		qsort(map->bar, map->bars, sizeof(*map->bar), by_address);
}

struct space_watch *map_watches(struct map *map)
{
	struct space_watch *watches = memory_grow(NULL, map->bars, sizeof(*watches));
	size_t i;

	for (i = 0; i < map->bars; i++)
		watches[i] = map->bar[i].watch;
	return watches;
}

void map_keep_watches(struct map *map, const struct space_watch *watches)
{
	size_t i;

	for (i = 0; i < map->bars; i++)
		map->bar[i].watch = watches[i];
}

/* ---- items ---- */

static struct map_item *add(struct map *map, enum map_kind kind, uint64_t first_pfn,
			    uint64_t end_pfn, uint64_t pages)
{
	struct map_item *item;

	map->item = memory_grow(map->item, map->items + 1, sizeof(*map->item));
	item = &map->item[map->items++];
	*item = (struct map_item){.kind = kind,
				  .first = first_pfn << PAGE_BITS,
				  .last = (end_pfn << PAGE_BITS) - 1,
				  .pages = pages};
	return item;
}

static void add_list(struct map *map, enum map_kind kind, const struct space_list *list,
		     const char *text)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct space_range *range = &list->range[i];
		struct map_item *item = add(map, kind, range->first, range->end, range->pages);

		if (range->pages < range->end - range->first)
			snprintf(item->text, sizeof(item->text),
				 "%s%s%" PRIu64 " pages of %" PRIu64, text, *text ? ", " : "",
				 range->pages, range->end - range->first);
		else
			snprintf(item->text, sizeof(item->text), "%s", text);
	}
}

/* What the guest's P2M has where the BAR is. */
static const char *bar_state(const struct space *space, const struct space_watch *watch)
{
	uint64_t pages = watch->last - watch->first + 1;

	if (watch->pages[SPACE_RAM] || watch->pages[SPACE_FOREIGN] || watch->pages[SPACE_WRONG])
		return "in conflict";
	if (watch->pages[SPACE_IDENTITY] == pages)
		return "identity";
	if (watch->pages[SPACE_IDENTITY])
		return "identity in part";
	return watch->first < space->entries ? "not in the P2M" : "beyond the P2M";
}

static void add_bars(struct map *map)
{
	size_t i;

	for (i = 0; i < map->bars; i++) {
		const struct map_bar *bar = &map->bar[i];
		struct map_item *item = add(map, MAP_BAR, 0, 1, 0);

		item->first = bar->first;
		item->last = bar->last;
		item->pages = bar->watch.last - bar->watch.first + 1;
		snprintf(item->text, sizeof(item->text), "%s %s, %s", BDF_STR(bar->bdf),
			 region_name(bar->region, (char[8]){0}),
			 bar_state(&map->space, &bar->watch));
	}
}

/* ---- conflicts ---- */

static void bar_over_ram(struct map *map, const struct map_bar *bar, struct report *report)
{
	const uint64_t *pages = bar->watch.pages;
	uint64_t taken = pages[SPACE_RAM] + pages[SPACE_FOREIGN] + pages[SPACE_WRONG];
	struct map_item *item;
	char name[8];

	if (!taken)
		return;
	item = add(map, MAP_CONFLICT, bar->watch.first, bar->watch.last + 1, taken);
	snprintf(item->text, sizeof(item->text), "%s %s over memory", BDF_STR(bar->bdf),
		 region_name(bar->region, name));
	report_warning(
		report, "bar-over-ram",
		"%s of %s lies where the guest has memory|%#" PRIx64 " to %#" PRIx64 ": %" PRIu64
		" pages of RAM, %" PRIu64 " foreign, %" PRIu64 " wrong"
		"|start the domain with e820_host=1 and without this much memory below the BAR",
		region_name(bar->region, name), BDF_STR(bar->bdf), bar->first, bar->last,
		pages[SPACE_RAM], pages[SPACE_FOREIGN], pages[SPACE_WRONG]);
}

/* Neighbours by address; the one before may end beyond the next. */
static void bars_share_page(struct map *map, struct report *report)
{
	size_t i, j;

	for (i = 0; i < map->bars; i++)
		for (j = i + 1; j < map->bars && map->bar[j].watch.first <= map->bar[i].watch.last;
		     j++) {
			const struct map_bar *one = &map->bar[i], *other = &map->bar[j];
			uint64_t pfn = other->watch.first;

			if (bdf_equal(one->bdf, other->bdf))
				continue;
			snprintf(add(map, MAP_CONFLICT, pfn, pfn + 1, 1)->text,
				 sizeof(map->item->text), "%s and %s in one page",
				 BDF_STR(one->bdf), BDF_STR(other->bdf));
			report_warning(report, "bars-share-page",
				       "%s and %s have memory in one page|at %#" PRIx64
				       "|give both to the same domain only",
				       BDF_STR(one->bdf), BDF_STR(other->bdf), pfn << PAGE_BITS);
		}
}

static void wrong_entries(struct map *map, struct report *report)
{
	const struct space *space = &map->space;

	if (!space->list[SPACE_WRONG].pages)
		return;
	add_list(map, MAP_CONFLICT, &space->list[SPACE_WRONG], "wrong entries in the P2M");
	report_warning(report, "p2m-wrong",
		       "%" PRIu64 " entries of the P2M are wrong|%" PRIu64
		       " name no frame of the machine, %" PRIu64
		       " frames that are not the domain's, %" PRIu64
		       " frames that Xen has elsewhere; the first is PFN %#" PRIx64
		       " with frame %#" PRIx64 "|the guest's own doing: look at its kernel log",
		       space->list[SPACE_WRONG].pages, space->beyond, space->others, space->astray,
		       space->wrong_pfn, space->wrong_mfn);
}

static void add_conflicts(struct map *map, struct report *report)
{
	size_t i;

	for (i = 0; i < map->bars; i++)
		bar_over_ram(map, &map->bar[i], report);
	bars_share_page(map, report);
	wrong_entries(map, report);
	if (map->faults)
		report_warning(report, "p2m-faults",
			       "%" PRIu64
			       " pages of the guest's P2M cannot be followed|the first: %s"
			       "|the guest's own doing: look at its kernel log",
			       map->faults, map->first_fault);
}

static int by_first(const void *a, const void *b)
{
	const struct map_item *one = a, *other = b;

	if (one->first != other->first)
		return one->first > other->first ? 1 : -1;
	return (int)one->kind - (int)other->kind;
}

void map_make(struct map *map, struct report *report)
{
	map->items = 0;
	add_list(map, MAP_RAM, &map->space.list[SPACE_RAM], "");
	add_list(map, MAP_LARGE, &map->space.large, "");
	add_list(map, MAP_FOREIGN, &map->space.list[SPACE_FOREIGN], "");
	add_list(map, MAP_IDENTITY, &map->space.list[SPACE_IDENTITY], "");
	add_bars(map);
	add_conflicts(map, report);
	if (map->items)
		qsort(map->item, map->items, sizeof(*map->item), by_first);
}

void map_free(struct map *map)
{
	free(map->bar);
	free(map->item);
	map->bar = NULL;
	map->item = NULL;
	map->bars = map->items = 0;
}
