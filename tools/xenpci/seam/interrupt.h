/* SPDX-License-Identifier: MIT */
#ifndef XENPCI_INTERRUPT_H
#define XENPCI_INTERRUPT_H

#include "context.h"

/* From now on SIGINT, SIGTERM and SIGHUP only make context_interrupted() true. */
void interrupt_catch(void);

#endif
