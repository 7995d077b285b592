/* SPDX-License-Identifier: MIT */
/*
 * Sets of frames, ports and lines. A set is sorted by kind and address, and neighbours are merged:
 * invariant of every function here. Pure, no lock.
 */
#include "grants.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/number.h"

#define PAGE_BITS 12

static const struct {
	const char *name;
	uint64_t max;
} kinds[] = {
	[GRANT_MEMORY] = {"memory", (UINT64_C(1) << 40) - 1},
	[GRANT_PORTS] = {"ports", 0xffff},
	[GRANT_LINE] = {"line", 0xffff},
};

struct grants grants_of_device(const struct device *device)
{
	struct grants set = {0};
	const struct region *region;
	unsigned int i;

	for (i = 0; i < DEVICE_REGIONS; i++) {
		region = &device->region[i];
		if (region->kind == REGION_IO)
			grants_add(&set, (struct grant){GRANT_PORTS, region->first, region->last});
		else if (region->kind == REGION_MEMORY)
			grants_add(&set, (struct grant){GRANT_MEMORY, region->first >> PAGE_BITS,
							region->last >> PAGE_BITS});
	}
	if (device->gsi)
		grants_add(&set, (struct grant){GRANT_LINE, device->gsi, device->gsi});
	return set;
}

/* Do they overlap, or (for union) stand side by side? No sum is made that could wrap. */
static bool touches(struct grant a, struct grant b, bool beside)
{
	if (a.kind != b.kind)
		return false;
	if (a.first <= b.last && b.first <= a.last)
		return true;
	return beside && ((a.last < b.first && b.first - a.last == 1) ||
			  (b.last < a.first && a.first - b.last == 1));
}

static bool before(struct grant a, struct grant b)
{
	return a.kind != b.kind ? a.kind < b.kind : a.first < b.first;
}

static bool insert(struct grants *set, struct grant grant)
{
	size_t at;

	if (set->count == GRANTS_MAX)
		return false;
	for (at = set->count++; at && before(grant, set->grant[at - 1]); at--)
		set->grant[at] = set->grant[at - 1];
	set->grant[at] = grant;
	return true;
}

static void take_out(struct grants *set, size_t at)
{
	memmove(&set->grant[at], &set->grant[at + 1], (--set->count - at) * sizeof(set->grant[0]));
}

bool grants_add(struct grants *set, struct grant grant)
{
	struct grants result = *set;
	size_t i = 0;

	while (i < result.count) {
		if (!touches(result.grant[i], grant, true)) {
			i++;
			continue;
		}
		if (result.grant[i].first < grant.first)
			grant.first = result.grant[i].first;
		if (result.grant[i].last > grant.last)
			grant.last = result.grant[i].last;
		take_out(&result, i);
	}
	if (!insert(&result, grant))
		return false;
	*set = result;
	return true;
}

bool grants_remove(struct grants *set, struct grant grant)
{
	struct grants result = {0};
	struct grant piece;
	size_t i;

	for (i = 0; i < set->count; i++) {
		piece = set->grant[i];
		if (!touches(piece, grant, false)) {
			if (!insert(&result, piece))
				return false;
			continue;
		}
		if (piece.first < grant.first &&
		    !insert(&result, (struct grant){piece.kind, piece.first, grant.first - 1}))
			return false;
		if (piece.last > grant.last &&
		    !insert(&result, (struct grant){piece.kind, grant.last + 1, piece.last}))
			return false;
	}
	*set = result;
	return true;
}

bool grants_join(struct grants *set, const struct grants *more)
{
	struct grants result = *set;
	size_t i;

	for (i = 0; i < more->count; i++)
		if (!grants_add(&result, more->grant[i]))
			return false;
	*set = result;
	return true;
}

bool grants_subtract(struct grants *set, const struct grants *less)
{
	struct grants result = *set;
	size_t i;

	for (i = 0; i < less->count; i++)
		if (!grants_remove(&result, less->grant[i]))
			return false;
	*set = result;
	return true;
}

bool grants_overlap(const struct grants *a, const struct grants *b)
{
	size_t i, j;

	for (i = 0; i < a->count; i++)
		for (j = 0; j < b->count; j++)
			if (touches(a->grant[i], b->grant[j], false))
				return true;
	return false;
}

bool grants_line(const struct grants *set)
{
	return set->count && set->grant[set->count - 1].kind == GRANT_LINE;
}

char *grants_format(const struct grants *set)
{
	char *text = text_copy(""), *longer;
	size_t i;

	for (i = 0; i < set->count; i++) {
		longer = text_format("%s%s%s:%" PRIx64 "-%" PRIx64, text, i ? " " : "",
				     kinds[set->grant[i].kind].name, set->grant[i].first,
				     set->grant[i].last);
		free(text);
		text = longer;
	}
	return text;
}

static bool parse_one(const char **text, struct grant *grant)
{
	size_t length;
	const char *end;

	for (grant->kind = GRANT_MEMORY; grant->kind <= GRANT_LINE; grant->kind++) {
		length = strlen(kinds[grant->kind].name);
		if (!strncmp(*text, kinds[grant->kind].name, length) && (*text)[length] == ':')
			break;
	}
	if (grant->kind > GRANT_LINE)
		return false;
	if (!number_parse(*text + length + 1, 16, kinds[grant->kind].max, &grant->first, &end) ||
	    *end != '-' || !number_parse(end + 1, 16, kinds[grant->kind].max, &grant->last, &end) ||
	    grant->last < grant->first)
		return false;
	*text = end;
	return true;
}

bool grants_parse(const char *text, struct grants *set)
{
	struct grants result = {0};
	struct grant grant;

	while (*text) {
		if (!parse_one(&text, &grant) || !grants_add(&result, grant))
			return false;
		if (*text && (*text++ != ' ' || !*text))
			return false;
	}
	*set = result;
	return true;
}
