/* SPDX-License-Identifier: MIT */
/*
 * What two devices share that two domains must not: an interrupt line, a page of BARs. Pure.
 */
#ifndef XENPCI_CONFLICT_H
#define XENPCI_CONFLICT_H

#include "host/device.h"

/* Does a driver or a guest use the device's line just now? (Bound, line not disabled, no MSI.) */
bool conflict_uses_line(const struct device *device);

/* Any page that BARs of both lie in; *frame is the first. */
bool conflict_page(const struct device *a, const struct device *b, uint64_t *frame);

#endif
