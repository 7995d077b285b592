/* SPDX-License-Identifier: MIT */
/*
 * Numbers in texts that others wrote: sysfs, xenstore, the command line.
 */
#ifndef XENPCI_NUMBER_H
#define XENPCI_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The number that text begins with, digits only (no sign, no space), in base 10 or 16; 0x may stand
 * before the latter. *end is what follows, may be NULL: then nothing may follow but one newline.
 * False, with *value untouched, for no digit, and for a number above max.
 */
bool number_parse(const char *text, unsigned int base, uint64_t max, uint64_t *value,
		  const char **end);

#endif
