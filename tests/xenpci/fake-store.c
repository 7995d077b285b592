/* SPDX-License-Identifier: MIT */
/*
 * xenstore in memory: a sorted list of nodes. A transaction works on a copy, and its commit fails
 * when somebody else has changed anything in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define NODES_MAX 512

struct tree {
	char *path[NODES_MAX], *value[NODES_MAX];
	size_t count;
};

struct store {
	unsigned int watches;
};

static struct tree tree, copy;
static unsigned long generation, copy_generation, told;
static uint32_t open_transaction, next_transaction = 1;
static bool touched_guests; /* by the open transaction */
static bool written;	    /* in it: one that only reads is no change */

static void tree_clear(struct tree *t)
{
	while (t->count) {
		free(t->path[--t->count]);
		free(t->value[t->count]);
	}
}

static void tree_copy(struct tree *to, const struct tree *from)
{
	size_t i;

	tree_clear(to);
	for (i = 0; i < from->count; i++) {
		to->path[i] = strdup(from->path[i]);
		to->value[i] = strdup(from->value[i]);
	}
	to->count = from->count;
}

/* Where it is, or would be. */
static size_t tree_find(const struct tree *t, const char *path)
{
	size_t first = 0, end = t->count, middle;

	while (first < end) {
		middle = first + (end - first) / 2;
		if (strcmp(t->path[middle], path) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static bool tree_has(const struct tree *t, const char *path)
{
	size_t i = tree_find(t, path);

	return i < t->count && !strcmp(t->path[i], path);
}

static void tree_put(struct tree *t, const char *path, const char *value)
{
	size_t i = tree_find(t, path);

	if (tree_has(t, path)) {
		free(t->value[i]);
		t->value[i] = strdup(value);
		return;
	}
	if (t->count == NODES_MAX)
		abort();
	memmove(&t->path[i + 1], &t->path[i], (t->count - i) * sizeof(t->path[0]));
	memmove(&t->value[i + 1], &t->value[i], (t->count - i) * sizeof(t->value[0]));
	t->path[i] = strdup(path);
	t->value[i] = strdup(value);
	t->count++;
}

/* With all parents, as xenstored does. */
static void tree_write(struct tree *t, const char *path, const char *value)
{
	char *parent = strdup(path), *slash;

	for (slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!tree_has(t, parent))
			tree_put(t, parent, "");
		*slash = '/';
	}
	free(parent);
	tree_put(t, path, value);
}

static bool is_at_or_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return !strncmp(path, top, length) && (!path[length] || path[length] == '/');
}

static void tree_remove(struct tree *t, const char *path)
{
	size_t i = 0;

	while (i < t->count) {
		if (!is_at_or_below(t->path[i], path)) {
			i++;
			continue;
		}
		free(t->path[i]);
		free(t->value[i]);
		t->count--;
		memmove(&t->path[i], &t->path[i + 1], (t->count - i) * sizeof(t->path[0]));
		memmove(&t->value[i], &t->value[i + 1], (t->count - i) * sizeof(t->value[0]));
	}
}

void world_put_node(const char *path, const char *value)
{
	if (value)
		tree_write(&tree, path, value);
	else
		tree_remove(&tree, path);
	generation++;
}

const char *world_node(const char *path)
{
	return tree_has(&tree, path) ? tree.value[tree_find(&tree, path)] : NULL;
}

bool store_changed(void)
{
	bool changed = told != generation;

	told = generation;
	return changed;
}

void store_reset(void)
{
	tree_clear(&tree);
	tree_clear(&copy);
	open_transaction = 0;
}

void store_dump(FILE *file)
{
	size_t i;

	for (i = 0; i < tree.count; i++)
		fprintf(file, "%s = %s\n", tree.path[i], tree.value[i]);
}

/* ---- the seam ---- */

struct store *store_open(void)
{
	return calloc(1, sizeof(struct store));
}

void store_close(struct store *store)
{
	open_transaction = 0;
	free(store);
}

static struct tree *tree_of(uint32_t t)
{
	if (t && t != open_transaction)
		abort();
	return t ? &copy : &tree;
}

/* As above; and does the transaction depend on what the guest itself may write? */
static struct tree *tree_at(uint32_t t, const char *path)
{
	static const char guests[] = "/local/domain/1/device/pci/0";

	if (t && tree_has(&tree, guests) &&
	    (is_at_or_below(path, guests) || is_at_or_below(guests, path)))
		touched_guests = true;
	return tree_of(t);
}

static void note_change(uint32_t t)
{
	generation += !t;
	written |= t != 0;
}

int store_begin(struct store *store, uint32_t *t)
{
	int err = world_call(store);

	if (err)
		return err;
	if (open_transaction)
		abort(); /* one at a time, and each is ended */
	tree_copy(&copy, &tree);
	copy_generation = generation;
	touched_guests = written = false;
	*t = open_transaction = next_transaction++;
	return 0;
}

int store_commit(struct store *store, uint32_t t)
{
	int err = world_call(store);

	tree_of(t);
	open_transaction = 0;
	if (err)
		return err;
	if (world.conflicts) {
		world.conflicts--;
		return -EAGAIN;
	}
	if (copy_generation != generation || (world.storm && touched_guests))
		return -EAGAIN;
	tree_copy(&tree, &copy);
	generation += written;
	return 0;
}

void store_abort(struct store *store, uint32_t t)
{
	world_call(store);
	tree_of(t);
	open_transaction = 0;
}

int store_read(struct store *store, uint32_t t, const char *path, char **value)
{
	struct tree *from = tree_at(t, path);
	int err = world_call(store);

	*value = NULL;
	if (err)
		return err;
	if (!tree_has(from, path))
		return -ENOENT;
	*value = strdup(from->value[tree_find(from, path)]);
	return 0;
}

int store_write(struct store *store, uint32_t t, const char *path, const char *value)
{
	int err = world_call(store);

	if (err)
		return err;
	tree_write(tree_at(t, path), path, value);
	note_change(t);
	return 0;
}

int store_remove(struct store *store, uint32_t t, const char *path)
{
	int err = world_call(store);

	if (err)
		return err;
	tree_remove(tree_at(t, path), path);
	note_change(t);
	return 0;
}

int store_folder(struct store *store, uint32_t t, const char *path, uint32_t owner, uint32_t reader)
{
	int err = world_call(store);

	if (err)
		return err;
	tree_remove(tree_at(t, path), path);
	tree_write(tree_of(t), path, "");
	note_change(t);
	return 0;
}

ssize_t store_list(struct store *store, uint32_t t, const char *path, char ***names)
{
	const struct tree *from = tree_of(t);
	size_t i, length = strlen(path), count = 0;
	int err = world_call(store);

	if (err)
		return err;
	if (!tree_has(from, path))
		return -ENOENT;
	*names = calloc(NODES_MAX, sizeof(**names));
	for (i = 0; i < from->count; i++)
		if (is_at_or_below(from->path[i], path) && from->path[i][length] &&
		    !strchr(from->path[i] + length + 1, '/'))
			(*names)[count++] = strdup(from->path[i] + length + 1);
	return (ssize_t)count;
}

int store_watch(struct store *store, const char *path)
{
	int err = world_call(store);

	store->watches += !err;
	return err;
}

int store_unwatch(struct store *store, const char *path)
{
	int err = world_call(store);

	return err;
}

/* The others act while xenpci waits. Without a change time passes. */
int store_wait(struct store *store, unsigned int milliseconds)
{
	int err = world_call(store);

	if (err)
		return err;
	if (world.interrupted && !world.signal_taken) {
		world.signal_taken = true;
		return -EINTR;
	}
	world.clock += 1 + world.event_ms;
	if (!world.meanwhile_at)
		world_meanwhile();
	if (guest_act() || store_changed())
		return 1;
	world.clock += milliseconds;
	return 0;
}
