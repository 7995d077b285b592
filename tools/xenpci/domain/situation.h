/* SPDX-License-Identifier: MIT */
/*
 * All that a plan is made from, read once: the host, its devices, one domain, what that domain has
 * and who has what. Plans are pure functions of a situation.
 */
#ifndef XENPCI_SITUATION_H
#define XENPCI_SITUATION_H

#include "backend.h"
#include "seam/context.h"
#include "host/device.h"
#include "host/owner.h"
#include "record.h"

/* Who has a device, by libxl's note. */
struct holder {
	enum owner owner;
	uint32_t domain; /* for NOTED_DOMAIN */
	bool alive;	 /* that domain exists */
};

struct situation {
	struct hv_host host;
	struct devices devices;
	struct holder *holder; /* one for each of devices */
	struct records records;

	uint32_t domain;
	bool exists;		/* as a domain of the hypervisor */
	struct hv_domain info;	/* if it exists */
	char *name;		/* text_clean(); "" if it has none */
	char uuid[RECORD_UUID]; /* "" if it is not known */
	struct backend backend; /* of the domain */
};

/* Free with situation_free(), also after an error. */
enum exit_status situation_read(struct context *context, uint32_t domain,
				struct situation *situation);
/* NOTED_NONE for a device that there is not. */
struct holder situation_holder(const struct situation *situation, struct bdf bdf);
void situation_free(struct situation *situation);

/* What else the domain may touch, by its other devices: nothing of it may be taken back. */
enum exit_status situation_kept(const struct situation *situation, const struct bdf *leaving,
				size_t count, struct grants *kept, struct report *report);

#endif
