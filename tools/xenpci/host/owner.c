/* SPDX-License-Identifier: MIT */
/*
 * libxl's notes about devices. Only dom0 may write there, but tools come and go: what stands there
 * is checked.
 */
#include "owner.h"

#include <errno.h>
#include <stdlib.h>
#include "base/memory.h"
#include "base/number.h"

char *owner_path(struct bdf bdf, const char *note)
{
	return text_format("/libxl/pci/%04x-%02x-%02x-%01x%s%s", bdf.segment, bdf.bus,
			   bdf_slot(bdf), bdf_function(bdf), *note ? "/" : "", note);
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
