/* SPDX-License-Identifier: MIT */
/* What little of string.h and of a random generator the guest's program needs. */
#ifndef XENDMA_GUEST_TEXT_H
#define XENDMA_GUEST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline size_t text_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* Are the @n characters at @s the whole word @word? */
static inline bool text_is(const char *s, size_t n, const char *word)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!word[i] || s[i] != word[i])
			return false;
	return !word[n];
}

static inline bool text_same(const char *a, const char *b)
{
	return text_is(a, text_len(a), b);
}

/* Copy a fixed-size field of a device that is padded with spaces; @to has @n + 1 bytes.
 * What is not printable ASCII becomes '?'. */
static inline void text_trim(char *to, const volatile uint8_t *from, size_t n)
{
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		uint8_t c = from[i];

		to[i] = c >= 0x20 && c < 0x7f ? (char)c : (c ? '?' : ' ');
		if (to[i] != ' ')
			len = i + 1;
	}
	to[len] = 0;
}

/* xorshift64*: small, seedable, good enough to choose test cases by. */
struct random {
	uint64_t state;
};

static inline void random_init(struct random *r, uint64_t seed)
{
	r->state = seed * 0x9e3779b97f4a7c15 + 0x2545f4914f6cdd1d;
	if (!r->state)
		r->state = 1;
}

static inline uint64_t random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1d;
}

/* A number below @limit (> 0). */
static inline uint64_t random_below(struct random *r, uint64_t limit)
{
	return (random_next(r) >> 16) % limit;
}

#endif
