/* SPDX-License-Identifier: MIT */
/*
 * Reads the nodes dev-N. Which numbers are in use changes at any time, so the names are taken from
 * the folder and not counted.
 */
#include "attached.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "files.h"
#include "memory.h"

static bool read_one(struct store *store, const char *back, const char *name, struct bdf *bdf)
{
	char *path, *value;
	bool valid;

	if (strncmp(name, "dev-", 4))
		return false;
	path = text_format("%s/%s", back, name);
	valid = !store_read(store, 0, path, &value) && bdf_parse(value, bdf);
	free(value);
	free(path);
	return valid;
}

ssize_t attached_read(struct store *store, uint32_t domain, struct bdf bdf[ATTACHED_MAX])
{
	char *back = text_format("/local/domain/0/backend/pci/%" PRIu32 "/0", domain), **names;
	ssize_t count = store_list(store, 0, back, &names), i, nr = 0;

	for (i = 0; i < count && nr < ATTACHED_MAX; i++)
		nr += read_one(store, back, names[i], &bdf[nr]);
	if (count >= 0)
		names_free(names, (size_t)count);
	free(back);
	return count < 0 && count != -ENOENT ? count : nr;
}
