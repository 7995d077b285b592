/* SPDX-License-Identifier: MIT */
/*
 * Start of day.
 */
#include <xen/hypercall.h>

#include "cpu.h"

struct start_info *boot_start_info;
struct shared_info *boot_shared_info;
const char *boot_cmdline;

void boot_start(struct start_info *si)
{
	boot_start_info = si;
	boot_cmdline = (const char *)si->cmd_line;
	boot_cpu_init(0);
	boot_traps_init();
	boot_printf("xendma guest: %lu pages, command line \"%s\"\n", si->nr_pages, boot_cmdline);
	boot_main();
	boot_poweroff();
}
