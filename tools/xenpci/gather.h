/* SPDX-License-Identifier: MIT */
/*
 * Fills struct facts by asking the host, Xen and the guest. What cannot be known is marked so in
 * the facts; only a host without Xen or without sysfs is an error.
 */
#ifndef XENPCI_GATHER_H
#define XENPCI_GATHER_H

#include "context.h"
#include "facts.h"

/* devices and device stay the caller's and are kept in facts. domain: NULL for none. */
enum exit_status facts_gather(struct context *context, const struct devices *devices,
			      const struct device *device, const uint32_t *domain,
			      struct facts *facts);

#endif
