/* SPDX-License-Identifier: MIT */
/*
 * xenpci map: BARs over a guest's P2M, and the map as a text, as JSON and as a picture.
 */
#include <string.h>

#include "unit.h"
#include "xenpci/p2m-guest.h"

static struct device card(unsigned int slot, uint64_t first, uint64_t size)
{
	struct device device = {.bdf = {.devfn = (uint8_t)(slot << 3)}};

	device.region[0] =
		(struct region){.kind = REGION_MEMORY, .first = first, .last = first + size - 1};
	device.region[1] = (struct region){.kind = REGION_IO, .first = 0xc000, .last = 0xc01f};
	return device;
}

static void read_with(const struct device *devices, size_t count)
{
	size_t i;

	map_free(&the_map);
	memset(&the_map, 0, sizeof(the_map));
	for (i = 0; i < count; i++)
		map_add_device(&the_map, &devices[i]);
	read_map(&the_map);
}

static const struct map_item *item_of(enum map_kind kind, size_t number)
{
	size_t i;

	for (i = 0; i < the_map.items; i++)
		if (the_map.item[i].kind == kind && !number--)
			return &the_map.item[i];
	ck_abort_msg("no such item");
	return NULL;
}

static void bars_and_p2m(void)
{
	static const struct {
		uint64_t first, size;
		const char *says;
		bool conflict;
	} rows[] = {
		{700 << 12, 4 << 12, "0000:00:01.0 BAR 0, identity", false},
		{1020 << 12, 8 << 12, "0000:00:01.0 BAR 0, identity in part", false},
		{1100 << 12, 4 << 12, "0000:00:01.0 BAR 0, not in the P2M", false},
		{98 << 12, 4 << 12, "0000:00:01.0 BAR 0, in conflict", true},
		{103 << 12, 4 << 12, "0000:00:01.0 BAR 0, in conflict", true}, /* a foreign page */
		{(1ULL << 32) - 4096, 4096, "0000:00:01.0 BAR 0, beyond the P2M", false},
		{1ULL << 32, 1ULL << 32, "0000:00:01.0 BAR 0, beyond the P2M", false},
		{1ULL << 40, 1ULL << 40, "0000:00:01.0 BAR 0, beyond the P2M", false},
	};
	struct device device;
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_mixed();
		device = card(1, rows[i].first, rows[i].size);
		read_with(&device, 1);
		ck_assert_str_eq(item_of(MAP_BAR, 0)->text, rows[i].says);
		ck_assert_uint_eq(item_of(MAP_BAR, 0)->first, rows[i].first);
		ck_assert_uint_eq(item_of(MAP_BAR, 0)->last, rows[i].first + rows[i].size - 1);
		ck_assert_int_eq(found("bar-over-ram"), rows[i].conflict);
		ck_assert_int_eq(found("bars-share-page"), false);
		if (rows[i].conflict)
			item_of(MAP_CONFLICT, 0);
	}
}

static void watches_count_pages(void)
{
	struct device devices[] = {card(1, 90 << 12, 20 << 12), card(2, 0, 2000ULL << 12)};
	const uint64_t *pages;

	make_mixed();
	read_with(devices, 2);
	pages = the_map.bar[0].watch.pages; /* the one at 0 */
	ck_assert_uint_eq(pages[SPACE_RAM], 101);
	ck_assert_uint_eq(pages[SPACE_FOREIGN], 4);
	ck_assert_uint_eq(pages[SPACE_IDENTITY], 424);
	ck_assert_uint_eq(pages[SPACE_NOTHING], 2000 - 101 - 4 - 424);
	pages = the_map.bar[1].watch.pages;
	ck_assert_uint_eq(pages[SPACE_RAM], 10);
	ck_assert_uint_eq(pages[SPACE_FOREIGN], 4);
	ck_assert_uint_eq(pages[SPACE_NOTHING], 6);
}

static void xsa_461(void)
{
	struct device devices[] = {card(1, 0xf0000000, 0x800), card(2, 0xf0000800, 0x800),
				   card(3, 0xf0001000, 0x1000)};

	make_mixed();
	read_with(devices, 3);
	ck_assert(found("bars-share-page"));
	ck_assert_uint_eq(report.count, 1);
	ck_assert_uint_eq(item_of(MAP_CONFLICT, 0)->first, 0xf0000000);
	devices[1].bdf = devices[0].bdf; /* of one function: nobody else's */
	read_with(devices, 2);
	ck_assert(!found("bars-share-page"));
}

static char *shown(void (*show)(const struct map *map, FILE *out))
{
	static char text[1 << 20];
	FILE *out = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(out);
	show(&the_map, out);
	fclose(out);
	return text;
}

static void as_text(const struct map *map, FILE *out)
{
	map_text(map, out, 0);
}

static void as_short_text(const struct map *map, FILE *out)
{
	map_text(map, out, 3);
}

