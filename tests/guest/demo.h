/* SPDX-License-Identifier: MIT */
/*
 * The demo: copies NVMe disk "src" to NVMe disk "dst", the whole of it, every byte also taken
 * through edu devices in both directions. Verdict and figures as docs/guest.md describes them.
 */
#ifndef XENDMA_GUEST_DEMO_H
#define XENDMA_GUEST_DEMO_H

void demo_run(void);

#endif
