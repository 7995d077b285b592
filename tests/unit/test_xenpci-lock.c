/* SPDX-License-Identifier: MIT */
/* The lock file: one holder at a time, which is named, and nobody but its owner can open it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "xenpci/seam/files.h"

#define LOCK "run/lock"

static char tree[] = "/tmp/xenpci-lock.XXXXXX";
static struct files *files;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(tree));
	files = files_open(tree);
	ck_assert_ptr_nonnull(files);
}

static void teardown(void)
{
	char name[64];

	files_close(files);
	snprintf(name, sizeof(name), "%s/" LOCK, tree);
	unlink(name);
	snprintf(name, sizeof(name), "%s/run", tree);
	rmdir(name);
	rmdir(tree);
}

/* An flock() needs no more than a descriptor, so that whoever can open the file can hold it. */
static void owner_only(void)
{
	char name[64];
	struct stat stat_of;
	pid_t holder;

	setup();
	umask(0);
	ck_assert_int_eq(files_lock(files, LOCK, &holder), 0);
	snprintf(name, sizeof(name), "%s/" LOCK, tree);
	ck_assert_int_eq(stat(name, &stat_of), 0);
	ck_assert_uint_eq(stat_of.st_mode & 0777, 0600);
	teardown();
}

static void second_is_told(void)
{
	pid_t holder, child;
	int status;

	setup();
	ck_assert_int_eq(files_lock(files, LOCK, &holder), 0);
	child = fork();
	if (!child) {
		struct files *own = files_open(tree);
		pid_t seen = 0;

		_exit(own && files_lock(own, LOCK, &seen) == -EWOULDBLOCK && seen == getppid() ? 0
											       : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	teardown();
}

static const struct unit_case cases[] = {
	{"nobody else can open the lock", owner_only},
	{"a second process is told who has it", second_is_told},
};

UNIT_MAIN("xenpci-lock", cases)
