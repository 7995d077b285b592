/* SPDX-License-Identifier: MIT */
/*
 * libxl's notes about devices. Only dom0 may write there, but tools come and go: what stands there
 * is checked.
 */
#include "owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/number.h"

#define FOLDER "/libxl/pci"

char *owner_path(struct bdf bdf, const char *note)
{
	return text_format(FOLDER "/%04x-%02x-%02x-%01x%s%s", bdf.segment, bdf.bus, bdf_slot(bdf),
			   bdf_function(bdf), *note ? "/" : "", note);
}

/* path and the folders above it, as long as nothing is in them. */
static int prune(struct store *store, uint32_t t, char *path)
{
	char **names;
	ssize_t count;
	int err = 0;

	for (; !err && strlen(path) >= strlen(FOLDER); *strrchr(path, '/') = '\0') {
		count = store_list(store, t, path, &names);
		if (count == -ENOENT)
			continue;
		if (count < 0)
			return (int)count;
		names_free(names, (size_t)count);
		if (count)
			return 0;
		err = store_remove(store, t, path);
	}
	return err;
}

int owner_write(struct store *store, uint32_t t, struct bdf bdf, const char *note, const char *text)
{
	char *path = owner_path(bdf, note);
	int err;

	if (text) {
		err = store_write(store, t, path, text);
	} else {
		err = store_remove(store, t, path);
		*strrchr(path, '/') = '\0';
		if (!err)
			err = prune(store, t, path);
	}
	free(path);
	return err;
}

enum owner owner_read(struct store *store, uint32_t t, struct bdf bdf, uint32_t *domain)
{
	char *path = owner_path(bdf, "domid"), *value;
	enum owner owner = NOTED_UNREADABLE;
	uint64_t number;
	int err = store_read(store, t, path, &value);

	if (err == -ENOENT) {
		owner = NOTED_NONE;
	} else if (!err && number_parse(value, 10, 0x7fef, &number, NULL)) {
		*domain = (uint32_t)number;
		owner = NOTED_DOMAIN;
	}
	free(value);
	free(path);
	return owner;
}
