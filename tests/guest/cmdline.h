/* SPDX-License-Identifier: MIT */
/*
 * The guest's command line: key=value words, each described once in a table (docs/guest.md has
 * them for people). A word that is not in the table or has a bad value is an error.
 */
#ifndef XENDMA_GUEST_CMDLINE_H
#define XENDMA_GUEST_CMDLINE_H

#include <stdbool.h>
#include <stdint.h>

/* A list of scenarios as it stands on the command line: names with commas between. */
struct name_list {
	const char *text; /* NULL: not given */
	uint64_t length;
};

struct options {
	struct name_list test;
	struct name_list profile; /* a row of the bench to run for ever */
	struct name_list evtchn;  /* the boot kernel has seen to it */
	bool help, demo, bench, map, color, mmcfg;
	uint64_t cpus;	     /* virtual CPUs to run on, at least 1 */
	uint64_t seed;	     /* of everything random */
	uint64_t iterations; /* rounds of the scenarios that have rounds; 0: their own number */
	uint64_t wait_ms;    /* deadline for one answer of a device, milliseconds */
	uint64_t edu, nvme;  /* how many there must be; EXPECT_ANY: no matter */
	uint64_t pool_max, pool_initial; /* bytes; 0: the library's default */
};

#define EXPECT_ANY (~0ULL)

extern struct options options;

#define CMDLINE_ERROR_MAX 160

void options_default(struct options *opt);

/*
 * Read the words of @line into @opt, which holds defaults. False with one line of explanation in
 * @error, @opt then being partly filled.
 */
bool cmdline_parse(const char *line, struct options *opt, char error[CMDLINE_ERROR_MAX]);

/* Print every key with its meaning. */
void cmdline_help(void);

/*
 * Take the next name off @list: *@name and *@length are it, @list is what follows. False at the
 * end. An empty name ("a,,b") is returned with length 0.
 */
bool name_list_next(struct name_list *list, const char **name, uint64_t *length);

#endif
