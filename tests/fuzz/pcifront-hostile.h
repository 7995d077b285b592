/* SPDX-License-Identifier: MIT */
/* The PCI frontend's world, between its fuzz target and the hostile other side. */
#ifndef XENDMA_TESTS_FUZZ_PCIFRONT_HOSTILE_H
#define XENDMA_TESTS_FUZZ_PCIFRONT_HOSTILE_H

#include <model/domain.h>
#include <model/pciback.h>
#include <model/xenstore.h>

#include <xen/evtchn.h>
#include <xen/grant.h>
#include <xen/p2m.h>
#include <xen/pcifront.h>
#include <xen/pirq.h>
#include <xen/xenbus.h>

#include "fuzz.h"

#define MAX_PIRQS 8
#define MS 1000000ULL
#define SECOND (1000 * MS)
#define FRONT_DEVICES 4

extern const struct xen_pci_addr front_at[FRONT_DEVICES];

struct front_world {
	struct fuzz_input *in;
	struct xen_pcifront *front;
	uint64_t added, removed;
	uint64_t timeouts; /* when the channel was opened */
	bool busy;
	unsigned int lies;  /* answers that are changed */
	unsigned int flips; /* steps of waiting in which the page is written */
	struct xen_pirq pirq[MAX_PIRQS];
	bool held[MAX_PIRQS];
};
extern struct front_world w;

/* Each takes what it does from the input. */
void hostile_write_page(void);
void hostile_node(void);
void hostile_state(void);
void hostile_tool(void);
void hostile_store(void);
/* While the domain waits, and what the backend is about to let be seen. */
void hostile_waiting(void *arg);
void hostile_lie(struct model_pciback_lie *l);

#endif
