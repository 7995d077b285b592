/* SPDX-License-Identifier: MIT */
/*
 * Changing a domain's PCI device in xenstore. Each change is one transaction that reads what it
 * depends on, so that xl may work beside it: what xl changed in between makes the commit fail, and
 * all is looked at again. Bounded, since a guest can write its own nodes all day.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "backend.h"
#include "base/memory.h"

#define CONTROL_DOMAIN 0

/* A change in the making: the first error stays and makes what follows do nothing. */
struct change {
	struct store *store;
	uint32_t t;
	uint32_t domain;
	const char *domain_name;
	const struct backend_wish *wish;
	const struct bdf *bdf;
	size_t count;
	struct backend now;
	int err;
};

static void put_path(struct change *change, char *path, char *value)
{
	if (!change->err)
		change->err = store_write(change->store, change->t, path, value);
	free(path);
	free(value);
}

static void put(struct change *change, const char *key, char *value)
{
	put_path(change, backend_path(change->domain, key), value);
}

static void put_function(struct change *change, const char *name, size_t index, char *value)
{
	char *key = text_format("%s-%zu", name, index);

	put(change, key, value);
	free(key);
}

/* Do all of it in a transaction, again when somebody else was faster. */
static int commit(struct change *change, int (*make)(struct change *change))
{
	int tries, err = -EAGAIN;

	for (tries = 0; tries < STORE_TRIES && err == -EAGAIN; tries++) {
		err = store_begin(change->store, &change->t);
		if (err)
			return err;
		change->err =
			backend_read(change->store, change->t, change->domain, &change->now, NULL);
		if (!change->err)
			change->err = make(change);
		if (change->err) {
			store_abort(change->store, change->t);
			return change->err;
		}
		err = store_commit(change->store, change->t);
	}
	return err;
}

static bool is_leaving(const struct change *change, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < change->count && change->bdf; i++)
		if (bdf_equal(change->bdf[i], bdf))
			return true;
	return false;
}

/* Is somebody else taking a function away, or has left one half-way? Then pciback would stop. */
static bool others_close(const struct change *change)
{
	size_t i;

	for (i = 0; i < change->now.count; i++)
		if (change->now.function[i].state == XenbusStateClosing &&
		    !is_leaving(change, change->now.function[i].bdf))
			return true;
	return false;
}

/* ---- publish ---- */

static void make_folders(struct change *change)
{
	char *back = backend_path(change->domain, ""), *front = frontend_path(change->domain, "");

	change->err = store_folder(change->store, change->t, front, change->domain, CONTROL_DOMAIN);
	put_path(change, frontend_path(change->domain, "backend"), text_copy(back));
	put_path(change, frontend_path(change->domain, "backend-id"), text_copy("0"));
	put_path(change, frontend_path(change->domain, "state"), text_copy("1"));
	if (!change->err)
		change->err = store_folder(change->store, change->t, back, CONTROL_DOMAIN,
					   change->domain);
	put(change, "frontend", text_copy(front));
	put(change, "frontend-id", text_format("%u", change->domain));
	put(change, "online", text_copy("1"));
	put(change, "state", text_copy("1"));
	put(change, "domain", text_copy(change->domain_name));
	free(back);
	free(front);
}

static void add_function(struct change *change, size_t index, const struct backend_wish *wish)
{
	put_function(change, "key", index, text_copy(BDF_STR(wish->bdf)));
	put_function(change, "dev", index, text_copy(BDF_STR(wish->bdf)));
	if (wish->vdevfn)
		put_function(change, "vdevfn", index, text_format("%x", wish->vdevfn));
	put_function(change, "opts", index,
		     text_format("msitranslate=0,power_mgmt=0,permissive=%d,rdm_policy=%s",
				 wish->permissive, wish->rdm_relaxed ? "relaxed" : "strict"));
	put_function(change, "state", index, text_copy("1"));
}

static int make_published(struct change *change)
{
	size_t i;

	if (change->now.exists &&
	    (change->now.state != XenbusStateConnected || others_close(change)))
		return -EBUSY;
	if (change->now.count + change->count > BACKEND_MAX)
		return -ENOSPC;
	for (i = 0; i < change->count; i++)
		if (backend_find(&change->now, change->wish[i].bdf) >= 0)
			return -EEXIST;
	if (change->now.exists)
		put(change, "state", text_format("%d", XenbusStateReconfiguring));
	else
		make_folders(change);
	for (i = 0; i < change->count; i++)
		add_function(change, change->now.count + i, &change->wish[i]);
	put(change, "num_devs", text_format("%zu", change->now.count + change->count));
	return change->err;
}

int backend_publish(struct store *store, uint32_t domain, const char *domain_name,
		    const struct backend_wish *wish, size_t count)
{
	struct change change = {.store = store,
				.domain = domain,
				.domain_name = domain_name,
				.wish = wish,
				.count = count};

	return commit(&change, make_published);
}

/* ---- unplug and back ---- */

static int make_unplugged(struct change *change)
{
	const struct backend_function *function;
	bool asked = false;
	size_t i;
	int index;

	for (i = 0; i < change->count; i++) {
		index = backend_find(&change->now, change->bdf[i]);
		if (index < 0)
			continue;
		function = &change->now.function[index];
		asked |= !backend_leaves(function);
		put_function(change, "state", (size_t)index,
			     text_format("%d", backend_leaves(function) ? XenbusStateClosed
									: XenbusStateClosing));
	}
	if (!asked)
		return -EALREADY;
	if (change->now.state != XenbusStateConnected || others_close(change))
		return -EBUSY;
	put(change, "state", text_format("%d", XenbusStateReconfiguring));
	return change->err;
}

