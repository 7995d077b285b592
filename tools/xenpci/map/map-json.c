/* SPDX-License-Identifier: MIT */
/*
 * The map for programs. Addresses are hexadecimal strings, since they may need more than the 53
 * bits that every reader of JSON takes; counts are numbers.
 */
#include <inttypes.h>
#include <string.h>
#include "map.h"

static json_t *hex(uint64_t value)
{
	return json_sprintf("%#" PRIx64, value);
}

static json_t *items(const struct map *map)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < map->items; i++) {
		const struct map_item *item = &map->item[i];
		json_t *json = json_pack("{s:s, s:o, s:o, s:I}", "kind", map_kind_name[item->kind],
					 "first", hex(item->first), "last", hex(item->last),
					 "pages", (json_int_t)item->pages);

		if (*item->text)
			json_object_set_new(json, "text", json_string(item->text));
		json_array_append_new(array, json);
	}
	return array;
}

static json_t *bars(const struct map *map)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < map->bars; i++) {
		const struct map_bar *bar = &map->bar[i];
		const uint64_t *pages = bar->watch.pages;

		json_array_append_new(
			array, json_pack("{s:s, s:i, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "device",
					 BDF_STR(bar->bdf), "region", (int)bar->region, "first",
					 hex(bar->first), "last", hex(bar->last), "identity",
					 (json_int_t)pages[SPACE_IDENTITY], "ram",
					 (json_int_t)pages[SPACE_RAM], "foreign",
					 (json_int_t)pages[SPACE_FOREIGN], "wrong",
					 (json_int_t)pages[SPACE_WRONG], "nothing",
					 (json_int_t)pages[SPACE_NOTHING]));
	}
	return array;
}

/* How many there are of each order, and the longest. */
static json_t *runs(const struct space *space)
{
	json_t *orders = json_array(), *longest = json_array();
	unsigned int order;
	size_t i;

	for (order = 0; order < SPACE_ORDERS; order++)
		if (space->runs_of_order[order])
			json_array_append_new(orders,
					      json_pack("{s:i, s:I}", "order", (int)order, "count",
							(json_int_t)space->runs_of_order[order]));
	for (i = 0; i < space->runs; i++)
		json_array_append_new(longest,
				      json_pack("{s:o, s:o, s:I}", "pfn", hex(space->run[i].pfn),
						"mfn", hex(space->run[i].mfn), "pages",
						(json_int_t)space->run[i].pages));
	return json_pack("{s:I, s:o, s:o}", "count", (json_int_t)space->runs_total, "orders",
			 orders, "longest", longest);
}

json_t *map_json(const struct map *map, const struct report *report)
{
	const struct space *space = &map->space;

	return json_pack(
		"{s:i, s:s%, s:I, s:s, s:I, s:I, s:{s:I, s:I, s:I, s:I}, s:o, s:o, s:o, s:o}",
		"domain", (int)map->domain, "name", map->name, strlen(map->name), "pages",
		(json_int_t)map->domain_pages, "p2m", map->linear ? "linear list" : "frame lists",
		"entries", (json_int_t)space->entries, "faults", (json_int_t)map->faults, "total",
		"ram", (json_int_t)space->list[SPACE_RAM].pages, "foreign",
		(json_int_t)space->list[SPACE_FOREIGN].pages, "identity",
		(json_int_t)space->list[SPACE_IDENTITY].pages, "wrong",
		(json_int_t)space->list[SPACE_WRONG].pages, "runs", runs(space), "bars", bars(map),
		"items", items(map), "findings", report_json(report));
}
