/* SPDX-License-Identifier: MIT */
/*
 * For the Xen libraries' own messages, which nobody wants: findings say what was asked and what
 * came back.
 */
#ifndef XENPCI_QUIET_H
#define XENPCI_QUIET_H

#include <xentoollog.h>

extern xentoollog_logger quiet_logger;

#endif
