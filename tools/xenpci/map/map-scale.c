/* SPDX-License-Identifier: MIT */
/*
 * The scale that text and SVG share. Every end of an item is a cut; what lies between two cuts is
 * either covered by something, and gets a weight by its size, or a hole, which is seen but no more.
 * Identity alone does not make a stretch wide: it covers what nothing else does, often terabytes.
 */
#include <stdlib.h>
#include <string.h>
#include "map.h"
#include "base/memory.h"

#define HOLE_WEIGHT 4
#define PAGE_BITS 12

static int by_value(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

static size_t find(const struct map_scale *scale, uint64_t address)
{
	const uint64_t *cut = bsearch(&address, scale->cut, scale->cuts, sizeof(address), by_value);

	return cut ? (size_t)(cut - scale->cut) : 0;
}

static void make_cuts(struct map_scale *scale, const struct map *map)
{
	size_t i, nr = 0;

	scale->cut = memory_grow(NULL, 2 * map->items + 1, sizeof(*scale->cut));
	scale->cut[nr++] = 0;
	for (i = 0; i < map->items; i++) {
		scale->cut[nr++] = map->item[i].first;
		scale->cut[nr++] = map->item[i].last + 1;
	}
	qsort(scale->cut, nr, sizeof(*scale->cut), by_value);
	scale->cuts = 1;
	for (i = 1; i < nr; i++)
		if (scale->cut[i] != scale->cut[scale->cuts - 1])
			scale->cut[scale->cuts++] = scale->cut[i];
}

/* How many items but identity begin at each cut, less those that end there. */
static int32_t *cover(const struct map_scale *scale, const struct map *map)
{
	int32_t *change = memory_grow(NULL, scale->cuts, sizeof(*change));
	size_t i;

	memset(change, 0, scale->cuts * sizeof(*change));
	for (i = 0; i < map->items; i++) {
		if (map->item[i].kind == MAP_IDENTITY)
			continue;
		change[find(scale, map->item[i].first)]++;
		change[find(scale, map->item[i].last + 1)]--;
	}
	return change;
}

void map_scale_make(struct map_scale *scale, const struct map *map)
{
	int32_t *change, covers = 0;
	uint32_t weight = 0;
	size_t i;

	make_cuts(scale, map);
	scale->weight = memory_grow(NULL, scale->cuts, sizeof(*scale->weight));
	change = cover(scale, map);
	for (i = 0; i < scale->cuts; i++) {
		uint64_t pages;

		scale->weight[i] = weight;
		covers += change[i];
		if (i + 1 == scale->cuts)
			break;
		pages = (scale->cut[i + 1] - scale->cut[i]) >> PAGE_BITS;
		weight += HOLE_WEIGHT;
		if (covers)
			weight += 2 * (63 - (unsigned int)__builtin_clzll(pages | 1));
	}
	free(change);
}

void map_scale_free(struct map_scale *scale)
{
	free(scale->cut);
	free(scale->weight);
	memset(scale, 0, sizeof(*scale));
}

unsigned int map_scale_at(const struct map_scale *scale, uint64_t address, unsigned int width)
{
	uint32_t total = scale->weight[scale->cuts - 1];

	if (!total)
		return 0;
	return (unsigned int)((uint64_t)scale->weight[find(scale, address)] * width / total);
}
