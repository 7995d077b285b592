/* SPDX-License-Identifier: MIT */
/*
 * Lists of devices and roots that make no sense: what is wrong is left out, what is right is found,
 * and where nothing is right the connection is not made.
 */
#include "pcifront_test.h"

static const char *said_value;
static const char *said_node;

static void say_node(struct model_pciback_lie *lie)
{
	if (lie->node && !strcmp(lie->node, said_node))
		snprintf(lie->value, 64, "%s", said_value);
}

static void bad_vdevs(void)
{
	static const char *const bad[] = {
		"",
		"0",
		"0000:00:00",
		"0000:00:00.",
		"0000:00:00.8",
		"0000:00:00.08",
		"0000:00:20.00",
		"0000:00:00.000",
		"10000:00:00.00",
		"000:00:00.00",
		"0000:0:00.00",
		"0000:00:0.0",
		"0000-00-00.00",
		"0000:00:00.00 ",
		" 000:00:00.00",
		"+000:00:00.00",
		"0x00:00:00.00",
		"0000:00:00.-1",
		"0000:00:00.0g",
		"0000:00:00.00/../../x",
		"0000:00:00.00000000000000000000000000000000000000000000000",
		"ffff:ff:1f.07", /* on no root */
		"0000:01:00.00", /* neither */
		"0000:00:1f.07", /* nobody answers there */
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bench();
		said_node = "vdev-0";
		said_value = bad[i];
		model_pciback_lie(say_node);
		model_pciback_create(both_at, 2);
		start();
		ck_assert(run_until(XenbusStateConnected, SECOND));
		ck_assert_msg(t.added == 1, "'%s': %u added", bad[i], t.added);
		ck_assert_ptr_nonnull(device_of(nvme_at));
		end();
	}
}

/* The same device twice is one. */
static void doubled(void)
{
	bench();
	said_node = "vdev-1";
	said_value = "0000:00:00.00";
	model_pciback_lie(say_node);
	model_pciback_create(both_at, 2);
	start();
	ck_assert(run_until(XenbusStateConnected, SECOND));
	ck_assert_uint_eq(t.added, 1);
	end();
}

static void bad_numbers(void)
{
	static const struct {
		const char *node, *value;
	} bad[] = {
		{"num_devs", "257"},	    {"num_devs", "-1"},	 {"num_devs", "4294967297"},
		{"num_devs", ""},	    {"num_devs", "two"}, {"root_num", "9"},
		{"root_num", "4294967296"}, {"root_num", "-1"},
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char path[96];

		bench();
		model_pciback_create(&edu_at, 1);
		start();
		while (model_pciback_state() != XenbusStateConnected) {
			model_pciback_step();
			if (model_pcifront_state() != XenbusStateInitialised)
				xen_pcifront_work(t.front);
		}
		snprintf(path, sizeof(path), "%s/%s", MODEL_PCIBACK_PATH, bad[i].node);
		model_xs_write(path, bad[i].value);
		run_for(SECOND);
		ck_assert_uint_eq(t.added, 0);
		ck_assert_uint_ge(xen_pcifront_stats(t.front).bad_replies, 1);
		ck_assert_uint_ne(xen_pcifront_state(t.front), XenbusStateConnected);
		model_xs_write(path, "1");
		ck_assert(run_coarsely_until(XenbusStateConnected, 140 * SECOND));
		ck_assert_uint_eq(t.added, 1);
		end();
	}
}

static void bad_roots(void)
{
	static const char *const bad[] = {"",		"0000",	   "0000:",   "0000:0",
					  "0000:000",	"000:00",  "0000:0g", "0000.00",
					  "0000:00:00", "0001:00", "0000:01"};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bench();
		said_node = "root-0";
		said_value = bad[i];
		model_pciback_lie(say_node);
		model_pciback_create(&edu_at, 1);
		start();
		ck_assert(run_until(XenbusStateConnected, SECOND));
		ck_assert_uint_eq(t.added, 0);
		ck_assert_uint_ge(xen_pcifront_stats(t.front).bad_replies, 1);
		end();
	}
}

static const struct unit_case cases[] = {
	{"QSB-023 XSA-363 376: addresses that are none", bad_vdevs},
	{"QSB-023 XSA-363 376: the same address twice", doubled},
	{"QSB-023 XSA-363 376: numbers of devices and roots", bad_numbers},
	{"QSB-023 XSA-363 376: roots that are none", bad_roots},
};

UNIT_MAIN("pcifront-lists", cases)
