/* SPDX-License-Identifier: MIT */
/*
 * Names by way of libpci, of which nothing but the data base is used: it touches no device. The
 * data base is a global, opened once. One thread.
 */
#include "names.h"

#include <pci/pci.h>
#include <stdio.h>
#include "base/text.h"

static struct pci_access *base;

static void say_nothing(char *text, ...)
{
}

/* pci_init() would fill in what to do with messages, but also look for a way to reach devices. */
static struct pci_access *data_base(void)
{
	if (!base) {
		base = pci_alloc();
		base->warning = say_nothing;
		base->debug = say_nothing;
	}
	return base;
}

/* libpci writes a note of its own into a buffer that is too small. */
const char *names_device(const struct device *device, char *buffer, size_t size)
{
	char long_enough[256];

	pci_lookup_name(data_base(), long_enough, sizeof(long_enough),
			PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_HWDB, device->vendor,
			device->device);
	snprintf(buffer, size, "%s", long_enough);
	return text_clean(buffer);
}

const char *names_class(const struct device *device, char *buffer, size_t size)
{
	char long_enough[256];

	pci_lookup_name(data_base(), long_enough, sizeof(long_enough),
			PCI_LOOKUP_CLASS | PCI_LOOKUP_NO_HWDB, (int)(device->class >> 8));
	snprintf(buffer, size, "%s", long_enough);
	return text_clean(buffer);
}

void names_close(void)
{
	if (base)
		pci_cleanup(base);
	base = NULL;
}
