/* SPDX-License-Identifier: MIT */
/*
 * Every mount of this process and of the first one (which may live in another namespace), every
 * swap area and every network interface is asked whether it needs the device. Pure reading. What
 * cannot be read is taken as not used, but for the mounts: without them / cannot be told.
 */
#include "use.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/number.h"
#include "block.h"
#include "mounts.h"

#define TEXT_START 65536u
#define TEXT_MAX (64u << 20)
#define BTRFS "sys/fs/btrfs"

struct question {
	struct files *files;
	struct bdf bdf;
	enum use use; /* the worst answer so far, with its text */
	char *what;
};

__attribute__((format(printf, 3, 4))) static void answer(struct question *question, enum use use,
							 const char *format, ...)
{
	va_list args;

	if (use <= question->use)
		return;
	question->use = use;
	va_start(args, format);
	vsnprintf(question->what, USE_TEXT, format, args);
	va_end(args);
}

/* All of it, to be freed; NULL if it cannot be read. */
static char *read_file(struct files *files, const char *path)
{
	char *text = NULL;
	size_t size = TEXT_START;
	ssize_t got;

	do {
		size *= 2;
		text = memory_grow(text, size, 1);
		got = files_read(files, path, text, size);
	} while (got == (ssize_t)size - 1 && size < TEXT_MAX);
	if (got >= 0 && got < (ssize_t)size - 1)
		return text;
	free(text);
	return NULL;
}

/* ---- mounts ---- */

static bool is_root(const struct mount *mount)
{
	return !strcmp(mount->place, "/");
}

/* Of no consequence to a device without disks. */
static void doubt(struct question *question, const struct mount *mount)
{
	if (block_any(question->files, question->bdf))
		answer(question, is_root(mount) ? USE_ROOT_PERHAPS : USE_PERHAPS,
		       "%s is %s (%.60s), and nothing tells which disks that is on", mount->place,
		       mount->type, mount->source);
}

static void ask_block(struct question *question, const struct mount *mount)
{
	char *folder = text_format("sys/dev/block/%u:%u", mount->major, mount->minor);

	if (block_is_on(question->files, folder, question->bdf))
		answer(question, USE_DISK, "%s is mounted from block device %u:%u", mount->place,
		       mount->major, mount->minor);
	else if (is_root(mount) && !block_is_placed(question->files, folder))
		doubt(question, mount);
	free(folder);
}

/* Parts of a btrfs, by the folder of one: how many there are. */
static size_t ask_parts(struct question *question, const struct mount *mount, const char *folder)
{
	char **names, *part;
	ssize_t count = files_list(question->files, folder, &names), i;

	for (i = 0; i < count; i++) {
		part = text_format("sys/class/block/%s", names[i]);
		if (block_is_on(question->files, part, question->bdf))
			answer(question, USE_DISK, "%s is btrfs, of which %.40s is a part",
			       mount->place, names[i]);
		free(part);
	}
	if (count >= 0)
		names_free(names, (size_t)count);
	return count < 0 ? 0 : (size_t)count;
}

/* By the one that has the source, or by all if the source is no name that is known. */
static bool ask_btrfs(struct question *question, const struct mount *mount)
{
	char *source = block_find(question->files, mount->source), **names, *folder, *part;
	ssize_t count = files_list(question->files, BTRFS, &names), i;
	size_t parts = 0;

	for (i = 0; i < count; i++) {
		folder = text_format(BTRFS "/%s/devices", names[i]);
		part = source ? text_format("%s%s", folder, strrchr(source, '/')) : NULL;
		if (!part || files_exists(question->files, part))
			parts += ask_parts(question, mount, folder);
		free(part);
		free(folder);
	}
	if (count >= 0)
		names_free(names, (size_t)count);
	free(source);
	return parts;
}

/* Names of devices, with ':' between them (bcachefs). Are all of them known? */
static bool ask_sources(struct question *question, const struct mount *mount)
{
	char copy[sizeof(mount->source)], *at = copy, *one, *folder;
	bool known = true;

	memcpy(copy, mount->source, sizeof(copy));
	while ((one = strsep(&at, ":"))) {
		folder = block_find(question->files, one);
		if (folder && block_is_on(question->files, folder, question->bdf))
			answer(question, USE_DISK, "%s is mounted from %s", mount->place, one);
		known &= folder != NULL;
		free(folder);
	}
	return known;
}

