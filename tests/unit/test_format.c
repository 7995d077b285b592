/* SPDX-License-Identifier: MIT */
/*
 * The guest's own formatting and memory functions against the C library's.
 */
#include <string.h>

#include "unit.h"

#define memcpy boot_memcpy
#define memmove boot_memmove
#define memset boot_memset
#define memcmp boot_memcmp
#define strlen boot_strlen
#include "../../arch/x86/xen/boot/format.c"
#include "../../arch/x86/xen/boot/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen

/* Both ways, at all sizes of buffer; the format is no literal, for it may be one gcc warns of. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[80], theirs[80];                                                         \
		for (size_t size = 0; size < sizeof(ours); size++) {                               \
			memset(ours, '#', sizeof(ours));                                           \
			memset(theirs, '#', sizeof(theirs));                                       \
			ck_assert_int_eq(boot_snprintf(ours, size, __VA_ARGS__),                   \
					 snprintf(theirs, size, __VA_ARGS__));                     \
			ck_assert_mem_eq(ours, theirs, sizeof(ours));                              \
		}                                                                                  \
	} while (0)

static void numbers(void)
{
	SAME("%d %d %d", 0, -1, 2147483647);
	SAME("%u %x", 4294967295u, 0xdeadbeefu);
	SAME("%ld %lu", -9223372036854775807L - 1, ~0UL);
	SAME("%lx %llx %llu", 0x123456789abcdefL, 1ULL << 63, 10000000000000000000ULL);
	SAME("%zu %p", (size_t)77, (void *)0x1234);
}

static void widths(void)
{
	SAME("[%5d] [%-5d] [%05d] [%1d]", 42, 42, 42, 12345);
	SAME("[%5d] [%-5d] [%05d]", -42, -42, -42);
	SAME("[%016lx] [%8x] [%-8x]", 0xabcUL, 0xabcu, 0xabcu);
	SAME("[%20p] [%-20p]", (void *)0x1234, (void *)0x1234);
}

static void text(void)
{
	SAME("%s|%5s|%-5s|%.2s|%5.1s|%.9s", "abc", "abc", "abc", "abc", "abc", "abc");
	SAME("%c|%3c|%-3c|%%|100%%", 'a', 'b', 'c');
	SAME("%s", "");
	SAME("plain");
}

static void null_string(void)
{
	char buf[16];
	const char *volatile none = NULL;

	boot_snprintf(buf, sizeof(buf), "%s", none);
	ck_assert_str_eq(buf, "(null)");
}

static void unterminated_precision(void)
{
	static const char raw[3] = {'x', 'y', 'z'};

	SAME("%.3s", raw);
}

static int vformat(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = boot_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return len;
}

static void unknown(void)
{
	char buf[32];

	vformat(buf, sizeof(buf), "a%qb%", 0);
	ck_assert_str_eq(buf, "a%qb%");
}

static void memory_functions(void)
{
	uint64_t state = unit_seed();
	uint8_t a[256], b[256], source[256];

	for (unsigned int round = 0; round < 100000; round++) {
		size_t from = unit_random(&state) % 80, to = unit_random(&state) % 80;
		size_t size = unit_random(&state) % 120;
		int x, y;

		for (unsigned int i = 0; i < sizeof(a); i++)
			a[i] = b[i] = source[i] = (uint8_t)(unit_random(&state) % 3);
		unit_expect(boot_memcpy(b + to, source + from, size) == b + to);
		memcpy(a + to, source + from, size);
		unit_expect(boot_memmove(b + from, b + to, size) == b + from);
		memmove(a + from, a + to, size);
		unit_expect(boot_memset(b + 200, (int)size, size % 50) == b + 200);
		memset(a + 200, (int)size, size % 50);
		unit_expect(!memcmp(a, b, sizeof(a)));
		size %= 20;
		b[from + size / 2] ^= (uint8_t)(round & 1);
		x = memcmp(a + from, b + from, size);
		y = boot_memcmp(a + from, b + from, size);
		unit_expect((x > 0) - (x < 0) == (y > 0) - (y < 0));
	}
	ck_assert_uint_eq(boot_strlen(""), 0);
	ck_assert_uint_eq(boot_strlen("seven.."), 7);
}

static const struct unit_case cases[] = {
	{"numbers come out as from the C library", numbers},
	{"widths and flags come out as from the C library", widths},
	{"text comes out as from the C library", text},
	{"a null string is shown, not followed", null_string},
	{"a string with a precision needs no end", unterminated_precision},
	{"an unknown conversion is copied", unknown},
	{"memory functions do what the C library's do", memory_functions},
};

UNIT_MAIN("format", cases)
