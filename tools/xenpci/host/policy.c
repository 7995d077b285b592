/* SPDX-License-Identifier: MIT */
/*
 * The list for the next boot. It is read whole and written whole, by renaming, so that a crash
 * leaves either list. Comments that somebody wrote into it do not survive a change; the first line
 * says so.
 */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/number.h"

#define TEXT_MAX 16384
#define FORCE " force"
#define HEAD "# Devices for guests, by xenpci assignable add --persist; rewritten by xenpci.\n"

static bool parse_line(const char *line, struct policy_entry *entry)
{
	uint64_t vendor, device;
	const char *end;

	if (!bdf_parse_prefix(line, &entry->bdf, &end) || *end != ' ' ||
	    !number_parse(end + 1, 16, 0xffff, &vendor, &end) || *end != ':' ||
	    !number_parse(end + 1, 16, 0xffff, &device, &end) || (*end && strcmp(end, FORCE) != 0))
		return false;
	entry->id = (uint32_t)(vendor << 16 | device);
	entry->force = *end;
	return true;
}

bool policy_parse(const char *text, struct policy *policy, unsigned int *line)
{
	char *copy = text_copy(text), *at = copy, *one;
	bool good = true;

	*policy = (struct policy){0};
	for (*line = 0; good && (one = strsep(&at, "\n"));) {
		++*line;
		if (!*one || *one == '#')
			continue;
		good = policy->count < POLICY_MAX && parse_line(one, &policy->entry[policy->count]);
		policy->count += good;
	}
	free(copy);
	return good;
}

int policy_read(struct files *files, struct policy *policy)
{
	char *text = memory_grow(NULL, TEXT_MAX, 1);
	ssize_t got = files_read(files, POLICY_FILE, text, TEXT_MAX);
	unsigned int line;
	int err = 0;

	*policy = (struct policy){0};
	if (got == TEXT_MAX - 1 || (got >= 0 && !policy_parse(text, policy, &line)))
		err = -EINVAL;
	else if (got < 0 && got != -ENOENT)
		err = (int)got;
	free(text);
	return err;
}

/* An empty list is no file. */
static int policy_write(struct files *files, const struct policy *policy)
{
	char *text = text_copy(HEAD), *longer;
	size_t i;
	int err;

	for (i = 0; i < policy->count; i++) {
		longer = text_format("%s%s %04x:%04x%s\n", text, BDF_STR(policy->entry[i].bdf),
				     policy->entry[i].id >> 16, policy->entry[i].id & 0xffff,
				     policy->entry[i].force ? FORCE : "");
		free(text);
		text = longer;
	}
	err = files_replace(files, POLICY_FILE, policy->count ? text : NULL);
	free(text);
	return err;
}

const struct policy_entry *policy_find(const struct policy *policy, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < policy->count; i++)
		if (bdf_equal(policy->entry[i].bdf, bdf))
			return &policy->entry[i];
	return NULL;
}

static void drop(struct policy *policy, struct bdf bdf)
{
	size_t i, to = 0;

	for (i = 0; i < policy->count; i++)
		if (!bdf_equal(policy->entry[i].bdf, bdf))
			policy->entry[to++] = policy->entry[i];
	policy->count = to;
}

/* By address: an entry that is taken out and put back stands where it stood. */
static void insert(struct policy *policy, struct policy_entry entry)
{
	size_t at = policy->count++;

	for (; at && bdf_sbdf(policy->entry[at - 1].bdf) > bdf_sbdf(entry.bdf); at--)
		policy->entry[at] = policy->entry[at - 1];
	policy->entry[at] = entry;
}

int policy_add(struct files *files, struct policy_entry entry)
{
	struct policy policy;
	int err = policy_read(files, &policy);

	if (err)
		return err;
	drop(&policy, entry.bdf);
	if (policy.count == POLICY_MAX)
		return -ENOSPC;
	insert(&policy, entry);
	return policy_write(files, &policy);
}

int policy_remove(struct files *files, struct bdf bdf)
{
	struct policy policy;
	size_t before;
	int err = policy_read(files, &policy);

	if (err)
		return err;
	before = policy.count;
	drop(&policy, bdf);
	return policy.count == before ? 0 : policy_write(files, &policy);
}
