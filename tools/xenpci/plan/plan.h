/* SPDX-License-Identifier: MIT */
/*
 * What will be done, as a list of steps made in full before the first is taken. Making a plan is
 * pure: a situation and a wish in, steps or refusals out; run.h carries it out.
 *
 * Steps before plan.no_return are undone in reverse when one fails or a signal comes. Those from
 * there on take things back and are all tried, whatever fails: what could not be done is named at
 * the end, and stays in the record.
 */
#ifndef XENPCI_PLAN_H
#define XENPCI_PLAN_H

#include "domain/situation.h"
#include "host/policy.h"

enum step_kind {
	/* attach */
	STEP_NOTE,	 /* write record and owner */
	STEP_STILL,	 /* no DMA while it changes hands, nor when it is undone */
	STEP_RESET,	 /* the device forgets what it was told before */
	STEP_ASSIGN,	 /* into the domain's IOMMU context */
	STEP_MAP_LINE,	 /* the PIRQ of its line exists in the domain */
	STEP_ALLOW,	 /* one grant */
	STEP_PERMISSIVE, /* pciback lets most config writes through */
	STEP_PUBLISH,	 /* xenstore nodes for all devices */
	STEP_CONNECT,	 /* wait until the guest has them */
	STEP_SETTLE,	 /* the record says: attached */
	/* detach */
	STEP_MARK,     /* the record says: detaching */
	STEP_ARRIVE,   /* wait for the end of an attach that is under way */
	STEP_UNPLUG,   /* ask guest and pciback to give them up */
	STEP_RELEASE,  /* wait until they have */
	STEP_WITHDRAW, /* xenstore nodes go */
	STEP_DENY,     /* one grant */
	STEP_UNMAP_LINE,
	STEP_DENY_REST, /* what the device shows only when the guest has let go: its line */
	STEP_QUIET,	/* bus mastering off: no DMA from here on */
	STEP_DEASSIGN,	/* into quarantine */
	STEP_REBIND,	/* to pciback anew, which forgets that it was permissive */
	STEP_FORGET,	/* nothing is left: record and owner go */
	/* assignable */
	STEP_SAVE_DRIVER, /* libxl's note of the driver that has it now */
	STEP_UNBIND,	  /* from that driver */
	STEP_ADD_SLOT,	  /* pciback may take it */
	STEP_BIND,	  /* to pciback */
	STEP_QUARANTINE,  /* no DMA while nobody has it */
	STEP_PERSIST,	  /* the list for the next boot has it */
	STEP_UNQUARANTINE,
	STEP_UNBIND_PCIBACK,
	STEP_REMOVE_SLOT,
	STEP_BIND_DRIVER, /* the one of libxl's note */
	STEP_DROP_DRIVER, /* that note goes */
	STEP_UNPERSIST,
	STEP_KINDS,
};

struct step {
	enum step_kind kind;
	size_t device; /* index in the plan; the first for steps about all */
	struct grant grant;
};

struct plan_device {
	struct bdf bdf;
	struct backend_wish wish;
	bool resets;	      /* attach: before, and when it is undone */
	struct record record; /* as it will be written */
	bool was_recorded;    /* a record is there: undo puts `before` back */
	struct record before;
	bool moved;		   /* detach: to another domain, by others */
	bool line_hidden;	   /* detach: by MSI, and no record has it */
	bool noted;		   /* by libxl as this domain's, when the plan was made */
	char driver[64];	   /* assignable: the one it had, "" for none */
	struct policy_entry entry; /* assignable: for the next boot, if it is to be there */
	bool was_listed;	   /* assignable: undo puts `listed` back */
	struct policy_entry listed;
	char *driver_note;     /* run: libxl's note before it was changed, NULL for none */
	bool astray;	       /* run: a step about it could not be undone */
	bool stopped;	       /* run: an undo has made it quiet already */
	struct grants revoked; /* run: what has been taken back */
	struct grants kept;    /* what others of the domain hold too: stays */
};

struct plan {
	uint32_t domain;
	char *domain_name;
	bool domain_exists;
	bool force;
	unsigned int seconds; /* for each wait */
	struct plan_device *device;
	size_t devices;
	struct step *step;
	size_t steps;
	size_t no_return; /* index of a step; == steps if all can be undone */
};

/* One device that is asked for. */
struct wish {
	struct backend_wish backend;
	bool no_reset;
	bool share; /* line or page with other devices */
};

/*
 * Devices that the domain has already are passed over with a note; a plan may have no steps. Errors
 * mean that nothing may be done, and all that are found are reported.
 */
enum exit_status plan_attach(const struct situation *situation, const struct wish *wish,
			     size_t count, bool no_iommu, struct plan *plan, struct report *report);

/* Takes back what there is, finished or half-done. */
enum exit_status plan_detach(const struct situation *situation, const struct bdf *bdf, size_t count,
			     bool force, struct plan *plan, struct report *report);

void plan_free(struct plan *plan);

/*
 * Does pciback have it, or nobody since a detach was killed while it was bound anew? Only then a
 * detach may stop or reset it.
 */
bool plan_holds(const struct plan_device *planned, const struct device *device);

/* The devices' addresses, to be freed. */
struct bdf *plan_addresses(const struct plan *plan);

/* One line about a step, in buffer, which is given back. */
#define STEP_TEXT 160
const char *plan_describe(const struct plan *plan, const struct step *step, char *buffer);

/* The steps as a numbered list, or as [{"step","device","what"}]. */
void plan_print(const struct plan *plan, FILE *file);
json_t *plan_json(const struct plan *plan);

/* For the makers of plans. The wish for a device, NULL if there is none. */
const struct wish *wish_find(const struct wish *wish, size_t count, struct bdf bdf);
struct plan_device *plan_add_device(struct plan *plan, struct bdf bdf);
void plan_add_step(struct plan *plan, enum step_kind kind, size_t device);
void plan_add_grant_step(struct plan *plan, enum step_kind kind, size_t device, struct grant grant);

#endif
