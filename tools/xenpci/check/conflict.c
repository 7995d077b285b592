/* SPDX-License-Identifier: MIT */
/*
 * Lines and pages that devices share. Whoever may mask a shared line silences the other device;
 * whoever may map a shared page drives the other device.
 */
#include "conflict.h"

#define CAP_MSI 0x05
#define CAP_MSIX 0x11
#define COMMAND_INTX_OFF 0x04 /* bit 10, in the upper byte */
#define PAGE_BITS 12

static bool message_signalled(const struct device *device)
{
	unsigned int msi = device_capability(device, CAP_MSI);
	unsigned int msix = device_capability(device, CAP_MSIX);

	return (msi && msi + 3 < device->config_size && device->config[msi + 2] & 0x01) ||
	       (msix && msix + 3 < device->config_size && device->config[msix + 3] & 0x80);
}

bool conflict_uses_line(const struct device *device)
{
	if (!device->gsi || device->is_bridge || !*device->driver)
		return false;
	if (device->config_size && !device->pin)
		return false;
	if (device->config_size && device->config[0x05] & COMMAND_INTX_OFF)
		return false;
	return !message_signalled(device);
}

bool conflict_page(const struct device *a, const struct device *b, uint64_t *frame)
{
	const struct region *x, *y;
	unsigned int i, j;

	for (i = 0; i < DEVICE_REGIONS; i++)
		for (j = 0; j < DEVICE_REGIONS; j++) {
			x = &a->region[i];
			y = &b->region[j];
			if (x->kind != REGION_MEMORY || y->kind != REGION_MEMORY)
				continue;
			if (x->first >> PAGE_BITS > y->last >> PAGE_BITS ||
			    y->first >> PAGE_BITS > x->last >> PAGE_BITS)
				continue;
			*frame = (x->first > y->first ? x->first : y->first) >> PAGE_BITS;
			return true;
		}
	return false;
}
