/* SPDX-License-Identifier: MIT */
/*
 * A device at work: opened with the driver of its kind, kept busy with transfers whose data are
 * checked, closed. What an unknown kind does is nothing.
 *
 * A transfer that fails makes the device suspect, and is its last: whether that is a fault is for
 * the caller to say.
 *
 * Context: CPU 0, outside interrupts.
 */
#ifndef XENDMA_GUEST_SLOT_H
#define XENDMA_GUEST_SLOT_H

#include "edu.h"
#include "host.h"
#include "nvme.h"

#define SLOT_ORDER 2
#define SLOT_BYTES (XEN_PAGE_SIZE << SLOT_ORDER)

enum slot_kind { SLOT_EDU, SLOT_NVME, SLOT_OTHER, SLOT_KINDS };
enum slot_state { SLOT_FREE, SLOT_NEW, SLOT_OPEN, SLOT_FAILED };

struct slot {
	enum slot_state state;
	enum slot_kind kind;
	struct xen_pci_dev *pci;
	char name[GUEST_ADDR_MAX];
	uint64_t asked;	  /* when it was asked for; 0: it was not */
	uint64_t suspect; /* when a transfer failed; 0: none has */
	int error;	  /* of that one; 0: its data were wrong */
	unsigned long transfers;
	union {
		struct edu edu;
		struct nvme nvme;
	};
	struct nvme_request request;
	uint8_t *out, *in; /* SLOT_BYTES each */
	bool sealed;
	bool returning; /* the transfer under way brings back what the one before took */
};

/* "edu", ... */
extern const char *const slot_kind_name[SLOT_KINDS];

/* Buffers, above what edu reaches. False: there are none. */
bool slot_alloc(struct slot *slot);
void slot_free(struct slot *slot);

/* @dev is the slot's, which was free; not opened yet. */
void slot_take(struct slot *slot, struct xen_pci_dev *dev);
/* False after a check that failed. */
bool slot_open(struct slot *slot);
/* Whatever its state. What is under way is ended, by taking the bus away from the device. Prints a
 * line, and fills the buffers: they must stay so from now on. */
void slot_close(struct slot *slot);
/* Checks that they did, if they were filled. */
void slot_check_seal(struct slot *slot);

/* Is a transfer under way? */
bool slot_is_busy(const struct slot *slot);
/* Is there something for slot_step() to do? */
bool slot_is_due(struct slot *slot);
/* End a transfer that is through, begin the next unless the device is asked for or suspect. */
void slot_step(struct slot *slot);

#endif
