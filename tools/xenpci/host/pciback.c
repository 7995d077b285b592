/* SPDX-License-Identifier: MIT */
/*
 * pciback's attributes. Writing an address twice into new_slot would make two slots of it.
 */
#include "pciback.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

#define SLOTS_SIZE 65536

int pciback_write(struct files *files, const char *attribute, struct bdf bdf)
{
	char *path = text_format(PCIBACK_FOLDER "/%s", attribute);
	int err = files_write(files, path, BDF_STR(bdf), BDF_TEXT - 1, 0);

	free(path);
	return err;
}

int pciback_has_slot(struct files *files, struct bdf bdf)
{
	char *text = memory_grow(NULL, SLOTS_SIZE, 1), *line, *rest;
	ssize_t got = files_read(files, PCIBACK_FOLDER "/slots", text, SLOTS_SIZE);
	struct bdf slot;
	int found = got < 0 ? (int)got : 0;

	if (got >= 0)
		for (line = strtok_r(text, "\n", &rest); line && !found;
		     line = strtok_r(NULL, "\n", &rest))
			found = bdf_parse(line, &slot) && bdf_equal(slot, bdf);
	free(text);
	return found;
}

/* The link below bus/xen-backend goes first, this folder when pciback has released all devices. */
bool pciback_serves(struct files *files, uint32_t domain)
{
	char *path = text_format("sys/devices/pci-%" PRIu32 "-0", domain);
	bool serves = files_exists(files, path);

	free(path);
	return serves;
}
