/* SPDX-License-Identifier: MIT */
/*
 * The address space of a PV guest for people and programs: the items that `xenpci map` shows, and
 * the three ways to write them. Making the items and writing them is pure; map-command.c reads.
 */
#ifndef XENPCI_MAP_H
#define XENPCI_MAP_H

#include <jansson.h>
#include <stdio.h>
#include "host/device.h"
#include "space.h"

enum map_kind {
	MAP_RAM,
	MAP_LARGE, /* RAM in large runs that are contiguous in the machine too */
	MAP_FOREIGN,
	MAP_IDENTITY,
	MAP_BAR,
	MAP_CONFLICT,
	MAP_KINDS
};

/* Short and long, for legends. */
extern const char *const map_kind_name[MAP_KINDS];
extern const char *const map_kind_what[MAP_KINDS];

/* A memory region of a device that the domain has. */
struct map_bar {
	struct bdf bdf;
	unsigned int region;  /* as in struct device */
	uint64_t first, last; /* bytes */
	struct space_watch watch;
};

/* One stretch, in bytes of the guest's physical address space, both ends included. */
struct map_item {
	enum map_kind kind;
	uint64_t first, last;
	uint64_t pages; /* of the kind in it */
	char text[80];
};

struct map {
	uint32_t domain;
	char name[64];
	uint64_t domain_pages; /* that Xen counts for it */
	bool linear;	       /* how the guest publishes its P2M */
	uint64_t faults;
	char first_fault[96];
	struct space space;
	struct map_bar *bar; /* in the order of their addresses */
	size_t bars;
	struct map_item *item; /* by first, then by kind */
	size_t items;
};

/* The domain's name, from xenstore: cut to size, and what is not printable ASCII becomes '?'. */
void map_set_name(struct map *map, const char *name);

/* Add the memory regions of a device, before space_read(); map_watches() gives what that wants. */
void map_add_device(struct map *map, const struct device *device);
struct space_watch *map_watches(struct map *map);
void map_keep_watches(struct map *map, const struct space_watch *watches);

/*
 * Make the items of what was read. Conflicts become items and findings (warnings): a BAR over RAM,
 * BARs of different functions in one page, entries that are wrong, a P2M that cannot be followed.
 */
void map_make(struct map *map, struct report *report);
void map_free(struct map *map);

/* "192M", "3.2G": at most MAP_SIZE bytes with the NUL. */
#define MAP_SIZE 12
char *map_size(uint64_t bytes, char text[MAP_SIZE]);

/* An address for people: as map_size() if that says all of it, else in hex. */
#define MAP_ADDRESS 20
char *map_address(uint64_t address, char text[MAP_ADDRESS]);

/* At most `rows` rows of the table, 0 for all. */
void map_text(const struct map *map, FILE *out, size_t rows);
json_t *map_json(const struct map *map, const struct report *report);
void map_svg(const struct map *map, FILE *out);

/*
 * Where an end of an item is, on a line of `width`. The scale is piecewise: each stretch between
 * two ends of anything gets a width that grows with the logarithm of its size, so that a page, a
 * BAR and a terabyte of nothing can be seen side by side.
 */
struct map_scale {
	uint64_t *cut;	  /* ends of anything, rising */
	uint32_t *weight; /* of all that lies before it */
	size_t cuts;
};

void map_scale_make(struct map_scale *scale, const struct map *map);
void map_scale_free(struct map_scale *scale);
/* address is one of the cuts: an item's first, or its last + 1. */
unsigned int map_scale_at(const struct map_scale *scale, uint64_t address, unsigned int width);

#endif
