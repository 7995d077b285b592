/* SPDX-License-Identifier: MIT */
/*
 * The PCI device of a PV domain in xenstore: one device, number 0, that holds all functions given
 * to the domain, with dom0's pciback behind it and the guest's pcifront before it. The layout is
 * libxl's, so that xl sees and detaches what is written here, and the other way round.
 *
 * In the backend's folder, function N has key-N, dev-N, opts-N, state-N, maybe vdevfn-N, and vdev-N
 * once pciback has exported it. Numbers are dense: removing one moves those behind it down, so a
 * function is always looked up by its address.
 */
#ifndef XENPCI_BACKEND_H
#define XENPCI_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/io/xenbus.h>
#include "base/bdf.h"
#include "seam/store.h"

#define BACKEND_MAX 256 /* functions: more than a bus holds */

struct backend_function {
	struct bdf bdf;
	unsigned int state;  /* XenbusState of state-N: what pciback has done with it */
	unsigned int vdevfn; /* wished-for place in the guest, 0: any */
	bool permissive;
	bool exported; /* there is a vdev-N */
	char vdev[16]; /* text_clean(); "" if it is not exported or longer than any address */
};

struct backend {
	bool exists;
	unsigned int state;    /* XenbusState of the backend, 0 if it cannot be read */
	unsigned int frontend; /* that of the guest, which may write anything: 0 for nonsense */
	struct backend_function function[BACKEND_MAX];
	size_t count;
};

/*
 * Read all. 0 also if there is none. -EINVAL if what dom0's tools wrote makes no sense; what the
 * guest wrote cannot make it fail. path, if not NULL, is then the node, to be freed. The guest's
 * own node is always read outside of the transaction: a guest that writes it without end must not
 * make our commits fail.
 */
int backend_read(struct store *store, uint32_t t, uint32_t domain, struct backend *backend,
		 char **path);

/*
 * As backend_read(), at one moment: nobody changes dom0's nodes between two of them. If they are
 * changed without end the last reading stands.
 */
int backend_look(struct store *store, uint32_t domain, struct backend *backend, char **path);

/* The guest's state, whatever it wrote: 0 for nonsense. In a transaction: guarded by its commit. */
unsigned int backend_frontend(struct store *store, uint32_t t, uint32_t domain);

/* The function's number or -1. */
int backend_find(const struct backend *backend, struct bdf bdf);

/* Is the function asked back, or given up already? */
bool backend_leaves(const struct backend_function *function);

/* "initialising", "connected"...: names of states, for messages. */
const char *backend_state_name(unsigned int state);

struct backend_wish {
	struct bdf bdf;
	unsigned int vdevfn;
	bool permissive;
	bool rdm_relaxed;
};

/*
 * Add functions, all in one transaction, and tell a backend that is there already. -EBUSY if that
 * is not connected or another function is Closing (nothing can be added then), -EEXIST if it has
 * one of them, -ENOSPC for too many.
 */
int backend_publish(struct store *store, uint32_t domain, const char *domain_name,
		    const struct backend_wish *wish, size_t count);

/*
 * Ask pciback and the guest to give functions up: their states become Closing, the backend's
 * Reconfiguring. Those that are not there or closing already are passed over. -EBUSY if the backend
 * is not connected or a function is Closing that is none of these; 1 if there was nothing to ask
 * for.
 *
 * A function that is Closing while the backend is connected has been given up, and pciback stops
 * half-way, for good, when it is asked for it again. One of these is made Closed, which pciback and
 * guests pass over; the nodes of others are not touched, since xl may be about to remove them.
 */
int backend_unplug(struct store *store, uint32_t domain, const struct bdf *bdf, size_t count);

/*
 * Take back what backend_unplug() asked while the guest has not looked at it: functions are
 * Initialised again, the backend is Connected. -EBUSY if it is too late.
 */
int backend_replug(struct store *store, uint32_t domain, const struct bdf *bdf, size_t count);

/*
 * Remove functions' nodes, move those behind down. With the last one the whole device goes, and
 * nothing that the guest writes meanwhile can prevent it.
 */
int backend_withdraw(struct store *store, uint32_t domain, const struct bdf *bdf, size_t count);

/*
 * How functions can be removed as things stand. RELEASE_FIRST: they are being given up already;
 * ARRIVE_FIRST: something else is under way, look again when it is through; NO_WAY: the guest does
 * not take part, and others than these would lose their device too.
 */
enum removal {
	REMOVAL_NOTHING, /* none of them is there */
	REMOVAL_WITHDRAW,
	REMOVAL_UNPLUG, /* and release, and withdraw */
	REMOVAL_RELEASE_FIRST,
	REMOVAL_ARRIVE_FIRST,
	REMOVAL_NO_WAY,
};
enum removal backend_removal(const struct backend *backend, const struct bdf *bdf, size_t count);

/* Paths of the two folders, to be freed. */
char *backend_path(uint32_t domain, const char *key);
char *frontend_path(uint32_t domain, const char *key);

#endif
