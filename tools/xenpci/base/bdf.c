/* SPDX-License-Identifier: MIT */
/*
 * Addresses of PCI functions, parsed and printed. Pure, no lock.
 */
#include "bdf.h"

#include <stdio.h>
#include <string.h>
#include "number.h"

/* "number" in hex and the separator behind it; NUL as separator leaves the end to the caller. */
static bool part(const char **text, char separator, uint64_t max, uint64_t *value)
{
	const char *end;

	if ((*text)[0] == '0' && ((*text)[1] == 'x' || (*text)[1] == 'X'))
		return false;
	if (!number_parse(*text, 16, max, value, &end) || end - *text > 4)
		return false;
	if (separator && *end != separator)
		return false;
	*text = separator ? end + 1 : end;
	return true;
}

bool bdf_parse_prefix(const char *text, struct bdf *bdf, const char **end)
{
	uint64_t first, second, slot, function, segment = 0, bus;
	const char *at = text;

	if (!part(&at, ':', 0xffff, &first))
		return false;
	bus = first;
	if (part(&at, ':', 0xff, &second)) {
		segment = first;
		bus = second;
	}
	if (bus > 0xff || !part(&at, '.', 0x1f, &slot) || !part(&at, '\0', 7, &function))
		return false;
	*bdf = (struct bdf){
		.segment = (uint16_t)segment,
		.bus = (uint8_t)bus,
		.devfn = (uint8_t)(slot << 3 | function),
	};
	*end = at;
	return true;
}

bool bdf_parse(const char *text, struct bdf *bdf)
{
	struct bdf parsed;
	const char *end;

	if (!bdf_parse_prefix(text, &parsed, &end) || *end)
		return false;
	*bdf = parsed;
	return true;
}

bool bdf_in_path(const char *path, struct bdf bdf)
{
	const char *at, *end;
	struct bdf found;

	for (at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (bdf_parse_prefix(at, &found, &end) && (*end == '/' || !*end) &&
		    bdf_equal(found, bdf))
			return true;
	}
	return false;
}

char *bdf_format(struct bdf bdf, char *buffer)
{
	snprintf(buffer, BDF_TEXT, "%04x:%02x:%02x.%x", bdf.segment, bdf.bus, bdf_slot(bdf),
		 bdf_function(bdf));
	return buffer;
}
