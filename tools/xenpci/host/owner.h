/* SPDX-License-Identifier: MIT */
/*
 * libxl's notes about a device, which xenpci keeps too, so that each sees what the other did:
 * /libxl/pci/SSSS-BB-DD-F/{domid,driver_path,name}.
 */
#ifndef XENPCI_OWNER_H
#define XENPCI_OWNER_H

#include <stdint.h>
#include "base/bdf.h"
#include "seam/store.h"

enum owner {
	NOTED_NONE,
	NOTED_DOMAIN,
	NOTED_UNREADABLE, /* there is a note, but no domain's number in it */
};

/* Whom the device is given to; *domain is set for NOTED_DOMAIN only. */
enum owner owner_read(struct store *store, uint32_t t, struct bdf bdf, uint32_t *domain);

/*
 * Make a note say text, or not be there (NULL), and with it the folders that are empty then. 0 or
 * a negative errno; in a transaction of the caller's.
 */
int owner_write(struct store *store, uint32_t t, struct bdf bdf, const char *note,
		const char *text);

/* Path of a note, to be freed. */
char *owner_path(struct bdf bdf, const char *note);

#endif
