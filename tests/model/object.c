/* SPDX-License-Identifier: MIT */
/*
 * The port's small objects. Each comes from the host's heap, so that the sanitizers watch over its
 * ends, with a header that remembers its size: freeing with another size, or twice, is a breach.
 */
#include <stdlib.h>
#include <string.h>

#include <model/internal.h>

#define MAX_OBJECT 65536
#define LIVE 0x6c69766566726565ULL
#define DEAD 0x6465616466726565ULL

#define CACHE_LINE 64

/* As large as the largest alignment that an object may expect. */
struct object {
	uint64_t mark, size;
} __attribute__((aligned(CACHE_LINE)));

static uint64_t nr_objects, nr_bytes;

/*
 * The leak checker does not look into the domain's pages, where the library may hold the only
 * pointer to an object; model_allocs() counts instead.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

void object_start(void)
{
	nr_objects = 0;
	nr_bytes = 0;
}

void *xen_port_alloc(size_t size)
{
	struct object *obj;
	long err;
	bool fail;

	if (!size || size > MAX_OBJECT)
		model_breach("xen_port_alloc: %zu bytes", size);
	model_enter();
	fail = model_counts(MODEL_ALLOC, &err);
	model_leave();
	if (fail || posix_memalign((void **)&obj, CACHE_LINE, sizeof(*obj) + size))
		return NULL;
	memset(obj, 0, sizeof(*obj) + size);
	obj->mark = LIVE;
	obj->size = size;
	__atomic_fetch_add(&nr_objects, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&nr_bytes, size, __ATOMIC_RELAXED);
	return obj + 1;
}

void xen_port_free(void *va, size_t size)
{
	struct object *obj;

	if (!va)
		return;
	obj = (struct object *)va - 1;
	if (obj->mark != LIVE)
		model_breach("xen_port_free: %p is not allocated", va);
	if (obj->size != size)
		model_breach("xen_port_free: %zu bytes, allocated were %llu", size,
			     (unsigned long long)obj->size);
	__atomic_fetch_sub(&nr_objects, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&nr_bytes, size, __ATOMIC_RELAXED);
	lock_forget(va, size);
	memset(va, 0x6b, size);
	obj->mark = DEAD;
	free(obj);
}

void object_count(struct model_allocs *allocs)
{
	allocs->objects = __atomic_load_n(&nr_objects, __ATOMIC_RELAXED);
	allocs->bytes = __atomic_load_n(&nr_bytes, __ATOMIC_RELAXED);
}
