/* SPDX-License-Identifier: MIT */
/*
 * xenpci's own record of a device that it gives to a domain: /tool/xenpci/SSSS-BB-DD-F in xenstore.
 *
 * It is written before the first step that has an effect, and names all that the following steps
 * may grant; it goes when the last thing is taken back. So whatever a killed xenpci left behind is
 * in its record: `status` reads it there and `detach` takes back all of it. A device that xl
 * attached has no record, and one that xl detached may still have one.
 */
#ifndef XENPCI_RECORD_H
#define XENPCI_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bdf.h"
#include "base/finding.h"
#include "grants.h"
#include "seam/store.h"

enum record_stage {
	RECORD_ATTACHING,
	RECORD_ATTACHED,
	RECORD_DETACHING,
};

#define RECORD_UUID 40

struct record {
	struct bdf bdf;
	enum record_stage stage;
	uint32_t domain;
	char uuid[RECORD_UUID]; /* of the domain: numbers are used again; "" if not known */
	uint32_t pid;		/* of the xenpci that works on it */
	bool iommu;		/* the device was put into the domain's IOMMU context */
	bool permissive;
	struct grants grants;
};

struct records {
	struct record *record;
	size_t count;
	struct bdf *broken; /* have a record that makes no sense: not above */
	size_t broken_count;
};

const char *record_stage_name(enum record_stage stage);

/* 1 and *record, or 0 if there is none; -EINVAL if it makes no sense, else another -errno. */
int record_read(struct store *store, uint32_t t, struct bdf bdf, struct record *record);
int record_write(struct store *store, uint32_t t, const struct record *record);
int record_remove(struct store *store, uint32_t t, struct bdf bdf);

/* All of them. One that makes no sense is a warning that says how to be rid of it. */
enum exit_status records_read(struct store *store, uint32_t t, struct records *records,
			      struct report *report);
void records_free(struct records *records);
const struct record *records_find(const struct records *records, struct bdf bdf);
void records_drop(struct records *records, size_t index);
bool records_is_broken(const struct records *records, struct bdf bdf);

#endif
