/* SPDX-License-Identifier: MIT */
/*
 * A block device is a device's if the device's address is in the path that sysfs has for it; what
 * lies on others (device mapper, RAID) is followed to them by `slaves`. Pure reading.
 */
#include "use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/number.h"

#define TEXT_MAX (256 * 1024)
#define DEPTH 8

/* Is one of the path's folders the device's? */
static bool in_path(const char *path, struct bdf bdf)
{
	const char *at;
	struct bdf found;

	for (at = path; at; at = strchr(at, '/')) {
		const char *end;

		at += *at == '/';
		if (bdf_parse_prefix(at, &found, &end) && (*end == '/' || !*end) &&
		    bdf_equal(found, bdf))
			return true;
	}
	return false;
}

/* folder: of the block device in sysfs, a symbolic link. */
static bool block_is_of(struct files *files, const char *folder, struct bdf bdf, int depth)
{
	char path[512], *slaves, **names;
	bool is = false;
	ssize_t count, i;

	if (depth == DEPTH || files_link(files, folder, path, sizeof(path)))
		return false;
	if (in_path(path, bdf))
		return true;
	slaves = text_format("%s/slaves", folder);
	count = files_list(files, slaves, &names);
	free(slaves);
	for (i = 0; i < count && !is; i++) {
		char *slave = text_format("sys/class/block/%s", names[i]);

		is = block_is_of(files, slave, bdf, depth + 1);
		free(slave);
	}
	if (count >= 0)
		names_free(names, (size_t)count);
	return is;
}

/* ---- mounts ---- */

/* Past the next space; NULL if there is none in this line. */
static const char *next_field(const char *at)
{
	at += strcspn(at, " \n");
	return *at == ' ' ? at + 1 : NULL;
}

static bool parse_mount(const char *line, unsigned int *major, unsigned int *minor, char *place,
			size_t size)
{
	uint64_t high, low;
	const char *at = next_field(line);
	size_t length;

	at = at ? next_field(at) : NULL;
	if (!at || !number_parse(at, 10, 0xfff, &high, &at) || *at != ':' ||
	    !number_parse(at + 1, 10, 0xfffff, &low, &at) || *at != ' ')
		return false;
	at = next_field(at + 1);
	if (!at)
		return false;
	length = strcspn(at, " \n");
	if (length > size - 1)
		length = size - 1;
	memcpy(place, at, length);
	place[length] = '\0';
	*major = (unsigned int)high;
	*minor = (unsigned int)low;
	return true;
}

int use_next_mount(const char **text, unsigned int *major, unsigned int *minor, char *place,
		   size_t size)
{
	while (**text) {
		const char *line = *text, *end = strchr(line, '\n');

		*text = end ? end + 1 : line + strlen(line);
		if (parse_mount(line, major, minor, place, size))
			return 1;
	}
	return 0;
}

static char *read_file(struct files *files, const char *path)
{
	char *text = memory_grow(NULL, TEXT_MAX, 1);
	ssize_t got = files_read(files, path, text, TEXT_MAX);

	text[got < 0 ? 0 : got] = '\0';
	return text;
}

static bool find_mount(struct files *files, struct bdf bdf, char what[USE_TEXT])
{
	char *text = read_file(files, "proc/self/mountinfo"), place[64];
	const char *at = text;
	unsigned int major, minor;
	bool found = false;

	while (!found && use_next_mount(&at, &major, &minor, place, sizeof(place))) {
		char *folder = text_format("sys/dev/block/%u:%u", major, minor);

		found = block_is_of(files, folder, bdf, 0);
		free(folder);
	}
	free(text);
	if (found)
		snprintf(what, USE_TEXT, "%s is mounted from block device %u:%u", place, major,
			 minor);
	return found;
}

static bool find_swap(struct files *files, struct bdf bdf, char what[USE_TEXT])
{
	char *text = read_file(files, "proc/swaps"), *line, *save;
	bool found = false;

	for (line = strtok_r(text, "\n", &save); line && !found;
	     line = strtok_r(NULL, "\n", &save)) {
		char *folder;

		if (strncmp(line, "/dev/", 5))
			continue;
		line[strcspn(line, " \t")] = '\0';
		folder = text_format("sys/class/block/%s", strrchr(line, '/') + 1);
		found = block_is_of(files, folder, bdf, 0);
		free(folder);
		if (found)
			snprintf(what, USE_TEXT, "swap is on %.60s", line);
	}
	free(text);
	return found;
}

static bool find_network(struct files *files, struct bdf bdf, char what[USE_TEXT])
{
	char *folder = text_format("sys/bus/pci/devices/%s/net", BDF_STR(bdf)), **names;
	ssize_t count = files_list(files, folder, &names), i;
	bool found = false;

	for (i = 0; i < count && !found; i++) {
		char *path = text_format("%s/%s/flags", folder, names[i]), text[32];
		uint64_t flags;

		found = files_read(files, path, text, sizeof(text)) > 0 &&
			number_parse(text, 16, UINT32_MAX, &flags, NULL) && flags & 1;
		free(path);
		if (found)
			snprintf(what, USE_TEXT, "interface %.60s is up", names[i]);
	}
	if (count >= 0)
		names_free(names, (size_t)count);
	free(folder);
	return found;
}

enum use use_find(struct files *files, struct bdf bdf, char what[USE_TEXT])
{
	if (find_mount(files, bdf, what) || find_swap(files, bdf, what))
		return USE_DISK;
	return find_network(files, bdf, what) ? USE_NETWORK : USE_NONE;
}
