/* SPDX-License-Identifier: MIT */
/*
 * xenpci's small parsers and its findings.
 */
#include <string.h>

#include "unit.h"
#include "xenpci/base/bdf.h"
#include "xenpci/base/finding.h"
#include "xenpci/base/number.h"

static void addresses(void)
{
	static const struct {
		const char *text;
		uint32_t sbdf;
		const char *printed;
	} good[] = {
		{"00:00.0", 0, "0000:00:00.0"},
		{"03:1f.7", 0x3ff, "0000:03:1f.7"},
		{"0000:03:00.0", 0x300, "0000:03:00.0"},
		{"ffff:ff:1f.7", 0xffffffff, "ffff:ff:1f.7"},
		{"10:2:3.4", 0x10021c, "0010:02:03.4"},
		{"ABCD:eF:1F.0", 0xabcdeff8, "abcd:ef:1f.0"},
	};
	struct bdf bdf;
	unsigned int i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(bdf_parse(good[i].text, &bdf), "%s", good[i].text);
		ck_assert_uint_eq(bdf_sbdf(bdf), good[i].sbdf);
		ck_assert_str_eq(BDF_STR(bdf), good[i].printed);
	}
}

static void wrong_addresses(void)
{
	static const char *const wrong[] = {
		"",
		":",
		"0",
		"00:00",
		"00:00.",
		"00:00.8",
		"00:20.0",
		"100:00.0",
		"10000:00:00.0",
		"0:100:00.0",
		" 00:00.0",
		"00:00.0 ",
		"00:00.0\n",
		"+0:00.0",
		"-1:00.0",
		"0x0:00.0",
		"00:0x1.0",
		"0000:00:00:0",
		"00.00.0",
		"0000:00:00.00000",
		"g0:00.0",
		"0000:00:00.0,",
		"00:00.0:00:00",
		"00000:00.0",
	};
	struct bdf bdf = {1, 2, 3};
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!bdf_parse(wrong[i], &bdf), "%s", wrong[i]);
	ck_assert_uint_eq(bdf_sbdf(bdf), 0x10203);
}

static void address_with_more(void)
{
	struct bdf bdf;
	const char *end;

	ck_assert(bdf_parse_prefix("03:00.1,vslot=4", &bdf, &end));
	ck_assert_str_eq(end, ",vslot=4");
	ck_assert_uint_eq(bdf_sbdf(bdf), 0x301);
}

static void numbers(void)
{
	static const struct {
		const char *text;
		unsigned int base;
		uint64_t max, value;
	} good[] = {
		{"0", 10, 0, 0},
		{"42\n", 10, 42, 42},
		{"0x10", 16, 0xff, 16},
		{"fF", 16, 0xff, 0xff},
		{"007", 10, 7, 7},
		{"18446744073709551615", 10, UINT64_MAX, UINT64_MAX},
		{"0xffffffffffffffff", 16, UINT64_MAX, UINT64_MAX},
	};
	static const struct {
		const char *text;
		unsigned int base;
		uint64_t max;
	} wrong[] = {
		{"", 10, 9},	{"1", 10, 0},	 {"43", 10, 42},
		{" 1", 10, 9},	{"1 ", 10, 9},	 {"1\n\n", 10, 9},
		{"-1", 10, 9},	{"+1", 10, 9},	 {"0x", 16, 99},
		{"0x1", 10, 9}, {"0xg", 16, 99}, {"18446744073709551616", 10, UINT64_MAX},
		{"a", 10, 99},	{"\n", 10, 9},	 {"0x10000000000000000", 16, UINT64_MAX},
		{"9", 10, 5},
	};
	uint64_t value = 77;
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!number_parse(wrong[i].text, wrong[i].base, wrong[i].max, &value,
					    NULL),
			      "%s", wrong[i].text);
	ck_assert_uint_eq(value, 77);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(number_parse(good[i].text, good[i].base, good[i].max, &value, NULL),
			      "%s", good[i].text);
		ck_assert_uint_eq(value, good[i].value);
	}
}

static void number_with_more(void)
{
	uint64_t value;
	const char *end;

	ck_assert(number_parse("0x12 0x34", 16, 0xff, &value, &end));
	ck_assert_str_eq(end, " 0x34");
	ck_assert(number_parse("0xz", 16, 0xff, &value, &end));
	ck_assert_uint_eq(value, 0);
	ck_assert_str_eq(end, "xz");
}

static void one_line(void)
{
	struct report report = {0};
	char text[256] = "";
	FILE *file = fmemopen(text, sizeof(text), "w");

	ck_assert_int_eq(report_error(&report, EXIT_BUSY, "busy",
				      "%s is taken|domain %d has it|xenpci detach", "x", 3),
			 EXIT_BUSY);
	report_warning(&report, "one", "no more than this||");
	report_note(&report, "two", "cause|seen");
	ck_assert_uint_eq(report_count(&report, SEVERITY_NOTE), 3);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 2);
	ck_assert_uint_eq(report_count(&report, SEVERITY_ERROR), 1);
	report_print(&report, 0, file);
	fclose(file);
	ck_assert_str_eq(text, "xenpci: error: x is taken: domain 3 has it; xenpci detach\n"
			       "xenpci: warning: no more than this\n"
			       "xenpci: note: cause: seen\n");
	report_clear(&report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_NOTE), 0);
}

static void hostile_text(void)
{
	struct report report = {0};
	json_t *json, *first;

	report_error(&report, EXIT_HOST, "id", "%s|%s|next", "a\x1b[2J\nb", "\xff\xc3|more");
	ck_assert_str_eq(report.findings[0].cause, "a?[2J?b");
	json = report_json(&report);
	ck_assert_uint_eq(json_array_size(json), 1);
	first = json_array_get(json, 0);
	ck_assert_str_eq(json_string_value(json_object_get(first, "severity")), "error");
	ck_assert_str_eq(json_string_value(json_object_get(first, "evidence")), "??");
	json_decref(json);
	report_clear(&report);
}

static const struct unit_case cases[] = {
	{"an address is read and printed", addresses},
	{"what is no address is refused", wrong_addresses},
	{"options may follow an address", address_with_more},
	{"a number is digits up to a maximum and nothing else", numbers},
	{"the caller may look at what follows a number", number_with_more},
	{"a finding is one line", one_line},
	{"a finding steers no terminal and stays valid JSON", hostile_text},
};

UNIT_MAIN("xenpci-text", cases)