/* udev knows the members of a pool if it has seen them. That it names none proves nothing. */
static void ask_zfs(struct question *question, const struct mount *mount)
{
	char pool[sizeof(mount->source)], name[40];

	memcpy(pool, mount->source, sizeof(pool));
	pool[strcspn(pool, "/")] = '\0';
	if (block_member(question->files, question->bdf, "zfs_member", pool, name, sizeof(name)))
		answer(question, USE_DISK, "%s is of the ZFS pool %s, of which %s is a part",
		       mount->place, pool, name);
}

/* Without a block device of its own: does the type or the source tell what is below? */
static bool ask_nameless(struct question *question, const struct mount *mount)
{
	if (mount_is_diskless(mount) || mount_is_remote(mount))
		return true;
	if (!strcmp(mount->type, "btrfs") && ask_btrfs(question, mount))
		return true;
	if (!strcmp(mount->type, "zfs")) {
		ask_zfs(question, mount);
		return false;
	}
	return ask_sources(question, mount);
}

/* Kinds that are on disks. Of others only / is worth a doubt: most are the kernel's own. */
static bool is_on_disks(const struct mount *mount)
{
	return !strcmp(mount->type, "zfs") || !strcmp(mount->type, "btrfs") ||
	       !strcmp(mount->type, "bcachefs");
}

static void ask_mount(struct question *question, const struct mount *mount)
{
	if (mount->major)
		ask_block(question, mount);
	else if (!ask_nameless(question, mount) && (is_root(mount) || is_on_disks(mount)))
		doubt(question, mount);
}

static bool ask_mounts(struct question *question, const char *path)
{
	char *text = read_file(question->files, path);
	const char *at = text;
	struct mount mount;

	while (text && mount_next(&at, &mount))
		ask_mount(question, &mount);
	free(text);
	return at;
}

/* ---- swap ---- */

static void ask_swaps(struct question *question)
{
	char *text = read_file(question->files, "proc/swaps"), *line, *save, *folder;

	for (line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, " \t")] = '\0';
		folder = block_find(question->files, line);
		if (folder && block_is_on(question->files, folder, question->bdf))
			answer(question, USE_DISK, "swap is on %.60s", line);
		free(folder);
	}
	free(text);
}

/* ---- network ---- */

static bool is_remote(struct files *files, const struct mount *mount)
{
	char *folder = text_format("sys/dev/block/%u:%u", mount->major, mount->minor);
	bool remote = mount_is_remote(mount) || (mount->major && block_is_remote(files, folder));

	free(folder);
	return remote;
}

/* / if that comes by the network, or else any other. */
static bool find_remote(struct files *files, struct mount *found)
{
	char *text = read_file(files, "proc/self/mountinfo");
	const char *at = text;
	struct mount mount;
	bool any = false;

	while (text && mount_next(&at, &mount)) {
		if ((any && !is_root(&mount)) || !is_remote(files, &mount))
			continue;
		*found = mount;
		any = true;
	}
	free(text);
	return any;
}

static void answer_interface(struct question *question, const char *name)
{
	struct mount mount;

	if (!find_remote(question->files, &mount))
		answer(question, USE_NETWORK, "interface %.60s is up", name);
	else
		answer(question, is_root(&mount) ? USE_ROOT_PERHAPS : USE_NETWORK,
		       "interface %.60s is up, and %s comes by the network (%s)", name, mount.place,
		       mount.type);
}

/* Also those of USB, virtio and the like, whose folders are deeper below the device's. */
static void ask_interface(struct question *question, const char *name)
{
	char *folder = text_format("sys/class/net/%s", name), place[512], text[32];
	char *flags_path = text_format("%s/flags", folder);
	uint64_t flags;

	if (!files_link(question->files, folder, place, sizeof(place)) &&
	    bdf_in_path(place, question->bdf) &&
	    files_read(question->files, flags_path, text, sizeof(text)) > 0 &&
	    number_parse(text, 16, UINT32_MAX, &flags, NULL) && flags & 1)
		answer_interface(question, name);
	free(flags_path);
	free(folder);
}

static void ask_interfaces(struct question *question)
{
	char **names;
	ssize_t count = files_list(question->files, "sys/class/net", &names), i;

	for (i = 0; i < count; i++)
		ask_interface(question, names[i]);
	if (count >= 0)
		names_free(names, (size_t)count);
}

enum use use_find(struct files *files, struct bdf bdf, char what[USE_TEXT])
{
	struct question question = {.files = files, .bdf = bdf, .what = what};

	if (!ask_mounts(&question, "proc/self/mountinfo") && block_any(files, bdf))
		answer(&question, USE_ROOT_PERHAPS, "/proc is not there to tell where / is");
	ask_mounts(&question, "proc/1/mountinfo");
	ask_swaps(&question);
	ask_interfaces(&question);
	return question.use;
}
