/* SPDX-License-Identifier: MIT */
/*
 * xenstore: the second seam. Implemented on libxenstore by store.c and by the tests' fake.
 *
 * Functions return 0 or more, or a negative errno. t is 0 outside of transactions.
 */
#ifndef XENPCI_STORE_H
#define XENPCI_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/memory.h"

struct store;

/* NULL and errno if there is no xenstored or no right to talk to it. */
struct store *store_open(void);
void store_close(struct store *store);

/*
 * Transactions: everything between begin and commit happens at once or not at all. Commit answers
 * -EAGAIN when somebody else changed what was read: do it all again (bounded by the caller).
 */
#define STORE_TRIES 64
int store_begin(struct store *store, uint32_t *t);
int store_commit(struct store *store, uint32_t t);
void store_abort(struct store *store, uint32_t t);

/*
 * *value is a new string, to be freed; NULL after an error. -ENOENT if there is no such node,
 * -EILSEQ if the value holds a NUL byte: no node of ours may.
 */
int store_read(struct store *store, uint32_t t, const char *path, char **value);
int store_write(struct store *store, uint32_t t, const char *path, const char *value);
int store_remove(struct store *store, uint32_t t, const char *path); /* 0 if it is not there */

/* Make a node that owner may write and reader may read; it must not exist or is made anew. */
int store_folder(struct store *store, uint32_t t, const char *path, uint32_t owner,
		 uint32_t reader);

/* Names of the nodes below path, in no order; as files_list(). */
ssize_t store_list(struct store *store, uint32_t t, const char *path, char ***names);

/* Be told about changes at and below path; each path once. The first event comes at once. */
int store_watch(struct store *store, const char *path);
int store_unwatch(struct store *store, const char *path);

/*
 * Wait for events and take all that are there. 1 if there were some, 0 when milliseconds have
 * passed, -EINTR after a signal.
 */
int store_wait(struct store *store, unsigned int milliseconds);

#endif
