/* SPDX-License-Identifier: MIT */
/*
 * xenpci check and explain: each finding about a device and its domain from facts made for it, and
 * none where there is no reason.
 */
#include <errno.h>

#include "check_test.h"
#include "xenpci/check/explain.h"

static void nothing_wrong(void)
{
	make();
	check_all(&facts, &report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
	expect("reset", SEVERITY_NOTE);
	expect("msi", SEVERITY_NOTE);
}

static void resets(void)
{
	static const struct {
		const char *methods;
		unsigned int set;
		const char *id;
		enum severity severity;
	} rows[] = {
		{"flr bus", RESET_FLR | RESET_BUS, "reset", SEVERITY_NOTE},
		{"af_flr pm", RESET_FLR | RESET_PM, "reset", SEVERITY_NOTE},
		{"device_specific", RESET_OWN, "reset", SEVERITY_NOTE},
		{"acpi", RESET_OWN, "reset", SEVERITY_NOTE},
		{"something_new", RESET_OWN, "reset", SEVERITY_NOTE},
		{"pm", RESET_PM, "reset-pm", SEVERITY_WARNING},
		{"pm bus", RESET_PM | RESET_BUS, "reset-pm", SEVERITY_WARNING},
		{"bus", RESET_BUS, "reset-bus", SEVERITY_WARNING},
		{" slot  cxl_bus ", RESET_SLOT | RESET_BUS, "reset-bus", SEVERITY_WARNING},
		{"", 0, "no-reset", SEVERITY_WARNING},
		{"  ", 0, "no-reset", SEVERITY_WARNING},
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make();
		strcpy(all[1].reset_method, rows[i].methods);
		ck_assert_uint_eq(check_reset_offered(&all[1]), rows[i].set);
		check_all(&facts, &report);
		expect(rows[i].id, rows[i].severity);
	}
}

static void declared_resets(void)
{
	make();
	ck_assert_uint_eq(check_reset_declared(&all[1]), RESET_FLR);
	put(&all[1], 0xe4, ~(1u << 28), 4);
	ck_assert_uint_eq(check_reset_declared(&all[1]), 0);
	add_capability(&all[1], 0x13, 0x90);
	put(&all[1], 0x93, 0x02, 1);
	ck_assert_uint_eq(check_reset_declared(&all[1]), RESET_FLR);
	add_capability(&all[1], 0x01, 0x80);
	ck_assert_uint_eq(check_reset_declared(&all[1]), RESET_FLR | RESET_PM);
	put(&all[1], 0x84, 0x08, 1);
	ck_assert_uint_eq(check_reset_declared(&all[1]), RESET_FLR);
	all[1].config_size = 64; /* not readable that far */
	ck_assert_uint_eq(check_reset_declared(&all[1]), 0);
	all[1].config_size = 0;
	ck_assert_uint_eq(check_reset_declared(&all[1]), 0);
}

static void vectors(void)
{
	make();
	ck_assert_uint_eq(check_msi_vectors(&all[1]), 4);
	ck_assert_uint_eq(check_msix_vectors(&all[1]), 5);
	put(&all[1], 0xd2, 0xffff, 2);
	put(&all[1], 0xa2, 0xffff, 2);
	ck_assert_uint_eq(check_msi_vectors(&all[1]), 128);
	ck_assert_uint_eq(check_msix_vectors(&all[1]), 2048);
	all[1].config[0x06] = 0;
	ck_assert_uint_eq(check_msi_vectors(&all[1]), 0);
	ck_assert_uint_eq(check_msix_vectors(&all[1]), 0);
}

static void no_msi_without_iommu(void)
{
	make();
	facts.iommu = false;
	check_all(&facts, &report);
	expect("no-msi", SEVERITY_WARNING);
	ck_assert_ptr_nonnull(strstr(find("no-msi")->evidence, "line 18"));

	make(); /* what has no other way */
	facts.iommu = false;
	all[1].gsi = 0;
	check_all(&facts, &report);
	expect("no-line", SEVERITY_ERROR);

	make();
	all[1].gsi = 0;
	check_all(&facts, &report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
}

static void line_only(void)
{
	make();
	all[1].config[0x06] = 0;
	check_all(&facts, &report);
	expect("line-only", SEVERITY_NOTE);
	make();
	all[1].config[0x06] = 0;
	all[1].gsi = 0;
	check_all(&facts, &report);
	expect("no-interrupt", SEVERITY_NOTE);
}

static void msix_tables(void)
{
	static const struct {
		uint32_t table;
		bool good;
	} rows[] = {
		{3, true},	     {0x3fb0 | 3, true}, /* 5 entries end with the BAR */
		{0x3fb8 | 3, false},			 /* and here beyond it */
		{2, false},				 /* ports */
		{1, false},				 /* no BAR */
		{6, false},	     {7, false},	 {0xfffffff8 | 3, false},
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make();
		put(&all[1], 0xa4, rows[i].table, 4);
		check_all(&facts, &report);
		if (rows[i].good)
			ck_assert_ptr_null(find("msix-table"));
		else
			expect("msix-table", SEVERITY_WARNING);
	}
}

static void passthrough(void)
{
	name_domain();
	facts.can_assign = -EOPNOTSUPP;
	check_all(&facts, &report);
	expect("no-passthrough", SEVERITY_ERROR);
	name_domain();
	facts.can_assign = -EINVAL;
	check_all(&facts, &report);
	expect("not-free", SEVERITY_ERROR);
	ck_assert_int_eq(find("not-free")->exit, EXIT_BUSY);
	name_domain(); /* without an IOMMU this is not the question */
	facts.iommu = false;
	all[1].config[0x06] = 0;
	facts.can_assign = -EOPNOTSUPP;
	check_all(&facts, &report);
	ck_assert_uint_eq(report_count(&report, SEVERITY_WARNING), 0);
}

static void explained(void)
{
	char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");
	json_t *json;

	name_domain();
	all[2].gsi = all[1].gsi;
	reserve(1, 0x2000, 0x2fff);
	explain_print(&facts, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "BAR 0       memory 0xfe200000 to 0xfe21ffff, 128K\n"));
	ck_assert_ptr_nonnull(strstr(text, "BAR 2       ports 0xc000 to 0xc01f\n"));
	ck_assert_ptr_nonnull(strstr(text, "line 18 (INTA), shared with 0000:00:03.0 (pciback); "
					   "MSI, 4 vectors; MSI-X, 5 vectors\n"));
	ck_assert_ptr_nonnull(strstr(text, "dom0 offers FLR, bus; the device declares FLR\n"));
	ck_assert_ptr_nonnull(strstr(text, "reserved    0x2000 to 0x2fff\n"));
	json = explain_json(&facts);
	ck_assert_ptr_nonnull(json);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "regions")), 3);
	ck_assert_str_eq(json_string_value(json_object_get(json, "address")), "0000:00:02.0");
	json_decref(json);
}

static const struct unit_case cases[] = {
	{"a good card has no warnings", nothing_wrong},
	{"methods of reset are told apart", resets},
	{"a device declares how it can be reset", declared_resets},
	{"vectors are counted", vectors},
	{"without an IOMMU there is no MSI", no_msi_without_iommu},
	{"a device may have a line only, or nothing", line_only},
	{"a table for MSI-X lies inside a BAR", msix_tables},
	{"a domain without passthrough is found", passthrough},
	{"a device is explained", explained},
};

UNIT_MAIN("xenpci-check", cases)
