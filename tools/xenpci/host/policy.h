/* SPDX-License-Identifier: MIT */
/*
 * The devices that are to be assignable after the next boot too: /etc/xenpci/assignable, one line
 * each, "SSSS:BB:DD.F VVVV:DDDD"; '#' begins a comment. Vendor and device stand there because
 * addresses change when cards are moved: another device is not taken in place of the one meant.
 * " force" behind them is the consent that was given when the device was put there.
 */
#ifndef XENPCI_POLICY_H
#define XENPCI_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bdf.h"
#include "seam/files.h"

#define POLICY_FILE "etc/xenpci/assignable"
#define POLICY_MAX 256

struct policy_entry {
	struct bdf bdf;
	uint32_t id; /* vendor << 16 | device */
	bool force;
};

struct policy {
	struct policy_entry entry[POLICY_MAX];
	size_t count;
};

/* The text of the file; false if a line makes no sense: *line is its number, from 1. */
bool policy_parse(const char *text, struct policy *policy, unsigned int *line);

/* -EINVAL for a file that makes no sense; none is an empty policy. */
int policy_read(struct files *files, struct policy *policy);

/* The one with that address, NULL if there is none. */
const struct policy_entry *policy_find(const struct policy *policy, struct bdf bdf);

/* Add (or change) or remove one. */
int policy_add(struct files *files, struct policy_entry entry);
int policy_remove(struct files *files, struct bdf bdf);

#endif
