/* SPDX-License-Identifier: MIT */
/*
 * One walk down from a block device through everything that it lies on, until a path of sysfs is of
 * the kind that is looked for. The kernel lets nothing lie on itself, but the depth is bounded all
 * the same; what is deeper counts as found, since the question is always whether to be careful.
 */
#include "block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

#define BLOCKS "sys/class/block"
#define SUBSYSTEMS "/nvme-subsystem/"
#define DEPTH 16
#define UDEV_MAX 16384

struct search {
	struct files *files;
	bool (*wanted)(const struct search *search, const char *path);
	struct bdf bdf;
};

static bool has_address(const struct search *search, const char *path)
{
	return bdf_in_path(path, search->bdf);
}

/* Loop devices and the like: what is below them is not in sysfs. */
static bool is_real(const struct search *search, const char *path)
{
	return !strstr(path, "/virtual/");
}

static bool comes_by_network(const struct search *search, const char *path)
{
	static const char *const parts[] = {"/session", "/nvme-fabrics/", "/block/nbd",
					    "/block/rbd"};
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(path, parts[i]))
			return true;
	return false;
}

static bool walk(const struct search *search, const char *folder, int depth);

/* By a name in a folder of links or an attribute: the class has all block devices. */
static bool walk_to(const struct search *search, const char *name, int depth)
{
	char *folder = text_format(BLOCKS "/%s", name);
	bool found = walk(search, folder, depth);

	free(folder);
	return found;
}

static bool walk_slaves(const struct search *search, const char *folder, int depth)
{
	char *slaves = text_format("%s/slaves", folder), **names;
	ssize_t count = files_list(search->files, slaves, &names), i;
	bool found = false;

	free(slaves);
	for (i = 0; i < count && !found; i++)
		found = walk_to(search, names[i], depth);
	if (count >= 0)
		names_free(names, (size_t)count);
	return found;
}

/* Controllers are links in the folder of the subsystem. */
static bool walk_subsystem(const struct search *search, const char *path)
{
	const char *name = strstr(path, SUBSYSTEMS);
	char *subsystem, *link, target[512], **names;
	ssize_t count, i;
	bool found = false;

	if (!name)
		return false;
	name += strlen(SUBSYSTEMS);
	subsystem = text_format("sys/class/nvme-subsystem/%.*s", (int)strcspn(name, "/"), name);
	count = files_list(search->files, subsystem, &names);
	for (i = 0; i < count && !found; i++) {
		link = text_format("%s/%s", subsystem, names[i]);
		found = !files_link(search->files, link, target, sizeof(target)) &&
			search->wanted(search, target);
		free(link);
	}
	if (count >= 0)
		names_free(names, (size_t)count);
	free(subsystem);
	return found;
}

/* A partition's folder is in that of its disk, which has the slaves. */
static bool walk_disk(const struct search *search, char *path, int depth)
{
	char *slash = strrchr(path, '/'), *disk;

	if (!slash)
		return false;
	*slash = '\0';
	disk = strrchr(path, '/');
	return disk && walk_to(search, disk + 1, depth);
}

static bool walk(const struct search *search, const char *folder, int depth)
{
	char path[512];

	if (depth == DEPTH)
		return true;
	if (files_link(search->files, folder, path, sizeof(path)))
		return false;
	return search->wanted(search, path) || walk_slaves(search, folder, depth + 1) ||
	       walk_subsystem(search, path) || walk_disk(search, path, depth + 1);
}

bool block_is_on(struct files *files, const char *folder, struct bdf bdf)
{
	const struct search search = {files, has_address, bdf};

	return walk(&search, folder, 0);
}

bool block_is_remote(struct files *files, const char *folder)
{
	const struct search search = {.files = files, .wanted = comes_by_network};

	return walk(&search, folder, 0);
}

bool block_is_placed(struct files *files, const char *folder)
{
	const struct search search = {.files = files, .wanted = is_real};

	return walk(&search, folder, 0);
}

/* ---- by name ---- */

static bool has_mapper_name(struct files *files, const char *block, const char *name)
{
	char *path = text_format(BLOCKS "/%s/dm/name", block), text[160];
	ssize_t got = files_read(files, path, text, sizeof(text));

	free(path);
	if (got < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return !strcmp(text, name);
}

static char *find_mapped(struct files *files, const char *name)
{
	char **names, *folder = NULL;
	ssize_t count = files_list(files, BLOCKS, &names), i;

	for (i = 0; i < count && !folder; i++)
		if (has_mapper_name(files, names[i], name))
			folder = text_format(BLOCKS "/%s", names[i]);
	if (count >= 0)
		names_free(names, (size_t)count);
	return folder;
}

char *block_find(struct files *files, const char *name)
{
	static const char mapper[] = "/dev/mapper/";
	char *folder, *at;

	if (!strncmp(name, mapper, strlen(mapper)))
		return find_mapped(files, name + strlen(mapper));
	if (strncmp(name, "/dev/", 5) != 0)
		return NULL;
	folder = text_format(BLOCKS "/%s", name + 5);
	for (at = folder + strlen(BLOCKS) + 1; *at; at++)
		if (*at == '/')
			*at = '!'; /* as sysfs has it */
	if (files_exists(files, folder))
		return folder;
	free(folder);
	return NULL;
}

/* ---- all of a device ---- */

/* Calls look() for each that lies on the device, until one returns true. */
static bool each_on(struct files *files, struct bdf bdf,
		    bool (*look)(struct files *files, const char *name, const void *what),
		    const void *what, char *name, size_t size)
{
	char **names, *folder;
	ssize_t count = files_list(files, BLOCKS, &names), i;
	bool found = false;

	for (i = 0; i < count && !found; i++) {
		folder = text_format(BLOCKS "/%s", names[i]);
		found = block_is_on(files, folder, bdf) && look(files, names[i], what);
		free(folder);
		if (found)
			snprintf(name, size, "%s", names[i]);
	}
	if (count >= 0)
		names_free(names, (size_t)count);
	return found;
}

static bool is_any(struct files *files, const char *name, const void *what)
{
	return true;
}

bool block_any(struct files *files, struct bdf bdf)
{
	char name[2];

	return each_on(files, bdf, is_any, NULL, name, sizeof(name));
}

/* udev's data base has a file for each number, with lines "E:NAME=VALUE". */
static bool has_lines(struct files *files, const char *name, const void *what)
{
	const char *const *lines = what;
	char *path = text_format(BLOCKS "/%s/dev", name), number[24], *text;
	ssize_t got = files_read(files, path, number, sizeof(number));
	bool has;

	free(path);
	if (got < 0)
		return false;
	path = text_format("run/udev/data/b%.*s", (int)strcspn(number, "\n"), number);
	text = memory_grow(NULL, UDEV_MAX, 1);
	has = files_read(files, path, text, UDEV_MAX) > 0 && strstr(text, lines[0]) &&
	      strstr(text, lines[1]);
	free(text);
	free(path);
	return has;
}

bool block_member(struct files *files, struct bdf bdf, const char *type, const char *label,
		  char *name, size_t size)
{
	char *lines[] = {text_format("\nE:ID_FS_TYPE=%s\n", type),
			 text_format("\nE:ID_FS_LABEL=%s\n", label)};
	bool found = each_on(files, bdf, has_lines, lines, name, size);

	free(lines[0]);
	free(lines[1]);
	return found;
}
