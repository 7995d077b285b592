/* SPDX-License-Identifier: MIT */
/*
 * What xenpci reads: nodes of xenstore, files of sysfs, its own list, the command line. First the
 * parsers by themselves: what they take they print, and read again as the same. Then a host in
 * which some nodes and files hold anything: whatever attach and detach make of it, they leave
 * nothing half-done without saying so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "xenpci/attach.h"
#include "xenpci/host/policy.h"
#include "xenpci/domain/record.h"
#include "xenpci/host/mounts.h"
#include "xenpci/world.h"

#define TEXT_SIZE 300

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "'%s' does not hold\n%s\n", #condition, world_output);     \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* A length and so many bytes. */
static const char *read_text(struct fuzz_input *in)
{
	static char text[TEXT_SIZE];
	size_t i, length = fuzz_below(in, TEXT_SIZE);

	for (i = 0; i < length && fuzz_more(in); i++)
		text[i] = (char)fuzz_byte(in);
	text[i] = '\0';
	return text;
}

/* ---- parsers ---- */

static void parse_address(const char *text)
{
	struct bdf bdf, again;

	if (!bdf_parse(text, &bdf))
		return;
	MUST(bdf_slot(bdf) < 32 && bdf_function(bdf) < 8);
	MUST(bdf_parse(BDF_STR(bdf), &again) && bdf_equal(bdf, again));
}

static void parse_grants(const char *text)
{
	struct grants set, again;
	char *printed;
	size_t i;

	if (!grants_parse(text, &set))
		return;
	for (i = 0; i < set.count; i++)
		MUST(set.grant[i].first <= set.grant[i].last &&
		     (!i || set.grant[i - 1].kind < set.grant[i].kind ||
		      set.grant[i - 1].last + 1 < set.grant[i].first));
	printed = grants_format(&set);
	MUST(grants_parse(printed, &again) && again.count == set.count);
	for (i = 0; i < set.count; i++)
		MUST(again.grant[i].first == set.grant[i].first &&
		     again.grant[i].last == set.grant[i].last);
	MUST(grants_subtract(&set, &again) && !set.count);
	free(printed);
}

static void parse_resource(const char *text)
{
	struct device device = {0};
	struct grants set;
	unsigned int i;

	if (!device_parse_resource(text, &device))
		return;
	for (i = 0; i < DEVICE_REGIONS; i++)
		MUST(device.region[i].first <= device.region[i].last &&
		     (device.region[i].kind != REGION_IO || device.region[i].last <= 0xffff));
	set = grants_of_device(&device);
	for (i = 0; i < DEVICE_REGIONS; i++)
		MUST(device.region[i].kind == REGION_NONE || set.count);
}

static void parse_others(const char *text)
{
	unsigned int line;
	struct mount mount;
	struct policy policy;
	struct wish wish;

	if (policy_parse(text, &policy, &line))
		MUST(policy.count <= POLICY_MAX);
	if (attach_parse_wish(text, &wish))
		MUST(wish.backend.vdevfn < 0x100 && !(wish.backend.vdevfn & 7));
	while (mount_next(&text, &mount) > 0)
		MUST(*mount.place && *mount.type && mount.major < 0x1000 &&
		     strlen(mount.source) < sizeof(mount.source));
}

static void parse(struct fuzz_input *in)
{
	unsigned int kind = fuzz_below(in, 4);
	const char *text = read_text(in);

	if (kind == 0)
		parse_address(text);
	else if (kind == 1)
		parse_grants(text);
	else if (kind == 2)
		parse_resource(text);
	else
		parse_others(text);
}

/* ---- a whole host ---- */

#define BACK "/local/domain/0/backend/pci/1/0"
#define RECORD "/tool/xenpci/0000-00-06-0"
#define SYS "sys/bus/pci/devices/0000:00:06.0/"

static const char *const nodes[] = {
	BACK "/num_devs",
	BACK "/state",
	BACK "/dev-0",
	BACK "/state-0",
	BACK "/vdevfn-0",
	BACK "/vdev-0",
	BACK "/opts-0",
	BACK "/dev-1",
	BACK "/state-1",
	"/local/domain/1/device/pci/0/state",
	"/local/domain/1/name",
	"/local/domain/1/vm",
	"/libxl/pci/0000-00-06-0/domid",
	"/libxl/pci/0000-00-06-0/driver_path",
	RECORD "/stage",
	RECORD "/domain",
	RECORD "/uuid",
	RECORD "/pid",
	RECORD "/grants",
	RECORD "/iommu",
	RECORD "/permissive",
};

static const char *const paths[] = {
	SYS "resource",	    SYS "irq",	 SYS "class",		SYS "vendor",
	SYS "reset_method", POLICY_FILE, "proc/self/mountinfo",
};

static void spoil(struct fuzz_input *in)
{
	unsigned int which = fuzz_below(in, 32);
	const char *text = read_text(in);

	if (which < sizeof(nodes) / sizeof(nodes[0]))
		world_put_node(nodes[which], text);
	else if (which - sizeof(nodes) / sizeof(nodes[0]) < sizeof(paths) / sizeof(paths[0]))
		world_put_file(paths[which - sizeof(nodes) / sizeof(nodes[0])], text);
	else
		world_domain(1)->guest = (enum guest_mode)(which % 5);
}

/* Undone means that nothing has changed. */
static void attach(void)
{
	char *before = world_dump(), *after;
	const char *functions = world_node(BACK "/num_devs");
	/* Folders that are no device's are made anew, as by libxl; one without functions goes. */
	bool strays = (strstr(before, "/backend/pci") && (!functions || !atoi(functions))) ||
		      strstr(before, "/local/domain/1/device/pci");
	enum exit_status status = world_run("attach --no-iommu --timeout=2 1 00:06.0");

	if (status != EXIT_DONE && status != EXIT_LEFTOVER) {
		/* What the guest itself writes stays. */
		world_put_node("/local/domain/1/device/pci", NULL);
		after = world_dump();
		if (!strays && strcmp(before, after) != 0) {
			fprintf(stderr, "before:\n%s\nafter:\n%s\n%s", before, after, world_output);
			abort();
		}
		free(after);
	}
	free(before);
}

static void use_host(struct fuzz_input *in)
{
	unsigned int rounds;

	world_make();
	world.event_ms = 99; /* a guest that chatters makes no wait long */
	if (fuzz_byte(in) & 1)
		world_run("attach --no-iommu 1 00:06.0");
	for (rounds = 0; rounds < 6 && fuzz_more(in); rounds++)
		spoil(in);
	world_run("status");
	world_run("list");
	attach();
	/* Gone without a trace, if detach says so. */
	if (world_run("detach --force --timeout=2 1 00:06.0") == EXIT_DONE) {
		MUST(!world_node(RECORD));
		MUST(!world_device("0000:00:06.0")->exported || !world_node(BACK "/dev-0"));
	}
	world_run("assignable remove 00:06.0");
	world_free();
}

void fuzz_one(struct fuzz_input *in)
{
	if (fuzz_byte(in) & 1)
		parse(in);
	else
		use_host(in);
}
