/* SPDX-License-Identifier: MIT */
/*
 * Cleaning is a matter of single bytes: with UTF-8 it would be one of tables, and there are
 * printable characters that reorder a line. Pure.
 */
#include "text.h"

char *text_clean(char *text)
{
	char *at;

	for (at = text; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return text;
}
