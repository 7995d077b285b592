/* SPDX-License-Identifier: MIT */
/*
 * Reading a domain's PCI device in xenstore. Only dom0 may write in the backend's folder; of what
 * the guest writes only its state is looked at, and a state that is no number is 0 ("unknown").
 */
#include "backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/number.h"
#include "base/text.h"

char *backend_path(uint32_t domain, const char *key)
{
	return text_format("/local/domain/0/backend/pci/%u/0%s%s", domain, *key ? "/" : "", key);
}

char *frontend_path(uint32_t domain, const char *key)
{
	return text_format("/local/domain/%u/device/pci/0%s%s", domain, *key ? "/" : "", key);
}

const char *backend_state_name(unsigned int state)
{
	static const char *const name[] = {
		"unknown", "initialising", "waiting",	    "initialised",  "connected",
		"closing", "closed",	   "reconfiguring", "reconfigured",
	};

	return state < sizeof(name) / sizeof(name[0]) ? name[state] : name[0];
}

/* A reading of one device. The first node that makes no sense ends it and is remembered. */
struct reader {
	struct store *store;
	uint32_t t;
	uint32_t domain;
	int err;
	char *path; /* where err was found */
};

static void fail(struct reader *reader, int err, const char *path)
{
	if (reader->err)
		return;
	reader->err = err;
	reader->path = text_copy(path);
}

/* NULL if it is not there (an error only if it must be). */
static char *read_key(struct reader *reader, const char *key, bool must)
{
	char *path = backend_path(reader->domain, key), *value = NULL;
	int err = reader->err ? reader->err : store_read(reader->store, reader->t, path, &value);

	if (err == -ENOENT && must)
		fail(reader, -EINVAL, path);
	else if (err && err != -ENOENT)
		fail(reader, err == -EILSEQ ? -EINVAL : err, path);
	free(path);
	return value;
}

static uint64_t read_number(struct reader *reader, const char *key, unsigned int base, uint64_t max,
			    bool must)
{
	char *value = read_key(reader, key, must), *path;
	uint64_t number = 0;

	if (value && !number_parse(value, base, max, &number, NULL)) {
		path = backend_path(reader->domain, key);
		fail(reader, -EINVAL, path);
		free(path);
	}
	free(value);
	return number;
}

static char *key_of(const char *name, unsigned int index)
{
	return text_format("%s-%u", name, index);
}

static void read_address(struct reader *reader, const char *key, struct bdf *bdf)
{
	char *value = read_key(reader, key, true), *path;

	if (value && !bdf_parse(value, bdf)) {
		path = backend_path(reader->domain, key);
		fail(reader, -EINVAL, path);
		free(path);
	}
	free(value);
}

static void read_function(struct reader *reader, unsigned int index,
			  struct backend_function *function)
{
	char *dev = key_of("dev", index), *state = key_of("state", index);
	char *vdevfn = key_of("vdevfn", index), *vdev = key_of("vdev", index);
	char *opts = key_of("opts", index), *value;

	read_address(reader, dev, &function->bdf);
	function->state = (unsigned int)read_number(reader, state, 10, 8, false);
	function->vdevfn = (unsigned int)read_number(reader, vdevfn, 16, 0xff, false);
	value = read_key(reader, vdev, false);
	function->exported = value;
	if (value && strlen(value) < sizeof(function->vdev))
		memcpy(function->vdev, text_clean(value), strlen(value) + 1);
	free(value);
	value = read_key(reader, opts, false);
	function->permissive = value && strstr(value, "permissive=1");
	free(value);
	free(dev);
	free(state);
	free(vdevfn);
	free(vdev);
	free(opts);
}

unsigned int backend_frontend(struct store *store, uint32_t t, uint32_t domain)
{
	char *path = frontend_path(domain, "state"), *value;
	uint64_t state = 0;

	if (!store_read(store, t, path, &value))
		number_parse(value, 10, XenbusStateReconfigured, &state, NULL);
	free(value);
	free(path);
	return (unsigned int)state;
}

static bool has_twice(const struct backend *backend)
{
	size_t i, j;

	for (i = 0; i < backend->count; i++)
		for (j = 0; j < i; j++)
			if (bdf_equal(backend->function[i].bdf, backend->function[j].bdf))
				return true;
	return false;
}

