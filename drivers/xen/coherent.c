/* SPDX-License-Identifier: MIT */
/*
 * Coherent memory: a cache of contiguous regions with one set of lists for each kind, that is, each
 * (order, address width).
 *
 * Every region ever made has a node. The node holds a cached region, or waits among the spare ones
 * of its kind while the region is handed out: so freeing needs no memory, and nothing is kept in
 * the region itself, where a device that is late to stop might write.
 *
 * The node that was used last stands before its list, to be exchanged for another in one atomic
 * step: who allocates and frees one region over and over takes no lock. One lock a kind for the
 * lists. Counters are atomic; what is cached is counted when somebody asks, the rest of what was
 * made is live. Pages are made, unmade and zeroed without a lock.
 */
#include <xen/atomic.h>
#include <xen/coherent.h>
#include <xen/contiguous.h>
#include <xen/p2m.h>
#include <xen/port.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define MIN_BITS 13
#define MAX_BITS 64
#define NR_ORDERS (XEN_CONTIGUOUS_MAX_ORDER + 1)
#define NR_WIDTHS 64 /* more than there are, for the index */

struct node {
	struct node *next;
	void *va; /* of a spare one: the region that it held last, which is out if it stands first
		   */
	dma_addr_t dma;
};

/* Each node is in one of these and in no other. */
struct nodes {
	struct node *first; /* not in the list; NULL: somebody has it, or there is none */
	struct node *list;
};

struct kind {
	struct nodes cached, spare;
	struct xen_lock lock; /* of the lists */
	uint32_t nr_cached;   /* in the list */
} __attribute__((aligned(64)));

static struct kind kinds[NR_ORDERS * NR_WIDTHS]; /* by order, then by width less MIN_BITS */
static struct {
	uint64_t bytes_made, hits, misses;
} counters;

static struct kind *kind_of(unsigned int order, unsigned int bits)
{
	if (order >= NR_ORDERS || bits < MIN_BITS || bits > MAX_BITS)
		return NULL;
	return kinds + (order * NR_WIDTHS + bits - MIN_BITS);
}

static uint64_t bytes_of(unsigned int order)
{
	return XEN_PAGE_SIZE << order;
}

static uint64_t bytes_cached(void)
{
	uint64_t bytes = 0;

	for (unsigned int order = 0; order < NR_ORDERS; order++) {
		for (unsigned int bits = MIN_BITS; bits <= MAX_BITS; bits++) {
			const struct kind *kind = kind_of(order, bits);

			bytes += (xen_load(&kind->nr_cached) + !!xen_load(&kind->cached.first)) *
				 bytes_of(order);
		}
	}
	return bytes;
}

static __attribute__((noinline)) void push(struct kind *kind, struct nodes *nodes,
					   struct node *node)
{
	unsigned long flags = xen_port_lock(&kind->lock);

	node->next = nodes->list;
	nodes->list = node;
	if (nodes == &kind->cached)
		xen_store(&kind->nr_cached, kind->nr_cached + 1);
	xen_port_unlock(&kind->lock, flags);
}

static __attribute__((noinline)) struct node *pop(struct kind *kind, struct nodes *nodes)
{
	unsigned long flags = xen_port_lock(&kind->lock);
	struct node *node = nodes->list;

	if (node)
		nodes->list = node->next;
	if (node && nodes == &kind->cached)
		xen_store(&kind->nr_cached, kind->nr_cached - 1);
	xen_port_unlock(&kind->lock, flags);
	return node;
}

static inline void put(struct kind *kind, struct nodes *nodes, struct node *node)
{
	node = xen_exchange(&nodes->first, node);
	if (unlikely(node))
		push(kind, nodes, node);
}

static inline struct node *get(struct kind *kind, struct nodes *nodes)
{
	struct node *node = xen_exchange(&nodes->first, NULL);

	return node ? node : pop(kind, nodes);
}

static bool low_enough(dma_addr_t dma, unsigned int order, unsigned int bits)
{
	uint64_t last = bytes_of(order) - 1;

	return !(dma & last) && (bits >= 64 || (dma + last) >> bits == 0);
}

/* Pages that are a region of the kind, as they come or by exchange. */
static void *make(unsigned int order, unsigned int bits, dma_addr_t *dma, int *err)
{
	void *va = xen_port_alloc_pages(order);
	pfn_t pfn;

	*err = -XEN_ENOMEM;
	if (!va)
		return NULL;
	pfn = xen_port_virt_to_pfn(va);
	*dma = mfn_to_dma(xen_pfn_to_mfn(pfn));
	if (xen_pfn_range_contiguous(pfn, 1ULL << order) && low_enough(*dma, order, bits))
		return va;

	*err = xen_create_contiguous_region(pfn, order, bits >= 64 ? XEN_ANY_ADDRESS_BITS : bits,
					    dma);
	if (!*err && low_enough(*dma, order, bits))
		return va;
	if (!*err) {
		xen_port_log(XEN_LOG_ERROR, "coherent: Xen gave a region at %llx for %u bits",
			     (unsigned long long)*dma, bits);
		*err = -XEN_ENOMEM;
		xen_destroy_contiguous_region(pfn, order);
	}
	xen_port_free_pages(va, order);
	return NULL;
}

static struct node *node_new(unsigned int order, unsigned int bits, int *err)
{
	struct node *node = xen_port_alloc(sizeof(*node));

