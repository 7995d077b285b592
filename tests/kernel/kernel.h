/* SPDX-License-Identifier: MIT */
/*
 * The test program of the boot kernel.
 */
#ifndef XENDMA_TESTS_KERNEL_H
#define XENDMA_TESTS_KERNEL_H

#include "boot.h"

/* Is @word the first of the command line? */
bool kernel_word_is(const char *word);

/* Crash as the command line says. Returns only when it names no way, or the crash did not happen.
 */
void kernel_crash(void);

#endif