int backend_read(struct store *store, uint32_t t, uint32_t domain, struct backend *backend,
		 char **path)
{
	struct reader reader = {.store = store, .t = t, .domain = domain};
	char *value;
	size_t i;

	*backend = (struct backend){0};
	value = read_key(&reader, "num_devs", false);
	if (value || reader.err) {
		backend->exists = true;
		free(value);
		backend->count = read_number(&reader, "num_devs", 10, BACKEND_MAX, true);
		backend->state = (unsigned int)read_number(&reader, "state", 10, 8, false);
		for (i = 0; i < backend->count && !reader.err; i++)
			read_function(&reader, (unsigned int)i, &backend->function[i]);
		backend->frontend = backend_frontend(store, 0, domain);
	}
	if (!reader.err && has_twice(backend)) {
		value = backend_path(domain, "");
		fail(&reader, -EINVAL, value);
		free(value);
	}
	if (path)
		*path = reader.path;
	else
		free(reader.path);
	return reader.err;
}

int backend_look(struct store *store, uint32_t domain, struct backend *backend, char **path)
{
	int tries, err, read = 0, committed = -EAGAIN;
	uint32_t t;

	for (tries = 0; tries < STORE_TRIES && committed == -EAGAIN; tries++) {
		if (path && tries)
			free(*path);
		if (path)
			*path = NULL;
		err = store_begin(store, &t);
		if (err)
			return err;
		read = backend_read(store, t, domain, backend, path);
		committed = store_commit(store, t);
	}
	return read || committed == -EAGAIN ? read : committed;
}

int backend_find(const struct backend *backend, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < backend->count; i++)
		if (bdf_equal(backend->function[i].bdf, bdf))
			return (int)i;
	return -1;
}

/* ---- removal ---- */

bool backend_leaves(const struct backend_function *function)
{
	return function->state == XenbusStateClosing || function->state == XenbusStateClosed;
}

struct leaving {
	size_t there;	/* of the functions in question */
	size_t closing; /* of these: asked for or given up */
	bool all;	/* nothing else is there */
};

static struct leaving count_leaving(const struct backend *backend, const struct bdf *bdf,
				    size_t count)
{
	struct leaving leaving = {0};
	size_t i;
	int at;

	for (i = 0; i < count; i++) {
		at = backend_find(backend, bdf[i]);
		if (at < 0)
			continue;
		leaving.there++;
		leaving.closing += backend_leaves(&backend->function[at]);
	}
	leaving.all = leaving.there == backend->count;
	return leaving;
}

/* Neither connected nor reconfiguring: coming up, going down, or no driver in the guest. */
static enum removal not_connected(const struct backend *backend, const struct leaving *leaving)
{
	if (backend->frontend == XenbusStateInitialised ||
	    backend->frontend == XenbusStateInitWait || backend->frontend == XenbusStateConnected)
		return backend->state < XenbusStateConnected ? REMOVAL_ARRIVE_FIRST
		       : leaving->all			     ? REMOVAL_WITHDRAW
							     : REMOVAL_NO_WAY;
	return leaving->all ? REMOVAL_WITHDRAW : REMOVAL_NO_WAY;
}

enum removal backend_removal(const struct backend *backend, const struct bdf *bdf, size_t count)
{
	struct leaving leaving = count_leaving(backend, bdf, count);

	if (!leaving.there)
		return backend->exists && !backend->count ? REMOVAL_WITHDRAW : REMOVAL_NOTHING;
	switch (backend->state) {
	case XenbusStateConnected:
		if (backend->frontend == XenbusStateReconfiguring)
			return REMOVAL_ARRIVE_FIRST;
		if (backend->frontend != XenbusStateConnected)
			return leaving.all ? REMOVAL_WITHDRAW : REMOVAL_NO_WAY;
		return leaving.closing == leaving.there ? REMOVAL_WITHDRAW : REMOVAL_UNPLUG;
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		if (leaving.closing == leaving.there)
			return REMOVAL_RELEASE_FIRST;
		return REMOVAL_ARRIVE_FIRST;
	default:
		return not_connected(backend, &leaving);
	}
}
