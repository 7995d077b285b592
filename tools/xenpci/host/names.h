/* SPDX-License-Identifier: MIT */
/*
 * Names of vendors, devices and classes, as libpci finds them (pci.ids). Without that data base
 * names are numbers.
 */
#ifndef XENPCI_NAMES_H
#define XENPCI_NAMES_H

#include <stddef.h>
#include "device.h"

/* "Intel Corporation 82574L Gigabit Network Connection", cut to size; in buffer, which is given
 * back. */
const char *names_device(const struct device *device, char *buffer, size_t size);
const char *names_class(const struct device *device, char *buffer, size_t size);

/* Release the data base; it is opened again when needed. */
void names_close(void);

#endif
