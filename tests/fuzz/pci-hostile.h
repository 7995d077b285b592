/* SPDX-License-Identifier: MIT */
/*
 * PCI functions that the input makes: plugged into one of some slots, their config space and the
 * bits of it that take writes as the input says, and an accessor that counts, lies and breaks.
 */
#ifndef XENDMA_TESTS_FUZZ_PCI_HOSTILE_H
#define XENDMA_TESTS_FUZZ_PCI_HOSTILE_H

#include <xen/pci.h>

#include "fuzz.h"

#define NR_SLOTS 12

/* Accesses that one operation may cost, for each function plugged and for each bus looked at. */
#define MAX_ACCESSES (NR_SLOTS * 4096 + 256 * 256)

extern struct hostile {
	struct fuzz_input *in;
	uint8_t *raw[NR_SLOTS], *writable[NR_SLOTS]; /* of what is plugged, else NULL */
	uint64_t accesses;
	uint64_t break_at; /* accesses from this one on fail; 0: none */
	unsigned int nr_broken;
	unsigned int lies; /* reads that may still be changed by the input */
} hostile;

extern const struct xen_pci_addr hostile_slot[NR_SLOTS];
extern const struct xen_pci_config hostile_config, hostile_short_config;

void hostile_plug(unsigned int slot);
void hostile_unplug(unsigned int slot);
/* More bytes of the input into what is plugged. */
void hostile_poke(unsigned int slot);

#endif
