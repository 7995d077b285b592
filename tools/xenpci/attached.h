/* SPDX-License-Identifier: MIT */
/*
 * Which devices a domain has, by its PCI backend in xenstore: the toolstack's own nodes.
 */
#ifndef XENPCI_ATTACHED_H
#define XENPCI_ATTACHED_H

#include <stddef.h>
#include "bdf.h"
#include "store.h"

#define ATTACHED_MAX 256

/*
 * The devices of a domain, in no order; their number, at most ATTACHED_MAX. 0 if it has no PCI
 * backend. What is no address is left out. A negative errno if xenstore fails.
 */
ssize_t attached_read(struct store *store, uint32_t domain, struct bdf bdf[ATTACHED_MAX]);

#endif
