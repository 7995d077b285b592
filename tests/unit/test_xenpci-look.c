/* SPDX-License-Identifier: MIT */
/*
 * xenpci check, explain and map as commands, in a fake host: what they print, how they end, and
 * that they change nothing, whatever fails.
 */
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "unit.h"
#include "xenpci/world.h"

#define CARD "0000:00:06.0"
#define CALLS_MAX 2000

static void expect(enum exit_status status, const char *line)
{
	enum exit_status got = world_run(line);

	ck_assert_msg(got == status, "`%s` ended with %d:\n%s", line, got, world_output);
}

static void expect_said(const char *text)
{
	ck_assert_msg(strstr(world_output, text), "no \"%s\" in:\n%s", text, world_output);
}

static void make(bool iommu)
{
	size_t i;

	world_make();
	world.iommu = iommu;
	for (i = 0; i < world.devices; i++)
		world.device[i].owner = iommu ? HV_DOMID_IO : 0;
}

static void checked(void)
{
	make(true);
	expect(EXIT_DONE, "check " CARD);
	expect(EXIT_DONE, "check " CARD " guest");
	expect(EXIT_DONE, "check 00:06.0 1");
	expect_said("0000:00:06.0: nothing is in the way");
	world.domain[1].passthrough = false;
	expect(EXIT_REFUSED, "check " CARD " guest");
	expect_said("error: domain 1 was created without passthrough");
	make(false);
	expect(EXIT_REFUSED, "check " CARD " guest");
	expect_said("error: nothing would keep the device inside the domain");
	expect(EXIT_DONE, "check --no-iommu " CARD " guest");
	expect_said("INSECURE");
}

static void checked_as_attach_judges(void)
{
	make(true);
	world_add_domain(2, "other", true, true);
	expect(EXIT_DONE, "attach other " CARD);
	expect(EXIT_BUSY, "check " CARD " guest");
	expect_said("domain 2 has it");
	expect(EXIT_DONE, "check " CARD " other");
	expect_said("domain 2 has it already");
	world_add_domain(3, "hvm", false, true);
	expect(EXIT_REFUSED, "check 0000:00:07.0 hvm");
	expect_said("is not PV");
	expect(EXIT_REFUSED, "check 0000:00:07.0 0");
}

static void wrong_lines(void)
{
	static const struct {
		const char *line;
		enum exit_status status;
	} rows[] = {
		{"check", EXIT_USAGE},
		{"check " CARD " 1 2", EXIT_USAGE},
		{"check nonsense", EXIT_USAGE},
		{"check --what " CARD, EXIT_USAGE},
		{"check " CARD " nobody", EXIT_UNKNOWN},
		{"check 0000:00:09.0", EXIT_UNKNOWN},
		{"explain", EXIT_USAGE},
		{"explain " CARD " 1", EXIT_USAGE},
		{"explain --no-iommu " CARD, EXIT_USAGE},
		{"explain 0000:00:09.0", EXIT_UNKNOWN},
		{"map", EXIT_USAGE},
		{"map 1 2", EXIT_USAGE},
		{"map --json --svg 1", EXIT_USAGE},
		{"map --what 1", EXIT_USAGE},
		{"map nobody", EXIT_UNKNOWN},
		{"map hvm", EXIT_REFUSED},
	};
	unsigned int i;

	make(true);
	world_add_domain(3, "hvm", false, true);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect(rows[i].status, rows[i].line);
		expect_said("xenpci: error: ");
	}
}

static json_t *document(const char *line)
{
	json_t *json;

	expect(EXIT_DONE, line);
	json = json_loads(world_output, JSON_DISABLE_EOF_CHECK, NULL);
	ck_assert_msg(json != NULL, "`%s` printed no JSON:\n%s", line, world_output);
	return json;
}

static void documents(void)
{
	json_t *json;

	make(true);
	json = document("check --json " CARD " guest");
	ck_assert(json_is_array(json_object_get(json, "findings")));
	json_decref(json);
	json = document("explain --json " CARD);
	ck_assert_str_eq(json_string_value(json_object_get(json, "address")), CARD);
	ck_assert(json_is_array(json_object_get(json, "findings")));
	json_decref(json);
	expect(EXIT_DONE, "attach guest " CARD);
	json = document("map --json guest");
	ck_assert_str_eq(json_string_value(json_object_get(json, "name")), "guest");
	ck_assert_uint_eq(json_array_size(json_object_get(json, "bars")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(json, "total"), "ram")),
			 512);
	json_decref(json);
	expect(EXIT_DONE, "map 1");
	expect_said("domain 1 guest: 512 pages (2M)");
	expect_said(CARD " BAR 0, beyond the P2M");
	expect(EXIT_DONE, "map --svg --all guest");
	expect_said("</svg>");
}

