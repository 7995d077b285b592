/* SPDX-License-Identifier: MIT */
/*
 * Verdicts. A scenario makes checks; it passed when all of them held and it was not skipped. Each
 * prints one line, and the run ends with the counts.
 *
 * Context: CPU 0, outside interrupts. Work on other CPUs records its errors and CPU 0 checks them.
 */
#ifndef XENDMA_GUEST_VERDICT_H
#define XENDMA_GUEST_VERDICT_H

#include <stdbool.h>

/*
 * Returns @ok. When it is false the scenario has failed; the first reason becomes its verdict,
 * later ones (up to a few) are printed as they come.
 */
bool check(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The scenario cannot be run here, for the given reason. A failed check outweighs it. */
void skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A figure worth seeing: one indented line. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Has the running scenario failed? */
bool verdict_failed(void);

void verdict_begin(const char *name);
void verdict_end(void);

/* A verdict without a scenario: something failed before or beside them. */
void verdict_fail(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The last line. */
void verdict_close(void);

#endif
