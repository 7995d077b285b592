/* SPDX-License-Identifier: MIT */
/*
 * xenstore by way of libxenstore. That library tells errors by errno and loses some on the way:
 * what comes as 0 is made -EIO. Watch events are taken without blocking after poll() said that
 * there are some. One thread.
 */
#include "store.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>
#include "base/memory.h"

#define TOKEN "xenpci"

struct store {
	struct xs_handle *xs;
};

static int failure(void)
{
	return errno > 0 ? -errno : -EIO;
}

struct store *store_open(void)
{
	struct xs_handle *xs = xs_open(0);
	struct store *store;

	if (!xs)
		return NULL;
	store = memory_grow(NULL, 1, sizeof(*store));
	store->xs = xs;
	return store;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	xs_close(store->xs);
	free(store);
}

int store_begin(struct store *store, uint32_t *t)
{
	*t = xs_transaction_start(store->xs);
	return *t == XBT_NULL ? failure() : 0;
}

int store_commit(struct store *store, uint32_t t)
{
	return xs_transaction_end(store->xs, t, false) ? 0 : failure();
}

void store_abort(struct store *store, uint32_t t)
{
	xs_transaction_end(store->xs, t, true);
}

int store_read(struct store *store, uint32_t t, const char *path, char **value)
{
	unsigned int length;
	char *text;

	*value = NULL;
	text = xs_read(store->xs, t, path, &length);
	if (!text)
		return failure();
	if (memchr(text, '\0', length)) {
		free(text);
		return -EILSEQ;
	}
	*value = text; /* libxenstore puts a NUL behind what it has read */
	return 0;
}

int store_write(struct store *store, uint32_t t, const char *path, const char *value)
{
	return xs_write(store->xs, t, path, value, strlen(value)) ? 0 : failure();
}

int store_remove(struct store *store, uint32_t t, const char *path)
{
	if (xs_rm(store->xs, t, path) || errno == ENOENT)
		return 0;
	return failure();
}

int store_folder(struct store *store, uint32_t t, const char *path, uint32_t owner, uint32_t reader)
{
	struct xs_permissions perms[] = {
		{.id = owner, .perms = XS_PERM_NONE},
		{.id = reader, .perms = XS_PERM_READ},
	};
	int err = store_remove(store, t, path);

	if (err)
		return err;
	if (!xs_mkdir(store->xs, t, path) || !xs_set_permissions(store->xs, t, path, perms, 2))
		return failure();
	return 0;
}

ssize_t store_list(struct store *store, uint32_t t, const char *path, char ***names)
{
	unsigned int count, i;
	char **found = xs_directory(store->xs, t, path, &count);

	if (!found)
		return failure();
	*names = memory_grow(NULL, count, sizeof(**names));
	for (i = 0; i < count; i++)
		(*names)[i] = text_copy(found[i]);
	free(found); /* one block, with the texts in it */
	return count;
}

int store_watch(struct store *store, const char *path)
{
	return xs_watch(store->xs, path, TOKEN) ? 0 : failure();
}

int store_unwatch(struct store *store, const char *path)
{
	return xs_unwatch(store->xs, path, TOKEN) ? 0 : failure();
}

int store_wait(struct store *store, unsigned int milliseconds)
{
	struct pollfd ready = {.fd = xs_fileno(store->xs), .events = POLLIN};
	char **event;
	int count = poll(&ready, 1, (int)milliseconds);

	if (count < 0)
		return failure();
	if (!count)
		return 0;
	while ((event = xs_check_watch(store->xs)))
		free(event);
	return errno == EAGAIN ? 1 : failure();
}
