/* SPDX-License-Identifier: MIT */
/*
 * What the xenstore client makes of text: numbers, errors, and the values of peers.
 */
#include "xenbus_test.h"

static void numbers(void)
{
	static const struct {
		const char *text;
		unsigned int base;
		uint64_t max, value;
		bool good;
	} all[] = {
		{"0", 10, 0, 0, true},
		{"00", 10, 9, 0, true},
		{"4294967295", 10, UINT32_MAX, UINT32_MAX, true},
		{"4294967296", 10, UINT32_MAX, 0, false},
		{"18446744073709551615", 10, ~0ULL, ~0ULL, true},
		{"18446744073709551616", 10, ~0ULL, 0, false},
		{"18446744073709551620", 10, ~0ULL, 0, false},
		{"99999999999999999999999", 10, ~0ULL, 0, false},
		{"ffffffffffffffff", 16, ~0ULL, ~0ULL, true},
		{"10000000000000000", 16, ~0ULL, 0, false},
		{"aBcDeF09", 16, ~0ULL, 0xabcdef09, true},
		{"A", 16, ~0ULL, 10, true},
		{"F", 16, ~0ULL, 15, true},
		{"g", 16, ~0ULL, 0, false},
		{"101", 2, 5, 5, true},
		{"102", 2, 9, 0, false},
		{"8", 8, 9, 0, false},
		{"1", 1, 9, 0, false},
		{"1", 17, 9, 0, false},
		{"", 10, 9, 0, false},
		{"-1", 10, ~0ULL, 0, false},
		{"+1", 10, 9, 0, false},
		{" 1", 10, 9, 0, false},
		{"1 ", 10, 9, 0, false},
		{"1\n", 10, 9, 0, false},
		{"0x1", 16, 9, 0, false},
		{"1.0", 10, 99, 0, false},
		{"a", 10, 99, 0, false},
		{"/", 10, 99, 0, false},
		{":", 10, 99, 0, false},
		{"@", 16, 99, 0, false},
		{"`", 16, 99, 0, false},
		{"G", 16, 99, 0, false},
		{"10", 10, 9, 0, false},
	};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint64_t out = 12345;

		ck_assert_msg(xen_xs_parse_uint(all[i].text, all[i].base, all[i].max, &out) ==
				      all[i].good,
			      "'%s'", all[i].text);
		ck_assert_uint_eq(out, all[i].good ? all[i].value : 12345);
	}
}

/* Whatever bytes a peer writes, what is read is a number within bounds or an error. */
static void peer_values(void)
{
	static char payload[XENSTORE_PAYLOAD_MAX] = HOME "/peer";
	uint64_t rng = unit_seed(), out;
	size_t path = sizeof(HOME "/peer");
	char text[XEN_XS_VALUE_MAX];

	xs_begin();
	for (unsigned int i = 0; i < 20000; i++) {
		size_t len = unit_random(&rng) % (i % 100 ? 6 : 300);
		int rc;

		for (size_t j = 0; j < len; j++)
			payload[path + j] = i % 3 ? "0123456789-+ x\0af"[unit_random(&rng) % 17]
						  : (char)unit_random(&rng);
		unit_expect(!model_xs_request(0, XS_WRITE, 0, payload, path + len, NULL, NULL));
		out = 77;
		rc = xen_xs_read_uint(XEN_XS_NONE, "peer", 999, &out);
		unit_expect(!rc ? out <= 999 && strspn(payload + path, "0123456789") >= len
				: rc == -XEN_EINVAL && out == 77);
		unit_expect(xen_xenbus_read_state("peer") == XenbusStateUnknown);
		rc = xen_xs_read(XEN_XS_NONE, "peer", text, sizeof(text));
		if (memchr(payload + path, 0, len))
			unit_expect(rc == -XEN_EINVAL);
		else
			unit_expect(len < sizeof(text) ? !rc && strlen(text) == len &&
								 !memcmp(text, payload + path, len)
						       : rc == -XEN_E2BIG);
	}
	ck_assert(!xen_xs_broken());
	xs_finish();
}

static void all_errors(void)
{
	static const struct {
		const char *name;
		int error;
	} all[] = {
		{"EINVAL", XEN_EINVAL}, {"EACCES", XEN_EACCES},	  {"EEXIST", XEN_EEXIST},
		{"EISDIR", XEN_EISDIR}, {"ENOENT", XEN_ENOENT},	  {"ENOMEM", XEN_ENOMEM},
		{"ENOSPC", XEN_ENOSPC}, {"EIO", XEN_EIO},	  {"ENOTEMPTY", XEN_ENOTEMPTY},
		{"ENOSYS", XEN_ENOSYS}, {"EROFS", XEN_EROFS},	  {"EBUSY", XEN_EBUSY},
		{"EAGAIN", XEN_EAGAIN}, {"EISCONN", XEN_EISCONN}, {"E2BIG", XEN_E2BIG},
		{"EPERM", XEN_EPERM},	{"EQUOTA", XEN_ENOSPC},	  {"EDQUOT", XEN_ENOSPC},
		{"ENEW", XEN_EINVAL},	{"", XEN_EINVAL},	  {"EACCESS", XEN_EINVAL},
		{"EACCE", XEN_EINVAL},
	};

	xs_begin();
	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		model_xs_fail(XS_READ, 1, all[i].name);
		ck_assert_msg(xs_error("") == -XEN_EINVAL && xs_error("a") == -all[i].error, "%s",
			      all[i].name);
	}
	ck_assert(!xen_xs_broken());
	xs_finish();
}

static const struct unit_case cases[] = {
	{"numbers are parsed strictly", numbers},
	{"XSA-57 175 178: a peer's values are parsed defensively", peer_values},
	{"every error of xenstored has its number", all_errors},
};

UNIT_MAIN("xenbus-parse", cases)
