/* SPDX-License-Identifier: MIT */
/*
 * What a domain may touch of a device, as a set: machine frames, I/O ports, interrupt lines. Sets
 * are kept sorted and merged, so that two descriptions of one set are equal. All arithmetic is on
 * 64 bits and on both ends, so that a BAR at or across 4 GiB is a BAR like any other.
 */
#ifndef XENPCI_GRANTS_H
#define XENPCI_GRANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "host/device.h"

enum grant_kind {
	GRANT_MEMORY, /* frames of 4 KiB */
	GRANT_PORTS,  /* 0 to 0xffff */
	GRANT_LINE,   /* a GSI */
};

/* Both ends included; first <= last. */
struct grant {
	enum grant_kind kind;
	uint64_t first;
	uint64_t last;
};

/* A device has up to eight; the rest is room for set operations on a few of them. */
#define GRANTS_MAX 64

struct grants {
	struct grant grant[GRANTS_MAX];
	size_t count;
};

/* All frames that a BAR or the ROM touches, all its ports, its line. */
struct grants grants_of_device(const struct device *device);

/* Set union and difference. False, with the set unchanged, if the result has too many pieces. */
bool grants_add(struct grants *set, struct grant grant);
bool grants_remove(struct grants *set, struct grant grant);
bool grants_join(struct grants *set, const struct grants *more);
bool grants_subtract(struct grants *set, const struct grants *less);

/* Is there any line in it? */
bool grants_line(const struct grants *set);
bool grants_overlap(const struct grants *a, const struct grants *b);

/*
 * "memory:fe000-fe01f ports:c000-c01f line:16-16": hex, a new string; "" is the empty set. Parsing
 * takes only what can be true: frames below 2^40, ports below 2^16, lines below 2^16, first <=
 * last.
 */
char *grants_format(const struct grants *set);
bool grants_parse(const char *text, struct grants *set);

#endif
