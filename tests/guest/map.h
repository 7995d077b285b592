/* SPDX-License-Identifier: MIT */
/* The memory map for people: a picture, then a table in the order of addresses. */
#ifndef XENDMA_GUEST_MAP_H
#define XENDMA_GUEST_MAP_H

#include <stdbool.h>
#include <stdint.h>

enum map_kind {
	MAP_RAM,
	MAP_MOVED_OUT, /* where RAM was before set-up moved it */
	MAP_MOVED_IN,  /* where it is now */
	MAP_SPARE,     /* RAM PFNs without a page: the balloon's */
	MAP_RESERVED,  /* the host's, by the E820 */
	MAP_IDENTITY,
	MAP_WINDOW, /* of a bridge, or an aperture */
	MAP_BAR,    /* or expansion ROM */
	MAP_KINDS
};

#define MAP_TEXT_MAX 44

struct map_entry {
	uint64_t start, end; /* bytes; end is the first byte behind */
	enum map_kind kind;
	uint16_t group; /* entries of one group that touch are shown as one; 0: none */
	uint16_t count; /* how many are shown as this one */
	char text[MAP_TEXT_MAX];
};

/* Collect everything that is known now and print it. */
void map_print(bool color);

/* map-draw.c: the picture of @nr entries, sorted by start. */
void map_draw(const struct map_entry *entries, unsigned int nr, bool color);

/* "3.2G": at most 8 characters and the NUL. */
#define MAP_SIZE_MAX 12
const char *map_size_text(uint64_t bytes, char text[MAP_SIZE_MAX]);

const char *map_color(enum map_kind kind, bool color);
const char *map_color_end(bool color);

#endif
