/* SPDX-License-Identifier: MIT */
#ifndef XENPCI_ATTACH_H
#define XENPCI_ATTACH_H

#include "plan/plan.h"

/*
 * BDF[,permissive=0|1][,vslot=HEX][,reset=0|1][,share=0|1][,rdm_policy=strict|relaxed]; false, with
 * *wish untouched, for anything else.
 */
bool attach_parse_wish(const char *text, struct wish *wish);

#endif
