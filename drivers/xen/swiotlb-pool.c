/* SPDX-License-Identifier: MIT */
/*
 * Bounce pools: settings, which pool serves which address width, trimming, and the end.
 *
 * Pools are made on first use and live until xen_swiotlb_fini(); both tables of them only grow,
 * under the list lock, and are read without it.
 */
#include "swiotlb-find.h"

#define MIN_BITS 13
#define MAX_POOLS 24 /* widths 13 to 32, and 64 */

#define DEFAULT_MAX_BYTES (64ULL << 20)

struct xen_swiotlb_config xen_swiotlb_settings = {
	.max_bytes = DEFAULT_MAX_BYTES,
	.max_segment_order = XEN_SWIOTLB_MAX_SEGMENT_ORDER,
};

static struct xen_swiotlb_pool *pool_of_bits[65];
static struct xen_swiotlb_pool *pools[MAX_POOLS]; /* in order of creation */
static struct xen_lock list_lock;

int xen_swiotlb_configure(const struct xen_swiotlb_config *config)
{
	struct xen_swiotlb_config c = *config;
	unsigned long flags;
	int err = 0;

	if (!c.max_bytes)
		c.max_bytes = DEFAULT_MAX_BYTES;
	if (!c.max_segment_order)
		c.max_segment_order = XEN_SWIOTLB_MAX_SEGMENT_ORDER;
	if (c.initial_bytes > c.max_bytes ||
	    c.max_bytes < XEN_PAGE_SIZE << XEN_SWIOTLB_MIN_SEGMENT_ORDER ||
	    c.max_segment_order < XEN_SWIOTLB_MIN_SEGMENT_ORDER ||
	    c.max_segment_order > XEN_SWIOTLB_MAX_SEGMENT_ORDER)
		return -XEN_EINVAL;

	flags = xen_port_lock(&list_lock);
	if (pools[0])
		err = -XEN_EBUSY;
	else
		xen_swiotlb_settings = c;
	xen_port_unlock(&list_lock, flags);
	return err;
}

struct xen_swiotlb_pool *xen_swiotlb_pool_nr(unsigned int index)
{
	return index < MAX_POOLS ? xen_load_acquire(&pools[index]) : NULL;
}

uint64_t xen_swiotlb_held(struct xen_swiotlb_pool *pool)
{
	unsigned long flags = xen_port_lock(&pool->lock);
	uint64_t held = pool->held;

	xen_port_unlock(&pool->lock, flags);
	return held;
}

static unsigned int nr_areas(void)
{
	unsigned int nr = 1;

	while (nr < xen_port_nr_cpus() && nr < MAX_AREAS)
		nr <<= 1;
	return nr;
}

static size_t pool_size(unsigned int areas)
{
	return sizeof(struct xen_swiotlb_pool) + areas * sizeof(struct xen_swiotlb_area);
}

static struct xen_swiotlb_pool *pool_new(unsigned int bits)
{
	struct xen_swiotlb_pool *pool = xen_port_alloc(pool_size(nr_areas()));

	if (!pool)
		return NULL;
	pool->bits = bits;
	pool->mask = bits < 64 ? (1ULL << bits) - 1 : ~0ULL;
	pool->max_size = XEN_PAGE_SIZE << xen_swiotlb_settings.max_segment_order;
	pool->area_mask = nr_areas() - 1;
	pool->grow_order = xen_swiotlb_settings.max_segment_order;
	for (unsigned int a = 0; a <= pool->area_mask; a++)
		xen_swiotlb_slots_flush(&pool->area[a]);
	return pool;
}

/* Make @pool known, unless another CPU was first; the pool that is. */
static struct xen_swiotlb_pool *publish(struct xen_swiotlb_pool *pool)
{
	unsigned long flags = xen_port_lock(&list_lock);
	struct xen_swiotlb_pool *known = pool_of_bits[pool->bits];
	unsigned int i = 0;

	if (!known) {
		while (pools[i])
			i++;
		xen_store_release(&pools[i], pool);
		xen_store_release(&pool_of_bits[pool->bits], pool);
	}
	xen_port_unlock(&list_lock, flags);
	return known ? known : pool;
}

/* The bytes that a pool begins with, as far as they are to be had. */
static void populate(struct xen_swiotlb_pool *pool)
{
	uint64_t want = xen_swiotlb_settings.initial_bytes, held;
	struct xen_swiotlb_area *area = swiotlb_own_area(pool);

	while ((held = xen_swiotlb_held(pool)) < want) {
		struct xen_swiotlb_segment *list = NULL;
		unsigned long flags;

		if (xen_swiotlb_grow(pool, 0, want - held, &list)) {
			xen_port_log(XEN_LOG_WARN,
				     "swiotlb: %u-bit pool begins with %llu of %llu bytes",
				     pool->bits, (unsigned long long)xen_swiotlb_held(pool),
				     (unsigned long long)xen_swiotlb_settings.initial_bytes);
			return;
		}
		flags = xen_port_lock(&area->lock);
		xen_swiotlb_attach(area, list);
		xen_port_unlock(&area->lock, flags);
	}
}

