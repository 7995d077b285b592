/* SPDX-License-Identifier: MIT */
/*
 * A PV guest's memory, for reading: the seam under `xenpci map`. Implemented on libxenctrl and
 * libxenforeignmemory by guest.c and by the tests' fake. Everything is copied when it is read: the
 * guest runs on and may change what is in its pages at any time.
 *
 * Functions return 0 or a negative errno. Frames are machine frame numbers.
 */
#ifndef XENPCI_GUEST_H
#define XENPCI_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_PAGE 4096
#define GUEST_ENTRIES 512 /* 64-bit numbers in a page */

struct guest;

struct guest_info {
	bool pv;	      /* neither HVM nor PVH */
	unsigned int width;   /* bytes in a word of the guest: 4 or 8; 0 if not PV */
	uint64_t pages;	      /* that the domain has, of 4 KiB */
	uint64_t shared_info; /* frame */
	uint64_t max_mfn;     /* the machine's last frame of RAM */
};

/* NULL and errno. The domain need not exist. */
struct guest *guest_open(uint32_t domain);
void guest_close(struct guest *guest);

/* -ESRCH if there is no such domain. */
int guest_info(struct guest *guest, struct guest_info *info);

/* Copy one page. Whatever the frame: Xen lets only the domain's own pages and MMIO be mapped. */
int guest_read(struct guest *guest, uint64_t mfn, void *page);

/* Which of these frames, GUEST_ENTRIES at most, are RAM of this domain, by Xen's own books? */
int guest_owns(struct guest *guest, const uint64_t *mfn, size_t count, bool *owns);

/* Xen's machine-to-physical table: what the frame's owner has entered for it. -ERANGE above
 * max_mfn. */
int guest_m2p(struct guest *guest, uint64_t mfn, uint64_t *pfn);

#endif
