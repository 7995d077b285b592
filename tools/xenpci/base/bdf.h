/* SPDX-License-Identifier: MIT */
/*
 * The address of a PCI function: segment, bus, device, function; written SSSS:BB:DD.F in hex.
 */
#ifndef XENPCI_BDF_H
#define XENPCI_BDF_H

#include <stdbool.h>
#include <stdint.h>

struct bdf {
	uint16_t segment;
	uint8_t bus;
	uint8_t devfn; /* device << 3 | function */
};

#define BDF_TEXT 13 /* "SSSS:BB:DD.F" and the closing NUL */

/* Room for a printed bdf, to be made on the spot: BDF_STR(bdf) lives until the block ends. */
#define BDF_STR(bdf) bdf_format((bdf), (char[BDF_TEXT]){0})

/*
 * SSSS:BB:DD.F, or BB:DD.F with segment 0; nothing may stand before or behind it. False, with *bdf
 * untouched, if text is not that or a number is out of range (device > 1f, function > 7).
 */
bool bdf_parse(const char *text, struct bdf *bdf);

/* As bdf_parse(), but what follows the address is given in *end, as strtoul() does. */
bool bdf_parse_prefix(const char *text, struct bdf *bdf, const char **end);

/* Is one of the folders of this path named after the address? */
bool bdf_in_path(const char *path, struct bdf bdf);

/* SSSS:BB:DD.F into buffer of BDF_TEXT bytes, which is returned. */
char *bdf_format(struct bdf bdf, char *buffer);

/* As sysfs, libxl and Xen's domctls take it: segment << 16 | bus << 8 | devfn. */
static inline uint32_t bdf_sbdf(struct bdf bdf)
{
	return (uint32_t)bdf.segment << 16 | (uint32_t)bdf.bus << 8 | bdf.devfn;
}

static inline bool bdf_equal(struct bdf a, struct bdf b)
{
	return bdf_sbdf(a) == bdf_sbdf(b);
}

static inline unsigned int bdf_slot(struct bdf bdf)
{
	return bdf.devfn >> 3;
}

static inline unsigned int bdf_function(struct bdf bdf)
{
	return bdf.devfn & 7;
}

#endif