struct xen_swiotlb_pool *xen_swiotlb_pool_get(uint64_t mask, int *err)
{
	struct xen_swiotlb_pool *pool, *mine;
	unsigned int bits;

	if (!mask || (mask & (mask + 1)) || mask < (1ULL << MIN_BITS) - 1) {
		*err = -XEN_EINVAL;
		return NULL;
	}
	bits = 64 - (unsigned int)__builtin_clzll(mask);
	if (bits > 32 && bits < 64)
		bits = 32;

	pool = xen_load_acquire(&pool_of_bits[bits]);
	if (pool)
		return pool;
	mine = pool_new(bits);
	if (!mine) {
		*err = -XEN_ENOMEM;
		return NULL;
	}
	pool = publish(mine);
	if (pool == mine)
		populate(pool);
	else
		xen_port_free(mine, pool_size(mine->area_mask + 1));
	return pool;
}

int xen_swiotlb_pool_probe(struct xen_swiotlb_pool *pool)
{
	struct xen_swiotlb_area *area = swiotlb_own_area(pool);
	struct xen_swiotlb_segment *list = NULL;
	unsigned long flags;
	int err;

	flags = xen_port_lock(&pool->lock);
	err = pool->segments ? 0 : -XEN_ENOENT;
	xen_port_unlock(&pool->lock, flags);
	if (!err)
		return 0;
	err = xen_swiotlb_grow(pool, 0, 0, &list);
	if (err)
		return err;
	flags = xen_port_lock(&area->lock);
	xen_swiotlb_attach(area, list);
	xen_port_unlock(&area->lock, flags);
	return 0;
}

/* Take a segment out of @area that has been free for @idle_ns and that the pool need not keep. */
static struct xen_swiotlb_segment *detach_idle(struct xen_swiotlb_area *area, uint64_t idle_ns,
					       uint64_t spare)
{
	unsigned long flags = xen_port_lock(&area->lock);
	struct xen_swiotlb_segment *seg;
	uint64_t now;

	xen_swiotlb_slots_flush(area);
	now = xen_port_clock_ns(); /* not before what the merging has just set */
	for (seg = area->segments; seg; seg = seg->next)
		if (!seg->used && now - seg->idle_since >= idle_ns &&
		    XEN_PAGE_SIZE << seg->order <= spare)
			break;
	if (seg)
		xen_swiotlb_slots_detach(seg);
	xen_port_unlock(&area->lock, flags);
	return seg;
}

static uint64_t trim_area(struct xen_swiotlb_pool *pool, struct xen_swiotlb_area *area,
			  uint64_t idle_ns, uint64_t keep)
{
	uint64_t freed = 0;

	for (;;) {
		uint64_t held = xen_swiotlb_held(pool), size;
		struct xen_swiotlb_segment *seg;
		unsigned long flags;

		if (held <= keep)
			return freed;
		seg = detach_idle(area, idle_ns, held - keep);
		if (!seg)
			return freed;
		size = XEN_PAGE_SIZE << seg->order;
		if (!xen_swiotlb_release(seg)) {
			flags = xen_port_lock(&area->lock);
			xen_swiotlb_slots_attach(area, seg);
			xen_port_unlock(&area->lock, flags);
			return freed;
		}
		freed += size;
	}
}

static uint64_t trim(uint64_t idle_ns, uint64_t keep)
{
	struct xen_swiotlb_pool *pool;
	uint64_t freed = 0;

	for (unsigned int i = 0; (pool = xen_swiotlb_pool_nr(i)); i++)
		for (unsigned int a = 0; a <= pool->area_mask; a++)
			freed += trim_area(pool, &pool->area[a], idle_ns, keep);
	return freed;
}

uint64_t xen_swiotlb_trim(uint64_t idle_ns)
{
	return trim(idle_ns, xen_swiotlb_settings.initial_bytes);
}

int xen_swiotlb_fini(void)
{
	struct xen_swiotlb_pool *pool;
	unsigned int i;

	trim(0, 0);
	for (i = 0; (pool = xen_swiotlb_pool_nr(i)); i++)
		if (xen_swiotlb_held(pool))
			return -XEN_EBUSY;

	while (i--) {
		pool = pools[i];
		pools[i] = NULL;
		pool_of_bits[pool->bits] = NULL;
		xen_port_free(pool, pool_size(pool->area_mask + 1));
	}
	xen_swiotlb_find_fini();
	xen_swiotlb_grow_fini();
	xen_swiotlb_settings = (struct xen_swiotlb_config){
		.max_bytes = DEFAULT_MAX_BYTES,
		.max_segment_order = XEN_SWIOTLB_MAX_SEGMENT_ORDER,
	};
	return 0;
}
