/* SPDX-License-Identifier: MIT */
/*
 * xen_e820_sanitize() on any map: the result is sorted, disjoint, of whole pages and joined, and
 * around every edge each page has the type that the rule in setup.h gives it.
 */
#include <stdlib.h>

#include <xen/setup.h>

#include "fuzz.h"

#define LAST_PAGE (~0ULL >> XEN_PAGE_SHIFT) /* no range of bytes can end behind it */
#define NOTHING (-1)

static uint32_t read_type(struct fuzz_input *in, unsigned int kind)
{
	static const uint32_t types[] = {XEN_E820_RAM, XEN_E820_RAM,	  XEN_E820_RESERVED,
					 XEN_E820_NVS, XEN_E820_UNUSABLE, 0};

	kind %= 8;
	return kind < 6 ? types[kind] : (uint32_t)fuzz_number(in, kind == 6 ? 1 : 4);
}

/* Mostly pieces of a few hundred bytes or some pages, near one another; now and then anything. */
static struct xen_e820_entry read_entry(struct fuzz_input *in)
{
	static const uint64_t base[] = {0, 1ULL << 32, 0 - (1ULL << 20), 1ULL << 51};
	struct xen_e820_entry entry;
	unsigned int kind = fuzz_byte(in);

	entry.type = read_type(in, kind);
	if (kind & 0x08) {
		entry.addr = fuzz_number(in, 8);
		entry.size = fuzz_number(in, 8);
		return entry;
	}
	entry.addr = base[kind >> 6] + (fuzz_number(in, 2) << (kind & 0x10 ? 8 : 4));
	entry.size = fuzz_number(in, 2) << (kind & 0x20 ? 8 : 4);
	return entry;
}

static bool counts(const struct xen_e820_entry *entry)
{
	uint64_t end;

	return entry->size && !__builtin_add_overflow(entry->addr, entry->size, &end);
}

/* Is every byte of the page RAM by some entry? */
static bool all_ram(const struct xen_e820_entry *map, unsigned int nr, uint64_t page)
{
	uint64_t at = page << XEN_PAGE_SHIFT, last = at | (XEN_PAGE_SIZE - 1);
	bool further = true;

	while (further) {
		further = false;
		for (unsigned int i = 0; i < nr; i++) {
			uint64_t end = map[i].addr + map[i].size;

			if (!counts(&map[i]) || map[i].type != XEN_E820_RAM || map[i].addr > at ||
			    end <= at)
				continue;
			if (end - 1 >= last)
				return true;
			at = end;
			further = true;
		}
	}
	return false;
}

/* The type of a page by the rule: the highest that is not RAM, else RAM where it fills the page. */
static int64_t type_of(const struct xen_e820_entry *map, unsigned int nr, uint64_t page)
{
	uint64_t first = page << XEN_PAGE_SHIFT, last = first | (XEN_PAGE_SIZE - 1);
	int64_t type = NOTHING;

	for (unsigned int i = 0; i < nr; i++)
		if (counts(&map[i]) && map[i].type != XEN_E820_RAM && map[i].addr <= last &&
		    map[i].addr + map[i].size - 1 >= first && (int64_t)map[i].type > type)
			type = map[i].type;
	return type == NOTHING && all_ram(map, nr, page) ? XEN_E820_RAM : type;
}

static void check_shape(const struct xen_e820_entry *map, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		FUZZ_CHECK(map[i].size && counts(&map[i]));
		FUZZ_CHECK(!((map[i].addr | map[i].size) & ~XEN_PAGE_MASK));
		if (!i)
			continue;
		FUZZ_CHECK(map[i].addr >= map[i - 1].addr + map[i - 1].size);
		FUZZ_CHECK(map[i].addr > map[i - 1].addr + map[i - 1].size ||
			   map[i].type != map[i - 1].type);
	}
}

static void check_page(const struct xen_e820_entry *in, unsigned int nr_in,
		       const struct xen_e820_entry *out, unsigned int nr_out, uint64_t page)
{
	if (page < LAST_PAGE)
		FUZZ_CHECK(type_of(in, nr_in, page) == type_of(out, nr_out, page));
}

/* The pages around every edge of @edges. */
static void check_around(const struct xen_e820_entry *edges, unsigned int nr_edges,
			 const struct xen_e820_entry *in, unsigned int nr_in,
			 const struct xen_e820_entry *out, unsigned int nr_out)
{
	for (unsigned int i = 0; i < nr_edges; i++)
		for (unsigned int end = 0; end < 2; end++) {
			uint64_t edge = edges[i].addr + (end ? edges[i].size : 0);
			uint64_t page = edge >> XEN_PAGE_SHIFT;

			check_page(in, nr_in, out, nr_out, page);
			check_page(in, nr_in, out, nr_out, page + 1);
			if (page)
				check_page(in, nr_in, out, nr_out, page - 1);
		}
}

/* @map in memory of just the size that it may use. */
static int sanitize(const struct xen_e820_entry *map, unsigned int nr, unsigned int max,
		    struct xen_e820_entry *result)
{
	size_t room = (nr > max ? nr : max) * sizeof(*map);
	struct xen_e820_entry *exact = malloc(room ? room : 1);
	int rc;

	memcpy(exact, map, nr * sizeof(*map));
	rc = xen_e820_sanitize(exact, nr, max);
	if (rc > 0) {
		FUZZ_CHECK((unsigned int)rc <= max && rc <= XEN_E820_MAX);
		memcpy(result, exact, (size_t)rc * sizeof(*map));
	}
	free(exact);
	return rc;
}

void fuzz_one(struct fuzz_input *in)
{
	struct xen_e820_entry map[XEN_E820_MAX + 2], out[XEN_E820_MAX], again[XEN_E820_MAX];
	unsigned int nr = 0, max = fuzz_byte(in);
	int rc, rc_max;

	while (fuzz_more(in) && nr < XEN_E820_MAX + 2)
		map[nr++] = read_entry(in);
	rc = sanitize(map, nr, XEN_E820_MAX, out);
	rc_max = sanitize(map, nr, max, again);
	if (nr > XEN_E820_MAX) {
		FUZZ_CHECK(rc == -XEN_E2BIG && rc_max == rc);
		return;
	}
	if (rc < 0) { /* so many edges it takes at least */
		FUZZ_CHECK(rc == -XEN_E2BIG && 2 * nr > XEN_E820_MAX && rc_max == rc);
		return;
	}
	FUZZ_CHECK(rc_max == ((unsigned int)rc <= max ? rc : -XEN_E2BIG));
	check_shape(out, (unsigned int)rc);
	check_around(map, nr, map, nr, out, (unsigned int)rc);
	check_around(out, (unsigned int)rc, map, nr, out, (unsigned int)rc);
	/* What is sanitized stays as it is. */
	FUZZ_CHECK(sanitize(out, (unsigned int)rc, XEN_E820_MAX, again) == rc);
	FUZZ_CHECK(!memcmp(out, again, (size_t)rc * sizeof(out[0])));
}
