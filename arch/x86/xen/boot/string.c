/* SPDX-License-Identifier: MIT */
/*
 * The memory functions that compilers and the library call. Words by string instruction, then the
 * odd bytes, if any: near the best that can be had without vector registers, on CPUs and in
 * emulators.
 */
#include "internal.h"

/* Keeps the compiler from seeing the very function in a loop that implements it. */
#define KEEP_LOOP __asm__ volatile("" : : : "memory")

/* A word anywhere, of any type. */
typedef uint64_t __attribute__((aligned(1), may_alias)) word_t;

void *memcpy(void *dest, const void *src, size_t size)
{
	size_t words = size / sizeof(word_t);
	void *d = dest;

	__asm__ volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words) : : "memory");
	size %= sizeof(word_t);
	if (size)
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(size) : : "memory");
	return dest;
}

void *memmove(void *dest, const void *src, size_t size)
{
	unsigned char *d = dest;
	const unsigned char *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= size)
		return memcpy(dest, src, size);
	/* The end of the source lies in the destination: from the end on. */
	for (; size % sizeof(word_t); size--) {
		d[size - 1] = s[size - 1];
		KEEP_LOOP;
	}
	for (; size; size -= sizeof(word_t)) {
		*(word_t *)(d + size - sizeof(word_t)) =
			*(const word_t *)(s + size - sizeof(word_t));
		KEEP_LOOP;
	}
	return dest;
}

void *memset(void *dest, int c, size_t size)
{
	size_t words = size / sizeof(word_t);
	uint64_t pattern = (uint8_t)c * 0x0101010101010101UL;
	void *d = dest;

	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	size %= sizeof(word_t);
	if (size)
		__asm__ volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(pattern) : "memory");
	return dest;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;

	while (size >= sizeof(word_t) && *(const word_t *)x == *(const word_t *)y) {
		x += sizeof(word_t);
		y += sizeof(word_t);
		size -= sizeof(word_t);
	}
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
