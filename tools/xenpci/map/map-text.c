/* SPDX-License-Identifier: MIT */
/*
 * The map for a terminal: one bar a kind over one ruler, then a table by address.
 */
#include <inttypes.h>
#include <string.h>
#include "map.h"

#define COLUMNS 64
#define LABEL 10

char *map_size(uint64_t bytes, char text[MAP_SIZE])
{
	static const char unit[] = "BKMGTPE";
	unsigned int u = 0, tenths;

	while (u < 6 && bytes >> (10 * u) >= 1024)
		u++;
	tenths = u ? (unsigned int)((bytes >> (10 * u - 10) & 1023) * 10 >> 10) : 0;
	if (tenths)
		snprintf(text, MAP_SIZE, "%u.%u%c", (unsigned int)(bytes >> (10 * u)), tenths,
			 unit[u]);
	else
		snprintf(text, MAP_SIZE, "%u%c", (unsigned int)(bytes >> (10 * u)), unit[u]);
	return text;
}

char *map_address(uint64_t address, char text[MAP_ADDRESS])
{
	unsigned int bits = address ? 63 - (unsigned int)__builtin_clzll(address) : 0;

	if (address & ((1ULL << bits / 10 * 10) - 1))
		snprintf(text, MAP_ADDRESS, "%#" PRIx64, address);
	else
		map_size(address, text);
	return text;
}

static void draw_bar(const struct map *map, const struct map_scale *scale, enum map_kind kind,
		     FILE *out)
{
	static const char mark[MAP_KINDS] = {'#', 'c', 'f', '=', 'B', '!'};
	char bar[COLUMNS + 1];
	size_t i, any = 0;

	memset(bar, '.', COLUMNS);
	bar[COLUMNS] = 0;
	for (i = 0; i < map->items; i++) {
		const struct map_item *item = &map->item[i];
		unsigned int from, to;

		if (item->kind != kind)
			continue;
		any++;
		from = map_scale_at(scale, item->first, COLUMNS);
		to = map_scale_at(scale, item->last + 1, COLUMNS);
		if (from >= COLUMNS)
			from = COLUMNS - 1;
		if (to <= from)
			to = from + 1;
		memset(bar + from, mark[kind], to - from);
	}
	if (any)
		fprintf(out, "  %-*s %s\n", LABEL, map_kind_name[kind], bar);
}

/* Addresses under the bars, as many as there is room for; a tick stands at its column. */
static void draw_ruler(const struct map_scale *scale, FILE *out)
{
	char ticks[COLUMNS + MAP_ADDRESS], labels[COLUMNS + MAP_ADDRESS], address[MAP_ADDRESS];
	unsigned int end = 0, at;
	size_t i, length;

	memset(ticks, ' ', sizeof(ticks));
	memset(labels, ' ', sizeof(labels));
	for (i = 0; i < scale->cuts; i++) {
		at = map_scale_at(scale, scale->cut[i], COLUMNS);
		if ((i && at < end) || at >= COLUMNS)
			continue;
		length = strlen(map_address(scale->cut[i], address));
		ticks[at] = '|';
		memcpy(labels + at, address, length);
		end = at + (unsigned int)length + 1;
	}
	ticks[COLUMNS] = labels[end] = 0;
	fprintf(out, "  %-*s %s\n  %-*s %s\n", LABEL, "", ticks, LABEL, "", labels);
}

static void print_table(const struct map *map, FILE *out, size_t rows)
{
	static const char *const what[MAP_KINDS] = {"RAM",	"contiguous", "foreign",
						    "identity", "BAR",	      "CONFLICT"};
	char size[MAP_SIZE];
	size_t i, shown = rows && rows < map->items ? rows : map->items;

	fprintf(out, "  %-*s %-14s   %-14s %7s\n", LABEL, "what", "from", "to", "size");
	for (i = 0; i < shown; i++) {
		const struct map_item *item = &map->item[i];

		fprintf(out, "  %-*s %014" PRIx64 " - %014" PRIx64 " %7s%s%s\n", LABEL,
			what[item->kind], item->first, item->last,
			map_size(item->last - item->first + 1, size), *item->text ? "  " : "",
			item->text);
	}
	if (shown < map->items)
		fprintf(out, "  (%zu more rows: --all)\n", map->items - shown);
}

/* How RAM lies in the machine: what a device without a scatter list will meet. */
static void print_runs(const struct map *map, FILE *out)
{
	const struct space *space = &map->space;
	char size[MAP_SIZE];
	unsigned int order;
	size_t i, longest = 0;

	if (!space->runs_total)
		return;
	for (i = 1; i < space->runs; i++)
		if (space->run[i].pages > space->run[longest].pages)
			longest = i;
	fprintf(out, "  runs that are contiguous in the machine:");
	for (order = 0; order < SPACE_ORDERS; order++)
		if (space->runs_of_order[order])
			fprintf(out, " %" PRIu64 " of %s+", space->runs_of_order[order],
				map_size((uint64_t)GUEST_PAGE << order, size));
	fprintf(out, "\n  the longest: %s at %#" PRIx64 ", machine %#" PRIx64 "\n",
		map_size(space->run[longest].pages * GUEST_PAGE, size),
		space->run[longest].pfn * GUEST_PAGE, space->run[longest].mfn * GUEST_PAGE);
}

void map_text(const struct map *map, FILE *out, size_t rows)
{
	struct map_scale scale;
	char size[MAP_SIZE];
	unsigned int kind;

	fprintf(out,
		"domain %" PRIu32 " %s: %" PRIu64 " pages (%s), P2M of %" PRIu64 " entries (%s)\n",
		map->domain, map->name, map->domain_pages, map_size(map->domain_pages << 12, size),
		map->space.entries, map->linear ? "linear list" : "frame lists");
	map_scale_make(&scale, map);
	for (kind = 0; kind < MAP_KINDS; kind++)
		draw_bar(map, &scale, kind, out);
	draw_ruler(&scale, out);
	map_scale_free(&scale);
	print_runs(map, out);
	print_table(map, out, rows);
}
