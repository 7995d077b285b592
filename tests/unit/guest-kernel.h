/* SPDX-License-Identifier: MIT */
/* The reference guest's kernel, as far as its drivers need it, for tests of them on the model; and
 * data that tells its place. */
#ifndef XENDMA_TESTS_UNIT_GUEST_KERNEL_H
#define XENDMA_TESTS_UNIT_GUEST_KERNEL_H

#include <stdarg.h>
#include <stdio.h>

#include <model/device.h>
#include <model/model.h>

#include "../guest/cmdline.h"
#include "../guest/edu.h"
#include "../guest/nvme.h"
#include "boot.h"

struct options options = {.wait_ms = 100};
static char said[256]; /* the last line */

void boot_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
}

void boot_delay(uint64_t ns)
{
	model_devices_step();
	model_clock_advance(ns);
}

bool boot_wait(bool (*done)(void *arg), void *arg, uint64_t timeout_ns)
{
	for (uint64_t ns = 0; ns <= timeout_ns; ns += 1000000) {
		if (done(arg))
			return true;
		boot_delay(1000000);
	}
	return done(arg);
}

const char *guest_addr_text(struct xen_pci_addr addr, char text[GUEST_ADDR_MAX])
{
	snprintf(text, GUEST_ADDR_MAX, "%04x:%02x:%02x.%u", addr.segment, addr.bus,
		 XEN_PCI_DEV(addr.devfn), XEN_PCI_FN(addr.devfn));
	return text;
}

static inline void fill(uint8_t *at, size_t size, unsigned int seed)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)(i * 7 + seed + (i >> 8));
}

static inline bool filled(const uint8_t *at, size_t size, unsigned int seed)
{
	for (size_t i = 0; i < size; i++)
		if (at[i] != (uint8_t)(i * 7 + seed + (i >> 8)))
			return false;
	return true;
}

#endif
