/* SPDX-License-Identifier: MIT */
/*
 * What domains have of PCI devices, and what is stuck or left over: the judgement is pure.
 */
#ifndef XENPCI_STATUS_H
#define XENPCI_STATUS_H

#include "domain/situation.h"

/* One device that has to do with the domain, by any of the three who note such things. */
struct status_device {
	struct bdf bdf;
	const struct backend_function *function; /* in xenstore's backend, or NULL */
	const struct record *record;		 /* of xenpci, or NULL */
	bool noted;				 /* by libxl as this domain's */
	bool working;				 /* the process of the record is at it */
	char problem[160];			 /* the step that is missing; "" if all is well */
};

struct status {
	const struct situation *situation;
	struct status_device *device;
	size_t count;
	char problem[160]; /* of the guest as a whole */
};

/*
 * at_work: does this process id belong to a xenpci? Problems become errors in the report too, each
 * with the command that ends it. Free with status_free(); situation must live as long.
 */
void status_judge(const struct situation *situation, bool (*at_work)(void *, uint32_t pid),
		  void *opaque, struct status *status, struct report *report);
void status_free(struct status *status);

#endif
