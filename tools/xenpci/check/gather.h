/* SPDX-License-Identifier: MIT */
/*
 * Fills struct facts by asking the host, Xen and the guest. What cannot be known is marked so in
 * the facts; only a host without Xen or without sysfs is an error.
 */
#ifndef XENPCI_GATHER_H
#define XENPCI_GATHER_H

#include "seam/context.h"
#include "facts.h"
#include "domain/situation.h"

/*
 * device is one of the situation's, which stays the caller's and is kept in facts. With has_domain
 * the situation's domain is asked about too.
 */
enum exit_status facts_gather(struct context *context, const struct situation *situation,
			      const struct device *device, bool has_domain, struct facts *facts);

#endif
