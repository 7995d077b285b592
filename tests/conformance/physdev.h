/* SPDX-License-Identifier: MIT */
/* The machine that the cases of pirq.c and pci.c run on. */
#ifndef XENDMA_TESTS_CONFORMANCE_PHYSDEV_H
#define XENDMA_TESTS_CONFORMANCE_PHYSDEV_H

#include "conf.h"

#define EDU_DEVFN (4 << 3)  /* MSI */
#define NVME_DEVFN (5 << 3) /* MSI-X */
#define ABSENT_DEVFN (0x1e << 3 | 7)
/* A line that no device of the machine uses. */
#define FREE_GSI 21

static inline int physdev_op(int cmd, void *arg)
{
	return hypercall_physdev_op(cmd, arg);
}

#endif
