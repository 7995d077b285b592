/* SPDX-License-Identifier: MIT */
/*
 * How xenpci ends: these numbers are documented in xenpci(1) and never change their meaning.
 */
#ifndef XENPCI_EXIT_H
#define XENPCI_EXIT_H

enum exit_status {
	EXIT_DONE = 0,	      /* done, or nothing was left to do */
	EXIT_UNDONE = 1,      /* a step failed; all that was done has been undone */
	EXIT_USAGE = 2,	      /* the command line is wrong; nothing was touched */
	EXIT_UNKNOWN = 3,     /* no such domain or device; nothing was touched */
	EXIT_REFUSED = 4,     /* would be wrong or unsafe (also `check` with errors); untouched */
	EXIT_BUSY = 5,	      /* somebody else holds the device, or another xenpci works */
	EXIT_TIMEOUT = 6,     /* the guest or its backend did not answer; undone */
	EXIT_LEFTOVER = 7,    /* something could not be undone: `xenpci status` names it */
	EXIT_HOST = 8,	      /* no Xen, xenstore, sysfs, right to use them; output that is lost */
	EXIT_INTERRUPTED = 9, /* by a signal; undone */
};

#endif
