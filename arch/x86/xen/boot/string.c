/* SPDX-License-Identifier: MIT */
/*
 * The memory functions that compilers and the library call. The string instructions are what
 * current CPUs are fastest with for whole pages and good enough for the rest.
 */
#include "internal.h"

/* Keeps the compiler from seeing the very function in a loop that implements it. */
#define KEEP_LOOP __asm__ volatile("" : : : "memory")

void *memcpy(void *dest, const void *src, size_t size)
{
	void *d = dest;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(size) : : "memory");
	return dest;
}

void *memmove(void *dest, const void *src, size_t size)
{
	unsigned char *d = dest;
	const unsigned char *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= size)
		return memcpy(dest, src, size);
	d += size;
	s += size;
	while (size--) {
		*--d = *--s;
		KEEP_LOOP;
	}
	return dest;
}

void *memset(void *dest, int c, size_t size)
{
	void *d = dest;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(c) : "memory");
	return dest;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;

	for (; size; size--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

size_t strlen(const char *s)
{
	size_t len = 0;

	while (s[len]) {
		len++;
		KEEP_LOOP;
	}
	return len;
}