static void text_form(void)
{
	struct device device = card(6, 0xfe000000, 0x20000);
	char *text, *line;

	make_mixed();
	read_with(&device, 1);
	map_set_name(&the_map, "peer\x1b[31m");
	text = shown(as_text);
	ck_assert_ptr_nonnull(strstr(text, "domain 7 peer?[31m: 1000 pages (3.9M)"));
	ck_assert_ptr_nonnull(strstr(text, "0000:00:06.0 BAR 0, beyond the P2M"));
	ck_assert_ptr_nonnull(strstr(text, "the longest: 240K at 0, machine 0x3e8000"));
	ck_assert_ptr_nonnull(strstr(text, " 2 of 128K+"));
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_uint_le(strlen(line), 120);
	text = shown(as_short_text);
	ck_assert_ptr_nonnull(strstr(text, "more rows"));
}

static void json_form(void)
{
	struct device device = card(6, 0xfe000000, 0x20000);
	json_t *json, *bar;

	make_mixed();
	read_with(&device, 1);
	map_set_name(&the_map, "\xff\"<&");
	json = map_json(&the_map, &report);
	ck_assert_ptr_nonnull(json);
	ck_assert_str_eq(json_string_value(json_object_get(json, "name")), "?\"<&");
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(json, "total"), "identity")),
		424);
	bar = json_array_get(json_object_get(json, "bars"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(bar, "first")), "0xfe000000");
	ck_assert_int_eq(json_integer_value(json_object_get(bar, "nothing")), 32);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "items")), the_map.items);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "findings")), 0);
	json_decref(json);
}

static void svg_form(void)
{
	struct device device = card(6, 98 << 12, 0x4000);
	char *text;

	make_mixed();
	read_with(&device, 1);
	map_set_name(&the_map, "<&\">");
	text = shown(map_svg);
	ck_assert_int_eq(strncmp(text, "<svg ", 5), 0);
	ck_assert_ptr_nonnull(strstr(text, "</svg>\n"));
	ck_assert_ptr_nonnull(strstr(text, "&lt;&amp;&quot;&gt;"));
	ck_assert_ptr_nonnull(strstr(text, "class=\"item k5\"")); /* the conflict */
	ck_assert_ptr_null(strstr(text, "<&"));
}

/* Ends are in order on the line and the last is its end. */
static void scale(void)
{
	struct device device = card(6, 1ULL << 40, 1ULL << 40);
	struct map_scale scale;
	unsigned int at, last = 0;
	size_t i;

	make_mixed();
	read_with(&device, 1);
	map_scale_make(&scale, &the_map);
	for (i = 0; i < scale.cuts; i++) {
		at = map_scale_at(&scale, scale.cut[i], 1000);
		ck_assert_uint_ge(at, last);
		last = at;
	}
	ck_assert_uint_eq(last, 1000);
	ck_assert_uint_eq(map_scale_at(&scale, 0, 1000), 0);
	map_scale_free(&scale);
}

static void empty_guest(void)
{
	make_guest(100);
	read_space();
	ck_assert_uint_eq(the_map.items, 0);
	ck_assert_ptr_nonnull(strstr(shown(as_text), "domain 7"));
	ck_assert_ptr_nonnull(strstr(shown(map_svg), "</svg>"));
}

static void sizes(void)
{
	char text[MAP_SIZE];

	ck_assert_str_eq(map_size(0, text), "0B");
	ck_assert_str_eq(map_size(1023, text), "1023B");
	ck_assert_str_eq(map_size(4096, text), "4K");
	ck_assert_str_eq(map_size(201326592, text), "192M");
	ck_assert_str_eq(map_size(3435973837ULL, text), "3.1G");
	ck_assert_str_eq(map_size(~0ULL, text), "15.9E");
}

static void addresses(void)
{
	char text[MAP_ADDRESS];

	ck_assert_str_eq(map_address(0, text), "0B");
	ck_assert_str_eq(map_address(1023, text), "1023B");
	ck_assert_str_eq(map_address(192ULL << 20, text), "192M");
	ck_assert_str_eq(map_address((192ULL << 20) + 4096, text), "0xc001000");
	ck_assert_str_eq(map_address(0xfeb80000, text), "0xfeb80000");
	ck_assert_str_eq(map_address(1ULL << 40, text), "1T");
	ck_assert_str_eq(map_address((1ULL << 52) - 4096, text), "0xffffffffff000");
}

/* Ports only: nothing of it is in the address space. */
static void no_memory_regions(void)
{
	struct device device = card(1, 0, 1);

	device.region[0].kind = REGION_NONE;
	make_mixed();
	read_with(&device, 1);
	ck_assert_uint_eq(the_map.bars, 0);
	ck_assert_uint_eq(report.count, 0);
}

static const struct unit_case cases[] = {
	{"a BAR is shown with what the P2M has there", bars_and_p2m},
	{"pages under a BAR are counted exactly", watches_count_pages},
	{"XSA-461: BARs of two functions in one page are a conflict", xsa_461},
	{"the map is a text", text_form},
	{"the map is JSON", json_form},
	{"the map is SVG", svg_form},
	{"the scale is in order", scale},
	{"an empty guest has a map too", empty_guest},
	{"a device without memory regions is on no map", no_memory_regions},
	{"sizes are short", sizes},
	{"addresses are short or exact", addresses},
};

UNIT_MAIN("xenpci-map", cases)
