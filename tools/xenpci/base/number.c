/* SPDX-License-Identifier: MIT */
/*
 * Numbers in texts of others. strtoul() takes signs and spaces and wraps; here only digits count.
 * Pure, no lock.
 */
#include "number.h"

#include <stddef.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

static bool ends(const char *text)
{
	return !*text || (*text == '\n' && !text[1]);
}

bool number_parse(const char *text, unsigned int base, uint64_t max, uint64_t *value,
		  const char **end)
{
	uint64_t sum = 0;
	const char *at = text;

	if (base == 16 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && digit(at[2]) < 16)
		at += 2;
	if (digit(*at) >= (int)base)
		return false;
	for (; digit(*at) < (int)base; at++) {
		if (sum > (max - digit(*at)) / base || (uint64_t)digit(*at) > max)
			return false;
		sum = sum * base + digit(*at);
	}
	if (end)
		*end = at;
	else if (!ends(at))
		return false;
	*value = sum;
	return true;
}
