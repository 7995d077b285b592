/* SPDX-License-Identifier: MIT */
/*
 * The host's file system as xenpci sees it, below a root that tests may choose: sysfs, procfs, the
 * lock, the policy for the next boot. Paths have no leading '/': "sys/bus/pci/devices". This is one
 * of the three seams between what xenpci decides and what it does (with store.h and hv.h): link
 * time, implemented by files.c and by the tests' fake.
 *
 * Functions return 0 or more, or a negative errno. None follows a text that it has read: what a
 * file holds is checked by the callers.
 */
#ifndef XENPCI_FILES_H
#define XENPCI_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/memory.h"

struct files;

/* root NULL: "/". Free with files_close(). NULL and errno if the root is no folder. */
struct files *files_open(const char *root);
void files_close(struct files *files);

/*
 * Read up to size - 1 bytes from the start and put a NUL behind them. Returns their number (a file
 * may hold NUL bytes: config space does).
 */
ssize_t files_read(struct files *files, const char *path, char *buffer, size_t size);

/* Write text at the offset of an existing file, in one call, as sysfs attributes want it. */
int files_write(struct files *files, const char *path, const void *data, size_t size, off_t offset);

/* Make a file hold text, or not exist (text NULL), all or nothing; folders above it are made. */
int files_replace(struct files *files, const char *path, const char *text);

/* The text of a symbolic link; -ENAMETOOLONG if it does not fit. */
int files_link(struct files *files, const char *path, char *buffer, size_t size);

bool files_exists(struct files *files, const char *path);

/*
 * The names in a folder, sorted, without "." and "..". Free by names_free(); nothing to free
 * after an error. Returns their number.
 */
ssize_t files_list(struct files *files, const char *path, char ***names);

/*
 * Take the lock file until the process ends; it is made if need be, for its owner only, as whoever
 * can open it can hold it. -EWOULDBLOCK if another process has
 * it; *holder is then its process id, or 0 if it cannot be told.
 */
int files_lock(struct files *files, const char *path, pid_t *holder);

#endif