int backend_unplug(struct store *store, uint32_t domain, const struct bdf *bdf, size_t count)
{
	struct change change = {.store = store, .domain = domain, .bdf = bdf, .count = count};
	int err = commit(&change, make_unplugged);

	return err == -EALREADY ? 1 : err;
}

/* What was asked last, the guest has not looked at; if it does until the commit, that fails. */
static bool unseen(const struct change *change)
{
	return change->now.state == XenbusStateReconfiguring &&
	       backend_frontend(change->store, change->t, change->domain) == XenbusStateConnected;
}

static int make_plugged(struct change *change)
{
	size_t i;
	int index;

	if (!unseen(change))
		return -EBUSY;
	for (i = 0; i < change->count; i++) {
		index = backend_find(&change->now, change->bdf[i]);
		if (index >= 0 && change->now.function[index].state == XenbusStateClosing)
			put_function(change, "state", (size_t)index,
				     text_format("%d", XenbusStateInitialised));
	}
	put(change, "state", text_format("%d", XenbusStateConnected));
	return change->err;
}

int backend_replug(struct store *store, uint32_t domain, const struct bdf *bdf, size_t count)
{
	struct change change = {.store = store, .domain = domain, .bdf = bdf, .count = count};

	return commit(&change, make_plugged);
}

/* ---- withdraw ---- */

static const char *const function_keys[] = {"key",  "dev",   "vdevfn", "name",
					    "opts", "state", "vdev"};
#define FUNCTION_KEYS (sizeof(function_keys) / sizeof(function_keys[0]))

/* Move one node of a function to another number (to == from: remove it). */
static void move_key(struct change *change, const char *name, size_t from, size_t to)
{
	char *key = text_format("%s-%zu", name, from), *path = backend_path(change->domain, key);
	char *value = NULL;
	int err = store_read(change->store, change->t, path, &value);

	if (!err && to != from)
		put_function(change, name, to, text_copy(value));
	else if (err && err != -ENOENT && !change->err)
		change->err = err;
	if (!err && !change->err)
		change->err = store_remove(change->store, change->t, path);
	free(value);
	free(path);
	free(key);
}

static void move_function(struct change *change, size_t from, size_t to)
{
	size_t i;

	for (i = 0; i < FUNCTION_KEYS; i++)
		move_key(change, function_keys[i], from, to);
}

/* Remove the folder and those above it, up to the one named last, that it leaves empty. */
static void clean_up(struct change *change, char *path, const char *last)
{
	char **names, *slash;
	ssize_t count = 0;

	while (!change->err && !count && strlen(path) > strlen(last)) {
		change->err = store_remove(change->store, change->t, path);
		slash = strrchr(path, '/');
		*slash = '\0';
		count = store_list(change->store, change->t, path, &names);
		if (count >= 0)
			names_free(names, (size_t)count);
		else if (!change->err && count != -ENOENT)
			change->err = (int)count;
	}
	free(path);
}

static void remove_device(struct change *change)
{
	char *last = text_format("/local/domain/%u/device", change->domain);

	clean_up(change, frontend_path(change->domain, ""), last);
	free(last);
	last = text_format("/libxl/%u/device", change->domain);
	clean_up(change, text_format("%s/pci/0", last), last);
	free(last);
	clean_up(change, backend_path(change->domain, ""), "/local/domain/0/backend");
}

/* Offered, but neither pciback nor the guest has looked: as if it had not been. */
static bool unoffered(const struct change *change)
{
	size_t i;

	if (!unseen(change))
		return false;
	for (i = 0; i < change->now.count; i++)
		if (change->now.function[i].state == XenbusStateInitialising &&
		    !is_leaving(change, change->now.function[i].bdf))
			return false;
	return true;
}

/* How many functions stay. */
static size_t remaining(const struct change *change)
{
	size_t i, count = 0;

	for (i = 0; i < change->now.count; i++)
		count += !is_leaving(change, change->now.function[i].bdf);
	return count;
}

static int make_withdrawn(struct change *change)
{
	size_t i, to;

	if (!change->now.exists)
		return 0;
	if (!remaining(change)) {
		remove_device(change);
		return change->err;
	}
	if (unoffered(change))
		put(change, "state", text_format("%d", XenbusStateConnected));
	for (i = 0, to = 0; i < change->now.count; i++) {
		if (is_leaving(change, change->now.function[i].bdf))
			move_function(change, i, i);
		else if (i != to)
			move_function(change, i, to++);
		else
			to++;
	}
	put(change, "num_devs", text_format("%zu", to));
	return change->err;
}

int backend_withdraw(struct store *store, uint32_t domain, const struct bdf *bdf, size_t count)
{
	struct change change = {.store = store, .domain = domain, .bdf = bdf, .count = count};
	int err = commit(&change, make_withdrawn);
	char *path;

	if (err != -EAGAIN || remaining(&change))
		return err;
	/* A guest that writes faster than we commit loses its node first, and cannot make it anew.
	 */
	path = frontend_path(domain, "");
	err = store_remove(store, 0, path);
	free(path);
	return err ? err : commit(&change, make_withdrawn);
}