/* The guest's driver uses MSI, and sysfs shows that as if it were the line. */
static void line_behind_msi(void)
{
	char *before, *after;

	make(true);
	world_add_messages(world_device(CARD));
	before = world_dump();
	expect(EXIT_DONE, "attach guest " CARD);
	expect(EXIT_DONE, "detach --dry-run guest " CARD);
	expect_said("22");
	ck_assert_ptr_null(strstr(world_output, WORLD_MESSAGE));
	expect(EXIT_DONE, "explain " CARD);
	expect_said("has its interrupt line hidden");
	expect(EXIT_DONE, "detach guest " CARD);
	after = world_dump();
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
}

/* Each call of a seam fails in turn: an end with a reason, and nothing changed. */
static void each_call_fails(void)
{
	static const char *const lines[] = {("check " CARD " guest"), ("explain " CARD),
					    "map guest"};
	unsigned long call, calls;
	char *before, *after;
	unsigned int i;
	enum exit_status status;

	for (i = 0; i < 3; i++) {
		make(true);
		expect(EXIT_DONE, "attach guest 0000:00:07.0");
		before = world_dump();
		world.calls = 0;
		expect(EXIT_DONE, lines[i]);
		calls = world.calls;
		ck_assert_uint_gt(calls, 10);
		ck_assert_uint_lt(calls, CALLS_MAX);
		for (call = 1; call <= calls; call++) {
			world.calls = 0;
			world.fail_at = call;
			status = world_run(lines[i]);
			world.fail_at = 0;
			ck_assert_msg(!status || strstr(world_output, "error: "),
				      "%s, call %lu: %d without a reason", lines[i], call, status);
			after = world_dump();
			ck_assert_str_eq(before, after);
			free(after);
		}
		free(before);
	}
}

/* Into a full disk, or to a reader that is gone: at once, or when a buffer is written at last. */
static void output_lost(void)
{
	static const char *const lines[] = {
		"list",		  "list --json",     "check " CARD,
		"explain " CARD,  "map guest",	     "map --svg guest",
		"status",	  "status --json",   "status --watch",
		"status --watch", "assignable list", "assignable remove --dry-run " CARD,
	};
	unsigned int i, buffered;

	make(true);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		for (buffered = 0; buffered < 2; buffered++) {
			world.out = fopen("/dev/full", "w");
			setvbuf(world.out, NULL, buffered ? _IOFBF : _IONBF, 0);
			expect(EXIT_HOST, lines[i]);
			expect_said("xenpci: error: cannot write the output: ");
			fclose(world.out);
		}
	world.out = fopen("/dev/full", "w");
	expect(EXIT_UNKNOWN, "check 0000:00:09.0"); /* nothing to write */
	ck_assert_ptr_null(strstr(world_output, "output"));
	fclose(world.out);
}

static int reader;

static void leave(int number)
{
	close(reader);
}

/* As `xenpci status --watch | head -1`: nothing changes any more, so nothing is written. */
static void reader_gone(void)
{
	const struct itimerval soon = {.it_value.tv_usec = 20000};
	int ends[2];

	make(true);
	ck_assert_int_eq(pipe(ends), 0);
	reader = ends[0];
	world.out = fdopen(ends[1], "w");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, leave);
	setitimer(ITIMER_REAL, &soon, NULL);
	expect(EXIT_HOST, "status --watch");
	expect_said("cannot write the output: Broken pipe");
	fclose(world.out);
}

static const struct unit_case cases[] = {
	{"a device is checked", checked},
	{"check and attach agree", checked_as_attach_judges},
	{"wrong command lines are refused", wrong_lines},
	{"each command has its JSON", documents},
	{"a message is not taken for the line", line_behind_msi},
	{"output that is lost is an error", output_lost},
	{"status --watch ends with its reader", reader_gone},
	{"whatever fails, nothing is changed", each_call_fails},
};

UNIT_MAIN("xenpci-look", cases)
