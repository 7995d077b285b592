/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls that the library hardly uses: version, scheduling, console. Model lock held.
 */
#include <stdio.h>
#include <string.h>

#include <model/internal.h>

#define CONSOLE_LINE 256

long do_xen_version(int cmd, void *arg)
{
	switch (cmd) {
	case XENVER_version:
		return 4 << 16 | 17;
	case XENVER_extraversion:
		if (!arg)
			return -XEN_EFAULT;
		memset(arg, 0, sizeof(xen_extraversion_t));
		memcpy(arg, ".model", sizeof(".model"));
		return 0;
	case XENVER_pagesize:
		return XEN_PAGE_SIZE;
	default:
		return -XEN_ENOSYS;
	}
}

long do_sched_op(int cmd, void *arg)
{
	switch (cmd) {
	case SCHEDOP_yield:
	case SCHEDOP_block:
		return 0; /* events are delivered when the call ends */
	case SCHEDOP_shutdown:
		if (!arg)
			return -XEN_EFAULT;
		model_breach("SCHEDOP_shutdown, reason %u", ((struct sched_shutdown *)arg)->reason);
	default:
		return -XEN_ENOSYS;
	}
}

int do_console_io(int cmd, int count, char *buffer)
{
	char line[CONSOLE_LINE];

	if (cmd == CONSOLEIO_read)
		return 0; /* nobody types */
	if (cmd != CONSOLEIO_write)
		return -XEN_ENOSYS;
	if (count < 0 || (count && !buffer))
		return -XEN_EFAULT;
	snprintf(line, sizeof(line), "%.*s", count, buffer ? buffer : "");
	model_console(line);
	return 0;
}