	*err = -XEN_ENOMEM;
	if (!node)
		return NULL;
	node->va = make(order, bits, &node->dma, err);
	if (!node->va) {
		xen_port_free(node, sizeof(*node));
		return NULL;
	}
	xen_fetch_add(&counters.bytes_made, bytes_of(order));
	xen_fetch_add(&counters.misses, 1);
	return node;
}

/* @va is handed out. What stood before the spare nodes goes into their list. */
static __attribute__((noinline)) void *push_and_zero(struct kind *kind, struct node *spare,
						     void *va, size_t size)
{
	push(kind, &kind->spare, spare);
	return __builtin_memset(va, 0, size);
}

/* The region goes to the caller, its node to the spare ones. */
static inline void *hand_out(struct kind *kind, struct node *node, unsigned int order,
			     dma_addr_t *dma)
{
	void *va = node->va;

	*dma = node->dma;
	node = xen_exchange(&kind->spare.first, node);
	if (unlikely(node))
		return push_and_zero(kind, node, va, bytes_of(order));
	return __builtin_memset(va, 0, bytes_of(order));
}

/* From the list, or anew. Arguments come where xen_coherent_alloc() has them: nothing is moved. */
static __attribute__((noinline)) void *alloc_slowly(unsigned int order, unsigned int bits,
						    dma_addr_t *dma, int *err, struct kind *kind)
{
	struct node *node = pop(kind, &kind->cached);
	int why;

	if (node) {
		xen_fetch_add(&counters.hits, 1);
		return hand_out(kind, node, order, dma);
	}
	node = node_new(order, bits, &why);
	/* What the other kinds keep for later is needed now. */
	if (!node && xen_coherent_trim(0))
		node = node_new(order, bits, &why);
	if (node)
		return hand_out(kind, node, order, dma);
	xen_store(err, why);
	return NULL;
}

void *xen_coherent_alloc(unsigned int order, unsigned int address_bits, dma_addr_t *dma, int *err)
{
	struct kind *kind = kind_of(order, address_bits);
	struct node *node;

	if (unlikely(!kind)) {
		xen_store(err, -XEN_EINVAL);
		return NULL;
	}
	node = xen_exchange(&kind->cached.first, NULL);
	if (unlikely(!node))
		return alloc_slowly(order, address_bits, dma, err, kind);
	xen_fetch_add(&counters.hits, 1);
	return hand_out(kind, node, order, dma);
}

/* Not known to be what @node (may be NULL) held: is it a region of this kind at all? */
static __attribute__((noinline)) void free_any(void *va, unsigned int order, unsigned int bits,
					       struct kind *kind, struct node *node)
{
	dma_addr_t dma = mfn_to_dma(xen_pfn_to_mfn(xen_port_virt_to_pfn(va)));

	if (!kind || !low_enough(dma, order, bits)) {
		xen_port_log(XEN_LOG_ERROR,
			     "coherent: %p at %llx was not allocated with order %u and %u bits", va,
			     (unsigned long long)dma, order, bits);
		/* What it is cannot be known: left alone. What the node held may have gone by now,
		 * so it does not stand first again. */
		if (node)
			push(kind, &kind->spare, node);
		return;
	}
	if (!node)
		node = pop(kind, &kind->spare);
	if (!node) {
		xen_port_log(XEN_LOG_ERROR, "coherent: %p: none of order %u and %u bits is out", va,
			     order, bits);
		return;
	}
	node->va = va;
	node->dma = dma;
	put(kind, &kind->cached, node);
}

void xen_coherent_free(void *va, unsigned int order, unsigned int address_bits)
{
	struct kind *kind = kind_of(order, address_bits);
	struct node *node = kind ? xen_exchange(&kind->spare.first, NULL) : NULL;

	if (likely(node && node->va == va))
		put(kind, &kind->cached, node);
	else
		free_any(va, order, address_bits, kind, node);
}

/* Release one cached region of the kind. */
static bool release(struct kind *kind, unsigned int order)
{
	struct node *node = get(kind, &kind->cached);

	if (!node)
		return false;
	/* Refused: the pages go back as they are, which is no less memory. */
	xen_destroy_contiguous_region(xen_port_virt_to_pfn(node->va), order);
	xen_port_free_pages(node->va, order);
	xen_port_free(node, sizeof(*node));
	xen_fetch_sub(&counters.bytes_made, bytes_of(order));
	return true;
}

uint64_t xen_coherent_trim(uint64_t keep_bytes)
{
	uint64_t cached = bytes_cached(), released = 0;

	/* Low memory is the scarcest, large pieces of it most of all. */
	for (unsigned int bits = MIN_BITS; bits <= MAX_BITS; bits++)
		for (unsigned int order = NR_ORDERS; order-- > 0;)
			while (cached > keep_bytes + released &&
			       release(kind_of(order, bits), order))
				released += bytes_of(order);
	return released;
}

void xen_coherent_stats(struct xen_coherent_stats *stats)
{
	uint64_t made = xen_load(&counters.bytes_made), cached = bytes_cached();

	stats->bytes_cached = cached;
	stats->bytes_live = made > cached ? made - cached : 0; /* others may have made more */
	stats->hits = xen_load(&counters.hits);
	stats->misses = xen_load(&counters.misses);
}
