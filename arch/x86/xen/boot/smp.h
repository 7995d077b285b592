/* SPDX-License-Identifier: MIT */
/*
 * Secondary CPUs within the boot code.
 */
#ifndef XENDMA_BOOT_SMP_H
#define XENDMA_BOOT_SMP_H

#include "internal.h"

/* Find out how many virtual CPUs the domain has. */
void boot_cpus_init(void);

#endif
