/* SPDX-License-Identifier: MIT */
/*
 * xenpci map of a hostile guest. Whatever the guest has published and goes on writing, nothing but
 * its own pages is mapped, the work is bounded, and the result adds up; if the guest holds still it
 * is what a plain walk finds, entry by entry. And it can be shown in all three ways.
 */
#include <stdlib.h>

#include "guest-hostile.h"
#include "xenpci/map/map.h"

static struct p2m_view view;
static struct map map;

/* ---- a plain walk ---- */

/* The leaf page, as the page tables have it. */
static const uint64_t *find_linear(uint64_t pfn)
{
	uint64_t address = view.address + pfn * sizeof(uint64_t), pte;
	uint64_t mfn = hostile_arch()->p2m_cr3 >> 12;
	const uint64_t *page;
	int level;

	for (level = 3; level >= 0; level--) {
		page = mfn <= hostile.info.max_mfn ? hostile_page(mfn) : NULL;
		if (!page)
			return NULL;
		pte = page[address >> (12 + 9 * level) & 511];
		if (!(pte & 1) || (level && pte & 0x80))
			return NULL;
		mfn = pte >> 12 & 0xffffffffff;
	}
	return mfn <= hostile.info.max_mfn ? hostile_page(mfn) : NULL;
}

static const uint64_t *find_in_tree(uint64_t pfn)
{
	uint64_t mfn = hostile_arch()->pfn_to_mfn_frame_list_list;
	const uint64_t *page;
	int level;

	for (level = 2; level; level--) {
		page = mfn <= hostile.info.max_mfn ? hostile_page(mfn) : NULL;
		if (!page)
			return NULL;
		mfn = page[pfn >> 9 * level & 511];
	}
	return mfn <= hostile.info.max_mfn ? hostile_page(mfn) : NULL;
}

static enum space_kind kind_of(uint64_t pfn)
{
	const uint64_t *leaf = view.linear ? find_linear(pfn) : find_in_tree(pfn);
	uint64_t entry = leaf ? leaf[pfn % GUEST_ENTRIES] : ~0ULL;

	if (entry == ~0ULL)
		return SPACE_NOTHING;
	if (entry >> 63)
		return SPACE_FOREIGN;
	if (entry >> 62)
		return SPACE_IDENTITY;
	if (entry > hostile.info.max_mfn || !hostile_page(entry))
		return entry == pfn ? SPACE_IDENTITY : SPACE_WRONG;
	return hostile.m2p[entry] == pfn ? SPACE_RAM : SPACE_WRONG;
}

static void compare(void)
{
	uint64_t pages[SPACE_KINDS] = {0}, pfn;
	int kind;

	for (pfn = 0; pfn < view.entries; pfn++)
		pages[kind_of(pfn)]++;
	for (kind = SPACE_NOTHING + 1; kind < SPACE_KINDS; kind++)
		FUZZ_CHECK(map.space.list[kind].pages == pages[kind]);
}

/* ---- what adds up in any case ---- */

static void check_list(const struct space_list *list)
{
	uint64_t pages = 0, end = 0;
	size_t i;

	FUZZ_CHECK(list->count <= SPACE_RANGES);
	for (i = 0; i < list->count; i++) {
		const struct space_range *range = &list->range[i];

		FUZZ_CHECK((i ? range->first > end : true) && range->end > range->first);
		FUZZ_CHECK(range->pages && range->pages <= range->end - range->first);
		end = range->end;
		pages += range->pages;
	}
	FUZZ_CHECK(pages == list->pages && end <= view.entries);
}

static void check_space(void)
{
	const struct space *space = &map.space;
	uint64_t pages = 0, runs = 0;
	unsigned int i;

	for (i = SPACE_NOTHING + 1; i < SPACE_KINDS; i++) {
		check_list(&space->list[i]);
		pages += space->list[i].pages;
	}
	check_list(&space->large);
	FUZZ_CHECK(pages <= view.entries && space->large.pages <= space->list[SPACE_RAM].pages);
	FUZZ_CHECK(space->beyond + space->others + space->astray == space->list[SPACE_WRONG].pages);
	FUZZ_CHECK(space->runs <= SPACE_RUNS && space->runs <= space->runs_total);
	for (i = 0; i < SPACE_ORDERS; i++)
		runs += space->runs_of_order[i];
	FUZZ_CHECK(runs == space->runs_total);
	for (i = 0; i < space->runs; i++)
		FUZZ_CHECK(space->run[i].pages &&
			   space->run[i].pfn + space->run[i].pages <= view.entries &&
			   (!i || space->run[i - 1].pfn < space->run[i].pfn));
	for (i = 0; i < map.bars; i++) {
		const struct space_watch *watch = &map.bar[i].watch;
		int kind;

		for (pages = 0, kind = 0; kind < SPACE_KINDS; kind++)
			pages += watch->pages[kind];
		FUZZ_CHECK(pages == watch->last - watch->first + 1);
	}
}

/* ---- showing ---- */

static void check_text(char *text)
{
	const char *at;

	for (at = text; *at; at++)
		FUZZ_CHECK(*at == '\n' || (*at >= ' ' && *at <= '~'));
	free(text);
}

static void show(struct report *report)
{
	json_t *json = map_json(&map, report), *again;
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	map_text(&map, file, 40);
	map_svg(&map, file);
	fclose(file);
	check_text(text);
	text = json_dumps(json, JSON_INDENT(2));
	FUZZ_CHECK(json && text);
	again = json_loads(text, 0, NULL);
	FUZZ_CHECK(again && json_equal(json, again));
	json_decref(again);
	json_decref(json);
	free(text);
}

/* ---- one map ---- */

static void add_bars(struct fuzz_input *in)
{
	struct device device = {0};
	unsigned int devices = fuzz_below(in, 3), i;

	while (devices--) {
		device.bdf.devfn = fuzz_byte(in);
		for (i = 0; i < 2; i++) {
			struct region *region = &device.region[i];

			region->kind = REGION_MEMORY;
			region->first = fuzz_number(in, fuzz_byte(in) & 1 ? 8 : 3);
			region->last = region->first + fuzz_number(in, 2);
			if (region->last < region->first)
				region->last = region->first;
		}
		map_add_device(&map, &device);
	}
}

static void name(struct fuzz_input *in)
{
	char text[80];
	unsigned int i, length = fuzz_below(in, sizeof(text));

	for (i = 0; i < length; i++)
		text[i] = (char)fuzz_byte(in);
	text[length] = '\0';
	map_set_name(&map, text);
}

static void read_space(struct report *report)
{
	struct space_watch *watches = map_watches(&map);
	int err = space_read(&map.space, &view, watches, map.bars);

	FUZZ_CHECK(err == 0 || err == hostile.owns_error);
	/* Each leaf twice, by four levels and itself, and once more the shared page. */
	FUZZ_CHECK(hostile.reads <= 1 + 10 * (view.entries / GUEST_ENTRIES + 1));
	if (!err) {
		map_keep_watches(&map, watches);
		map.linear = view.linear;
		map.faults = view.faults;
		memcpy(map.first_fault, view.first_fault, sizeof(map.first_fault));
		check_space();
		if (!hostile.moved)
			compare();
		p2m_unmoved(&view);
		map_make(&map, report);
		show(report);
	}
	free(watches);
}

void fuzz_one(struct fuzz_input *in)
{
	struct report report = {0};

	memset(&map, 0, sizeof(map));
	name(in);
	add_bars(in);
	hostile_make(in);
	if (!p2m_open(&view, NULL, 1, &report))
		read_space(&report);
	report_clear(&report);
	map_free(&map);
}
