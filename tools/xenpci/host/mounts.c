/* SPDX-License-Identifier: MIT */
/*
 * Reading mountinfo (proc(5)): number, parent, device, root, place, options, any number of optional
 * fields, "-", type, source, more options. Pure.
 */
#include "mounts.h"

#include <stdint.h>
#include <stddef.h>
#include <string.h>
#include "base/number.h"

/* Past the next space; NULL if there is none in this line. */
static const char *next_field(const char *at)
{
	at += strcspn(at, " \n");
	return *at == ' ' ? at + 1 : NULL;
}

/* False if it is empty. */
static bool copy_field(const char *at, char *field, size_t size)
{
	size_t length = strcspn(at, " \n");

	if (length > size - 1)
		length = size - 1;
	memcpy(field, at, length);
	field[length] = '\0';
	return length;
}

/* Behind the "-" that ends the optional fields. */
static const char *find_type(const char *at)
{
	while (at && strncmp(at, "- ", 2) != 0)
		at = next_field(at);
	return at ? at + 2 : NULL;
}

static bool parse_mount(const char *line, struct mount *mount)
{
	uint64_t high, low;
	const char *at = next_field(line);

	at = at ? next_field(at) : NULL;
	if (!at || !number_parse(at, 10, 0xfff, &high, &at) || *at != ':' ||
	    !number_parse(at + 1, 10, 0xfffff, &low, &at) || *at != ' ')
		return false;
	at = next_field(at + 1);
	if (!at)
		return false;
	*mount = (struct mount){.major = (unsigned int)high, .minor = (unsigned int)low};
	if (!copy_field(at, mount->place, sizeof(mount->place)))
		return false;
	at = find_type(at);
	if (!at || !copy_field(at, mount->type, sizeof(mount->type)))
		return false;
	at = next_field(at);
	if (!at)
		return false;
	copy_field(at, mount->source, sizeof(mount->source));
	return true;
}

int mount_next(const char **text, struct mount *mount)
{
	while (**text) {
		const char *line = *text, *end = strchr(line, '\n');

		*text = end ? end + 1 : line + strlen(line);
		if (parse_mount(line, mount))
			return 1;
	}
	return 0;
}

static bool is_among(const char *type, const char *const *types)
{
	for (; *types; types++)
		if (!strcmp(type, *types))
			return true;
	return false;
}

bool mount_is_remote(const struct mount *mount)
{
	static const char *const types[] = {"nfs",  "nfs4",	  "cifs",
					    "smb3", "ceph",	  "lustre",
					    "afs",  "fuse.sshfs", "fuse.glusterfs",
					    NULL};

	return is_among(mount->type, types);
}

bool mount_is_diskless(const struct mount *mount)
{
	static const char *const types[] = {"rootfs", "ramfs", "tmpfs", "9p", "virtiofs", NULL};

	return is_among(mount->type, types);
}
