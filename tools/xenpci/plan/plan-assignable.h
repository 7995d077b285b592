/* SPDX-License-Identifier: MIT */
/*
 * Plans of `xenpci assignable`. What stands in xenstore, in pciback's list and on the disk is read
 * before and given: the plans are pure.
 */
#ifndef XENPCI_PLAN_ASSIGNABLE_H
#define XENPCI_PLAN_ASSIGNABLE_H

#include "plan.h"
#include "host/use.h"

/* What is known of one device beside the situation. */
struct assignable {
	struct bdf bdf;
	char driver_path[128]; /* libxl's note, "" for none */
	bool slot;	       /* pciback may take it */
	bool persistent;       /* on the list for the next boot, as `listed` */
	struct policy_entry listed;
	enum use use;
	char use_text[USE_TEXT];
};

struct assignable_wish {
	bool persist;
	bool force; /* although a network interface is up, or / may need it */
};

enum exit_status plan_assignable_add(const struct situation *situation,
				     const struct assignable *assignable, size_t count,
				     struct assignable_wish wish, struct plan *plan,
				     struct report *report);
enum exit_status plan_assignable_remove(const struct situation *situation,
					const struct assignable *assignable, size_t count,
					struct assignable_wish wish, struct plan *plan,
					struct report *report);

/*
 * The driver's name in "/sys/bus/pci/drivers/NAME", as libxl notes it; NULL if it is anything else:
 * a note must not lead out of that folder.
 */
const char *assignable_driver(const char *driver_path);

#endif
