/* SPDX-License-Identifier: MIT */
/*
 * Memory that is there or ends the program.
 */
#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exit.h"

static void *must(void *block)
{
	if (block)
		return block;
	fputs("xenpci: error: out of memory\n", stderr);
	exit(EXIT_HOST);
}

void *memory_grow(void *block, size_t count, size_t size)
{
	return must(reallocarray(block, count ? count : 1, size));
}

void names_free(char **names, size_t count)
{
	while (count)
		free(names[--count]);
	free(names);
}

char *text_copy(const char *text)
{
	return must(strdup(text));
}

char *text_format(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return must(text);
}
