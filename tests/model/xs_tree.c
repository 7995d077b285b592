/* SPDX-License-Identifier: MIT */
/* The nodes of the model's xenstore: a list by path, and who may do what with them. */
#include <stdlib.h>
#include <string.h>

#include <model/xs.h>

static void *must(void *p)
{
	if (!p)
		model_breach("model: no memory for xenstore");
	return p;
}

static uint32_t hash_of(const char *path)
{
	uint32_t hash = 5381;

	while (*path)
		hash = hash * 33 + (uint8_t)*path++;
	return hash;
}

struct xs_node *xs_find(const struct xs_tree *tree, const char *path)
{
	struct xs_node *node = tree->first;
	uint32_t hash = hash_of(path);

	while (node && (node->hash != hash || strcmp(node->path, path) != 0))
		node = node->next;
	return node;
}

struct xs_node *xs_add(struct xs_tree *tree, const char *path)
{
	size_t size = strlen(path) + 1;
	struct xs_node *node = must(calloc(1, sizeof(*node) + size));

	memcpy(node->path, path, size);
	node->hash = hash_of(path);
	if (!tree->end)
		tree->end = &tree->first;
	*tree->end = node;
	tree->end = &node->next;
	return node;
}

void xs_set_value(struct xs_node *node, const char *value, size_t len)
{
	char *old = node->value == node->small ? NULL : node->value;
	char *copy = len < sizeof(node->small) ? node->small : must(malloc(len + 1));

	if (len)
		memmove(copy, value, len);
	copy[len] = 0;
	free(old);
	node->value = copy;
	node->len = len;
}

static void free_node(struct xs_node *node)
{
	if (node->value != node->small)
		free(node->value);
	free(node);
}

bool xs_is_below(const char *path, const char *above)
{
	size_t len = strlen(above);

	if (!strcmp(above, "/"))
		return path[0] == '/';
	return !strncmp(path, above, len) && (!path[len] || path[len] == '/');
}

void xs_delete(struct xs_tree *tree, const char *path)
{
	struct xs_node **link = &tree->first;

	while (*link) {
		struct xs_node *node = *link;

		if (!xs_is_below(node->path, path)) {
			link = &node->next;
			continue;
		}
		*link = node->next;
		free_node(node);
	}
	tree->end = link;
}

void xs_copy_node(struct xs_node *to, const struct xs_node *from)
{
	xs_set_value(to, from->value, from->len);
	to->generation = from->generation;
	to->nr_perms = from->nr_perms;
	memcpy(to->perm, from->perm, sizeof(to->perm));
}

void xs_copy_tree(struct xs_tree *to, const struct xs_tree *from)
{
	*to = (struct xs_tree){0};
	for (const struct xs_node *node = from->first; node; node = node->next)
		xs_copy_node(xs_add(to, node->path), node);
}

void xs_free_tree(struct xs_tree *tree)
{
	while (tree->first) {
		struct xs_node *node = tree->first;

		tree->first = node->next;
		free_node(node);
	}
	tree->end = NULL;
}

void xs_parent(const char *path, char *parent)
{
	const char *end = strrchr(path, '/');
	size_t len = end && end != path ? (size_t)(end - path) : 1;

	memcpy(parent, path, len);
	parent[len] = 0;
}

unsigned int xs_rights(const struct xs_conn *conn, const struct xs_node *node)
{
	unsigned int i;

	if (conn->privileged || node->perm[0].id == conn->id)
		return XS_MAY_READ | XS_MAY_WRITE | XS_OWNS;
	for (i = 1; i < node->nr_perms; i++)
		if (node->perm[i].id == conn->id)
			return node->perm[i].rights;
	return node->perm[0].rights;
}
