/* SPDX-License-Identifier: MIT */
/*
 * What a device is, for people who want to give it away: its addresses, how it is reset, how it
 * interrupts, what it shares, what keeps it in its domain. Pure.
 */
#ifndef XENPCI_EXPLAIN_H
#define XENPCI_EXPLAIN_H

#include "facts.h"

void explain_print(const struct facts *facts, FILE *out);
json_t *explain_json(const struct facts *facts);

#endif
