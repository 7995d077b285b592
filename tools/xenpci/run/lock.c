/* SPDX-License-Identifier: MIT */
/*
 * The lock file. xl has locks of its own, which are not for others: against xl the transactions in
 * xenstore guard.
 */
#include "lock.h"

#include <errno.h>
#include <string.h>

#define LOCK "run/xenpci.lock"

enum exit_status lock_take(struct context *context)
{
	struct files *files = context_files(context);
	pid_t holder = 0;
	int err;

	if (!files)
		return EXIT_HOST;
	err = files_lock(files, LOCK, &holder);
	context->locked = !err;
	if (!err)
		return EXIT_DONE;
	if (err == -EWOULDBLOCK)
		return report_error(&context->report, EXIT_BUSY, "locked",
				    "another xenpci is at work|process %d|try again when it is "
				    "through",
				    (int)holder);
	return report_error(&context->report, EXIT_HOST, "lock", "cannot take the lock|/%s: %s|",
			    LOCK, strerror(-err));
}
