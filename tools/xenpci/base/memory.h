/* SPDX-License-Identifier: MIT */
/*
 * Memory and strings for a short-lived program: having none ends it, before anything is half-done,
 * since plans are made in full before the first of their steps is taken.
 */
#ifndef XENPCI_MEMORY_H
#define XENPCI_MEMORY_H

#include <stddef.h>

/* Never NULL. */
void *memory_grow(void *block, size_t count, size_t size); /* as reallocarray() */
char *text_copy(const char *text);
/* Free what files_list() or store_list() gave. */
void names_free(char **names, size_t count);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
