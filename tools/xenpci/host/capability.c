/* SPDX-License-Identifier: MIT */
/*
 * The lists of capabilities in config space, as they were read once. The device made them: a loop
 * or a pointer that leads out of them ends the search. Pure.
 */
#include <string.h>
#include "device.h"

unsigned int device_capability(const struct device *device, uint8_t id)
{
	unsigned int at, steps;

	if (device->config_size < 256 || !(device->config[0x06] & 0x10))
		return 0;
	at = device->config[0x34] & 0xfc;
	for (steps = 0; at >= CONFIG_HEADER && steps < 48; steps++) {
		if (device->config[at] == id)
			return at;
		at = device->config[at + 1] & 0xfc;
	}
	return 0;
}

unsigned int device_extended_capability(const struct device *device, uint16_t id)
{
	unsigned int at = 256, steps;
	uint32_t header;

	if (device->config_size < CONFIG_SIZE)
		return 0;
	for (steps = 0; at >= 256 && steps < 960; steps++) {
		memcpy(&header, &device->config[at], sizeof(header));
		if (!header)
			return 0;
		if ((header & 0xffff) == id)
			return at;
		at = header >> 20 & 0xffc;
	}
	return 0;
}
