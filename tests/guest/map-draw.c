/* SPDX-License-Identifier: MIT */
/*
 * The picture: one bar a kind over one scale of addresses. The scale is piecewise: every stretch
 * between two ends of anything gets a width that grows with the logarithm of its size, so that a
 * page, a BAR and a terabyte of nothing can be seen side by side.
 */
#include "map.h"

#include "boot.h"
#include "text.h"

#define COLUMNS 66
#define MAX_CUTS 512

static struct {
	uint64_t addr[MAX_CUTS];   /* ends of anything, rising */
	uint32_t before[MAX_CUTS]; /* weight of all that lies before it */
	unsigned int nr;
} scale;

static void add_cut(uint64_t addr)
{
	unsigned int i, j;

	for (i = scale.nr; i && scale.addr[i - 1] > addr; i--)
		;
	if ((i && scale.addr[i - 1] == addr) || scale.nr == MAX_CUTS)
		return;
	for (j = scale.nr++; j > i; j--)
		scale.addr[j] = scale.addr[j - 1];
	scale.addr[i] = addr;
}

static bool anything_at(const struct map_entry *entries, unsigned int nr, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < nr && entries[i].start <= addr; i++)
		if (addr < entries[i].end && entries[i].kind != MAP_IDENTITY)
			return true;
	return false;
}

static void make_scale(const struct map_entry *entries, unsigned int nr)
{
	uint32_t weight = 0;
	unsigned int i;

	scale.nr = 0;
	add_cut(0);
	for (i = 0; i < nr; i++) {
		add_cut(entries[i].start);
		add_cut(entries[i].end);
	}
	for (i = 0; i < scale.nr; i++) {
		uint64_t pages;

		scale.before[i] = weight;
		if (i + 1 == scale.nr)
			break;
		pages = (scale.addr[i + 1] - scale.addr[i]) >> XEN_PAGE_SHIFT;
		if (anything_at(entries, nr, scale.addr[i]))
			weight += 4 + 2 * (63 - (unsigned int)__builtin_clzll(pages | 1));
		else
			weight += 4; /* holes: seen, but no more */
	}
}

/* The column of an address that is an end of something. */
static unsigned int column(uint64_t addr)
{
	uint32_t total = scale.before[scale.nr - 1];
	unsigned int i;

	for (i = 0; i + 1 < scale.nr && scale.addr[i] < addr; i++)
		;
	return total ? (unsigned int)(scale.before[i] * (uint64_t)COLUMNS / total) : 0;
}

static void draw_row(const struct map_entry *entries, unsigned int nr, enum map_kind kind,
		     const char *name, char mark, bool color)
{
	char bar[COLUMNS + 1];
	bool any = false;
	unsigned int i;

	__builtin_memset(bar, '.', COLUMNS);
	bar[COLUMNS] = 0;
	for (i = 0; i < nr; i++) {
		unsigned int from, to;

		if (entries[i].kind != kind)
			continue;
		any = true;
		from = column(entries[i].start);
		to = column(entries[i].end);
		if (from >= COLUMNS)
			from = COLUMNS - 1;
		if (to <= from)
			to = from + 1;
		__builtin_memset(bar + from, mark, to - from);
	}
	if (any)
		boot_printf("  %-9s %s%s%s\n", name, map_color(kind, color), bar,
			    map_color_end(color));
}

/* Addresses under the bars, as many as there is room for; a tick stands at its column. */
static void draw_ruler(void)
{
	char ticks[COLUMNS + 16], labels[COLUMNS + 16], size[MAP_SIZE_MAX], last[MAP_SIZE_MAX] = "";
	unsigned int i, end = 0;

	__builtin_memset(ticks, ' ', sizeof(ticks));
	__builtin_memset(labels, ' ', sizeof(labels));
	for (i = 0; i < scale.nr; i++) {
		unsigned int at = column(scale.addr[i]), length;

		if ((i && at < end) || at > COLUMNS - 4)
			continue;
		map_size_text(scale.addr[i], size);
		if (text_same(size, last))
			continue;
		length = (unsigned int)text_len(size);
		__builtin_memcpy(last, size, length + 1);
		ticks[at] = '|';
		__builtin_memcpy(labels + at, size, length);
		end = at + length + 1;
	}
	ticks[COLUMNS] = 0;
	labels[COLUMNS + 2] = 0;
	boot_printf("  %-9s %s\n  %-9s %s\n", "", ticks, "", labels);
}

void map_draw(const struct map_entry *entries, unsigned int nr, bool color)
{
	static const struct {
		enum map_kind kind;
		const char *name;
		char mark;
	} rows[] = {
		{MAP_RAM, "RAM", '#'},		 {MAP_MOVED_OUT, "moved out", '<'},
		{MAP_MOVED_IN, "moved in", '>'}, {MAP_SPARE, "spare", '~'},
		{MAP_RESERVED, "reserved", 'r'}, {MAP_IDENTITY, "identity", '='},
		{MAP_WINDOW, "windows", 'W'},	 {MAP_BAR, "BARs", 'B'},
	};
	unsigned int i;

	make_scale(entries, nr);
	for (i = 0; i < ARRAY_LEN(rows); i++)
		draw_row(entries, nr, rows[i].kind, rows[i].name, rows[i].mark, color);
	draw_ruler();
}
