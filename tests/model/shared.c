/* SPDX-License-Identifier: MIT */
/*
 * Memory shared with another domain, of which each byte may be read once: a second read could see
 * something else than what was checked. The reads of watched pages are counted by trap.c. A thread
 * that is not the one under test must reach the page by model_frame().
 */
#include <string.h>

#include <model/internal.h>

#define MAX_SHARED 16

struct shared {
	uint8_t *page; /* NULL: unused */
	uint8_t watched[XEN_PAGE_SIZE];
	uint8_t reads[XEN_PAGE_SIZE];
};

static struct shared shared[MAX_SHARED];

static struct shared *find(const void *page)
{
	for (unsigned int i = 0; i < MAX_SHARED; i++)
		if (shared[i].page == page)
			return &shared[i];
	return NULL;
}

static void on_access(void *arg, size_t offset, size_t size, bool write)
{
	struct shared *s = arg;

	for (size_t i = offset; !write && i < offset + size; i++) {
		if (s->watched[i] && s->reads[i])
			model_breach("shared memory: byte %zu is read twice", i);
		s->reads[i] += s->reads[i] < UINT8_MAX;
	}
}

static struct shared *get(const char *function, void *page, size_t offset, size_t size)
{
	struct shared *s = page ? find(page) : NULL;

	if (!s || offset > XEN_PAGE_SIZE || size > XEN_PAGE_SIZE - offset)
		model_breach("%s: not in a watched page", function);
	return s;
}

void model_shared_watch(void *page, size_t offset, size_t size)
{
	struct shared *s = find(page);

	if (!page || xen_page_offset((uintptr_t)page))
		model_breach("model_shared_watch: %p is no page", page);
	if (!s) {
		s = find(NULL);
		if (!s)
			model_breach("model_shared_watch: more than %d pages", MAX_SHARED);
		memset(s, 0, sizeof(*s));
		s->page = page;
		trap_add(&(const struct trap){
			.start = page, .size = XEN_PAGE_SIZE, .before = on_access, .arg = s});
	}
	get("model_shared_watch", page, offset, size);
	memset(s->watched + offset, 1, size);
	memset(s->reads + offset, 0, size);
}

void model_shared_renew(void *page, size_t offset, size_t size)
{
	memset(get("model_shared_renew", page, offset, size)->reads + offset, 0, size);
}

unsigned int model_shared_reads(void *page, size_t offset)
{
	return get("model_shared_reads", page, offset, 1)->reads[offset];
}

void model_shared_unwatch(void *page)
{
	get("model_shared_unwatch", page, 0, 0)->page = NULL;
	trap_remove(page);
}

void shared_start(void)
{
	memset(shared, 0, sizeof(shared));
}
