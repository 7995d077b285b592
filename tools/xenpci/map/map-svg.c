/* SPDX-License-Identifier: MIT */
/*
 * The map as a picture of its own: no script, no font but the viewer's, light and dark. Every
 * stretch tells its addresses when pointed at.
 */
#include <inttypes.h>
#include <string.h>
#include "map.h"

#define LEFT 110
#define WIDTH 1000
#define TOP 70
#define ROW 34
#define BAR 22
#define LINE 18
#define LISTED 24

static void print_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc((unsigned char)*text < ' ' || (unsigned char)*text > '~' ? '?'
										       : *text,
			      out);
		}
	}
}

static void print_head(const struct map *map, FILE *out, unsigned int height)
{
	char size[MAP_SIZE];

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" width=\"%u\" "
		"height=\"%u\" font-family=\"sans-serif\" font-size=\"13\">\n",
		LEFT + WIDTH + 40, height, LEFT + WIDTH + 40, height);
	fputs("<style>\n"
	      "svg { background: #fff; color: #222 } text { fill: currentColor }\n"
	      ".item { stroke: #fff; stroke-width: .5 } .back { fill: #8883 } .tick { stroke: "
	      "currentColor; stroke-opacity: .3 }\n"
	      ".k0 { fill: #2e7d32 } .k1 { fill: #26a69a } .k2 { fill: #f9a825 }\n"
	      ".k3 { fill: #3949ab } .k4 { fill: #8e24aa } .k5 { fill: #d32f2f }\n"
	      "@media (prefers-color-scheme: dark) { svg { background: #181818; color: #ddd } }\n"
	      "</style>\n",
	      out);
	fprintf(out, "<text x=\"10\" y=\"28\" font-size=\"18\">Domain %" PRIu32 " ", map->domain);
	print_escaped(out, map->name);
	fprintf(out,
		": address space</text>\n<text x=\"10\" y=\"50\">%s in %" PRIu64
		" pages, P2M of %" PRIu64 " entries (%s); stretched where much is</text>\n",
		map_size(map->domain_pages << 12, size), map->domain_pages, map->space.entries,
		map->linear ? "linear list" : "frame lists");
}

static void print_item(const struct map_item *item, const struct map_scale *scale, unsigned int y,
		       FILE *out)
{
	unsigned int from = map_scale_at(scale, item->first, WIDTH);
	unsigned int to = map_scale_at(scale, item->last + 1, WIDTH);
	char size[MAP_SIZE];

	fprintf(out,
		"<rect class=\"item k%u\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"><title>%s "
		"%#" PRIx64 " to %#" PRIx64 ", %s",
		(unsigned int)item->kind, LEFT + from, y, to > from + 1 ? to - from : 2, BAR,
		map_kind_name[item->kind], item->first, item->last,
		map_size(item->last - item->first + 1, size));
	if (*item->text) {
		fputs(": ", out);
		print_escaped(out, item->text);
	}
	fputs("</title></rect>\n", out);
}

static void print_row(const struct map *map, const struct map_scale *scale, enum map_kind kind,
		      unsigned int y, FILE *out)
{
	size_t i;

	fprintf(out,
		"<text x=\"10\" y=\"%u\">%s<title>%s</title></text>\n"
		"<rect class=\"back\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"/>\n",
		y + 16, map_kind_name[kind], map_kind_what[kind], LEFT, y, WIDTH, BAR);
	for (i = 0; i < map->items; i++)
		if (map->item[i].kind == kind)
			print_item(&map->item[i], scale, y, out);
}

static void print_ruler(const struct map_scale *scale, unsigned int y, FILE *out)
{
	char address[MAP_ADDRESS];
	unsigned int end = 0, at;
	size_t i;

	for (i = 0; i < scale->cuts; i++) {
		at = map_scale_at(scale, scale->cut[i], WIDTH);
		if (i && at < end)
			continue;
		map_address(scale->cut[i], address);
		fprintf(out,
			"<line class=\"tick\" x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/>"
			"<text x=\"%u\" y=\"%u\" font-size=\"11\">%s</text>\n",
			LEFT + at, TOP - 4, LEFT + at, y, LEFT + at, y + 14, address);
		end = at + 7 * (unsigned int)strlen(address) + 6;
	}
}

/* BARs and conflicts by name, since not everybody can point at them. */
static bool is_listed(const struct map_item *item)
{
	return item->kind == MAP_BAR || item->kind == MAP_CONFLICT;
}

static unsigned int count_listed(const struct map *map)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < map->items && count < LISTED; i++)
		count += is_listed(&map->item[i]);
	return count;
}

static void print_list(const struct map *map, unsigned int y, FILE *out)
{
	unsigned int count = 0;
	char size[MAP_SIZE];
	size_t i;

	for (i = 0; i < map->items && count < LISTED; i++) {
		const struct map_item *item = &map->item[i];

		if (!is_listed(item))
			continue;
		fprintf(out,
			"<rect class=\"k%u\" x=\"%u\" y=\"%u\" width=\"10\" height=\"10\"/>"
			"<text x=\"%u\" y=\"%u\">%#" PRIx64 " to %#" PRIx64 ", %s: ",
			(unsigned int)item->kind, LEFT, y + LINE * count, LEFT + 18,
			y + LINE * count + 10, item->first, item->last,
			map_size(item->last - item->first + 1, size));
		print_escaped(out, item->text);
		fputs("</text>\n", out);
		count++;
	}
}

static bool has(const struct map *map, enum map_kind kind)
{
	size_t i;

	for (i = 0; i < map->items; i++)
		if (map->item[i].kind == kind)
			return true;
	return false;
}

void map_svg(const struct map *map, FILE *out)
{
	struct map_scale scale;
	unsigned int kind, rows = 0, y = TOP;

	for (kind = 0; kind < MAP_KINDS; kind++)
		rows += has(map, kind);
	map_scale_make(&scale, map);
	print_head(map, out, TOP + rows * ROW + 40 + count_listed(map) * LINE);
	for (kind = 0; kind < MAP_KINDS; kind++) {
		if (!has(map, kind))
			continue;
		print_row(map, &scale, kind, y, out);
		y += ROW;
	}
	print_ruler(&scale, y, out);
	print_list(map, y + 30, out);
	fputs("</svg>\n", out);
	map_scale_free(&scale);
}
