/* SPDX-License-Identifier: MIT */
/*
 * A PCI function as sysfs describes it, read once and checked. Sysfs is this host's kernel, but the
 * numbers in it come from the device: everything is bounded, nothing is trusted to be consistent.
 */
#ifndef XENPCI_DEVICE_H
#define XENPCI_DEVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bdf.h"
#include "seam/files.h"
#include "base/finding.h"

#define DEVICE_REGIONS 7 /* six BARs and the expansion ROM */
#define DEVICE_ROM 6
#define DEVICE_GSI_MAX 0xffffu
#define DEVICE_WINDOWS 4 /* a bridge's: I/O, memory, prefetchable, subtractive */
#define CONFIG_SIZE 4096
#define CONFIG_HEADER 64

enum region_kind { REGION_NONE, REGION_IO, REGION_MEMORY };

/* Byte addresses (ports for REGION_IO), both ends included; last >= first. */
struct region {
	enum region_kind kind;
	uint64_t first;
	uint64_t last;
	bool prefetchable;
	bool wide; /* a 64-bit BAR */
};

struct device {
	struct bdf bdf;
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem_device; /* 0xffff: cannot be read */
	uint32_t class;				     /* 24 bits: base, sub, interface */
	bool is_bridge;				     /* by class (06xx) or header type */
	uint32_t gsi;	  /* of INTx, as Linux routes it; 0: none, or hidden */
	bool line_hidden; /* MSI is on: sysfs shows that instead, until it is off again */
	uint32_t no_line; /* what sysfs has in its place, if that can be no line; else 0 */
	unsigned int pin; /* 1 to 4 for INTA to INTD, 0: none */
	struct region region[DEVICE_REGIONS];
	struct region window[DEVICE_WINDOWS]; /* of a bridge */
	char driver[64];		      /* text_clean(); "" if none */
	char reset_method[64];		      /* "flr pm bus" and so on; "" if there is none */
	bool has_bridge;		      /* not on a root bus */
	struct bdf bridge;		      /* directly above, if has_bridge */
	bool is_virtual;		      /* an SR-IOV virtual function */
	uint8_t config[CONFIG_SIZE];
	size_t config_size; /* how much of it could be read: 0, 64, 256, 4096 */
};

struct devices {
	struct device *device; /* by ascending address */
	size_t count;
	struct bdf *broken; /* listed, but cannot be read: left out above */
	size_t broken_count;
};

/*
 * Read one function. EXIT_UNKNOWN if there is none, EXIT_HOST if sysfs cannot be read or makes no
 * sense (the finding says which file).
 */
enum exit_status device_read(struct files *files, struct bdf bdf, struct device *device,
			     struct report *report);

/*
 * Read all. A function that makes no sense is left out with a warning: one broken device must not
 * hide the others.
 */
enum exit_status devices_read(struct files *files, struct devices *devices, struct report *report);
void devices_free(struct devices *devices);

const struct device *devices_find(const struct devices *devices, struct bdf bdf);
bool devices_is_broken(const struct devices *devices, struct bdf bdf);

/* Bound to pciback, whatever that module calls itself. */
bool device_is_pciback(const struct device *device);

/* Offset of a capability in config space, 0 if there is none; loops and wild pointers end it. */
unsigned int device_capability(const struct device *device, uint8_t id);
unsigned int device_extended_capability(const struct device *device, uint16_t id);

/* "BAR 0", "ROM", and for DEVICE_REGIONS + n the n-th window of a bridge; buffer is for the first.
 */
const char *region_name(unsigned int region, char buffer[8]);

static inline uint64_t region_size(const struct region *region)
{
	return region->kind == REGION_NONE ? 0 : region->last - region->first + 1;
}

/*
 * The parts of sysfs that are texts of their own: pure, and fuzzed. `resource` has one line a
 * region; lines beyond what struct device holds are SR-IOV's (7 to 12) or a bridge's windows.
 * False if a line makes no sense: end below start, both kinds at once, ports above 65535.
 */
bool device_parse_resource(const char *text, struct device *device);

#endif
