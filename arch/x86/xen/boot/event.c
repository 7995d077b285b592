/* SPDX-License-Identifier: MIT */
#include "cpu.h"
void boot_event_upcall(void)
{
}
